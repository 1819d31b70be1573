import { checkArguments } from '../core/arguments.js'
import type { Tensor } from '../api/tensor.js'
import { LanewiseError } from '../core/errors.js'
import { pow } from '../core/scalar-functions.js'
import type { Optimizer } from './optimizer.js'

/** Which rates {@link findLearningRate} tries. */
export interface FindRateOptions {
  /** The first rate; 1e-7 by default. */
  readonly from?: number
  /** The last rate; 10 by default. */
  readonly to?: number
  /** Steps in between, each with a rate that is the same factor larger; 100 by default. */
  readonly steps?: number
  /** How much of the smoothed loss is kept from step to step; 0.9 by default. */
  readonly smoothing?: number
  /** It ends once the smoothed loss is so many times its best; 4 by default. */
  readonly divergence?: number
}

/** What {@link findLearningRate} saw. */
export interface FoundRate {
  /** A rate to begin with: where the smoothed loss fell most steeply; undefined if it never fell. */
  readonly suggestion: number | undefined
  /** The learning rate of every step. */
  readonly rates: readonly number[]
  /** The loss of every step, smoothed. */
  readonly losses: readonly number[]
}

/**
 * Tries learning rates from tiny to far too large, one step each, and tells where the loss falls most steeply (Smith,
 * arXiv:1506.01186). Parameters, the optimiser's state and its rates are as before when it is done.
 *
 * @param step - one step of training with the optimiser, on the next batch; returns its loss.
 * @throws LanewiseError `E_VALUE` for rates or steps that make no range.
 *
 * @example
 * import { Adam, Device, F, findLearningRate, Tensor } from 'lanewise/train'
 *
 * const device = await Device.create()
 * const w = device.parameter(new Tensor('float32', [3, -2], [2]))
 * const optimizer = new Adam([w])
 * const step = () =>
 *   device.step(() => {
 *     const loss = F.sum(F.mul(w, w))
 *     loss.backward()
 *     optimizer.step()
 *     optimizer.zeroGrad()
 *     return loss.item()
 *   })
 * const { suggestion } = await findLearningRate(optimizer, step)
 * console.log(suggestion)
 */
export async function findLearningRate(
  optimizer: Optimizer,
  step: () => number | Promise<number>,
  options: FindRateOptions = {},
): Promise<FoundRate> {
  checkArguments('findLearningRate', { optimizer, step, options }, 'optimizer', 'function', {
    from: 'number',
    to: 'number',
    steps: 'number',
    smoothing: 'number',
    divergence: 'number',
  })
  const { from = 1e-7, to = 10, steps = 100, smoothing = 0.9, divergence = 4 } = options

  if (!(from > 0 && to > from && Number.isFinite(to)) || !Number.isInteger(steps) || steps < 2)
    throw new LanewiseError('E_VALUE', `rates from ${from} to ${to} in ${steps} steps make no range`)
  const parameters = optimizer.groups.flatMap(({ params }) => params)
  const before: Tensor[] = parameters.map((parameter) => parameter.tensor())
  const state = optimizer.state()
  const rates: number[] = []
  const losses: number[] = []
  let mean = 0
  let best = Infinity
  try {
    for (let i = 0; i < steps; i++) {
      const rate = from * pow(to / from, i / (steps - 1))
      for (const group of optimizer.groups) group.lr = rate
      const loss = await step()
      if (!Number.isFinite(loss)) break
      mean = smoothing * mean + (1 - smoothing) * loss
      const smooth = mean / (1 - pow(smoothing, i + 1))
      rates.push(rate)
      losses.push(smooth)
      best = Math.min(best, smooth)
      if (i > 0 && smooth > divergence * best) break
    }
  } finally {
    parameters.forEach((parameter, i) => parameter.assign(before[i]))
    optimizer.load(state)
  }
  return { suggestion: steepest(rates, losses), rates, losses }
}

/** The rate at which the loss falls fastest by the logarithm of the rate, whose steps are all alike. */
function steepest(rates: readonly number[], losses: readonly number[]): number | undefined {
  let slope = 0
  let at = -1
  for (let i = 1; i + 1 < losses.length; i++) {
    const here = losses[i + 1] - losses[i - 1]
    if (here < slope) [slope, at] = [here, i]
  }
  return at < 0 ? undefined : rates[at]
}
