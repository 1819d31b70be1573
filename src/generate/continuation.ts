import { isOfEncoder, pairsByName } from '../api/state-pairs.js'
import { LanewiseError } from '../core/errors.js'
import { throwIfAborted } from '../core/pace.js'
import {
  firstOf,
  integerTensor,
  rowsOf,
  scoresOf,
  tensorOf,
  type GenerationSession,
  type SessionTensor,
} from './session-tensors.js'

/** How a session is used. */
export interface ContinuationOptions {
  /** What else the model takes, by name: an encoder's output, hidden states to begin with. */
  readonly feeds?: Readonly<Record<string, SessionTensor>>
  /** The input of the tokens; "input_ids" by default, or the only input of whole numbers that is nothing else. */
  readonly input?: string
  /** The output of the scores; "logits" by default, or the only output that is no state. */
  readonly output?: string
  /**
   * Inputs that are what an output was in the run before, by name, beside those that the session keeps and caches that
   * `pastToPresent` finds.
   */
  readonly states?: Readonly<Record<string, string>>
  /** Breaks it off. */
  readonly signal?: AbortSignal
}

/** Where new tokens stand, of several sequences. */
interface Places {
  /** Entries of the memory before them, by sequence. */
  readonly before: readonly number[]
  /** New ones, what fills up shorter sequences included. */
  readonly added: number
  /** Which of all columns, those before and those added, a sequence has tokens in: from, to. */
  readonly used: readonly (readonly [from: number, to: number])[]
}

/** Inputs that say where new tokens stand. */
const placeInputs: Readonly<Record<string, (places: Places) => [values: number[], dims: number[]]>> = {
  attention_mask: ({ before, added, used }) => {
    const width = Math.max(...before) + added
    return [used.flatMap(([from, to]) => columns(width, (i) => Number(i >= from && i < to))), [used.length, width]]
  },
  // What fills up before a text has no place; it is hidden, and 0 is one that there is.
  position_ids: ({ before, added, used }) => [
    used.flatMap(([from], row) => columns(added, (i) => Math.max(0, before[row] + i - from))),
    [used.length, added],
  ],
  positions: ({ before: [before], added }) => [columns(added, (i) => before + i), [added]],
  cache_position: ({ before: [before], added }) => [columns(added, (i) => before + i), [added]],
  write_indices: ({ before }) => [[...before], [before.length]],
  nonpad_kv_seqlen: ({ before, added }) => [before.map((count) => count + added), [before.length]],
  past_sequence_length: ({ before: [before] }) => [[before], [1]],
  use_cache_branch: ({ before: [before] }) => [[Number(before > 0)], [1]],
}
/** Those of them by which a cache with room is used. */
const roomInputs = ['write_indices', 'past_sequence_length']
/** Those that say it of all sequences at once. */
const commonInputs = ['positions', 'cache_position']

function columns(count: number, of: (column: number) => number): number[] {
  return Array.from({ length: count }, (_, i) => of(i))
}

/** How the sequences of a {@link Continuation} will be used. @internal */
export interface ContinuationUse {
  /** Whether sequences will change places: then nothing is left to the session. */
  readonly reorders?: boolean
  /**
   * Whether tokens will be taken back: then what cannot be cut short where it lies is not left to the session either.
   */
  readonly rewinds?: boolean
}

/** Sequences that a model continues: what it remembers of them stands in the session or here. @internal */
export class Continuation {
  /** The most positions a sequence can have. */
  readonly room: number
  private readonly ids: string
  private readonly scores: string
  /** States that stand here, with their outputs. */
  private readonly carried: ReadonlyMap<string, string>
  private readonly metadata: ReadonlyMap<string, GenerationSession['inputMetadata'][number]>
  private state: Record<string, SessionTensor> = {}
  private begun = false
  /** Sequences as a whole. */
  private texts: number[][] = [[]]
  /** How many entries the memory has of each. */
  private lengths: number[] = [0]
  /** How many of them fill up what is shorter than the longest. */
  private pads: number[] = [0]

  /**
   * @throws LanewiseError `E_VALUE` for a session whose inputs and outputs are not understood, naming them;
   *   `E_UNSUPPORTED` for states that cannot be cut short.
   */
  constructor(
    private readonly session: GenerationSession,
    private readonly options: ContinuationOptions,
    { reorders = false, rewinds = false }: ContinuationUse = {},
  ) {
    const { inputNames, outputNames, inputMetadata, states: kept = {} } = session
    this.metadata = new Map(inputMetadata.map((entry) => [entry.name, entry]))
    const pairs = { ...pairsByName(inputNames, outputNames), ...options.states, ...kept }
    const mine = reorders || (rewinds && !this.hasRoom)
    this.carried = new Map(Object.entries(pairs).filter(([input]) => mine || !Object.hasOwn(kept, input)))
    for (const [input, output] of this.carried)
      if (!inputNames.includes(input) || !outputNames.includes(output))
        throw new LanewiseError('E_VALUE', `states: the model has no input "${input}" or no output "${output}"`)
    this.ids = this.idsAmong(new Set(Object.keys(pairs)))
    this.scores = this.scoresAmong(new Set(Object.values(pairs)))
    this.state = this.beginning(Object.keys(pairs))
    this.room = this.roomOf(Object.keys(pairs))
    const given = new Set([
      this.ids,
      ...Object.keys(placeInputs),
      ...Object.keys(pairs),
      ...Object.keys(options.feeds ?? {}),
    ])
    const missing = inputNames.filter((name) => !given.has(name))
    if (missing.length > 0)
      throw new LanewiseError('E_VALUE', `the model also takes ${missing.join(', ')}: give them as feeds`, {
        tensor: missing[0],
      })
    if (rewinds) for (const input of this.carried.keys()) this.growingAxis(input)
  }

  /** Scores of what follows a text. @returns a copy, one for each token of the vocabulary. */
  async start(tokens: readonly number[]): Promise<Float32Array> {
    return (await this.startAll([tokens]))[0]
  }

  /**
   * Scores of what follows each of several texts. What is shorter than the longest is filled up: before it where a mask
   * hides that, behind it where each sequence has places of its own.
   *
   * @throws LanewiseError `E_VALUE` for texts of several lengths if the model has neither.
   */
  async startAll(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const longest = Math.max(...texts.map(({ length }) => length))
    const ragged = texts.some(({ length }) => length !== longest)
    const [, length] = this.shapeOf(this.ids)
    if (ragged && (length === 1 || !this.fills))
      throw new LanewiseError(
        'E_VALUE',
        'the model has no attention_mask and no write_indices: texts that are continued together must be of one length',
      )
    this.texts = texts.map(() => [])
    this.lengths = texts.map(() => 0)
    this.pads = texts.map((text) => (ragged && this.fills === 'before' ? longest - text.length : 0))
    for (const [input, tensor] of Object.entries(this.state)) this.state[input] = this.spread(input, tensor)
    // A model of single steps is shown a text step by step.
    if (length !== 1) return lastOf(await this.run(texts))
    let scores: Float32Array[][] = []
    for (let i = 0; i < longest; i++) scores = await this.run(texts.map((text) => [text[i]]))
    return lastOf(scores)
  }

  /**
   * Scores of what follows each sequence and one more token.
   *
   * @param tokens - the new one of each. @param from - which sequence of the last run each continues.
   */
  async next(tokens: readonly number[], from?: readonly number[]): Promise<Float32Array[]> {
    if (from && !(from.length === this.texts.length && from.every((index, i) => index === i))) {
      this.texts = from.map((index) => [...this.texts[index]])
      this.lengths = from.map((index) => this.lengths[index])
      this.pads = from.map((index) => this.pads[index])
      for (const [input, tensor] of Object.entries(this.state))
        this.state[input] = rowsOf(tensor, from, this.batchAxis(input))
    }
    return lastOf(await this.run(tokens.map((token) => [token])))
  }

  /**
   * Scores of what follows each of several tokens of the only sequence.
   *
   * @throws LanewiseError `E_UNSUPPORTED` if the model gives those of the last alone.
   */
  async extend(tokens: readonly number[]): Promise<Float32Array[]> {
    if (this.shapeOf(this.ids)[1] === 1) {
      const rows: Float32Array[] = []
      for (const token of tokens) rows.push(...(await this.next([token])))
      return rows
    }
    const [rows] = await this.run([tokens])
    if (rows.length < tokens.length)
      throw new LanewiseError('E_UNSUPPORTED', `"${this.scores}" has the scores of the last token alone`, {
        tensor: this.scores,
      })
    return rows.slice(-tokens.length).map((row) => row.slice())
  }

  /** Forgets the last tokens of the only sequence. */
  rewind(count: number): void {
    if (count === 0) return
    this.texts[0].length -= count
    this.lengths[0] -= count
    for (const input of this.carried.keys()) {
      const axis = this.growingAxis(input)
      if (axis !== undefined) this.state[input] = firstOf(this.state[input], this.lengths[0], axis)
    }
  }

  /** Whether a sequence may be left out of the next run: nothing of it stands in the session. */
  get mayLeaveOut(): boolean {
    return Object.keys(this.session.states ?? {}).every((input) => this.carried.has(input))
  }

  private get hasRoom(): boolean {
    return this.session.inputNames.some((name) => roomInputs.includes(name))
  }

  private get remembers(): boolean {
    return this.carried.size > 0 || Object.keys(this.session.states ?? {}).length > 0
  }

  /** Where texts that are shorter than others are filled up. */
  private get fills(): 'before' | 'behind' | undefined {
    const { inputNames } = this.session
    if (!this.remembers) return 'behind'
    if (inputNames.some((name) => commonInputs.includes(name))) return undefined
    if (inputNames.includes('write_indices')) return 'behind'
    return inputNames.includes('attention_mask') ? 'before' : undefined
  }

  /**
   * The axis along which a state that stands here grows; undefined for one that does not. @throws LanewiseError
   * `E_UNSUPPORTED` if nothing tells.
   */
  private growingAxis(input: string): number | undefined {
    if (this.hasRoom || isOfEncoder(input)) return undefined
    const batch = this.batchAxis(input)
    const axes = [...this.shapeOf(input).entries()].flatMap(([axis, size]) =>
      axis !== batch && typeof size === 'string' ? [axis] : [],
    )
    if (axes.length === 1) return axes[0]
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `"${input}" cannot be cut short: no free size says how many tokens it has`,
      {
        tensor: input,
      },
    )
  }

  /** What one sequence begins with, for all of them. */
  private spread(input: string, tensor: SessionTensor): SessionTensor {
    const batch = this.texts.length
    const axis = this.batchAxis(input)
    const one = batch > 1 && tensor.dims[axis] === 1 && typeof this.shapeOf(input)[axis] === 'string'
    return one ? rowsOf(tensor, new Array<number>(batch).fill(0), axis) : tensor
  }

  /** @returns scores of each sequence's new tokens, as far as the model gives them. */
  private async run(added: readonly (readonly number[])[]): Promise<Float32Array[][]> {
    const { session, options, carried, remembers } = this
    if (options.signal) throwIfAborted(options.signal, 'generating')
    const behind = this.fills === 'behind'
    added.forEach((tokens, i) => this.texts[i].push(...tokens))
    const rows = remembers ? added : this.texts
    const before = remembers ? this.lengths : this.lengths.map(() => 0)
    const count = Math.max(...rows.map(({ length }) => length))
    const filled = rows.flatMap((row) => {
      const rest = new Array<number>(count - row.length).fill(row[0])
      return behind ? [...row, ...rest] : [...rest, ...row]
    })
    const used = rows.map(({ length }, i): [number, number] =>
      behind ? [0, before[i] + length] : [this.pads[i], before[i] + count],
    )
    const feeds: Record<string, SessionTensor> = { ...this.repeated(), ...this.state }
    const dims = this.shapeOf(this.ids).length === 1 ? [count] : [rows.length, count]
    feeds[this.ids] = this.integers(this.ids, filled, dims)
    for (const name of session.inputNames)
      if (Object.hasOwn(placeInputs, name) && !Object.hasOwn(feeds, name))
        feeds[name] = this.integers(name, ...placeInputs[name]({ before, added: count, used }))
    const results = await session.run(feeds as never, [this.scores, ...carried.values()] as never)
    this.begun = true
    this.lengths = rows.map(({ length }, i) => before[i] + (behind ? length : count))
    const last = this.state
    this.state = {}
    for (const [input, output] of carried) {
      const next = results[output]
      // As in a session: a merged decoder makes what it has of its encoder once.
      this.state[input] = next.dims.includes(0) && isOfEncoder(input) ? last[input] : next
    }
    const scores = scoresOf(results[this.scores], rows.length, this.scores)
    return scores.map((all, i) => {
      const { length } = rows[i]
      if (!behind || length === count) return all
      // Rows of what fills up behind say nothing.
      if (all.length === count) return all.slice(0, length)
      throw new LanewiseError('E_UNSUPPORTED', `"${this.scores}" has the scores of the last token alone`, {
        tensor: this.scores,
      })
    })
  }

  /** What the model is given besides, for every sequence. */
  private repeated(): Record<string, SessionTensor> {
    const feeds: Record<string, SessionTensor> = {}
    for (const [name, tensor] of Object.entries(this.options.feeds ?? {})) {
      if (Object.hasOwn(this.state, name) || (this.begun && this.isState(name))) continue
      feeds[name] = this.spread(name, tensor)
    }
    return feeds
  }

  private isState(name: string): boolean {
    return this.carried.has(name) || Object.hasOwn(this.session.states ?? {}, name)
  }

  private shapeOf(name: string): readonly (number | string)[] {
    return this.metadata.get(name)?.shape ?? []
  }

  /** The axis of the sequences: the one that is called as that of the tokens is. */
  private batchAxis(name: string): number {
    const shape = this.shapeOf(name)
    const [batch] = this.shapeOf(this.ids)
    const named = typeof batch === 'string' && batch !== '' ? shape.indexOf(batch) : -1
    return named >= 0 ? named : shape.length === 5 ? 1 : 0
  }

  private idsAmong(states: ReadonlySet<string>): string {
    const { input, feeds = {} } = this.options
    const { inputNames } = this.session
    if (input !== undefined) {
      if (inputNames.includes(input)) return input
      throw new LanewiseError('E_VALUE', `the model has no input "${input}": it has ${inputNames.join(', ')}`)
    }
    if (inputNames.includes('input_ids')) return 'input_ids'
    const found = inputNames.filter(
      (name) =>
        /^int(32|64)$/.test(this.metadata.get(name)?.type ?? '') &&
        !states.has(name) &&
        !Object.hasOwn(placeInputs, name) &&
        !Object.hasOwn(feeds, name),
    )
    if (found.length === 1) return found[0]
    throw new LanewiseError(
      'E_VALUE',
      `which input takes the tokens? It has ${inputNames.join(', ')}: say it by "input"`,
    )
  }

  private scoresAmong(states: ReadonlySet<string>): string {
    const { output } = this.options
    const { outputNames } = this.session
    if (output !== undefined) {
      if (outputNames.includes(output)) return output
      throw new LanewiseError('E_VALUE', `the model has no output "${output}": it has ${outputNames.join(', ')}`)
    }
    if (outputNames.includes('logits')) return 'logits'
    const found = outputNames.filter((name) => !states.has(name))
    if (found.length === 1) return found[0]
    throw new LanewiseError(
      'E_VALUE',
      `which output are the scores? It has ${outputNames.join(', ')}: say it by "output"`,
    )
  }

  /** What is remembered of nothing: caches without entries, or with room. Other states have to be given. */
  private beginning(names: readonly string[]): Record<string, SessionTensor> {
    const { feeds = {}, states = {} } = this.options
    const caches = pairsByName(this.session.inputNames, this.session.outputNames)
    const found: Record<string, SessionTensor> = {}
    for (const name of names) {
      if (Object.hasOwn(feeds, name)) {
        found[name] = feeds[name]
        continue
      }
      if (!Object.hasOwn(caches, name) || Object.hasOwn(states, name))
        throw new LanewiseError('E_VALUE', `feeds lack "${name}": what the state is to begin with`, { tensor: name })
      const batch = this.batchAxis(name)
      const dims = this.shapeOf(name).map((size, axis) => (axis === batch ? 1 : typeof size === 'number' ? size : 0))
      const type = this.metadata.get(name)?.type ?? 'float32'
      if (dims.length < 2 || !/^float(16|32)$/.test(type))
        throw new LanewiseError('E_VALUE', `feeds lack "${name}": the model does not say how it begins`, {
          tensor: name,
        })
      const count = dims.reduce((product, size) => product * size, 1)
      found[name] = tensorOf(type, type === 'float16' ? new Uint16Array(count) : new Float32Array(count), dims)
    }
    return found
  }

  private roomOf(names: readonly string[]): number {
    if (!this.hasRoom) return Infinity
    const sizes = names.flatMap((name) => {
      const shape = this.shapeOf(name)
      const room = shape.length === 4 ? (this.options.feeds?.[name]?.dims ?? shape)[2] : undefined
      return typeof room === 'number' ? [room] : []
    })
    return Math.min(Infinity, ...sizes)
  }

  private integers(name: string, values: readonly number[], dims: readonly number[]): SessionTensor {
    return integerTensor(name, this.metadata.get(name)?.type ?? 'int64', values, dims, this.shapeOf(name))
  }
}

/** The scores of the last token of each sequence, for the caller to change. */
function lastOf(scores: readonly (readonly Float32Array[])[]): Float32Array[] {
  return scores.map((rows) => rows[rows.length - 1].slice())
}
