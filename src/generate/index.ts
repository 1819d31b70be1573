/**
 * Texts by a model, token by token: greedy, sampled, or by beam search.
 *
 * @packageDocumentation
 */
export { beamSearch, type BeamSearchOptions, type Hypothesis } from './beam-search.js'
export { pastToPresent } from '../api/state-pairs.js'
export { type ContinuationOptions } from './continuation.js'
export { embed, type EmbeddingOptions, type Pooling } from './embed.js'
export { type GenerationSession, type SessionTensor } from './session-tensors.js'
export {
  generate,
  type GeneratedToken,
  type GenerateOptions,
  type GenerationEnd,
  type StopOptions,
} from './generate.js'
export { type Alternative, type SamplingOptions } from './sampling.js'
