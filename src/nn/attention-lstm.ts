import { checkArguments } from '../core/arguments.js'
import { GraphBuilder } from '../api/graph/builder.js'
import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import {
  Add,
  AttentionLSTM as Fused,
  Gemm,
  MatMul,
  Mul,
  Sigmoid,
  Softmax,
  Split,
  Squeeze,
  Tanh,
  Unsqueeze,
} from '../autograd/operators.js'
import { registerOps } from '../ir/registry.js'
import { LanewiseError } from '../core/errors.js'
import { hostFrom } from '../core/host.js'
import type { Value } from '../ir/graph.js'
import { Scan } from '../ops/control/control.js'
import { expectSize } from './expect.js'
import * as F from './functional.js'
import { byFan } from './init.js'
import { Module } from './module.js'

/** Hidden state and cells, [N, hidden] each. */
export type LSTMState = readonly [h: Variable, c: Variable]

/** Whether the batch comes first, as with {@link LSTM}. */
export interface AttentionLSTMOptions {
  /** Whether inputs, outputs and weights are [N, T, …] rather than [T, N, …]. */
  readonly batchFirst?: boolean
  /** Where the parameters lie; {@link Device.current} by default. */
  readonly device?: Device
}

/**
 * An LSTM that looks at a set of places (of a picture, of a text) before every step (Xu et al., "Show, Attend and
 * Tell", 2015; scores are scaled products as in Vaswani et al., 2017). With places A [N, L, H], for every step: p =
 * softmax(A·h/√H), a = Σ p_j A_j, then i, f, o, g = x·weight_ihᵀ + h·weight_hhᵀ + a·weight_ahᵀ + bias, c = σ(f)·c +
 * σ(i)·tanh(g), h = σ(o)·tanh(c). `weight_ih` is [4H, in], `weight_hh` and `weight_ah` are [4H, H], `bias` is [4H],
 * gates in the order i, f, o, g.
 *
 * The whole sequence is one operator, forward and back; it is exported as a Scan of standard operators. {@link step}
 * makes single steps, for decoding.
 */
export class AttentionLSTM extends Module {
  static override readonly name: string = 'AttentionLSTM'
  /** Weights of the input [4·hidden, in], gates in the order i, f, o, g. */
  readonly weight_ih: Parameter
  /** Weights of the hidden state [4·hidden, hidden]. */
  readonly weight_hh: Parameter
  /** Weights of what attention has found [4·hidden, hidden]. */
  readonly weight_ah: Parameter
  /** Biases of the gates [4·hidden]. */
  readonly bias: Parameter
  private readonly batchFirst: boolean

  constructor(
    /** Size of an input vector. */
    readonly inputSize: number,
    /** Size of the hidden state, and of a place. */
    readonly hiddenSize: number,
    options: AttentionLSTMOptions = {},
  ) {
    checkArguments(new.target.name, { inputSize, hiddenSize, options }, 'size', 'size', {
      batchFirst: 'boolean',
      device: 'device',
    })
    const { batchFirst = false, device } = options

    super(device)
    this.batchFirst = batchFirst
    const init = byFan(hiddenSize)
    this.weight_ih = this.parameter([4 * hiddenSize, inputSize], init)
    this.weight_hh = this.parameter([4 * hiddenSize, hiddenSize], init)
    this.weight_ah = this.parameter([4 * hiddenSize, hiddenSize], init)
    this.bias = this.parameter([4 * hiddenSize], init)
  }

  /**
   * @param x - inputs [T, N, in], or batch first.
   * @param places - what is looked at, [N, L, H].
   * @param state - before the first step; the mean of the places, for both, if left out.
   * @returns the states of all steps [T, N, H], the last state, and how much each step looked at each place [T, N, L]
   *   (batch first where x is).
   * @throws LanewiseError `E_SHAPE` if sizes do not fit.
   */
  forward(
    x: Variable,
    places: Variable,
    state: LSTMState = this.initialState(places),
  ): [output: Variable, state: [h: Variable, c: Variable], weights: Variable] {
    expectSize(this, x, -1, this.inputSize, 'features')
    expectSize(this, places, -1, this.hiddenSize, 'features of a place')
    if (x.shape.length !== 3 || places.shape.length !== 3)
      throw new LanewiseError(
        'E_SHAPE',
        `inputs and places must have three axes, got ${x.describe()} and ${places.describe()}`,
      )
    const turned = (y: Variable) => (this.batchFirst ? F.transpose(y, [1, 0, 2]) : y)
    const sequence = turned(x)
    const [y, h, c, weights] = this.device.trace
      ? this.traced(sequence, places, state)
      : this.fused(sequence, places, state)
    return [turned(y), [h, c], turned(weights)]
  }

  /**
   * One step, of standard operators: what a decoder runs word by word, and what is exported as a model with states in
   * and out.
   *
   * @param x - [N, in]. @param places - [N, L, H]. @param state - [N, H] each.
   * @returns the state after it, and the weights of the places [N, L].
   */
  step(x: Variable, places: Variable, [h, c]: LSTMState): [h: Variable, c: Variable, weights: Variable] {
    const scores = F.squeeze(F.matmul(places, F.unsqueeze(h, [2])), [2])
    const weights = F.softmax(F.mul(scores, 1 / Math.sqrt(this.hiddenSize)))
    const attended = F.squeeze(F.matmul(F.unsqueeze(weights, [1]), places), [1])
    const gates = [F.linear(h, this.weight_hh), F.linear(attended, this.weight_ah)].reduce(
      F.add,
      F.linear(x, this.weight_ih, this.bias),
    )
    const [i, f, o, g] = F.split(gates, new Array<number>(4).fill(this.hiddenSize), 1)
    const cells = F.add(F.mul(F.sigmoid(f), c), F.mul(F.sigmoid(i), F.tanh(g)))
    return [F.mul(F.sigmoid(o), F.tanh(cells)), cells, weights]
  }

  /** The mean of the places [N, L, H], for the hidden state and for the cells. */
  initialState(places: Variable): [h: Variable, c: Variable] {
    const mean = F.mean(places, [1])
    return [mean, mean]
  }

  private fused(x: Variable, places: Variable, [h, c]: LSTMState): Variable[] {
    const inputs = [x, places, this.weight_ih, this.weight_hh, this.weight_ah, this.bias, h, c]
    return apply(this.device, Fused, inputs, {}, 4)
  }

  /** The same, written down as products of all inputs and a Scan over the steps. */
  private traced(x: Variable, places: Variable, state: LSTMState): Variable[] {
    const { device } = this
    const products = F.linear(x, this.weight_ih, this.bias)
    const outer = device.trace
    device.trace = undefined
    const made = this.fused(x, places, state)
    device.trace = outer
    const [y, h, c, weights] = made
    outer?.push({
      op: Scan,
      attributes: {},
      inputs: [...state, products],
      outputs: [h, c, y, weights],
      scope: device.scope,
      body: {
        captures: [places, this.weight_hh, this.weight_ah],
        attributes: (captured) => ({ num_scan_inputs: 1, body: this.body(captured) }),
      },
    })
    return made
  }

  /** One step of the Scan: states, and the products with the input. */
  private body([places, weightHh, weightAh]: readonly Value[]): ReturnType<GraphBuilder['graph']> {
    registerOps([Add, Gemm, MatMul, Mul, Sigmoid, Softmax, Split, Squeeze, Tanh, Unsqueeze])
    const g = new GraphBuilder('attention_lstm_step')
    const row = (name: string, size: number) => g.input(name, 'float32', ['N', size])
    const [h, c, x] = [row('h', this.hiddenSize), row('c', this.hiddenSize), row('x', 4 * this.hiddenSize)]
    const axis = (name: string, at: number) => g.constant(name, hostFrom('int64', [1], [at]))
    const [one, two] = [axis('axis_1', 1), axis('axis_2', 2)]
    const scores = g.op('Squeeze', [g.op('MatMul', [places, g.op('Unsqueeze', [h, two])]), two])
    const scale = g.constant('scale', hostFrom('float32', [], [1 / Math.sqrt(this.hiddenSize)]))
    const weights = g.op('Softmax', [g.op('Mul', [scores, scale])], { axis: -1 })
    const attended = g.op('Squeeze', [g.op('MatMul', [g.op('Unsqueeze', [weights, one]), places]), one])
    const own = g.op('Gemm', [h, weightHh, x], { transB: 1 })
    const gates = g.op('Gemm', [attended, weightAh, own], { transB: 1 })
    const [i, f, o, candidate] = g.node('Split', [gates], { axis: 1, num_outputs: 4 }, { outputs: 4 })
    const sigmoid = (value: Value) => g.op('Sigmoid', [value])
    const kept = g.op('Mul', [sigmoid(f), c])
    const cells = g.op('Add', [kept, g.op('Mul', [sigmoid(i), g.op('Tanh', [candidate])])])
    const state = g.op('Mul', [sigmoid(o), g.op('Tanh', [cells])])
    g.output(state, 'h_after')
    g.output(cells, 'c_after')
    g.output(state, 'y')
    g.output(weights, 'weights')
    return g.graph()
  }
}
