import { Device } from '../autograd/device.js'
import { Parameter, Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import type { Shape } from '../core/shape.js'
import { Tensor } from '../api/tensor.js'
import { initialized, type Initializer } from './init.js'

/**
 * A layer or a model: parameters, modules inside it and a `forward` that applies them. What it holds is found by looking at its
 * properties, whose names make the names of the parameters ("fc1.weight"); arrays of modules count as modules.
 *
 * @example
 * class Classifier extends Module {
 *   hidden = new Linear(784, 256)
 *   scores = new Linear(256, 10)
 *   forward(x: Variable) {
 *     return this.scores.call(relu(this.hidden.call(x)))
 *   }
 * }
 */
export abstract class Module {
  /** Whether Dropout drops and BatchNorm measures; see {@link train} and {@link eval}. */
  training = true

  /** The device its parameters are on. */
  readonly device: Device

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

  /** What it computes. Apply a module by {@link call}, which lets tools see where in a model an operator belongs. */
  abstract forward(...inputs: never[]): unknown

  /** Applies the module. */
  call(...inputs: Parameters<this['forward']>): ReturnType<this['forward']> {
    const parent = active.at(-1)
    const name = (parent && nameWithin(parent, this)) ?? ''
    active.push(this)
    try {
      const run = () => this.forward(...(inputs as never[])) as ReturnType<this['forward']>
      const result = name ? this.device.scoped(name, run) : run()
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

  /** Training mode, for this module and those inside it. */
  train(mode = true): this {
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
    for (const [name, child] of childrenOf(this)) yield* child.namedModules(prefix ? `${prefix}.${name}` : name, seen)
  }

  /** What is learned, each once. */
  parameters(): Parameter[] {
    return [...this.namedParameters()].map(([, parameter]) => parameter)
  }

  /** What is learned with its names, as they stand in a state dict. */
  *namedParameters(): Generator<[string, Parameter]> {
    for (const [name, tensor] of this.namedTensors()) if (!tensor.buffer) yield [name, tensor.parameter]
  }

  /** What is part of the state but not learned, with its names. */
  *namedBuffers(): Generator<[string, Parameter]> {
    for (const [name, tensor] of this.namedTensors()) if (tensor.buffer) yield [name, tensor.parameter]
  }

  /** Copies of all parameters and buffers (running statistics) by name, in PyTorch's names and logical order. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.namedTensors()].map(([name, { parameter }]) => [name, parameter.tensor()]))
  }

  /**
   * Sets parameters and buffers by name. PyTorch's `num_batches_tracked`, which nothing here depends on, is passed over.
   *
   * @param strict - whether a name that is missing or left over is an error.
   * @throws LanewiseError `E_TENSOR` for a name or a shape that does not fit; then nothing was changed.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor | HostTensor>, strict = true): void {
    const own = new Map(this.namedTensors())
    const missing = [...own.keys()].filter((name) => !state.has(name))
    const unknown = [...state.keys()].filter((name) => !own.has(name) && !/(^|\.)num_batches_tracked$/.test(name))
    if (strict && (missing.length > 0 || unknown.length > 0)) {
      const parts = [
        missing.length > 0 && `missing: ${missing.join(', ')}`,
        unknown.length > 0 && `not in the model: ${unknown.join(', ')}`,
      ]
      throw new LanewiseError('E_TENSOR', `the state does not fit the model (${parts.filter(Boolean).join('; ')})`, {
        tensor: missing[0] ?? unknown[0],
      })
    }
    for (const [name, { parameter }] of own) {
      const given = state.get(name)
      const shape = given && (given instanceof Tensor ? given.dims : given.shape)
      if (shape && shape.join() !== parameter.shape.join()) {
        throw new LanewiseError(
          'E_TENSOR',
          `"${name}" is [${parameter.shape.join(',')}] in the model and [${shape.join(',')}] in the state`,
          { tensor: name },
        )
      }
    }
    for (const [name, { parameter }] of own) {
      const given = state.get(name)
      if (given) parameter.assign(given)
    }
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad()
  }

  /** Freezes (or thaws) every parameter: a frozen one gets no gradient and is not changed. */
  requiresGrad(wanted = true): this {
    for (const parameter of this.parameters()) parameter.trainable = wanted
    return this
  }

  /** One prediction: in a step of its own, without recording. Takes and returns tensors of JavaScript. Does not change the mode. */
  predict(...inputs: readonly (Tensor | HostTensor)[]): Tensor {
    const { device } = this
    return device.step(() =>
      device.noGrad(() => {
        const result = this.call(...(inputs.map((input) => device.tensor(input)) as never))
        const first: unknown = Array.isArray(result) ? result[0] : result
        if (!(first instanceof Variable))
          throw new LanewiseError('E_VALUE', 'forward() returned something that is not a tensor')
        return first.tensor()
      }),
    )
  }

  /** Frees parameters and buffers. */
  dispose(): void {
    for (const [, { parameter }] of this.namedTensors()) parameter.dispose()
  }

  /** Parameters and buffers, each once, with their names. */
  private *namedTensors(): Generator<[string, { readonly parameter: Parameter; readonly buffer: boolean }]> {
    const seen = new Set<Parameter>()
    for (const [prefix, module] of this.namedModules()) {
      for (const [name, parameter] of tensorsOf(module)) {
        if (seen.has(parameter)) continue
        seen.add(parameter)
        yield [prefix ? `${prefix}.${name}` : name, { parameter, buffer: parameter.buffer }]
      }
    }
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

function* childrenOf(module: Module): Generator<[string, Module]> {
  for (const [name, value] of Object.entries(module) as [string, unknown][]) {
    if (value instanceof Module) yield [name, value]
    else if (Array.isArray(value))
      for (const [i, item] of value.entries())
        if (item instanceof Module) yield [module instanceof Sequential ? String(i) : `${name}.${i}`, item]
  }
}

/** A module's own parameters: its properties, and the entries of maps of them. */
function* tensorsOf(module: Module): Generator<[string, Parameter]> {
  for (const [name, value] of Object.entries(module) as [string, unknown][]) {
    if (value instanceof Parameter) yield [name, value]
    else if (value instanceof Map && name === 'tensors')
      for (const [key, entry] of value as Map<string, unknown>) if (entry instanceof Parameter) yield [key, entry]
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
export type Layer = Module & { forward(x: Variable): Variable }

/** Applies modules one after the other; parameters are named by their places ("0.weight"). */
export class Sequential extends Module {
  readonly layers: readonly Layer[]

  constructor(...layers: readonly Layer[]) {
    super(layers[0]?.device)
    this.layers = layers
  }

  forward(x: Variable): Variable {
    return this.layers.reduce<Variable>((value, layer) => layer.call(value), x)
  }
}
