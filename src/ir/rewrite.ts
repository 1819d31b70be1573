import { usesOf, withNodes, type Graph, type Node, type Uses, type Value } from './graph.js'

/** Collects changes to a graph, to be applied at once: removed nodes, replaced nodes, values that stand for others. */
export class Rewriter {
  readonly uses: Uses
  private readonly replaced = new Map<Node, Node | undefined>()
  private readonly renamed = new Map<Value, Value>()
  /** Who makes a value now, where that has changed. */
  private readonly made = new Map<Value, Node>()

  constructor(private readonly graph: Graph) {
    this.uses = usesOf(graph)
  }

  /** The node last recorded as making a value, even if it has been removed since. */
  maker(value: Value): Node | undefined {
    return this.made.get(value) ?? this.uses.producer.get(value)
  }

  /** The node that makes a value, as it is after the changes so far. */
  producer(value: Value | undefined): Node | undefined {
    const node = value && this.maker(value)
    return node && (this.replaced.has(node) ? this.replaced.get(node) : node)
  }

  /** Whether exactly one node reads the value, once, as an input, and it is not fetched. */
  single(value: Value | undefined): Node | undefined {
    if (!value || this.uses.outputs.has(value)) return undefined
    const readers = this.uses.consumers.get(value)
    return readers?.length === 1 && readers[0].inputs.includes(value) ? readers[0] : undefined
  }

  /** Whether every reader reads the value as an input (a body that takes it from outside cannot be rewritten). */
  rewritable(value: Value): boolean {
    return (
      !this.uses.outputs.has(value) &&
      (this.uses.consumers.get(value) ?? []).every((node) => node.inputs.includes(value))
    )
  }

  /** Whether the node has not been removed. */
  stands(node: Node): boolean {
    return !this.replaced.has(node)
  }

  remove(node: Node): void {
    this.replaced.set(node, undefined)
  }

  /** Puts another node in a node's place; it makes the same values, or some of them. */
  replace(node: Node, by: Node): void {
    this.replaced.set(node, by)
    for (const output of by.outputs) if (output) this.made.set(output, by)
  }

  /** Everyone who reads `value` reads `by` instead. */
  rename(value: Value, by: Value): void {
    this.renamed.set(value, this.renamed.get(by) ?? by)
  }

  /** The graph with the changes. */
  apply(): Graph {
    if (this.replaced.size === 0 && this.renamed.size === 0) return this.graph
    const current = (value: Value | undefined): Value | undefined => {
      let result = value
      while (result && this.renamed.has(result)) result = this.renamed.get(result)
      return result
    }
    const nodes: Node[] = []
    for (let node of this.graph.nodes as (Node | undefined)[]) {
      // A replacement may have been replaced in turn.
      while (node && this.replaced.has(node)) node = this.replaced.get(node)
      if (!node) continue
      nodes.push(
        node.inputs.some((value) => value && this.renamed.has(value))
          ? { ...node, inputs: node.inputs.map(current) }
          : node,
      )
    }
    return withNodes(this.graph, nodes)
  }
}
