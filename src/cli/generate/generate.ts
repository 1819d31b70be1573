import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ProfileEntry } from '../../api/profile.js'
import { InferenceSession } from '../../api/session.js'
import { LanewiseError } from '../../core/errors.js'
import { msText, tableLines } from '../../core/table.js'
import {
  atLeast,
  beamSearch,
  generateBatch,
  generateText,
  noRepeatedRuns,
  type SamplingOptions,
} from '../../generate/index.js'
import { listFlag, numberFlag, textFlag, UsageError, type Command, type Flags, type Invocation } from '../command.js'
import { buildFlag, describeEngine, sessionFlags } from '../load.js'
import { endsIn, modelIn, tokenizerIn, type FolderTokenizer } from './folder.js'

const MAX_TOKENS = 128
/** Where Hugging Face's folders have a decoder, the one that takes and gives its cache first. */
const PLACES = [
  'onnx/decoder_model_merged.onnx',
  'onnx/model.onnx',
  'decoder_model_merged.onnx',
  'model.onnx',
  'onnx/decoder_with_past_model.onnx',
]
/** Operators that a profile lists by name. */
const LISTED = 12

export const generate: Command = {
  name: 'generate',
  summary: 'continues texts by a model in a folder as Hugging Face has them',
  usage: 'MODEL_DIR --prompt TEXT [options]',
  flags: {
    prompt: {
      type: 'string',
      multiple: true,
      value: 'TEXT',
      help: 'how a text begins (needed); several are continued side by side',
    },
    model: { type: 'string', value: 'FILE', help: 'the model within the folder, e.g. onnx/model_q4.onnx' },
    'max-tokens': { type: 'string', value: 'N', help: `the most tokens to make (default ${MAX_TOKENS})` },
    'min-tokens': { type: 'string', value: 'N', help: 'the fewest, before the text may end' },
    stop: { type: 'string', multiple: true, value: 'TEXT', help: 'ends the text, and is no part of it' },
    temperature: { type: 'string', value: 'T', help: 'draws by it; 0, the default: always the likeliest' },
    'top-k': { type: 'string', value: 'N', help: 'draws from the N likeliest' },
    'top-p': { type: 'string', value: 'P', help: 'draws from the likeliest that are P together' },
    'min-p': {
      type: 'string',
      value: 'P',
      help: 'draws from those that are at least P times as likely as the likeliest',
    },
    'typical-p': { type: 'string', value: 'P', help: 'draws from the most typical that are P together' },
    'repetition-penalty': { type: 'string', value: 'X', help: 'above 1: what was there already is less likely' },
    'no-repeat': { type: 'string', value: 'N', help: 'no N tokens in a row come twice' },
    seed: { type: 'string', value: 'N', help: 'for drawing (default 0)' },
    beams: { type: 'string', value: 'N', help: 'searches with N beams instead' },
    draft: {
      type: 'string',
      value: 'FILE',
      help: 'a smaller model of the same tokens, which proposes what the model judges',
    },
    'draft-tokens': { type: 'string', value: 'N', help: 'tokens that it proposes at a time (default 4)' },
    profile: { type: 'boolean', help: 'say what a token takes, by operators' },
    build: sessionFlags.build,
  },

  async run(invocation) {
    const { positionals, flags } = invocation
    const [folder] = positionals
    if (positionals.length !== 1 || !folder) throw new UsageError('one folder of a model is needed')
    const prompts = listFlag(flags, 'prompt')
    if (prompts.length === 0) throw new UsageError('--prompt is missing')
    const beams = numberFlag(flags, 'beams', { least: 1, whole: true }) ?? 1
    const draft = textFlag(flags, 'draft')
    const alone = prompts.length === 1 && beams === 1
    for (const name of ['stop', 'draft', 'profile'])
      if (!alone && flags[name] !== undefined) throw new UsageError(`--${name} is for one prompt without beams`)
    if (prompts.length > 1 && beams > 1) throw new UsageError('--beams is for one prompt')
    const tokenizer = await tokenizerIn(folder)
    const stop = await endsIn(folder)
    const file = decoderIn(folder, textFlag(flags, 'model'))
    // What is judged may have to be forgotten, and beams change places: then the caches are fed.
    const states = beams > 1 || draft !== undefined ? undefined : 'auto'
    const build = buildFlag(flags)
    const session = await InferenceSession.create(file, { build, states, profile: flags.profile === true })
    const other = draft === undefined ? undefined : await InferenceSession.create(draft, { build })
    try {
      const job: Job = { invocation, file, tokenizer, session, draft: other, stop, sampling: samplingOf(flags, stop) }
      if (beams > 1) await search(job, prompts[0], beams)
      else if (prompts.length > 1) await together(job, prompts)
      else await one(job, prompts[0])
    } finally {
      await session.release()
      await other?.release()
    }
  },
}

interface Job {
  readonly invocation: Invocation
  readonly file: string
  readonly tokenizer: FolderTokenizer
  readonly session: InferenceSession
  readonly draft: InferenceSession | undefined
  readonly stop: readonly number[]
  readonly sampling: SamplingOptions
}

function maxTokensOf({ invocation }: Job): number {
  return numberFlag(invocation.flags, 'max-tokens', { least: 0, whole: true }) ?? MAX_TOKENS
}

/** One text, shown as it is made. */
async function one(job: Job, prompt: string): Promise<void> {
  const { invocation, file, tokenizer, session, draft, stop, sampling } = job
  const { flags, print, write, result } = invocation
  const given = tokenizer.encode(prompt)
  const tokens = numberFlag(flags, 'draft-tokens', { least: 1, whole: true })
  const times: number[] = []
  const profiles: (readonly ProfileEntry[])[] = []
  const begun = performance.now()
  let firstMs = 0
  const iterator = generateText(session, tokenizer, given, {
    ...sampling,
    maxTokens: maxTokensOf(job),
    stop,
    stopTexts: listFlag(flags, 'stop'),
    ...(draft && { draft: { session: draft, tokens } }),
    onToken: () => {
      times.push(performance.now())
      if (session.lastProfile) profiles.push(session.lastProfile)
    },
  })
  write(prompt)
  let next = await iterator.next()
  for (; !next.done; next = await iterator.next()) write(next.value)
  const made = next.value
  const ms = performance.now() - begun
  if (times.length > 0) firstMs = times[0] - begun
  const count = made.tokens.length
  const perSecond = count > 1 && firstMs > 0 ? ((count - 1) * 1000) / (times[times.length - 1] - times[0]) : undefined
  print()
  print()
  print(
    `${describeEngine(session)}: ${given.length} tokens given, ${count} made in ${(ms / 1000).toFixed(2)} s${perSecond === undefined ? '' : `, ${perSecond.toFixed(1)} a second after the first`}`,
  )
  const profile = flags.profile === true ? profileOf(times, begun, profiles) : undefined
  if (profile) for (const line of profileLines(profile)) print(line)
  result({
    model: file,
    prompt,
    text: made.text,
    given: given.length,
    tokens: made.tokens,
    end: made.end,
    ms,
    firstMs,
    perSecond,
    profile,
  })
}

async function search(job: Job, prompt: string, beams: number): Promise<void> {
  const { invocation, file, tokenizer, session, stop, sampling } = job
  const { print, write, result } = invocation
  const given = tokenizer.encode(prompt)
  const begun = performance.now()
  const { adjust, repetitionPenalty } = sampling
  const [best] = await beamSearch(session, given, {
    beams,
    maxTokens: maxTokensOf(job),
    stop,
    adjust,
    repetitionPenalty,
  })
  const ms = performance.now() - begun
  const text = tokenizer.decode(best.tokens)
  write(prompt + text)
  print()
  print()
  print(
    `${describeEngine(session)}: ${given.length} tokens given, ${best.tokens.length} made in ${(ms / 1000).toFixed(2)} s`,
  )
  result({ model: file, prompt, text, given: given.length, tokens: best.tokens, ms, score: best.score })
}

/** Several texts side by side. */
async function together(job: Job, prompts: readonly string[]): Promise<void> {
  const { invocation, file, tokenizer, session, stop, sampling } = job
  const { print, result } = invocation
  const given = prompts.map((prompt) => tokenizer.encode(prompt))
  const begun = performance.now()
  const made = await generateBatch(session, given, { ...sampling, maxTokens: maxTokensOf(job), stop })
  const ms = performance.now() - begun
  const texts = made.map(({ tokens, end }, i) => ({
    prompt: prompts[i],
    text: tokenizer.decode(tokens),
    given: given[i].length,
    tokens,
    end,
  }))
  for (const { prompt, text } of texts) {
    print(prompt + text)
    print()
  }
  const count = made.reduce((sum, { tokens }) => sum + tokens.length, 0)
  print(
    `${describeEngine(session)}: ${prompts.length} texts, ${count} tokens made in ${(ms / 1000).toFixed(2)} s, ${((count * 1000) / ms).toFixed(1)} a second`,
  )
  result({ model: file, texts, ms })
}

interface TokenProfile {
  /** Until the first token, and between the others: the median and what nine of ten stay below. */
  readonly firstMs: number
  readonly medianMs: number | undefined
  readonly ninetiethMs: number | undefined
  /** Milliseconds of a token after the first that each operator takes, on the mean. */
  readonly operators: Readonly<Record<string, number>>
}

function profileOf(
  times: readonly number[],
  begun: number,
  profiles: readonly (readonly ProfileEntry[])[],
): TokenProfile {
  const steps = times.slice(1).map((time, i) => time - times[i])
  const sorted = [...steps].sort((a, b) => a - b)
  const at = (share: number): number | undefined => sorted.at(Math.floor(share * sorted.length))
  const later = profiles.slice(1)
  const operators: Record<string, number> = {}
  for (const entries of later)
    for (const { op, ms } of entries) operators[op] = (operators[op] ?? 0) + ms / later.length
  return { firstMs: (times[0] ?? begun) - begun, medianMs: at(0.5), ninetiethMs: at(0.9), operators }
}

function profileLines({ firstMs, medianMs, ninetiethMs, operators }: TokenProfile): string[] {
  const rows = Object.entries(operators).sort((a, b) => b[1] - a[1])
  const sum = rows.reduce((total, [, ms]) => total + ms, 0)
  const text = (ms: number | undefined) => (ms === undefined ? '–' : msText(ms))
  return [
    `first token after ${text(firstMs)}; another every ${text(medianMs)} (median), nine of ten within ${text(ninetiethMs)}`,
    ...(rows.length === 0
      ? []
      : tableLines(
          [{ title: 'operator' }, { title: 'a token', right: true }, { title: 'share', right: true }],
          rows.slice(0, LISTED).map(([op, ms]) => [op, msText(ms), `${((100 * ms) / sum).toFixed(1)} %`]),
        )),
  ]
}

function samplingOf(flags: Flags, stop: readonly number[]): SamplingOptions {
  const repeat = numberFlag(flags, 'no-repeat', { least: 1, whole: true })
  const fewest = numberFlag(flags, 'min-tokens', { least: 0, whole: true })
  return {
    temperature: numberFlag(flags, 'temperature', { least: 0 }) ?? 0,
    topK: numberFlag(flags, 'top-k', { least: 1, whole: true }),
    topP: numberFlag(flags, 'top-p', { above: 0, most: 1 }),
    minP: numberFlag(flags, 'min-p', { least: 0, most: 1 }),
    typicalP: numberFlag(flags, 'typical-p', { above: 0, most: 1 }),
    repetitionPenalty: numberFlag(flags, 'repetition-penalty', { above: 0 }),
    seed: numberFlag(flags, 'seed', { whole: true }) ?? 0,
    adjust: [
      ...(repeat === undefined ? [] : [noRepeatedRuns(repeat)]),
      ...(fewest === undefined ? [] : [atLeast(fewest, stop)]),
    ],
  }
}

/** @throws LanewiseError `E_UNSUPPORTED` for an encoder with a decoder; what {@link modelIn} throws. */
function decoderIn(folder: string, given: string | undefined): string {
  const pair = ['encoder_model.onnx', 'onnx/encoder_model.onnx'].some((name) => existsSync(join(folder, name)))
  if (given === undefined && pair)
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `${folder} has an encoder: only models that are a decoder alone are continued here`,
    )
  return modelIn(folder, PLACES, given)
}
