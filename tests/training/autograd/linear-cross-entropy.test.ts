import { beforeAll, describe, expect, test } from 'vitest'
import { hostFrom } from '../../../src/core/host.js'
import { crossEntropy, Device, F, Linear, linearCrossEntropy } from '../../../src/train.js'
import { expectError } from '../../support/expect-error.js'

let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 11 })
})

function random(shape: readonly number[]): Float32Array {
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => device.random.between(-1, 1))
}

describe('linearCrossEntropy', () => {
  const [rows, size, classes] = [150, 4, 60000]

  test.each(['int32', 'int64'] as const)(
    'is cross-entropy of a linear layer, in chunks (%s targets, some ignored)',
    (dtype) => {
      const layer = new Linear(size, classes, { device })
      const x = device.parameter({ dtype: 'float32', shape: [rows, size], data: random([rows, size]) })
      const targets = hostFrom(
        dtype,
        [rows],
        Array.from({ length: rows }, (_, i) => (i % 7 === 3 ? -100 : (i * 7919) % classes)),
      )
      const found = [true, false].map((chunked) => {
        const loss = device.step(() => {
          const given = device.constant(targets)
          const result = chunked
            ? linearCrossEntropy(x, layer.weight, layer.bias, given, { ignoreIndex: -100 })
            : crossEntropy(layer.call(x), given, { ignoreIndex: -100 })
          F.mul(result, 3).backward()
          return result.item()
        })
        const gradients = [x, layer.weight, layer.bias!].map((parameter) => {
          const gradient = parameter.grad!.data() as Float32Array
          parameter.zeroGrad()
          return gradient
        })
        return { loss, gradients }
      })
      expect(found[0].loss).toBeCloseTo(found[1].loss, 4)
      found[0].gradients.forEach((gradient, i) => {
        const other = found[1].gradients[i]
        const most = other.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
        expect(most).toBeGreaterThan(0)
        expect(gradient.reduce((worst, value, k) => Math.max(worst, Math.abs(value - other[k])), 0)).toBeLessThan(
          1e-4 * most,
        )
      })
      layer.dispose()
      x.dispose()
    },
  )

  test('never holds the scores of all rows', async () => {
    const own = await Device.create({ build: 'simd', seed: 3 })
    const layer = new Linear(size, classes, { device: own })
    own.step(() => {
      const x = own.tensor(new Float32Array(rows * size).fill(0.5), [rows, size])
      linearCrossEntropy(
        x,
        layer.weight,
        layer.bias,
        own.constant(hostFrom('int32', [rows], new Array<number>(rows).fill(7))),
      ).backward()
    })
    expect(own.memory.step).toBeLessThan(0.7 * rows * classes * 4)
    own.dispose()
  })

  test('refuses classes that do not exist, and shapes that do not fit', () => {
    const layer = new Linear(2, 3, { device })
    const loss = (targets: readonly number[]) =>
      device.step(() =>
        linearCrossEntropy(
          device.tensor(random([2, 2]), [2, 2]),
          layer.weight,
          layer.bias,
          device.constant(hostFrom('int32', [targets.length], targets)),
        ),
      )
    expectError('E_VALUE', () => loss([0, 3]))
    expectError('E_VALUE', () => loss([0, -1]))
    expectError('E_SHAPE', () => loss([0, 1, 2]))
  })
})
