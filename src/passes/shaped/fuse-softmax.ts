import { Softmax } from '../../ops/norm/softmax.js'
import type { OpDefinition } from '../../ir/op.js'
import { normalizeAxis, sameShape } from '../../core/shape.js'
import type { Inferred } from '../../ir/infer.js'
import { notFused, type Graph, type Node, type Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'
import { eliminateDead } from '../load/eliminate-dead.js'
import { closed, plain, Reader } from '../pattern.js'

/**
 * e/Σe along one axis, e = exp(x − max x): a softmax written out. Without the maximum it would be another function
 * where exp overflows.
 */
export function fuseSoftmax(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph {
  const rewriter = new Rewriter(graph)
  const reader = new Reader(rewriter, types)
  let found = false
  for (const node of graph.nodes) {
    const fused = plain(node, 'Div') && softmaxOf(reader, node)
    if (!fused) continue
    rewriter.replace(node, fused)
    found = true
  }
  return found ? eliminateDead.run(rewriter.apply()) : graph
}

function softmaxOf(reader: Reader, div: Node): Node | undefined {
  const { rewriter } = reader
  const exp = plain(rewriter.producer(div.inputs[0]), 'Exp')
  const sum = plain(rewriter.producer(div.inputs[1]), 'ReduceSum')
  const sub = exp && plain(rewriter.producer(exp.inputs[0]), 'Sub')
  const max = sub && plain(rewriter.producer(sub.inputs[1]), 'ReduceMax')
  const x = sub?.inputs[0]
  if (!sum || !max || !x || sum.inputs[0] !== div.inputs[0] || max.inputs[0] !== x) return undefined
  const [type, result] = [reader.type(x), reader.type(div.outputs[0])]
  if (type?.dtype !== 'float32' || !result || !sameShape(type.shape, result.shape)) return undefined
  const [axis, other] = [axisOf(reader, sum, type.shape.length), axisOf(reader, max, type.shape.length)]
  if (axis === undefined || axis !== other || !closed(rewriter, new Set([div, exp, sum, sub, max]), div))
    return undefined
  return {
    op: Softmax as unknown as OpDefinition,
    name: div.name,
    attributes: { axis },
    inputs: [x],
    outputs: div.outputs,
    fused: notFused,
  }
}

/** The one axis that a reduction takes and keeps. */
function axisOf(reader: Reader, { inputs, outputs, attributes }: Node, rank: number): number | undefined {
  const axes = inputs[1] && reader.integers(inputs[1])
  // Of a reduction whose axes are wrong there is no type.
  return axes?.length === 1 && reader.type(outputs[0]) && attributes.keepdims === 1
    ? normalizeAxis(axes[0], rank)
    : undefined
}
