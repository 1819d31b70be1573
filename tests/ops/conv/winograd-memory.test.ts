import { expect, test } from 'vitest'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../../src/node.js'
import { agrees, compareValues, modelTolerance } from '../../support/agreement.js'
import { randomTensor, seeded } from '../../support/random.js'

const channels = 64
const size = 28
const random = seeded(3)
const image = randomTensor(random, 'float32', [1, channels, size, size], -1, 1)
const filters = randomTensor(random, 'float32', [channels, channels, 3, 3], -0.1, 0.1)

function model(): Uint8Array {
  const g = new GraphBuilder('conv')
  const x = g.input('x', 'float32', [1, channels, size, size])
  g.output(g.op('Conv', [x, g.constant('w', filters)], { pads: [1, 1, 1, 1] }), 'y')
  return exportModel(g.graph())
}

async function run(memoryLimit?: number): Promise<{ kernels: (string | undefined)[]; y: Tensor }> {
  const session = await InferenceSession.create(model(), { memoryLimit, logLevel: 'error' })
  const feeds = { x: new Tensor('float32', image.data, image.shape) }
  const { y } = await session.run(feeds, undefined, { profile: true })
  const kernels = session.lastProfile!.filter(({ op }) => op === 'Conv').map(({ kernel }) => kernel)
  await session.release()
  return { kernels, y }
}

// 144 kB of filters are 590 kB packed for tiles of 4×4, 262 kB for 2×2.
test('a convolution takes the form of its filters that the memory limit affords', async () => {
  const free = await run()
  expect(free.kernels).toEqual(['winograd/4x4'])
  const tight = await run(1.3e6)
  expect(tight.kernels).toEqual(['winograd/2x2'])
  const tighter = await run(0.66e6)
  expect(tighter.kernels).toEqual(['im2col'])
  for (const { y } of [tight, tighter]) {
    const host = ({ data, dims }: Tensor) => ({ dtype: 'float32' as const, shape: dims, data: data as Float32Array })
    expect(agrees(compareValues(host(y), host(free.y), modelTolerance))).toBe(true)
  }
})
