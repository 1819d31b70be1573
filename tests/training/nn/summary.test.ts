import { beforeAll, describe, expect, test } from 'vitest'
import {
  BatchNorm2d,
  compressWeights,
  Conv2d,
  Device,
  exportModel,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
  summary,
  summaryRows,
  Tensor,
  toGraph,
} from '../../../src/train.js'
import { InferenceSession } from '../../../src/node.js'
import { onnxruntimeWeb } from '../../conformance/engines.js'
import { isHostTensor } from '../../../src/core/host.js'
import { expectError } from '../../support/expect-error.js'

beforeAll(async () => {
  Device.current = await Device.create({ build: 'simd', seed: 2 })
})

describe('summary', () => {
  test('counts layers as the arithmetic of convolutions does', () => {
    // 28×28, 192 → 16 by 1×1, then 16 → 32 by 5×5: 12,443,648 multiplications.
    const model = new Sequential(new Conv2d(192, 16, 1), new Conv2d(16, 32, 5, { padding: 2 }))
    const rows = summaryRows(model, [192, 28, 28])
    expect(rows.map(({ name, output, parameters, macs }) => ({ name, output, parameters, macs }))).toEqual([
      { name: '0', output: [16, 28, 28], parameters: 192 * 16 + 16, macs: 28 * 28 * 192 * 16 },
      { name: '1', output: [32, 28, 28], parameters: 16 * 25 * 32 + 32, macs: 28 * 28 * 16 * 25 * 32 },
    ])
    expect(rows[0].macs + rows[1].macs).toBe(12_443_648)
  })

  test('shows layers inside layers, and leaves mode and statistics alone', () => {
    const shared = new ReLU()
    const block = new Sequential(new Conv2d(1, 2, 3, { bias: false }), new BatchNorm2d(2), shared)
    const model = new Sequential(block, new MaxPool2d(2), shared, new Flatten(), new Linear(18, 5))
    const before = [...model.stateDict().values()].map(({ data }) => Array.from(data as Float32Array))
    const rows = summaryRows(model, [1, 8, 8])
    expect(rows.map(({ name }) => name)).toEqual(['0.0', '0.1', '0.2', '1', '0.2', '3', '4'])
    expect(rows.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(
      model.parameters().reduce((sum, { size }) => sum + size, 0),
    )
    expect(rows[3]).toMatchObject({
      layer: 'MaxPool2d(2)',
      output: [2, 3, 3],
      connections: 2 * 3 * 3 * 4,
      macs: 0,
      activationBytes: 72,
    })
    expect(rows[6]).toMatchObject({ layer: 'Linear(18, 5)', parameters: 95, connections: 90, macs: 90 })
    expect([...model.stateDict().values()].map(({ data }) => Array.from(data as Float32Array))).toEqual(before)
    expect(model.training).toBe(true)
    expect(summary(model, [1, 8, 8])).toMatch(/Conv2d\(1, 2\).*2×6×6.*\n[^]*total/)
  })
})

describe('short weights', () => {
  test.for([
    ['float16', 0.55, 2e-3],
    ['int8', 0.35, 3e-2],
  ] as const)(
    '%s: a smaller file with nearly the same answers, here and in onnxruntime-web',
    async ([format, share, tolerance]) => {
      const model = new Sequential(new Conv2d(1, 8, 5), new ReLU(), new Flatten(), new Linear(8 * 24 * 24, 10))
      const graph = toGraph(model, [{ name: 'image', shape: [{ name: 'N', size: 2 }, 1, 28, 28] }])
      const whole = exportModel(graph)
      const bytes = exportModel(compressWeights(graph, format))
      expect(bytes.length).toBeLessThan(share * whole.length)
      const image = new Tensor(
        'float32',
        Float32Array.from({ length: 2 * 784 }, (_, i) => (i % 29) / 29),
        [2, 1, 28, 28],
      )
      const expected = model.predict(image).data as Float32Array
      const most = Math.max(...expected.map(Math.abs))
      const session = await InferenceSession.create(bytes, { build: 'simd' })
      const mine = (await session.run({ image })).output.data as Float32Array
      const peer = await (await onnxruntimeWeb()).load(bytes)
      const theirs = (
        await peer.run(new Map([['image', { dtype: 'float32', shape: image.dims, data: image.data }]]))
      ).get('output')!
      expect(isHostTensor(theirs)).toBe(true)
      for (const [i, value] of expected.entries()) {
        expect(Math.abs(mine[i] - value)).toBeLessThan(tolerance * most)
        expect(Math.abs(mine[i] - (theirs as { data: Float32Array }).data[i])).toBeLessThan(1e-5 * most)
      }
      // The weights have been rounded, so the answers are not those of before.
      expect([...mine]).not.toEqual([...expected])
    },
  )

  test('what a type cannot hold is refused', () => {
    const model = new Sequential(new Linear(32, 16))
    model.parameters()[0].assign(new Float32Array(512).fill(1e5))
    const graph = toGraph(model, [{ name: 'x', shape: [{ name: 'N', size: 2 }, 32] }])
    expectError('E_VALUE', () => compressWeights(graph, 'float16'), /0\.weight/)
    expect(compressWeights(graph, 'float32')).toBe(graph)
  })
})
