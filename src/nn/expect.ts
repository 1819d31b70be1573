import { checkArguments } from '../core/arguments.js'
import type { Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import type { Module } from './module.js'

/** The class of a layer with the numbers it was made of: Conv2d(1, 10). */
export function describeLayer(module: Module): string {
  const settings = Object.values(module).filter((value) => typeof value === 'number')
  return `${module.constructor.name}${settings.length > 0 ? `(${settings.join(', ')})` : ''}`
}

/** {@link expectSize} of the last axes, which a layer is made for. */
export function expectLast(module: Module, x: Variable, shape: readonly number[]): void {
  shape.forEach((size, i) => expectSize(module, x, i - shape.length, size, 'features'))
}

/**
 * Says in the words of a layer what its operator would say of its operands.
 *
 * @param what - what the axis counts: "features".
 * @throws LanewiseError `E_SHAPE` if the axis has another size, naming the layer and its place in the model.
 */
export function expectSize(module: Module, x: Variable, axis: number, size: number, what: string): void {
  checkArguments(module.constructor.name, { x }, 'tensor')
  const actual = x.shape.at(axis)
  if (actual === size) return
  throw new LanewiseError(
    'E_SHAPE',
    `${describeLayer(module)} got ${actual === undefined ? 'no' : actual} ${what}, not ${size}: its input is ${x.describe()}`,
    { expected: String(size), actual: String(actual) },
  ).at(module.constructor.name, module.device.place)
}
