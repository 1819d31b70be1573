import { makeData } from '../../src/core/dtype.js'
import { toNumbers, type HostTensor } from '../../src/core/host.js'
import type { ModelProto, NodeProto, TensorProto, TypeProto } from '../../src/onnx/schema/onnx.js'
import { createMessage } from '../../src/onnx/schema/table.js'
import { decodeTensor, encodeTensor } from '../../src/onnx/tensor-proto.js'
import { seeded } from './random.js'

/**
 * So many numbers of a weight are drawn; a prime, so that rows of a larger one are not alike. Networks of 60 million
 * weights take seconds to draw.
 */
const DRAWN = 65_537

/**
 * Uniform numbers for one weight by what reads it: He's scale for filters (arXiv:1502.01852), harmless ones for a
 * BatchNormalization.
 */
function randomWeight(
  shape: readonly number[],
  reader: NodeProto | undefined,
  index: number,
  random: () => number,
): HostTensor {
  const data = makeData(
    'float32',
    shape.reduce((a, b) => a * b, 1),
  ) as Float32Array
  let low = -0.1
  let high = 0.1
  if (reader?.opType === 'BatchNormalization') {
    ;[low, high] = [
      [0.5, 1],
      [-0.1, 0.1],
      [-0.1, 0.1],
      [0.5, 1.5],
    ][index - 1]
  } else if (shape.length > 1) {
    const fanIn = data.length / shape[0]
    high = Math.sqrt(6 / fanIn)
    low = -high
  }
  const drawn = Math.min(data.length, DRAWN)
  for (let i = 0; i < drawn; i++) data[i] = low + (high - low) * random()
  // What has been drawn is doubled until it fills the rest.
  for (let filled = drawn; filled < data.length; filled *= 2) data.copyWithin(filled, 0, data.length - filled)
  return { dtype: 'float32', shape, data }
}

/**
 * A model whose weights are constants made by ConstantOfShape, with seeded random weights in their place: such
 * architectures are published to be small files, and say nothing about values. What goes into a last Softmax becomes an
 * output too, since the probabilities of a random deep network are all 0 and 1.
 */
export function withRandomWeights(model: ModelProto, seed = 1): ModelProto {
  const random = seeded(seed)
  const graph = model.graph!
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]))
  const readers = new Map<string, [NodeProto, number]>()
  for (const node of graph.node) node.input.forEach((name, i) => readers.has(name) || readers.set(name, [node, i]))
  const weights: TensorProto[] = []
  const made = new Set<NodeProto>()
  const add = (name: string, shape: readonly number[]): void => {
    const [reader, index] = readers.get(name) ?? [undefined, 0]
    weights.push(encodeTensor(name, randomWeight(shape, reader, index, random)))
  }
  for (const node of graph.node) {
    const shape = node.opType === 'ConstantOfShape' && initializers.get(node.input[0])
    if (!shape) continue
    made.add(node)
    initializers.delete(shape.name)
    add(node.output[0], toNumbers(decodeTensor(shape)))
  }
  for (const tensor of graph.initializer) {
    if (!initializers.has(tensor.name) || tensor.dataType !== 1 || !readers.has(tensor.name)) continue
    initializers.delete(tensor.name)
    add(tensor.name, tensor.dims)
  }
  const node = graph.node.filter((other) => !made.has(other))
  const fed = new Set([...initializers.keys(), ...weights.map(({ name }) => name)])
  const last = node.at(-1)
  const logits = last?.opType === 'Softmax' ? [{ ...graph.output[0], name: last.input[0], type: untyped() }] : []
  const used = new Set(node.flatMap((other) => other.input))
  return {
    ...model,
    graph: {
      ...graph,
      node,
      initializer: [...initializers.values(), ...weights].filter(({ name }) => used.has(name)),
      input: graph.input.filter(({ name }) => used.has(name) && !fed.has(name)),
      output: [...graph.output, ...logits],
      valueInfo: [],
    },
  }
}

/** float32 of any shape. */
function untyped(): TypeProto {
  return createMessage('TypeProto', { tensorType: createMessage('TensorType', { elemType: 1 }) })
}
