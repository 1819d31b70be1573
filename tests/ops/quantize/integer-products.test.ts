import { describe, expect, test } from 'vitest'
import '../../../src/all-ops.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../../src/node.js'
import { randomTensor, seeded } from '../../support/random.js'
import { builds } from '../../support/wasm.js'
import type { Plain } from '../case.js'
import { convInteger, matMulInteger } from './integer.reference.js'

type Bytes = 'int8' | 'uint8'

interface Model {
  readonly x: Tensor
  readonly w: Tensor
  readonly xZero?: Tensor
  readonly wZero?: Tensor
  /** Without attributes it is a product of matrices. */
  readonly attributes?: Readonly<Record<string, number | number[]>>
  /** Whether the weights are known when the model is read. */
  readonly constant: boolean
}

const plain = (tensor: Tensor): Plain => ({
  shape: [...tensor.dims],
  data: Array.from(tensor.data as ArrayLike<number>),
})

/** A convolution or a product of any bytes: all of them, or weights that are signed bytes less their zero points. */
function randomModel(seed: number): Model {
  const random = seeded(seed)
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1))
  const chance = (share: number) => random() < share
  const bytes = (type: Bytes, shape: number[], least = 0, most = 255): Tensor => {
    const shift = type === 'int8' ? 128 : 0
    const { data } = randomTensor(random, type, shape, least - shift, most + 1 - shift)
    return new Tensor(type, data as Int8Array, shape)
  }
  const types: Bytes[] = [chance(0.5) ? 'int8' : 'uint8', chance(0.5) ? 'int8' : 'uint8']
  const conv = chance(0.7)
  const group = conv && chance(0.3) ? between(2, 4) : 1
  const [inputs, outputs] = [between(1, 40), between(1, 30)]
  const common = chance(0.3)
  const [kernel, strides, dilations] = common
    ? [
        [3, 3],
        [1, 1],
        [1, 1],
      ]
    : [3, 2, 2].map((most) => [between(1, most), between(1, most)])
  const pads = [0, 0, 0, 0].map(() => (chance(0.5) ? 0 : between(0, 2)))
  const least = (axis: number) => (kernel[axis] - 1) * dilations[axis] + 1
  const size = [0, 1].map((axis) => between(least(axis), least(axis) + 12))
  const x = conv
    ? bytes(types[0], [between(1, 2), group * inputs, ...size])
    : bytes(types[0], [between(1, 30), 3 * inputs])
  // A zero point takes the whole range of a byte away, or only some of it.
  const zeros = between(0, 3)
  const narrow = zeros === 1
  const wShape = conv ? [group * outputs, inputs, ...kernel] : [3 * inputs, outputs]
  const w = narrow ? bytes(types[1], wShape, 20, 235) : bytes(types[1], wShape)
  const columns = conv ? group * outputs : outputs
  const wZero = [
    undefined,
    bytes(types[1], [columns], 110, 145),
    bytes(types[1], chance(0.5) ? [] : [columns]),
    bytes(types[1], [], 128, 128),
  ][zeros]
  return {
    x,
    w,
    xZero: chance(0.8) ? bytes(types[0], []) : undefined,
    wZero,
    attributes: conv ? { kernel_shape: kernel, strides, dilations, pads, group } : undefined,
    constant: chance(0.8),
  }
}

function expected({ x, w, xZero, wZero, attributes }: Model): number[] {
  const operands = [x, w, xZero, wZero].map((tensor) => tensor && plain(tensor))
  const [y] = (attributes ? convInteger : matMulInteger)(operands as Plain[], attributes ?? {})
  return Array.from(y.data, Number)
}

async function run({ x, w, xZero, wZero, attributes, constant }: Model, build: 'simd' | 'relaxed'): Promise<number[]> {
  const g = new GraphBuilder('integers')
  const feeds: Record<string, Tensor> = { x }
  const operand = (name: string, tensor: Tensor) => {
    if (constant) return g.constant(name, tensor)
    feeds[name] = tensor
    return g.input(name, tensor.type, tensor.dims)
  }
  const inputs = [
    g.input('x', x.type, x.dims),
    operand('w', w),
    xZero && g.constant('xZero', xZero),
    wZero && operand('wZero', wZero),
  ]
  g.output(g.op(attributes ? 'ConvInteger' : 'MatMulInteger', inputs, attributes ?? {}), 'y')
  await using session = await InferenceSession.create(exportModel(g.graph()), { build })
  const { y } = await session.run(feeds)
  return Array.from(y.data as Int32Array)
}

describe.each(builds)('products of any bytes are exact (%s)', (build) => {
  test('200 random convolutions and products', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const model = randomModel(seed)
      expect(await run(model, build), `seed ${seed}`).toEqual(expected(model))
    }
  }, 60_000)

  test.each(['int8', 'uint8'] as const)('every byte by every signed byte, four times over (%s)', async (type) => {
    // Sums of two products are up to 65,280: an engine that cuts them to 16 bits would show.
    const all = Array.from({ length: 256 }, (_, i) => i)
    const [x, w] = [new Uint8Array(1024), new Int8Array(1024)]
    for (const i of all) for (let k = 0; k < 4; k++) x[4 * i + k] = i
    for (const j of all) for (let k = 0; k < 4; k++) w[256 * k + j] = j - 128
    const value = (i: number) => (type === 'int8' ? (i << 24) >> 24 : i)
    const model: Model = {
      x: new Tensor(type, type === 'int8' ? new Int8Array(x.buffer) : x, [256, 4]),
      w: new Tensor('int8', w, [4, 256]),
      constant: true,
    }
    const sums = all.flatMap((i) => all.map((j) => 4 * value(i) * (j - 128) + 0))
    expect(await run(model, build)).toEqual(sums)
  })
})
