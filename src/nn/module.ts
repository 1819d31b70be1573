import { checkArguments } from '../core/arguments.js'
import { Device } from '../autograd/device.js'
import { Parameter, Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { kindOf } from '../core/options.js'
import { tagOf } from '../core/realm.js'
import type { Shape } from '../core/shape.js'
import { Tensor } from '../api/tensor.js'
import { initialized, type Initializer } from './init.js'
import { childrenOf, register, tensorsOf } from './members.js'

/** Is told of a module's inputs and output; may give another output. */
export type ForwardHook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown
/** Is told of a module's inputs before they are used; may give others, as a list. */
export type ForwardPreHook = (module: Module, inputs: readonly unknown[]) => readonly unknown[] | undefined | void

/** What a prediction gives: a tensor for each that `forward` returns. */
export type Predicted<Output> = Output extends Variable
  ? Tensor
  : Output extends readonly unknown[]
    ? Tensor[]
    : unknown extends Output
      ? Tensor | Tensor[] | Readonly<Record<string, Tensor>>
      : Output extends Readonly<Record<string, Variable>>
        ? { [Name in keyof Output]: Tensor }
        : never

/**
 * A layer or a model: parameters, modules inside it and a `forward` that applies them. What it holds is found by
 * looking at its properties, whose names make the names of the parameters ("fc1.weight"); lists, maps, sets and plain
 * objects of modules and parameters count as well, however deep ("blocks.0.left.weight"). What stands in a `#private`
 * field JavaScript shows to nobody: {@link register} it.
 *
 * @example
 * import { Device, F, Linear, Module, type Variable } from 'lanewise/train'
 *
 * class Classifier extends Module {
 *   hidden = new Linear(784, 256)
 *   scores = new Linear(256, 10)
 *   forward(x: Variable): Variable {
 *     return this.scores.call(F.relu(this.hidden.call(x)))
 *   }
 * }
 *
 * const device = await Device.create()
 * const model = new Classifier()
 * const shape = device.step(() => model.call(device.tensor(new Float32Array(784), [1, 784])).shape)
 * console.log(shape, model.stateDict().size) // [1, 10] and 4: two weights, two biases
 */
export abstract class Module {
  /** Whether Dropout drops and BatchNorm measures; see {@link train} and {@link eval}. */
  training = true

  /** The device its parameters are on. */
  readonly device: Device
  #disposed = false
  readonly #hooks = new Set<ForwardHook>()
  readonly #preHooks = new Set<ForwardPreHook>()

  constructor(device: Device = Device.current) {
    this.device = device
  }

  /** A new parameter of this module. */
  protected parameter(shape: Shape, initializer: Initializer): Parameter {
    return this.device.parameter(initialized(shape, initializer, this.device.random))
  }

  /** A new tensor that is part of the state but not learned. */
  protected buffer(shape: Shape, initializer: Initializer): Parameter {
    return this.device.parameter(initialized(shape, initializer, this.device.random), { buffer: true })
  }

  /**
   * Makes a module or a parameter that no property shows, because it is in a `#private` field, part of this module.
   *
   * @throws LanewiseError `E_VALUE` for a name that is taken.
   */
  protected register<T extends Module | Parameter>(name: string, member: T): T {
    register(this, name, member)
    return member
  }

  /**
   * Has `hook` called after every {@link call} of this module; what it returns, unless undefined, takes the output's
   * place.
   *
   * @returns what removes it again.
   */
  registerForwardHook(hook: ForwardHook): { remove(): void } {
    checkArguments('registerForwardHook', { hook }, 'function')
    return hooked(this.#hooks, hook)
  }

  /**
   * Has `hook` called before every {@link call} of this module; a list that it returns takes the place of the inputs.
   */
  registerForwardPreHook(hook: ForwardPreHook): { remove(): void } {
    checkArguments('registerForwardPreHook', { hook }, 'function')
    return hooked(this.#preHooks, hook)
  }

  /** What it computes. Apply a module by {@link call}, which lets tools see where in a model an operator belongs. */
  abstract forward(...inputs: never[]): unknown

  /** Applies the module. @throws LanewiseError `E_STATE` after {@link dispose}. */
  call(...inputs: Parameters<this['forward']>): ReturnType<this['forward']> {
    this.#check()
    const parent = active.at(-1)
    const name = (parent && nameWithin(parent, this)) ?? ''
    active.push(this)
    try {
      const run = () => this.#apply(inputs) as ReturnType<this['forward']>
      const scope = name || (parent ? '' : this.constructor.name)
      const result = name ? this.device.scoped(name, run) : this.device.named(scope, run)
      for (const listener of listeners)
        listener({
          module: this,
          scope: this.device.scope ? `${this.device.scope}/${name}` : name,
          depth: active.length - 1,
          inputs,
          result,
        })
      return result
    } finally {
      active.pop()
    }
  }

  #apply(given: readonly unknown[]): unknown {
    let inputs = given
    for (const hook of this.#preHooks) inputs = hook(this, inputs) ?? inputs
    // Of a class in JavaScript nobody has said that it lacks one.
    if (typeof this.forward !== 'function')
      throw new LanewiseError('E_VALUE', `${this.constructor.name} has no forward()`)
    let result: unknown = this.forward(...(inputs as never[]))
    for (const hook of this.#hooks) result = hook(this, inputs, result) ?? result
    return result
  }

  /** Training mode, for this module and those inside it. */
  train(mode = true): this {
    checkArguments('train', { mode }, 'boolean')
    for (const module of this.modules()) module.training = mode
    return this
  }

  /** Evaluation mode: Dropout passes everything, BatchNorm uses its running statistics. */
  eval(): this {
    return this.train(false)
  }

  /** This module and those inside it, each once, outermost first. */
  *modules(): Generator<Module> {
    for (const [, module] of this.namedModules()) yield module
  }

  /** {@link modules} with their names; this one's is ''. */
  *namedModules(prefix = '', seen = new Set<Module>()): Generator<[string, Module]> {
    if (seen.has(this)) return
    seen.add(this)
    yield [prefix, this]
    for (const [name, child] of childrenOf(this)) yield* child.namedModules(within(prefix, name), seen)
  }

  /** What is learned, each once. */
  parameters(): Parameter[] {
    return [...this.namedParameters()].map(([, parameter]) => parameter)
  }

  /** What is learned with its names, as they stand in a state dict. */
  *namedParameters(): Generator<[string, Parameter]> {
    for (const [name, tensor] of this.#namedTensors()) if (!tensor.buffer) yield [name, tensor.parameter]
  }

  /** What is part of the state but not learned, with its names. */
  *namedBuffers(): Generator<[string, Parameter]> {
    for (const [name, tensor] of this.#namedTensors()) if (tensor.buffer) yield [name, tensor.parameter]
  }

  /**
   * Copies of all parameters and buffers (running statistics) by name, in PyTorch's names and logical order. What has
   * several names stands under the first.
   */
  stateDict(): Map<string, Tensor> {
    this.#check()
    return new Map([...this.#namedTensors()].map(([name, { parameter }]) => [name, parameter.tensor()]))
  }

  /**
   * Sets parameters and buffers by name. One that has several names (tied weights) may be given by any of them, or by
   * all. PyTorch's `num_batches_tracked`, which nothing here depends on, is passed over.
   *
   * @param strict - whether a name that is missing or left over is an error.
   * @throws LanewiseError `E_TENSOR` for a name, a type or a shape that does not fit, and for different tensors of one
   *   parameter; then nothing was changed.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor | HostTensor>, strict = true): void {
    this.#check()
    checkArguments('loadStateDict', { strict }, 'boolean')
    if (tagOf(state) !== 'Map')
      throw new LanewiseError('E_VALUE', `a state is a Map of tensors by name, got ${kindOf(state)}`)
    const names = new Map<Parameter, string[]>()
    for (const [name, parameter] of this.#everyName()) names.set(parameter, [...(names.get(parameter) ?? []), name])
    const known = new Set([...names.values()].flat())
    const missing = [...names.values()].flatMap((aliases) =>
      aliases.some((name) => state.has(name)) ? [] : aliases.slice(0, 1),
    )
    const unknown = [...state.keys()].filter((name) => !known.has(name) && !/(^|\.)num_batches_tracked$/.test(name))
    if (strict && (missing.length > 0 || unknown.length > 0)) {
      const parts = [
        missing.length > 0 && `missing: ${missing.join(', ')}`,
        unknown.length > 0 && `not in the model: ${unknown.join(', ')}`,
      ]
      throw new LanewiseError('E_TENSOR', `the state does not fit the model (${parts.filter(Boolean).join('; ')})`, {
        tensor: missing[0] ?? unknown[0],
      })
    }
    const chosen = new Map<Parameter, Tensor | HostTensor>()
    for (const [parameter, aliases] of names) {
      for (const name of aliases) {
        const given = state.get(name)
        if (!given) continue
        checkFits(name, parameter, given)
        const before = chosen.get(parameter)
        if (before && !sameElements(before, given))
          throw new LanewiseError(
            'E_TENSOR',
            `${aliases.join(' and ')} are one tensor in the model and differ in the state`,
            {
              tensor: name,
            },
          )
        chosen.set(parameter, given)
      }
    }
    for (const [parameter, given] of chosen) parameter.assign(given)
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad()
  }

  /**
   * Freezes (`false`) or thaws parameters: a frozen one gets no gradient and is not changed. Running statistics of
   * layers are not parameters: `eval()` of such a layer keeps them.
   *
   * @param patterns - only those whose name fits one of them: expressions, or globs of the whole name ('features.*').
   *   Without any, every parameter.
   * @throws LanewiseError `E_VALUE` for a pattern that fits no name: then nothing was changed.
   * @example
   * import { Device, Linear, ReLU, Sequential } from 'lanewise/train'
   *
   * await Device.create()
   * const model = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 2))
   * model.requiresGrad(false).requiresGrad(true, '2.*', /bias$/)
   * console.log(model.parameters().map(({ trainable }) => trainable)) // [false, true, true, true]
   */
  requiresGrad(wanted = true, ...patterns: readonly (string | RegExp)[]): this {
    checkArguments('requiresGrad', { wanted }, 'boolean')
    for (const pattern of patterns)
      if (typeof pattern !== 'string' && tagOf(pattern) !== 'RegExp')
        throw new LanewiseError('E_VALUE', `requiresGrad takes names and expressions, got ${kindOf(pattern)}`)
    const named = [...this.#everyName()].filter(([, parameter]) => !parameter.buffer)
    for (const pattern of patterns)
      if (!named.some(([name]) => matches(name, pattern)))
        throw new LanewiseError('E_VALUE', `no parameter is called like ${String(pattern)}`, {
          actual: String(pattern),
        })
    for (const [name, parameter] of named)
      if (patterns.length === 0 || patterns.some((pattern) => matches(name, pattern))) parameter.trainable = wanted
    return this
  }

  /**
   * One prediction: in evaluation mode (which is put back), in a step of its own, without recording. Takes and returns
   * tensors of JavaScript: one, or a list or an object of them if `forward` returns that.
   */
  predict(...inputs: readonly (Tensor | HostTensor)[]): Predicted<ReturnType<this['forward']>> {
    const { device } = this
    const tensorOf = (result: unknown): Tensor => {
      if (result instanceof Variable) return result.tensor()
      throw new LanewiseError('E_VALUE', 'forward() returned something that is not a tensor')
    }
    return evaluating(this, () =>
      device.step(() =>
        device.noGrad(() => {
          const result: unknown = this.call(...(inputs.map((input) => device.tensor(input)) as never))
          const all = Array.isArray(result)
            ? result.map(tensorOf)
            : typeof result === 'object' && result !== null && !(result instanceof Variable)
              ? Object.fromEntries(Object.entries(result).map(([name, part]) => [name, tensorOf(part)]))
              : tensorOf(result)
          return all as Predicted<ReturnType<this['forward']>>
        }),
      ),
    )
  }

  /**
   * Frees parameters and buffers, of the modules inside it as well. Any later use throws `E_STATE`, but for disposing
   * of it again.
   */
  dispose(): void {
    const modules = [...this.modules()]
    for (const [, parameter] of this.#everyName()) parameter.dispose()
    for (const module of modules) module.#disposed = true
  }

  /** @throws LanewiseError `E_STATE` after {@link dispose}. */
  #check(): void {
    if (this.#disposed) throw new LanewiseError('E_STATE', `this ${this.constructor.name} was disposed of`)
  }

  /** Parameters and buffers, each once, with their names. */
  *#namedTensors(): Generator<[string, { readonly parameter: Parameter; readonly buffer: boolean }]> {
    const seen = new Set<Parameter>()
    for (const [name, parameter] of this.#everyName()) {
      if (seen.has(parameter)) continue
      seen.add(parameter)
      yield [name, { parameter, buffer: parameter.buffer }]
    }
  }

  /** Parameters and buffers with all of their names: those of a module that stands in several places, too. */
  *#everyName(prefix = '', path: readonly Module[] = []): Generator<[string, Parameter]> {
    if (path.includes(this)) return
    for (const [name, parameter] of tensorsOf(this)) yield [within(prefix, name), parameter]
    for (const [name, child] of childrenOf(this)) yield* child.#everyName(within(prefix, name), [...path, this])
  }
}

/** A name inside of another; what is "unnamed" has none of its own. */
function within(prefix: string, name: string): string {
  return prefix && name ? `${prefix}.${name}` : prefix || name
}

/** Whether a name fits: by an expression, or as a whole by a glob, where * stands for any characters and ? for one. */
function matches(name: string, pattern: string | RegExp): boolean {
  if (typeof pattern !== 'string') return name.search(pattern) >= 0
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's').test(name)
}

function hooked<T>(hooks: Set<T>, hook: T): { remove(): void } {
  hooks.add(hook)
  return { remove: () => void hooks.delete(hook) }
}

function checkFits(name: string, parameter: Parameter, given: Tensor | HostTensor): void {
  const [shape, dtype] = given instanceof Tensor ? [given.dims, given.type] : [given.shape, given.dtype]
  if (shape.join() !== parameter.shape.join() || dtype !== parameter.dtype) {
    throw new LanewiseError(
      'E_TENSOR',
      `"${name}" is ${parameter.dtype}[${parameter.shape.join(',')}] in the model and ${dtype}[${shape.join(',')}] in the state`,
      { tensor: name },
    )
  }
}

function sameElements(a: Tensor | HostTensor, b: Tensor | HostTensor): boolean {
  if (a === b) return true
  const [x, y] = [a.data, b.data] as [ArrayLike<unknown>, ArrayLike<unknown>]
  return x.length === y.length && Array.prototype.every.call(x, (value, i) => Object.is(value, y[i]))
}

/** Runs `work` with a model in evaluation mode, and puts back the mode of each of its modules. */
export function evaluating<T>(model: Module, work: () => T): T {
  const modes = [...model.modules()].map((inner) => [inner, inner.training] as const)
  model.eval()
  const back = () => {
    for (const [inner, training] of modes) inner.training = training
  }
  try {
    const result = work()
    if (result instanceof Promise) return result.finally(back) as T
    back()
    return result
  } catch (error) {
    back()
    throw error
  }
}

/** What a tool learns of each applied module, when it is done. @internal */
export interface Applied {
  readonly module: Module
  readonly scope: string
  readonly depth: number
  readonly inputs: readonly unknown[]
  readonly result: unknown
}

const active: Module[] = []
const listeners: ((applied: Applied) => void)[] = []

/** Tells `listener` of every module applied while `work` runs. @internal */
export function observed<T>(listener: (applied: Applied) => void, work: () => T): T {
  listeners.push(listener)
  try {
    return work()
  } finally {
    listeners.splice(listeners.indexOf(listener), 1)
  }
}

const names = new WeakMap<Module, WeakMap<Module, string>>()

function nameWithin(parent: Module, child: Module): string | undefined {
  let known = names.get(parent)
  if (!known) names.set(parent, (known = new WeakMap()))
  let name = known.get(child)
  if (name === undefined) {
    for (const [key, module] of childrenOf(parent)) if (module === child) name = key
    if (name !== undefined) known.set(child, name)
  }
  return name
}

/** A module of one tensor in and one out. */
export type Layer = Module & {
  /** What the module makes of x. */
  forward(x: Variable): Variable
}

/** Applies modules one after the other; parameters are named by their places ("0.weight"). */
export class Sequential extends Module {
  /** Properties whose names stand in no name. @internal */
  static readonly unnamed: readonly string[] = ['layers']
  /** The modules, in the order in which they are applied. */
  readonly layers: readonly Layer[]

  constructor(...layers: readonly Layer[]) {
    layers.forEach((layer, i) => {
      checkArguments(new.target.name, { [`layer ${i}`]: layer }, 'module')
    })
    super(layers[0]?.device)
    this.layers = layers
  }

  forward(x: Variable): Variable {
    return this.layers.reduce<Variable>((value, layer) => layer.call(value), x)
  }
}
