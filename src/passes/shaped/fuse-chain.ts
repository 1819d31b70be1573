import { CHAIN_OPERANDS } from '../../../assembly/abi/codes.js'
import { Chain, type ChainStep } from '../../ops/elementwise/chain.js'
import { sameShape, sizeOf, type Shape } from '../../core/shape.js'
import type { Inferred } from '../../ir/infer.js'
import { notFused, type Graph, type Node, type Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'
import { activationOf, Reader } from '../pattern.js'

const MOST_STEPS = 64

/**
 * Elementwise float32 operators that follow each other, of results of one shape, in one call: where tensors are so
 * small that calls are what costs, or so large that each operator would go through them in memory. Between the two
 * there is nothing to win (docs/performance/elementwise.md).
 */
export function fuseChain(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph {
  const rewriter = new Rewriter(graph)
  const reader = new Reader(rewriter, types)
  for (const first of graph.nodes) {
    if (!rewriter.stands(first)) continue
    const type = reader.type(first.outputs[0])
    if (!type || !worthwhile(sizeOf(type.shape))) continue
    const x = first.inputs.find((value) => fits(reader, value, type.shape))
    if (!x) continue
    const inputs = [x]
    const steps: ChainStep[] = []
    const nodes: Node[] = []
    let value = x
    for (
      let node: Node | undefined = first;
      node && steps.length < MOST_STEPS && rewriter.stands(node);
      node = rewriter.single(value)
    ) {
      const made: Value | undefined = node.outputs[0]
      const step: ChainStep | undefined = fits(reader, made, type.shape)
        ? stepOf(reader, node, value, inputs)
        : undefined
      if (!step || !made) break
      steps.push(step)
      nodes.push(node)
      value = made
    }
    if (steps.length < LEAST_STEPS) continue
    const last = nodes[nodes.length - 1]
    for (const node of nodes) rewriter.remove(node)
    rewriter.replace(last, {
      op: Chain,
      name: last.name,
      attributes: { steps },
      inputs,
      outputs: [value],
      fused: notFused,
    })
  }
  return rewriter.apply()
}

/** The shortest chain that is worth a call of its own: two calls of single operators cost less than its one. */
const LEAST_STEPS = 3

const worthwhile = (elements: number): boolean => elements <= 256 || elements >= 1 << 19

/** Which side of the bounds above a size is on. */
export const sizeClass = (elements: number): number => Number(elements > 256) + Number(elements >= 1 << 19)

function fits(reader: Reader, value: Value | undefined, shape: Shape): boolean {
  const type = reader.type(value)
  return type?.dtype === 'float32' && sameShape(type.shape, shape)
}

/** What a node does to `value`; a new operand is added to the inputs. */
function stepOf(reader: Reader, node: Node, value: Value, operands: Value[]): ChainStep | undefined {
  const { op, attributes, inputs, fused } = node
  if (op.domain !== '' || fused !== notFused) return undefined
  const [a, b] = inputs
  if (op.binary !== undefined && a && b && attributes.axis === undefined) {
    const flipped = a !== value
    const other = flipped ? a : b
    let operand = operands.indexOf(other)
    if (operand < 0) {
      if (operands.length > CHAIN_OPERANDS || reader.type(other)?.dtype !== 'float32') return undefined
      operand = operands.push(other) - 1
    }
    return { binary: op.binary, operand, flipped }
  }
  if (a !== value) return undefined
  const unary = activationOf(node)
  return unary && { unary }
}
