// A graph as JSON: what read-graph.ts reads.
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { notFused, type DeclaredType, type Graph, type Node, type Value } from '../../ir/graph.js'
import { findOp } from '../../ir/registry.js'
import { internalOps } from './internal-ops.js'

/** Values and tensors are told by their numbers in lists of the file. */
export interface WrittenGraph {
  readonly name: string
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
  readonly nodes: readonly WrittenNode[]
}

/** Operator, name, attributes by name, inputs and outputs (−1 where left out), and what passes have folded in. */
type WrittenNode = readonly [
  domain: string,
  op: string,
  name: string,
  attributes: readonly (readonly [string, unknown])[],
  inputs: readonly number[],
  outputs: readonly number[],
  fused?: object,
]

/** Name, declared type, and the number of the tensor if the value is a constant. */
type WrittenValue = readonly [name: string, declared: DeclaredType | null, tensor: number]

/** Writes graphs over one list of values and one of tensors. */
export class GraphWriter {
  readonly tensors: HostTensor[] = []
  readonly values: WrittenValue[] = []
  private readonly numbers = new Map<Value, number>()
  private readonly tensorNumbers = new Map<HostTensor, number>()

  graph({ name, inputs, outputs, nodes }: Graph): WrittenGraph {
    return {
      name,
      inputs: inputs.map((value) => this.value(value)),
      nodes: nodes.map((node) => this.node(node)),
      outputs: outputs.map((value) => this.value(value)),
    }
  }

  private node({ op, name, attributes, inputs, outputs, fused }: Node): WrittenNode {
    if (findOp(op.domain, op.name) !== op && !internalOps.includes(op))
      throw new LanewiseError('E_UNSUPPORTED', 'a node of this operator cannot be prepared: it is not registered').at(
        op.name,
        name,
      )
    const written = Object.entries(attributes).map(([key, value]) => {
      try {
        return [key, this.attribute(value)] as const
      } catch (error) {
        throw error instanceof LanewiseError ? error.at(op.name, name) : error
      }
    })
    const number = (value: Value | undefined) => (value ? this.value(value) : -1)
    const node = [op.domain, op.name, name, written, inputs.map(number), outputs.map(number)] as const
    return fused === notFused ? node : [...node, this.attribute({ ...fused }) as object]
  }

  private value(value: Value): number {
    const known = this.numbers.get(value)
    if (known !== undefined) return known
    const { name, declared, constant } = value
    const number = this.values.push([name, declared ?? null, constant ? this.tensor(constant) : -1]) - 1
    this.numbers.set(value, number)
    return number
  }

  private tensor(tensor: HostTensor): number {
    let number = this.tensorNumbers.get(tensor)
    if (number === undefined) this.tensorNumbers.set(tensor, (number = this.tensors.push(tensor) - 1))
    return number
  }

  /** A value that JSON has no words for is an object with one key. */
  private attribute(value: unknown): unknown {
    if (value === undefined) return null
    if (typeof value === 'string' || typeof value === 'boolean') return value
    if (typeof value === 'number')
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { number: Object.is(value, -0) ? '-0' : String(value) }
    if (typeof value === 'bigint') return { bigint: String(value) }
    if (Array.isArray(value)) return value.map((one: unknown) => this.attribute(one))
    if (typeof value === 'object' && value !== null) {
      if ('nodes' in value && 'inputs' in value) return { graph: this.graph(value as Graph) }
      if ('dtype' in value && 'data' in value) return { tensor: this.tensor(value as HostTensor) }
      if (Object.getPrototypeOf(value) === Object.prototype)
        return { record: Object.entries(value).map(([key, one]) => [key, this.attribute(one)]) }
    }
    throw new LanewiseError('E_UNSUPPORTED', 'an attribute that is no number, text, tensor or graph cannot be prepared')
  }
}
