// Where the constants of assembly/lib/simd.ts come from: polynomials and rational functions whose largest weighted
// error over an interval is least, by Lawson's algorithm (C. L. Lawson, 1961; for the rational ones with the linearised
// weights of Sanathanan and Koerner, 1963). Prints each fit, rounded to float32, with the error that is left.
//
//   npx tsx scripts/minimax.ts

/** One problem: find coefficients c so that Σ c[j]·basis[j](x) ≈ target(x), with the error at x divided by scale(x). */
interface Fit {
  name: string
  from: number
  to: number
  /**
   * numerator(x) / denominator(x) approximates f(x), as polynomials in u(x) with the given numbers of free
   * coefficients.
   */
  f: (x: number) => number
  u: (x: number) => number
  numerator: number
  denominator: number
  /** The constant terms are fixed at 1 (rational) or free. */
  unit: boolean
  scale: (x: number) => number
}

const POINTS = 1200
const ROUNDS = 400

/** Least squares by Householder reflections; `rows` is overwritten, the last entry of a row is its right-hand side. */
function leastSquares(rows: Float64Array[], unknowns: number): number[] {
  for (let k = 0; k < unknowns; k++) {
    let norm = 0
    for (let i = k; i < rows.length; i++) norm += rows[i][k] ** 2
    norm = Math.sqrt(norm)
    if (rows[k][k] > 0) norm = -norm
    const head = rows[k][k] - norm
    const scale = -norm * head
    const v = rows.map((row) => row[k])
    v[k] = head
    for (let j = k; j <= unknowns; j++) {
      let dot = 0
      for (let i = k; i < rows.length; i++) dot += v[i] * rows[i][j]
      const t = dot / scale
      for (let i = k; i < rows.length; i++) rows[i][j] -= t * v[i]
    }
  }
  const x = new Array<number>(unknowns).fill(0)
  for (let k = unknowns - 1; k >= 0; k--) {
    let sum = rows[k][unknowns]
    for (let j = k + 1; j < unknowns; j++) sum -= rows[k][j] * x[j]
    x[k] = sum / rows[k][k]
  }
  return x
}

const horner = (c: readonly number[], u: number): number =>
  c.reduceRight((sum, coefficient) => sum * u + coefficient, 0)

function solve(fit: Fit): { p: number[]; q: number[]; error: number } {
  const { numerator, denominator, unit } = fit
  const xs = Array.from({ length: POINTS }, (_, i) => {
    const t = (1 - Math.cos((Math.PI * (i + 0.5)) / POINTS)) / 2
    return fit.from + (fit.to - fit.from) * t
  })
  const uMax = Math.max(...xs.map((x) => Math.abs(fit.u(x))))
  const weights = new Float64Array(POINTS).fill(1)
  let p: number[] = []
  let q: number[] = [1]
  let best = { p, q, error: Infinity }
  for (let round = 0; round < ROUNDS; round++) {
    const rows = xs.map((x, i) => {
      const u = fit.u(x) / uMax
      const f = fit.f(x)
      const w = Math.sqrt(weights[i]) / (fit.scale(x) * horner(q, fit.u(x)))
      const row = new Float64Array(numerator + denominator + 1)
      const lead = unit ? u : 1
      for (let j = 0; j < numerator; j++) row[j] = w * lead * u ** j
      for (let j = 0; j < denominator; j++) row[numerator + j] = -w * f * u ** (j + 1)
      row[numerator + denominator] = w * (unit ? f - 1 : f)
      return row
    })
    const c = leastSquares(rows, numerator + denominator)
    const shift = unit ? 1 : 0
    p = c.slice(0, numerator).map((v, j) => v / uMax ** (j + shift))
    if (unit) p.unshift(1)
    q = [1, ...c.slice(numerator).map((v, j) => v / uMax ** (j + 1))]
    let error = 0
    let total = 0
    for (let i = 0; i < POINTS; i++) {
      const u = fit.u(xs[i])
      const e = Math.abs(horner(p, u) / horner(q, u) - fit.f(xs[i])) / fit.scale(xs[i])
      error = Math.max(error, e)
      weights[i] *= Math.max(e, 1e-30)
      total += weights[i]
    }
    for (let i = 0; i < POINTS; i++) weights[i] *= POINTS / total
    if (error < best.error) best = { p, q, error }
  }
  return best
}

/**
 * erf by its Maclaurin series below 2 and by the continued fraction of erfc above (Abramowitz and Stegun 7.1.6,
 * 7.1.14).
 */
function erf(x: number): number {
  if (x < 2) {
    let term = x
    let sum = x
    for (let n = 1; n < 100; n++) {
      term *= (2 * x * x) / (2 * n + 1)
      sum += term
    }
    return (2 / Math.sqrt(Math.PI)) * sum * Math.exp(-x * x)
  }
  let fraction = 0
  for (let k = 120; k > 0; k--) fraction = k / 2 / (x + fraction)
  return 1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction))
}

const half = Math.LN2 / 2
const fits: Fit[] = [
  {
    // e^r = 1 + r + r²·p(r); the error counts relative to e^r.
    name: 'exp',
    from: -half * 1.001,
    to: half * 1.001,
    u: (r) => r,
    numerator: 5,
    denominator: 0,
    unit: false,
    f: (r) => (Math.abs(r) < 1e-3 ? 0.5 + r / 6 + r ** 2 / 24 : (Math.expm1(r) - r) / r ** 2),
    scale: (r) => Math.exp(r) / Math.max(r ** 2, 1e-9),
  },
  {
    // 2^r = 1 + r·p(r)
    name: 'exp2',
    from: -0.5,
    to: 0.5,
    u: (r) => r,
    numerator: 5,
    denominator: 0,
    unit: true,
    f: (r) => 2 ** r,
    scale: (r) => 2 ** r,
  },
  {
    // tanh r = r·p(r²)/q(r²) for |r| ≤ ln 2 / 4, which is e^(2r) = (q + r·p)/(q − r·p)
    name: 'tanh',
    from: 1e-4,
    to: (half / 2) * 1.001,
    u: (x) => x * x,
    numerator: 1,
    denominator: 1,
    unit: true,
    f: (x) => Math.tanh(x) / x,
    scale: (x) => Math.tanh(x) / x,
  },
  {
    // erf x = x·p(x²)/q(x²)
    name: 'erf',
    from: 1e-3,
    to: 3.84,
    u: (x) => x * x,
    numerator: 5,
    denominator: 4,
    unit: false,
    f: (x) => erf(x) / x,
    scale: (x) => erf(x) / x,
  },
  {
    // log(1 + f) = f − f²/2 + f³·p(f) for √½ ≤ 1 + f < √2
    name: 'log',
    from: Math.SQRT1_2 - 1,
    to: Math.SQRT2 - 1,
    u: (f) => f,
    numerator: 9,
    denominator: 0,
    unit: false,
    f: (f) =>
      Math.abs(f) < 2e-3 ? 1 / 3 - f / 4 + f ** 2 / 5 - f ** 3 / 6 : (Math.log1p(f) - f + (f * f) / 2) / f ** 3,
    scale: (f) => Math.max(Math.abs(f), 1e-3) / Math.max(Math.abs(f) ** 3, 1e-9),
  },
  {
    // log(1 + e) = 2·atanh(s) = 2·s·(1 + s²·p(s²)), s = e/(2 + e), for 0 ≤ e ≤ 1
    name: 'log1p',
    from: 1e-3,
    to: 1 / 3,
    u: (s) => s * s,
    numerator: 4,
    denominator: 0,
    unit: true,
    f: (s) => Math.atanh(s) / s,
    scale: () => 1,
  },
]

const show = (c: readonly number[]): string => c.map((v) => Math.fround(v).toPrecision(9)).join(', ')
const only = process.argv.slice(2)
for (const fit of fits) {
  if (only.length > 0 && !only.includes(fit.name)) continue
  const { p, q, error } = solve(fit)
  console.log(`${fit.name}: largest error 2^${Math.log2(error).toFixed(1)}\n  p ${show(p)}`)
  if (q.length > 1) console.log(`  q ${show(q)}`)
}
