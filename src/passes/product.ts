import type { OpDefinition } from '../ir/op.js'
import { notFused, type Graph, type Node, type Value } from '../ir/graph.js'
import { Rewriter } from '../ir/rewrite.js'
import { eliminateDead } from './load/eliminate-dead.js'
import { plain } from './pattern.js'

/**
 * Nodes of a product that are looked through: patterns have four at most, and a long chain of factors must not be
 * walked from each of its nodes.
 */
const DEPTH = 4

/** A product of values and numbers. `rank` is the most axes a number among them has. */
export interface Product {
  readonly factors: readonly Value[]
  readonly by: number
  readonly rank: number
}

/**
 * The product that a value is, seen through Mul and Div whose results nobody else reads; a value that is no product is
 * a product of one factor.
 */
export function productOf(rewriter: Rewriter, value: Value): Product {
  const factors: Value[] = []
  const numbers = { by: 1, rank: 0 }
  const visit = (current: Value, depth: number, node: Node | undefined) => {
    const parts = node && depth < DEPTH && factorsOf(node)
    if (!parts) {
      factors.push(current)
      return
    }
    if (parts.by) {
      numbers.by *= parts.by.value
      numbers.rank = Math.max(numbers.rank, parts.by.rank)
    }
    for (const part of parts.values) visit(part, depth + 1, made(rewriter, part))
  }
  visit(value, 0, rewriter.producer(value))
  return { factors, ...numbers }
}

function factorsOf(node: Node): { values: readonly Value[]; by?: { value: number; rank: number } } | undefined {
  const divided = plain(node, 'Div')
  if ((!divided && !plain(node, 'Mul')) || node.attributes.axis !== undefined) return undefined
  const [a, b] = node.inputs as [Value, Value]
  const [first, second] = [numberOf(a), numberOf(b)]
  if (second) return { values: [a], by: divided ? { ...second, value: 1 / second.value } : second }
  if (divided) return undefined
  return first ? { values: [b], by: first } : { values: [a, b] }
}

/** The node that makes a value, if the value has one reader. */
export function made(rewriter: Rewriter, value: Value | undefined): Node | undefined {
  return value && rewriter.single(value) ? rewriter.producer(value) : undefined
}

/** A constant that is one float32, and how many axes it has. */
export function numberOf(value: Value | undefined): { readonly value: number; readonly rank: number } | undefined {
  const constant = value?.constant
  if (constant?.dtype !== 'float32' || constant.data.length !== 1) return undefined
  return { value: Number(constant.data[0]), rank: constant.shape.length }
}

/** An operator of one operand that a product is another way of writing; `rank` is the most axes a number in it has. */
export interface Gate {
  readonly op: OpDefinition
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly rank: number
}

/** What by · x · gate is another way of writing; undefined if the pattern does not know it. */
export type GateMatch = (rewriter: Rewriter, x: Value, gate: Value, by: number) => Gate | undefined

/** Replaces every product x · gate(x) that `match` knows by one operator. */
export function fuseGates(graph: Graph, match: GateMatch): Graph {
  const rewriter = new Rewriter(graph)
  let found = false
  for (const node of graph.nodes) {
    const [y] = node.outputs
    if (!y || (!plain(node, 'Mul') && !plain(node, 'Div'))) continue
    const { factors, by, rank } = productOf(rewriter, y)
    if (factors.length !== 2) continue
    for (const [x, gate] of [factors, [factors[1], factors[0]]]) {
      const matched = x !== gate ? match(rewriter, x, gate, by) : undefined
      if (!matched || Math.max(rank, matched.rank) > leastRank(rewriter, x)) continue
      const { op, attributes = {} } = matched
      rewriter.replace(node, { op, name: node.name, attributes, inputs: [x], outputs: [y], fused: notFused })
      found = true
      break
    }
  }
  return found ? eliminateDead.run(rewriter.apply()) : graph
}

/** Operators whose result has as many axes as their first input, for what stands before an activation. */
const keeping = new Set([
  'BatchNormalization',
  'InstanceNormalization',
  'GroupNormalization',
  'LayerNormalization',
  'RMSNormalization',
  'Identity',
  'Cast',
  'Dropout',
])

/**
 * As many axes as a value has at least, without shapes: a number of more axes than the tensor it goes with would give
 * the result more axes.
 */
function leastRank(rewriter: Rewriter, value: Value | undefined, depth = 0): number {
  if (!value) return 0
  const declared = value.constant?.shape ?? value.declared?.shape
  if (declared) return declared.length
  const node = rewriter.producer(value)
  if (!node || node.op.domain !== '' || depth > 8) return 0
  const of = (index: number) => leastRank(rewriter, node.inputs[index], depth + 1)
  switch (node.op.name) {
    case 'Conv':
    case 'ConvTranspose':
      return Math.max(3, of(1))
    case 'Gemm':
      return 2
    case 'MatMul':
      // A bias that was fused is a vector; a product of a vector with a matrix is one.
      return Math.max(of(0), of(1)) - 1
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div':
      return Math.max(of(0), of(1))
    case 'Transpose':
      return (node.attributes.perm as readonly number[] | undefined)?.length ?? 0
    case 'Reshape':
      return node.inputs[1]?.constant?.data.length ?? 0
    default:
      return keeping.has(node.op.name) ? of(0) : 0
  }
}
