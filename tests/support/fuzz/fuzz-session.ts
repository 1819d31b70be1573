import { isBig, makeData, type DType } from '../../../src/core/dtype.js'
import { sizeOf } from '../../../src/core/shape.js'
import { InferenceSession, Tensor, type ModelValue, type ValueMetadata } from '../../../src/node.js'
import { allCases } from '../../ops/cases.js'
import { caseModels } from '../cases/case-model.js'
import { pick, type Random } from './mutate.js'
import { seeded } from '../random.js'

const external = [{ path: 'w.bin', data: new Uint8Array(16) }]
/** Small, so that a mutated size meets it before it costs time. */
export const MEMORY_LIMIT = 2 ** 22
const TIME_LIMIT = 1000
const MOST_ELEMENTS = 20_000

/** A value of an element, mostly ordinary: what kernels and indices may stumble over comes in now and then. */
function element(dtype: DType, random: Random, high: number): number | bigint | string {
  if (dtype === 'string') return pick(random, ['', 'a', 'größe', '1.5'])
  if (dtype === 'bool') return Math.floor(random() * 2)
  const odd = random() < 0.01
  if (isBig(dtype))
    return odd ? pick(random, [2n ** 63n - 1n, -(2n ** 63n), 2n ** 31n]) : BigInt(Math.floor(random() * (high + 3)) - 3)
  if (dtype === 'float32' || dtype === 'float64')
    return odd ? pick(random, [NaN, Infinity, -Infinity, 3e38, -3e38, 1e-40, -0]) : random() * 4 - 2
  return odd ? pick(random, [-(2 ** 31), 2 ** 31 - 1, 0xffff, 0x7c00]) : Math.floor(random() * (high + 3)) - 3
}

export function tensorOf(dtype: DType, dims: readonly number[], random: Random): Tensor {
  const size = sizeOf(dims)
  const high = pick(random, [0, 2, 4, 200])
  if (dtype === 'string')
    return new Tensor(
      'string',
      Array.from({ length: size }, () => element(dtype, random, high) as string),
      dims,
    )
  const data = makeData(dtype, size) as { [i: number]: unknown; length: number }
  for (let i = 0; i < data.length; i++) data[i] = element(dtype, random, high)
  return new Tensor(dtype, data as never, dims)
}

function feedFor(metadata: ValueMetadata, sizes: Map<string, number>, random: Random): ModelValue {
  // What else the metadata could stand for: the session must say what it wants.
  if (!metadata.isTensor)
    return pick(random, [
      [],
      null,
      new Map<bigint, number>([[1n, 2]]),
      [tensorOf('float32', [2], random), tensorOf('float32', [1, 3], random)],
      tensorOf('float32', [2, 2], random),
    ])
  let dims = metadata.shape.map((axis) => {
    if (typeof axis === 'number') return axis
    if (!sizes.has(axis) || axis === '') sizes.set(axis, pick(random, [0, 1, 1, 2, 2, 3, 4, 5, 7]))
    return sizes.get(axis)!
  })
  let size: number
  try {
    size = sizeOf(dims)
  } catch {
    size = Infinity
  }
  // A file may declare an input as large as it likes: nobody has to feed it.
  if (size > MOST_ELEMENTS) dims = dims.map((axis) => Math.max(0, Math.min(axis, 2))).slice(0, 12)
  return tensorOf(metadata.type, dims, random)
}

/** A number from bytes: FNV-1a. */
export function hashOf(file: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of file) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** Loads a file as a user would, runs it twice with values that its inputs declare, and lets it go. */
export async function runSession(file: Uint8Array): Promise<void> {
  const random = seeded(hashOf(file))
  const session = await InferenceSession.create(file, {
    memoryLimit: MEMORY_LIMIT,
    externalData: external,
    logLevel: 'fatal',
  })
  try {
    for (let run = 0; run < 2; run++) {
      const sizes = new Map<string, number>()
      const feeds = Object.fromEntries(
        session.inputMetadata.map((input) => [input.name, feedFor(input, sizes, random)]),
      )
      const stop = new AbortController()
      const timer = setTimeout(() => stop.abort(), TIME_LIMIT)
      try {
        await session.run(feeds, { signal: stop.signal })
      } finally {
        clearTimeout(timer)
      }
    }
  } finally {
    await session.release()
  }
}

/** Files to start from: one node each, of every case table, every second with open sizes. */
export function sessionModels(): Uint8Array[] {
  return caseModels(allCases, (i) => (i % 2 === 1 ? 'open' : 'fixed')).map(({ bytes }) => bytes)
}
