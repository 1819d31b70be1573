import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { checkText, kindOf } from '../../core/options.js'
import {
  isValue,
  notFused,
  type DeclaredType,
  type Dimension,
  type Graph,
  type Node,
  type Value,
} from '../../ir/graph.js'
import { registerOps } from '../../ir/registry.js'
import { Identity } from '../../ops/movement/identity.js'
import {
  checkedNode,
  checkedOptions,
  constantFrom,
  declaredFrom,
  unusedName,
  valueItself,
  type NodeOptions,
} from './checked-node.js'
import { declareOutputs } from './declare-outputs.js'
import type { TensorLike } from '../value.js'

/**
 * Builds a graph node by node, at the newest operator semantics.
 *
 * @example
 * import { exportModel, GraphBuilder, Tensor } from 'lanewise'
 *
 * const g = new GraphBuilder('classifier')
 * const x = g.input('image', 'float32', ['N', 1, 28, 28])
 * const weights = g.constant('w', new Tensor('float32', new Float32Array(8 * 9), [8, 1, 3, 3]))
 * const y = g.op('Relu', [g.op('Conv', [x, weights], { pads: [1, 1, 1, 1] })])
 * g.output(y, 'scores')
 * const bytes = exportModel(g)
 * console.log(bytes.length, g.graph().outputs[0].declared?.shape) // ['N', 8, 28, 28]
 */
export class GraphBuilder {
  private readonly inputs: Value[] = []
  private readonly outputs: Value[] = []
  private readonly nodes: Node[] = []
  private readonly names = new Set<string>()
  private readonly own = new Set<Value>()

  /** @throws LanewiseError `E_VALUE` for a name that is no string. */
  constructor(
    /** The graph's name, for files and messages; "graph" by default. */
    readonly name = 'graph',
  ) {
    checkText('the name of a graph', name)
  }

  /**
   * An input of the graph; a string in the shape names a size that is free, `null` leaves it open.
   *
   * @param shape - left out: the rank is open, too.
   * @param kind - `sequence` (of tensors of this type) or `optional`; a tensor by default.
   */
  input(name: string, dtype: DType, shape?: readonly Dimension[], kind: DeclaredType['kind'] = 'tensor'): Value {
    const declared = declaredFrom(name, dtype, shape, kind)
    const value = this.value(name)
    value.declared = declared
    this.inputs.push(value)
    return value
  }

  /**
   * A constant: a weight, a shape, an axis. @throws LanewiseError `E_TENSOR` for what is no tensor, `E_GRAPH` if the
   * name is taken.
   */
  constant(name: string, tensor: HostTensor | TensorLike): Value {
    const constant = constantFrom(name, tensor)
    const value = this.value(name)
    value.constant = constant
    return value
  }

  /**
   * A node with one output; see {@link node} for several.
   *
   * @param attributes - as ONNX names them. Lists may be typed arrays, tensors may be `Tensor`s, and an element type
   *   (Cast's `to`) may be a name.
   * @throws LanewiseError `E_UNSUPPORTED` for an unknown operator, `E_GRAPH` for wrong attributes or inputs, `E_VALUE`
   *   for arguments of wrong types.
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
   * @throws LanewiseError as {@link op} does; `E_GRAPH` for more outputs than the operator has.
   */
  node(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, unknown>> = {},
    options: NodeOptions = {},
  ): Value[] {
    const { name, domain, outputs } = checkedOptions(type, options)
    const label = name ?? this.unused(type)
    const checked = checkedNode({ type, inputs, attributes, domain, outputs, label }, valueItself)
    if (name !== undefined && outputs === 1 && this.names.has(name)) throw this.taken(name).at(type, name)
    // No output of several has the node's own name: without this the next node would take it, and onnxruntime refuses
    // that.
    if (name === undefined && outputs !== 1) this.names.add(label)
    const results = Array.from({ length: outputs }, (_, i) =>
      this.value(this.unused(outputs === 1 ? label : `${label}_${i}`)),
    )
    this.nodes.push({ ...checked, name: label, outputs: results, fused: notFused })
    return results
  }

  /**
   * Makes a value an output of the graph, under a name of its own if one is given.
   *
   * @throws LanewiseError `E_GRAPH` for a value that this builder has not made (a body hands on one of the graph around
   *   it by giving it a name), or that is an output already; `E_VALUE` for what is no value.
   */
  output(value: Value, name = valueItself(value)?.name): Value {
    if (!isValue(value))
      throw new LanewiseError('E_VALUE', `an output must be a value of the graph, got ${kindOf(value)}`, {
        expected: 'a value',
        actual: kindOf(value),
      })
    checkText('the name of an output', name)
    let named = value
    if (name !== value.name) {
      // An app that knows the operators alone that it applies need not have this one.
      registerOps([Identity])
      const { op, attributes } = checkedNode(
        { type: 'Identity', inputs: [value], attributes: {}, domain: '', outputs: 1, label: name },
        valueItself,
      )
      named = this.value(name)
      this.nodes.push({ op, name, attributes, inputs: [value], outputs: [named], fused: notFused })
    } else if (!this.own.has(value)) {
      throw new LanewiseError('E_GRAPH', `"${name}" is a value of another graph`, { tensor: name })
    }
    if (this.outputs.includes(named))
      throw new LanewiseError('E_GRAPH', `"${name}" is an output already`, { tensor: name })
    this.outputs.push(named)
    return named
  }

  /**
   * The graph, with the types of its outputs filled in.
   *
   * @throws LanewiseError if there is no output, or if the shapes do not fit, whatever the free sizes are.
   */
  graph(): Graph {
    if (this.outputs.length === 0)
      throw new LanewiseError('E_GRAPH', `the graph "${this.name}" has no output: give one to output()`)
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
    if (this.names.has(name)) throw this.taken(name)
    this.names.add(name)
    const value = { name }
    this.own.add(value)
    return value
  }

  private taken(name: string): LanewiseError {
    return new LanewiseError('E_GRAPH', `the value "${name}" is defined twice`, { tensor: name })
  }

  private unused(stem: string): string {
    return unusedName(stem, this.names)
  }
}
