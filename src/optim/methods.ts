import type { Parameter } from '../autograd/variable.js'
import { checkOptions } from '../core/options.js'
import { Optimizer, type ParameterGroup } from './optimizer.js'

type Params = Iterable<Parameter> | readonly ParameterGroup[]

/** Rate, momentum and decay of {@link SGD}. */
export interface SGDOptions {
  readonly lr?: number
  readonly momentum?: number
  readonly dampening?: number
  readonly weightDecay?: number
  readonly nesterov?: boolean
}

/** Stochastic gradient descent, with momentum if wanted. */
export class SGD extends Optimizer {
  protected override get method(): string {
    return 'SGD'
  }

  protected readonly slots = ['momentum']
  private readonly momentum: number
  private readonly dampening: number
  private readonly nesterov: boolean

  constructor(params: Params, options: SGDOptions = {}) {
    checkOptions('SGD', options, ['lr', 'momentum', 'dampening', 'weightDecay', 'nesterov'])
    const { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = options
    super(params, lr, weightDecay)
    this.momentum = momentum
    this.dampening = dampening
    this.nesterov = nesterov
  }

  protected update(
    parameter: Parameter,
    p: number,
    g: number,
    { lr, weightDecay }: { lr: number; weightDecay: number },
  ): void {
    const first = this.momentum !== 0 && this.isFresh(parameter)
    const [v] = this.momentum === 0 ? [0] : this.addresses(parameter)
    this.device.call(
      'sgd_f32',
      p,
      g,
      v,
      parameter.size,
      lr,
      weightDecay,
      this.momentum,
      this.dampening,
      Number(this.nesterov),
      Number(first),
    )
  }
}

/** Rate, betas and decay of {@link Adam} and {@link AdamW}. */
export interface AdamOptions {
  readonly lr?: number
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly weightDecay?: number
  /** Steps by the largest second moment there was (Reddi, Kale & Kumar, 2018). */
  readonly amsgrad?: boolean
}

/** Adam (Kingma & Ba, 2015). `weightDecay` is added to the gradient. */
export class Adam extends Optimizer {
  protected override get method(): string {
    return 'Adam'
  }

  protected readonly slots: readonly string[]
  protected readonly decoupled: boolean = false
  private readonly betas: readonly [number, number]
  private readonly eps: number
  private power1 = 1
  private power2 = 1

  constructor(params: Params, options: AdamOptions = {}) {
    checkOptions('Adam', options, ['lr', 'betas', 'eps', 'weightDecay', 'amsgrad'])
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false } = options
    super(params, lr, weightDecay)
    this.slots = ['exp_avg', 'exp_avg_sq', ...(amsgrad ? ['max_exp_avg_sq'] : [])]
    this.betas = betas
    this.eps = eps
  }

  protected override begin(): void {
    this.power1 *= this.betas[0]
    this.power2 *= this.betas[1]
  }

  protected override powers(): number[] {
    return [this.power1, this.power2]
  }

  protected override restorePowers([power1 = 1, power2 = 1]: readonly number[]): void {
    this.power1 = power1
    this.power2 = power2
  }

  protected update(
    parameter: Parameter,
    p: number,
    g: number,
    { lr, weightDecay }: { lr: number; weightDecay: number },
  ): void {
    const [m, v, most = 0] = this.addresses(parameter)
    const [beta1, beta2] = this.betas
    this.device.call(
      'adam_f32',
      p,
      g,
      m,
      v,
      most,
      parameter.size,
      lr,
      beta1,
      beta2,
      this.eps,
      weightDecay,
      Number(this.decoupled),
      1 - this.power1,
      1 - this.power2,
    )
  }
}

/** AdamW (Loshchilov & Hutter, 2019): the decay is taken of the parameter itself. */
export class AdamW extends Adam {
  protected override get method(): string {
    return 'AdamW'
  }

  protected override readonly decoupled = true

  constructor(params: Params, { weightDecay = 0.01, ...options }: AdamOptions = {}) {
    super(params, { weightDecay, ...options })
  }
}

/** Rate and decay of {@link Adagrad}. */
export interface AdagradOptions {
  readonly lr?: number
  /** The rate of step t (from 0 on) is lr/(1 + t·lrDecay). */
  readonly lrDecay?: number
  readonly weightDecay?: number
  /** What the sums of squares begin with. */
  readonly initialAccumulatorValue?: number
  readonly eps?: number
}

/** Adagrad (Duchi et al., 2011). */
export class Adagrad extends Optimizer {
  protected override get method(): string {
    return 'Adagrad'
  }

  protected readonly slots = ['sum']
  private readonly options: Required<Pick<AdagradOptions, 'lrDecay' | 'initialAccumulatorValue' | 'eps'>>

  constructor(params: Params, options: AdagradOptions = {}) {
    checkOptions('Adagrad', options, ['lr', 'lrDecay', 'weightDecay', 'initialAccumulatorValue', 'eps'])
    const { lr = 1e-2, lrDecay = 0, weightDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = options
    super(params, lr, weightDecay)
    this.options = { lrDecay, initialAccumulatorValue, eps }
  }

  protected update(
    parameter: Parameter,
    p: number,
    g: number,
    { lr, weightDecay }: { lr: number; weightDecay: number },
  ): void {
    const { lrDecay, initialAccumulatorValue, eps } = this.options
    const fresh = this.isFresh(parameter)
    const [sum] = this.addresses(parameter)
    if (fresh && initialAccumulatorValue !== 0)
      this.device.call('fill_f32', sum, initialAccumulatorValue, parameter.size)
    this.device.call('adagrad_f32', p, g, sum, parameter.size, lr / (1 + (this.steps - 1) * lrDecay), eps, weightDecay)
  }
}

/** Rate, smoothing and momentum of {@link RMSprop}. */
export interface RMSpropOptions {
  readonly lr?: number
  readonly alpha?: number
  readonly eps?: number
  readonly weightDecay?: number
  readonly momentum?: number
  /** Normalise by the variance around the mean. */
  readonly centered?: boolean
}

/** RMSprop (Tieleman & Hinton, 2012). */
export class RMSprop extends Optimizer {
  protected override get method(): string {
    return 'RMSprop'
  }

  protected readonly slots = ['square_avg', 'momentum_buffer', 'grad_avg']
  private readonly options: Required<Omit<RMSpropOptions, 'lr' | 'weightDecay'>>

  constructor(params: Params, options: RMSpropOptions = {}) {
    checkOptions('RMSprop', options, ['lr', 'alpha', 'eps', 'weightDecay', 'momentum', 'centered'])
    const { lr = 1e-2, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false } = options
    super(params, lr, weightDecay)
    this.options = { alpha, eps, momentum, centered }
  }

  protected update(
    parameter: Parameter,
    p: number,
    g: number,
    { lr, weightDecay }: { lr: number; weightDecay: number },
  ): void {
    const { alpha, eps, momentum, centered } = this.options
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
