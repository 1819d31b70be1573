import type { DType } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { parseAttributes, toRaw, type RawAttributes } from '../ir/attributes.js'
import { checkInputs } from '../ir/op.js'
import { findOp } from '../ir/registry.js'
import { hostOf, isTensorLike, type TensorLike } from './value.js'
import { inferTypes } from '../ir/infer.js'
import { notFused, type Dimension, type Graph, type Node, type Value } from '../ir/graph.js'

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

  /** An input of the graph; a string in the shape names a size that is free. */
  input(name: string, dtype: DType, shape: readonly Dimension[]): Value {
    const value = this.value(name)
    value.declared = { kind: 'tensor', dtype, shape }
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

  /** A node and its outputs. `domain` defaults to ai.onnx, `outputs` to 1. */
  node(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, unknown>> = {},
    { name, domain = '', outputs = 1 }: { name?: string; domain?: string; outputs?: number } = {},
  ): Value[] {
    const label = name ?? this.unused(type)
    const op = findOp(domain, type)
    if (!op)
      throw new LanewiseError(
        'E_UNSUPPORTED',
        `the operator ${type} is not known (those outside the common set come with "lanewise/ops/all")`,
        { op: type, node: label },
      )
    try {
      checkInputs(op, inputs)
      const raw: RawAttributes = new Map()
      for (const [key, value] of Object.entries(attributes)) {
        if (value === undefined) continue
        if (!Object.hasOwn(op.attributes, key)) throw new LanewiseError('E_GRAPH', `attribute "${key}" is not known`)
        raw.set(key, toRaw(op.attributes[key].kind, value))
      }
      const results = Array.from({ length: outputs }, (_, i) =>
        this.value(this.unused(outputs === 1 ? label : `${label}_${i}`)),
      )
      this.nodes.push({
        op,
        name: label,
        attributes: parseAttributes(op.attributes, raw),
        inputs,
        outputs: results,
        fused: notFused,
      })
      return results
    } catch (error) {
      throw error instanceof LanewiseError ? error.at(type, label) : error
    }
  }

  /** Makes a value an output of the graph, under a name of its own if one is given. */
  output(value: Value, name = value.name): Value {
    const named = name === value.name ? value : this.value(name)
    if (named !== value)
      this.nodes.push({
        op: findOp('', 'Identity')!,
        name,
        attributes: {},
        inputs: [value],
        outputs: [named],
        fused: notFused,
      })
    this.outputs.push(named)
    return named
  }

  /**
   * The graph, with the types of its outputs filled in.
   *
   * @throws LanewiseError if the shapes do not fit.
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

/**
 * Declares the outputs' types. With free sizes in the inputs, shapes are inferred for two settings of them: an axis that comes out the same is
 * fixed, one that takes the value of a name is that name, and any other is left open.
 */
function declareOutputs(graph: Graph): void {
  const free = [
    ...new Set(graph.inputs.flatMap((value) => value.declared?.shape ?? []).filter((axis) => typeof axis === 'string')),
  ]
  const { settings, results } = inferredTwice(graph, free)
  for (const output of graph.outputs) {
    const [a, b] = results.map((found) => output.constant ?? found.get(output)?.type)
    if (!a || !b) continue
    const shape = a.shape.map((size, axis): Dimension => {
      if (size === b.shape[axis]) return size
      return free.find((name) => settings[0].get(name) === size && settings[1].get(name) === b.shape[axis]) ?? null
    })
    output.declared = { kind: 'tensor', dtype: a.dtype, shape }
  }
}

/** The types of all values for two settings of the free sizes. */
function inferredTwice(graph: Graph, free: readonly string[]) {
  const under = (primes: readonly number[]) => {
    const settings = [0, 1].map(
      (round) => new Map(free.map((name, i) => [name, primes[(2 * i + round) % primes.length]])),
    )
    const results = settings.map((sizes) => {
      const types = new Map(
        graph.inputs.map((value) => {
          const { dtype = 'float32', shape = [] } = value.declared ?? {}
          return [
            value,
            { dtype, shape: shape.map((axis) => (typeof axis === 'number' ? axis : (sizes.get(axis ?? '') ?? 1))) },
          ] as const
        }),
      )
      return inferTypes(graph, types)
    })
    return { settings, results }
  }
  try {
    return under(PRIMES)
  } catch (error) {
    // A model may be free up to some size only: a table of positions has an end.
    try {
      return under(SMALL_PRIMES)
    } catch {
      throw error
    }
  }
}

// Primes far from any size a model fixes, so that a match is no accident.
const PRIMES = [97, 101, 103, 107, 109, 113, 127, 131, 137, 139]
const SMALL_PRIMES = [11, 13, 7, 5, 17, 19, 3, 2, 23, 29]
