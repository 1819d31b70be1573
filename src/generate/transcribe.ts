import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber } from '../core/options.js'
import { Continuation } from './continuation.js'
import { generate } from './generate.js'
import { forbidTokens, type ScoreProcessor } from './processors.js'
import type { SpeechConfig } from './speech-config.js'
import type { TextTokenizer } from './text-stream.js'
import { tensorOf, type GenerationSession, type SessionTensor } from './session-tensors.js'
import { stretchesOf, timestampRules, type Stretch } from './timestamps.js'

/**
 * A model of speech in Whisper's layout: what makes features (a session of `logMelGraph`), what hears, and what writes.
 */
export interface SpeechModel {
  /** Makes the features of a window of sound. */
  readonly features: GenerationSession
  /** Hears: makes states of features. */
  readonly encoder: GenerationSession
  /** Writes: makes scores of the next token from the states and the tokens so far. */
  readonly decoder: GenerationSession
  /** Makes texts of tokens. */
  readonly tokenizer: Pick<TextTokenizer, 'decode'>
  /** The model's special tokens and settings. */
  readonly config: SpeechConfig
}

/** What {@link transcribe} takes. */
export interface TranscribeOptions {
  /** The code of the language that is spoken ("en"); left out: what the model hears in the first window. */
  readonly language?: string
  /** What is written: the language that is spoken (default), or English. */
  readonly task?: 'transcribe' | 'translate'
  /**
   * Whether the model says when what was spoken. Default: where the sound is longer than a window, and the model can.
   */
  readonly timestamps?: boolean
  /** The most tokens of a window; as many as the model has room for by default. */
  readonly maxTokens?: number
  /** Changes the scores before a token is chosen, after what the model's files say of them: a function, or several. */
  readonly adjust?: ScoreProcessor | readonly ScoreProcessor[]
  /** Breaks it off. */
  readonly signal?: AbortSignal
}

/** What was spoken from one time to another, in seconds. */
export interface SpeechSegment {
  /** When it begins, in seconds from the beginning of the sound. */
  readonly from: number
  /** When it ends, in seconds from the beginning of the sound. */
  readonly to: number
  /** What was said. */
  readonly text: string
  /** The numbers of its tokens. */
  readonly tokens: readonly number[]
}

/** All that was spoken. */
export interface Transcript {
  /** The texts of all segments, one after the other. */
  readonly text: string
  /** The language's code, given or heard ("en"); undefined for a model of English alone. */
  readonly language: string | undefined
}

/** Steps of timestamps are two hops of the features: the encoder halves their number. */
const HOPS_OF_STEP = 2

/**
 * Writes down what is spoken, window by window. With timestamps a window begins where the last sentence of the one
 * before has ended, as Whisper does it; without, windows follow each other.
 *
 * @param samples - mono, −1 … 1, with as many samples per second as `model.config.sound.rate` says.
 * @returns segments as they are written; at the end all of the text.
 * @throws LanewiseError `E_VALUE` for options that make no sense, a language or task that the model does not have,
 *   timestamps that it does not have; `E_STATE` when the signal fires.
 *
 * @example
 * import { exportModel, InferenceSession } from 'lanewise'
 * import { logMelGraph, speechConfig, transcribe } from 'lanewise/generate'
 * import { Tokenizer } from 'lanewise/train'
 * import { existsSync, readFileSync } from 'node:fs'
 *
 * const folder = 'whisper-tiny'
 * if (existsSync(folder)) {
 *   const text = (name: string) => readFileSync(`${folder}/${name}.json`, 'utf8')
 *   const json = (name: string) => JSON.parse(text(name)) as Record<string, unknown>
 *   const config = speechConfig({
 *     config: json('config'),
 *     generation: json('generation_config'),
 *     preprocessor: json('preprocessor_config'),
 *   })
 *   const model = {
 *     config,
 *     tokenizer: Tokenizer.fromJSON(json('tokenizer')),
 *     features: await InferenceSession.create(exportModel(logMelGraph(config.sound))),
 *     encoder: await InferenceSession.create(`${folder}/onnx/encoder_model.onnx`),
 *     decoder: await InferenceSession.create(`${folder}/onnx/decoder_model_merged.onnx`, { states: 'auto' }),
 *   }
 *   const silence = new Float32Array(config.sound.samples)
 *   for await (const { from, to, text } of transcribe(model, silence, { language: 'en' })) console.log(from, to, text)
 * }
 */
export async function* transcribe(
  model: SpeechModel,
  samples: Float32Array,
  options: TranscribeOptions = {},
): AsyncGenerator<SpeechSegment, Transcript, void> {
  checkArguments('transcribe', { model, samples, options }, 'object', 'bytes', {
    language: 'string',
    task: 'string',
    timestamps: 'boolean',
    maxTokens: 'number',
    adjust: 'function|list',
    signal: 'object',
  })
  const { config, tokenizer } = model
  const { sound } = config
  const { task = 'transcribe', maxTokens, signal } = options
  const room = config.maxLength - PROMPT
  if (maxTokens !== undefined) checkNumber('maxTokens', maxTokens, { least: 1, most: room, whole: true })
  let language = checkedLanguage(config, options.language)
  if (config.tasks.size > 0 ? !config.tasks.has(task) : task !== 'transcribe')
    throw new LanewiseError(
      'E_VALUE',
      `the model has no task "${task}": it has ${[...config.tasks.keys()].join(', ') || 'none but to transcribe'}`,
    )
  const first = config.firstTimestamp
  const timestamps = options.timestamps ?? (first !== undefined && samples.length > sound.samples)
  if (timestamps && first === undefined) throw new LanewiseError('E_VALUE', 'the model has no timestamps')
  const adjust = [forbidTokens(config.suppressed), forbidTokens(config.suppressedFirst, { first: true })]
  if (timestamps && first !== undefined)
    adjust.push(timestampRules({ first, end: config.ends[0] ?? first, none: config.noTimestamps }))
  adjust.push(...[options.adjust ?? []].flat())
  let text = ''
  for (let from = 0; from < samples.length;) {
    const window = samples.subarray(from, from + sound.samples)
    const feeds = { encoder_hidden_states: await heard(model, window) }
    language ??= await languageOf(model, feeds, signal)
    const prompt = [config.start]
    const [said, asked] = [language === undefined ? undefined : config.languages.get(language), config.tasks.get(task)]
    if (said !== undefined) prompt.push(said)
    if (asked !== undefined) prompt.push(asked)
    if (!timestamps) prompt.push(config.noTimestamps)
    const tokens: number[] = []
    const how = { feeds, adjust, signal, stop: config.ends, maxTokens: maxTokens ?? room }
    for await (const token of generate(model.decoder, prompt, how)) tokens.push(token)
    const cut =
      timestamps && first !== undefined
        ? stretchesOf(tokens, first)
        : { stretches: [{ from: 0, to: undefined, tokens }] satisfies Stretch[], next: undefined }
    // Timestamps of silence that fills the window up lie beyond the end.
    const seconds = (step: number) => Math.min(from + step * HOPS_OF_STEP * sound.hop, samples.length) / sound.rate
    for (const stretch of cut.stretches) {
      const spoken = tokenizer.decode(stretch.tokens, { skipSpecial: true })
      if (spoken.trim() === '') continue
      // Words of a window follow those of the one before.
      text += text !== '' && !/^\s/.test(spoken) ? ` ${spoken}` : spoken
      const to = stretch.to === undefined ? (from + window.length) / sound.rate : seconds(stretch.to)
      yield { from: seconds(stretch.from), to, text: spoken, tokens: stretch.tokens }
    }
    const step = (cut.next ?? 0) * HOPS_OF_STEP * sound.hop
    from += step > 0 ? Math.min(step, sound.samples) : sound.samples
  }
  return { text: text.trim(), language }
}

/** Tokens that open a text: start, language, task, and that there are no timestamps. */
const PROMPT = 4

function checkedLanguage({ languages }: SpeechConfig, given: string | undefined): string | undefined {
  if (languages.size === 0) return given
  if (given === undefined || languages.has(given)) return given
  throw new LanewiseError('E_VALUE', `the model has no language "${given}": it has ${[...languages.keys()].join(', ')}`)
}

/** What the encoder makes of a window, which silence fills up. */
async function heard({ features, encoder, config }: SpeechModel, window: Float32Array): Promise<SessionTensor> {
  const whole = new Float32Array(config.sound.samples)
  whole.set(window)
  const given = { samples: tensorOf('float32', whole, [1, whole.length]) }
  const { input_features: mel } = await features.run(given as never, ['input_features'] as never)
  const output = encoder.outputNames.includes('last_hidden_state') ? 'last_hidden_state' : encoder.outputNames[0]
  const results = await encoder.run({ input_features: mel } as never, [output] as never)
  return results[output]
}

/** The likeliest language of what was heard; undefined for a model that knows one alone. */
async function languageOf(
  { decoder, config }: SpeechModel,
  feeds: Readonly<Record<string, SessionTensor>>,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (config.languages.size === 0) return undefined
  const scores = await new Continuation(decoder, { feeds, signal }).start([config.start])
  let best: [name: string, token: number] | undefined
  for (const entry of config.languages) if (!best || scores[entry[1]] > scores[best[1]]) best = entry
  return best?.[0]
}
