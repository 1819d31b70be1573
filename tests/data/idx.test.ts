import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeIdx, encodeIdx, readIdx } from '../../src/data/formats/idx.js'
import { LanewiseError } from '../../src/core/errors.js'
import { Tensor } from '../../src/api/tensor.js'
import { expectError, expectRejects } from '../support/expect-error.js'

const small = encodeIdx(new Tensor('int16', Int16Array.of(1, -2, 300, -400, 5, 6), [2, 3]))

describe('IDX', () => {
  test('the bytes are those of the format', () => {
    expect(Array.from(small)).toEqual([
      0, 0, 0x0b, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 0xff, 0xfe, 1, 44, 0xfe, 0x70, 0, 5, 0, 6,
    ])
  })

  test.each([
    new Tensor('uint8', Uint8Array.of(0, 127, 255), [3, 1]),
    new Tensor('int8', Int8Array.of(-128, 127), [2]),
    new Tensor('int32', Int32Array.of(-(2 ** 31), 7), [1, 2, 1]),
    new Tensor('float32', Float32Array.of(0.1, -Infinity, NaN), [3]),
    new Tensor('float64', Float64Array.of(Math.PI), []),
    new Tensor('uint8', new Uint8Array(0), [0, 28, 28]),
  ])('$type$dims comes back, plain and packed', async (tensor) => {
    const bytes = encodeIdx(tensor)
    for (const file of [bytes, gzipSync(bytes)]) {
      const back = await readIdx(file)
      expect(back.type).toBe(tensor.type)
      expect(back.dims).toEqual(tensor.dims)
      expect(back.data).toEqual(tensor.data)
    }
  })

  test('a file cut off anywhere, or with a byte too many, is refused', () => {
    for (let length = 0; length < small.length; length++)
      expectError('E_PARSE', () => decodeIdx(small.subarray(0, length)))
    expectError('E_PARSE', () => decodeIdx(Uint8Array.of(...small, 0)), /takes 12 bytes, there are 13/)
  })

  test('sizes that no file can have are refused before anything is allocated', () => {
    const huge = Uint8Array.of(0, 0, 8, 3, ...new Array<number>(12).fill(255))
    expectError('E_TENSOR', () => decodeIdx(huge))
    const large = Uint8Array.of(0, 0, 0x0e, 1, 255, 255, 255, 255)
    expectError('E_PARSE', () => decodeIdx(large, 'large.idx'), /large\.idx/)
    const empty = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 0, 255, 255, 255, 255)
    expect(decodeIdx(empty).dims).toEqual([0, 2 ** 32 - 1])
  })

  test('packed data that is damaged or a bomb is refused', async () => {
    const packed = gzipSync(small)
    await expectRejects('E_PARSE', () => readIdx(packed.subarray(0, packed.length - 9)))
    const wrong = Uint8Array.from(packed)
    wrong[wrong.length - 6] ^= 1
    await expectRejects('E_PARSE', () => readIdx(wrong))
    await expectRejects('E_BUDGET', () => readIdx(gzipSync(new Uint8Array(10 ** 6)), 'bomb', 10 ** 5))
  })

  test('whatever the bytes are, only typed errors', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 0, max: 3 }), async (noise, kind) => {
        const bytes =
          kind === 0
            ? noise
            : kind === 1
              ? Uint8Array.of(0, 0, 8, ...noise)
              : kind === 2
                ? Uint8Array.of(0x1f, 0x8b, 8, ...noise)
                : gzipSync(Uint8Array.of(0, 0, 9, ...noise))
        try {
          await readIdx(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(LanewiseError)
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('types that IDX does not have are refused', () => {
    expectError('E_UNSUPPORTED', () => encodeIdx(new Tensor('int64', [1n], [1])))
  })
})
