import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import type { LogMelOptions } from './log-mel.js'

type Json = Readonly<Record<string, unknown>>

/** What has to be known of a model of speech: sizes of its sound, and its tokens. */
export interface SpeechConfig {
  /** How a window of sound becomes features: what `logMelGraph` takes. */
  readonly sound: Required<LogMelOptions>
  /** The token that opens a text, and those that end it. */
  readonly start: number
  /** The tokens that end a text. */
  readonly ends: readonly number[]
  /** Tokens of languages by their codes ("en"), and of tasks; empty for a model of English alone. */
  readonly languages: ReadonlyMap<string, number>
  /** Tokens of tasks ("transcribe", "translate"); empty for a model of English alone. */
  readonly tasks: ReadonlyMap<string, number>
  /** Says that there are no timestamps. */
  readonly noTimestamps: number
  /** The first timestamp, if the model has any. */
  readonly firstTimestamp: number | undefined
  /** Tokens that never come, and those that do not come first. */
  readonly suppressed: readonly number[]
  /** Tokens that do not come first. */
  readonly suppressedFirst: readonly number[]
  /** Positions of a text. */
  readonly maxLength: number
}

/**
 * What a folder in Whisper's layout says of its model.
 *
 * @param files - the parsed contents of `config.json`, `generation_config.json` and `preprocessor_config.json`.
 * @throws LanewiseError `E_PARSE` for what is missing or no number.
 */
export function speechConfig(files: {
  readonly config: Json
  readonly generation: Json
  readonly preprocessor: Json
}): SpeechConfig {
  const kinds = { config: 'object', generation: 'object', preprocessor: 'object' } as const
  checkArguments('speechConfig', { files }, kinds)
  const { config = {}, generation = {}, preprocessor = {} } = files as Partial<typeof files>
  const whole = (value: unknown, what: string): number => {
    if (!Number.isInteger(value) || (value as number) < 0)
      throw new LanewiseError('E_PARSE', `this is no model of speech: ${what} is ${JSON.stringify(value) ?? 'missing'}`)
    return value as number
  }
  const list = (value: unknown, what: string) => [value ?? []].flat().map((token) => whole(token, what))
  const named = (value: unknown, what: string) =>
    new Map(
      Object.entries((value ?? {}) as Json).map(([name, token]) => [
        name.replace(/^<\|(.*)\|>$/, '$1'),
        whole(token, what),
      ]),
    )
  const rate = whole(preprocessor.sampling_rate ?? 16_000, 'sampling_rate')
  const noTimestamps = whole(generation.no_timestamps_token_id, 'no_timestamps_token_id')
  const tokens = whole(config.vocab_size, 'vocab_size')
  return {
    sound: {
      rate,
      samples: whole(preprocessor.n_samples ?? rate * Number(preprocessor.chunk_length ?? 30), 'n_samples'),
      frame: whole(preprocessor.n_fft ?? 400, 'n_fft'),
      hop: whole(preprocessor.hop_length ?? 160, 'hop_length'),
      mels: whole(preprocessor.feature_size ?? config.num_mel_bins, 'feature_size'),
    },
    start: whole(generation.decoder_start_token_id ?? config.decoder_start_token_id, 'decoder_start_token_id'),
    ends: list(generation.eos_token_id ?? config.eos_token_id, 'eos_token_id'),
    languages: named(generation.lang_to_id, 'a language'),
    tasks: named(generation.task_to_id, 'a task'),
    noTimestamps,
    firstTimestamp: tokens > noTimestamps + 1 ? noTimestamps + 1 : undefined,
    suppressed: list(generation.suppress_tokens ?? config.suppress_tokens, 'suppress_tokens'),
    suppressedFirst: list(generation.begin_suppress_tokens ?? config.begin_suppress_tokens, 'begin_suppress_tokens'),
    maxLength: whole(config.max_target_positions ?? generation.max_length ?? 448, 'max_target_positions'),
  }
}
