import { describe, expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { makeContext } from '../support/wasm.js'

// Every row of the operator tables runs in memory full of canaries (support/wasm.ts): an element that a kernel reads or
// leaves without its having been written differs from the reference. Here: that the canaries are there, and that
// sessions do not see each other's numbers, nor a run those of the one before.

const MAGIC = 123456.7890625

test('contexts of the tests hand out memory full of canaries', () => {
  const context = makeContext()
  const address = context.alloc(4096)
  expect(new Set(context.view('int32', address, 1024) as Int32Array)).toEqual(new Set([0x7ff87ff8]))
  expect(context.view('float32', address, 1)[0]).toBeNaN()
})

/**
 * Convolutions, products, reductions, rearrangements and what is computed in JavaScript, for any batch and any size.
 */
function mixedModel(fill: number): Uint8Array {
  const g = new GraphBuilder('mixed')
  const floats = (name: string, shape: number[]) =>
    g.constant(name, hostFrom('float32', shape, new Array<number>(shape.reduce((a, b) => a * b)).fill(fill)))
  const x = g.input('x', 'float32', ['N', 3, 'H', 'W'])
  const features = g.op('Relu', [
    g.op('Conv', [x, floats('w', [8, 3, 3, 3]), floats('b', [8])], { pads: [1, 1, 1, 1], strides: [2, 2] }),
  ])
  g.output(features, 'features')
  const pooled = g.op('Flatten', [g.op('GlobalAveragePool', [features])])
  g.output(g.op('Softmax', [g.op('Gemm', [pooled, floats('g', [8, 5])])]), 'scores')
  g.output(
    g.op('Transpose', [g.op('Pad', [features, g.constant('pads', hostFrom('int64', [8], [0, 0, 1, 1, 0, 0, 1, 1]))])], {
      perm: [0, 2, 3, 1],
    }),
    'padded',
  )
  const [values, places] = g.node('TopK', [pooled, g.constant('k', hostFrom('int64', [1], [3]))], {}, { outputs: 2 })
  g.output(values, 'values')
  g.output(places, 'places')
  g.output(g.op('NonZero', [pooled]), 'nonzero')
  g.output(g.op('MaxPool', [features], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }), 'maxima')
  return exportModel(g.graph())
}

const image = (n: number, h: number, w: number, fill: number) => ({
  x: new Tensor('float32', new Float32Array(n * 3 * h * w).fill(fill), [n, 3, h, w]),
})
const bytesOf = (results: Record<string, Tensor>) =>
  Object.entries(results).map(([name, { dims, data }]) => [
    name,
    dims,
    Buffer.from((data as Float32Array).slice().buffer).toString('hex'),
  ])

describe('canaries of one session', () => {
  test('do not show in sessions beside it and after it', async () => {
    const alone = await InferenceSession.create(mixedModel(0.5))
    const expected = bytesOf(await alone.run(image(2, 9, 7, 0.25)))
    await alone.release()

    const secret = await InferenceSession.create(mixedModel(MAGIC))
    const beside = await InferenceSession.create(mixedModel(0.5))
    for (let i = 0; i < 3; i++) {
      const [, seen] = await Promise.all([secret.run(image(3, 16, 16, MAGIC)), beside.run(image(2, 9, 7, 0.25))])
      expect(bytesOf(seen)).toEqual(expected)
    }
    await secret.release()
    const after = await InferenceSession.create(mixedModel(0.5))
    expect(bytesOf(await after.run(image(2, 9, 7, 0.25)))).toEqual(expected)
    await Promise.all([beside.release(), after.release()])
  })

  test('nor those of one run in the next, whatever its shape', async () => {
    const session = await InferenceSession.create(mixedModel(0.5))
    for (const [n, h, w] of [
      [1, 4, 4],
      [2, 9, 7],
      [1, 16, 3],
      [4, 5, 5],
      [0, 8, 8],
    ]) {
      await session.run(image(4, 20, 20, MAGIC))
      const seen = bytesOf(await session.run(image(n, h, w, 0.25)))
      const fresh = await InferenceSession.create(mixedModel(0.5))
      expect(seen).toEqual(bytesOf(await fresh.run(image(n, h, w, 0.25))))
      await fresh.release()
    }
    await session.release()
  })

  test('nor those of a run that was refused in the middle', async () => {
    const g = new GraphBuilder('gather')
    const x = g.input('x', 'float32', [64])
    g.output(g.op('Gather', [g.op('Exp', [x]), g.input('i', 'int64', ['N'])]), 'y')
    const session = await InferenceSession.create(exportModel(g.graph()))
    const feeds = (fill: number, ...places: number[]) => ({
      x: new Tensor('float32', new Float32Array(64).fill(fill), [64]),
      i: new Tensor('int64', places.map(BigInt), [places.length]),
    })
    for (let round = 0; round < 3; round++) {
      await expect(session.run(feeds(Math.log(MAGIC), 0, 1, 64))).rejects.toMatchObject({
        code: 'E_VALUE',
        op: 'Gather',
      })
      expect([...(await session.run(feeds(0, 0, 63))).y.data]).toEqual([1, 1])
    }
    await session.release()
  })
})
