import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import '../../src/node.js'
import { InferenceSession } from '../../src/api/session.js'
import { Tensor } from '../../src/api/tensor.js'
import { loadPeer, type Peer } from '../../src/cli/peers.js'
import type { Graph } from '../../src/ir/graph.js'
import { exportModel } from '../../src/onnx/export-any.js'
import { readModel } from '../../src/onnx/wire.js'
import { quantize, type QuantizeOptions } from '../../src/quantize/index.js'
import { hostTensor } from '../../src/core/host.js'
import { expectRejects } from '../support/expect-error.js'
import { root } from '../support/package.js'
import { convolutions, examplesFor, products, Small } from './models.js'

const formats: readonly (readonly [name: string, options: QuantizeOptions, most: number])[] = [
  ['static', { int8: 'static' }, 0.04],
  ['static, int8 activations', { int8: 'static', activations: 'int8' }, 0.04],
  ['static, one scale', { int8: 'static', perChannel: false, equalize: true }, 0.05],
  ['static, 7 bits', { int8: 'static', reduceRange: true }, 0.05],
  ['static, operator set 21', { int8: 'static', opset: 21 }, 0.04],
  ['static, percentile', { int8: 'static', method: 'percentile', percentile: 99.9 }, 0.06],
  ['static, entropy', { int8: 'static', method: 'entropy' }, 0.2],
  ['static, mse', { int8: 'static', method: 'mse' }, 0.05],
  ['dynamic', { int8: 'dynamic' }, 0.04],
  ['weights', { int8: 'weights' }, 0.02],
  ['float16', { float16: true }, 0.002],
]
const bits: typeof formats = [
  ['int4', { int4: true, blockSize: 16 }, 0.25],
  ['int4, zero points', { int4: true, zeroPoints: true }, 0.25],
  ['int4, GPTQ', { int4: true, rounding: 'gptq' }, 0.25],
]

function operatorsOf(bytes: Uint8Array): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { opType } of readModel(bytes).graph?.node ?? []) counts[opType] = (counts[opType] ?? 0) + 1
  return counts
}

/** One step of a quantised output, or what rounding in another order makes, in units of the largest value. */
const STEP = 1.5 / 255

/** onnxruntime-node, where the bench has been installed; its kernels are others than those of onnxruntime-web. */
async function loadNative(bytes: Uint8Array): Promise<Peer | undefined> {
  let file: string
  try {
    file = createRequire(join(root, 'bench/package.json')).resolve('onnxruntime-node')
  } catch {
    return undefined
  }
  return loadPeer('onnxruntime-node', bytes, [], {}, pathToFileURL(file).href)
}

async function agreesWithPeers(bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<void> {
  const peers = [await loadPeer('onnxruntime-web', bytes, []), await loadNative(bytes)]
  const session = await InferenceSession.create(bytes)
  const mine = await session.run(feeds)
  for (const peer of peers) {
    if (!peer) {
      console.log('not compared with onnxruntime-node: it is installed with the bench (npm ci in bench/)')
      continue
    }
    const theirs = await peer.run(feeds)
    for (const name of session.outputNames) {
      const [a, b] = [mine[name].data as Float32Array, theirs[name]?.data as Float32Array]
      const most = Math.max(...b.map(Math.abs))
      expect(b.length).toBe(a.length)
      a.forEach((value, i) => expect(Math.abs(value - b[i]), `${peer.name}, ${name}`).toBeLessThanOrEqual(STEP * most))
    }
    await peer.release()
  }
  await session.release()
}

const graphs: readonly (readonly [Graph, typeof formats])[] = [
  [convolutions(), formats],
  [products(), [...formats, ...bits]],
]
for (const [graph, kinds] of graphs)
  describe(graph.name, () => {
    const examples = examplesFor(graph, 6)
    test.each(kinds)('%s: near float32, and the same in onnxruntime', async (_, options, most) => {
      const { bytes, report } = await quantize(graph, { ...options, calibrate: examples })
      expect(report.bytes).toBe(bytes.length)
      for (const { name, relative } of report.outputs) {
        expect(relative, name).toBeLessThan(most)
        // It is something else than the model that was given.
        expect(relative, name).toBeGreaterThan(0)
      }
      await agreesWithPeers(bytes, examplesFor(graph, 7)[6])
    })
  })

describe('what is written', () => {
  test('everything between quantisers computes on integers', async () => {
    const graph = convolutions()
    const { bytes, report } = await quantize(graph, { int8: 'static', calibrate: examplesFor(graph, 4) })
    expect(report.kept).toEqual([])
    expect(report.quantized.map(({ op }) => op)).toEqual(['Conv', 'Conv', 'Conv', 'Conv', 'Conv', 'Conv', 'Gemm'])
    expect(report.others).toEqual({})
    // Each activation that is on a grid has one pair; both halves of Concat and its result lie on the same.
    expect(operatorsOf(bytes).QuantizeLinear).toBe(12)
    const { graph: written } = readModel(bytes)
    const scaleOf = new Map(written?.initializer.map((tensor) => [tensor.name, tensor]))
    const concat = written?.node.find(({ opType }) => opType === 'Concat')
    const makers = concat?.input.map((name) => written?.node.find(({ output }) => output[0] === name))
    const after = written?.node.find(({ input }) => input[0] === concat?.output[0])
    const scales = [...(makers ?? []), after].map((node) => String(scaleOf.get(node?.input[1] ?? '')?.rawData))
    expect(new Set(scales).size).toBe(1)
  })

  test('an output keeps its name, its type and its rows', async () => {
    const g = new Small('ends in a convolution')
    const x = g.input('x', 'float32', ['N', 2, 6, 6])
    g.output(g.op('Relu', [g.op('Conv', [x, g.weights([4, 2, 3, 3])])]), 'y')
    const graph = g.graph()
    const { bytes } = await quantize(graph, { int8: 'static', calibrate: examplesFor(graph, 3) })
    const session = await InferenceSession.create(bytes)
    expect(session.outputNames).toEqual(['y'])
    const { y } = await session.run(examplesFor(graph, 1, 5)[0])
    expect(y.dims).toEqual([5, 4, 4, 4])
    await agreesWithPeers(bytes, examplesFor(graph, 1)[0])
  })

  test('what cannot be quantised is listed with its reason, other operators are counted', async () => {
    const graph = products()
    const { report } = await quantize(graph, { int8: 'dynamic', calibrate: examplesFor(graph, 2) })
    expect(report.kept.map(({ op, reason }) => `${op}: ${reason}`)).toEqual([
      'MatMul: both operands are computed',
      'MatMul: both operands are computed',
    ])
    expect(report.others).toEqual({ Add: 1, Relu: 1, Tanh: 1, Transpose: 1 })
    const pictures = convolutions()
    const { report: bits } = await quantize(pictures, { int4: true })
    expect(bits.kept.filter(({ op }) => op === 'Conv')).toHaveLength(6)
  })

  test('the graph that was given stays as it is', async () => {
    const graph = convolutions()
    const before = exportModel(graph)
    await quantize(graph, { int8: 'static', calibrate: examplesFor(graph, 2), equalize: true })
    expect(exportModel(graph)).toEqual(before)
  })
})

describe('keep and maxLoss', () => {
  const graph = convolutions()
  const calibrate = examplesFor(graph, 4)

  test('named nodes stay in float32', async () => {
    const { report: all } = await quantize(graph, { int8: 'static', calibrate })
    const { node } = all.quantized[2]
    const { report } = await quantize(graph, { int8: 'static', calibrate, keep: [node] })
    expect(report.kept).toEqual([{ node, op: 'Conv', reason: 'asked for' }])
    expect(report.quantized.map((one) => one.node)).not.toContain(node)
    await expectRejects('E_VALUE', () => quantize(graph, { int8: 'static', calibrate, keep: [`${node}x`] }), /near are/)
  })

  test('the most sensitive ones go back, the loss is less', async () => {
    const { report: all } = await quantize(graph, { int8: 'static', calibrate })
    const { report } = await quantize(graph, { int8: 'static', calibrate, keep: 3 })
    expect(report.kept).toHaveLength(3)
    expect(report.outputs[0].relative).toBeLessThan(all.outputs[0].relative)
  })

  test('as many as the loss asks for, and no more', async () => {
    const { report: all } = await quantize(graph, { int8: 'static', calibrate })
    const loss = all.outputs[0].relative
    const { report: fits } = await quantize(graph, { int8: 'static', calibrate, maxLoss: 1.01 * loss })
    expect(fits.kept).toEqual([])
    const { report } = await quantize(graph, { int8: 'static', calibrate, maxLoss: 0.6 * loss })
    expect(report.kept.length).toBeGreaterThan(0)
    expect(report.quantized.length).toBeGreaterThan(0)
    expect(report.outputs[0].relative).toBeLessThanOrEqual(0.6 * loss)
    const { report: none } = await quantize(graph, { int8: 'static', calibrate, maxLoss: 0 })
    expect(none.quantized).toEqual([])
    expect(none.outputs[0].relative).toBe(0)
  })

  test('evaluate decides, if it is given', async () => {
    let count = 0
    const { report } = await quantize(graph, {
      int8: 'static',
      calibrate,
      maxLoss: 0.1,
      // Worse than float32 by 0.2 for each model after it, until the third.
      evaluate: () => [1, 0.8, 0.8, 0.95][Math.min(count++, 3)],
    })
    expect(report.kept).toHaveLength(2)
    expect(report.score).toEqual({ float: 1, quantized: 0.95 })
    await expectRejects(
      'E_VALUE',
      () => quantize(graph, { int8: 'static', calibrate, evaluate: () => NaN }),
      /finite number/,
    )
  })
})

describe('extremes', () => {
  const one = (weights: number[], bias: number[] = []) => {
    const g = new Small('one')
    const x = g.input('x', 'float32', ['N', 2])
    const w = g.weights(
      [2, weights.length / 2],
      1,
      hostTensor('float32', [2, weights.length / 2], Float32Array.from(weights)),
    )
    const b =
      bias.length > 0 ? g.weights([], 1, hostTensor('float32', [bias.length], Float32Array.from(bias))) : undefined
    const y = g.op('Relu', [g.op('Gemm', [x, w, b])])
    g.output(g.op('MatMul', [y, g.weights([weights.length / 2, 3])]), 'y')
    return g.graph()
  }

  test.each([
    ['a channel of zeros', [1, 0, -2, 0], [0, 0]],
    ['a bias beyond int32 in units of the product', [1e-9, 1, -1e-9, 1], [5000, 1]],
    ['weights that are almost nothing', [1e-30, 1e-31, -1e-30, 1e-31], []],
    ['large weights', [3e37, 1, -3e37, 1], []],
  ])('%s', async (_, weights, bias) => {
    const graph = one(weights, bias)
    for (const options of [{ int8: 'static' }, { int8: 'dynamic' }, { int8: 'weights' }, { int4: true }] as const) {
      const { bytes, report } = await quantize(graph, { ...options, calibrate: examplesFor(graph, 4) })
      expect(report.outputs[0].relative, JSON.stringify(options)).toBeLessThan('int4' in options ? 0.3 : 0.05)
      await agreesWithPeers(bytes, examplesFor(graph, 1)[0])
    }
  })

  test('activations that are always 0', async () => {
    const graph = one([1, 1, 1, 1], [-100, -100])
    const { bytes, report } = await quantize(graph, { int8: 'static', calibrate: examplesFor(graph, 2) })
    expect(report.outputs[0].largest).toBe(0)
    await agreesWithPeers(bytes, examplesFor(graph, 1)[0])
  })

  test('weights that are not finite stay, and are said', async () => {
    const graph = one([1, Infinity, 2, 3])
    const { report } = await quantize(graph, { int8: 'dynamic' })
    expect(report.kept).toEqual([expect.objectContaining({ op: 'Gemm', reason: 'its weights are not all finite' })])
  })
})

describe('what is refused', () => {
  const graph = convolutions()
  const calibrate = examplesFor(graph, 2)
  const refused = (options: unknown, message: RegExp) =>
    expectRejects('E_VALUE', () => quantize(graph, options as QuantizeOptions), message)

  test('options', async () => {
    await refused({}, /one of int8, int4 and float16/)
    await refused({ int8: 'dynamic', int4: true }, /int8 dynamic and int4/)
    await refused({ int8: 'most' }, /static or dynamic or weights/)
    await refused({ int4: true, blockSize: 20 }, /16 or 32/)
    await refused({ int8: 'static', method: 'guess', calibrate }, /minmax or percentile/)
    await refused({ int8: 'static', calibrate, samples: 0 }, /samples/)
    await refused({ int8: 'static', calibrate, maxloss: 1 }, /no option "maxloss"/)
    await refused({ float16: true, keep: 1 }, /float16/)
    await refused({ int8: 'dynamic', keep: 2 }, /calibrate/)
    await refused({ int8: 'dynamic', speed: 100 }, /calibrate/)
  })

  test('calibration data', async () => {
    await refused({ int8: 'static' }, /calibration data are empty/)
    await refused({ int8: 'static', calibrate: [] }, /calibration data are empty/)
    const wrong = [...calibrate, { picture: new Tensor('float32', new Float32Array(2 * 3 * 12 * 9), [2, 3, 12, 9]) }]
    await expectRejects(
      'E_TENSOR',
      () => quantize(graph, { int8: 'static', calibrate: wrong }),
      /example 2 of the calibration data does not fit/,
    )
    const bad = { picture: new Tensor('float32', new Float32Array(360).fill(NaN), [1, 3, 12, 10]) }
    await refused({ int8: 'static', calibrate: [bad] }, /no range/)
  })

  test('models without anything to quantise', async () => {
    const g = new Small('nothing')
    const x = g.input('x', 'float32', [2, 2])
    g.output(g.op('MatMul', [x, x]), 'y')
    const nothing = g.graph()
    await expectRejects('E_UNSUPPORTED', () => quantize(nothing, { int8: 'dynamic' }), /both operands are computed/)
  })
})
