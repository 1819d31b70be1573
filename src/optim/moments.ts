import type { Parameter } from '../autograd/variable.js'
import { checkOptions } from '../core/options.js'
import { pow } from '../core/scalar-functions.js'
import { Optimizer, type ParameterGroup } from './optimizer.js'

type Params = Iterable<Parameter> | readonly ParameterGroup[]

interface Rates {
  readonly lr: number
  readonly weightDecay: number
}

/** Rate, betas and decay of {@link Lion}. */
export interface LionOptions {
  readonly lr?: number
  readonly betas?: readonly [number, number]
  readonly weightDecay?: number
}

/** Lion (Chen et al., arXiv:2302.06675): steps of one size by the sign of a mean. Half of Adam's memory; a third to a tenth of its rate. */
export class Lion extends Optimizer {
  protected readonly slots = ['exp_avg']
  private readonly betas: readonly [number, number]

  constructor(params: Params, options: LionOptions = {}) {
    checkOptions('Lion', options, ['lr', 'betas', 'weightDecay'])
    const { lr = 1e-4, betas = [0.9, 0.99], weightDecay = 0 } = options
    super(params, lr, weightDecay)
    this.betas = betas
  }

  protected update(parameter: Parameter, p: number, g: number, { lr, weightDecay }: Rates): void {
    const [m] = this.addresses(parameter)
    this.device.call('lion_f32', p, g, m, parameter.size, lr, this.betas[0], this.betas[1], 1 - lr * weightDecay)
  }
}

/** What methods between momentum and Adam have in common. */
abstract class Moments extends Optimizer {
  protected readonly slots = ['exp_avg', 'exp_avg_sq']

  constructor(
    params: Params,
    lr: number,
    weightDecay: number,
    protected readonly betas: readonly [number, number],
    protected readonly eps: number,
    private readonly decoupled: boolean,
  ) {
    super(params, lr, weightDecay)
  }

  /** One update by the coefficients of this step: see moments_f32. */
  protected move(
    parameter: Parameter,
    [p, g]: readonly [number, number],
    { lr, weightDecay }: Rates,
    coefficients: {
      readonly byGradient: number
      readonly byMean: number
      readonly eps: number
      readonly adaptive: boolean
    },
  ): void {
    const [m, v] = this.addresses(parameter)
    const { byGradient, byMean, eps, adaptive } = coefficients
    const [decay, shrink] = this.decoupled ? [0, 1 - lr * weightDecay] : [weightDecay, 1]
    const [beta1, beta2] = this.betas
    this.device.call(
      'moments_f32',
      p,
      g,
      m,
      v,
      parameter.size,
      beta1,
      beta2,
      byGradient,
      byMean,
      eps,
      decay,
      shrink,
      Number(adaptive),
    )
  }
}

/** Rate, betas and decays of {@link NAdam}. */
export interface NAdamOptions {
  readonly lr?: number
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly weightDecay?: number
  readonly momentumDecay?: number
  /** Takes the decay of the parameter itself, as AdamW does. */
  readonly decoupledWeightDecay?: boolean
}

/** Adam with Nesterov's momentum (Dozat, 2016). */
export class NAdam extends Moments {
  private readonly momentumDecay: number
  private power2 = 1
  private product = 1
  private mean = 1
  private next = 1

  constructor(params: Params, options: NAdamOptions = {}) {
    const known = ['lr', 'betas', 'eps', 'weightDecay', 'momentumDecay', 'decoupledWeightDecay']
    checkOptions('NAdam', options, known)
    const { lr = 2e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, momentumDecay = 4e-3 } = options
    super(params, lr, weightDecay, betas, eps, options.decoupledWeightDecay ?? false)
    this.momentumDecay = momentumDecay
  }

  protected override begin(): void {
    const at = (step: number): number => this.betas[0] * (1 - 0.5 * pow(0.96, step * this.momentumDecay))
    this.mean = at(this.steps)
    this.next = at(this.steps + 1)
    this.product *= this.mean
    this.power2 *= this.betas[1]
  }

  protected override powers(): number[] {
    return [this.power2, this.product]
  }

  protected override restorePowers([power2 = 1, product = 1]: readonly number[]): void {
    this.power2 = power2
    this.product = product
  }

  protected update(parameter: Parameter, p: number, g: number, rates: Rates): void {
    // √(v/c) + ε = (√v + ε·√c)/√c
    const root = Math.sqrt(1 - this.power2)
    this.move(parameter, [p, g], rates, {
      byGradient: (rates.lr * root * (1 - this.mean)) / (1 - this.product),
      byMean: (rates.lr * root * this.next) / (1 - this.product * this.next),
      eps: this.eps * root,
      adaptive: true,
    })
  }
}

/** Rate, betas and decay of {@link RAdam}. */
export interface RAdamOptions {
  readonly lr?: number
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly weightDecay?: number
}

/** Adam whose first steps go by momentum alone, until the second moment can be trusted (Liu et al., arXiv:1908.03265): no warm-up needed. */
export class RAdam extends Moments {
  private power1 = 1
  private power2 = 1

  constructor(params: Params, options: RAdamOptions = {}) {
    checkOptions('RAdam', options, ['lr', 'betas', 'eps', 'weightDecay'])
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options
    super(params, lr, weightDecay, betas, eps, false)
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

  protected update(parameter: Parameter, p: number, g: number, rates: Rates): void {
    const most = 2 / (1 - this.betas[1]) - 1
    const correction = 1 - this.power2
    // The length of the average that the second moment is like.
    const length = most - (2 * this.steps * this.power2) / correction
    const adaptive = length > 5
    const rectified = adaptive
      ? Math.sqrt((correction * (length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length))
      : 1
    this.move(parameter, [p, g], rates, {
      byGradient: 0,
      byMean: (rates.lr * rectified) / (1 - this.power1),
      eps: this.eps,
      adaptive,
    })
  }
}
