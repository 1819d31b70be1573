// Whether nodes are the same but for the objects they are made of.
import type { Node, Value } from '../ir/graph.js'

/** Whether passes have left the same graph. */
export function sameNodes(a: readonly Node[], b: readonly Node[]): boolean {
  return a.length === b.length && a.every((node, i) => node === b[i] || sameNode(node, b[i]))
}

function sameNode(a: Node, b: Node): boolean {
  const sameValue = (x: Value | undefined, y: Value | undefined): boolean =>
    x === y || (x?.constant !== undefined && x.constant === y?.constant)
  return (
    a.op === b.op &&
    a.inputs.length === b.inputs.length &&
    a.outputs.length === b.outputs.length &&
    a.inputs.every((value, i) => sameValue(value, b.inputs[i])) &&
    a.outputs.every((value, i) => value === b.outputs[i]) &&
    sameContent(a.attributes, b.attributes) &&
    sameContent(a.fused, b.fused)
  )
}

/** Deeply equal, as far as arrays and plain objects go; anything else has to be the same object. */
export function sameContent(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return false
  const prototype: unknown = Object.getPrototypeOf(a)
  if (prototype !== Object.getPrototypeOf(b) || (prototype !== Object.prototype && prototype !== Array.prototype))
    return false
  const [keys, others] = [Object.keys(a), Object.keys(b)]
  return (
    keys.length === others.length &&
    keys.every((key) => sameContent((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  )
}
