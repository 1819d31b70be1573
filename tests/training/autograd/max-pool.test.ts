import { expect, test } from 'vitest'
import '../../../src/node.js'
import { apply } from '../../../src/autograd/apply.js'
import { Device } from '../../../src/autograd/device.js'
import { hostFrom } from '../../../src/core/host.js'
import { MaxPool } from '../../../src/ops/pool/pool.js'

/** The gradient by x of a row, for a gradient of 1, 2, 3 … by the results of a pooling over its windows. */
async function gradientOf(x: number[], attributes: Readonly<Record<string, unknown>>): Promise<number[]> {
  const device = await Device.create({ build: 'simd' })
  try {
    const parameter = device.parameter(hostFrom('float32', [1, 1, x.length], x))
    return device.step(() => {
      const [y] = apply(device, MaxPool, [parameter], attributes)
      y.backward(
        device.tensor({
          dtype: 'float32',
          shape: y.shape,
          data: Float32Array.from({ length: y.size }, (_, i) => i + 1),
        }),
      )
      return [...(parameter.grad!.data() as Float32Array)]
    })
  } finally {
    device.dispose()
  }
}

test('of equal elements the first gets the gradient', async () => {
  expect(await gradientOf([2, 2, 1, 3, 3, 3], { kernel_shape: [3], strides: [3] })).toEqual([1, 0, 0, 2, 0, 0])
  expect(await gradientOf([-Infinity, -Infinity], { kernel_shape: [2] })).toEqual([1, 0])
})

test('an element that is largest in several windows gets all their gradients', async () => {
  expect(await gradientOf([1, 5, 2, 5, 0], { kernel_shape: [3] })).toEqual([0, 3, 0, 3, 0])
})

test('the last NaN of a window gets the gradient', async () => {
  expect(await gradientOf([NaN, 4, NaN, 9], { kernel_shape: [4] })).toEqual([0, 0, 1, 0])
})
