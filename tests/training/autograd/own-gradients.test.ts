import { beforeAll, describe, expect, test } from 'vitest'
import { SignedSquare } from '../../../examples/own-operator/signed-square.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../../src/node.js'
import { float, registerOp } from '../../../src/own-ops.js'
import { checkpoint, Device, F, grad, GraphModule } from '../../../src/train.js'
import { expectError } from '../../support/expect-error.js'

const values = Float32Array.of(-1.5, -0.25, 0, 0.5, 2, 3)
let device: Device

beforeAll(async () => {
  device = await Device.create({ build: 'simd' })
})

/** The gradient of the sum of what `work` makes of x, and the sum. */
function gradientOf(work: (x: ReturnType<Device['parameter']>) => ReturnType<Device['tensor']>): number[] {
  const x = device.parameter({ dtype: 'float32', shape: [2, 3], data: values })
  device.step(() => F.op('ReduceSum', [work(x)], { keepdims: 0 })[0].backward())
  const gradient = Array.from(x.grad!.data() as Float32Array)
  x.dispose()
  return gradient
}

describe('quantised values keep the tape', () => {
  type X = ReturnType<Device['tensor']>
  const bytes = (dtype: 'int8' | 'uint8', ...zeros: number[]) =>
    device.constant({ dtype, shape: zeros.length === 1 ? [] : [zeros.length], data: dtype === 'int8' ? Int8Array.from(zeros) : Uint8Array.from(zeros) }) // prettier-ignore
  const scalar = (value: number) => device.tensor({ dtype: 'float32', shape: [], data: Float32Array.of(value) })
  const quantize = (x: X, scale: X, zero: X) => F.op('QuantizeLinear', [x, scale, zero])[0]
  const dequantize = (q: X, scale: X, zero: X) => F.op('DequantizeLinear', [q, scale, zero])[0]

  // 2 and 3 are beyond the largest that there is, (127 − 28) · 0.015: 0, as PyTorch's fake_quantize has it.
  test('straight through, none where it is cut off', () => {
    const zero = () => bytes('int8', 28)
    const slopes = gradientOf((x) => F.mul(dequantize(quantize(x, scalar(0.015), zero()), scalar(0.015), zero()), 3))
    expect(slopes).toEqual([3, 3, 3, 3, 0, 0].map((slope): unknown => expect.closeTo(slope, 5)))
  })

  test('through views and a Cast of the integers', () => {
    const slopes = gradientOf((x) => {
      const turned = F.op('Transpose', [quantize(x, scalar(0.5), bytes('uint8', 3))])[0]
      return F.cast(turned, 'float32')
    })
    expect(slopes).toEqual([2, 2, 2, 2, 2, 2])
  })

  test('out of a checkpoint', () => {
    const slopes = gradientOf((x) => {
      const q = checkpoint((y: X) => quantize(y, scalar(0.5), bytes('uint8', 3)), x)
      return dequantize(q, scalar(0.5), bytes('uint8', 3))
    })
    expect(slopes).toEqual([1, 1, 1, 1, 1, 1])
  })

  // Learned step sizes: round(x/s) − x/s, and the end of the range where x is cut off.
  test('by a scale for each row, of both operators', () => {
    const scales = device.parameter({ dtype: 'float32', shape: [2], data: Float32Array.of(0.5, 0.015) })
    const zero = () => bytes('int8', 0, 28)
    device.step(() => {
      const x = device.tensor({ dtype: 'float32', shape: [2, 3], data: Float32Array.of(-1.6, -0.2, 0.1, 0.52, 2, 3) })
      const apply = (name: string, input: X) => F.op(name, [input, scales, zero()], { axis: 0 })[0]
      F.sum(apply('DequantizeLinear', apply('QuantizeLinear', x))).backward()
    })
    const rest = (x: number, s: number) => Math.round(x / s) - x / s
    const found = Array.from(scales.grad!.data() as Float32Array)
    expect(found[0]).toBeCloseTo(rest(-1.6, 0.5) + rest(-0.2, 0.5) + rest(0.1, 0.5), 4)
    expect(found[1]).toBeCloseTo(rest(0.52, 0.015) + 2 * (127 - 28), 4)
    scales.dispose()
  })

  test('what has no gradient by integers is named', () => {
    const through = (op: string, more: (q: X) => readonly X[]) => () =>
      gradientOf((x) => {
        const q = quantize(x, scalar(0.5), bytes('int8', 0))
        return F.cast(F.op(op, [q, ...more(q)])[0], 'float32')
      })
    const weight = () => device.constant({ dtype: 'int8', shape: [3, 2], data: Int8Array.of(1, 2, 3, 4, 5, 6) })
    expectError(
      'E_UNSUPPORTED',
      through('MatMulInteger', () => [weight()]),
      /MatMulInteger/,
    )
    expectError(
      'E_UNSUPPORTED',
      through('Add', (q) => [q]),
      /Add.*int8/,
    )
    const dynamic = () => gradientOf((x) => dequantize(...(F.op('DynamicQuantizeLinear', [x], {}, 3) as [X, X, X])))
    expectError('E_UNSUPPORTED', dynamic, /DynamicQuantizeLinear/)
    const small = () =>
      gradientOf((x) => F.cast(F.op('QuantizeLinear', [x, scalar(1)], { output_dtype: 17 })[0], 'float32'))
    expectError('E_UNSUPPORTED', small, /QuantizeLinear.*float8/)
  })

  test('shapes and comparisons of integers end it', () => {
    const slopes = gradientOf((x) => {
      const q = quantize(x, scalar(0.5), bytes('int8', 0))
      const sizes = F.cast(F.op('Shape', [q])[0], 'float32')
      const same = F.cast(F.op('Equal', [q, q])[0], 'float32')
      return F.add(F.mul(x, F.sum(sizes)), same)
    })
    expect(slopes).toEqual([5, 5, 5, 5, 5, 5])
  })
})

describe('casts keep the tape', () => {
  const cast = (x: ReturnType<Device['tensor']>, to: number) => F.op('Cast', [x], { to })[0]
  test.each([
    ['float64', 11],
    ['float16', 10],
    ['bfloat16', 16],
  ])('there and back through %s', (_, to) => {
    expect(gradientOf((x) => F.op('Add', [x, cast(cast(x, to), 1)])[0])).toEqual([2, 2, 2, 2, 2, 2])
  })

  test('out of a checkpoint, of another float type', () => {
    const grad = gradientOf((x) => cast(checkpoint((y) => cast(F.mul(y, 2), 10), x) as typeof x, 1))
    expect(grad).toEqual([2, 2, 2, 2, 2, 2])
  })

  test('through views and CastLike of another float type', () => {
    const grad = gradientOf((x) => {
      const wide = cast(x, 11)
      const turned = F.op('Transpose', [
        F.op('Reshape', [wide, device.constant({ dtype: 'int64', shape: [2], data: BigInt64Array.of(3n, 2n) })])[0],
      ])[0]
      const back = F.op('CastLike', [turned, x])[0]
      return F.op('Mul', [back, back])[0]
    })
    expect(grad).toEqual(Array.from(values, (v) => 2 * v))
  })

  test('and an operator that would lose them says so', () => {
    const x = device.parameter({ dtype: 'float32', shape: [2, 3], data: values })
    const error = expectError(
      'E_UNSUPPORTED',
      () =>
        device.step(() =>
          cast(F.op('ReduceSum', [F.op('Add', [cast(x, 11), cast(x, 11)])[0]], { keepdims: 0 })[0], 1).backward(),
        ),
      /float64/,
    )
    expect(error.actual).toBe('float64')
    x.dispose()
  })
})

describe('operators of a user', () => {
  test('of kernels: forward, gradient, module of a graph and export', async () => {
    expect(SignedSquare.name).toBe('SignedSquare')
    const y = Array.from(values, (v) => Math.fround(3 * v * Math.abs(v)))
    const graph = () => {
      const g = new GraphBuilder()
      const x = g.input('x', 'float32', ['N', 3])
      g.output(g.node('SignedSquare', [x], { scale: 3 }, { domain: 'com.example' })[0], 'y')
      return g.graph()
    }
    const session = await InferenceSession.create(exportModel(graph()))
    const out = await session.run({ x: new Tensor('float32', values, [2, 3]) })
    expect(Array.from(out.y.data as Float32Array)).toEqual(y)
    const expected = Array.from(values, (v) => 6 * Math.abs(v))
    expect(gradientOf((x) => F.op('com.example::SignedSquare', [x], { scale: 3 })[0])).toEqual(expected)
    const module = new GraphModule(graph(), { device })
    expect(gradientOf((x) => module.forward(x) as typeof x)).toEqual(expected)
  })

  test('of functions on tensors', async () => {
    registerOp({
      name: 'Scaled',
      domain: 'com.example',
      inputs: 2,
      attributes: { by: float(2) },
      infer: ([x]) => [x],
      compute: ([x, y], { by }) => [
        new Tensor(
          'float32',
          (x.data as Float32Array).map((v, i) => by * v * (y.data as Float32Array)[i]),
          x.dims,
        ),
      ],
      gradient: ({ inputs: [x, y], gradients: [dy], attributes: { by } }) =>
        [y, x].map(
          (other) =>
            new Tensor(
              'float32',
              (dy.data as Float32Array).map((d, i) => by * d * (other.data as Float32Array)[i]),
              x.dims,
            ),
        ),
    })
    expect(gradientOf((x) => F.op('com.example::Scaled', [x, x])[0])).toEqual(Array.from(values, (v) => 4 * v))
    const g = new GraphBuilder()
    const x = g.input('x', 'float32', ['N'])
    g.output(g.node('Scaled', [x, x], { by: 0.5 }, { domain: 'com.example' })[0], 'y')
    const session = await InferenceSession.create(exportModel(g.graph()))
    const { y } = await session.run({ x: new Tensor('float32', values, [6]) })
    expect(Array.from(y.data as Float32Array)).toEqual(Array.from(values, (v) => 0.5 * v * v))
  })

  describe('with two outputs', () => {
    type Seen = { outputs: number[][]; gradients: number[][] }
    let seen: Seen
    const list = (t: Tensor) => Array.from(t.data as ArrayLike<number | bigint>, Number)
    /** y = x², z = 3·x, and of integers the places. */
    const made = ([x]: readonly Tensor[]) => {
      const data = x.data as Float32Array
      return [
        new Tensor('float32', data.map((v) => v * v), x.dims),
        new Tensor('float32', data.map((v) => 3 * v), x.dims),
        new Tensor('int64', BigInt64Array.from(data, (_, i) => BigInt(i)), x.dims),
      ]
    } // prettier-ignore
    beforeAll(() => {
      for (const infer of [true, false])
        registerOp({
          name: infer ? 'Three' : 'ThreeOfData',
          domain: 'com.example',
          inputs: 1,
          ...(infer && { infer: ([x]) => [x, x, { type: 'int64' as const, dims: x.dims }] }),
          compute: made,
          gradient: ({ inputs: [x], outputs, gradients }) => {
            seen = { outputs: outputs.map(list), gradients: gradients.map(list) }
            const [dy, dz] = gradients.map((g) => g.data as Float32Array)
            return [
              new Tensor(
                'float32',
                (x.data as Float32Array).map((v, i) => 2 * v * dy[i] + 3 * dz[i]),
                x.dims,
              ),
            ]
          },
        })
    })
    const zeros = [0, 0, 0, 0, 0, 0]
    const ones = [1, 1, 1, 1, 1, 1]
    const twice = Array.from(values, (v) => 2 * v)
    type Value = ReturnType<Device['tensor']>

    describe.each(['Three', 'ThreeOfData'])('%s', (name) => {
      const three = (x: Value, outputs?: number) => F.op(`com.example::${name}`, [x], {}, outputs)
      test.each<[string, (x: Value) => Value, number[], number[][]]>([
        ['the first is asked for alone', (x) => three(x)[0], twice, [ones, zeros, zeros]],
        ['the first is used alone', (x) => three(x, 3)[0], twice, [ones, zeros, zeros]],
        ['the second is used alone', (x) => three(x, 2)[1], zeros.map(() => 3), [zeros, ones, zeros]],
        ['both are used', (x) => F.add(...(three(x, 2) as [Value, Value])), twice.map((v) => v + 3), [ones, ones, zeros]],
        ['integers are used beside', (x) => { const [y, , at] = three(x, 3); return F.mul(y, F.cast(F.add(at, at), 'float32')) }, twice.map((v, i) => 2 * i * v + 0), [[0, 2, 4, 6, 8, 10], zeros, zeros]],
      ])('%s', (_, work, expected, gradients) => {
        expect(gradientOf(work)).toEqual(expected)
        expect(seen.gradients).toEqual(gradients)
        expect(seen.outputs.map(({ length }) => length)).toEqual([6, 6, 6])
      }) // prettier-ignore

      test('one upon the other', () => {
        // z of y: 3·x² and its gradient, 6·x.
        expect(gradientOf((x) => three(three(x)[0], 2)[1])).toEqual(Array.from(values, (v) => 6 * v))
      })

      test('no more outputs are handed out than were asked for', () => {
        gradientOf((x) => {
          expect(three(x)).toHaveLength(1)
          expect(three(x, 2)).toHaveLength(2)
          return three(x)[0]
        })
      })

      test.each([[[0]], [[1]], [[0, 1]]])('in the module of a graph whose outputs %o are used', async (used) => {
        const g = new GraphBuilder()
        const results = g.node(name, [g.input('x', 'float32', ['N', 3])], {}, { domain: 'com.example', outputs: 2 })
        g.output(
          used.map((i) => results[i]).reduce((a, b) => g.op('Add', [a, b])),
          'y',
        )
        const module = await GraphModule.from(exportModel(g), { device })
        const expected = twice.map((v) => (used.includes(0) ? v : 0) + (used.includes(1) ? 3 : 0))
        expect(gradientOf((x) => module.forward(x))).toEqual(expected)
      })

      test('whose node leaves the others out', async () => {
        const g = new GraphBuilder()
        const [y] = g.node(name, [g.input('x', 'float32', ['N', 3])], {}, { domain: 'com.example' })
        g.output(y, 'y')
        const module = await GraphModule.from(exportModel(g), { device })
        expect(gradientOf((x) => module.forward(x))).toEqual(twice)
      })

      test('under grad', () => {
        device.step(() => {
          const x = device.tensor({ dtype: 'float32', shape: [2, 3], data: values })
          const [slope] = grad((v) => F.sum(three(v, 2)[1]), [x])
          expect([...slope.data()]).toEqual(zeros.map(() => 3))
        })
      })
    })
  })

  test('without a gradient are refused when one is wanted', () => {
    registerOp({ name: 'Opaque', domain: 'com.example', infer: ([x]) => [x], compute: ([x]) => [x] })
    const x = device.parameter({ dtype: 'float32', shape: [2, 3], data: values })
    const run = () =>
      device.step(() => F.op('ReduceSum', [F.op('com.example::Opaque', [x])[0]], { keepdims: 0 })[0].backward())
    expectError('E_UNSUPPORTED', run, /Opaque "operation 1 of the step": it has no gradient/)
    x.dispose()
  })

  const wrong: [string, 'E_TENSOR' | 'E_VALUE' | 'E_UNSUPPORTED', RegExp, (c: never) => unknown][] = [
    ['nothing', 'E_TENSOR', /gradient must be synchronous and return a list, got undefined/, () => undefined],
    ['a promise', 'E_TENSOR', /gradient must be synchronous and return a list, got a promise/, () => Promise.resolve([])],
    ['a list of something else', 'E_TENSOR', /the gradient by input 0 is not one/, () => [values]],
    ['a list with more gradients than inputs', 'E_TENSOR', /returned 2 gradients, there are 1 inputs/, ({ gradients: [dy] }: { gradients: Tensor[] }) => [dy, dy]],
    ['a list of nothing', 'E_UNSUPPORTED', /the gradient by input 0 is not defined/, () => []],
    ['a throw', 'E_VALUE', /threw TypeError: no such thing/, () => { throw new TypeError('no such thing') }],
    ['a throw of a string', 'E_VALUE', /threw oh/, () => { throw 'oh' as unknown as Error }],
  ] // prettier-ignore

  test.each(wrong)('whose gradient is %s are refused by name', (what, code, message, gradient) => {
    const name = `Gradient_${what.replaceAll(' ', '_')}`
    const compute = ([x]: readonly Tensor[]) => [x]
    registerOp({ name, domain: 'com.example', infer: ([x]) => [x], compute, gradient: gradient as () => [] })
    const error = expectError(code, () => gradientOf((x) => F.op(`com.example::${name}`, [x])[0]), message)
    expect(error.op).toBe(name)
  })
})
