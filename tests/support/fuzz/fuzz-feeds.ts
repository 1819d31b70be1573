import { makeData, type DType } from '../../../src/core/dtype.js'
import type { HostTensor, HostValue } from '../../../src/core/host.js'
import { LanewiseError } from '../../../src/core/errors.js'
import { InferenceSession, Tensor, type Feeds } from '../../../src/node.js'
import { allCases } from '../../ops/cases.js'
import { caseModels } from '../cases/case-model.js'
import { MEMORY_LIMIT, tensorOf } from './fuzz-session.js'
import { pick, type Random } from './mutate.js'

/** A model that says nothing of shapes, its session, and values that fit. */
interface Fed {
  readonly feeds: ReadonlyMap<string, HostValue>
  readonly bytes: Uint8Array
  session?: InferenceSession
}

let models: Fed[] | undefined

const dtypes: readonly DType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'uint8',
  'int8',
  'bool',
  'uint4',
  'string',
  'complex64',
]
const sizes = [
  0,
  1,
  2,
  3,
  5,
  8,
  -1,
  1.5,
  NaN,
  Infinity,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  '3' as unknown as number,
  undefined as unknown as number,
]

function otherShape(shape: readonly number[], random: Random): number[] {
  const dims = [...shape]
  const at = Math.floor(random() * (dims.length + 1))
  const way = random()
  if (way < 0.6 && at < dims.length)
    dims[at] = random() < 0.85 ? pick(random, [0, 1, 2, 3, 4, 5, 6, 7, 9, 12]) : pick(random, sizes)
  else if (way < 0.8) dims.splice(at, 0, pick(random, [0, 1, 1, 2, 3]))
  else dims.splice(at, 1)
  return dims
}

/** A tensor that fits, nearly fits, or does not at all. */
function relative(original: HostTensor, random: Random): unknown {
  const { dtype } = original
  const fits = (shape: readonly number[]) =>
    shape.every((axis) => Number.isInteger(axis) && axis >= 0) && shape.reduce((a, b) => a * b, 1) < 20_000
  const way = random()
  if (way < 0.55) return new Tensor(dtype, original.data, original.shape)
  if (way < 0.9) {
    const shape = otherShape(original.shape, random)
    return fits(shape) ? tensorOf(dtype, shape, random) : new Tensor(dtype, original.data, shape)
  }
  if (way < 0.95) return tensorOf(dtype, original.shape, random)
  if (way < 0.97) return tensorOf(pick(random, dtypes), original.shape, random)
  const wrong: (() => unknown)[] = [
    () => undefined,
    () => null,
    () => 1,
    () => [],
    () => new Map(),
    () => original.data,
    () => ({ type: dtype, dims: original.shape, data: original.data }),
    () => new Tensor(dtype, original.data.slice(1), original.shape),
    () => new Tensor('nothing' as DType, original.data, original.shape),
    () => new Tensor(dtype, makeData('float64', original.data.length), original.shape),
    () => {
      // Detached without the tensor noticing.
      const tensor = tensorOf(dtype === 'string' ? 'float32' : dtype, original.shape, random)
      structuredClone(null, { transfer: [(tensor.data as Float32Array).buffer as ArrayBuffer] })
      return tensor
    },
    () => {
      const tensor = tensorOf(dtype, original.shape, random)
      tensor.dispose()
      return tensor
    },
    () => {
      // A view of a buffer that shrinks without the tensor noticing; `resizable` is ES2024.
      const Resizable = ArrayBuffer as unknown as new (
        length: number,
        options: object,
      ) => ArrayBuffer & { resize(length: number): void }
      const buffer = new Resizable(4 * Math.max(original.data.length, 1), { maxByteLength: 1 << 20 })
      const tensor = new Tensor('float32', new Float32Array(buffer).subarray(0, original.data.length), original.shape)
      buffer.resize(0)
      return tensor
    },
    () => new Tensor('float32', new Float32Array(new SharedArrayBuffer(4 * original.data.length)), original.shape),
  ]
  return pick(random, wrong)()
}

function fetchesFor(session: InferenceSession, random: Random): unknown {
  if (random() < 0.9) return undefined
  const name = pick(random, [...session.outputNames, ...session.inputNames])
  return pick(random, [
    [name],
    ['nothing'],
    [],
    null,
    7,
    { [name]: null },
    { [name]: tensorOf('float32', [2], random) },
    { ['__proto__']: null },
  ])
}

/**
 * Gives a good model values of all kinds. The model stays loaded, so that what one run leaves behind meets the next.
 */
export async function runFeeds(random: Random): Promise<void> {
  models ??= caseModels(allCases, () => 'unknown')
  const model = pick(random, models)
  model.session ??= await InferenceSession.create(model.bytes, { memoryLimit: MEMORY_LIMIT, logLevel: 'fatal' })
  const { session } = model
  try {
    const feeds = Object.fromEntries(
      [...model.feeds].map(([name, value]) => [name, relative(value as HostTensor, random)]),
    )
    if (random() < 0.02) feeds.more = 1
    if (random() < 0.02) delete feeds[pick(random, session.inputNames)]
    await session.run(feeds as Feeds, fetchesFor(session, random) as string[])
  } catch (error) {
    if (!(error instanceof LanewiseError)) throw error
    // Memory is given back only with the session; over the limit, or after a trap, a new one has to do.
    if (error.code === 'E_BUDGET' || error.code === 'E_STATE') {
      await session.release()
      model.session = undefined
    }
    throw error
  }
}
