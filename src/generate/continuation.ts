import { checkArguments } from '../core/arguments.js'
import { decodeFloats } from '../core/floats.js'
import { LanewiseError } from '../core/errors.js'
import { throwIfAborted } from '../core/pace.js'

/** A tensor of a session: of this library's, of onnxruntime's, or a plain object. */
export interface SessionTensor {
  readonly type: string
  readonly data: unknown
  readonly dims: readonly number[]
}

/** What is asked of a session: an `InferenceSession` of this library or of onnxruntime-web is one. */
export interface GenerationSession {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  readonly inputMetadata: readonly {
    readonly name: string
    readonly isTensor: boolean
    readonly type?: string
    readonly shape?: readonly (number | string)[]
  }[]
  /** Inputs that it keeps itself from run to run, with the outputs that they are. */
  readonly states?: Readonly<Record<string, string>>
  run(feeds: never, fetches: never): Promise<Readonly<Record<string, SessionTensor>>>
}

/** How a session is used. */
export interface ContinuationOptions {
  /** What else the model takes, by name: an encoder's output, hidden states to begin with. */
  readonly feeds?: Readonly<Record<string, SessionTensor>>
  /** The input of the tokens; "input_ids" by default, or the only input of whole numbers that is nothing else. */
  readonly input?: string
  /** The output of the scores; "logits" by default, or the only output that is no state. */
  readonly output?: string
  /** Inputs that are what an output was in the run before, by name, beside those that the session keeps and caches that {@link pastToPresent} finds. */
  readonly states?: Readonly<Record<string, string>>
  /** Breaks it off. */
  readonly signal?: AbortSignal
}

/**
 * Inputs of a cache with their outputs, by Hugging Face's names: `past_key_values.0.key` and `present.0.key`, `past_conv.0` and `present_conv.0`. Given as the
 * option `states` of a session, it keeps them in its memory.
 *
 * @example
 * import { pastToPresent } from 'lanewise/generate'
 *
 * const inputs = ['input_ids', 'past_key_values.0.key', 'past_key_values.0.value']
 * const outputs = ['logits', 'present.0.key', 'present.0.value']
 * // What InferenceSession.create(model, { states: pastToPresent }) does.
 * console.log(pastToPresent(inputs, outputs))
 */
export function pastToPresent(inputs: readonly string[], outputs: readonly string[]): Record<string, string> {
  checkArguments('pastToPresent', { inputs, outputs }, 'strings', 'strings')

  const pairs = inputs.flatMap((input) => {
    const output = [input.replace(/^past_key_values/, 'present'), input.replace(/^past/, 'present')].find(
      (name) => name !== input && outputs.includes(name),
    )
    return output === undefined ? [] : [[input, output] as const]
  })
  return Object.fromEntries(pairs)
}

/** Inputs that say where new tokens stand; each is made of how many there are before and how many are new. */
const placeInputs: Readonly<Record<string, (batch: number, before: number, added: number) => [number[], number[]]>> = {
  attention_mask: (batch, before, added) => [ones(batch * (before + added)), [batch, before + added]],
  position_ids: (batch, before, added) => [places(batch, before, added), [batch, added]],
  positions: (_, before, added) => [places(1, before, added), [added]],
  cache_position: (_, before, added) => [places(1, before, added), [added]],
  write_indices: (batch, before) => [new Array<number>(batch).fill(before), [batch]],
  nonpad_kv_seqlen: (batch, before, added) => [new Array<number>(batch).fill(before + added), [batch]],
  past_sequence_length: (_, before) => [[before], [1]],
  use_cache_branch: (_, before) => [[Number(before > 0)], [1]],
}
/** Those of them by which a cache with room is used. */
const roomInputs = ['write_indices', 'past_sequence_length']

function ones(count: number): number[] {
  return new Array<number>(count).fill(1)
}

function places(rows: number, before: number, added: number): number[] {
  return Array.from({ length: rows * added }, (_, i) => before + (i % added))
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
  /** Sequences as a whole, for a model that remembers nothing. */
  private texts: number[][] = [[]]
  private length = 0

  /**
   * @param reorders - whether sequences will change places: then nothing is left to the session.
   * @throws LanewiseError `E_VALUE` for a session whose inputs and outputs are not understood, naming them.
   */
  constructor(
    private readonly session: GenerationSession,
    private readonly options: ContinuationOptions,
    reorders = false,
  ) {
    const { inputNames, outputNames, inputMetadata, states: kept = {} } = session
    this.metadata = new Map(inputMetadata.map((entry) => [entry.name, entry]))
    const pairs = { ...pastToPresent(inputNames, outputNames), ...options.states, ...kept }
    this.carried = new Map(Object.entries(pairs).filter(([input]) => reorders || !Object.hasOwn(kept, input)))
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
  }

  /** Scores of what follows a text. @returns a copy, one for each token of the vocabulary. */
  async start(tokens: readonly number[]): Promise<Float32Array> {
    // A model of single steps is shown a text step by step.
    const [, length] = this.shapeOf(this.ids)
    const pieces = length === 1 ? tokens.map((token) => [token]) : [tokens]
    let scores: Float32Array[] = []
    for (const piece of pieces) scores = await this.run([[...piece]])
    return scores[0]
  }

  /**
   * Scores of what follows each sequence and one more token.
   *
   * @param tokens - the new one of each. @param from - which sequence of the last run each continues.
   */
  next(tokens: readonly number[], from?: readonly number[]): Promise<Float32Array[]> {
    if (from && !(from.length === this.texts.length && from.every((index, i) => index === i))) {
      this.texts = from.map((index) => [...this.texts[index]])
      for (const [input, tensor] of Object.entries(this.state))
        this.state[input] = rowsOf(tensor, from, this.batchAxis(input))
    }
    return this.run(tokens.map((token) => [token]))
  }

  private get remembers(): boolean {
    return this.carried.size > 0 || Object.keys(this.session.states ?? {}).length > 0
  }

  private async run(added: readonly number[][]): Promise<Float32Array[]> {
    const { session, options, carried } = this
    if (options.signal) throwIfAborted(options.signal, 'generating')
    added.forEach((tokens, i) => this.texts[i].push(...tokens))
    const batch = added.length
    const [rows, before] = this.remembers ? [added, this.length] : [this.texts, 0]
    const count = rows[0].length
    const feeds: Record<string, SessionTensor> = { ...this.repeated(batch), ...this.state }
    feeds[this.ids] = this.integers(
      this.ids,
      rows.flat(),
      this.shapeOf(this.ids).length === 1 ? [count] : [batch, count],
    )
    for (const name of session.inputNames)
      if (Object.hasOwn(placeInputs, name) && !Object.hasOwn(feeds, name))
        feeds[name] = this.integers(name, ...placeInputs[name](batch, before, count))
    const results = await session.run(feeds as never, [this.scores, ...carried.values()] as never)
    this.length += added[0].length
    this.state = Object.fromEntries([...carried].map(([input, output]) => [input, results[output]]))
    return scoresOf(results[this.scores], batch, this.scores)
  }

  /** What the model is given besides, for every sequence. */
  private repeated(batch: number): Record<string, SessionTensor> {
    const feeds: Record<string, SessionTensor> = {}
    for (const [name, tensor] of Object.entries(this.options.feeds ?? {})) {
      if (Object.hasOwn(this.state, name) || (this.length > 0 && this.isState(name))) continue
      const axis = this.batchAxis(name)
      const same = batch > 1 && tensor.dims[axis] === 1 && typeof this.shapeOf(name)[axis] === 'string'
      feeds[name] = same ? rowsOf(tensor, new Array<number>(batch).fill(0), axis) : tensor
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
    const caches = pastToPresent(this.session.inputNames, this.session.outputNames)
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
    if (!this.session.inputNames.some((name) => roomInputs.includes(name))) return Infinity
    const sizes = names.flatMap((name) => {
      const shape = this.shapeOf(name)
      const room = shape.length === 4 ? (this.options.feeds?.[name]?.dims ?? shape)[2] : undefined
      return typeof room === 'number' ? [room] : []
    })
    return Math.min(Infinity, ...sizes)
  }

  private integers(name: string, values: readonly number[], dims: readonly number[]): SessionTensor {
    const type = this.metadata.get(name)?.type ?? 'int64'
    const shape = this.shapeOf(name).length === 0 && dims.length === 1 && dims[0] === 1 ? [] : dims
    switch (type) {
      case 'int32':
        return tensorOf(type, Int32Array.from(values), shape)
      case 'bool':
        return tensorOf(type, Uint8Array.from(values), shape)
      case 'float32':
        return tensorOf(type, Float32Array.from(values), shape)
      case 'int64':
        return tensorOf(type, BigInt64Array.from(values, BigInt), shape)
      default:
        throw new LanewiseError('E_UNSUPPORTED', `"${name}" is of type ${type}`, { tensor: name, actual: type })
    }
  }
}

/** A tensor as both libraries' sessions take it. */
function tensorOf(type: string, data: ArrayLike<unknown>, dims: readonly number[]): SessionTensor {
  return { type, data, dims, location: 'cpu', size: data.length } as SessionTensor
}

/** Entries of an axis, in this order. */
function rowsOf(tensor: SessionTensor, from: readonly number[], axis: number): SessionTensor {
  const { dims, type } = tensor
  const data = tensor.data as Float32Array
  const outer = dims.slice(0, axis).reduce((product, size) => product * size, 1)
  const inner = dims.slice(axis + 1).reduce((product, size) => product * size, 1)
  const Type = data.constructor as new (length: number) => Float32Array
  const result = new Type(outer * from.length * inner)
  for (let o = 0; o < outer; o++)
    from.forEach((index, i) => {
      const at = (o * dims[axis] + index) * inner
      result.set(data.subarray(at, at + inner), (o * from.length + i) * inner)
    })
  return tensorOf(type, result, [...dims.slice(0, axis), from.length, ...dims.slice(axis + 1)])
}

/** The last row of every sequence. */
function scoresOf(tensor: SessionTensor, batch: number, name: string): Float32Array[] {
  const { dims, type } = tensor
  const width = dims.at(-1) ?? 0
  const data = floatsOf(tensor)
  const rows = data.length / width / batch
  if (!data.length || !Number.isInteger(rows))
    throw new LanewiseError('E_SHAPE', `"${name}" (${type}[${dims.join(',')}]) has no scores for ${batch} sequences`, {
      tensor: name,
    })
  return Array.from({ length: batch }, (_, b) => data.slice(((b + 1) * rows - 1) * width, (b + 1) * rows * width))
}

function floatsOf({ type, data }: SessionTensor): Float32Array {
  if (type === 'float32') return data as Float32Array
  if (type === 'float16')
    return data instanceof Uint16Array ? decodeFloats('float16', data) : Float32Array.from(data as ArrayLike<number>)
  throw new LanewiseError('E_UNSUPPORTED', `scores are floats, not ${type}`, { actual: type })
}
