import { exp, log } from '../../../src/core/scalar-functions.js'

// Plain versions of what the random operators draw, one number after the other, in whole numbers of any size.

const mask = (bits: number): bigint => (1n << BigInt(bits)) - 1n
const word = (value: bigint): bigint => value & mask(32)
const turned = (value: bigint, by: number): bigint => word((value << BigInt(by)) | (value >> BigInt(32 - by)))

/** Words of 32 bits by xoshiro128** (Blackman and Vigna, 2018), seeded by splitmix32 of the two halves of a float64. */
function* wordsOf(seed: number): Generator<bigint, never> {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, seed)
  let z = word(BigInt(view.getUint32(4)) * 31n + BigInt(view.getUint32(0)))
  const s = [0, 1, 2, 3].map(() => {
    z = word(z + 0x9e3779b9n)
    let t = word((z ^ (z >> 16n)) * 0x85ebca6bn)
    t = word((t ^ (t >> 13n)) * 0xc2b2ae35n)
    return t ^ (t >> 16n)
  })
  for (;;) {
    yield word(turned(word(s[1] * 5n), 7) * 9n)
    const t = word(s[1] << 9n)
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = turned(s[3], 11)
  }
}

/** A number in [0, 1) of 53 bits of two words. */
const unit = (words: Iterator<bigint, never>): number =>
  Number((words.next().value >> 5n) * (1n << 26n) + (words.next().value >> 6n)) / 2 ** 53

/** Numbers in [0, 1) of one word each. */
export function unitReference(seed: number, count: number): Float64Array {
  const words = wordsOf(seed)
  return Float64Array.from({ length: count }, () => Number(words.next().value) / 2 ** 32)
}

/** float32 numbers from `low` to `high`. */
export function uniformReference(seed: number, count: number, low: number, high: number): Float32Array {
  return Float32Array.from(unitReference(seed, count), (u) => low + (high - low) * u)
}

const edge = 3.654152885361009
const area = 0.004928673233974658
const curve = (x: number): number => exp(-0.5 * x * x)

/** Right ends of the layers of the ziggurat (Marsaglia and Tsang, 2000), the lowest first; 0 above the highest. */
const ends = [edge]
for (let height = curve(edge); ends.length < 255; ends.push(Math.sqrt(-2 * log(height))))
  height += area / (ends.at(-1) ?? 0)
ends.push(0)

const heights = [curve(edge)]
for (let i = 1; i < 256; i++) heights.push(i === 255 ? 1 : heights[i - 1] + area / ends[i - 1])

function normalOf(first: bigint, words: Iterator<bigint, never>): number {
  for (let z = first; ; z = words.next().value) {
    const layer = Number(z & 255n)
    const width = layer === 0 ? area / curve(edge) : ends[layer - 1]
    const x = ((Number(BigInt.asIntN(24, z >> 8n)) + 0.5) / 2 ** 23) * width
    if (Math.abs(x) < ends[layer]) return x
    if (layer === 0)
      for (;;) {
        const beyond = -log(1 - unit(words)) / edge
        if (-2 * log(1 - unit(words)) >= beyond * beyond) return x < 0 ? -(edge + beyond) : edge + beyond
      }
    if (heights[layer - 1] + unit(words) * (heights[layer] - heights[layer - 1]) < curve(x)) return x
  }
}

/**
 * float32 normal numbers: the words of 1,024 candidates come first, then what those need that are not taken at once.
 */
export function normalReference(seed: number, count: number, mean: number, scale: number): Float32Array {
  const words = wordsOf(seed)
  const result = new Float32Array(count)
  for (let at = 0; at < count; at += 1024) {
    const candidates = Array.from({ length: Math.min(1024, count - at) }, () => words.next().value)
    candidates.forEach((z, i) => (result[at + i] = mean + scale * normalOf(z, words)))
  }
  return result
}
