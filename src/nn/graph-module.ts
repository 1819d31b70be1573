import { loadGraph, type LoadGraphOptions } from '../api/model-graph.js'
import { applyParsed } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { bodiesOf, type Graph, type Value } from '../ir/graph.js'
import { Module } from './module.js'

/** Inputs that are statistics rather than weights. */
const statistics: Readonly<Record<string, readonly number[]>> = { BatchNormalization: [3, 4] }

/**
 * A graph (an imported ONNX model) as a module: its float32 constants with more than one element are parameters, under their names in the file, so
 * that the model can be trained further where its operators have gradients, and exported again. `GraphModule<Variable[]>` is one with several outputs.
 */
export class GraphModule<Output extends Variable | Variable[] = Variable> extends Module {
  static override readonly name: string = 'GraphModule'
  /** Properties in which no modules are looked for. @internal */
  static readonly opaque: readonly string[] = ['graph']
  /** By the names that the file gives them. */
  readonly tensors = new Map<string, Parameter>()
  private readonly learned = new Map<Value, Parameter>()

  /**
   * A model file as a module.
   *
   * @param model - its bytes, or where they are.
   * @throws LanewiseError as `loadGraph` does, and as the constructor.
   */
  static async from<Output extends Variable | Variable[] = Variable>(
    model: Uint8Array | string | URL,
    options: LoadGraphOptions & { readonly device?: Device } = {},
  ): Promise<GraphModule<Output>> {
    return new GraphModule<Output>(await loadGraph(model, options), options)
  }

  /** @throws LanewiseError `E_UNSUPPORTED` for operators with bodies, and for values that are not tensors. */
  constructor(
    readonly graph: Graph,
    { device }: { readonly device?: Device } = {},
  ) {
    super(device)
    // What is made of constants alone may be known already; it is not learned beside them.
    const made = new Set(graph.nodes.flatMap((node) => node.outputs))
    for (const node of graph.nodes) {
      if (bodiesOf(node).length > 0)
        throw new LanewiseError('E_UNSUPPORTED', `${node.op.name} cannot be part of a module`, {
          op: node.op.name,
          node: node.name,
        })
      node.inputs.forEach((value, i) => {
        const { constant } = value ?? {}
        if (
          !value ||
          !constant ||
          made.has(value) ||
          this.learned.has(value) ||
          constant.dtype !== 'float32' ||
          constant.data.length < 2
        )
          return
        const parameter = this.device.parameter(constant, {
          name: value.name,
          buffer: statistics[node.op.name]?.includes(i),
        })
        this.learned.set(value, parameter)
        this.tensors.set(value.name, parameter)
      })
    }
  }

  /** @param inputs - in the order of the graph's inputs. @returns the output, or an array of them. */
  forward(...inputs: Variable[]): Output {
    const { graph, device } = this
    if (inputs.length !== graph.inputs.length)
      throw new LanewiseError('E_VALUE', `the graph has ${graph.inputs.length} inputs, got ${inputs.length}`)
    const known = new Map<Value, Variable>(this.learned)
    graph.inputs.forEach((value, i) => known.set(value, inputs[i]))
    const lookUp = (value: Value): Variable => {
      let variable = known.get(value)
      if (!variable) {
        if (!value.constant)
          throw new LanewiseError('E_GRAPH', `"${value.name}" is used before it is made`, { tensor: value.name })
        known.set(value, (variable = device.constant(value.constant)))
      }
      return variable
    }
    for (const node of graph.nodes) {
      const results = device.scoped(node.name, () =>
        applyParsed(
          device,
          node.op,
          node.inputs.map((value) => value && lookUp(value)),
          node.attributes,
          node.outputs.length,
        ),
      )
      node.outputs.forEach((value, i) => value && known.set(value, results[i]))
    }
    const outputs = graph.outputs.map(lookUp)
    return (outputs.length === 1 ? outputs[0] : outputs) as Output
  }
}
