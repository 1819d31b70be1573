// Weights in int8, brought back to float32 when the model is loaded: smaller files, the same computation.
import type { Graph, Node, Value } from '../ir/graph.js'
import { withNodes } from '../ir/graph.js'
import { hostTensor } from '../core/host.js'
import { int8Tensor, weightCodes, type WeightOptions } from './linear.js'
import { floats, floatsOfConstant, isOp, makeNode, Names } from './nodes.js'

/** Smaller constants stay as they are. */
const LEAST = 256

/** The graph with its large float32 constants as int8. @param keep - whether a node's constants stay as they are. */
export function quantizeWeights(graph: Graph, keep: (node: Node) => boolean, options: WeightOptions): Graph {
  const names = new Names(graph)
  const known = new Map<Value, Map<number, Value>>()
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((value, i) => {
      const data = floatsOfConstant(value)
      const shape = value?.constant?.shape ?? []
      if (!value?.constant || !data || data.length < LEAST || shape.length < 2 || keep(node)) return value
      if (!data.every(Number.isFinite)) return value
      const axis = channelAxis(node, i, shape.length)
      const before = known.get(value)?.get(axis)
      if (before) return before
      const { codes, scales } = weightCodes(value.constant, axis, options)
      const restored = names.value(`${value.name}_dequantized`)
      const across = options.perChannel ? [scales.length] : []
      nodes.push(
        makeNode(
          'DequantizeLinear',
          names.fresh(`${value.name}_DequantizeLinear`),
          [
            names.constant(`${value.name}_quantized`, int8Tensor({ codes, shape })),
            names.constant(`${value.name}_scale`, floats(scales, across)),
            names.constant(`${value.name}_zero_point`, hostTensor('int8', across, new Int8Array(scales.length))),
          ],
          [restored],
          options.perChannel ? { axis } : {},
        ),
      )
      known.set(value, (known.get(value) ?? new Map<number, Value>()).set(axis, restored))
      return restored
    })
    nodes.push({ ...node, inputs })
  }
  return withNodes(graph, nodes)
}

/** The axis whose positions get scales of their own: the channels that a node makes. */
function channelAxis(node: Node, input: number, rank: number): number {
  if (isOp(node, 'MatMul')) return input === 1 ? rank - 1 : rank - 2
  if (isOp(node, 'Gemm')) return input === 1 && !node.attributes.transB ? 1 : 0
  if (isOp(node, 'ConvTranspose')) return node.attributes.group === 1 ? 1 : 0
  // The first axis of a recurrent layer's weights is its direction.
  return isOp(node, 'LSTM', 'GRU', 'RNN') && rank === 3 ? 1 : 0
}
