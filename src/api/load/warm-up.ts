import { LanewiseError } from '../../core/errors.js'
import { formatShape } from '../../core/shape.js'
import { mayAgree, type Graph, type Value } from '../../ir/graph.js'
import type { TensorType } from '../../ir/op.js'

/**
 * The types of inputs that a session is warmed up for.
 *
 * @param shapes - of inputs by name; the others are as the model declares them.
 * @throws LanewiseError `E_VALUE` for a size that neither tells, a name that is no input, or a shape that the model
 *   does not take.
 */
export function warmUpTypes(
  graph: Graph,
  shapes: true | Readonly<Record<string, readonly number[]>>,
): Map<Value, TensorType> {
  const given = shapes === true ? {} : shapes
  const names = graph.inputs.map(({ name }) => name)
  const refuse = (name: string, message: string): never => {
    throw new LanewiseError('E_VALUE', `warmUp: ${message}`, { tensor: name })
  }
  for (const name of Object.keys(given))
    if (!names.includes(name)) refuse(name, `"${name}" is no input; there are ${names.join(', ')}`)
  const types = new Map<Value, TensorType>()
  for (const value of graph.inputs) {
    const { name, declared, constant } = value
    // An input that has a default is left out.
    if (constant && !given[name]) continue
    const shape = given[name] ?? declared?.shape
    const dtype = declared?.dtype
    if (declared?.kind !== 'tensor' || !dtype || !shape || !shape.every(isSize))
      return refuse(name, `the sizes of "${name}" are not known: ${shape ? formatShape(shape) : 'no shape'}`)
    if (!mayAgree(declared, { kind: 'tensor', dtype, shape }))
      refuse(name, `"${name}" is ${formatShape(declared.shape ?? [])}, not ${formatShape(shape)}`)
    types.set(value, { dtype, shape })
  }
  return types
}

function isSize(size: number | string | null): size is number {
  return Number.isInteger(size) && (size as number) >= 0
}
