import type { WasmAddress } from '../autograd/device.js'
import type { Parameter } from '../autograd/variable.js'
import { checkRecord } from '../core/options.js'
import { adamStep } from './adam-step.js'
import { Optimizer, withDefaults, type Params, type Update } from './optimizer.js'

/** Rate, momentum and decay of {@link SGD}. */
export interface SGDOptions {
  /** The learning rate; 1e-3 by default. */
  readonly lr?: number
  /** Share of the velocity that is kept from step to step; 0 by default. */
  readonly momentum?: number
  /** Share of the gradient that does not enter the velocity; 0 by default. */
  readonly dampening?: number
  /** Times the weight is added to its gradient; 0 by default. */
  readonly weightDecay?: number
  /** Steps by the velocity as it will be (Nesterov); needs a momentum. Default false. */
  readonly nesterov?: boolean
}

/** Stochastic gradient descent, with momentum if wanted. */
export class SGD extends Optimizer<Required<SGDOptions>> {
  protected override get method(): string {
    return 'SGD'
  }

  protected readonly slots = ['momentum']

  constructor(params: Params<SGDOptions>, options: SGDOptions = {}) {
    const defaults = { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false }
    super(params, withDefaults('SGD', options, defaults))
  }

  protected update(parameter: Parameter, p: WasmAddress, g: WasmAddress, { lr, options }: Update<SGDOptions>): void {
    const { momentum, dampening, weightDecay, nesterov } = options
    const first = momentum !== 0 && this.isFresh(parameter)
    const [v] = momentum === 0 ? [0 as const] : this.addresses(parameter)
    this.device.call(
      'sgd_f32',
      p,
      g,
      v,
      parameter.size,
      lr,
      weightDecay,
      momentum,
      dampening,
      Number(nesterov),
      Number(first),
    )
  }
}

/** Rate, betas and decay of {@link Adam} and {@link AdamW}. */
export interface AdamOptions {
  /** The learning rate; 1e-3 by default. */
  readonly lr?: number
  /** What is kept from step to step of the mean of gradients and of that of their squares; [0.9, 0.999] by default. */
  readonly betas?: readonly [number, number]
  /** Added to the root that is divided by; 1e-8 by default. */
  readonly eps?: number
  /**
   * Of Adam: times the weight is added to its gradient, 0 by default; of AdamW: share that a step of rate 1 takes from
   * every weight, 0.01 by default.
   */
  readonly weightDecay?: number
  /** Steps by the largest second moment there was (Reddi, Kale & Kumar, 2018). */
  readonly amsgrad?: boolean
}

/** Adam (Kingma & Ba, 2015). `weightDecay` is added to the gradient. */
export class Adam extends Optimizer<Required<AdamOptions>> {
  protected override get method(): string {
    return 'Adam'
  }

  protected readonly slots: readonly string[]
  protected readonly decoupled: boolean = false
  protected override readonly powers: number[][]

  constructor(params: Params<AdamOptions>, options: AdamOptions = {}) {
    const defaults = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false } as const
    // An error names the method that was asked for.
    super(params, withDefaults(new.target.prototype.method, options, defaults))
    const largest = this.groups.some((group) => group.options.amsgrad)
    this.slots = ['exp_avg', 'exp_avg_sq', ...(largest ? ['max_exp_avg_sq'] : [])]
    this.powers = this.groups.map(() => [1, 1])
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
    { lr, options, powers }: Update<AdamOptions>,
  ): void {
    const [m, v, most] = this.addresses(parameter)
    const { decoupled } = this
    adamStep(
      this.device,
      [p, g, m, v, options.amsgrad ? most : 0],
      parameter.size,
      { ...options, lr, decoupled },
      powers,
    )
  }
}

/** AdamW (Loshchilov & Hutter, 2019): the decay is taken of the parameter itself. */
export class AdamW extends Adam {
  protected override get method(): string {
    return 'AdamW'
  }

  protected override readonly decoupled = true

  constructor(params: Params<AdamOptions>, options: AdamOptions = {}) {
    checkRecord('the options of AdamW', options)
    super(params, { ...options, weightDecay: options.weightDecay ?? 0.01 })
  }
}

/** Rate and decay of {@link Adagrad}. */
export interface AdagradOptions {
  /** The learning rate; 1e-2 by default. */
  readonly lr?: number
  /** The rate of step t (from 0 on) is lr/(1 + t·lrDecay). */
  readonly lrDecay?: number
  /** Times the weight is added to its gradient; 0 by default. */
  readonly weightDecay?: number
  /** What the sums of squares begin with. */
  readonly initialAccumulatorValue?: number
  /** Added to the root that is divided by; 1e-10 by default. */
  readonly eps?: number
}

/** Adagrad (Duchi et al., 2011). */
export class Adagrad extends Optimizer<Required<AdagradOptions>> {
  protected override get method(): string {
    return 'Adagrad'
  }

  protected readonly slots = ['sum']

  constructor(params: Params<AdagradOptions>, options: AdagradOptions = {}) {
    const defaults = { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 }
    super(params, withDefaults('Adagrad', options, defaults))
  }

  protected update(
    parameter: Parameter,
    p: WasmAddress,
    g: WasmAddress,
    { lr, options }: Update<AdagradOptions>,
  ): void {
    const { lrDecay, initialAccumulatorValue, eps, weightDecay } = options
    const fresh = this.isFresh(parameter)
    const [sum] = this.addresses(parameter)
    if (fresh && initialAccumulatorValue !== 0)
      this.device.call('fill_f32', sum, initialAccumulatorValue, parameter.size)
    this.device.call('adagrad_f32', p, g, sum, parameter.size, lr / (1 + (this.steps - 1) * lrDecay), eps, weightDecay)
  }
}

/** Rate, smoothing and momentum of {@link RMSprop}. */
export interface RMSpropOptions {
  /** The learning rate; 1e-2 by default. */
  readonly lr?: number
  /** What is kept from step to step of the mean of squares; 0.99 by default. */
  readonly alpha?: number
  /** Added to the root that is divided by; 1e-8 by default. */
  readonly eps?: number
  /** Times the weight is added to its gradient; 0 by default. */
  readonly weightDecay?: number
  /** Share of the velocity that is kept from step to step; 0 by default. */
  readonly momentum?: number
  /** Normalise by the variance around the mean. */
  readonly centered?: boolean
}

/** RMSprop (Tieleman & Hinton, 2012). */
export class RMSprop extends Optimizer<Required<RMSpropOptions>> {
  protected override get method(): string {
    return 'RMSprop'
  }

  protected readonly slots = ['square_avg', 'momentum_buffer', 'grad_avg']

  constructor(params: Params<RMSpropOptions>, options: RMSpropOptions = {}) {
    const defaults = { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false }
    super(params, withDefaults('RMSprop', options, defaults))
  }

  protected update(
    parameter: Parameter,
    p: WasmAddress,
    g: WasmAddress,
    { lr, options }: Update<RMSpropOptions>,
  ): void {
    const { alpha, eps, weightDecay, momentum, centered } = options
    const [square, v, mean] = this.addresses(parameter)
    this.device.call(
      'rmsprop_f32',
      p,
      g,
      square,
      momentum === 0 ? 0 : v,
      centered ? mean : 0,
      parameter.size,
      lr,
      alpha,
      eps,
      weightDecay,
      momentum,
    )
  }
}
