import { describe, expect, test } from 'vitest'
import type { DType } from '../../../src/core/dtype.js'
import type { HostTensor } from '../../../src/core/host.js'
import { sizeOf, type Shape } from '../../../src/core/shape.js'
import { lanewise } from '../../conformance/engines.js'
import { expectRejects } from '../../support/expect-error.js'
import { numbersIn, tensorOf } from '../../support/numbers.js'
import { seeded } from '../../support/random.js'
import { runNode } from '../../support/cases/run-node.js'
import { builds } from '../../support/wasm.js'
import { writtenModel } from '../../support/written-model.js'

// Scales that are exact in binary make many results exact halves: there it shows whether the zero point is added before
// or after rounding.

const domain = 'com.microsoft'
type Byte = 'uint8' | 'int8'

function roundEven(x: number): number {
  const r = Math.round(x)
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r
}

interface Quantisation {
  readonly scale: number
  readonly zero: number
}

interface Draw {
  readonly a: Quantisation
  readonly b: Quantisation
  readonly y: Quantisation
  readonly x: readonly HostTensor[]
}

function draw(dtype: Byte, shape: Shape, seed: number): Draw {
  const random = seeded(seed)
  const least = dtype === 'int8' ? -128 : 0
  const one = (): Quantisation => ({
    scale: Math.ceil(random() * 16) / 64,
    zero: least + 20 + Math.floor(random() * 200),
  })
  // A power of two for the output: quotients are exact.
  const [a, b, y] = [one(), one(), { ...one(), scale: 2 ** -Math.floor(2 + random() * 3) }]
  const near = ({ zero }: Quantisation) =>
    tensorOf(
      dtype,
      shape,
      Array.from({ length: sizeOf(shape) }, () =>
        Math.min(Math.max(zero + Math.floor(random() * 17) - 8, least), least + 255),
      ),
    )
  return { a, b, y, x: [near(a), near(b)] }
}

function operands(dtype: Byte, x: HostTensor, { scale, zero }: Quantisation): HostTensor[] {
  return [x, ...scales(dtype, { scale, zero })]
}

function scales(dtype: Byte, { scale, zero }: Quantisation): HostTensor[] {
  return [tensorOf('float32', [], [scale]), tensorOf(dtype, [], [zero])]
}

function clamped(dtype: Byte, value: number): number {
  const least = dtype === 'int8' ? -128 : 0
  return Math.min(Math.max(value, least), least + 255)
}

const sizes = [1, 2, 3, 4, 5, 7, 8, 15, 16, 33]

describe.each(builds)('build %s', (build) => {
  describe.each(['uint8', 'int8'] as const)('%s', (dtype) => {
    test.each<[string, (p: number, q: number, y: Quantisation) => number]>([
      ['QLinearAdd', (p, q, y) => roundEven((p + q) / y.scale + y.zero)],
      ['QLinearMul', (p, q, y) => roundEven((p * q) / y.scale + y.zero)],
    ])('%s adds the zero point before it rounds, whatever the size', async (op, exact) => {
      for (const [i, size] of sizes.entries()) {
        const { a, b, y, x } = draw(dtype, [size], i)
        const inputs = [...operands(dtype, x[0], a), ...operands(dtype, x[1], b), ...scales(dtype, y)]
        const [made] = await runNode({ op, domain, inputs, build })
        const [left, right] = x.map(numbersIn)
        const wanted = left.map((value, k) =>
          clamped(dtype, exact((value - a.zero) * a.scale, (right[k] - b.zero) * b.scale, y)),
        )
        expect(numbersIn(made), `size ${size}`).toEqual(wanted)
      }
    })

    test('QLinearAveragePool adds it before it rounds', async () => {
      const { a, y, x } = draw(dtype, [1, 2, 3, 8], 3)
      const inputs = [...operands(dtype, x[0], a), ...scales(dtype, y)]
      const [made] = await runNode({
        op: 'QLinearAveragePool',
        domain,
        inputs,
        build,
        attributes: { kernel_shape: [1, 2] },
      })
      const values = numbersIn(x[0])
      const wanted = Array.from({ length: 6 * 7 }, (_, i) => {
        const at = Math.floor(i / 7) * 8 + (i % 7)
        const sum = (values[at] + values[at + 1] - 2 * a.zero) * a.scale
        return clamped(dtype, roundEven(sum / 2 / y.scale + y.zero))
      })
      expect(numbersIn(made)).toEqual(wanted)
    })

    test.each([true, false])(
      'QLinearGlobalAveragePool by kernel and in TypeScript, constant scales %s',
      async (fixed) => {
        const { a, y, x } = draw(dtype, [2, 9, 2, 4], 4)
        const inputs = [...operands(dtype, x[0], a), ...scales(dtype, y)]
        const constants = fixed ? [1, 2, 3, 4] : []
        const [made] = await runNode({ op: 'QLinearGlobalAveragePool', domain, inputs, constants, build })
        const values = numbersIn(x[0])
        const wanted = Array.from({ length: 18 }, (_, c) => {
          const sum = values.slice(c * 8, c * 8 + 8).reduce((p, v) => p + v - a.zero, 0) * a.scale
          return clamped(dtype, roundEven(sum / 8 / y.scale) + y.zero)
        })
        expect(numbersIn(made)).toEqual(wanted)
      },
    )

    describe('what stands between DequantizeLinear and QuantizeLinear is rounded by QuantizeLinear', () => {
      const dq = (x: string, s: string, to: string) => ({
        op: 'DequantizeLinear',
        inputs: [x, `s${s}`, `z${s}`],
        outputs: [to],
      })
      const run = async (passes: boolean, given: Draw, node: { op: string; inputs: string[] }, shape: Shape) => {
        const { a, b, y, x } = given
        const bytes = writtenModel({
          opset: 17,
          nodes: [
            dq('a', 'a', 'p'),
            dq('b', 'b', 'q'),
            { ...node, outputs: ['r'] },
            { op: 'QuantizeLinear', inputs: ['r', 'sy', 'zy'], outputs: ['y'] },
          ],
          inputs: { a: { dtype, shape }, b: { dtype, shape } },
          constants: Object.fromEntries(
            Object.entries({ a, b, y }).flatMap(([name, q]) => {
              const [scale, zero] = scales(dtype, q)
              return [[`s${name}`, scale], [`z${name}`, zero]] as const // prettier-ignore
            }),
          ),
          outputs: { y: { dtype } },
        })
        const model = await lanewise({ passes, build }).load(bytes)
        const results = await model.run(new Map([['a', x[0]], ['b', x[1]]])) // prettier-ignore
        return numbersIn(results.get('y') as HostTensor)
      }

      test.each(sizes)('a sum of %i', async (size) => {
        const given = draw(dtype, [size], size)
        const { a, b, y, x } = given
        const [left, right] = x.map(numbersIn)
        const wanted = left.map((value, k) => {
          const sum = (value - a.zero) * a.scale + (right[k] - b.zero) * b.scale
          return clamped(dtype, roundEven(sum / y.scale) + y.zero)
        })
        for (const passes of [true, false])
          expect(await run(passes, given, { op: 'Add', inputs: ['p', 'q'] }, [size])).toEqual(wanted)
      })

      test.each([1, 5, 8, 13])('a mean of %i channels', async (channels) => {
        const shape = [2, channels, 3, 2]
        const given = draw(dtype, shape, channels)
        const { a, y, x } = given
        const values = numbersIn(x[0])
        const wanted = Array.from({ length: 2 * channels }, (_, c) => {
          const sum = values.slice(c * 6, c * 6 + 6).reduce((p, v) => p + v - a.zero, 0) * a.scale
          return clamped(dtype, roundEven(Math.fround(Math.fround(sum / 6) / y.scale)) + y.zero)
        })
        for (const passes of [true, false])
          expect(await run(passes, given, { op: 'GlobalAveragePool', inputs: ['p'] }, shape)).toEqual(wanted)
      })
    })
  })
})

describe('scales and zero points of another type are refused', () => {
  const shapes: Record<string, Shape> = { QLinearGlobalAveragePool: [1, 1, 2, 2], QLinearAveragePool: [1, 1, 2, 2] }
  const roles: Record<string, readonly string[]> = {
    QLinearAdd: ['x', 's', 'z', 'x', 's', 'z', 's', 'z'],
    QLinearMul: ['x', 's', 'z', 'x', 's', 'z', 's', 'z'],
    QLinearLeakyRelu: ['x', 's', 'z', 's', 'z'],
    QLinearSigmoid: ['x', 's', 'z', 's', 'z'],
    QLinearSoftmax: ['x', 's', 'z', 's', 'z'],
    QLinearAveragePool: ['x', 's', 'z', 's', 'z'],
    QLinearGlobalAveragePool: ['x', 's', 'z', 's', 'z'],
    QLinearConcat: ['s', 'z', 'x', 's', 'z', 'x', 's', 'z'],
    QGemm: ['x', 's', 'z', 'x', 's', 'z', '', 's', 'z'],
    MatMulIntegerToFloat: ['x', 'x', 's', 's', 'z', 'z'],
    DynamicQuantizeMatMul: ['f', 'x', 's', 'z'],
  }
  const attributes: Record<string, object> = {
    QLinearSoftmax: { opset: 13 },
    QLinearAveragePool: { kernel_shape: [2, 2] },
    QLinearConcat: { axis: 0 },
  }

  describe.each(Object.entries(roles))('%s', (op, kinds) => {
    const shape = shapes[op] ?? [2, 2]
    const make = (kind: string, dtype?: DType): HostTensor | undefined => {
      if (kind === '') return undefined
      const of = dtype ?? ({ x: 'uint8', z: 'uint8', s: 'float32', f: 'float32' } as const)[kind as 'x']
      const one = kind === 's' || kind === 'z'
      return tensorOf(of, one ? [] : shape, Array<number>(one ? 1 : 4).fill(1))
    }
    const run = (inputs: readonly (HostTensor | undefined)[], constants: readonly number[]) =>
      runNode({ op, domain, inputs, constants, attributes: { ...attributes[op] } })

    test('runs with the right ones', async () => {
      const [y] = await run(
        kinds.map((kind) => make(kind)),
        [],
      )
      expect(y.data.length).toBeGreaterThan(0)
    })

    test.each(kinds.flatMap((kind, i) => (kind === 's' || kind === 'z' ? [[i, kind] as const] : [])))(
      'input %i',
      async (index, kind) => {
        const wrong: readonly DType[] = kind === 's' ? ['float16', 'float64', 'int8', 'uint8'] : ['float32', 'int8', 'int32', 'uint16'] // prettier-ignore
        for (const dtype of wrong) {
          // The output of QGemm is of the type that its zero point has.
          if (op === 'QGemm' && index === 8 && dtype === 'int8') continue
          const inputs = kinds.map((other, i) => make(other, i === index ? dtype : undefined))
          for (const constants of [[], [...inputs.keys()]])
            await expectRejects('E_TENSOR', () => run(inputs, constants))
        }
      },
    )
  })
})
