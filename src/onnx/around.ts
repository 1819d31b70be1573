import { capturedBy, type Graph, type Node, type Value } from '../ir/graph.js'
import { inferNode, inferTypes, type Inferred } from '../ir/infer.js'
import type { TensorType } from '../ir/op.js'
import type { HostTensor } from '../core/host.js'
import type { Surroundings } from './downgrade.js'

/** What is known of a graph's values, found out when somebody asks. */
export class Around implements Surroundings {
  private types: ReadonlyMap<Value, Inferred> | undefined

  constructor(
    private readonly graph: Graph,
    private readonly add: (value: Value) => Value,
    readonly outer: Around | undefined,
  ) {}

  rank(value: Value | undefined): number | undefined {
    return value && (value.constant?.shape ?? this.found(value)?.type.shape ?? value.declared?.shape)?.length
  }

  dtype(value: Value | undefined) {
    return value && (value.constant?.dtype ?? this.found(value)?.type.dtype ?? value.declared?.dtype)
  }

  sizes(value: Value | undefined): readonly (number | undefined)[] | undefined {
    const shape = value && (value.constant?.shape ?? value.declared?.shape)
    return shape?.map((size) => (typeof size === 'number' ? size : undefined))
  }

  known(value: Value | undefined): HostTensor | undefined {
    return value && (value.constant ?? this.constants().get(value)?.known)
  }

  constant(stem: string, tensor: HostTensor): Value {
    return this.add({ name: stem, constant: tensor })
  }

  value(stem: string): Value {
    return this.add({ name: stem })
  }

  /** Of which type a value is, some number in the place of a free size. */
  type(value: Value): TensorType | undefined {
    return value.constant ?? this.found(value)?.type
  }

  /** All outputs that the operator of a node makes, those too that the node does not name; undefined if that depends on data. */
  outputsOf(node: Node): readonly TensorType[] | undefined {
    const given = node.inputs.map((value) => {
      const type = value && this.type(value)
      return type && { type, known: value && this.known(value) }
    })
    if (node.inputs.some((value, i) => value && !given[i])) return undefined
    return inferNode(node, given, () => undefined)?.map(({ type }) => type)
  }

  private found(value: Value): Inferred | undefined {
    if (!this.types) this.types = this.infer()
    return this.types.get(value)
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

  /** What follows from constants alone, whatever the inputs are. */
  private constants(): ReadonlyMap<Value, Inferred> {
    return (this.fixed ??= inferTypes(this.graph, new Map(), () => undefined))
  }

  private fixed: ReadonlyMap<Value, Inferred> | undefined
}

/** Stands for a free size: ranks are wanted, any number will do. */
export const FREE = 5040
