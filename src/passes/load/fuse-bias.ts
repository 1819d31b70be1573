import { sizeOf } from '../../core/shape.js'
import type { Graph } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'

/** MatMul followed by the addition of a constant vector along its last axis: the product adds it as it stores. */
export const fuseBias = {
  name: 'fuse-bias',
  run(graph: Graph): Graph {
    const rewriter = new Rewriter(graph)
    for (const node of graph.nodes) {
      const [y] = node.outputs
      if (node.op.name !== 'MatMul' || node.op.domain !== '' || !y || node.fused.bias !== undefined) continue
      const right = node.inputs[1]?.constant
      const add = rewriter.single(y)
      if (
        !right ||
        right.dtype !== 'float32' ||
        right.shape.length < 2 ||
        add?.op.name !== 'Add' ||
        add.op.domain !== ''
      )
        continue
      const vector = add.inputs[0] === y ? add.inputs[1] : add.inputs[0]
      const width = right.shape[right.shape.length - 1]
      const shape = vector?.constant?.shape
      // More axes than the product has would broadcast it; the product has at least as many as its right side, unless
      // the left is a vector.
      if (
        !shape ||
        vector.constant?.dtype !== 'float32' ||
        shape.at(-1) !== width ||
        sizeOf(shape) !== width ||
        shape.length > 1
      )
        continue
      rewriter.remove(node)
      const inputs = [node.inputs[0], node.inputs[1], vector]
      rewriter.replace(add, { ...node, inputs, outputs: [add.outputs[0]], fused: { ...node.fused, bias: 2 } })
    }
    return rewriter.apply()
  },
} as const
