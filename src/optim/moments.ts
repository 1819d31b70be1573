import type { WasmAddress } from '../autograd/device.js'
import type { Parameter } from '../autograd/variable.js'
import { pow } from '../core/scalar-functions.js'
import { Optimizer, withDefaults, type Params, type Rates, type Update } from './optimizer.js'

/** Rate, betas and decay of {@link Lion}. */
export interface LionOptions {
  /** The learning rate; 1e-4 by default. */
  readonly lr?: number
  /** How much the mean counts in the sign of a step, and how much of it is kept; [0.9, 0.99] by default. */
  readonly betas?: readonly [number, number]
  /** Share of every weight that a step of rate 1 takes away; 0 by default. */
  readonly weightDecay?: number
}

/**
 * Lion (Chen et al., arXiv:2302.06675): steps of one size by the sign of a mean. Half of Adam's memory; a third to a
 * tenth of its rate.
 */
export class Lion extends Optimizer<Required<LionOptions>> {
  protected readonly slots = ['exp_avg']

  constructor(params: Params<LionOptions>, options: LionOptions = {}) {
    super(params, withDefaults('Lion', options, { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0 } as const))
  }

  protected update(parameter: Parameter, p: WasmAddress, g: WasmAddress, { lr, options }: Update<LionOptions>): void {
    const { betas, weightDecay } = options
    const [m] = this.addresses(parameter)
    this.device.call('lion_f32', p, g, m, parameter.size, lr, betas[0], betas[1], 1 - lr * weightDecay)
  }
}

/** What methods between momentum and Adam have in common. */
abstract class Moments<
  Options extends Rates & { readonly betas: readonly [number, number] },
> extends Optimizer<Options> {
  protected readonly slots = ['exp_avg', 'exp_avg_sq']

  /** One update by the coefficients of this step: see moments_f32. */
  protected move(
    parameter: Parameter,
    [p, g]: readonly [WasmAddress, WasmAddress],
    { lr, weightDecay, betas: [beta1, beta2] }: Rates & { readonly betas: readonly [number, number] },
    coefficients: {
      readonly byGradient: number
      readonly byMean: number
      readonly eps: number
      readonly adaptive: boolean
      readonly decoupled?: boolean
    },
  ): void {
    const [m, v] = this.addresses(parameter)
    const { byGradient, byMean, eps, adaptive, decoupled = false } = coefficients
    const [decay, shrink] = decoupled ? [0, 1 - lr * weightDecay] : [weightDecay, 1]
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
  /** The learning rate; 2e-3 by default. */
  readonly lr?: number
  /** What is kept from step to step of the mean of gradients and of that of their squares; [0.9, 0.999] by default. */
  readonly betas?: readonly [number, number]
  /** Added to the root that is divided by; 1e-8 by default. */
  readonly eps?: number
  /** Times the weight is added to its gradient; 0 by default. */
  readonly weightDecay?: number
  /** How fast the momentum approaches its final value; 4e-3 by default. */
  readonly momentumDecay?: number
  /** Takes the decay of the parameter itself, as AdamW does. */
  readonly decoupledWeightDecay?: boolean
}

/** Adam with Nesterov's momentum (Dozat, 2016). */
export class NAdam extends Moments<Required<NAdamOptions>> {
  /** The power of the second beta, and the product of the means' shares. */
  protected override readonly powers: number[][] = this.groups.map(() => [1, 1])

  constructor(params: Params<NAdamOptions>, options: NAdamOptions = {}) {
    const defaults = { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3 } as const
    super(params, withDefaults('NAdam', options, { ...defaults, decoupledWeightDecay: false }))
  }

  protected override begin(): void {
    for (const [i, { options }] of this.groups.entries()) {
      this.powers[i][0] *= options.betas[1]
      this.powers[i][1] *= shareAt(this.steps, options)
    }
  }

  protected update(
    parameter: Parameter,
    p: WasmAddress,
    g: WasmAddress,
    { lr, options, powers }: Update<NAdamOptions>,
  ): void {
    const [power, product] = powers
    const [mean, next] = [shareAt(this.steps, options), shareAt(this.steps + 1, options)]
    // √(v/c) + ε = (√v + ε·√c)/√c
    const root = Math.sqrt(1 - power)
    this.move(
      parameter,
      [p, g],
      { ...options, lr },
      {
        byGradient: (lr * root * (1 - mean)) / (1 - product),
        byMean: (lr * root * next) / (1 - product * next),
        eps: options.eps * root,
        adaptive: true,
        decoupled: options.decoupledWeightDecay,
      },
    )
  }
}

/** The share of the mean in a step of {@link NAdam}, which grows towards the first beta. */
function shareAt(step: number, { betas, momentumDecay }: Required<NAdamOptions>): number {
  return betas[0] * (1 - 0.5 * pow(0.96, step * momentumDecay))
}

/** Rate, betas and decay of {@link RAdam}. */
export interface RAdamOptions {
  /** The learning rate; 1e-3 by default. */
  readonly lr?: number
  /** What is kept from step to step of the mean of gradients and of that of their squares; [0.9, 0.999] by default. */
  readonly betas?: readonly [number, number]
  /** Added to the root that is divided by; 1e-8 by default. */
  readonly eps?: number
  /** Times the weight is added to its gradient; 0 by default. */
  readonly weightDecay?: number
}

/**
 * Adam whose first steps go by momentum alone, until the second moment can be trusted (Liu et al., arXiv:1908.03265):
 * no warm-up needed.
 */
export class RAdam extends Moments<Required<RAdamOptions>> {
  protected override readonly powers: number[][] = this.groups.map(() => [1, 1])

  constructor(params: Params<RAdamOptions>, options: RAdamOptions = {}) {
    const defaults = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 } as const
    super(params, withDefaults('RAdam', options, defaults))
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
    { lr, options, powers }: Update<RAdamOptions>,
  ): void {
    const most = 2 / (1 - options.betas[1]) - 1
    const correction = 1 - powers[1]
    // The length of the average that the second moment is like.
    const length = most - (2 * this.steps * powers[1]) / correction
    const adaptive = length > 5
    const rectified = adaptive
      ? Math.sqrt((correction * (length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length))
      : 1
    this.move(
      parameter,
      [p, g],
      { ...options, lr },
      {
        byGradient: 0,
        byMean: (lr * rectified) / (1 - powers[0]),
        eps: options.eps,
        adaptive,
      },
    )
  }
}
