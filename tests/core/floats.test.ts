import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isHostTensor, type HostTensor } from '../../src/core/host.js'
import {
  clampInteger,
  clampIntegers,
  decodeFloat,
  decodeFloats,
  encodeFloat,
  encodeFloats,
  isSmallFloat,
  wrapInteger,
  wrapIntegers,
  type NarrowInteger,
  type SmallFloat,
} from '../../src/core/floats.js'
import { readModel } from '../../src/onnx/wire.js'
import { readTestData } from '../support/onnx-test-data.js'
import { skipUnlessShared } from '../support/shared.js'

/** A format as its specification's table gives it. */
interface Spec {
  bits: number
  mantissa: number
  bias: number
  /** Is this code (without the sign) NaN or infinite? */
  special?: (magnitude: number) => number | undefined
  negativeZeroIsNaN?: boolean
}

const ieee = (infinity: number) => (magnitude: number) =>
  magnitude < infinity ? undefined : magnitude === infinity ? Infinity : NaN

const specs: Record<Exclude<SmallFloat, 'float8e8m0'>, Spec> = {
  float16: { bits: 16, mantissa: 10, bias: 15, special: ieee(0x7c00) },
  bfloat16: { bits: 16, mantissa: 7, bias: 127, special: ieee(0x7f80) },
  float8e5m2: { bits: 8, mantissa: 2, bias: 15, special: ieee(0x7c) },
  float8e4m3fn: { bits: 8, mantissa: 3, bias: 7, special: (magnitude) => (magnitude === 0x7f ? NaN : undefined) },
  float8e4m3fnuz: { bits: 8, mantissa: 3, bias: 8, negativeZeroIsNaN: true },
  float8e5m2fnuz: { bits: 8, mantissa: 2, bias: 16, negativeZeroIsNaN: true },
  float4e2m1: { bits: 4, mantissa: 1, bias: 1 },
}

/** The value of a code by the formulas of the specifications. */
function valueOf({ bits, mantissa, bias, special, negativeZeroIsNaN }: Spec, code: number): number {
  const sign = code >= 2 ** (bits - 1) ? -1 : 1
  const magnitude = code % 2 ** (bits - 1)
  if (sign < 0 && magnitude === 0 && negativeZeroIsNaN === true) return NaN
  const unusual = special?.(magnitude)
  if (unusual !== undefined) return sign * unusual
  const exponent = Math.floor(magnitude / 2 ** mantissa)
  const fraction = (magnitude % 2 ** mantissa) / 2 ** mantissa
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias))
}

/** The float64 next to a positive one. */
function next(value: number, direction: 1 | -1): number {
  const bits = new BigInt64Array(Float64Array.of(value).buffer)
  bits[0] += BigInt(direction)
  return new Float64Array(bits.buffer)[0]
}

const largest: Record<keyof typeof specs, number> = {
  float16: 65504,
  bfloat16: 2 ** 127 * (2 - 2 ** -7),
  float8e5m2: 57344,
  float8e4m3fn: 448,
  float8e4m3fnuz: 240,
  float8e5m2fnuz: 57344,
  float4e2m1: 6,
}

for (const [name, spec] of Object.entries(specs) as [keyof typeof specs, Spec][]) {
  describe(name, () => {
    const codes = Array.from({ length: 2 ** spec.bits }, (_, code) => code)
    const values = codes.map((code) => valueOf(spec, code))
    const stored = spec.bits === 16 ? Uint16Array.from(codes) : Uint8Array.from(codes)
    const finite = codes.filter((code) => code < 2 ** (spec.bits - 1) && Number.isFinite(values[code]))
    const negative = (code: number): number => code + 2 ** (spec.bits - 1)

    it('decodes every code', () => {
      expect(isSmallFloat(name)).toBe(true)
      const decoded = decodeFloats(name, stored)
      for (const code of codes) {
        if (!Object.is(decoded[code], values[code])) expect.fail(`code ${code}: ${decoded[code]}, not ${values[code]}`)
        if (!Object.is(decodeFloat(name, code), values[code])) expect.fail(`code ${code} alone`)
      }
    })

    it('encodes every value back to its code', () => {
      const real = codes.filter((code) => !Number.isNaN(values[code]))
      for (const saturate of [true, false]) {
        const encoded = encodeFloats(
          name,
          Float32Array.from(real, (code) => values[code]),
          saturate,
        )
        for (const [i, code] of real.entries()) {
          if (!Number.isFinite(values[code]) && saturate && name === 'float8e5m2') continue
          if (encoded[i] !== code) expect.fail(`${values[code]}: ${encoded[i]}, not ${code}`)
        }
      }
    })

    it('rounds to the nearest, ties to even, between every two neighbours', () => {
      for (let i = 1; i < finite.length; i++) {
        const [below, above] = [finite[i - 1], finite[i]]
        const middle = (values[below] + values[above]) / 2
        const even = below % 2 === 0 ? below : above
        const expected: [number, number][] = [
          [middle, even],
          [next(middle, -1), below],
          [next(middle, 1), above],
        ]
        for (const [value, code] of expected) {
          if (encodeFloat(name, value, false) !== code)
            expect.fail(`${value}: ${encodeFloat(name, value, false)}, not ${code}`)
          const mirrored = code === 0 && spec.negativeZeroIsNaN === true ? 0 : negative(code)
          if (encodeFloat(name, -value, true) !== mirrored) expect.fail(`${-value}`)
        }
      }
    })

    it('takes what rounds beyond the largest as the cast says', () => {
      const max = finite[finite.length - 1]
      expect(values[max]).toBe(largest[name])
      // The next value, if there were one more; half way to it a tie goes to the even code.
      const step = values[max] - values[max - 1]
      const tie = values[max] + step / 2
      const beyond = max % 2 === 0 ? next(tie, 1) : tie
      const within = max % 2 === 0 ? tie : next(tie, -1)
      const isFloat8 = name.startsWith('float8')
      const infinite = { float16: 0x7c00, bfloat16: 0x7f80, float8e5m2: 0x7c }[name as string]
      const unsaturated = name === 'float4e2m1' ? max : (infinite ?? (name === 'float8e4m3fn' ? 0x7f : 0x80))
      for (const value of [beyond, 1e300, Infinity]) {
        const saturated = isFloat8 ? max : unsaturated
        expect(encodeFloat(name, value, true), String(value)).toBe(saturated)
        expect(encodeFloat(name, -value, true), String(-value)).toBe(saturated === 0x80 ? 0x80 : negative(saturated))
        expect(encodeFloat(name, value, false), String(value)).toBe(unsaturated)
        expect(encodeFloat(name, -value, false), String(-value)).toBe(
          unsaturated === 0x80 ? 0x80 : negative(unsaturated),
        )
      }
      expect(encodeFloat(name, within, true)).toBe(max)
      expect(encodeFloat(name, within, false)).toBe(max)
    })

    it('keeps NaN where the format has one, and the sign of zero where it has one', () => {
      const nan = encodeFloat(name, NaN)
      if (name === 'float4e2m1') expect(nan).toBe(8)
      else expect(decodeFloat(name, nan)).toBeNaN()
      expect(encodeFloat(name, NaN, false)).toBe(nan)
      expect(encodeFloat(name, 0)).toBe(0)
      expect(encodeFloat(name, -0)).toBe(spec.negativeZeroIsNaN === true ? 0 : negative(0))
      for (const tiny of [5e-324, 1e-310, 1e-45, 1e-40]) {
        expect(encodeFloat(name, tiny)).toBe(encodeFloat(name, Math.fround(tiny)))
      }
    })

    it('gives arrays what it gives single numbers', () => {
      fc.assert(
        fc.property(fc.array(fc.double()), fc.boolean(), (numbers, saturate) => {
          const expected = numbers.map((value) => encodeFloat(name, value, saturate))
          expect(Array.from(encodeFloats(name, Float64Array.from(numbers), saturate))).toEqual(expected)
        }),
      )
    })
  })
}

describe('rounding once', () => {
  it('from float64, where the way over float32 would round twice', () => {
    const value = 1 + 2 ** -11 + 2 ** -40
    expect(encodeFloat('float16', value)).toBe(0x3c01)
    expect(encodeFloat('float16', Math.fround(value))).toBe(0x3c00)
    expect(encodeFloat('bfloat16', 1 + 2 ** -8 + 2 ** -40)).toBe(0x3f81)
    expect(encodeFloat('float8e4m3fn', 1 + 2 ** -4 + 2 ** -40)).toBe(0x39)
  })

  it('from float32 to bfloat16 as by bits', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        const [bits] = new Uint32Array(Float32Array.of(value).buffer)
        const expected = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
        expect(encodeFloats('bfloat16', Float32Array.of(value))[0]).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('float8e8m0', () => {
  const min = 2 ** -127
  const max = 2 ** 127

  it('decodes every code, and encodes it back in every mode', () => {
    const decoded = decodeFloats(
      'float8e8m0',
      Uint8Array.from({ length: 256 }, (_, code) => code),
    )
    for (let code = 0; code < 255; code++) {
      expect(decoded[code]).toBe(2 ** (code - 127))
      for (const mode of ['up', 'down', 'nearest'] as const) {
        for (const saturate of [true, false])
          expect(encodeFloat('float8e8m0', decoded[code], saturate, mode)).toBe(code)
      }
    }
    expect(decoded[255]).toBeNaN()
  })

  it('rounds up, down and to the nearest with ties up', () => {
    for (let code = 0; code < 254; code++) {
      const value = 2 ** (code - 127)
      const cases: [number, 'up' | 'down' | 'nearest', number][] = [
        [next(value, 1), 'up', code + 1],
        [value * 1.999, 'down', code],
        [next(value * 1.5, -1), 'nearest', code],
        [value * 1.5, 'nearest', code + 1],
        [next(value * 2, -1), 'nearest', code + 1],
      ]
      for (const [x, mode, expected] of cases) {
        for (const saturate of [true, false])
          expect(encodeFloat('float8e8m0', x, saturate, mode), `${x} ${mode}`).toBe(expected)
      }
    }
  })

  it('takes special values as the table of Cast has them', () => {
    const up = (value: number) => encodeFloat('float8e8m0', value, true, 'up')
    const nearest = (value: number) => encodeFloat('float8e8m0', value, false, 'nearest')
    expect([0, NaN, Infinity, next(max, 1), max * 2, min / 2, 5e-324].map(up)).toEqual([0, 255, 254, 254, 254, 0, 0])
    expect([0, NaN, Infinity, max * 1.5, max * 2, min / 2, 5e-324].map(nearest)).toEqual([
      255, 255, 255, 255, 255, 255, 255,
    ])
    expect(encodeFloat('float8e8m0', next(max, 1), false, 'up')).toBe(255)
    expect(encodeFloat('float8e8m0', min / 2, false, 'up')).toBe(0)
    expect(encodeFloat('float8e8m0', max * 1.9, false, 'down')).toBe(254)
    expect(encodeFloat('float8e8m0', min / 2, false, 'down')).toBe(255)
    expect(encodeFloat('float8e8m0', -4)).toBe(129)
  })

  it('gives arrays what it gives single numbers', () => {
    const numbers = [0.124, 0.25, 0.5, 1.1, 2, 4, 8, 0]
    expect(Array.from(encodeFloats('float8e8m0', Float32Array.from(numbers)))).toEqual([
      124, 125, 126, 128, 128, 129, 130, 0,
    ])
    expect(Array.from(encodeFloats('float8e8m0', Float64Array.from(numbers), false, 'nearest'))).toEqual([
      124, 125, 126, 127, 128, 129, 130, 255,
    ])
  })
})

describe('integers of 2 and 4 bits', () => {
  it("wrap as two's complement does", () => {
    const cases: [NarrowInteger, number[], number[]][] = [
      ['int4', [-9, -8, 7, 8, 16, -1.9, 1e20, NaN, Infinity, -Infinity], [7, -8, 7, -8, 0, -1, 0, 0, 0, 0]],
      ['uint4', [-9, -1, 15, 16, 17.9], [7, 15, 15, 0, 1]],
      ['int2', [-3, -2, -1, 0, 1, 2, 3], [1, -2, -1, 0, 1, -2, -1]],
      ['uint2', [-3, -2, -1, 0, 1, 2, 3], [1, 2, 3, 0, 1, 2, 3]],
    ]
    for (const [dtype, from, to] of cases) {
      expect(Array.from(wrapIntegers(dtype, from)), dtype).toEqual(to)
      expect(
        from.map((value) => wrapInteger(dtype, value)),
        dtype,
      ).toEqual(to)
    }
    expect(wrapInteger('int4', -(2n ** 63n) + 9n)).toBe(-7)
    expect(Array.from(wrapIntegers('uint4', BigInt64Array.of(-1n, 2n ** 62n + 3n)))).toEqual([15, 3])
  })

  it('clamp to their range', () => {
    expect(Array.from(clampIntegers('int4', [-9, -8, 7, 8, Infinity, NaN]))).toEqual([-8, -8, 7, 7, 7, 0])
    expect(Array.from(clampIntegers('uint2', [-1, 0, 3, 4]))).toEqual([0, 0, 3, 3])
    expect(clampInteger('int2', -100)).toBe(-2)
    expect(clampInteger('uint4', 100)).toBe(15)
    expect(clampIntegers('int2', [1])).toBeInstanceOf(Int8Array)
    expect(clampIntegers('uint4', [1])).toBeInstanceOf(Uint8Array)
  })

  it('wrap every number between -100 and 100 into range, equal modulo the size', () => {
    for (const [dtype, size, low] of [
      ['int4', 16, -8],
      ['uint4', 16, 0],
      ['int2', 4, -2],
      ['uint2', 4, 0],
    ] as const) {
      for (let value = -100; value <= 100; value++) {
        const wrapped = wrapInteger(dtype, value)
        expect(wrapped >= low && wrapped < low + size && (wrapped - value) % size === 0, `${dtype} ${value}`).toBe(true)
      }
    }
  })
})

skipUnlessShared("ONNX's tests of Cast", ['onnx-tests', 'node'], (folder) => {
  const names = readdirSync(folder).filter(
    (name) =>
      /^test_cast(like)?_.*(FLOAT8|FLOAT4|FLOAT16|BFLOAT16|e8m0|INT2|INT4)/i.test(name) && !name.endsWith('_expanded'),
  )

  function numbers({ dtype, data }: HostTensor): Float64Array {
    if (isSmallFloat(dtype)) return Float64Array.from(decodeFloats(dtype, data as Uint8Array))
    return Float64Array.from(data as Float64Array)
  }

  function cast(
    x: HostTensor,
    to: HostTensor['dtype'],
    saturate: boolean,
    mode: 'up' | 'down' | 'nearest',
  ): Float64Array {
    const values = numbers(x)
    if (isSmallFloat(to)) return Float64Array.from(decodeFloats(to, encodeFloats(to, values, saturate, mode)))
    if (to.endsWith('int4') || to.endsWith('int2')) return Float64Array.from(wrapIntegers(to as NarrowInteger, values))
    return to === 'float32' ? Float64Array.from(values, Math.fround) : values
  }

  it('agree', () => {
    expect(names.length).toBeGreaterThan(0)
    for (const name of names) {
      const graph = readModel(readFileSync(join(folder, name, 'model.onnx'))).graph!
      const attributes = new Map(graph.node[0].attribute.map((attribute) => [attribute.name, attribute]))
      const saturate = attributes.get('saturate')?.i !== 0n
      const mode = new TextDecoder().decode(attributes.get('round_mode')?.s) || 'up'
      for (const { inputs, outputs } of readTestData(join(folder, name), graph)) {
        const [x] = inputs.values()
        const [y] = outputs.values()
        if (!isHostTensor(x) || !isHostTensor(y)) throw new Error(`${name} is not about tensors`)
        expect(cast(x, y.dtype, saturate, mode as 'up'), name).toEqual(numbers(y))
      }
    }
  })
})
