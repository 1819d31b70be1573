// What is wrong with a model or an optimiser is found in a step, and told by the operator at which it shows.
import { LanewiseError } from '../core/errors.js'
import type { Device } from '../autograd/device.js'
import type { Parameter } from '../autograd/variable.js'
import type { Module } from '../nn/module.js'

/**
 * A parameter that is used but found nowhere in the model would silently never be trained, saved or exported.
 *
 * @param learned - the parameters of the optimiser.
 * @throws LanewiseError `E_VALUE` for one, and if the loss depends on none that is learned.
 */
export function checkKnown(model: Module, learned: readonly Parameter[]): void {
  const known = new Set([...model.parameters(), ...learned])
  const used = model.device.usedParameters()
  const own = new Set(learned)
  if (!used.some(({ parameter }) => own.has(parameter)))
    throw new LanewiseError(
      'E_VALUE',
      'the optimizer has no parameter that the loss depends on: is it that of another model?',
    )
  const hidden = used.find(({ parameter }) => parameter.trainable && !known.has(parameter))
  if (hidden)
    throw new LanewiseError(
      'E_VALUE',
      `${hidden.parameter.describe()}, used by ${hidden.op} in "${hidden.scope}", is no parameter of the model: is it in a #private field? register() it, or freeze it (trainable = false)`,
      { op: hidden.op, node: hidden.scope },
    )
}

/**
 * The error of a step that was not made, with the operator whose result or gradient is the first that is not finite.
 */
export function notFinite(device: Device, step: number, what: string): LanewiseError {
  const bad = device.firstNonFinite()
  const where =
    bad &&
    (bad.gradientOf === undefined
      ? `the first result that is not is that of ${bad.op}`
      : `the first on the way back is that of ${bad.op} by its input ${bad.gradientOf}`)
  return new LanewiseError(
    'E_VALUE',
    `step ${step}: ${what}${where ? `; ${where} in "${bad.scope}"` : ''}; the weights were not changed`,
    { op: bad?.op, node: bad?.scope },
  )
}
