import { sameShape } from '../../core/shape.js'
import type { Inferred } from '../../ir/infer.js'
import type { Graph, Node, Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'
import { fuseInto } from '../load/fuse-activation.js'

/** Input that carries the residual of the operators that can add one. */
const RESIDUAL = 3
const carriers = new Set(['Conv', 'ConvTranspose', 'MatMul'])

/**
 * A sum of two tensors of one shape, one of them made by a convolution or a product: the kernel adds the other as it
 * stores, and applies the activation that follows. Needs shapes, since a sum that broadcasts is something else.
 */
export function fuseResidual(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph {
  const rewriter = new Rewriter(graph)
  const position = new Map(graph.nodes.map((node, i) => [node, i]))
  for (const add of graph.nodes) {
    if (!isSum(add) || !rewriter.stands(add)) continue
    const [a, b] = add.inputs as [Value, Value]
    const [y] = add.outputs
    if (!y || a === b || !sameTypes(types, a, b, y)) continue
    const candidates = [a, b].flatMap((product) => {
      const node = carrierOf(rewriter, product)
      return node ? { product, node, at: position.get(node) ?? 0 } : []
    })
    // The later one: by then the other summand has been made.
    candidates.sort((p, q) => q.at - p.at)
    if (candidates.length === 0) continue
    const { product, node } = candidates[0]
    const inputs = [0, 1, 2].map((i) => node.inputs[i])
    const fused: Node = {
      ...node,
      inputs: [...inputs, product === a ? b : a],
      outputs: [y],
      fused: { ...node.fused, residual: RESIDUAL },
    }
    rewriter.remove(node)
    rewriter.replace(add, fused)
    fuseInto(rewriter, fused)
  }
  return rewriter.apply()
}

function isSum({ op, inputs, attributes }: Node): boolean {
  return (
    op.domain === '' && (op.name === 'Add' || op.name === 'Sum') && inputs.length === 2 && attributes.axis === undefined
  )
}

/** The node that makes a value, if it can add a residual. */
function carrierOf(rewriter: Rewriter, value: Value): Node | undefined {
  const node = rewriter.producer(value)
  if (!node || node !== rewriter.maker(value) || !rewriter.single(value)) return undefined
  const carries =
    node.op.domain === '' &&
    carriers.has(node.op.name) &&
    !node.fused.activation &&
    node.fused.residual === undefined &&
    node.inputs.length <= RESIDUAL
  return carries ? node : undefined
}

function sameTypes(types: ReadonlyMap<Value, Inferred>, ...values: Value[]): boolean {
  const [first, ...rest] = values.map((value) => value.constant ?? types.get(value)?.type)
  return (
    first?.dtype === 'float32' && rest.every((type) => type?.dtype === 'float32' && sameShape(type.shape, first.shape))
  )
}
