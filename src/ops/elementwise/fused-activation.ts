// The activation that an operator of ONNX Runtime has in an attribute, as a node of its own.
import { LanewiseError } from '../../core/errors.js'
import { hostFrom } from '../../core/host.js'
import { wrongType, type RawAttribute, type RawAttributes } from '../../ir/attributes.js'
import type { UpgradeContext } from '../../ir/op.js'

/** Removes attributes from a node and returns them. */
export function take(attributes: RawAttributes, names: readonly string[]): RawAttributes {
  const taken: RawAttributes = new Map()
  for (const name of names) {
    const value = attributes.get(name)
    if (value) taken.set(name, value)
    attributes.delete(name)
  }
  return taken
}

type ValueOf<T> = T extends { readonly value: infer V } ? V : never

/**
 * The value of an attribute of a kind, undefined if it is left out. @throws LanewiseError `E_GRAPH` if it is of another
 * kind.
 */
export function valueOf<K extends RawAttribute['kind']>(
  attributes: RawAttributes,
  name: string,
  kind: K,
): ValueOf<Extract<RawAttribute, { kind: K }>> | undefined {
  const attribute = attributes.get(name)
  if (!attribute) return undefined
  if (attribute.kind !== kind) wrongType(name, kind, attribute.kind)
  return attribute.value as ValueOf<Extract<RawAttribute, { kind: K }>>
}

/** What an activation's parameters are called in ONNX, and what they are if they are left out. */
const activationParameters: Record<string, readonly (readonly [string, number])[]> = {
  Relu: [],
  Tanh: [],
  Sigmoid: [],
  Softplus: [],
  Softsign: [],
  LeakyRelu: [['alpha', 0.01]],
  ThresholdedRelu: [['alpha', 1]],
  Elu: [['alpha', 1]],
  HardSigmoid: [
    ['alpha', 0.2],
    ['beta', 0.5],
  ],
}

/** Turns a node into the activation of `input`. */
export function becomeActivation(
  node: UpgradeContext,
  name: string,
  input: string,
  parameters: readonly (number | undefined)[],
): void {
  node.attributes.clear()
  if (name === 'Clip') {
    const [low = -Infinity, high = Infinity] = parameters
    node.inputs = [input, ...[low, high].map((bound) => node.constant(hostFrom('float32', [], [bound])))]
    node.rename('Clip')
    return
  }
  if (!Object.hasOwn(activationParameters, name))
    throw new LanewiseError('E_UNSUPPORTED', `activation "${name}" is not known`)
  activationParameters[name].forEach(([key, fallback], i) =>
    node.attributes.set(key, { kind: 'float', value: parameters[i] ?? fallback }),
  )
  node.inputs = [input]
  node.rename(name)
}
