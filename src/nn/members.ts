import { Parameter } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import type { Module } from './module.js'

/** What was made part of a module by name, because no property shows it. */
const registered = new WeakMap<Module, Map<string, Module | Parameter>>()

/** @throws LanewiseError `E_VALUE` for a name that is taken. @internal */
export function register(module: Module, name: string, member: Module | Parameter): void {
  const own = registered.get(module) ?? new Map<string, Module | Parameter>()
  registered.set(module, own)
  if (own.has(name) || Object.hasOwn(module, name))
    throw new LanewiseError('E_VALUE', `${module.constructor.name} has a "${name}" already`)
  own.set(name, member)
}

/** The modules that a module holds, with their names. @internal */
export function* childrenOf(module: Module): Generator<[string, Module]> {
  for (const [name, member] of membersOf(module)) if (!(member instanceof Parameter)) yield [name, member]
}

/** A module's own parameters and buffers, with their names. @internal */
export function* tensorsOf(module: Module): Generator<[string, Parameter]> {
  for (const [name, member] of membersOf(module)) if (member instanceof Parameter) yield [name, member]
}

/**
 * Names of properties stand in the names of what is in them, but for a map called `tensors`: those are a module's own
 * parameters, by their names.
 */
function* membersOf(module: Module): Generator<[string, Module | Parameter]> {
  const { unnamed: flat = [], opaque = [] } = module.constructor as Partial<
    Record<'unnamed' | 'opaque', readonly string[]>
  >
  const properties = (Object.entries(module) as [string, unknown][]).filter(([name]) => !opaque.includes(name))
  // A plain object often only groups what has a name of its own as well: that is the first.
  const grouped = properties.filter(([, value]) => isPlain(value))
  for (const [name, value] of [...properties.filter((property) => !grouped.includes(property)), ...grouped])
    yield* within(value, flat.includes(name) || (name === 'tensors' && value instanceof Map) ? '' : name, [])
  yield* registered.get(module) ?? []
}

/** Modules and parameters in lists, maps, sets and plain objects, however deep. */
function* within(value: unknown, name: string, path: readonly unknown[]): Generator<[string, Module | Parameter]> {
  if (typeof value !== 'object' || value === null || path.includes(value)) return
  if (value instanceof Parameter || isModule(value)) {
    yield [name, value]
    return
  }
  for (const [key, item] of entriesOf(value)) yield* within(item, name ? `${name}.${key}` : key, [...path, value])
}

function* entriesOf(value: object): Generator<[string, unknown]> {
  if (Array.isArray(value)) for (const [i, item] of value.entries()) yield [String(i), item]
  else if (value instanceof Map) for (const [key, item] of value as Map<unknown, unknown>) yield [String(key), item]
  else if (value instanceof Set) for (const [i, item] of [...(value as Set<unknown>)].entries()) yield [String(i), item]
  else if (isPlain(value)) yield* Object.entries(value)
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** A module, without importing the class: that file needs this one. */
function isModule(value: object): value is Module {
  return 'namedModules' in value && typeof value.namedModules === 'function'
}
