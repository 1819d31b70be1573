import type { HostTensor } from '../../src/core/host.js'
import type { Shape } from '../../src/core/shape.js'
import { randomTensor, seeded } from '../../tests/support/random.js'
import { model, node, type Attributes } from '../graph.js'
import type { Feeds, Identity, Layer, Work } from '../work.js'
import { randomWorks } from './random.js'

const INPUTS = 3
const product = (shape: Shape): number => shape.reduce((a, b) => a * b, 1)

/** Three inputs of different seeds. */
function feedsOf(inputs: Readonly<Record<string, Shape>>, low: number, high: number): Feeds[] {
  return Array.from({ length: INPUTS }, (_, seed) => {
    const random = seeded(seed + 11)
    return new Map(
      Object.entries(inputs).map(([name, shape]) => [name, randomTensor(random, 'float32', shape, low, high)]),
    )
  })
}

interface LayerSpec {
  readonly group: string
  readonly name: string
  readonly op: string
  readonly x: Shape
  readonly attributes?: Attributes
  readonly weights?: Readonly<Record<string, Shape>>
  readonly layer?: Layer
  readonly flops?: number
  readonly bytesRead?: number
  readonly low?: number
  readonly high?: number
  /** The shape of y; then Identities of both are measured, for what a run costs without the kernel. */
  readonly y?: Shape
}

/** One operator with input `x`, its weights, and output `y`. */
function layerWork({
  group,
  name,
  op,
  x,
  attributes,
  weights = {},
  layer,
  flops,
  bytesRead,
  low = -1,
  high = 1,
  y,
}: LayerSpec): Work {
  const random = seeded(5)
  const tensors = new Map<string, HostTensor>()
  for (const [key, shape] of Object.entries(weights)) {
    const scale = Math.sqrt(3 / Math.max(1, product(shape) / shape[0]))
    tensors.set(key, randomTensor(random, 'float32', shape, -scale, scale))
  }
  const build = (type: string, shape: Shape, extra: Attributes, given: Feeds): Uint8Array =>
    model({
      inputs: { x: shape },
      outputs: ['y'],
      weights: given,
      nodes: [node(type, ['x', ...given.keys()], ['y'], extra)],
    })
  const identity = (shape: Shape): Identity => ({
    model: build('Identity', shape, {}, new Map()),
    feeds: feedsOf({ x: shape }, low, high),
  })
  return {
    suite: 'kernels',
    group,
    name,
    model: build(op, x, attributes ?? {}, tensors),
    feeds: feedsOf({ x }, low, high),
    weights: tensors,
    layer,
    flops,
    bytesRead,
    identities: y && (product(x) === product(y) ? [x] : [x, y]).map(identity),
  }
}

export function matmul(group: string, m: number, n: number, k: number): Work {
  return layerWork({
    group,
    name: m === n && n === k ? `MatMul ${m}³` : `MatMul ${m}×${k}×${n}`,
    op: 'MatMul',
    x: [m, k],
    weights: { w: [k, n] },
    layer: { kind: 'matmul' },
    flops: 2 * m * n * k,
    bytesRead: m === 1 ? 4 * n * k : undefined,
    y: [m, n],
  })
}

/** A product of two inputs: the right side is another at every run. */
export function matmulOfInputs(group: string, m: number, n: number, k: number): Work {
  const inputs = { a: [m, k], b: [k, n] }
  return {
    suite: 'kernels',
    group,
    name: `MatMul ${m}×${k}×${n} of two inputs`,
    model: model({ inputs, outputs: ['y'], nodes: [node('MatMul', ['a', 'b'], ['y'])] }),
    feeds: feedsOf(inputs, -1, 1),
    flops: 2 * m * n * k,
  }
}

export interface ConvSpec {
  readonly c: number
  readonly k: number
  readonly size: number
  readonly kernel: number
  readonly stride?: number
  readonly group?: number
}

export function conv(group: string, spec: ConvSpec): Work {
  const { c, k, size, kernel, stride = 1, group: groups = 1 } = spec
  const pad = BigInt((kernel - 1) >> 1)
  const out = Math.ceil(size / stride)
  const s = BigInt(stride)
  const depthwise = groups > 1 && groups === c && groups === k
  return layerWork({
    group,
    name: `Conv ${kernel}×${kernel}${stride > 1 ? `/${stride}` : ''} ${depthwise ? `depthwise ${c}` : `${c}→${k}`}${groups > 1 && !depthwise ? ` in ${groups} groups` : ''} ${size}²`,
    op: 'Conv',
    x: [1, c, size, size],
    attributes: {
      kernel_shape: [BigInt(kernel), BigInt(kernel)],
      strides: [s, s],
      pads: [pad, pad, pad, pad],
      group: BigInt(groups),
    },
    weights: { w: [k, c / groups, kernel, kernel], b: [k] },
    layer: { kind: 'conv', stride, pad: Number(pad), group: groups },
    flops: 2 * out * out * k * (c / groups) * kernel * kernel,
    y: [1, k, out, out],
  })
}

const MILLION = 1 << 20

function unary(op: string, tfName: string, low = -4, high = 4, attributes: Attributes = {}): Work {
  return layerWork({
    group: 'elementwise',
    name: `${op} 1 M`,
    op,
    x: [1024, MILLION / 1024],
    y: [1024, MILLION / 1024],
    attributes,
    layer: { kind: 'unary', op: tfName },
    low,
    high,
  })
}

/** A hundred operators on sixteen numbers each, no two neighbours of which fuse into one. */
function tinyGraph(): Work {
  const random = seeded(3)
  const weights = new Map([
    ['m', randomTensor(random, 'float32', [4, 4], -0.5, 0.5)],
    ['v', randomTensor(random, 'float32', [4, 4], -1, 1)],
  ])
  const steps = [
    (x: string, y: string) => node('MatMul', [x, 'm'], [y]),
    (x: string, y: string) => node('Transpose', [x], [y], { perm: [1n, 0n] }),
    (x: string, y: string) => node('Softmax', [x], [y], { axis: 1n }),
    (x: string, y: string) => node('Add', [x, 'v'], [y]),
    (x: string, y: string) => node('Tanh', [x], [y]),
  ]
  const nodes = Array.from({ length: 100 }, (_, i) =>
    steps[i % 5](i === 0 ? 'x' : `t${i}`, i === 99 ? 'y' : `t${i + 1}`),
  )
  return {
    suite: 'kernels',
    group: 'tiny graph',
    name: '100 nodes of 16 floats',
    model: model({ inputs: { x: [4, 4] }, outputs: ['y'], weights, nodes }),
    feeds: feedsOf({ x: [4, 4] }, -1, 1),
  }
}

function pool(
  op: 'MaxPool' | 'AveragePool' | 'GlobalAveragePool',
  c: number,
  size: number,
  kernel = 3,
  stride = 2,
): Work {
  const attributes = {
    kernel_shape: [BigInt(kernel), BigInt(kernel)],
    strides: [BigInt(stride), BigInt(stride)],
    pads: [1n, 1n, 1n, 1n],
  }
  const plain = op === 'GlobalAveragePool'
  return layerWork({
    group: 'pool',
    name: `${op}${plain ? '' : ` ${kernel}×${kernel}/${stride}`} ${c} ${size}²`,
    op,
    x: [1, c, size, size],
    attributes: plain ? {} : attributes,
  })
}

/** Steps between x and y, both float32, whose products are of bytes. */
export function integerWork(
  name: string,
  x: Shape,
  y: Shape,
  flops: number | undefined,
  weights: Feeds,
  nodes: Parameters<typeof model>[0]['nodes'],
): Work {
  const identity = (shape: Shape): Identity => ({
    model: model({ inputs: { x: shape }, outputs: ['y'], nodes: [node('Identity', ['x'], ['y'])] }),
    feeds: feedsOf({ x: shape }, -1, 1),
  })
  return {
    suite: 'kernels',
    group: 'integers',
    name,
    model: model({ inputs: { x }, outputs: ['y'], weights, nodes }),
    feeds: feedsOf({ x }, -1, 1),
    flops,
    identities: [x, y].map(identity),
    // A byte more or less where a product lies at the middle of two.
    steps: { y: 0.02 },
  }
}

export const float = (value: number): HostTensor => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) })
const byte = (value: number): HostTensor => ({ dtype: 'uint8', shape: [], data: Uint8Array.of(value) })

/** What dynamic quantisation makes of a MatMul. */
export function dynamicMatMul(m: number, k: number, n: number): Work {
  const weights = new Map([
    ['w', randomTensor(seeded(5), 'int8', [k, n], -127, 128)],
    ['step', float(1 / 127 / Math.sqrt(k))],
  ])
  return integerWork(`dynamic MatMulInteger ${m}×${k}×${n}`, [m, k], [m, n], 2 * m * k * n, weights, [
    node('DynamicQuantizeLinear', ['x'], ['q', 'scale', 'zero']),
    node('MatMulInteger', ['q', 'w', 'zero'], ['sums']),
    node('Cast', ['sums'], ['floats'], { to: 1n }),
    node('Mul', ['scale', 'step'], ['both']),
    node('Mul', ['floats', 'both'], ['y']),
  ])
}

/** QuantizeLinear, the operator, DequantizeLinear. */
function staticLinear(
  op: 'QLinearMatMul' | 'QLinearConv',
  name: string,
  x: Shape,
  w: Shape,
  y: Shape,
  k: number,
  attributes: Attributes,
): Work {
  const weights = new Map([
    ['w', randomTensor(seeded(5), 'int8', w, -127, 128)],
    ['wScale', float(1 / 127 / Math.sqrt(k))],
    ['wZero', { dtype: 'int8', shape: [], data: Int8Array.of(0) }],
    ['scale', float(2 / 255)],
    ['zero', byte(128)],
    ['yScale', float(4 / 255)],
  ])
  return integerWork(`${op} ${name}`, x, y, 2 * product(y) * k, weights, [
    node('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
    node(op, ['q', 'scale', 'zero', 'w', 'wScale', 'wZero', 'yScale', 'zero'], ['r'], attributes),
    node('DequantizeLinear', ['r', 'yScale', 'zero'], ['y']),
  ])
}

export function staticConv(name: string, c: number, filters: number, size: number, kernel: number, group = 1): Work {
  const pad = BigInt((kernel - 1) >> 1)
  const attributes = {
    kernel_shape: [BigInt(kernel), BigInt(kernel)],
    pads: [pad, pad, pad, pad],
    group: BigInt(group),
  }
  return staticLinear(
    'QLinearConv',
    name,
    [1, c, size, size],
    [filters, c / group, kernel, kernel],
    [1, filters, size, size],
    (c / group) * kernel * kernel,
    attributes,
  )
}

/** A 3×3 convolution of bytes, one filter a channel. */
export function integerConv(name: string, c: number, size: number): Work {
  return staticConv(`${name} ${c} at ${size}²`, c, c, size, 3, c)
}

/** Layers of real models, one operator each. */
export function* kernelWorks(): Generator<() => Work> {
  for (const n of [256, 384, 512, 768, 1024]) yield () => matmul('gemm', n, n, n)
  yield () => matmul('gemm (other shapes)', 128, 3072, 768)
  yield () => matmul('gemm (other shapes)', 128, 768, 3072)
  yield () => matmul('gemm (other shapes)', 100, 256, 784)
  yield () => matmul('gemm (other shapes)', 33, 65, 127)
  yield () =>
    layerWork({
      group: 'gemm (other shapes)',
      name: 'Gemm 64×2048×1000',
      op: 'Gemm',
      x: [64, 2048],
      y: [64, 1000],
      attributes: { transB: 1n },
      weights: { w: [1000, 2048], b: [1000] },
      flops: 2 * 64 * 2048 * 1000,
    })
  yield () => matmul('matrix–vector', 1, 1024, 1024)
  yield () => matmul('matrix–vector', 1, 4096, 4096)
  for (const [c, size] of [
    [64, 56],
    [128, 28],
    [256, 14],
    [512, 7],
  ] as const)
    yield () => conv('conv 3×3', { c, k: c, size, kernel: 3 })
  for (const [c, k, size] of [
    [64, 256, 56],
    [256, 64, 56],
    [512, 128, 28],
    [256, 1024, 14],
    [512, 2048, 7],
    [32, 16, 112],
    [96, 24, 56],
  ] as const) {
    yield () => conv('pointwise', { c, k, size, kernel: 1 })
  }
  yield () => conv('first layers', { c: 3, k: 64, size: 224, kernel: 7, stride: 2 })
  yield () => conv('first layers', { c: 3, k: 32, size: 224, kernel: 3, stride: 2 })
  yield () => conv('other convolutions', { c: 128, k: 128, size: 56, kernel: 3, stride: 2 })
  yield () => conv('other convolutions', { c: 48, k: 64, size: 27, kernel: 5 })
  yield () => conv('other convolutions', { c: 128, k: 128, size: 28, kernel: 3, group: 4 })
  for (const [c, size, kernel, stride] of [
    [32, 112, 3, 1],
    [96, 112, 3, 2],
    [144, 56, 3, 1],
    [144, 56, 3, 2],
    [384, 14, 3, 1],
    [960, 7, 3, 1],
    [240, 28, 5, 1],
  ] as const) {
    yield () => conv('depthwise', { c, k: c, size, kernel, stride, group: c })
  }
  yield () => unary('Exp', 'exp')
  yield () => unary('Tanh', 'tanh')
  yield () => unary('Sigmoid', 'sigmoid')
  yield () => unary('Erf', 'erf')
  yield () => unary('Gelu', 'gelu')
  yield () => unary('Softmax', 'softmax', -4, 4, { axis: -1n })
  yield () => unary('Log', 'log', 0.01, 10)
  yield () => unary('Relu', 'relu')
  yield () =>
    layerWork({
      group: 'layer norm',
      name: 'LayerNormalization 128×768',
      op: 'LayerNormalization',
      x: [128, 768],
      y: [128, 768],
      attributes: { axis: -1n },
      weights: { scale: [768], bias: [768] },
    })
  yield () => pool('MaxPool', 64, 112)
  yield () => pool('AveragePool', 64, 56, 3, 1)
  yield () => pool('GlobalAveragePool', 2048, 7)
  yield () =>
    integerWork('DynamicQuantizeLinear 1 M', [1024, 1024], [1024, 1024], undefined, new Map(), [
      node('DynamicQuantizeLinear', ['x'], ['q', 'scale', 'zero']),
      node('DequantizeLinear', ['q', 'scale', 'zero'], ['y']),
    ])
  yield () => dynamicMatMul(128, 768, 3072)
  yield () => dynamicMatMul(1, 1024, 1024)
  yield () => staticLinear('QLinearMatMul', '128×768×768', [128, 768], [768, 768], [128, 768], 768, {})
  yield () => staticConv('1×1 96→576 56²', 96, 576, 56, 1)
  yield () => staticConv('3×3 64→64 56²', 64, 64, 56, 3)
  yield () => staticConv('3×3 depthwise 144 56²', 144, 144, 56, 3, 144)
  yield* randomWorks()
  yield tinyGraph
}
