import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LanewiseError } from '../../../src/core/errors.js'
import { Tensor } from '../../../src/api/tensor.js'
import { decodeSafetensors, encodeSafetensors } from '../../../src/train/checkpoints/safetensors.js'
import { expectError } from '../../support/expect-error.js'

/** A file with any header, as an object or as text, and elements. */
function file(header: unknown, elements = 0): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + text.length + elements)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true)
  bytes.set(text, 8)
  return bytes
}

const tensors = new Map<string, Tensor>([
  ['half', new Tensor('float16', Uint16Array.of(0x3c00, 0x7e00, 1), [3])],
  ['weight', new Tensor('float32', [1.5, -0, NaN, Infinity, 1e-40, 3], [2, 3])],
  ['brain', new Tensor('bfloat16', Uint16Array.of(0x3f80, 0xffff), [2, 1])],
  ['big', new Tensor('int64', BigInt64Array.of(-(2n ** 63n), 5n), [2])],
  ['small', new Tensor('int32', Int32Array.of(-7), [])],
  ['bytes', new Tensor('uint8', Uint8Array.of(1, 2, 255), [3])],
  ['flags', new Tensor('bool', [true, false, true], [3])],
  ['empty', new Tensor('float32', new Float32Array(0), [0, 5])],
  ['__proto__', new Tensor('float64', Float64Array.of(Math.E), [1])],
  ['constructor', new Tensor('int8', Int8Array.of(-1), [1])],
  ['ümlaut "quoted"', new Tensor('uint64', BigUint64Array.of(2n ** 64n - 1n), [1])],
  ['tiny', new Tensor('float8e4m3fn', Uint8Array.of(0x7e), [1])],
])

describe('safetensors', () => {
  test('tensors come back bit for bit, with their metadata', () => {
    const bytes = encodeSafetensors(tensors, { format: 'pt', __proto__x: 'y' })
    const back = decodeSafetensors(bytes)
    expect(new Set(back.tensors.keys())).toEqual(new Set(tensors.keys()))
    for (const [name, { type, dims, data }] of tensors) {
      const other = back.tensors.get(name)!
      expect([other.type, other.dims]).toEqual([type, dims])
      const raw = (values: typeof data) =>
        Buffer.from(
          (values as Uint8Array).buffer,
          (values as Uint8Array).byteOffset,
          (values as Uint8Array).byteLength,
        ).toString('hex')
      expect(raw(other.data)).toBe(raw(data))
    }
    expect(Object.fromEntries(back.metadata)).toEqual({ format: 'pt', __proto__x: 'y' })
    // A file in the middle of another buffer.
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    expect(decodeSafetensors(shifted.subarray(3)).tensors.get('big')!.data).toEqual(tensors.get('big')!.data)
  })

  test('a file that Python wrote', () => {
    // safetensors.numpy.save({"a": np.arange(3, dtype=np.int32), "b": np.float32(2)})
    const header =
      '{"a":{"dtype":"I32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[],"data_offsets":[12,16]}} '
    const bytes = file(header, 16)
    bytes.set(Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0x40), bytes.length - 16)
    const { tensors } = decodeSafetensors(bytes)
    expect(tensors.get('a')!.data).toEqual(Int32Array.of(0, 1, 2))
    expect(tensors.get('b')!.data).toEqual(Float32Array.of(2))
  })

  test('elements begin where typed arrays can', () => {
    const bytes = encodeSafetensors(tensors)
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
    expect(length % 8).toBe(0)
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
      string,
      { data_offsets: [number, number] }
    >
    expect(header.big.data_offsets[0] % 8).toBe(0)
    expect(header.weight.data_offsets[0] % 4).toBe(0)
    expect(header.half.data_offsets[0] % 2).toBe(0)
  })

  test('a file cut off anywhere is refused', () => {
    const bytes = encodeSafetensors(tensors)
    for (let length = 0; length < bytes.length; length++) {
      let error: unknown
      try {
        decodeSafetensors(bytes.subarray(0, length))
      } catch (thrown) {
        error = thrown
      }
      expect(error, `cut at ${length}`).toBeInstanceOf(LanewiseError)
    }
  })

  const f32 = (shape: unknown, ...data_offsets: unknown[]) => ({ dtype: 'F32', shape, data_offsets })
  test.each<[string, unknown, number, 'E_PARSE' | 'E_TENSOR' | 'E_UNSUPPORTED']>([
    ['no object', [1], 0, 'E_PARSE'],
    ['not JSON', '{"a":', 0, 'E_PARSE'],
    ['blanks before it', ' {}', 0, 'E_PARSE'],
    ['not UTF-8', '{"\ud800":1}', 0, 'E_PARSE'],
    ['lists a hundred thousand deep', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 0, 'E_PARSE'],
    ['an entry that is no object', { a: 5 }, 0, 'E_PARSE'],
    ['an entry that is null', { a: null }, 0, 'E_PARSE'],
    ['no dtype', { a: { shape: [1], data_offsets: [0, 4] } }, 4, 'E_PARSE'],
    ['an unknown dtype', { a: { dtype: 'F7', shape: [1], data_offsets: [0, 4] } }, 4, 'E_UNSUPPORTED'],
    [
      'a dtype from the prototype',
      { a: { dtype: 'constructor', shape: [1], data_offsets: [0, 4] } },
      4,
      'E_UNSUPPORTED',
    ],
    ['an unknown field', { a: { ...f32([1], 0, 4), strides: [1] } }, 4, 'E_PARSE'],
    ['no shape', { a: { dtype: 'F32', data_offsets: [0, 4] } }, 4, 'E_TENSOR'],
    ['a negative size', { a: f32([-1], 0, 4) }, 4, 'E_TENSOR'],
    ['half a place', { a: f32([0.5, 2], 0, 4) }, 4, 'E_TENSOR'],
    ['a size beyond 2^53', { a: f32([2 ** 60], 0, 4) }, 4, 'E_TENSOR'],
    ['sizes whose product overflows', { a: f32([2 ** 32, 2 ** 32], 0, 0) }, 0, 'E_TENSOR'],
    ['too many axes', { a: f32(new Array<number>(65).fill(1), 0, 4) }, 4, 'E_TENSOR'],
    ['three offsets', { a: f32([1], 0, 4, 8) }, 4, 'E_PARSE'],
    ['offsets that are text', { a: f32([1], '0', '4') }, 4, 'E_PARSE'],
    ['offsets backwards', { a: f32([1], 4, 0) }, 4, 'E_PARSE'],
    ['offsets beyond the end', { a: f32([2], 0, 8) }, 4, 'E_PARSE'],
    ['a negative offset', { a: f32([2], -4, 4) }, 4, 'E_PARSE'],
    ['too few bytes for the shape', { a: f32([2], 0, 4) }, 4, 'E_TENSOR'],
    ['tensors that overlap', { a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4, 'E_PARSE'],
    ['tensors that overlap in part', { a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12, 'E_PARSE'],
    ['a hole', { a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12, 'E_PARSE'],
    ['bytes left over', { a: f32([1], 0, 4) }, 8, 'E_PARSE'],
    [
      'a name twice',
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
      2,
      'E_PARSE',
    ],
    ['metadata that is no text', { __metadata__: { a: 1 } }, 0, 'E_PARSE'],
    ['metadata that is a list', { __metadata__: ['a'] }, 0, 'E_PARSE'],
  ])('%s is refused', (_, header, elements, code) => {
    if (header === '{"\ud800":1}') {
      const bytes = file('{"x":1}')
      bytes[10] = 0xff
      expectError(code, () => decodeSafetensors(bytes))
    } else expectError(code, () => decodeSafetensors(file(header, elements)))
  })

  test('lengths that no header has are refused before anything is read', () => {
    for (const length of [2n ** 64n - 1n, 2n ** 63n, 2n ** 32n, 100_000_001n, 3n]) {
      const bytes = file('{}')
      new DataView(bytes.buffer).setBigUint64(0, length, true)
      expectError('E_PARSE', () => decodeSafetensors(bytes))
    }
    expectError(
      'E_PARSE',
      () => decodeSafetensors(new TextEncoder().encode('<!DOCTYPE html><html>')),
      /no safetensors file/,
    )
  })

  test('booleans are 0 or 1', () => {
    const bytes = file({ a: { dtype: 'BOOL', shape: [2], data_offsets: [0, 2] } }, 2)
    bytes[bytes.length - 1] = 2
    expectError('E_TENSOR', () => decodeSafetensors(bytes))
  })

  test('whatever is changed in a file, only typed errors', () => {
    const bytes = encodeSafetensors(tensors, { a: 'b' })
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 900 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 900 }),
        fc.integer({ min: 0, max: 255 }),
        (i, a, k, b) => {
          const changed = Uint8Array.from(bytes)
          changed[i % bytes.length] = a
          changed[k % bytes.length] = b
          try {
            decodeSafetensors(changed)
          } catch (error) {
            expect(error).toBeInstanceOf(LanewiseError)
          }
        },
      ),
      { seed: 1, numRuns: 2000 },
    )
  })

  test('what cannot be written is refused', () => {
    const one = new Tensor('float32', [1], [1])
    expectError('E_UNSUPPORTED', () => encodeSafetensors([['a', new Tensor(['x'])]]))
    expectError('E_UNSUPPORTED', () => encodeSafetensors([['a', new Tensor('int4', Uint8Array.of(1), [2])]]))
    expectError('E_VALUE', () => encodeSafetensors([['__metadata__', one]]))
    expectError('E_VALUE', () =>
      encodeSafetensors([
        ['a', one],
        ['a', one],
      ]),
    )
  })
})
