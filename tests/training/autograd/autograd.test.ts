import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import '../../../src/node.js'
import { apply } from '../../../src/autograd/apply.js'
import { Device } from '../../../src/autograd/device.js'
import type { Variable } from '../../../src/autograd/variable.js'
import { hostFrom } from '../../../src/core/host.js'
import * as F from '../../../src/nn/functional.js'
import { NonZero } from '../../../src/ops/movement/non-zero.js'
import { Det } from '../../../src/ops/matmul/det.js'
import { expectError } from '../../support/expect-error.js'

let device: Device
beforeEach(async () => {
  device = await Device.create({ build: 'simd', seed: 3 })
})
afterEach(() => device.dispose())

const vector = (...values: number[]) => hostFrom('float32', [values.length], values)

describe('the tape', () => {
  test('adds up what a tensor gives to several results', () => {
    const x = device.parameter(vector(1, 2, 3))
    const grad = device.step(() => {
      // x² + 3x, and x once more through a view.
      const y = F.add(F.add(F.mul(x, x), F.mul(x, 3)), F.reshape(F.reshape(x, [3, 1]), [3]))
      F.sum(y).backward()
      return x.grad!.data()
    })
    expect([...grad]).toEqual([6, 8, 10])
  })

  test('what was made before gradients were taken has none any more, and says so', () => {
    const x = device.parameter(vector(1, 2))
    device.step(() => {
      const y = F.mul(x, x)
      F.sum(y).backward()
      // For show it may be used on.
      expect(F.sum(y).item()).toBe(5)
      expectError('E_STATE', () => F.sum(F.mul(y, 2)).backward(), /gradients of this step were taken/)
    })
  })

  test('accumulates over backward passes until it is cleared', () => {
    const x = device.parameter(vector(1, 2))
    const once = () => device.step(() => F.sum(F.mul(x, x)).backward())
    once()
    once()
    expect([...x.grad!.data()]).toEqual([4, 8])
    x.zeroGrad()
    expect(x.grad).toBeUndefined()
    once()
    expect([...x.grad!.data()]).toEqual([2, 4])
  })

  test('a gradient that is passed on is not changed by what it is added to', () => {
    // Both operands of the outer sum get dy itself; one of them is then added to.
    const x = device.parameter(vector(1, 2))
    const grads = device.step(() => {
      const a = F.mul(x, 2)
      const b = F.mul(x, 3)
      const sum = F.add(a, b)
      F.sum(F.add(sum, F.mul(a, a))).backward()
      return x.grad!.data()
    })
    // d/dx (2x + 3x + 4x²)
    expect([...grads]).toEqual([13, 21])
  })

  test('detach and noGrad cut it', () => {
    const x = device.parameter(vector(1, 2))
    device.step(() => {
      F.sum(F.mul(F.mul(x, x).detach(), x)).backward()
      expect([...x.grad!.data()]).toEqual([1, 4])
      const cut = device.noGrad(() => F.mul(x, x))
      expectError('E_STATE', () => cut.backward())
    })
  })

  test('a frozen parameter gets no gradient', () => {
    const x = device.parameter(vector(1, 2))
    const y = device.parameter(vector(3, 4))
    y.trainable = false
    device.step(() => F.sum(F.mul(x, y)).backward())
    expect([...x.grad!.data()]).toEqual([3, 4])
    expect(y.grad).toBeUndefined()
  })

  test('names an operator without a gradient', () => {
    const x = device.parameter(hostFrom('float32', [2, 2], [1, 2, 3, 4]))
    device.step(() => {
      const [y] = device.scoped('head', () => apply(device, Det, [x]))
      const error = expectError('E_UNSUPPORTED', () => y.backward())
      expect(error.op).toBe('Det')
      expect(error.node).toBe('head')
    })
  })

  test('refuses a second backward pass over the same step, and a seed of another shape', () => {
    const x = device.parameter(vector(1, 2))
    device.step(() => {
      const y = F.mul(x, x)
      expectError('E_SHAPE', () => y.backward())
      expectError('E_SHAPE', () => y.backward(device.tensor(Float32Array.of(1), [1])))
      const loss = F.sum(y)
      loss.backward()
      expectError('E_STATE', () => loss.backward())
    })
  })

  test('the first result that is not finite can be named', () => {
    const x = device.parameter(vector(1, 0))
    device.step(() => {
      F.sum(device.scoped('logs', () => F.log(x)))
      expect(device.firstNonFinite()).toEqual({ op: 'Log', scope: 'logs' })
    })
  })
})

describe('steps', () => {
  test('a tensor of a step that is over is refused, a kept one lives', () => {
    const x = device.parameter(vector(1, 2))
    let lost: Variable | undefined
    let seed: Variable | undefined
    device.step(() => {
      lost = F.mul(x, x)
      seed = device.keep(lost)
    })
    expectError('E_STATE', () => lost!.data())
    expectError('E_STATE', () => device.step(() => F.mul(lost!, x)))
    expect([...seed!.data()]).toEqual([1, 4])
  })

  test('steps do not nest', () => {
    expectError('E_STATE', () => device.step(() => device.step(() => 1)))
  })

  test('what was made outside a step goes when the next begins', () => {
    const x = device.tensor(Float32Array.of(1, 2), [2])
    expect([...F.add(x, 1).data()]).toEqual([2, 3])
    device.step(() => 0)
    expectError('E_STATE', () => x.data())
  })

  test('the thousandth step uses the memory of the third', () => {
    const x = device.parameter(
      hostFrom(
        'float32',
        [64, 64],
        Array.from({ length: 4096 }, (_, i) => Math.fround(i / 4096)),
      ),
    )
    const step = () =>
      device.step(() => {
        const y = F.sum(F.tanh(F.matmul(x, F.transpose(x, [1, 0]))))
        y.backward()
        x.zeroGrad()
      })
    for (let i = 0; i < 3; i++) step()
    const { memory } = device
    const pages = device.context.memory.buffer.byteLength
    for (let i = 0; i < 1000; i++) step()
    expect(device.memory).toEqual(memory)
    expect(device.context.memory.buffer.byteLength).toBe(pages)
  })

  test('over the memory limit a step is refused and the next one works', async () => {
    const small = await Device.create({ build: 'simd', memoryLimit: 4 << 20 })
    const x = small.parameter(hostFrom('float32', [1000], []))
    const error = expectError('E_BUDGET', () =>
      small.step(() => F.matmul(F.reshape(x, [1000, 1]), F.reshape(x, [1, 1000]))),
    )
    expect(error.op).toBe('MatMul')
    expect(small.step(() => F.sum(x).item())).toBe(0)
    small.dispose()
  })

  test('operators whose shapes depend on data are applied', () => {
    const [places] = apply(device, NonZero, [device.tensor(Float32Array.of(0, 1, 2), [3])])
    expect([places.shape, [...places.data()]]).toEqual([
      [1, 2],
      [1n, 2n],
    ])
  })

  test('tensors of different devices do not meet', async () => {
    const other = await Device.create({ build: 'simd' })
    expectError('E_STATE', () => F.add(device.parameter(vector(1)), other.parameter(vector(1))))
    other.dispose()
    expectError('E_STATE', () => other.tensor(Float32Array.of(1), [1]))
  })
})
