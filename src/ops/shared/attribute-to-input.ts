import { hostFrom } from '../../core/host.js'
import { wrongType } from '../../ir/attributes.js'
import type { UpgradeContext } from '../../ir/op.js'

/** An attribute that became an int64 input with opset 10, 11 or 13. */
export function attributeToInput(node: UpgradeContext, name: string, index: number): void {
  const given = node.attributes.get(name)
  if (given === undefined) return
  if (given.kind !== 'ints' && given.kind !== 'int') wrongType(name, 'ints', given.kind)
  const values = given.kind === 'int' ? [given.value] : Array.from(given.value)
  const tensor = hostFrom('int64', [values.length], [])
  values.forEach((value, i) => ((tensor.data as BigInt64Array)[i] = value))
  node.attributes.delete(name)
  while (node.inputs.length <= index) node.inputs.push('')
  node.inputs[index] = node.constant(tensor)
}
