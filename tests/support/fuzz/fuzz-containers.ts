import type { DType } from '../../../src/core/dtype.js'
import { LanewiseError } from '../../../src/core/errors.js'
import { hostFrom } from '../../../src/core/host.js'
import type { HostMemory } from '../../../src/core/host-memory.js'
import { notFused, type Graph, type Node, type Value } from '../../../src/ir/graph.js'
import { findOp } from '../../../src/ir/registry.js'
import {
  exportModel,
  InferenceSession,
  Tensor,
  type Feeds,
  type OnnxValue,
  type SessionOptions,
} from '../../../src/node.js'
import { registerAllOps } from '../../../src/api/register-all.js'
import { MEMORY_LIMIT, tensorOf } from './fuzz-session.js'
import { pick, type Random } from './mutate.js'

registerAllOps()

type Kind = 'text' | 'float' | 'int' | 'complex' | 'texts' | 'floats' | 'complexes' | 'optional'

/** A loop of 2^40 trips is broken off after this; one that ends takes a few milliseconds. */
const ENDLESS_MS = 80

/** What makes what of what; attributes are drawn again each time. */
interface Step {
  readonly op: string
  readonly from: readonly Kind[]
  readonly to: readonly Kind[]
  attributes?(random: Random): Record<string, unknown>
}

const steps: readonly Step[] = [
  { op: 'StringConcat', from: ['text', 'text'], to: ['text'] },
  {
    op: 'StringSplit',
    from: ['text'],
    to: ['text', 'int'],
    attributes: (random) => ({
      delimiter: pick(random, ['', 'a', 'aa', ' ', 'ß']),
      maxsplit: pick(random, [undefined, 0, 1, -1]),
    }),
  },
  {
    op: 'StringNormalizer',
    from: ['text'],
    to: ['text'],
    attributes: (random) => ({
      case_change_action: pick(random, ['NONE', 'LOWER', 'UPPER', 'odd']),
      locale: pick(random, ['', 'tr_TR', '?']),
      stopwords: pick(random, [[], ['a']]),
    }),
  },
  {
    op: 'RegexFullMatch',
    from: ['text'],
    to: ['float'],
    attributes: (random) => ({ pattern: pick(random, ['a*', '(a|b){30}', '[', '\\pL+']) }),
  },
  { op: 'Cast', from: ['text'], to: ['float'], attributes: (random) => ({ to: pick(random, [1, 7, 10, 8]) }) },
  { op: 'Cast', from: ['float'], to: ['text'], attributes: () => ({ to: 8 }) },
  { op: 'Identity', from: ['text'], to: ['text'] },
  { op: 'Identity', from: ['complex'], to: ['complex'] },
  { op: 'Identity', from: ['floats'], to: ['floats'] },
  { op: 'Concat', from: ['text', 'text'], to: ['text'], attributes: (random) => ({ axis: pick(random, [0, -1, 1]) }) },
  { op: 'Concat', from: ['complex', 'complex'], to: ['complex'], attributes: () => ({ axis: 0 }) },
  { op: 'Tile', from: ['text', 'int'], to: ['text'] },
  { op: 'Tile', from: ['float', 'int'], to: ['float'] },
  { op: 'Expand', from: ['text', 'int'], to: ['text'] },
  { op: 'Expand', from: ['complex', 'int'], to: ['complex'] },
  { op: 'Gather', from: ['text', 'int'], to: ['text'] },
  { op: 'Gather', from: ['complex', 'int'], to: ['complex'] },
  { op: 'Transpose', from: ['complex'], to: ['complex'] },
  { op: 'Reshape', from: ['text', 'int'], to: ['text'] },
  { op: 'Unique', from: ['text'], to: ['text'] },
  { op: 'Equal', from: ['text', 'text'], to: ['float'] },
  { op: 'SequenceConstruct', from: ['text', 'text'], to: ['texts'] },
  { op: 'SequenceConstruct', from: ['float', 'float'], to: ['floats'] },
  { op: 'SequenceConstruct', from: ['complex'], to: ['complexes'] },
  { op: 'SequenceEmpty', from: [], to: ['floats'] },
  { op: 'SequenceInsert', from: ['texts', 'text'], to: ['texts'] },
  { op: 'SequenceInsert', from: ['floats', 'float', 'int'], to: ['floats'] },
  { op: 'SequenceInsert', from: ['complexes', 'complex'], to: ['complexes'] },
  { op: 'SequenceErase', from: ['floats'], to: ['floats'] },
  { op: 'SequenceErase', from: ['texts', 'int'], to: ['texts'] },
  { op: 'SequenceAt', from: ['texts', 'int'], to: ['text'] },
  { op: 'SequenceAt', from: ['floats', 'int'], to: ['float'] },
  { op: 'SequenceAt', from: ['complexes', 'int'], to: ['complex'] },
  { op: 'SequenceLength', from: ['floats'], to: ['int'] },
  {
    op: 'ConcatFromSequence',
    from: ['floats'],
    to: ['float'],
    attributes: (random) => ({ axis: pick(random, [0, -1]), new_axis: pick(random, [0, 1]) }),
  },
  {
    op: 'ConcatFromSequence',
    from: ['texts'],
    to: ['text'],
    attributes: (random) => ({ axis: 0, new_axis: pick(random, [0, 1]) }),
  },
  { op: 'ConcatFromSequence', from: ['complexes'], to: ['complex'], attributes: () => ({ axis: 0 }) },
  {
    op: 'SplitToSequence',
    from: ['float'],
    to: ['floats'],
    attributes: (random) => ({ keepdims: pick(random, [0, 1]) }),
  },
  { op: 'SplitToSequence', from: ['text', 'int'], to: ['texts'] },
  { op: 'SplitToSequence', from: ['complex'], to: ['complexes'] },
  { op: 'Optional', from: ['floats'], to: ['optional'] },
  { op: 'Optional', from: ['text'], to: ['optional'] },
  { op: 'OptionalHasElement', from: ['optional'], to: ['float'] },
  { op: 'OptionalGetElement', from: ['optional'], to: ['text'] },
  { op: 'Add', from: ['float', 'float'], to: ['float'] },
  { op: 'NonZero', from: ['float'], to: ['int'] },
  { op: 'Shape', from: ['text'], to: ['int'] },
]

/** Carried by loops: one value, changed by one step each time. */
const loops: readonly Step[] = steps.filter(({ from, to }) => from.length > 0 && to[0] === from[0])

function nodeOf({ op, attributes }: Step, inputs: readonly Value[], outputs: readonly Value[], random: Random): Node {
  const definition = findOp('', op)!
  const all: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries(definition.attributes)) all[name] = spec.fallback
  for (const [name, value] of Object.entries(attributes?.(random) ?? {})) if (value !== undefined) all[name] = value
  return { op: definition, name: op, attributes: all, inputs, outputs, fused: notFused }
}

const dtypes: Partial<Record<Kind, DType>> = { text: 'string', float: 'float32', int: 'int64', complex: 'complex64' }

/** A graph of operators over strings, sequences, optionals and complex numbers, mostly of the right kinds. */
function graphOf(random: Random): Graph {
  let made = 0
  const values = new Map<Kind, Value[]>()
  const add = (kind: Kind, value: Value): Value => {
    values.set(kind, [...(values.get(kind) ?? []), value])
    return value
  }
  const inputs: Value[] = []
  for (const kind of ['text', 'float', 'int', 'complex'] as const) {
    const shape = pick(random, [[], ['N'], ['N', 2], [3]])
    const value: Value = { name: kind, declared: { kind: 'tensor', dtype: dtypes[kind], shape } }
    inputs.push(add(kind, value))
    if (kind === 'int')
      for (const n of [0, 1, 2, 3]) add(kind, { name: `c${n}`, constant: hostFrom('int64', [1], [n]) })
  }
  add('text', { name: 'word', constant: { dtype: 'string', shape: [1], data: ['a'] } })
  const anyOf = (kind: Kind): Value | undefined => {
    const found = random() < 0.97 ? values.get(kind) : [...values.values()].flat()
    return found && pick(random, found)
  }
  const nodes: Node[] = []
  for (let n = 2 + Math.floor(random() * 12); n > 0; n--) {
    const looped = random() < 0.15
    const step = pick(random, looped ? loops : steps)
    const given = step.from.map(anyOf)
    if (given.some((value) => !value)) continue
    const outputs = step.to.map((kind) => add(kind, { name: `v${made++}` }))
    if (!looped) {
      nodes.push(nodeOf(step, given as Value[], outputs, random))
      continue
    }
    const [carried, after, on] = [`v${made++}`, `v${made++}`, `v${made++}`].map((name): Value => ({ name }))
    const [going, i] = [{ name: `v${made++}` }, { name: `v${made++}` }] as const
    const identity = nodeOf({ op: 'Identity', from: [], to: [] }, [going], [on], random)
    const inner = step.to.map((_, k) => (k === 0 ? after : { name: `v${made++}` }))
    const body: Graph = {
      name: 'body',
      inputs: [i, going, carried],
      outputs: [on, after],
      nodes: [identity, nodeOf(step, [carried, ...(given.slice(1) as Value[])], inner, random)],
    }
    const trips: Value = {
      name: `v${made++}`,
      constant: hostFrom('int64', [], [pick(random, [0, 1, 3, 20, 2 ** 40])]),
    }
    const condition: Value = { name: `v${made++}`, constant: hostFrom('bool', [], [1]) }
    nodes.push({
      op: findOp('', 'Loop')!,
      name: 'Loop',
      attributes: { body },
      inputs: [trips, condition, given[0]],
      outputs: [outputs[0]],
      fused: notFused,
    })
  }
  const ends = nodes.flatMap(({ outputs }) => outputs as Value[]).filter(() => random() < 0.6)
  return { name: 'containers', inputs, outputs: ends.length > 0 ? ends : [inputs[0]], nodes }
}

function optionsOf(random: Random): SessionOptions {
  const options: Record<string, unknown> = {
    memoryLimit: pick(random, [MEMORY_LIMIT, 2 ** 20, 2 ** 17]),
    logLevel: 'fatal',
  }
  const more: Record<string, readonly unknown[]> = {
    deterministic: [true, false, 'batch', 'yes', 1],
    passes: [true, false, { 'fold-constants': false }, 'all'],
    accuracy: ['fast', 'exact', 'best'],
    profile: [true, false, 1],
    seed: [0, 1.5, NaN, 'x'],
    freeDimensionOverrides: [{ N: 2 }, { N: -1 }, { __proto__: 1 }, 7],
    graphOptimizationLevel: ['all', 'disabled', 'bogus'],
    states: [{}, { text: 'v0' }, { float: 'v1' }, 5],
    signal: [new AbortController().signal, AbortSignal.abort(), {}],
    memoryLimit: [0, -1, NaN, '64'],
    extraFeeds: ['ignore', 'refuse', 1],
  }
  for (const [name, values] of Object.entries(more)) if (random() < 0.04) options[name] = pick(random, values)
  return options
}

function feedsOf(session: InferenceSession, random: Random): Record<string, Tensor> {
  const size = pick(random, [0, 1, 2, 3])
  return Object.fromEntries(
    session.inputMetadata.map((input) => {
      const shape = input.isTensor ? input.shape.map((axis) => (typeof axis === 'number' ? axis : size)) : []
      return [input.name, resizable(tensorOf(input.isTensor ? input.type : 'float32', shape, random), random)]
    }),
  )
}

type Resizable = ArrayBuffer & { resize(length: number): void }

/** Now and then over a buffer that can be resized, or that other threads share. */
function resizable(tensor: Tensor, random: Random): Tensor {
  const { type, data, dims } = tensor
  if (type === 'string' || random() < 0.7) return tensor
  const array = data as Float32Array
  const Buffers = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer
  const buffer =
    random() < 0.3
      ? new SharedArrayBuffer(array.byteLength)
      : new Buffers(array.byteLength, { maxByteLength: array.byteLength + 64 })
  const Data = array.constructor as new (buffer: ArrayBufferLike) => Float32Array
  const copy = new Data(buffer)
  copy.set(array)
  return new Tensor(type, copy, dims)
}

/** Does something to a tensor without its noticing. */
function spoil({ type, data }: Tensor, random: Random): void {
  if (type === 'string') {
    const list = data as unknown[]
    pick(random, [() => list.pop(), () => list.push('x'), () => (list[0] = 7), () => (list[0] = 'other')])()
    return
  }
  const array = data as Float32Array
  const buffer = array.buffer as Resizable
  // Gone already.
  if (array.byteLength === 0) return
  if (buffer instanceof SharedArrayBuffer || random() < 0.3) {
    new Uint8Array(buffer, array.byteOffset, array.byteLength).fill(1)
  } else if ((buffer as unknown as { resizable?: boolean }).resizable) {
    buffer.resize(pick(random, [0, Math.max(0, buffer.byteLength - 4), buffer.byteLength + 8]))
  } else {
    structuredClone(null, { transfer: [buffer] })
  }
}

function shown(results: Readonly<Record<string, OnnxValue>>): string {
  return JSON.stringify(results, (_, value: unknown) =>
    value instanceof Tensor
      ? { type: value.type, dims: value.dims, data: Array.from(value.data as ArrayLike<unknown>, String) }
      : value,
  )
}

function copied(feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new Tensor(type, data.slice() as never, dims)]),
  )
}

/** How a run ended: its results, or the code of its error. */
async function ended(work: Promise<Readonly<Record<string, OnnxValue>>>): Promise<string> {
  try {
    return shown(await work)
  } catch (error) {
    if (!(error instanceof LanewiseError)) throw error
    return error.code
  }
}

/**
 * Makes a session of a random graph with random options and queues runs whose buffers change before their turn and
 * while they wait. Then what was done to others must not show in a run that nobody disturbed, and nothing may be held
 * any more.
 */
export async function runContainers(random: Random): Promise<void> {
  const session = await InferenceSession.create(exportModel(graphOf(random)), optionsOf(random))
  try {
    const feeds = feedsOf(session, random)
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), ENDLESS_MS)
    const { signal } = stop
    const quiet = copied(feeds)
    const run = (given: Feeds) => session.run(given, undefined, { signal })
    try {
      // Without a signal a loop of 2^40 trips ends at the memory limit or never.
      const first = await ended(session.run(copied(quiet), undefined, { signal }))
      if (first === 'E_STATE') return
      const disturbed = [copied(quiet), feeds].map((given) => ended(run(given)))
      for (let n = Math.floor(random() * 3); n > 0; n--) {
        spoil(pick(random, Object.values(feeds)), random)
        if (random() < 0.5) await Promise.resolve()
      }
      const [beside] = await Promise.all(disturbed)
      const last = await ended(session.run(copied(quiet), undefined, { signal }))
      for (const again of [beside, last])
        if (!signal.aborted && again !== first)
          throw new Error(`the same run gave ${again.slice(0, 300)} instead of ${first.slice(0, 300)}`)
      const { host } = (session as unknown as { context: { host: HostMemory } }).context
      if (host.bytesUnless(0) !== 0) throw new Error(`${host.bytesUnless(0)} bytes are still held`)
      if (first.startsWith('E_')) throw new LanewiseError(first as 'E_VALUE', 'refused')
    } finally {
      clearTimeout(timer)
    }
  } finally {
    await session.release()
  }
}
