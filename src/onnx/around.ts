import type { DType } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { bodiesOf, capturedBy, type Graph, type Node, type Value } from '../ir/graph.js'
import { inferNode, inferTypes, type Inferred } from '../ir/infer.js'
import type { TensorType } from '../ir/op.js'
import { outputTypes } from './output-types.js'
import type { ValueType } from './schemas.js'
import type { Surroundings, WrittenNode } from './sets/written-node.js'

/** What is known of a graph's values, found out when somebody asks. */
export class Around implements Surroundings {
  private types: ReadonlyMap<Value, Inferred> | undefined
  private elements: ReadonlyMap<Value, ValueType> | undefined
  private fixed: ReadonlyMap<Value, Inferred> | undefined
  /** Values that rewritings have made, by those whose shapes they have, and their types. */
  private readonly alike = new Map<Value, Value>()
  private readonly made = new Map<Value, ValueType>()

  /** @param owner - the node whose body the graph is. */
  constructor(
    private readonly graph: Graph,
    private readonly add: (value: Value) => Value,
    readonly outer?: Around,
    private readonly owner?: Node,
  ) {}

  /** The same knowledge for an attempt: what it makes is forgotten. */
  probe(): Around {
    const probe = new Around(this.graph, (value) => value, this.outer, this.owner)
    probe.types = this.inferred()
    probe.elements = this.elementTypes()
    probe.fixed = this.constants()
    return probe
  }

  /** What is known of a body. */
  body(graph: Graph, owner: Node): Around {
    return new Around(graph, (value) => value, this, owner)
  }

  rank(given: Value | undefined): number | undefined {
    const value = given && this.shapedLike(given)
    return value && (value.constant?.shape ?? this.found(value)?.type.shape ?? value.declared?.shape)?.length
  }

  dtype(value: Value | undefined): DType | undefined {
    const type = this.typeOf(value)
    return type?.kind === 'tensor' ? type.dtype : undefined
  }

  typeOf(value: Value | undefined): ValueType | undefined {
    if (!value) return undefined
    const tensor = this.type(value)
    return tensor
      ? { kind: 'tensor', dtype: tensor.dtype }
      : (this.made.get(value) ?? this.elementTypes().get(value) ?? this.outer?.typeOf(value) ?? value.declared)
  }

  sizes(value: Value | undefined): readonly (number | undefined)[] | undefined {
    const shape = value && (value.constant?.shape ?? value.declared?.shape)
    return shape?.map((size) => (typeof size === 'number' ? size : undefined))
  }

  shapeName(given: Value | undefined): string | undefined {
    const value = given && this.shapedLike(given)
    const declared = value?.constant?.shape ?? value?.declared?.shape
    if (declared && !declared.includes(null)) return declared.join()
    const shape = value && this.found(value)?.type.shape
    // Some number stands for every free size, of whatever name.
    return shape?.some((size) => size > 0 && size % FREE === 0) ? undefined : shape?.join()
  }

  known(value: Value | undefined): HostTensor | undefined {
    return value && (value.constant ?? this.constants().get(value)?.known)
  }

  constant(stem: string, tensor: HostTensor): Value {
    return this.add({ name: stem, constant: tensor })
  }

  value(stem: string, like?: Value, dtype?: DType): Value {
    const value = this.add({ name: stem })
    if (like) this.alike.set(value, this.shapedLike(like))
    if (dtype) this.made.set(value, { kind: 'tensor', dtype })
    return value
  }

  note({ domain, type, inputs, outputs, attributes }: WrittenNode): void {
    const found = outputTypes({
      domain,
      type,
      inputs: inputs.map((value) => this.typeOf(value)),
      outputs: outputs.length,
      attribute: (name) => attributes.get(name)?.value,
    })
    outputs.forEach((value, i) => {
      if (value && found[i] && !this.typeOf(value)) this.made.set(value, found[i])
    })
  }

  /** Of which type a value is, some number in the place of a free size. */
  type(value: Value): TensorType | undefined {
    return value.constant ?? this.found(value)?.type
  }

  /**
   * All outputs that the operator of a node makes, those too that the node does not name; undefined if that depends on
   * data.
   */
  outputsOf(node: Node): readonly TensorType[] | undefined {
    const given = node.inputs.map((value) => {
      const type = value && this.type(value)
      return type && { type, known: value && this.known(value) }
    })
    if (node.inputs.some((value, i) => value && !given[i])) return undefined
    return inferNode(node, given, () => undefined)?.map(({ type }) => type)
  }

  private shapedLike(value: Value): Value {
    return this.alike.get(value) ?? value
  }

  private found(value: Value): Inferred | undefined {
    return this.inferred().get(value)
  }

  private inferred(): ReadonlyMap<Value, Inferred> {
    return (this.types ??= this.infer())
  }

  private infer(): ReadonlyMap<Value, Inferred> {
    const inputs = new Map<Value, TensorType>()
    for (const value of this.outer ? capturedBy(this.graph) : []) {
      const type = this.outer?.found(value)?.type
      if (type) inputs.set(value, type)
    }
    for (const input of this.graph.inputs) {
      const { kind, dtype, shape } = input.declared ?? {}
      // Ranks are wanted only: any number will do for a free size.
      if (kind === 'tensor' && dtype && shape)
        inputs.set(input, { dtype, shape: shape.map((size) => (typeof size === 'number' ? size : FREE)) })
    }
    return inferTypes(this.graph, inputs, () => undefined)
  }

  /** Types that do not need shapes: of what depends on data, and of the inputs of bodies. */
  private elementTypes(): ReadonlyMap<Value, ValueType> {
    if (this.elements) return this.elements
    const types = new Map<Value, ValueType>()
    this.elements = types
    const given = this.owner ? this.given(this.owner) : []
    this.graph.inputs.forEach((input, i) => {
      const type = input.declared?.dtype ? input.declared : given[i]
      if (type) types.set(input, type)
    })
    for (const node of this.graph.nodes) {
      if (node.outputs.every((value) => !value || this.found(value))) continue
      const found = this.resultsOf(node)
      node.outputs.forEach((value, i) => {
        if (value && found[i] && !this.found(value)) types.set(value, found[i])
      })
    }
    return types
  }

  private resultsOf(node: Node): readonly (ValueType | undefined)[] {
    const { op, attributes, outputs } = node
    const [body] = bodiesOf(node)
    if (body && op.name !== 'SequenceMap') {
      const results = bodiesOf(node).map((graph) => {
        const inside = this.body(graph, node)
        return graph.outputs.map((value) => inside.typeOf(value))
      })
      const merged = results[0].map((type, i) => type ?? results.find((list) => list[i])?.[i])
      return op.name === 'Loop' ? merged.slice(1) : merged
    }
    return outputTypes({
      domain: op.domain === 'ai.onnx' ? '' : op.domain,
      type: op.name,
      inputs: node.inputs.map((value) => this.typeOf(value)),
      outputs: outputs.length,
      attribute: (name) => attributes[name],
    })
  }

  /** Types of what a node gives its body. */
  private given({ op, inputs }: Node): readonly (ValueType | undefined)[] {
    const types = inputs.map((value) => this.outer?.typeOf(value))
    if (op.name === 'Loop')
      return [{ kind: 'tensor', dtype: 'int64' }, { kind: 'tensor', dtype: 'bool' }, ...types.slice(2)]
    if (op.name !== 'SequenceMap') return types
    return types.map((type) => (type?.kind === 'sequence' ? { kind: 'tensor', dtype: type.dtype } : type))
  }

  /** What follows from constants alone, whatever the inputs are. */
  private constants(): ReadonlyMap<Value, Inferred> {
    return (this.fixed ??= inferTypes(this.graph, new Map(), () => undefined))
  }
}

/** Stands for a free size: ranks are wanted, any number will do. */
export const FREE = 5040
