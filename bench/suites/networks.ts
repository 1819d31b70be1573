// Networks of the usual shapes with seeded weights, which `quantize` makes quantised ones of: nothing has to be
// downloaded.
import { GraphBuilder } from '../../src/api/graph/builder.js'
import { hostTensor } from '../../src/core/host.js'
import type { Value } from '../../src/ir/graph.js'
import { exportModel } from '../../src/onnx/export-any.js'
import { blocks } from '../../models/mobilenet-v2/blocks.js'
import { randomTensor, seeded } from '../../tests/support/random.js'

/** A graph whose weights keep the size of what runs through it (He's scale, arXiv:1502.01852). */
class Network extends GraphBuilder {
  private readonly random = seeded(5)
  private count = 0

  weights(shape: readonly number[], size: number): Value {
    return this.constant(`w${this.count++}`, randomTensor(this.random, 'float32', shape, -size, size))
  }

  number(value: number): Value {
    return this.constant(`n${this.count++}`, hostTensor('float32', [], Float32Array.of(value)))
  }

  ints(...values: number[]): Value {
    return this.constant(`i${this.count++}`, hostTensor('int64', [values.length], BigInt64Array.from(values, BigInt)))
  }

  /** A convolution that keeps the size of the image, or divides it by the stride. */
  conv(x: Value, inputs: number, filters: number, kernel: number, stride = 1, group = 1): Value {
    const pad = (kernel - 1) >> 1
    const w = this.weights([filters, inputs / group, kernel, kernel], Math.sqrt((6 * group) / (inputs * kernel ** 2)))
    return this.op('Conv', [x, w, this.weights([filters], 0.1)], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      group,
    })
  }

  relu(x: Value): Value {
    return this.op('Relu', [x])
  }

  relu6(x: Value): Value {
    return this.op('Clip', [x, this.number(0), this.number(6)])
  }

  /** The mean of every channel, and what it says of so many classes. */
  classes(x: Value, channels: number, classes: number): void {
    const means = this.op('Flatten', [this.op('GlobalAveragePool', [x])])
    const w = this.weights([classes, channels], Math.sqrt(3 / channels))
    this.output(this.op('Gemm', [means, w, this.weights([classes], 0.1)], { transB: 1 }), 'scores')
  }

  file(): Uint8Array {
    return exportModel(this)
  }
}

/**
 * Residual blocks of two 3×3 convolutions (arXiv:1512.03385): [filters, blocks] a stage, each but the first of half the
 * size.
 */
function basicStages(g: Network, from: Value, stages: readonly (readonly [filters: number, blocks: number])[]): Value {
  let x = from
  let channels = stages[0][0]
  stages.forEach(([filters, blocks], stage) => {
    for (let block = 0; block < blocks; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1
      const y = g.conv(g.relu(g.conv(x, channels, filters, 3, stride)), filters, filters, 3)
      x = g.relu(g.op('Add', [y, channels === filters ? x : g.conv(x, channels, filters, 1, stride)]))
      channels = filters
    }
  })
  return x
}

const pooled = (g: Network, x: Value): Value =>
  g.op('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })

/** The network of MLPerf Tiny's image classification: three stages on 32². */
export function resnet8(): Uint8Array {
  const g = new Network('ResNet-8')
  const x = g.relu(g.conv(g.input('picture', 'float32', [1, 3, 32, 32]), 3, 16, 3))
  const y = basicStages(g, x, [
    [16, 1],
    [32, 1],
    [64, 1],
  ])
  g.classes(y, 64, 10)
  return g.file()
}

export function resnet18(size: number): Uint8Array {
  const g = new Network('ResNet-18')
  const x = pooled(g, g.relu(g.conv(g.input('picture', 'float32', [1, 3, size, size]), 3, 64, 7, 2)))
  const y = basicStages(g, x, [
    [64, 2],
    [128, 2],
    [256, 2],
    [512, 2],
  ])
  g.classes(y, 512, 1000)
  return g.file()
}

export function resnet50(size: number): Uint8Array {
  const g = new Network('ResNet-50')
  let x = pooled(g, g.relu(g.conv(g.input('picture', 'float32', [1, 3, size, size]), 3, 64, 7, 2)))
  let channels = 64
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const width = 64 << stage
    for (let block = 0; block < blocks; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1
      const y = g.relu(g.conv(g.relu(g.conv(x, channels, width, 1)), width, width, 3, stride))
      const shortcut = block === 0 ? g.conv(x, channels, 4 * width, 1, stride) : x
      x = g.relu(g.op('Add', [g.conv(y, width, 4 * width, 1), shortcut]))
      channels = 4 * width
    }
  }
  g.classes(x, channels, 1000)
  return g.file()
}

/** Inverted residuals (arXiv:1801.04381), width 1. */
export function mobileNetV2(size: number): Uint8Array {
  const g = new Network('MobileNetV2')
  let x = g.relu6(g.conv(g.input('picture', 'float32', [1, 3, size, size]), 3, 32, 3, 2))
  let channels = 32
  for (const [expansion, filters, count, first] of blocks)
    for (let block = 0; block < count; block++) {
      const wide = expansion * channels
      let y = expansion === 1 ? x : g.relu6(g.conv(x, channels, wide, 1))
      y = g.relu6(g.conv(y, wide, wide, 3, block === 0 ? first : 1, wide))
      y = g.conv(y, wide, filters, 1)
      x = channels === filters && block > 0 ? g.op('Add', [y, x]) : y
      channels = filters
    }
  g.classes(g.relu6(g.conv(x, channels, 1280, 1)), 1280, 1000)
  return g.file()
}

/** Layers of MiniLM's sizes (arXiv:2002.10957: six of width 384, twelve heads) over `tokens` embedded tokens. */
export function miniLM(tokens: number): Uint8Array {
  const [width, heads, layers] = [384, 12, 6]
  const g = new Network('MiniLM')
  const dense = (x: Value, from: number, to: number): Value =>
    g.op('Add', [g.op('MatMul', [x, g.weights([from, to], Math.sqrt(3 / from))]), g.weights([to], 0.1)])
  const normed = (x: Value): Value =>
    g.op('LayerNormalization', [x, g.op('Abs', [g.weights([width], 1)]), g.weights([width], 0.1)])
  const turned = (x: Value, perm: readonly number[]): Value =>
    g.op('Transpose', [g.op('Reshape', [x, g.ints(0, 0, heads, width / heads)])], { perm })
  let x = g.input('embedded', 'float32', [1, tokens, width])
  for (let layer = 0; layer < layers; layer++) {
    const q = turned(dense(x, width, width), [0, 2, 1, 3])
    const k = turned(dense(x, width, width), [0, 2, 3, 1])
    const v = turned(dense(x, width, width), [0, 2, 1, 3])
    const scores = g.op('Mul', [g.op('MatMul', [q, k]), g.number(1 / Math.sqrt(width / heads))])
    const mixed = g.op('Transpose', [g.op('MatMul', [g.op('Softmax', [scores], { axis: -1 }), v])], {
      perm: [0, 2, 1, 3],
    })
    x = normed(g.op('Add', [x, dense(g.op('Reshape', [mixed, g.ints(0, 0, width)]), width, width)]))
    x = normed(g.op('Add', [x, dense(g.op('Gelu', [dense(x, width, 4 * width)]), 4 * width, width)]))
  }
  g.output(x, 'hidden')
  return g.file()
}
