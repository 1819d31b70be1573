import { LanewiseError } from '../core/errors.js'
import { usedBy, type Node, type Value } from './graph.js'

/**
 * Nodes so that each value is made before it is read; the given order is kept where it already is one. Linear in nodes
 * and edges.
 *
 * @throws LanewiseError `E_GRAPH` for a cycle, naming one of its nodes.
 */
export function sortNodes(nodes: readonly Node[]): readonly Node[] {
  const made = new Set<Value>()
  const own = new Set<Value>()
  for (const node of nodes) for (const output of node.outputs) if (output) own.add(output)
  let sorted = true
  for (const node of nodes) {
    if (usedBy(node).some((value) => own.has(value) && !made.has(value))) {
      sorted = false
      break
    }
    for (const output of node.outputs) if (output) made.add(output)
  }
  if (sorted) return nodes

  // Kahn's algorithm, taking nodes that are ready in the order of the file.
  const readers = new Map<Value, Node[]>()
  const missing = new Map<Node, number>()
  for (const node of nodes) {
    const needs = new Set(usedBy(node).filter((value) => own.has(value)))
    missing.set(node, needs.size)
    for (const value of needs) {
      const list = readers.get(value)
      if (list) list.push(node)
      else readers.set(value, [node])
    }
  }
  const ready = nodes.filter((node) => missing.get(node) === 0)
  const result: Node[] = []
  for (let i = 0; i < ready.length; i++) {
    const node = ready[i]
    result.push(node)
    for (const output of node.outputs) {
      for (const reader of (output && readers.get(output)) ?? []) {
        const left = (missing.get(reader) ?? 0) - 1
        missing.set(reader, left)
        if (left === 0) ready.push(reader)
      }
    }
  }
  const stuck = result.length < nodes.length && nodes.find((node) => missing.get(node))
  if (stuck) {
    throw new LanewiseError('E_GRAPH', 'the graph has a cycle').at(stuck.op.name, stuck.name)
  }
  return result
}
