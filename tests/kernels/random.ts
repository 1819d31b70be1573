/** A seeded source of arrays of floats, uniform in [-1, 1). */
export function uniform(seed: number): (length: number) => Float32Array {
  let state = (seed * 2654435761 + 1) >>> 0
  return (length) =>
    Float32Array.from({ length }, () => {
      // mulberry32
      state = (state + 0x6d2b79f5) >>> 0
      let t = Math.imul(state ^ (state >>> 15), state | 1)
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1
    })
}
