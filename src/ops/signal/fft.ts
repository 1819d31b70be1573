// Discrete Fourier transforms of any length in O(n log n), in float64.
import { cos, sin } from '../../core/scalar-functions.js'

/** Real and imaginary parts. */
export interface Complex {
  readonly re: Float64Array
  readonly im: Float64Array
}

/** Cosine and sine of 2π·k/n: k is reduced first, so that the angle is exact for any k. */
function angle(k: number, n: number): [number, number] {
  const x = (2 * Math.PI * (k % n)) / n
  return [cos(x), sin(x)]
}

/** X[k] = Σ x[j]·e^(∓2πi·jk/n), in place; the inverse is not scaled. */
export function transform({ re, im }: Complex, inverse: boolean): void {
  const n = re.length
  if (n < 2) return
  if ((n & (n - 1)) === 0) powerOfTwo(re, im, inverse)
  else anyLength(re, im, inverse)
}

/** Cooley and Tukey, 1965: decimation in time. */
function powerOfTwo(re: Float64Array, im: Float64Array, inverse: boolean): void {
  const n = re.length
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1
    for (; j & bit; bit >>= 1) j ^= bit
    j |= bit
    if (i < j) {
      ;[re[i], re[j]] = [re[j], re[i]]
      ;[im[i], im[j]] = [im[j], im[i]]
    }
  }
  const half = n >> 1
  const c = new Float64Array(half)
  const s = new Float64Array(half)
  for (let k = 0; k < half; k++) {
    const [x, y] = angle(k, n)
    c[k] = x
    s[k] = inverse ? y : -y
  }
  for (let size = 2; size <= n; size *= 2) {
    const step = n / size
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < size / 2; k++) {
        const a = start + k
        const b = a + size / 2
        const x = re[b] * c[k * step] - im[b] * s[k * step]
        const y = re[b] * s[k * step] + im[b] * c[k * step]
        re[b] = re[a] - x
        im[b] = im[a] - y
        re[a] += x
        im[a] += y
      }
    }
  }
}

/**
 * Bluestein, 1970: jk = (j² + k² − (k − j)²)/2 makes a convolution of the sum, which is done by transforms of a power
 * of two.
 */
function anyLength(re: Float64Array, im: Float64Array, inverse: boolean): void {
  const n = re.length
  let size = 1
  while (size < 2 * n - 1) size *= 2
  const c = new Float64Array(n)
  const s = new Float64Array(n)
  for (let k = 0; k < n; k++) {
    // k² mod 2n in exact integers: k² passes 2^53 only for n beyond 9·10⁷.
    const [x, y] = angle((k * k) % (2 * n), 2 * n)
    c[k] = x
    s[k] = inverse ? -y : y
  }
  const a: Complex = { re: new Float64Array(size), im: new Float64Array(size) }
  const b: Complex = { re: new Float64Array(size), im: new Float64Array(size) }
  for (let k = 0; k < n; k++) {
    a.re[k] = re[k] * c[k] + im[k] * s[k]
    a.im[k] = im[k] * c[k] - re[k] * s[k]
    b.re[k] = b.re[(size - k) % size] = c[k]
    b.im[k] = b.im[(size - k) % size] = s[k]
  }
  transform(a, false)
  transform(b, false)
  for (let k = 0; k < size; k++) {
    const x = a.re[k] * b.re[k] - a.im[k] * b.im[k]
    a.im[k] = a.re[k] * b.im[k] + a.im[k] * b.re[k]
    a.re[k] = x
  }
  transform(a, true)
  for (let k = 0; k < n; k++) {
    const x = a.re[k] / size
    const y = a.im[k] / size
    re[k] = x * c[k] + y * s[k]
    im[k] = y * c[k] - x * s[k]
  }
}
