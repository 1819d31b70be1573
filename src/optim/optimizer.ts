import { checkArguments } from '../core/arguments.js'
import { UNARY_CLIP } from '../../assembly/abi/codes.js'
import type { Device, WasmAddress } from '../autograd/device.js'
import { Parameter } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber, checkOptions, checkRecord, kindOf } from '../core/options.js'
import type { Placed } from '../plan/placed.js'
import { resolve } from '../plan/weights.js'
import { Tensor } from '../api/tensor.js'

/** What every method has. */
export interface Rates {
  readonly lr: number
  readonly weightDecay: number
}

/** Parameters that are updated with settings of their own: any option of the method, here those that all have. */
export type ParameterGroup<Options extends object = Partial<Rates>> = {
  /** The parameters of this group. */
  readonly params: readonly Parameter[]
} & Partial<Options>

/** What a method takes: parameters, or groups of them with options of their own. */
export type Params<Options extends object = Partial<Rates>> = Iterable<Parameter> | readonly ParameterGroup<Options>[]

interface Group<Options extends Rates> {
  readonly params: readonly Parameter[]
  lr: number
  readonly weightDecay: number
  /** What the schedule started from. */
  readonly initialLr: number
  /** Its own options and, where it has none, the method's. */
  readonly options: Readonly<Required<Options>>
}

/** What one update goes by: the rate of the step, the group's options, and the group's powers. */
export interface Update<Options extends object> {
  readonly lr: number
  readonly options: Readonly<Required<Options>>
  readonly powers: readonly number[]
}

/** Every option of a method. @throws LanewiseError `E_VALUE` for one that it does not have. */
export function withDefaults<Options extends object>(
  method: string,
  given: Options,
  defaults: Required<Options>,
): Required<Options> {
  checkRecord(`the options of ${method}`, given)
  checkOptions(method, given, Object.keys(defaults))
  const set = Object.entries(given).filter(([, value]) => value !== undefined)
  return { ...defaults, ...(Object.fromEntries(set) as Partial<Options>) }
}

/** What an optimiser needs to go on as if it had never stopped: plain values and tensors, for checkpoints. */
export interface OptimizerState {
  /** Counters, rates and powers: JSON. */
  readonly settings: {
    readonly steps: number
    readonly lr: readonly number[]
    readonly powers?: readonly number[]
    /** Which method it is, what that keeps for each parameter, and how many parameters each group has. */
    readonly method?: string
    readonly slots?: readonly string[]
    readonly groups?: readonly number[]
  }
  /**
   * What the method keeps for each parameter (momentum, moments), by its place among all of them and the slot's name:
   * "0.momentum".
   */
  readonly tensors: ReadonlyMap<string, Tensor>
}

/** Changes parameters by their gradients. Kernels do it in place, one pass over memory. */
export abstract class Optimizer<Options extends Rates = Rates> {
  /** Groups of parameters, each with rate and decay of its own; `lr` may be set between steps. */
  readonly groups: readonly Group<Options>[]
  /** Updates that have been made. */
  steps = 0
  private disposed = false
  /** Per parameter: what the method keeps. */
  private readonly kept = new Map<Parameter, Parameter[]>()
  protected readonly device: Device

  /** @param options - every option of the method, with its value where a group has none of its own. */
  constructor(params: Params<Partial<Options>>, options: Required<Options>) {
    if (typeof params !== 'object' || params === null || !(Symbol.iterator in params))
      throw new LanewiseError('E_VALUE', `an optimiser takes a list of parameters, got ${kindOf(params)}`)
    const given = [...(params as Iterable<Parameter | ParameterGroup<Partial<Options>>>)]
    const groups = given.every((item) => item instanceof Parameter)
      ? [{ params: given } as unknown as ParameterGroup<Partial<Options>>]
      : (given as ParameterGroup<Partial<Options>>[])
    const seen = new Set<Parameter>()
    this.groups = groups.map((group) => {
      if (!Array.isArray((group as Partial<typeof group> | null | undefined)?.params))
        throw new LanewiseError(
          'E_VALUE',
          `an optimiser takes parameters, or groups of them ({ params, lr, … }), got ${kindOf(group)}`,
        )
      const { params: own, ...others } = group
      checkOptions('a group of parameters', others, Object.keys(options))
      for (const parameter of own) {
        if (!(parameter instanceof Parameter))
          throw new LanewiseError('E_VALUE', 'an optimiser takes parameters, or groups of them ({ params, lr, … })')
        parameter.check()
        if (seen.has(parameter))
          throw new LanewiseError(
            'E_VALUE',
            `${parameter.describe()} is given twice: it would be updated twice in a step`,
            {
              tensor: parameter.name,
            },
          )
        seen.add(parameter)
      }
      const set = Object.entries(others).filter(([, value]) => value !== undefined)
      const mine: Required<Options> = { ...options, ...(Object.fromEntries(set) as Partial<Options>) }
      for (const [name, value] of Object.entries(mine)) checkOption(name, value, options[name as keyof Options])
      return { params: [...own], lr: mine.lr, initialLr: mine.lr, weightDecay: mine.weightDecay, options: mine }
    })
    const first = this.groups[0]?.params[0]
    if (!first) throw new LanewiseError('E_VALUE', 'an optimiser needs parameters')
    this.device = first.device
    const stranger = this.all().find(({ device }) => device !== first.device)
    if (stranger)
      throw new LanewiseError('E_STATE', `${stranger.describe()} is on another device than the first parameter`)
  }

  /**
   * One update of every parameter that has a gradient.
   *
   * @throws LanewiseError `E_STATE` if a parameter or the optimiser was disposed of; then nothing was changed.
   */
  step(): void {
    this.check()
    for (const parameter of this.all()) parameter.check()
    this.steps++
    this.begin()
    for (const [i, group] of this.groups.entries()) {
      const update = { lr: group.lr, options: group.options, powers: this.powers[i] ?? [] }
      for (const parameter of group.params) {
        const gradient = parameter.gradientPlaced
        if (!gradient || !parameter.trainable) continue
        this.update(parameter, resolve(parameter.placed.at), resolve(gradient.at), update)
        parameter.changed()
      }
    }
  }

  /** Forgets the gradients. */
  zeroGrad(): void {
    this.check()
    for (const { params } of this.groups) for (const parameter of params) parameter.zeroGrad()
  }

  /** A copy of everything that the next step depends on besides parameters and gradients. */
  state(): OptimizerState {
    this.check()
    const tensors = new Map<string, Tensor>()
    this.all().forEach((parameter, i) =>
      this.kept.get(parameter)?.forEach((slot, k) => tensors.set(`${i}.${this.slots[k]}`, slot.tensor())),
    )
    const settings = {
      steps: this.steps,
      lr: this.groups.map((group) => group.lr),
      powers: this.powers.flat(),
      method: this.method,
      slots: [...this.slots],
      groups: this.groups.map(({ params }) => params.length),
    }
    return { settings, tensors }
  }

  /**
   * Goes on from a state. The learning rates are those of the state, the other options those of this optimiser.
   *
   * @throws LanewiseError `E_STATE` if it is that of another method, of another model or of other groups; then nothing
   *   was changed.
   */
  load({ settings, tensors }: OptimizerState): void {
    this.check()
    const all = this.all()
    this.checkSame('method', this.method, settings.method)
    this.checkSame('slots', this.slots.join(', '), settings.slots?.join(', '))
    this.checkSame(
      'numbers of parameters in its groups',
      this.groups.map(({ params }) => params.length).join(', '),
      settings.groups?.join(', '),
    )
    if (!settings.lr.every((lr) => Number.isFinite(lr)) || !Number.isInteger(settings.steps))
      throw new LanewiseError('E_STATE', 'the state has learning rates or a number of steps that are none')
    if (settings.lr.length !== this.groups.length)
      throw new LanewiseError(
        'E_STATE',
        `the state has ${settings.lr.length} groups of parameters, the optimiser ${this.groups.length}`,
      )
    const placed = [...tensors].map(([name, tensor]) => {
      const [index, slot] = name.split('.')
      const parameter = all.at(Number(index))
      const k = this.slots.indexOf(slot)
      if (!parameter || k < 0 || k >= this.slotsOf(parameter) || parameter.shape.join() !== tensor.dims.join())
        throw new LanewiseError('E_STATE', `the state's "${name}" belongs to no parameter`, { tensor: name })
      return { parameter, k, tensor }
    })
    // What the state does not have starts over.
    for (const slots of this.kept.values()) for (const slot of slots) slot.dispose()
    this.kept.clear()
    for (const { parameter, k, tensor } of placed) this.keep(parameter, this.slotsOf(parameter))[k].assign(tensor)
    this.steps = settings.steps
    this.groups.forEach((group, i) => (group.lr = settings.lr[i]))
    this.restorePowers(settings.powers ?? [])
  }

  /** Frees what the method keeps. Any later use throws `E_STATE`, but for disposing of it again. */
  dispose(): void {
    this.disposed = true
    for (const slots of this.kept.values()) for (const slot of slots) slot.dispose()
    this.kept.clear()
  }

  /** Those of every group; states of older versions have them once for all. */
  private restorePowers(powers: readonly number[]): void {
    for (const [i, own] of this.powers.entries())
      for (const k of own.keys()) own[k] = powers[i * own.length + k] ?? powers[k] ?? own[k]
  }

  /** What a state says it is the state of. */
  protected get method(): string {
    return this.constructor.name
  }

  /** States of older versions do not say everything. */
  private checkSame(what: string, own: string, given: string | undefined): void {
    if (given !== undefined && given !== own)
      throw new LanewiseError('E_STATE', `the state's ${what}: ${given}; this ${this.method}'s: ${own}`, {
        expected: own,
        actual: given,
      })
  }

  private check(): void {
    if (this.disposed) throw new LanewiseError('E_STATE', `this ${this.method} was disposed of`)
  }

  /** Names of what is kept for each parameter. */
  protected abstract readonly slots: readonly string[]
  protected abstract update(parameter: Parameter, p: WasmAddress, g: WasmAddress, by: Update<Options>): void
  /** Called once at the start of every step. */
  protected begin(): void {}
  /**
   * Numbers of each group that grow from step to step, such as powers of a decay: computed by multiplication, which
   * every engine rounds alike.
   */
  protected readonly powers: number[][] = []

  /** How many of them a parameter has: the first so many. */
  protected slotsOf(_parameter: Parameter): number {
    return this.slots.length
  }

  /** Zeroed memory of a parameter's size, kept between steps. */
  protected keep(parameter: Parameter, count: number): Parameter[] {
    let slots = this.kept.get(parameter)
    if (!slots) {
      slots = Array.from({ length: count }, () =>
        this.device.parameter(
          { dtype: 'float32', shape: parameter.shape, data: new Float32Array(parameter.size) },
          { buffer: true },
        ),
      )
      this.kept.set(parameter, slots)
    }
    return slots
  }

  protected addresses(parameter: Parameter): WasmAddress[] {
    return this.keep(parameter, this.slotsOf(parameter)).map((slot) => resolve(slot.placed.at))
  }

  /** Whether this is the first update of a parameter. */
  protected isFresh(parameter: Parameter): boolean {
    return !this.kept.has(parameter)
  }

  private all(): Parameter[] {
    return this.groups.flatMap(({ params }) => params)
  }
}

/**
 * Numbers are at least 0, shares of a mean below 1, switches switches. @throws LanewiseError `E_VALUE` naming the
 * option.
 */
function checkOption(name: string, value: unknown, usual: unknown): void {
  if (name === 'betas') {
    if (!Array.isArray(value) || value.length !== 2)
      throw new LanewiseError('E_VALUE', `betas must be two numbers, got ${String(value)}`)
    for (const beta of value as unknown[])
      if (!(typeof beta === 'number' && beta >= 0 && beta < 1))
        throw new LanewiseError('E_VALUE', `betas must be numbers from 0 to below 1, got ${String(value)}`)
  } else if (typeof usual === 'boolean') {
    if (typeof value !== 'boolean')
      throw new LanewiseError('E_VALUE', `${name} must be true or false, got ${String(value)}`)
  } else checkNumber(name, value, { least: 0, most: Number.MAX_VALUE })
}

/**
 * Scales all gradients so that their norm together is at most `maxNorm`, and returns the norm before.
 *
 * @returns NaN or infinity if a gradient is not finite; then nothing is scaled.
 * @throws LanewiseError `E_VALUE` for a norm that is negative or NaN.
 */
export function clipGradNorm(params: Iterable<Parameter>, maxNorm: number): number {
  checkArguments('clipGradNorm', { params, maxNorm }, 'iterable', 'number')
  checkNumber('maxNorm', maxNorm, { least: 0 })
  const list = [...params].filter((parameter) => withGradient(parameter))
  if (list.length === 0) return 0
  const norm = gradNorm(list)
  if (norm > maxNorm && Number.isFinite(norm)) scaleGradients(list, maxNorm / norm)
  return norm
}

/** Multiplies all gradients by a number. @internal */
export function scaleGradients(params: Iterable<Parameter>, factor: number): void {
  for (const { device, gradientPlaced, size } of params)
    if (gradientPlaced) device.call('scale_f32', gradientPlaced.at, size, factor)
}

/** The root of the sum of the squares of all gradients. */
export function gradNorm(params: Iterable<Parameter>): number {
  checkArguments('gradNorm', { params }, 'iterable')
  let total = 0
  for (const parameter of params) {
    const gradient = withGradient(parameter)
    if (!gradient) continue
    const { device } = parameter
    const at = device.allocate(8)
    device.call('sum_squares_f32', gradient.at, parameter.size, at)
    total += (device.context.view('float64', resolve(at), 1) as Float64Array)[0]
    device.free(at)
  }
  return Math.sqrt(total)
}

/**
 * Puts every element of every gradient within ±limit. @throws LanewiseError `E_VALUE` for a limit that is negative or
 * NaN.
 */
export function clipGradValue(params: Iterable<Parameter>, limit: number): void {
  checkArguments('clipGradValue', { params, limit }, 'iterable', 'number')
  checkNumber('limit', limit, { least: 0 })
  for (const parameter of params) {
    const gradient = withGradient(parameter)
    if (gradient)
      parameter.device.call('unary_f32', UNARY_CLIP, gradient.at, gradient.at, parameter.size, -limit, limit)
  }
}

/**
 * The gradient of a parameter, if it has one. @throws LanewiseError `E_STATE` if the parameter was disposed of,
 * `E_VALUE` for what is none.
 */
function withGradient(parameter: unknown): Placed | undefined {
  if (!(parameter instanceof Parameter))
    throw new LanewiseError('E_VALUE', `gradients are those of parameters, got ${kindOf(parameter)}`)
  parameter.check()
  return parameter.gradientPlaced
}
