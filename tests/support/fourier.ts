/**
 * Discrete Fourier transform of 2^n complex numbers in place, forward (sign −1) or, without the factor 1/n, backward
 * (Cooley & Tukey, 1965).
 */
function transform(re: Float64Array, im: Float64Array, sign: number): void {
  const n = re.length
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1
    for (; j & bit; bit >>= 1) j ^= bit
    j ^= bit
    if (i < j) {
      ;[re[i], re[j]] = [re[j], re[i]]
      ;[im[i], im[j]] = [im[j], im[i]]
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const angle = (sign * 2 * Math.PI * k) / size
      const [c, s] = [Math.cos(angle), Math.sin(angle)]
      for (let at = k; at < n; at += size) {
        const other = at + size / 2
        const [a, b] = [re[other] * c - im[other] * s, re[other] * s + im[other] * c]
        re[other] = re[at] - a
        im[other] = im[at] - b
        re[at] += a
        im[at] += b
      }
    }
  }
}

export interface Spectrum {
  readonly re: Float64Array
  readonly im: Float64Array
}

/** The n/2 + 1 frequencies of n real samples. */
export function realSpectrum(samples: ArrayLike<number>): Spectrum {
  const re = Float64Array.from(samples)
  const im = new Float64Array(re.length)
  transform(re, im, -1)
  return { re: re.subarray(0, re.length / 2 + 1), im: im.subarray(0, re.length / 2 + 1) }
}

/** The reverse of {@link realSpectrum}. */
export function realSamples({ re, im }: Spectrum): Float64Array {
  const n = 2 * (re.length - 1)
  const [a, b] = [new Float64Array(n), new Float64Array(n)]
  for (let k = 0; k < re.length; k++) {
    a[k] = a[(n - k) % n] = re[k]
    // The first and last frequency of real samples are real.
    b[k] = k === 0 || k === n / 2 ? 0 : im[k]
    if (k > 0 && k < n / 2) b[n - k] = -im[k]
  }
  transform(a, b, 1)
  return a.map((value) => value / n)
}
