// Elementary functions of float64 numbers for operators in plain TypeScript, by arithmetic that every engine rounds alike.
const { exp, log } = Math
export { exp, log }

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

/** Sine by its Taylor series after reduction to [−π/4, π/4] in two parts (Cody and Waite, 1980); for |x| up to about 10⁶. */
export function sin(x: number): number {
  return quadrant(x, 0)
}

export function cos(x: number): number {
  return quadrant(x, 1)
}

function quadrant(x: number, turn: number): number {
  const n = Math.round(x / (Math.PI / 2))
  const r = x - n * HALF_PI_HIGH - n * HALF_PI_LOW
  const q = (((n + turn) % 4) + 4) % 4
  const square = r * r
  let sum = 0
  // Sine has the odd powers, cosine the even ones; both series end below 2^-60.
  for (let k = q % 2 === 0 ? 21 : 20; k > 1; k -= 2) sum = (-square * (1 + sum)) / (k * (k - 1))
  const value = q % 2 === 0 ? r * (1 + sum) : 1 + sum
  return q < 2 ? value : -value
}
