import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { toRaw, type RawAttribute, type RawAttributes } from '../ir/attributes.js'
import type { OpDefinition, UpgradeContext } from '../ir/op.js'
import { findOp } from '../ir/registry.js'

interface NamedNode {
  readonly op: OpDefinition
  readonly name: string
  readonly raw: RawAttributes
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/** Where an upgrade puts what it makes. */
interface Sink {
  node(node: NamedNode): void
  constant(name: string, tensor: HostTensor): void
  fresh(): number
}

/**
 * Applies an operator's upgrades for a node of an older opset, and its decomposition; hands the node on after any nodes
 * that these made.
 */
export function upgradeNode(node: NamedNode, opset: number, sink: Sink): void {
  let { op } = node
  const context: UpgradeContext = {
    opset,
    inputs: [...node.inputs],
    outputs: [...node.outputs],
    attributes: node.raw,
    constant: (tensor) => {
      const name = `${node.name}/constant${sink.fresh()}`
      sink.constant(name, tensor)
      return name
    },
    node: (type, inputs, attributes = {}, domain = '', more = []) => {
      const made = known(type, domain)
      const raw: RawAttributes = attributes instanceof Map ? attributes : new Map<string, RawAttribute>()
      if (!(attributes instanceof Map))
        for (const [key, value] of Object.entries(attributes)) raw.set(key, toRaw(made.attributes[key].kind, value))
      const output = `${node.name}/${type}${sink.fresh()}`
      sink.node({ op: made, name: output, raw, inputs, outputs: [output, ...more] })
      return output
    },
    rename: (type, domain) => {
      op = known(type, domain)
    },
  }
  try {
    for (const upgrade of node.op.upgrades ?? []) if (opset < upgrade.below) upgrade.apply(context)
    node.op.decompose?.(context)
  } catch (error) {
    throw error instanceof LanewiseError ? error.at(node.op.name, node.name) : error
  }
  sink.node({ op, name: node.name, raw: node.raw, inputs: context.inputs, outputs: context.outputs })
}

function known(type: string, domain = ''): OpDefinition {
  const op = findOp(domain, type)
  if (!op) throw new LanewiseError('E_UNSUPPORTED', `this version of the operator needs the operator ${type}`)
  return op
}
