import type { Plain, Reference } from '../case.js'

type Fn = (x: number, alpha: number, beta: number) => number
type State = { h: number[]; c: number[] }
type Gate = (gate: number, h: readonly number[]) => number[]

const functions: Record<string, Fn> = {
  Relu: (x) => Math.max(0, x),
  Tanh: (x) => Math.tanh(x),
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Affine: (x, alpha, beta) => alpha * x + beta,
  LeakyRelu: (x, alpha) => (x < 0 ? alpha * x : x),
  ThresholdedRelu: (x, alpha) => (x >= alpha ? x : 0),
  ScaledTanh: (x, alpha, beta) => alpha * Math.tanh(beta * x),
  HardSigmoid: (x, alpha, beta) => Math.min(1, Math.max(0, alpha * x + beta)),
  Elu: (x, alpha) => (x < 0 ? alpha * (Math.exp(x) - 1) : x),
  Softsign: (x) => x / (1 + Math.abs(x)),
  Softplus: (x) => Math.log(1 + Math.exp(x)),
}

interface Parts {
  /** X·Wᵀ of a gate for the current input, without bias. */
  readonly fromInput: (gate: number) => number[]
  /** H·Rᵀ of a gate for any state, without bias. */
  readonly fromState: Gate
  readonly wb: (gate: number) => number[]
  readonly rb: (gate: number) => number[]
  readonly peephole: (gate: number) => number[]
  readonly f: readonly ((x: number) => number)[]
  readonly clip: (x: number) => number
  readonly attributes: Readonly<Record<string, unknown>>
}

const add = (...vectors: readonly (readonly number[])[]) =>
  vectors[0].map((_, j) => vectors.reduce((sum, v) => sum + v[j], 0))
const mul = (a: readonly number[], b: readonly number[]) => a.map((v, j) => v * b[j])

/** The equations of the operators' specification, one vector at a time. */
function recurrent(gates: number, defaults: readonly string[], step: (parts: Parts, state: State) => State): Reference {
  return ([x, w, r, b, lengths, h0, c0, p], attributes) => {
    const layout = attributes.layout ?? 0
    const [d0, d1, input] = x.shape
    const [length, batch] = layout ? [d1, d0] : [d0, d1]
    const directions = w.shape[0]
    const hidden = r.shape[2]
    const names =
      (attributes.activations as string[] | undefined) ?? Array.from({ length: directions }, () => defaults).flat()
    const bound = (attributes.clip as number | undefined) ?? Infinity
    const alpha = (attributes.activation_alpha as number[] | undefined) ?? []
    const beta = (attributes.activation_beta as number[] | undefined) ?? []
    const y: Plain = {
      shape: layout ? [batch, length, directions, hidden] : [length, directions, batch, hidden],
      data: new Array<number>(length * directions * batch * hidden).fill(0),
    }
    const stateShape = layout ? [batch, directions, hidden] : [directions, batch, hidden]
    const yh: Plain = { shape: stateShape, data: new Array<number>(directions * batch * hidden).fill(0) }
    const yc: Plain = { shape: stateShape, data: new Array<number>(directions * batch * hidden).fill(0) }
    for (let d = 0; d < directions; d++) {
      const rows = (m: Plain, cols: number, gate: number, v: readonly number[]) =>
        Array.from({ length: hidden }, (_, j) =>
          v.reduce((sum, value, i) => sum + value * m.data[((d * gates + gate) * hidden + j) * cols + i], 0),
        )
      const part = (v: Plain | undefined, per: number, gate: number) =>
        Array.from({ length: hidden }, (_, j) => (v ? v.data[(d * per + gate) * hidden + j] : 0))
      const reversed = attributes.direction === 'reverse' || d === 1
      for (let n = 0; n < batch; n++) {
        const row = layout ? n * directions + d : d * batch + n
        const slice = (v: Plain | undefined) =>
          v ? v.data.slice(row * hidden, (row + 1) * hidden) : new Array<number>(hidden).fill(0)
        let state = { h: slice(h0), c: slice(c0) }
        const steps = lengths ? lengths.data[n] : length
        for (let i = 0; i < steps; i++) {
          const t = reversed ? steps - 1 - i : i
          const at = layout ? n * length + t : t * batch + n
          const xt = x.data.slice(at * input, (at + 1) * input)
          state = step(
            {
              fromInput: (gate) => rows(w, input, gate, xt),
              fromState: (gate, h) => rows(r, hidden, gate, h),
              wb: (gate) => part(b, 2 * gates, gate),
              rb: (gate) => part(b, 2 * gates, gates + gate),
              peephole: (gate) => part(p, 3, gate),
              f: defaults.map(
                (_, k) => (v: number) =>
                  functions[names[d * defaults.length + k]](
                    v,
                    alpha[d * defaults.length + k],
                    beta[d * defaults.length + k],
                  ),
              ),
              clip: (v) => Math.min(Math.max(v, -bound), bound),
              attributes,
            },
            state,
          )
          const out = layout ? (n * length + t) * directions + d : (t * directions + d) * batch + n
          state.h.forEach((value, j) => (y.data[out * hidden + j] = value))
        }
        state.h.forEach((value, j) => (yh.data[row * hidden + j] = value))
        state.c.forEach((value, j) => (yc.data[row * hidden + j] = value))
      }
    }
    return [y, yh, yc]
  }
}

export const rnn = recurrent(1, ['Tanh'], ({ fromInput, fromState, wb, rb, f, clip }, { h, c }) => ({
  h: add(fromInput(0), fromState(0, h), wb(0), rb(0)).map(clip).map(f[0]),
  c,
}))

export const gru = recurrent(
  3,
  ['Sigmoid', 'Tanh'],
  ({ fromInput, fromState, wb, rb, f, clip, attributes }, { h, c }) => {
    const [z, r] = [0, 1].map((gate) =>
      add(fromInput(gate), fromState(gate, h), wb(gate), rb(gate)).map(clip).map(f[0]),
    )
    const recurrentPart = attributes.linear_before_reset
      ? mul(r, add(fromState(2, h), rb(2)))
      : add(fromState(2, mul(r, h)), rb(2))
    const candidate = add(fromInput(2), recurrentPart, wb(2)).map(clip).map(f[1])
    return { h: h.map((value, j) => (1 - z[j]) * candidate[j] + z[j] * value), c }
  },
)

export const lstm = recurrent(
  4,
  ['Sigmoid', 'Tanh', 'Tanh'],
  ({ fromInput, fromState, wb, rb, peephole, f, clip, attributes }, { h, c }) => {
    const [i, o, forget, candidate] = [0, 1, 2, 3].map((gate) =>
      add(fromInput(gate), fromState(gate, h), wb(gate), rb(gate)),
    )
    const it = add(i, mul(peephole(0), c))
      .map(clip)
      .map(f[0])
    const ft = attributes.input_forget
      ? it.map((value) => 1 - value)
      : add(forget, mul(peephole(2), c))
          .map(clip)
          .map(f[0])
    const next = add(mul(ft, c), mul(it, candidate.map(clip).map(f[1])))
    const ot = add(o, mul(peephole(1), next))
      .map(clip)
      .map(f[0])
    return { h: mul(ot, next.map(f[2])), c: next }
  },
)
