import { Generator } from '../../core/generator.js'
import { hostTensor, type HostTensor } from '../../core/host.js'
import { exp, log } from '../../core/scalar-functions.js'

/** Numbers that are drawn together: their words stay in the cache. */
export const CHUNK = 1024

/** What the words are drawn into: no generator is at work while another one is. */
let drawn: Uint32Array | undefined

/** A generator that fills whole arrays: float32 numbers of a word of 32 bits each, float64 ones of two. */
export class BulkGenerator extends Generator {
  private words(count: number): Uint32Array {
    // The state in variables: as an array it is written and read again for every word.
    const { state } = this
    const words = (drawn ??= new Uint32Array(2 * CHUNK))
    let [a, b, c, d] = [state[0] | 0, state[1] | 0, state[2] | 0, state[3] | 0]
    for (let i = 0; i < count; i++) {
      const product = Math.imul(b, 5)
      words[i] = Math.imul((product << 7) | (product >>> 25), 9)
      const t = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= t
      d = (d << 11) | (d >>> 21)
    }
    state.set([a, b, c, d])
    return words
  }

  /** Writes the state where kernels go on from it. */
  hand(to: Uint32Array): void {
    to.set(this.state)
  }

  /** low + range·u for numbers u in [0, 1) of 32 or, as {@link Generator.uniform}, 53 bits. */
  uniforms(to: Float32Array | Float64Array, low = 0, range = 1): void {
    for (let at = 0; at < to.length; at += CHUNK) {
      const count = Math.min(CHUNK, to.length - at)
      if (to instanceof Float32Array) {
        const words = this.words(count)
        for (let i = 0; i < count; i++) to[at + i] = low + range * (words[i] * 2 ** -32)
      } else {
        const words = this.words(2 * count)
        for (let i = 0; i < count; i++)
          to[at + i] = low + range * (((words[2 * i] >>> 5) * 2 ** 26 + (words[2 * i + 1] >>> 6)) / 2 ** 53)
      }
    }
  }

  /** 1 with the probability that stands at the same place, else 0. */
  events(to: Float32Array | Uint8Array, probabilities: Float32Array | Float64Array): void {
    for (let at = 0; at < to.length; at += CHUNK) {
      const count = Math.min(CHUNK, to.length - at)
      const words = this.words(count)
      for (let i = 0; i < count; i++) to[at + i] = Number(words[i] * 2 ** -32 < probabilities[at + i]) | 0
    }
  }

  /**
   * mean + scale·z for normal numbers z. The words of a chunk are drawn first, then what those need that lie beyond
   * their layer.
   */
  normals(to: Float32Array | Float64Array, mean = 0, scale = 1): void {
    const { widths, edges } = (layers ??= makeLayers())
    for (let at = 0; at < to.length; at += CHUNK) {
      const count = Math.min(CHUNK, to.length - at)
      if (to instanceof Float32Array) {
        const words = this.words(count)
        let misses = 0
        for (let i = 0; i < count; i++) {
          const word = words[i] | 0
          // In the middle of what the bits leave open, so that both sides are alike.
          const z = ((word >> 8) + 0.5) * widths[word & 255]
          to[at + i] = mean + scale * z
          // Noted without a branch, in the half that holds no words.
          words[CHUNK + misses] = i
          misses += Number(Math.abs(z) >= edges[word & 255]) | 0
        }
        for (let k = 0; k < misses; k++) {
          const i = words[CHUNK + k]
          const word = words[i] | 0
          to[at + i] = mean + scale * this.beyond(word & 255, ((word >> 8) + 0.5) * widths[word & 255], false)
        }
      } else {
        const words = this.words(2 * count)
        for (let i = 0; i < count; i++) {
          const layer = words[2 * i] & 255
          const z = (((words[2 * i] | 0) >> 8) + (words[2 * i + 1] + 0.5) * 2 ** -32) * widths[layer]
          to[at + i] = mean + scale * (Math.abs(z) < edges[layer] ? z : this.beyond(layer, z, true))
        }
      }
    }
  }

  /**
   * A normal number whose first candidate lies in the part of a layer that is not all under the curve, or in the tail.
   */
  private beyond(layer: number, z: number, precise: boolean): number {
    const { widths, edges, heights } = (layers ??= makeLayers())
    for (;;) {
      if (layer === 0) return z < 0 ? -this.tail() : this.tail()
      const height = heights[layer - 1] + this.uniform() * (heights[layer] - heights[layer - 1])
      if (height < exp(-0.5 * z * z)) return z
      const word = this.bits() | 0
      layer = word & 255
      z = ((word >> 8) + (precise ? (this.bits() + 0.5) * 2 ** -32 : 0.5)) * widths[layer]
      if (Math.abs(z) < edges[layer]) return z
    }
  }

  /** A normal number beyond the lowest layer (Marsaglia, 1964). */
  private tail(): number {
    for (;;) {
      const x = -log(1 - this.uniform()) / EDGE
      const y = -log(1 - this.uniform())
      if (2 * y >= x * x) return EDGE + x
    }
  }
}

// The area under exp(−x²/2), x ≥ 0, in 256 layers of equal size (G. Marsaglia and W. W. Tsang, "The Ziggurat Method for
// Generating Random Variables", 2000): where the lowest one ends and the tail begins, and the size of each. One
// equation, "the highest layer ends at 1", makes both.
const EDGE = 3.654152885361009
const AREA = 0.004928673233974658

interface Layers {
  /** How wide each layer is, over 2^23; of the lowest one, the tail laid beside it. */
  readonly widths: Float64Array
  /** What lies below is under the curve. */
  readonly edges: Float64Array
  /** Where each layer ends above. */
  readonly heights: Float64Array
  /** All of them, one after the other. */
  readonly all: HostTensor
}

let layers: Layers | undefined

/** The layers of the ziggurat as a kernel takes them. */
export function layersOfNormal(): HostTensor {
  return (layers ??= makeLayers()).all
}

function makeLayers(): Layers {
  const all = new Float64Array(3 * 256)
  const [widths, edges, heights] = [0, 256, 512].map((at) => all.subarray(at, at + 256))
  let [x, height] = [EDGE, exp(-0.5 * EDGE * EDGE)]
  widths[0] = AREA / height / 2 ** 23
  edges[0] = EDGE
  heights[0] = height
  for (let i = 1; i < 256; i++) {
    widths[i] = x / 2 ** 23
    height = i === 255 ? 1 : height + AREA / x
    x = Math.sqrt(-2 * log(height))
    edges[i] = x
    heights[i] = height
  }
  return { widths, edges, heights, all: hostTensor('float64', [3, 256], all) }
}
