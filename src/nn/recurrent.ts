import { checkArguments, type OptionKinds } from '../core/arguments.js'
import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { GRU as GruOp, LSTM as LstmOp, RNN as RnnOp } from '../autograd/operators.js'
import { LanewiseError, present } from '../core/errors.js'
import { hostFrom } from '../core/host.js'
import type { OpDefinition } from '../ir/op.js'
import { describeLayer, expectSize } from './expect.js'
import * as F from './functional.js'
import { byFan, zeros } from './init.js'
import { Module } from './module.js'

/** Layers, directions and dropout of a recurrent module. */
export interface RecurrentOptions {
  /** Layers on top of each other; 1 by default. */
  readonly numLayers?: number
  /** Whether gates have biases. Default true. */
  readonly bias?: boolean
  /** Whether the batch is the first axis of inputs and outputs, rather than time. */
  readonly batchFirst?: boolean
  /** Between layers, while training. */
  readonly dropout?: number
  /** Whether a second direction reads from the end; outputs are then twice as wide. Default false. */
  readonly bidirectional?: boolean
  /** Learn the states before the first step (`h_0`, and `c_0` of an LSTM) instead of beginning with zeros. */
  readonly learnInitialState?: boolean
  /** Where the parameters lie; {@link Device.current} by default. */
  readonly device?: Device
}

interface Cell {
  readonly op: OpDefinition<never>
  readonly gates: number
  /** Where PyTorch's gates stand among ONNX's: gate i of ONNX is gate `order[i]` of PyTorch. */
  readonly order: readonly number[]
  readonly states: number
  readonly attributes: (hidden: number, direction: string) => Readonly<Record<string, unknown>>
}

/** What {@link RecurrentOptions} are. */
const optionKinds = {
  numLayers: 'size',
  bias: 'boolean',
  batchFirst: 'boolean',
  dropout: 'share',
  bidirectional: 'boolean',
  learnInitialState: 'boolean',
  device: 'device',
} as const satisfies OptionKinds

/**
 * What RNN, LSTM and GRU share: parameters by PyTorch's names (`weight_ih_l0`, `weight_hh_l0_reverse` …) in PyTorch's
 * order of gates, applied through ONNX's operators, one for each layer.
 */
abstract class Recurrent extends Module {
  /** Layers on top of each other. */
  readonly numLayers: number
  /** Whether a second direction reads from the end. */
  readonly bidirectional: boolean
  private readonly batchFirst: boolean
  private readonly dropout: number
  private readonly applied: Readonly<Record<string, unknown>>
  /** The learned hidden states before the first step, with `learnInitialState`. */
  readonly h_0: Parameter | undefined
  /** The learned cells before the first step, of an LSTM with `learnInitialState`. */
  readonly c_0: Parameter | undefined
  /** The parameters by PyTorch's names (`weight_ih_l0` …). */
  readonly tensors = new Map<string, Parameter>()

  constructor(
    private readonly cell: Cell,
    /** Size of an input vector. */
    readonly inputSize: number,
    /** Size of the hidden state of one direction. */
    readonly hiddenSize: number,
    options: RecurrentOptions,
  ) {
    checkArguments(new.target.name, { cell, inputSize, hiddenSize, options }, 'object', 'size', 'size', optionKinds)
    const {
      numLayers = 1,
      bias = true,
      batchFirst = false,
      dropout = 0,
      bidirectional = false,
      learnInitialState = false,
      device,
    } = options

    super(device)
    this.numLayers = numLayers
    this.bidirectional = bidirectional
    this.batchFirst = batchFirst
    this.dropout = dropout
    this.applied = cell.attributes(hiddenSize, bidirectional ? 'bidirectional' : 'forward')
    const rows = cell.gates * hiddenSize
    for (let layer = 0; layer < numLayers; layer++) {
      const size = layer === 0 ? inputSize : hiddenSize * this.directions
      for (const suffix of this.suffixes(layer)) {
        this.tensors.set(`weight_ih${suffix}`, this.parameter([rows, size], byFan(hiddenSize)))
        this.tensors.set(`weight_hh${suffix}`, this.parameter([rows, hiddenSize], byFan(hiddenSize)))
        if (!bias) continue
        this.tensors.set(`bias_ih${suffix}`, this.parameter([rows], byFan(hiddenSize)))
        this.tensors.set(`bias_hh${suffix}`, this.parameter([rows], byFan(hiddenSize)))
      }
    }
    if (!learnInitialState) return
    this.h_0 = this.parameter([numLayers * this.directions, 1, hiddenSize], zeros)
    if (cell.states === 2) this.c_0 = this.parameter([numLayers * this.directions, 1, hiddenSize], zeros)
  }

  private get directions(): number {
    return this.bidirectional ? 2 : 1
  }

  private suffixes(layer: number): string[] {
    return this.bidirectional ? [`_l${layer}`, `_l${layer}_reverse`] : [`_l${layer}`]
  }

  /** Outputs [T, N, directions · hidden], and the final states [layers · directions, N, hidden]. */
  protected run(input: Variable, given: readonly (Variable | undefined)[]): { output: Variable; states: Variable[] } {
    if (input.shape.length !== 3)
      throw new LanewiseError(
        'E_SHAPE',
        `${describeLayer(this)} takes sequences of vectors, tensors of three axes, got ${input.describe()}`,
      )
    expectSize(this, input, 2, this.inputSize, 'features')
    let x = this.batchFirst ? F.transpose(input, [1, 0, 2]) : input
    const batch = x.shape[1]
    const finals: Variable[][] = []
    const before = [given[0] ?? this.spread(this.h_0, batch), given[1] ?? this.spread(this.c_0, batch)]
    for (let layer = 0; layer < this.numLayers; layer++) {
      if (layer > 0) x = F.dropout(x, this.dropout, this.training)
      const { op, states } = this.cell
      const stateOf = (all: Variable | undefined) =>
        all && this.numLayers > 1 ? F.slice(all, 0, layer * this.directions, (layer + 1) * this.directions) : all
      const inputs = [
        x,
        this.stacked('weight_ih', layer),
        this.stacked('weight_hh', layer),
        this.biases(layer),
        undefined,
        stateOf(before[0]),
        ...(states === 2 ? [stateOf(before[1])] : []),
      ]
      const [y, ...last] = apply(this.device, op, inputs, this.applied, 1 + states)
      finals.push(last)
      // [T, directions, N, H] to [T, N, directions · H]
      x = this.bidirectional ? F.reshape(F.transpose(y, [0, 2, 1, 3]), [0, 0, -1]) : F.squeeze(y, [1])
    }
    const states = finals[0].map((_, i) =>
      finals.length === 1
        ? finals[0][i]
        : F.concat(
            finals.map((last) => last[i]),
            0,
          ),
    )
    return { output: this.batchFirst ? F.transpose(x, [1, 0, 2]) : x, states }
  }

  /** A learned state for every example. */
  private spread(state: Parameter | undefined, batch: number): Variable | undefined {
    return state && F.expand(state, [state.shape[0], batch, state.shape[2]])
  }

  /** Weights of a layer as ONNX wants them: [directions, gates · hidden, size]. */
  private stacked(name: string, layer: number): Variable {
    const parts = this.suffixes(layer).map((suffix) =>
      F.unsqueeze(this.ordered(present(this.tensors.get(name + suffix), name)), [0]),
    )
    return parts.length === 1 ? parts[0] : F.concat(parts, 0)
  }

  private biases(layer: number): Variable | undefined {
    if (!this.tensors.has('bias_ih_l0')) return undefined
    const rows = this.suffixes(layer).map((suffix) =>
      F.unsqueeze(
        F.concat(
          [`bias_ih${suffix}`, `bias_hh${suffix}`].map((name) => this.ordered(present(this.tensors.get(name), name))),
          0,
        ),
        [0],
      ),
    )
    return rows.length === 1 ? rows[0] : F.concat(rows, 0)
  }

  /** The gates of a parameter in ONNX's order. */
  private ordered(parameter: Parameter): Variable {
    const { gates, order } = this.cell
    if (gates === 1) return parameter
    const { shape, device } = parameter
    const rows = F.reshape(parameter, [gates, this.hiddenSize, ...shape.slice(1)])
    return F.reshape(F.embedding(device.constant(hostFrom('int64', [gates], order)), rows), shape)
  }
}

const functionNames = { tanh: ['Tanh'], relu: ['Relu'], identity: ['Affine'] } as const

/** h′ = f(W·x + b + R·h + b′), f one of tanh, relu and the identity. */
export class RNN extends Recurrent {
  static override readonly name: string = 'RNN'
  constructor(
    inputSize: number,
    hiddenSize: number,
    given: RecurrentOptions & { readonly nonlinearity?: keyof typeof functionNames } = {},
  ) {
    checkArguments(new.target.name, { inputSize, hiddenSize, given }, 'size', 'size', {
      ...optionKinds,
      nonlinearity: 'string',
    })
    const { nonlinearity = 'tanh', ...options } = given

    const attributes = (hidden: number, direction: string) => {
      const activations = new Array<string>(direction === 'bidirectional' ? 2 : 1).fill(functionNames[nonlinearity][0])
      const scalars =
        nonlinearity === 'identity'
          ? { activation_alpha: activations.map(() => 1), activation_beta: activations.map(() => 0) }
          : {}
      return { hidden_size: hidden, direction, activations, ...scalars }
    }
    super({ op: RnnOp, gates: 1, order: [0], states: 1, attributes }, inputSize, hiddenSize, options)
  }

  /**
   * @param x - [T, N, in] (or batch first). @param h - [layers · directions, N, hidden]. @returns outputs and final
   *   states.
   */
  forward(x: Variable, h?: Variable): [output: Variable, h: Variable] {
    const { output, states } = this.run(x, [h])
    return [output, states[0]]
  }
}

/** Gated recurrent units (Cho et al., 2014), in PyTorch's form: the reset gate comes after the product. */
export class GRU extends Recurrent {
  static override readonly name: string = 'GRU'
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    const attributes = (hidden: number, direction: string) => ({
      hidden_size: hidden,
      direction,
      linear_before_reset: 1,
    })
    // PyTorch: r, z, n. ONNX: z, r, h.
    super({ op: GruOp, gates: 3, order: [1, 0, 2], states: 1, attributes }, inputSize, hiddenSize, options)
  }

  forward(x: Variable, h?: Variable): [output: Variable, h: Variable] {
    const { output, states } = this.run(x, [h])
    return [output, states[0]]
  }
}

/** Long short-term memory (Hochreiter & Schmidhuber, 1997). */
export class LSTM extends Recurrent {
  static override readonly name: string = 'LSTM'
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    const attributes = (hidden: number, direction: string) => ({ hidden_size: hidden, direction })
    // PyTorch: i, f, g, o. ONNX: i, o, f, c.
    super({ op: LstmOp, gates: 4, order: [0, 3, 1, 2], states: 2, attributes }, inputSize, hiddenSize, options)
  }

  /** @param state - hidden and cell states before: [layers · directions, N, hidden] each; zeros if left out. */
  forward(
    x: Variable,
    state?: readonly [h: Variable, c: Variable],
  ): [output: Variable, state: [h: Variable, c: Variable]] {
    const { output, states } = this.run(x, state ?? [])
    return [output, [states[0], states[1]]]
  }
}

type CellOptions = Pick<RecurrentOptions, 'bias' | 'device'>

/**
 * One step of a layer, whose parameters are this module's, without the layer's number in their names (`weight_ih`,
 * `bias_hh` …).
 */
abstract class RecurrentCell<Layer extends Recurrent> extends Module {
  /** The parameters by PyTorch's names (`weight_ih_l0` …). */
  readonly tensors: ReadonlyMap<string, Parameter>
  /** Not a property: its parameters stand here, and a module's would be found again. */
  readonly #layer: Layer

  constructor(layer: Layer) {
    super(layer.device)
    this.#layer = layer
    this.tensors = new Map([...layer.tensors].map(([name, parameter]) => [name.replace('_l0', ''), parameter]))
  }

  protected get layer(): Layer {
    return this.#layer
  }
}

/** One step of an LSTM: for loops that decide in JavaScript what the next input is. */
export class LSTMCell extends RecurrentCell<LSTM> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    checkArguments(new.target.name, { inputSize, hiddenSize, options }, 'size', 'size', {
      bias: 'boolean',
      device: 'device',
    })

    super(new LSTM(inputSize, hiddenSize, options))
  }

  /** @param x - [N, in]. @param state - [N, hidden] each; zeros by default. */
  forward(x: Variable, state?: readonly [h: Variable, c: Variable]): [h: Variable, c: Variable] {
    const before = state && ([F.unsqueeze(state[0], [0]), F.unsqueeze(state[1], [0])] as const)
    const [, [nextH, nextC]] = this.layer.call(F.unsqueeze(x, [0]), before)
    return [F.squeeze(nextH, [0]), F.squeeze(nextC, [0])]
  }
}

/** One step of a GRU. */
export class GRUCell extends RecurrentCell<GRU> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    checkArguments(new.target.name, { inputSize, hiddenSize, options }, 'size', 'size', {
      bias: 'boolean',
      device: 'device',
    })

    super(new GRU(inputSize, hiddenSize, options))
  }

  /** @param x - [N, in]. @param h - [N, hidden]; zeros by default. */
  forward(x: Variable, h?: Variable): Variable {
    return F.squeeze(this.layer.call(F.unsqueeze(x, [0]), h && F.unsqueeze(h, [0]))[1], [0])
  }
}

/** One step of an RNN. */
export class RNNCell extends RecurrentCell<RNN> {
  constructor(
    inputSize: number,
    hiddenSize: number,
    options: CellOptions & { readonly nonlinearity?: keyof typeof functionNames } = {},
  ) {
    checkArguments(new.target.name, { inputSize, hiddenSize, options }, 'size', 'size', {
      bias: 'boolean',
      device: 'device',
      nonlinearity: 'string',
    })

    super(new RNN(inputSize, hiddenSize, options))
  }

  /** @param x - [N, in]. @param h - [N, hidden]; zeros by default. */
  forward(x: Variable, h?: Variable): Variable {
    return F.squeeze(this.layer.call(F.unsqueeze(x, [0]), h && F.unsqueeze(h, [0]))[1], [0])
  }
}
