import { Generator } from '../../core/generator.js'
import { cos, log } from '../../core/scalar-functions.js'

/** Numbers that are drawn together for a normal one each: what they are drawn into stays in the cache. */
const CHUNK = 512

/** A generator that fills whole arrays, with the numbers that it would draw one by one. */
export class BulkGenerator extends Generator {
  /** See {@link Generator.uniform}. */
  uniforms(to: Float64Array): void {
    // The state in variables: as an array it is written and read again for every number.
    const { state } = this
    let [a, b, c, d] = [state[0] | 0, state[1] | 0, state[2] | 0, state[3] | 0]
    for (let i = 0; i < to.length; i++) {
      let high = 0
      for (let half = 0; half < 2; half++) {
        const product = Math.imul(b, 5)
        const bits = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
        const t = b << 9
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= t
        d = (d << 11) | (d >>> 21)
        if (half === 0) high = (bits >>> 5) * 2 ** 26
        else to[i] = (high + (bits >>> 6)) / 2 ** 53
      }
    }
    state.set([a, b, c, d])
  }

  /** See {@link Generator.normal}. */
  normals(to: Float64Array): void {
    const drawn = new Float64Array(2 * CHUNK)
    for (let at = 0; at < to.length; at += CHUNK) {
      const count = Math.min(CHUNK, to.length - at)
      this.uniforms(drawn.subarray(0, 2 * count))
      for (let i = 0; i < count; i++)
        to[at + i] = Math.sqrt(-2 * log(1 - drawn[2 * i])) * cos(2 * Math.PI * drawn[2 * i + 1])
    }
  }
}
