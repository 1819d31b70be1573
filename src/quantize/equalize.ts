import { usesOf, withNodes, type Graph, type Node, type Value } from '../ir/graph.js'
import { floats, floatsOfConstant, isOp, Names } from './nodes.js'

/** How often all pairs are gone through: a layer between two others belongs to two pairs. */
const ROUNDS = 10
/** Factors go no farther than this. */
const MOST = 2 ** 10

/** Two convolutions with nothing between them but a function for which f(s·x) = s·f(x). */
interface Pair {
  readonly first: Layer
  readonly second: Layer
}

/** Weights and bias of a convolution, to be changed in their place. */
interface Layer {
  readonly node: Node
  readonly weights: Float32Array
  readonly shape: readonly number[]
  readonly bias?: Float32Array
}

/**
 * Scales channels between neighbouring convolutions so that the ranges of the weights on both sides are alike: what one
 * makes smaller the next makes larger again, the graph computes the same. Depthwise layers, whose channels differ most,
 * lose least by it.
 *
 * Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.1. Clip is
 * no such function: Relu6 stays as it is.
 */
export function equalize(graph: Graph): Graph {
  const layers = new Map<Node, Layer>()
  for (const node of graph.nodes) {
    const [, w, b] = node.inputs
    const weights = floatsOfConstant(w)
    const bias = floatsOfConstant(b)
    if (!isOp(node, 'Conv') || !weights || (b && !bias) || !weights.every(Number.isFinite)) continue
    layers.set(node, { node, weights: weights.slice(), shape: w?.constant?.shape ?? [], bias: bias?.slice() })
  }
  const pairs = [...layers.values()].flatMap((first) => {
    const second = layers.get(nextOf(graph, first.node) ?? first.node)
    return second && second !== first ? [{ first, second }] : []
  })
  if (pairs.length === 0) return graph
  for (let round = 0; round < ROUNDS; round++) for (const pair of pairs) balance(pair)
  const names = new Names(graph)
  return withNodes(
    graph,
    graph.nodes.map((node) => {
      const layer = layers.get(node)
      if (!layer) return node
      const [x, w, b] = node.inputs
      const constant = (value: Value | undefined, data: Float32Array | undefined, shape?: readonly number[]) =>
        value && data && names.constant(`${value.name}_equalized`, floats(data, shape))
      return { ...node, inputs: [x, constant(w, layer.weights, layer.shape), constant(b, layer.bias)] }
    }),
  )
}

/** The convolution that alone reads what another one makes. */
function nextOf(graph: Graph, node: Node): Node | undefined {
  const { consumers, outputs } = usesOf(graph)
  const readerOf = (value: Value | undefined): Node | undefined => {
    const readers = value && !outputs.has(value) ? consumers.get(value) : undefined
    return readers?.length === 1 && readers[0].inputs[0] === value ? readers[0] : undefined
  }
  let reader = readerOf(node.outputs[0])
  if (reader && isOp(reader, 'Relu', 'LeakyRelu')) reader = readerOf(reader.outputs[0])
  return reader && isOp(reader, 'Conv') ? reader : undefined
}

function balance({ first, second }: Pair): void {
  const channels = first.shape[0]
  const [before, after] = [new Float64Array(channels), new Float64Array(channels)]
  const size = first.weights.length / channels
  first.weights.forEach((w, i) => {
    const c = Math.floor(i / size)
    before[c] = Math.max(before[c], Math.abs(w))
  })
  const channelOf = readBy(second, channels)
  second.weights.forEach((w, i) => {
    const c = channelOf(i)
    after[c] = Math.max(after[c], Math.abs(w))
  })
  const factors = before.map((range, c) => {
    const factor = Math.sqrt(range * after[c]) / after[c]
    return Number.isFinite(factor) && factor > 0 ? Math.min(MOST, Math.max(1 / MOST, factor)) : 1
  })
  for (let i = 0; i < first.weights.length; i++) first.weights[i] /= factors[Math.floor(i / size)]
  const { bias } = first
  if (bias) for (let c = 0; c < channels; c++) bias[c] /= factors[c]
  for (let i = 0; i < second.weights.length; i++) second.weights[i] *= factors[channelOf(i)]
}

/** Which channel of its operand a weight of a convolution is multiplied with. */
function readBy({ shape, weights }: Layer, channels: number): (i: number) => number {
  const [out, within] = shape
  const taps = weights.length / (out * within)
  const groups = channels / within
  return (i) => Math.floor(Math.floor(i / (within * taps)) / (out / groups)) * within + (Math.floor(i / taps) % within)
}
