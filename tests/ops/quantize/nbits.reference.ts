import type { Plain, Reference } from '../case.js'

/** The `index`-th number of `bits` bits after `from` bytes, the lowest bits of a byte first. */
function bitsAt(bytes: readonly number[], from: number, index: number, bits: number): number {
  let value = 0
  for (let i = 0; i < bits; i++) {
    const bit = index * bits + i
    value += ((bytes[from + (bit >> 3)] >> (bit & 7)) & 1) << i
  }
  return value
}

/** A product with weights of a few bits: every weight is (q − zero point) · scale of its block, or of its group. */
export const matMulNBits: Reference = (inputs, attributes) => {
  const [a, b, scales, zeros, groups, bias] = inputs as (Plain | undefined)[]
  const { K, N, bits, block_size: size } = attributes as Record<string, number>
  const blocks = Math.ceil(K / size)
  const [blockBytes, rowBytes] = [Math.ceil((size * bits) / 8), Math.ceil((blocks * bits) / 8)]
  const packed = zeros?.data.length === N * rowBytes && zeros.data.every(Number.isInteger)
  const rows = a!.data.length / K
  const data = Array.from({ length: rows * N }, (_, i) => {
    const [m, n] = [Math.floor(i / N), i % N]
    let sum = bias?.data[n] ?? 0
    for (let k = 0; k < K; k++) {
      const block = Math.floor(k / size)
      const group = groups ? groups.data[k] : block
      const zero = !zeros
        ? 2 ** (bits - 1)
        : packed
          ? bitsAt(zeros.data, n * rowBytes, group, bits)
          : zeros.data[n * blocks + group]
      const q = bitsAt(b!.data, (n * blocks + block) * blockBytes, k % size, bits)
      sum += a!.data[m * K + k] * (q - zero) * scales!.data[n * blocks + group]
    }
    return sum
  })
  return [{ shape: [...a!.shape.slice(0, -1), N], data }]
}
