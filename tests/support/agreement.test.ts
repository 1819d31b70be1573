import { describe, expect, it } from 'vitest'
import { pairedRatio, summarize } from '../../bench/statistics.js'
import { parseWork, serializeWork } from '../../bench/work.js'
import { decodeFloat, isSmallFloat } from '../../src/core/floats.js'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import { agrees, compareTensors, compareValues, modelTolerance, onnxTolerance } from './agreement.js'
import { decodeSmallFloat } from './small-floats.js'

const floats = (...values: number[]): HostTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
})

describe('what the tests call equal', () => {
  it.each<[string, HostTensor, HostTensor, boolean]>([
    ['the same', floats(1, NaN, -Infinity, -0), floats(1, NaN, -Infinity, 0), true],
    ['within a thousandth', floats(1000.9), floats(1000), true],
    ['beyond a thousandth', floats(1001.1), floats(1000), false],
    ['within 1e-7 of zero', floats(0.9e-7), floats(0), true],
    ['beyond 1e-7 of zero', floats(1.1e-7), floats(0), false],
    ['NaN instead of a number', floats(NaN), floats(1), false],
    ['a number instead of NaN', floats(1), floats(NaN), false],
    ['infinity instead of a number', floats(Infinity), floats(3e38), false],
    ['infinities of other signs', floats(Infinity), floats(-Infinity), false],
    ['another shape', { ...floats(1, 2), shape: [1, 2] }, floats(1, 2), false],
    ['another type', hostFrom('int32', [1], [1]), hostFrom('int64', [1], [1]), false],
    ['another integer', hostFrom('int32', [1], [1000]), hostFrom('int32', [1], [1001]), false],
    [
      'another integer beyond 2^53',
      { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n ** 53n) },
      { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n ** 53n + 1n) },
      false,
    ],
    [
      'another string',
      { dtype: 'string', shape: [1], data: ['a'] },
      { dtype: 'string', shape: [1], data: ['b'] },
      false,
    ],
  ])('%s', (_, actual, expected, good) => {
    expect(agrees(compareTensors(actual, expected, onnxTolerance))).toBe(good)
  })

  it('of a model: within 1e-4 of the largest element, integers within one', () => {
    expect(agrees(compareTensors(floats(0.009, 100), floats(0, 100), modelTolerance))).toBe(true)
    expect(agrees(compareTensors(floats(0.011, 100), floats(0, 100), modelTolerance))).toBe(false)
    expect(agrees(compareTensors(hostFrom('uint8', [1], [4]), hostFrom('uint8', [1], [5]), modelTolerance))).toBe(true)
    expect(agrees(compareTensors(hostFrom('int64', [1], [4]), hostFrom('int64', [1], [6]), modelTolerance))).toBe(false)
  })

  it('of sequences and optionals: item by item', () => {
    const sequence = (...items: HostTensor[]) => ({ kind: 'sequence', dtype: 'float32', items }) as const
    expect(agrees(compareValues(sequence(floats(1)), sequence(floats(1)), onnxTolerance))).toBe(true)
    expect(agrees(compareValues(sequence(floats(1), floats(2)), sequence(floats(1)), onnxTolerance))).toBe(false)
    expect(agrees(compareValues(sequence(floats(1), floats(2)), sequence(floats(1), floats(3)), onnxTolerance))).toBe(
      false,
    )
    expect(agrees(compareValues(floats(1), { kind: 'optional', value: null }, onnxTolerance))).toBe(false)
    expect(agrees(compareValues(floats(1), { kind: 'optional', value: floats(1) }, onnxTolerance))).toBe(true)
    expect(agrees(compareValues(undefined, floats(1), onnxTolerance))).toBe(false)
  })

  it('reads the small floating-point types as the library does', () => {
    for (const dtype of [
      'float16',
      'bfloat16',
      'float8e4m3fn',
      'float8e4m3fnuz',
      'float8e5m2',
      'float8e5m2fnuz',
      'float8e8m0',
      'float4e2m1',
    ] as const) {
      if (!isSmallFloat(dtype)) throw new Error(dtype)
      const codes = dtype.endsWith('16') ? 65536 : dtype === 'float4e2m1' ? 16 : 256
      for (let code = 0; code < codes; code++) {
        const [ours, theirs] = [decodeSmallFloat(dtype, code), decodeFloat(dtype, code)]
        if (!Object.is(ours, theirs) && !(ours !== ours && theirs !== theirs))
          throw new Error(`${dtype} ${code}: ${ours} and ${theirs}`)
      }
    }
  })
})

describe('what the bench reports', () => {
  it('medians and quartiles', () => {
    expect(summarize([5, 1, 2, 4, 3])).toEqual({ median: 3, min: 1, spread: 1 / 3, samples: 5 })
  })

  it('ratios of neighbours, so that a slow spell of the machine cancels', () => {
    const fast = [1, 1, 10, 10, 10]
    const slow = [3, 3, 30, 30, 30]
    expect(pairedRatio(slow, fast).ratio).toBeCloseTo(3, 12)
    expect(pairedRatio(slow, fast).noise).toBeCloseTo(0, 12)
  })

  it('carries a work to another process whole', () => {
    const work = {
      suite: 'kernels',
      group: 'g',
      name: 'n',
      model: Uint8Array.of(1, 2, 3),
      feeds: [
        new Map<string, HostTensor>([
          ['x', floats(1, 2, 3)],
          ['i', hostFrom('int64', [1, 2], [4, 5])],
        ]),
      ],
      flops: 7,
    }
    expect(parseWork(serializeWork(work).buffer as ArrayBuffer)).toEqual({
      ...work,
      weights: undefined,
      identity: undefined,
    })
  })
})
