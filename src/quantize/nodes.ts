import { present } from '../core/errors.js'
import { hostTensor, type HostTensor } from '../core/host.js'
import { parseAttributes, toRaw, type Attributes } from '../ir/attributes.js'
import { notFused, usedBy, type Graph, type Node, type Value } from '../ir/graph.js'
import { findOp } from '../ir/registry.js'

/** Names of values and nodes that a graph does not have yet. */
export class Names {
  private readonly taken = new Set<string>()

  constructor(graph: Graph) {
    const note = (one: { readonly name: string } | undefined) => void (one && this.taken.add(one.name))
    for (const value of [...graph.inputs, ...graph.outputs]) note(value)
    for (const node of graph.nodes) for (const one of [node, ...usedBy(node), ...node.outputs]) note(one)
  }

  /** The name, or with a number behind it. */
  fresh(name: string): string {
    let free = name
    for (let i = 1; this.taken.has(free); i++) free = `${name}_${i}`
    this.taken.add(free)
    return free
  }

  /** A value of such a name that a node is to make. */
  value(name: string): Value {
    return { name: this.fresh(name) }
  }

  /** A constant of such a name. */
  constant(name: string, tensor: HostTensor): Value {
    return { name: this.fresh(name), constant: tensor }
  }
}

/** A node of a known operator. @param type - with its domain before a colon, if that is not ai.onnx. */
export function makeNode(
  type: string,
  name: string,
  inputs: readonly (Value | undefined)[],
  outputs: readonly (Value | undefined)[],
  attributes: Attributes = {},
): Node {
  const at = type.lastIndexOf(':')
  const op = present(findOp(type.slice(0, Math.max(at, 0)), type.slice(at + 1)), `operator ${type}`)
  const raw = new Map(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, toRaw(op.attributes[key].kind, value)]),
  )
  return { op, name, inputs, outputs, attributes: parseAttributes(op.attributes, raw), fused: notFused }
}

export function isOp({ op }: Node, ...names: readonly string[]): boolean {
  return op.domain === '' && names.includes(op.name)
}

/** The elements of a float32 constant; undefined for anything else. */
export function floatsOfConstant(value: Value | undefined): Float32Array | undefined {
  return value?.constant?.dtype === 'float32' ? (value.constant.data as Float32Array) : undefined
}

/** float32 numbers as a tensor; one of one axis by default. */
export function floats(data: Float32Array, shape: readonly number[] = [data.length]): HostTensor {
  return hostTensor('float32', shape, data)
}
