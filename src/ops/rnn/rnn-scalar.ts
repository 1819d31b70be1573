// One step of each recurrent cell in plain TypeScript; sums in float64, rounded once when stored.
import { LanewiseError } from '../../core/errors.js'
import type { Floats } from '../shared/scalar-floats.js'
import { exp, expm1, log1p, sigmoid, tanh } from '../../core/scalar-functions.js'

type Activate = (x: number) => number

/** What a cell knows of its direction. Weights are gates × hidden rows. */
export interface CellParameters {
  readonly input: number
  readonly hidden: number
  readonly x: Floats
  readonly w: Floats
  readonly r: Floats
  /** Biases of W, then of R. */
  readonly b: Floats | undefined
  /** Peepholes of the gates i, o, f. */
  readonly p: Floats | undefined
  /** Bound of what goes into an activation. */
  readonly clip: number
  readonly activations: readonly Activate[]
  /** LSTM: the forget gate is 1 − the input gate. */
  readonly coupled: boolean
  /** GRU: the reset gate applies to the product with R, not to the state before it. */
  readonly linearBeforeReset: boolean
}

/** Brings the states one step on, given where the input's row begins. */
export type CellStep = (xAt: number, h: Floats, c: Floats) => void

/** Functions of the ONNX list with the defaults of their parameters. */
const functions: Record<string, { alpha?: number; beta?: number; make: (alpha: number, beta: number) => Activate }> = {
  relu: { make: () => (x) => (x < 0 ? 0 : x) },
  tanh: { make: () => tanh },
  sigmoid: { make: () => sigmoid },
  affine: { alpha: 1, beta: 0, make: (a, b) => (x) => a * x + b },
  leakyrelu: { alpha: 0.01, make: (a) => (x) => (x < 0 ? a * x : x) },
  thresholdedrelu: { alpha: 1, make: (a) => (x) => (x > a ? x : 0) },
  scaledtanh: { alpha: 1, beta: 1, make: (a, b) => (x) => a * tanh(b * x) },
  hardsigmoid: { alpha: 0.2, beta: 0.5, make: (a, b) => (x) => Math.min(Math.max(a * x + b, 0), 1) },
  elu: { alpha: 1, make: (a) => (x) => (x < 0 ? a * expm1(x) : x) },
  softsign: { make: () => (x) => x / (1 + Math.abs(x)) },
  softplus: { make: () => (x) => Math.max(x, 0) + log1p(exp(-Math.abs(x))) },
}

/**
 * The activation functions of each direction. `activation_alpha` and `activation_beta` are lists for those functions
 * that have such a parameter, in their order.
 *
 * @throws LanewiseError `E_VALUE` for an unknown function or a list of the wrong length.
 */
export function cellActivations(
  attributes: {
    readonly activations: readonly string[] | undefined
    readonly activation_alpha: readonly number[] | undefined
    readonly activation_beta: readonly number[] | undefined
  },
  defaults: readonly string[],
  directions: number,
): Activate[][] {
  const names = attributes.activations?.length
    ? attributes.activations
    : Array.from({ length: directions }, () => defaults).flat()
  if (names.length !== defaults.length * directions) {
    throw new LanewiseError('E_VALUE', `${names.length} activations where ${defaults.length * directions} belong`)
  }
  const alphas = [...(attributes.activation_alpha ?? [])]
  const betas = [...(attributes.activation_beta ?? [])]
  const made = names.map((name) => {
    const key = name.toLowerCase()
    if (!Object.hasOwn(functions, key)) throw new LanewiseError('E_VALUE', `activation "${name}" is not known`)
    const { alpha, beta, make } = functions[key]
    return make(alpha === undefined ? 0 : (alphas.shift() ?? alpha), beta === undefined ? 0 : (betas.shift() ?? beta))
  })
  return Array.from({ length: directions }, (_, d) => made.slice(d * defaults.length, (d + 1) * defaults.length))
}

/** Σ w[row, i] · v[at + i] */
function dot(w: Floats, row: number, v: Floats, at: number, n: number): number {
  let sum = 0
  for (let i = 0, from = row * n; i < n; i++) sum += w[from + i] * v[at + i]
  return sum
}

function clamped(x: number, bound: number): number {
  return x > bound ? bound : x < -bound ? -bound : x
}

/** H = f(X·Wᵀ + H·Rᵀ + Wb + Rb) */
export function plainCell({ input, hidden, x, w, r, b, clip, activations: [f] }: CellParameters): CellStep {
  const next = new Float64Array(hidden)
  return (xAt, h) => {
    for (let j = 0; j < hidden; j++) {
      const bias = b ? b[j] + b[hidden + j] : 0
      next[j] = f(clamped(dot(w, j, x, xAt, input) + dot(r, j, h, 0, hidden) + bias, clip))
    }
    h.set(next)
  }
}

/** Gates z, r, h: H = (1 − z) ∘ h + z ∘ H. */
export function gruCell({
  input,
  hidden,
  x,
  w,
  r,
  b,
  clip,
  activations: [f, g],
  linearBeforeReset,
}: CellParameters): CellStep {
  const z = new Float64Array(hidden)
  const reset = new Float64Array(hidden)
  const next = new Float64Array(hidden)
  const biasOf = (gate: number, j: number, of: number) => (b ? b[(of * 3 + gate) * hidden + j] : 0)
  return (xAt, h) => {
    for (const [gate, to] of [z, reset].entries()) {
      for (let j = 0; j < hidden; j++) {
        const row = gate * hidden + j
        const sum = dot(w, row, x, xAt, input) + dot(r, row, h, 0, hidden) + biasOf(gate, j, 0) + biasOf(gate, j, 1)
        to[j] = f(clamped(sum, clip))
      }
    }
    const scaled = linearBeforeReset ? h : h.map((value, j) => value * reset[j])
    for (let j = 0; j < hidden; j++) {
      const row = 2 * hidden + j
      let recurrent = dot(r, row, scaled, 0, hidden) + biasOf(2, j, 1)
      if (linearBeforeReset) recurrent *= reset[j]
      const candidate = g(clamped(dot(w, row, x, xAt, input) + biasOf(2, j, 0) + recurrent, clip))
      next[j] = (1 - z[j]) * candidate + z[j] * h[j]
    }
    h.set(next)
  }
}

/** Gates i, o, f, c: C = f ∘ C + i ∘ c, H = o ∘ h(C). */
export function lstmCell(parameters: CellParameters): CellStep {
  const { input, hidden, x, w, r, b } = parameters
  const sums = new Float64Array(4 * hidden)
  const gates = lstmGates(parameters)
  return (xAt, state, cell) => {
    for (let row = 0; row < 4 * hidden; row++) {
      const bias = b ? b[row] + b[4 * hidden + row] : 0
      sums[row] = dot(w, row, x, xAt, input) + dot(r, row, state, 0, hidden) + bias
    }
    gates(sums, state, cell)
  }
}

/** What an LSTM makes of the sums that go into its gates, biases included. */
export function lstmGates({
  hidden,
  p,
  clip,
  activations: [f, g, h],
  coupled,
}: Pick<CellParameters, 'hidden' | 'p' | 'clip' | 'activations' | 'coupled'>): (
  sums: Floats,
  state: Floats,
  cell: Floats,
) => void {
  return (sums, state, cell) => {
    for (let j = 0; j < hidden; j++) {
      const before = cell[j]
      const peep = (gate: number, value: number) => (p ? p[gate * hidden + j] * value : 0)
      const i = f(clamped(sums[j] + peep(0, before), clip))
      const forget = coupled ? 1 - i : f(clamped(sums[2 * hidden + j] + peep(2, before), clip))
      const candidate = g(clamped(sums[3 * hidden + j], clip))
      cell[j] = forget * before + i * candidate
      const o = f(clamped(sums[hidden + j] + peep(1, cell[j]), clip))
      state[j] = o * h(cell[j])
    }
  }
}
