import { expect, test } from 'vitest'
import '../../../src/node.js'
import { apply } from '../../../src/autograd/apply.js'
import { Device } from '../../../src/autograd/device.js'
import { hostFrom } from '../../../src/core/host.js'
import { Conv } from '../../../src/ops/conv/conv.js'
import { seeded } from '../../support/random.js'

/** A convolution that keeps the size and its gradients, for the same random numbers at every call. */
async function run(accuracy: 'fast' | 'exact', size: number): Promise<Float32Array[]> {
  const random = seeded(11)
  const shapes = { x: [6, 12, 13, 10], w: [20, 12, size, size], y: [6, 20, 13, 10] }
  const tensor = (shape: number[]) =>
    hostFrom(
      'float32',
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() * 2 - 1),
    )
  const device = await Device.create({ build: 'simd', accuracy })
  try {
    const [x, w] = [device.parameter(tensor(shapes.x)), device.parameter(tensor(shapes.w))]
    return device.step(() => {
      const [y] = apply(device, Conv, [x, w], { pads: Array(4).fill((size - 1) / 2) })
      y.backward(device.tensor(tensor(shapes.y)))
      return [y.data(), x.grad!.data(), w.grad!.data()] as Float32Array[]
    })
  } finally {
    device.dispose()
  }
}

test.each([3, 5])(
  'training convolves by Winograd where many pixels are worth the transforms, unless results are to be exact (%i)',
  async (size) => {
    const [fast, exact] = [await run('fast', size), await run('exact', size)]
    fast.forEach((values, i) => {
      const largest = exact[i].reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expect(Math.max(...values.map((value, k) => Math.abs(value - exact[i][k])))).toBeLessThan(2.8e-5 * largest)
    })
    // The result and both gradients went another way.
    expect(fast.map((values, i) => values.every((value, k) => value === exact[i][k]))).toEqual([false, false, false])
  },
)
