import { LanewiseError } from '../core/errors.js'
import type { DType } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { parseAttributes } from '../ir/attributes.js'
import { checkInputs } from '../ir/op.js'
import { findOp } from '../ir/registry.js'
import { attributesFrom } from './attributes.js'
import { declareOutputs } from './declare-outputs.js'
import { hostOf, isTensorLike, type TensorLike } from './value.js'
import { notFused, type DeclaredType, type Dimension, type Graph, type Node, type Value } from '../ir/graph.js'

/**
 * Builds a graph node by node, at the newest operator semantics.
 *
 * @example
 * const g = new GraphBuilder('classifier')
 * const x = g.input('image', 'float32', ['N', 1, 28, 28])
 * const y = g.op('Relu', [g.op('Conv', [x, g.constant('w', weights)], { pads: [1, 1, 1, 1] })])
 * g.output(y, 'scores')
 * const bytes = exportModel(g.graph())
 */
export class GraphBuilder {
  private readonly inputs: Value[] = []
  private readonly outputs: Value[] = []
  private readonly nodes: Node[] = []
  private readonly names = new Set<string>()

  constructor(readonly name = 'graph') {}

  /**
   * An input of the graph; a string in the shape names a size that is free, `null` leaves it open.
   *
   * @param shape - left out: the rank is open, too.
   * @param kind - `sequence` (of tensors of this type) or `optional`; a tensor by default.
   */
  input(name: string, dtype: DType, shape?: readonly Dimension[], kind: DeclaredType['kind'] = 'tensor'): Value {
    const value = this.value(name)
    value.declared = { kind, dtype, shape }
    this.inputs.push(value)
    return value
  }

  /** A constant: a weight, a shape, an axis. */
  constant(name: string, tensor: HostTensor | TensorLike): Value {
    const value = this.value(name)
    value.constant = isTensorLike(tensor) ? hostOf(tensor, name) : tensor
    return value
  }

  /**
   * A node with one output; see {@link node} for several.
   *
   * @param attributes - as ONNX names them. Lists may be typed arrays, tensors may be `Tensor`s, and an element type (Cast's `to`) may be a name.
   * @throws LanewiseError `E_UNSUPPORTED` for an unknown operator, `E_GRAPH` for wrong attributes or inputs.
   */
  op(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, unknown>> = {},
    name?: string,
  ): Value {
    return this.node(type, inputs, attributes, { name })[0]
  }

  /**
   * A node and its outputs. `domain` defaults to ai.onnx, `outputs` to 1.
   *
   * @throws LanewiseError as {@link op} does.
   */
  node(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, unknown>> = {},
    { name, domain = '', outputs = 1 }: { name?: string; domain?: string; outputs?: number } = {},
  ): Value[] {
    const label = name ?? this.unused(type)
    // No output of several has the node's own name: without this the next node would take it, and onnxruntime refuses that.
    if (name === undefined && outputs !== 1) this.names.add(label)
    const op = findOp(domain, type)
    if (!op)
      throw new LanewiseError(
        'E_UNSUPPORTED',
        `the operator ${type} is not known (those outside the common set come with "lanewise/ops/all")`,
        { op: type, node: label },
      )
    try {
      checkInputs(op, inputs)
      const parsed = parseAttributes(op.attributes, attributesFrom(op, attributes))
      const results = Array.from({ length: outputs }, (_, i) =>
        this.value(this.unused(outputs === 1 ? label : `${label}_${i}`)),
      )
      this.nodes.push({ op, name: label, attributes: parsed, inputs, outputs: results, fused: notFused })
      return results
    } catch (error) {
      throw error instanceof LanewiseError ? error.at(type, label) : error
    }
  }

  /** Makes a value an output of the graph, under a name of its own if one is given. */
  output(value: Value, name = value.name): Value {
    const named = name === value.name ? value : this.value(name)
    if (named !== value) {
      const op = findOp('', 'Identity')
      if (!op) throw new LanewiseError('E_UNSUPPORTED', 'a name for an output needs the operator Identity')
      this.nodes.push({ op, name, attributes: {}, inputs: [value], outputs: [named], fused: notFused })
    }
    this.outputs.push(named)
    return named
  }

  /**
   * The graph, with the types of its outputs filled in.
   *
   * @throws LanewiseError if the shapes do not fit, whatever the free sizes are.
   */
  graph(): Graph {
    const graph: Graph = {
      name: this.name,
      inputs: [...this.inputs],
      outputs: [...this.outputs],
      nodes: [...this.nodes],
    }
    declareOutputs(graph)
    return graph
  }

  private value(name: string): Value {
    if (this.names.has(name))
      throw new LanewiseError('E_GRAPH', `the value "${name}" is defined twice`, { tensor: name })
    this.names.add(name)
    return { name }
  }

  private unused(stem: string): string {
    if (!this.names.has(stem)) return stem
    for (let i = 1; ; i++) if (!this.names.has(`${stem}_${i}`)) return `${stem}_${i}`
  }
}
