import { checkArguments } from '../core/arguments.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { Module } from './module.js'

/** Passes its input on: in the place of a layer that is left out. */
export class Identity extends Module {
  constructor(options: { readonly device?: Device } = {}) {
    checkArguments(new.target.name, { options }, { device: 'device' })
    const { device } = options

    super(device)
  }

  forward(x: Variable): Variable {
    return x
  }
}

function notApplied(what: string): never {
  throw new LanewiseError('E_UNSUPPORTED', `${what} holds modules and has no forward of its own: apply what is in it`)
}

/** Modules in a list, which are found by their places ("blocks.0.weight") and applied by whoever holds the list. */
export class ModuleList<T extends Module = Module> extends Module {
  /** By their places, so that a state dict names them as PyTorch does. */
  readonly [place: number]: T
  /** How many there are. */
  length = 0

  constructor(modules: Iterable<T> = [], options: { readonly device?: Device } = {}) {
    checkArguments(new.target.name, { modules, options }, 'iterable?', { device: 'device' })
    const { device } = options

    const list = [...modules]
    super(device ?? list[0]?.device)
    for (const module of list) this.push(module)
  }

  /** Adds a module at the end. */
  push(module: T): this {
    checkArguments('ModuleList.push', { module }, 'module')
    ;(this as { [place: number]: T })[this.length++] = module
    return this
  }

  /** The module at a place; negative ones count from the end. @throws LanewiseError `E_VALUE` if there is none. */
  at(place: number): T {
    const module = this[place < 0 ? place + this.length : place]
    if (!module) throw new LanewiseError('E_VALUE', `there is no module ${place} in a list of ${this.length}`)
    return module
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.length; i++) yield this[i]
  }

  forward(): never {
    return notApplied('a ModuleList')
  }
}

/** Names that a Module already has cannot be those of modules in it. */
function checkName(owner: Module, name: string): void {
  if (name === '' || name.includes('.') || name in owner)
    throw new LanewiseError('E_VALUE', `${JSON.stringify(name)} cannot be the name of an entry here`)
}

function setEntry(owner: Module, names: string[], name: string, entry: Module | Parameter): void {
  if (!names.includes(name)) {
    checkName(owner, name)
    names.push(name)
  }
  ;(owner as unknown as Record<string, unknown>)[name] = entry
}

function entryOf<T>(owner: Module, names: readonly string[], name: string, what: string): T {
  if (!names.includes(name))
    throw new LanewiseError('E_VALUE', `there is no ${what} ${JSON.stringify(name)}; there are ${names.join(', ')}`)
  return (owner as unknown as Record<string, T>)[name]
}

/** Modules by name, which are found by it ("heads.length.weight") and applied by whoever holds the dictionary. */
export class ModuleDict<T extends Module = Module> extends Module {
  private readonly names: string[] = []

  /** @throws LanewiseError `E_VALUE` for a name with a dot, or that of a property of modules. */
  constructor(modules: Readonly<Record<string, T>> = {}, options: { readonly device?: Device } = {}) {
    checkArguments(new.target.name, { modules, options }, 'object?', { device: 'device' })
    const { device } = options

    super(device ?? Object.values(modules)[0]?.device)
    for (const [name, module] of Object.entries(modules)) this.set(name, module)
  }

  /**
   * Adds or replaces a module. @throws LanewiseError `E_VALUE` for a name with a dot, or that of a property of modules.
   */
  set(name: string, module: T): this {
    checkArguments('ModuleDict.set', { name, module }, 'string', 'module')
    setEntry(this, this.names, name, module)
    return this
  }

  /** The module of a name. @throws LanewiseError `E_VALUE` if there is none. */
  get(name: string): T {
    return entryOf<T>(this, this.names, name, 'module')
  }

  /** The names, in the order in which they were added. */
  keys(): readonly string[] {
    return this.names
  }

  forward(): never {
    return notApplied('a ModuleDict')
  }
}

/** Parameters in a list, named by their places ("scales.0"). */
export class ParameterList extends Module {
  /** By their places. */
  readonly [place: number]: Parameter
  /** How many there are. */
  length = 0

  constructor(parameters: Iterable<Parameter> = [], options: { readonly device?: Device } = {}) {
    checkArguments(new.target.name, { parameters, options }, 'iterable?', { device: 'device' })
    const { device } = options

    const list = [...parameters]
    super(device ?? list[0]?.device)
    for (const parameter of list) this.push(parameter)
  }

  /** Adds a parameter at the end. */
  push(parameter: Parameter): this {
    checkArguments('ParameterList.push', { parameter }, 'tensor')
    ;(this as { [place: number]: Parameter })[this.length++] = parameter
    return this
  }

  *[Symbol.iterator](): IterableIterator<Parameter> {
    for (let i = 0; i < this.length; i++) yield this[i]
  }

  forward(): never {
    return notApplied('a ParameterList')
  }
}

/** Parameters by name ("scales.first"). */
export class ParameterDict extends Module {
  private readonly names: string[] = []

  /** @throws LanewiseError `E_VALUE` for a name with a dot, or that of a property of modules. */
  constructor(parameters: Readonly<Record<string, Parameter>> = {}, options: { readonly device?: Device } = {}) {
    checkArguments(new.target.name, { parameters, options }, 'object?', { device: 'device' })
    const { device } = options

    super(device ?? Object.values(parameters)[0]?.device)
    for (const [name, parameter] of Object.entries(parameters)) this.set(name, parameter)
  }

  /**
   * Adds or replaces a parameter. @throws LanewiseError `E_VALUE` for a name with a dot, or that of a property of
   * modules.
   */
  set(name: string, parameter: Parameter): this {
    checkArguments('ParameterDict.set', { name, parameter }, 'string', 'tensor')
    setEntry(this, this.names, name, parameter)
    return this
  }

  /** The parameter of a name. @throws LanewiseError `E_VALUE` if there is none. */
  get(name: string): Parameter {
    return entryOf<Parameter>(this, this.names, name, 'parameter')
  }

  /** The names, in the order in which they were added. */
  keys(): readonly string[] {
    return this.names
  }

  forward(): never {
    return notApplied('a ParameterDict')
  }
}
