import { apply } from '../autograd/apply.js'
import { Gemm } from '../autograd/operators.js'
import type { WasmAddress } from '../autograd/device.js'
import { Variable, type Parameter } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { identityOrder } from '../core/layout.js'
import { checkNumber } from '../core/options.js'
import { Placed } from '../plan/placed.js'
import { resolve } from '../plan/weights.js'
import { adamStep } from './adam-step.js'
import { Optimizer, withDefaults, type Params, type Update } from './optimizer.js'

/** Rate, momentum and decay of {@link Muon}, and those of AdamW for groups with `adam`. */
export interface MuonOptions {
  /** The learning rate; 1e-3 by default. */
  readonly lr?: number
  /** Share of every weight that a step of rate 1 takes away; 0.1 by default. */
  readonly weightDecay?: number
  /** Share of the momentum that is kept from step to step; 0.95 by default. */
  readonly momentum?: number
  /** Steps by the momentum as it will be after the gradient (Nesterov). Default true. */
  readonly nesterov?: boolean
  /** Iterations by which a matrix is made orthogonal; 5 by default. */
  readonly nsSteps?: number
  /**
   * Steps of the root mean square that AdamW's have, so that a rate and a decay that are right for AdamW are right here
   * (Liu et al., arXiv:2502.16982): times 0.2·√max(rows, columns). By default they are times √max(1, rows/columns), and
   * rates are about ten times as large.
   */
  readonly matchAdamW?: boolean
  /** Updates a group as AdamW does: biases, embeddings, the last layer. */
  readonly adam?: boolean
  /** Of groups with `adam`. */
  readonly betas?: readonly [number, number]
  /** Of groups with `adam`. */
  readonly eps?: number
}

/**
 * Coefficients of a quintic that takes singular values from (0, 1] to about 1, fast rather than exactly (Jordan et al.,
 * 2024).
 */
const [A, B, C] = [3.4445, -4.775, 2.0315]
const gram = { rows: { transB: 1 }, columns: { transA: 1 } }
const quadratic = { alpha: C, beta: B }
const linear = { beta: A }
/** Below it a gradient counts as none. */
const LEAST_NORM = 1e-7

/**
 * Muon (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024): momentum, and of its sum the
 * nearest matrix with orthogonal rows or columns, by Newton–Schulz iterations. It is for the matrices of hidden layers;
 * a filter of a convolution counts as a row. Embeddings, the last layer, biases and scales belong in a group with
 * `adam: true`.
 *
 * @throws LanewiseError `E_VALUE` for a parameter with fewer than two axes in a group without `adam`.
 *
 * @example
 * import { Device, Linear, Muon, Sequential, Tanh } from 'lanewise/train'
 *
 * await Device.create()
 * const model = new Sequential(new Linear(8, 16), new Tanh(), new Linear(16, 16), new Tanh(), new Linear(16, 4))
 * const hidden = [...model.namedParameters()].filter(([name, { shape }]) => shape.length > 1 && !name.startsWith('4.'))
 * const params = hidden.map(([, parameter]) => parameter)
 * const others = model.parameters().filter((parameter) => !params.includes(parameter))
 * const groups = [{ params }, { params: others, adam: true, weightDecay: 0 }]
 * const optimizer = new Muon(groups, { lr: 0.001, matchAdamW: true })
 * console.log(optimizer.groups.length) // 2
 */
export class Muon extends Optimizer<Required<MuonOptions>> {
  protected override get method(): string {
    return 'Muon'
  }

  protected readonly slots = ['exp_avg', 'exp_avg_sq']
  protected override readonly powers: number[][] = this.groups.map(() => [1, 1])
  private readonly byAdam = new Set<Parameter>()

  constructor(params: Params<MuonOptions>, options: MuonOptions = {}) {
    const ofMatrices = { momentum: 0.95, nesterov: true, nsSteps: 5, matchAdamW: false }
    const ofAdam = { adam: false, betas: [0.9, 0.999], eps: 1e-8 } as const
    super(params, withDefaults('Muon', options, { lr: 1e-3, weightDecay: 0.1, ...ofMatrices, ...ofAdam }))
    for (const { params, options } of this.groups) {
      checkNumber('nsSteps', options.nsSteps, { least: 1, most: 100, whole: true })
      for (const parameter of params)
        if (options.adam) this.byAdam.add(parameter)
        else if (parameter.shape.length < 2)
          throw new LanewiseError(
            'E_VALUE',
            `Muon updates matrices, not ${parameter.describe()}: put it into a group with adam: true`,
            { tensor: parameter.name },
          )
    }
  }

  protected override slotsOf(parameter: Parameter): number {
    return this.byAdam.has(parameter) ? 2 : 1
  }

  protected override begin(): void {
    for (const [i, { options }] of this.groups.entries()) {
      this.powers[i][0] *= options.betas[0]
      this.powers[i][1] *= options.betas[1]
    }
  }

  protected update(
    parameter: Parameter,
    p: WasmAddress,
    g: WasmAddress,
    { lr, options, powers }: Update<MuonOptions>,
  ): void {
    const { device } = this
    const { size, shape } = parameter
    const { momentum, nesterov, weightDecay, nsSteps, matchAdamW } = options
    const addresses = this.addresses(parameter)
    if (options.adam) {
      adamStep(device, [p, g, ...addresses], size, { ...options, lr, decoupled: true }, powers)
      return
    }
    const [rows, columns] = [shape[0], size / shape[0]]
    const factor = matchAdamW ? 0.2 * Math.sqrt(Math.max(rows, columns)) : Math.sqrt(Math.max(1, rows / columns))
    // What the iterations apply is no part of the model.
    const { trace } = device
    device.trace = undefined
    try {
      device.noGrad(() =>
        device.reclaiming(
          () => {
            const at = device.allocate(4 * size)
            device.call('fill_f32', at, 0, size)
            // From zero with a rate of −1: the direction by itself.
            device.call('sgd_f32', at, g, addresses[0], size, -1, 0, momentum, 0, Number(nesterov), 0)
            const direction = new Placed('float32', [rows, columns], identityOrder(2), at)
            const update = orthogonal(new Variable(device, direction, { step: device.currentStep }), nsSteps)
            device.call('scale_f32', p, size, 1 - lr * weightDecay)
            device.call('sgd_f32', p, update.placed.at, 0, size, lr * factor, 0, 0, 0, 0, 0)
          },
          () => [],
        ),
      )
    } finally {
      device.trace = trace
    }
  }
}

/**
 * About the nearest matrix whose rows, or columns if those are fewer, are orthonormal: its singular values are
 * around 1. Overwrites what it is given.
 */
function orthogonal(matrix: Variable, steps: number): Variable {
  const { device, shape, size, placed } = matrix
  const sum = device.allocate(8)
  device.call('sum_squares_f32', placed.at, size, sum)
  const norm = Math.sqrt((device.context.view('float64', resolve(sum), 1) as Float64Array)[0])
  device.call('scale_f32', placed.at, size, 1 / Math.max(norm, LEAST_NORM))
  const wide = shape[0] <= shape[1]
  const next = (x: Variable): Variable => {
    const [a] = apply(device, Gemm, [x, x], wide ? gram.rows : gram.columns)
    const [b] = apply(device, Gemm, [a, a, a], quadratic)
    return apply(device, Gemm, wide ? [b, x, x] : [x, b, x], linear)[0]
  }
  let x = matrix
  for (let i = 0; i < steps; i++) {
    const y = device.reclaiming(
      () => next(x),
      (made) => [made.placed],
    )
    device.free(x.placed.at)
    x = y
  }
  return x
}
