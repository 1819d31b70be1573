// Elementary functions of float64 numbers for operators in plain TypeScript, by arithmetic that every engine rounds
// alike.
const LN2_HIGH = 6.9314718036912381649e-1
const LN2_LOW = 1.90821492927058770002e-10

const word = new DataView(new ArrayBuffer(8))

/** 2ⁿ for −1022 ≤ n ≤ 1023. */
function power2(n: number): number {
  word.setUint32(0, (n + 1023) << 20)
  word.setUint32(4, 0)
  return word.getFloat64(0)
}

/** eˣ: x = n·ln 2 + r with ln 2 in two parts (Cody and Waite, 1980), e^r by its Taylor series. */
export function exp(x: number): number {
  if (!(x < 710)) return x === Infinity || x >= 710 ? Infinity : x
  if (x < -746) return 0
  const n = Math.round(x / Math.LN2)
  const r = x - n * LN2_HIGH - n * LN2_LOW
  let sum = 0
  for (let k = 16; k > 0; k--) sum = (r * (1 + sum)) / k
  const half = n >> 1
  return (1 + sum) * power2(half) * power2(n - half)
}

/** 1/23, 1/21, … 1/3. */
const ODD_RECIPROCALS = Float64Array.from({ length: 11 }, (_, i) => 1 / (23 - 2 * i))

/** Natural logarithm: x = 2^k·m, log m = 2·atanh(s) with s = (m − 1)/(m + 1), √½ ≤ m < √2. */
export function log(x: number): number {
  if (!(x > 0) || x === Infinity) return x === 0 ? -Infinity : x < 0 ? NaN : x
  const scaled = x < 2.2250738585072014e-308 ? x * 2 ** 54 : x
  word.setFloat64(0, scaled)
  const high = word.getUint32(0)
  let k = (high >>> 20) - 1023 - (scaled === x ? 0 : 54)
  word.setUint32(0, (high & 0xfffff) | 0x3ff00000)
  let m = word.getFloat64(0)
  if (m > Math.SQRT2) {
    m /= 2
    k += 1
  }
  const s = (m - 1) / (m + 1)
  const square = s * s
  let series = 0
  for (let i = 0; i < ODD_RECIPROCALS.length; i++) series = square * (ODD_RECIPROCALS[i] + series)
  return k * LN2_HIGH + (2 * (s + s * series) + k * LN2_LOW)
}

/** xʸ as C defines its special cases; whole exponents up to 64 in size by multiplication. */
export function pow(x: number, y: number): number {
  if (y === 0 || x === 1) return 1
  if (Number.isInteger(y) && Math.abs(y) <= 64) {
    let result = 1
    let square = x
    for (let n = Math.abs(y); n > 0; n = Math.floor(n / 2)) {
      if (n % 2 === 1) result *= square
      square *= square
    }
    return y < 0 ? 1 / result : result
  }
  if (y === 0.5 && x !== -Infinity) return Math.sqrt(x + 0)
  if (Number.isNaN(x) || Number.isNaN(y)) return NaN
  if (!Number.isFinite(x) || x === 0 || !Number.isFinite(y)) return special(x, y)
  if (x < 0) {
    if (!Number.isInteger(y)) return NaN
    const size = exp(y * log(-x))
    return y % 2 === 0 ? size : -size
  }
  return exp(y * log(x))
}

/** Powers of zeros and infinities, which no engine rounds. */
function special(x: number, y: number): number {
  const size = Math.abs(x)
  if (!Number.isFinite(y)) return size === 1 ? 1 : size > 1 === y > 0 ? Infinity : 0
  const large = (size === Infinity) === y > 0
  const odd = Number.isInteger(y) && Math.abs(y % 2) === 1
  const negative = odd && (x < 0 || Object.is(x, -0))
  return (large ? Infinity : 0) * (negative ? -1 : 1)
}

/** eˣ − 1, exact also where eˣ is nearly 1. */
export function expm1(x: number): number {
  if (!(Math.abs(x) < 0.5)) return exp(x) - 1
  let sum = 0
  for (let k = 18; k > 0; k--) sum = (x * (1 + sum)) / k
  return sum === 0 ? x : sum
}

/** log(1 + x) without the loss of x's low bits in the sum (Goldberg, 1991, theorem 4). */
export function log1p(x: number): number {
  const u = 1 + x
  if (u === 1 || x === Infinity) return x
  return (log(u) * x) / (u - 1)
}

export function tanh(x: number): number {
  if (x === 0) return x
  const t = expm1(-2 * Math.abs(x))
  const y = -t / (2 + t)
  return x < 0 ? -y : y
}

export function sigmoid(x: number): number {
  return 1 / (1 + exp(-x))
}

const HALF_PI_HIGH = 1.5707963267341256
const HALF_PI_LOW = 6.077100506506192e-11

/**
 * Sine by its Taylor series after reduction to [−π/4, π/4] in two parts (Cody and Waite, 1980); for |x| up to about
 * 10⁶.
 */
export function sin(x: number): number {
  return quadrant(x, 0)
}

export function cos(x: number): number {
  return quadrant(x, 1)
}

function quadrant(x: number, turn: number): number {
  const n = Math.round(x / (Math.PI / 2))
  const r = x - n * HALF_PI_HIGH - n * HALF_PI_LOW
  const q = (n + turn) & 3
  const square = r * r
  let sum = 0
  // Sine has the odd powers, cosine the even ones; both series end below 2^-60.
  for (let k = q % 2 === 0 ? 21 : 20; k > 1; k -= 2) sum = (-square * (1 + sum)) / (k * (k - 1))
  const value = q % 2 === 0 ? r * (1 + sum) : 1 + sum
  return q < 2 ? value : -value
}
