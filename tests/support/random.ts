import { isBig, type DType } from '../../src/core/dtype.js'
import { hostZeros, type HostTensor } from '../../src/core/host.js'
import type { Shape } from '../../src/core/shape.js'

/**
 * A seeded generator of numbers in [0, 1): "mulberry32" (Tommy Ettinger, public domain), good enough to fill test
 * tensors.
 */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/**
 * A tensor of uniform numbers in [low, high); whole numbers for integer types, 0 or 1 for bool. float16-like types take
 * bit patterns.
 */
export function randomTensor(random: () => number, dtype: DType, shape: Shape, low = -1, high = 1): HostTensor {
  const tensor = hostZeros(dtype, shape)
  const data = tensor.data as { [i: number]: number | bigint; length: number }
  for (let i = 0; i < data.length; i++) {
    const value = low + random() * (high - low)
    if (dtype === 'bool') data[i] = value > (low + high) / 2 ? 1 : 0
    else if (isBig(dtype)) data[i] = BigInt(Math.floor(value))
    else data[i] = dtype === 'float32' || dtype === 'float64' ? value : Math.floor(value)
  }
  return tensor
}
