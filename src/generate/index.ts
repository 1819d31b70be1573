/**
 * Texts by a model, token by token: greedy, sampled, or by beam search.
 *
 * @packageDocumentation
 */
export { beamSearch, type BeamSearchOptions, type Hypothesis } from './beam-search.js'
export { pastToPresent } from './past-to-present.js'
export { type ContinuationOptions } from './continuation.js'
export { embed, type EmbeddingOptions, type Pooling } from './embed.js'
export { generateBatch, type GenerateBatchOptions, type GeneratedTokens } from './generate-batch.js'
export {
  allowTokens,
  atLeast,
  beginWith,
  biasTokens,
  forbidTokens,
  noRepeatedRuns,
  penalize,
  type ScoreProcessor,
} from './processors.js'
export { type DraftOptions } from './speculation.js'
export {
  generateText,
  TextStream,
  type GeneratedText,
  type GenerateTextOptions,
  type TextTokenizer,
} from './text-stream.js'
export { type GenerationSession, type SessionTensor } from './session-tensors.js'
export {
  generate,
  type GeneratedToken,
  type GenerateOptions,
  type GenerationEnd,
  type StopOptions,
} from './generate.js'
export { type Alternative, type SamplingOptions } from './sampling.js'
export { logMelGraph, type LogMelOptions } from './log-mel.js'
export { speechConfig, type SpeechConfig } from './speech-config.js'
export {
  transcribe,
  type SpeechModel,
  type SpeechSegment,
  type Transcript,
  type TranscribeOptions,
} from './transcribe.js'
