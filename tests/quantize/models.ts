import { GraphBuilder } from '../../src/api/graph/builder.js'
import { Tensor } from '../../src/api/tensor.js'
import { hostTensor, type HostTensor } from '../../src/core/host.js'
import { sizeOf } from '../../src/core/shape.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { randomTensor, seeded } from '../support/random.js'

/** Graphs with seeded weights. */
export class Small extends GraphBuilder {
  private readonly random = seeded(5)
  private count = 0

  weights(shape: readonly number[], size = 1, constant?: HostTensor): Value {
    return this.constant(`w${this.count++}`, constant ?? randomTensor(this.random, 'float32', [...shape], -size, size))
  }
}

/** Convolutions, one of them depthwise, a sum, a pooling, a mean and a dense layer. */
export function convolutions(): Graph {
  const g = new Small('convolutions')
  const x = g.input('picture', 'float32', ['N', 3, 12, 10])
  const conv = (y: Value, shape: number[], size: number, attributes: Record<string, unknown> = {}) =>
    g.op('Conv', [y, g.weights(shape, size), g.weights(shape.slice(0, 1), 0.3)], attributes)
  const pads = [1, 1, 1, 1]
  let y = g.op('Relu', [conv(x, [8, 3, 3, 3], 0.4, { pads })])
  const before = y
  y = g.op('Relu', [conv(y, [8, 1, 3, 3], 0.5, { pads, group: 8 })])
  y = g.op('Add', [conv(y, [8, 8, 1, 1], 0.5), before])
  y = g.op('MaxPool', [y], { kernel_shape: [2, 2], strides: [2, 2] })
  const halves = [conv(y, [6, 8, 1, 1], 0.4), conv(y, [6, 8, 3, 3], 0.2, { pads })]
  y = g.op(
    'Concat',
    halves.map((half) => g.op('Relu', [half])),
    { axis: 1 },
  )
  y = g.op('Clip', [conv(y, [16, 12, 1, 1], 0.4), g.weights([], 0, scalar(0)), g.weights([], 0, scalar(6))])
  y = g.op('Flatten', [g.op('GlobalAveragePool', [y])])
  g.output(g.op('Gemm', [y, g.weights([5, 16]), g.weights([5])], { transB: 1 }), 'scores')
  return g.graph()
}

/** Products in all their forms: MatMul with a bias behind it, Gemm either way round, a product of two activations. */
export function products(): Graph {
  const g = new Small('products')
  const x = g.input('x', 'float32', ['N', 48])
  const y = g.op('Relu', [g.op('Add', [g.op('MatMul', [x, g.weights([48, 40], 0.4)]), g.weights([40], 0.3)])])
  const z = g.op('Tanh', [g.op('Gemm', [y, g.weights([32, 40], 0.4), g.weights([32], 0.3)], { transB: 1 })])
  const u = g.op('Gemm', [z, g.weights([32, 32], 0.4)])
  const square = g.op('MatMul', [g.op('Transpose', [u], { perm: [1, 0] }), z])
  g.output(g.op('MatMul', [u, square]), 'answer')
  return g.graph()
}

const scalar = (value: number): HostTensor => hostTensor('float32', [], Float32Array.of(value))

/** Seeded examples for the only input of a graph. */
export function examplesFor(graph: Graph, count: number, rows = 2): Record<string, Tensor>[] {
  const random = seeded(11)
  const [{ name, declared }] = graph.inputs
  const shape = (declared?.shape ?? []).map((size) => (typeof size === 'number' ? size : rows))
  return Array.from({ length: count }, () => {
    const data = randomTensor(random, 'float32', shape, -1, 1).data as Float32Array
    return { [name]: new Tensor('float32', data.slice(0, sizeOf(shape)), shape) }
  })
}
