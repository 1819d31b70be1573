import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Device } from '../../../src/autograd/device.js'
import type { Parameter, Variable } from '../../../src/autograd/variable.js'
import { F } from '../../../src/train.js'
import * as nn from '../../../src/train.js'
import { InferenceSession } from '../../../src/node.js'
import { expectError } from '../../support/expect-error.js'

let device: Device
beforeAll(async () => {
  device = Device.current = await Device.create({ build: 'simd', seed: 9 })
})
afterAll(() => device.dispose())

const numbers = (x: Variable | Parameter) => Array.from(x.data() as ArrayLike<number | bigint>, Number)
const line = (...values: number[]) => device.tensor(Float32Array.from(values), [1, 1, values.length])
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length
const deviation = (values: readonly number[]) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)))

describe('layers that PyTorch 1.13 does not have, or has no gradient of', () => {
  test('padding', () => {
    device.step(() => {
      expect(numbers(new nn.CircularPad1d([2, 1]).call(line(1, 2, 3)))).toEqual([2, 3, 1, 2, 3, 1])
      expect(numbers(new nn.ZeroPad1d(1).call(line(1, 2)))).toEqual([0, 1, 2, 0])
      const plane = F.reshape(line(1, 2, 3, 4), [1, 2, 2])
      expect(numbers(new nn.CircularPad2d([1, 0, 0, 1]).call(plane))).toEqual([2, 1, 2, 4, 3, 4, 2, 1, 2])
      const space = F.reshape(line(1, 2, 3, 4, 5, 6, 7, 8), [1, 1, 2, 2, 2])
      expect(new nn.ZeroPad3d([1, 0, 2, 0, 0, 3]).call(space).shape).toEqual([1, 1, 5, 4, 3])
      expect(numbers(new nn.CircularPad3d([0, 0, 0, 0, 1, 0]).call(space))).toEqual([
        5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,
      ])
    })
  })

  test('channels by turns', () => {
    device.step(() => {
      const x = F.reshape(line(1, 2, 3, 4, 5, 6), [1, 6, 1, 1])
      expect(numbers(new nn.ChannelShuffle(2).call(x))).toEqual([1, 4, 2, 5, 3, 6])
      expectError('E_SHAPE', () => new nn.ChannelShuffle(4).call(x), /\[1,6,1,1\]/)
    })
  })

  test('dropout that keeps mean and variance', () => {
    const layer = new nn.AlphaDropout(0.3)
    device.step(() => {
      const x = F.randn([200, 100])
      const y = numbers(layer.call(x))
      expect(mean(y)).toBeCloseTo(0, 1)
      expect(deviation(y)).toBeCloseTo(1, 1)
      // What was dropped is one number: of −1.758 as it is moved and scaled.
      const scale = 1 / Math.sqrt(0.7 * (1 + 0.3 * 1.7580993408473766 ** 2))
      const dropped = scale * (-1.7580993408473766 + 0.3 * 1.7580993408473766)
      expect(y.filter((value) => Math.abs(value - dropped) < 1e-6).length / y.length).toBeCloseTo(0.3, 1)
      layer.eval()
      expect(layer.call(x)).toBe(x)
    })
  })

  test('parameters by name', () => {
    const own = (value: number) => device.parameter({ dtype: 'float32', shape: [1], data: Float32Array.of(value) })
    class Model extends nn.Module {
      scales = new nn.ParameterDict({ first: own(1), second: own(2) })
      forward(x: Variable): Variable {
        return F.mul(x, this.scales.get('second'))
      }
    }
    const model = new Model()
    expect([...model.stateDict().keys()]).toEqual(['scales.first', 'scales.second'])
    expect(model.scales.keys()).toEqual(['first', 'second'])
    device.step(() => expect(numbers(model.call(line(3)))).toEqual([6]))
    expectError('E_VALUE', () => model.scales.get('third'), /no parameter "third"; there are first, second/)
    expectError('E_VALUE', () => model.scales.set('forward', own(1)))
    expectError('E_UNSUPPORTED', () => model.scales.call())
  })
})

describe('random tensors', () => {
  test('are those of the seed, have the right distribution, and other numbers at every call', () => {
    device.step(() => {
      const even = numbers(F.rand([100, 100]))
      expect([Math.min(...even) >= 0, Math.max(...even) < 1]).toEqual([true, true])
      expect(mean(even)).toBeCloseTo(0.5, 1)
      const normal = numbers(F.randnLike(F.zeros([100, 100])))
      expect([mean(normal), deviation(normal)].map((value) => Math.round(value * 20) / 20 + 0)).toEqual([0, 1])
      expect(numbers(F.randLike(F.zeros([4])))).not.toEqual(numbers(F.randLike(F.zeros([4]))))
      const whole = F.randint(-2, 3, [500])
      expect([whole.dtype, new Set(numbers(whole))]).toEqual(['int64', new Set([-2, -1, 0, 1, 2])])
      expect(numbers(F.randperm(20)).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i))
      const often = numbers(F.bernoulli(F.full([10_000], 0.2)))
      expect(new Set(often)).toEqual(new Set([0, 1]))
      expect(mean(often)).toBeCloseTo(0.2, 1)
      expect(F.rand([]).shape).toEqual([])
    })
  })

  test('drawn places are as likely as their weights', () => {
    device.step(() => {
      const weights = device.tensor(Float32Array.of(1, 0, 3, 4, 2, 2), [2, 3])
      const drawn = F.multinomial(weights, 4000, { replacement: true })
      expect([drawn.dtype, drawn.shape]).toEqual(['int64', [2, 4000]])
      const places = numbers(drawn)
      const share = (row: number, place: number) =>
        places.slice(4000 * row, 4000 * (row + 1)).filter((value) => value === place).length / 4000
      expect([0, 1, 2].map((place) => Math.round(20 * share(0, place)))).toEqual([5, 0, 15])
      expect([0, 1, 2].map((place) => Math.round(20 * share(1, place)))).toEqual([10, 5, 5])
      const once = numbers(F.multinomial(weights, 2))
      expect(new Set(once.slice(0, 2))).toEqual(new Set([0, 2]))
      expectError('E_VALUE', () => F.multinomial(weights, 4), /without replacement/)
    })
  })

  test('a draw from classes has gradients', () => {
    const logits = device.parameter({ dtype: 'float32', shape: [50, 3], data: new Float32Array(150).fill(0.5) })
    device.step(() => {
      const soft = F.gumbelSoftmax(logits, { tau: 0.7 })
      numbers(F.sum(soft, [1])).forEach((sum) => expect(sum).toBeCloseTo(1, 5))
      const hard = F.gumbelSoftmax(logits, { hard: true })
      expect(numbers(F.sum(hard, [1])).map((sum) => Math.round(sum * 1e6) / 1e6)).toEqual(new Array<number>(50).fill(1))
      expect(new Set(numbers(hard).map((value) => Math.round(value * 1e6) / 1e6))).toEqual(new Set([0, 1]))
      F.sum(F.mul(hard, F.arange(3, { dtype: 'float32' }))).backward()
      expect(numbers(logits.grad!).some((value) => Math.abs(value) > 0.01)).toBe(true)
      expectError('E_VALUE', () => F.gumbelSoftmax(logits, { tau: 0 }), /tau/)
    })
  })

  test('an exported model draws its own', async () => {
    class Noisy extends nn.Module {
      forward(x: Variable): Variable {
        return F.add(x, F.randLike(x))
      }
    }
    const file = nn.exportModel(nn.toGraph(new Noisy(), [{ name: 'x', shape: [1000] }]))
    const session = await InferenceSession.create(file, { build: 'simd' })
    const run = async () =>
      Array.from(
        (await session.run({ x: new nn.Tensor('float32', new Float32Array(1000), [1000]) })).output
          .data as Float32Array,
      )
    const [first, second] = [await run(), await run()]
    expect(mean(first)).toBeCloseTo(0.5, 1)
    expect(second).not.toEqual(first)
    await session.release()
  })
})

describe('values and gradients where PyTorch has none, or another in each version', () => {
  test('atan2 at the origin', () => {
    const at = (y: number, x: number) => {
      const [a, b] = [y, x].map((value) =>
        device.parameter({ dtype: 'float32', shape: [1], data: Float32Array.of(value) }),
      )
      return device.step(() => {
        const angle = F.atan2(a, b)
        angle.backward()
        return [...numbers(angle), ...numbers(a.grad!), ...numbers(b.grad!)].map((value) => value + 0)
      })
    }
    expect(at(0, 0)).toEqual([0, 0, 0])
    expect(at(0, -0)[0]).toBeCloseTo(Math.PI, 6)
    expect(at(-0, -1)[0]).toBeCloseTo(-Math.PI, 6)
  })

  test('NaN is not hidden by a shrink', () => {
    device.step(() => expect(numbers(F.softshrink(line(NaN, 2)))).toEqual([NaN, 1.5]))
  })

  test('allclose is true or false', () => {
    device.step(() => {
      expect(F.allclose(line(1, 2), line(1.000001, 2))).toBe(true)
      expect(F.allclose(line(1, 2), line(1.1, 2))).toBe(false)
      expect(F.allclose(line(1, NaN), line(1, NaN))).toBe(false)
    })
  })
})

test('what cannot be is refused with the reason', () => {
  const x = () => device.tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3])
  const refused = (code: Parameters<typeof expectError>[0], work: () => unknown, message: RegExp) =>
    device.step(() => expectError(code, work, message))
  refused('E_SHAPE', () => F.glu(x()), /halves axis -1, got .*\[2,3\]/)
  refused('E_VALUE', () => F.hardtanh(x(), 1, 1), /not below/)
  refused('E_VALUE', () => new nn.Hardtanh(2, 1), /minVal 2 is not below maxVal 1/)
  refused('E_VALUE', () => F.roll(x(), [1, 2], [0]), /for each axis/)
  refused('E_VALUE', () => F.roll(x(), 1, 2), /no axis 2/)
  refused('E_VALUE', () => F.select(x(), 1, 3), /no place 3/)
  refused('E_VALUE', () => F.narrow(x(), 1, 2, 2), /no 2 places from 2/)
  refused('E_SHAPE', () => F.unflatten(x(), 1, [2, -1]), /cannot become \[2,-1\]/)
  refused('E_SHAPE', () => F.meshgrid([x()]), /takes lists/)
  refused('E_VALUE', () => F.meshgrid([F.arange(2)], { indexing: 'yx' as 'xy' }), /"ij" or "xy"/)
  refused('E_VALUE', () => F.diagonal(x(), 0, 1, 1), /twice/)
  refused('E_SHAPE', () => F.diag(F.zeros([1, 1, 1])), /list or a matrix/)
  refused('E_SHAPE', () => F.unfold(x(), 2), /\[N, C, H, W\]/)
  refused('E_SHAPE', () => F.unfold(F.zeros([1, 1, 2, 2]), 3), /no window of 3×3/)
  refused('E_SHAPE', () => F.fold(F.zeros([1, 4, 5]), 3, 2), /takes \[N, C·4, 4\]/)
  refused('E_VALUE', () => F.unfold(F.zeros([1, 1, 4, 4]), 2, { stride: 0 }), /stride must be whole numbers from 1/)
  refused('E_SHAPE', () => F.dot(x(), x()), /1 and 1 axes/)
  refused('E_SHAPE', () => F.cross(F.zeros([2]), F.zeros([2])), /three places/)
  refused('E_VALUE', () => F.cdist(x(), x(), { p: 3 as 1 }), /p must be 1 or 2/)
  refused('E_VALUE', () => F.full([1.5], 0), /whole numbers from 0, got 1.5/)
  refused('E_VALUE', () => F.rand([-1]), /whole numbers from 0/)
  refused('E_VALUE', () => F.randint(3, 3, [1]), /no whole number/)
  refused('E_VALUE', () => new nn.ReflectionPad2d([1, 2, 3]), /or 4 of them/)
  refused('E_SHAPE', () => new nn.ZeroPad2d(1).call(x()), /3 or 4 axes/)
  refused('E_SHAPE', () => new nn.Bilinear(2, 3, 4).call(x(), x()), /3 features, not 2/)
  refused('E_VALUE', () => F.zeros([1], { dtype: 'float' as 'float32' }), /"float" is not the name/)
  refused('E_VALUE', () => F.linspace(0, 1, 2, { dtype: 'complex64' as 'float32' }), /complex64/)
  refused('E_VALUE', () => F.arange(3, { dtype: 'long' as 'int64' }), /"long"/)
  refused('E_VALUE', () => F.full([2], 0.5, { dtype: 'int64' }), /0.5 is no int64/)
  refused('E_VALUE', () => F.bernoulli(F.full([2], 2)), /2 is no probability/)
  refused('E_VALUE', () => F.multinomial(F.full([2], -1), 1), /-1 is no weight/)
  refused(
    'E_VALUE',
    () =>
      F.multinomial(
        device.tensor([
          [1, 1, 1],
          [0, 0, 2],
        ]),
        2,
      ),
    /row 1 of the weights has 1 places/,
  )
  refused('E_VALUE', () => F.multinomial(F.zeros([2]), 1, { replacement: true }), /has 0 places/)
  refused('E_SHAPE', () => F.pad(x(), [3, 0], { mode: 'reflect' }), /axis 1 .* has no 3 places to mirror/)
  refused('E_SHAPE', () => new nn.CircularPad1d(4).call(F.zeros([1, 1, 3])), /no 4 places to go round/)
  refused('E_VALUE', () => F.pad(x(), [1, 0], { mode: 'edge' as 'reflect' }), /a mode of padding is .*, not "edge"/)
  refused('E_VALUE', () => new nn.ConstantPad2d(1, undefined as unknown as number), /as value a number/)
  refused('E_SHAPE', () => F.indexAdd(x(), 1, F.arange(1), x()), /a place for each of axis 1/)
  refused('E_TENSOR', () => F.maskedSelect(x(), x()), /a mask is bools/)
  refused('E_SHAPE', () => F.max(F.zeros([0])), /nothing in/)
  refused(
    'E_VALUE',
    () => new nn.ParameterDict({ a: [1, 2] as unknown as Parameter }),
    /ParameterDict.set takes as parameter/,
  )
  refused('E_VALUE', () => new nn.ModuleList([{} as nn.Module]), /ModuleList.push takes as module/)
  refused('E_VALUE', () => nn.bceWithLogits(x(), x(), { posweight: x() } as object), /posweight/)
})
