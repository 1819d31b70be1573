import { cos, log } from './scalar-functions.js'

/** xoshiro128** (Blackman and Vigna, 2018): the same numbers for the same seed everywhere. */
export class Generator {
  protected readonly state: Uint32Array

  constructor(seed: number) {
    // Seeds are spread by splitmix32, so that neighbouring ones have nothing in common. A seed may be any float.
    let z = new Uint32Array(Float64Array.of(seed).buffer).reduce((a, b) => Math.imul(a, 31) + b, 0) >>> 0
    this.state = Uint32Array.from({ length: 4 }, () => {
      z = (z + 0x9e3779b9) >>> 0
      let t = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
      t = Math.imul(t ^ (t >>> 13), 0xc2b2ae35)
      return t ^ (t >>> 16)
    })
  }

  protected bits(): number {
    const s = this.state
    const product = Math.imul(s[1], 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const t = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = (s[3] << 11) | (s[3] >>> 21)
    return result
  }

  /** In [0, 1), 53 bits. */
  uniform(): number {
    return ((this.bits() >>> 5) * 2 ** 26 + (this.bits() >>> 6)) / 2 ** 53
  }

  /** Of mean 0 and variance 1 (Box and Muller, 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * log(1 - this.uniform()))
    return radius * cos(2 * Math.PI * this.uniform())
  }
}

/** A sequence of seeds from one: by a Weyl sequence, so that it has not repeated after four billion. */
export function seedsFrom(seed: number | undefined): () => number {
  let start: number | undefined
  let calls = 0
  return () => {
    if (start === undefined) {
      // Asked for only when something is random: in Node the mere mention of `crypto` loads it, a third of a cold
      // start.
      const [low, high] = new Uint32Array(Float64Array.of(seed ?? crypto.getRandomValues(new Uint32Array(1))[0]).buffer)
      start = Math.imul(Math.imul(low, 31) + high, 0x85ebca6b)
    }
    return (start + Math.imul(++calls, 0x9e3779b1)) >>> 0
  }
}
