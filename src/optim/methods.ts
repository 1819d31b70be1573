import type { Parameter } from '../autograd/variable.js'
import { Optimizer, type ParameterGroup } from './optimizer.js'

type Params = Iterable<Parameter> | readonly ParameterGroup[]

export interface SGDOptions {
  readonly lr?: number
  readonly momentum?: number
  readonly dampening?: number
  readonly weightDecay?: number
  readonly nesterov?: boolean
}

/** Stochastic gradient descent, with momentum if wanted. */
export class SGD extends Optimizer {
  protected readonly slots = ['momentum']
  private readonly momentum: number
  private readonly dampening: number
  private readonly nesterov: boolean

  constructor(params: Params, { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false }: SGDOptions = {}) {
    super(params, lr, weightDecay)
    this.momentum = momentum
    this.dampening = dampening
    this.nesterov = nesterov
  }

  protected update(parameter: Parameter, p: number, g: number, { lr, weightDecay }: { lr: number; weightDecay: number }): void {
    const first = this.momentum !== 0 && this.isFresh(parameter)
    const [v] = this.momentum === 0 ? [0] : this.addresses(parameter)
    this.device.call('sgd_f32', p, g, v, parameter.size, lr, weightDecay, this.momentum, this.dampening, Number(this.nesterov), Number(first))
  }
}

export interface AdamOptions {
  readonly lr?: number
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly weightDecay?: number
}

/** Adam (Kingma & Ba, 2015). `weightDecay` is added to the gradient. */
export class Adam extends Optimizer {
  protected readonly slots = ['exp_avg', 'exp_avg_sq']
  protected readonly decoupled: boolean = false
  private readonly betas: readonly [number, number]
  private readonly eps: number
  private power1 = 1
  private power2 = 1

  constructor(params: Params, { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 }: AdamOptions = {}) {
    super(params, lr, weightDecay)
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

  protected update(parameter: Parameter, p: number, g: number, { lr, weightDecay }: { lr: number; weightDecay: number }): void {
    const [m, v] = this.addresses(parameter)
    const [beta1, beta2] = this.betas
    this.device.call('adam_f32', p, g, m, v, parameter.size, lr, beta1, beta2, this.eps, weightDecay, Number(this.decoupled), 1 - this.power1, 1 - this.power2)
  }
}

/** AdamW (Loshchilov & Hutter, 2019): the decay is taken of the parameter itself. */
export class AdamW extends Adam {
  protected override readonly decoupled = true

  constructor(params: Params, { weightDecay = 0.01, ...options }: AdamOptions = {}) {
    super(params, { weightDecay, ...options })
  }
}

/** Adagrad (Duchi et al., 2011). */
export class Adagrad extends Optimizer {
  protected readonly slots = ['sum']
  private readonly eps: number

  constructor(params: Params, { lr = 1e-2, eps = 1e-10, weightDecay = 0 }: { readonly lr?: number; readonly eps?: number; readonly weightDecay?: number } = {}) {
    super(params, lr, weightDecay)
    this.eps = eps
  }

  protected update(parameter: Parameter, p: number, g: number, { lr, weightDecay }: { lr: number; weightDecay: number }): void {
    const [sum] = this.addresses(parameter)
    this.device.call('adagrad_f32', p, g, sum, parameter.size, lr, this.eps, weightDecay)
  }
}

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
  protected readonly slots = ['square_avg', 'momentum_buffer', 'grad_avg']
  private readonly options: Required<Omit<RMSpropOptions, 'lr' | 'weightDecay'>>

  constructor(params: Params, { lr = 1e-2, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false }: RMSpropOptions = {}) {
    super(params, lr, weightDecay)
    this.options = { alpha, eps, momentum, centered }
  }

  protected update(parameter: Parameter, p: number, g: number, { lr, weightDecay }: { lr: number; weightDecay: number }): void {
    const { alpha, eps, momentum, centered } = this.options
    const [square, v, mean] = this.addresses(parameter)
    this.device.call('rmsprop_f32', p, g, square, momentum === 0 ? 0 : v, centered ? mean : 0, parameter.size, lr, alpha, eps, weightDecay, momentum)
  }
}
