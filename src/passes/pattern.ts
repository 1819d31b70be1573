import { errorAt } from '../core/errors.js'
import type { Activation } from '../ir/emitter.js'
import type { TensorType } from '../ir/op.js'
import { toNumbers } from '../core/host.js'
import type { Inferred } from '../ir/infer.js'
import { notFused, type Node, type Value } from '../ir/graph.js'
import type { Rewriter } from '../ir/rewrite.js'

/**
 * The function of one element that a node is, if its other operands are constants.
 * @throws LanewiseError what the operator says of its attributes, with the node's name.
 */
export function activationOf({ op, name, attributes, inputs }: Node): Activation | undefined {
  if (!op.activation || !inputs.slice(1).every((input) => !input || input.constant)) return undefined
  try {
    return op.activation(
      attributes,
      inputs.map((input) => input?.constant),
    )
  } catch (error) {
    throw errorAt(op.name, name, error)
  }
}

/** Questions about values that patterns ask. */
export class Reader {
  constructor(
    readonly rewriter: Rewriter,
    private readonly types: ReadonlyMap<Value, Inferred>,
  ) {}

  /**
   * The node that makes a value, if nobody needs the value for more than the nodes after it in a pattern and its shape.
   */
  inner(value: Value | undefined): Node | undefined {
    if (!value || this.rewriter.uses.outputs.has(value)) return undefined
    const readers = (this.rewriter.uses.consumers.get(value) ?? []).filter((node) => node.op.name !== 'Shape')
    return readers.length === 1 ? this.rewriter.producer(value) : undefined
  }

  type(value: Value | undefined): TensorType | undefined {
    return value && (value.constant ?? this.types.get(value)?.type)
  }

  /** The number a value is, if it is known to be one that changes no shape. */
  number(value: Value | undefined): number | undefined {
    const known = value && (value.constant ?? this.types.get(value)?.known)
    return known?.dtype === 'float32' && known.data.length === 1 && known.shape.length <= 1
      ? Number(known.data[0])
      : undefined
  }

  /** The whole numbers a value is known to hold: axes. */
  integers(value: Value): readonly number[] | undefined {
    const known = value.constant ?? this.types.get(value)?.known
    return known && toNumbers(known, value.name)
  }
}

/** The node, if it is that operator and nothing has been fused into it. */
export function plain(node: Node | undefined, name: string): Node | undefined {
  return node?.op.name === name && node.op.domain === '' && node.fused === notFused ? node : undefined
}

/** Whether a number is another one, as float32 arithmetic of an exporter may have left it. */
export function nearly(a: number | undefined, b: number): boolean {
  return a !== undefined && Math.abs(a - b) <= 1e-6 * Math.abs(b)
}

/** Whether what nodes make is read by these nodes alone, but for what the last of them makes. */
export function closed({ uses }: Rewriter, nodes: ReadonlySet<Node>, last: Node): boolean {
  for (const node of nodes) {
    if (node === last) continue
    for (const value of node.outputs) {
      if (value && (uses.outputs.has(value) || !(uses.consumers.get(value) ?? []).every((reader) => nodes.has(reader))))
        return false
    }
  }
  return true
}
