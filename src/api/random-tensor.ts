import { isBig, isFloat, makeData, type DType } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { numericTensor } from '../ops/shared/scalar-floats.js'
import { sizeOf, type Shape } from '../core/shape.js'

/**
 * Numbers in [0, 1), the same on every machine: Marsaglia's xorshift32 ("Xorshift RNGs", 2003), scrambled by a
 * multiplication.
 */
export function uniform(seed: number): () => number {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (Math.imul(state, 0x2545f491) >>> 0) / 2 ** 32
  }
}

/** Floats in [0, 1), and 0 or 1 for integers: an index, a token or a flag that any model knows. */
export function randomTensor(dtype: DType, shape: Shape, random: () => number): HostTensor {
  const size = sizeOf(shape)
  if (dtype === 'string')
    return { dtype, shape, data: Array.from({ length: size }, () => String(Math.floor(random() * 2))) }
  if (isFloat(dtype)) return numericTensor(dtype, shape, Float32Array.from({ length: size }, random))
  const data = makeData(dtype, size) as { [i: number]: number | bigint; readonly length: number }
  for (let i = 0; i < data.length; i++) {
    const bit = random() < 0.5 ? 0 : 1
    data[i] = isBig(dtype) ? BigInt(bit) : bit
  }
  return { dtype, shape, data: data as unknown as HostTensor['data'] }
}
