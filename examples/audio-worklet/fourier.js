/**
 * Discrete Fourier transforms of 2^n complex numbers in place (Cooley & Tukey, 1965), everything that they need made
 * once.
 */
export class Fourier {
  constructor(size) {
    this.size = size
    this.cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size))
    this.sin = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / size))
  }

  /** Exchange `re` and `im` for the other direction, without the factor 1/n. */
  forward(re, im) {
    const { size, cos, sin } = this
    for (let i = 1, j = 0; i < size; i++) {
      let bit = size >> 1
      for (; j & bit; bit >>= 1) j ^= bit
      j ^= bit
      if (i < j) {
        const a = re[i]
        const b = im[i]
        re[i] = re[j]
        im[i] = im[j]
        re[j] = a
        im[j] = b
      }
    }
    for (let half = 1, turns = size >> 1; half < size; half <<= 1, turns >>= 1) {
      for (let k = 0; k < half; k++) {
        const c = cos[k * turns]
        const s = sin[k * turns]
        for (let at = k; at < size; at += 2 * half) {
          const other = at + half
          const a = re[other] * c + im[other] * s
          const b = im[other] * c - re[other] * s
          re[other] = re[at] - a
          im[other] = im[at] - b
          re[at] += a
          im[at] += b
        }
      }
    }
  }
}
