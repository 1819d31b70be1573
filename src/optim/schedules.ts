import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber } from '../core/options.js'
import { cos, pow } from '../core/scalar-functions.js'
import type { Optimizer } from './optimizer.js'

/** A factor of the learning rate by the number of steps (or epochs, whatever `step()` is called after). */
export type Factor = (step: number) => number

/**
 * Numbers of steps and the like. @throws LanewiseError `E_VALUE` for what is none: a rate of NaN would ruin the weights
 * without a word.
 */
function checkCount(name: string, value: number): void {
  checkNumber(name, value, { above: 0, most: Number.MAX_VALUE })
}

function checkShare(name: string, value: number): void {
  checkNumber(name, value, { least: 0, most: Number.MAX_VALUE })
}

/** Powers by multiplication: every engine rounds them alike. */
function power(base: number, exponent: number): number {
  let result = 1
  for (let square = base, left = exponent; left > 0; left = Math.floor(left / 2), square *= square)
    if (left % 2 === 1) result *= square
  return result
}

/** × gamma every `stepSize` steps. */
export function stepDecay(stepSize: number, gamma = 0.1): Factor {
  checkArguments('stepDecay', { stepSize, gamma }, 'number', 'number?')

  checkCount('stepSize', stepSize)
  checkShare('gamma', gamma)
  return (step) => power(gamma, Math.floor(step / stepSize))
}

/** × gamma at each milestone. */
export function multiStep(milestones: readonly number[], gamma = 0.1): Factor {
  checkArguments('multiStep', { milestones, gamma }, 'numbers', 'number?')

  for (const milestone of milestones) checkShare('a milestone', milestone)
  checkShare('gamma', gamma)
  return (step) => power(gamma, milestones.filter((milestone) => step >= milestone).length)
}

/** gamma^(step / every): in stairs, or (with `staircase` false) evenly in between. */
export function exponential(
  gamma: number,
  options: { readonly every?: number; readonly staircase?: boolean } = {},
): Factor {
  checkArguments('exponential', { gamma, options }, 'number', { every: 'number', staircase: 'boolean' })
  const { every = 1, staircase = true } = options

  checkCount('every', every)
  checkShare('gamma', gamma)
  return (step) => (staircase ? power(gamma, Math.floor(step / every)) : pow(gamma, step / every))
}

/** Half a cosine from 1 down to `floor` (Loshchilov & Hutter, 2017). */
export function cosine(total: number, floor = 0): Factor {
  checkArguments('cosine', { total, floor }, 'number', 'number?')

  checkCount('total', total)
  checkShare('floor', floor)
  return (step) => floor + ((1 - floor) * (1 + cos(Math.PI * Math.min(1, step / total)))) / 2
}

/** Down from 1 to `floor` as (1 − step/total)^exponent; evenly with the exponent 1. */
export function polynomial(total: number, exponent = 1, floor = 0): Factor {
  checkArguments('polynomial', { total, exponent, floor }, 'number', 'number?', 'number?')

  checkCount('total', total)
  checkShare('exponent', exponent)
  checkShare('floor', floor)
  return (step) => floor + (1 - floor) * pow(1 - Math.min(1, step / total), exponent)
}

/**
 * {@link cosine} again and again (Loshchilov & Hutter, 2017): the first time in `period` steps, each time `multiply`
 * times as long.
 */
export function warmRestarts(period: number, multiply = 1, floor = 0): Factor {
  checkArguments('warmRestarts', { period, multiply, floor }, 'number', 'number?', 'number?')

  checkCount('period', period)
  checkNumber('multiply', multiply, { least: 1, most: Number.MAX_VALUE })
  checkShare('floor', floor)
  return (step) => {
    let length = period
    let left = step
    while (left >= length) {
      left -= length
      length *= multiply
    }
    return cosine(length, floor)(left)
  }
}

/**
 * Half a cosine up from 1/`divide` to 1 in a share `rise` of the steps, and half a cosine down to
 * 1/(`divide`·`finalDivide`) in the others (Smith & Topin, arXiv:1708.07120). The optimiser's rate is the largest.
 */
export function oneCycle(
  total: number,
  options: { readonly rise?: number; readonly divide?: number; readonly finalDivide?: number } = {},
): Factor {
  checkArguments('oneCycle', { total, options }, 'number', { rise: 'number', divide: 'number', finalDivide: 'number' })
  const { rise = 0.3, divide = 25, finalDivide = 1e4 } = options

  checkCount('total', total)
  checkNumber('rise', rise, { least: 0, most: 1 })
  checkCount('divide', divide)
  checkCount('finalDivide', finalDivide)
  const between = (from: number, to: number, share: number) => to + ((from - to) * (1 + cos(Math.PI * share))) / 2
  const top = rise * total - 1
  const last = total - 1
  return (step) => {
    const at = Math.min(step, last)
    return at <= top
      ? between(1 / divide, 1, top <= 0 ? 1 : at / top)
      : between(1, 1 / (divide * finalDivide), (at - top) / (last - top))
  }
}

/** Evenly up from `start` to 1 in `steps`, then as `then` says from there. */
export function warmup(steps: number, then: Factor = () => 1, start = 0): Factor {
  checkArguments('warmup', { steps, then, start }, 'number', 'function?', 'number?')

  checkShare('steps', steps)
  checkShare('start', start)
  return (step) => (step < steps ? start + (1 - start) * (step / steps) : then(step - steps))
}

/** Sets the learning rate of an optimiser's groups to their first one times a factor. */
export class Schedule {
  /** Calls of {@link step} so far. */
  count = 0

  constructor(
    private readonly optimizer: Optimizer,
    private readonly factor: Factor,
  ) {
    checkArguments(new.target.name, { optimizer, factor }, 'optimizer', 'function')

    this.set()
  }

  /** The next step begins. */
  step(): void {
    this.count++
    this.set()
  }

  /** Goes on from a count that was saved. */
  restore(count: number): void {
    if (!(Number.isInteger(count) && count >= 0))
      throw new LanewiseError('E_STATE', `a schedule cannot go on from step ${count}`)
    this.count = count
    this.set()
  }

  private set(): void {
    const factor = this.factor(this.count)
    checkShare(`the schedule at step ${this.count}`, factor)
    for (const group of this.optimizer.groups) group.lr = group.initialLr * factor
  }
}
