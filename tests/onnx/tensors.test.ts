import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dtypeToOnnx, packedBits, type DType, type NumericDType } from '../../src/core/dtype.js'
import { hostFrom, hostTensor, hostZeros, type HostTensor } from '../../src/core/host.js'
import type { TensorProto } from '../../src/onnx/schema/onnx.js'
import { createMessage } from '../../src/onnx/schema/table.js'
import {
  decodeSparseTensor,
  decodeTensor,
  describeTensor,
  encodeTensor,
  tensorBytes,
} from '../../src/onnx/tensor-proto.js'
import { readTensorProto, writeTensorProto } from '../../src/onnx/wire.js'
import { expectError } from '../support/expect-error.js'
import { ascii } from '../support/formats/wire-bytes.js'

const FLOAT = dtypeToOnnx('float32')

function proto(fields: Partial<TensorProto>): TensorProto {
  return createMessage('TensorProto', { name: 'w', ...fields })
}

const numericDTypes: NumericDType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'float8e8m0',
  'float4e2m1',
  'int2',
  'uint2',
  'int4',
  'uint4',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
  'complex64',
  'complex128',
]

describe('hostile tensors', () => {
  const hostile: Record<string, () => TensorProto> = {
    'a negative dimension': () => proto({ dataType: FLOAT, dims: [2, -2], rawData: new Uint8Array(16) }),
    'a product over 2^31': () => proto({ dataType: FLOAT, dims: [2 ** 16, 2 ** 16], rawData: new Uint8Array(4) }),
    'a product over 2^53': () => proto({ dataType: FLOAT, dims: [2 ** 30, 2 ** 30], rawData: new Uint8Array(4) }),
    'a product over 2^64, which is 0 modulo 2^64': () =>
      proto({ dataType: FLOAT, dims: [2 ** 32, 2 ** 32], rawData: new Uint8Array(0) }),
    'a product of 2^32 + 1, which is 1 modulo 2^32': () =>
      proto({ dataType: FLOAT, dims: [641, 6700417], rawData: new Uint8Array(4) }),
    'a dimension of 2^63 - 1': () => proto({ dataType: FLOAT, dims: [2 ** 63], rawData: new Uint8Array(4) }),
    'a dimension of -2^63': () => proto({ dataType: FLOAT, dims: [-(2 ** 63)], rawData: new Uint8Array(4) }),
    'raw data that are short': () => proto({ dataType: FLOAT, dims: [2], rawData: new Uint8Array(7) }),
    'raw data that are long': () => proto({ dataType: FLOAT, dims: [2], rawData: new Uint8Array(12) }),
    'raw data that are no multiple of the element': () =>
      proto({ dataType: FLOAT, dims: [2], rawData: new Uint8Array(9) }),
    'raw data for an empty tensor': () => proto({ dataType: FLOAT, dims: [0], rawData: new Uint8Array(4) }),
    'no data': () => proto({ dataType: FLOAT, dims: [2] }),
    'no data for a scalar': () => proto({ dataType: FLOAT, dims: [] }),
    'empty raw data': () => proto({ dataType: FLOAT, dims: [2], rawData: new Uint8Array(0) }),
    'raw and typed data': () =>
      proto({ dataType: FLOAT, dims: [1], rawData: new Uint8Array(4), floatData: Float32Array.of(1) }),
    'raw data and typed data of another type': () =>
      proto({ dataType: FLOAT, dims: [1], rawData: new Uint8Array(4), int64Data: BigInt64Array.of(1n) }),
    'two kinds of typed data': () =>
      proto({ dataType: FLOAT, dims: [1], floatData: Float32Array.of(1), int32Data: Int32Array.of(1) }),
    'typed data in the wrong field': () => proto({ dataType: FLOAT, dims: [1], int32Data: Int32Array.of(1) }),
    'typed data that are short': () => proto({ dataType: FLOAT, dims: [3], floatData: Float32Array.of(1, 2) }),
    'typed data that are long': () => proto({ dataType: FLOAT, dims: [1], floatData: Float32Array.of(1, 2) }),
    'an undefined data type': () => proto({ dims: [1], rawData: new Uint8Array(4) }),
    'an unknown data type': () => proto({ dataType: 99, dims: [1], rawData: new Uint8Array(4) }),
    'a negative data type': () => proto({ dataType: -1, dims: [1], rawData: new Uint8Array(4) }),
    'packed int4 that are short': () => proto({ dataType: dtypeToOnnx('int4'), dims: [5], rawData: new Uint8Array(2) }),
    'packed int4 that are long': () => proto({ dataType: dtypeToOnnx('int4'), dims: [4], rawData: new Uint8Array(3) }),
    'packed uint2 that are short': () =>
      proto({ dataType: dtypeToOnnx('uint2'), dims: [9], rawData: new Uint8Array(2) }),
    'packed int4 in int32_data that are short': () =>
      proto({ dataType: dtypeToOnnx('int4'), dims: [3], int32Data: Int32Array.of(1) }),
    'a rank over 64': () => proto({ dataType: FLOAT, dims: new Array<number>(65).fill(1), rawData: new Uint8Array(4) }),
    'strings with raw data': () => proto({ dataType: dtypeToOnnx('string'), dims: [1], rawData: ascii('a') }),
    'strings with external data': () =>
      proto({
        dataType: dtypeToOnnx('string'),
        dims: [1],
        dataLocation: 1,
        externalData: [{ key: 'location', value: 'a' }],
      }),
    'strings that are short': () => proto({ dataType: dtypeToOnnx('string'), dims: [2], stringData: [ascii('a')] }),
    'a string of invalid UTF-8': () =>
      proto({ dataType: dtypeToOnnx('string'), dims: [1], stringData: [Uint8Array.of(0xff)] }),
    'an int8 of 300': () => proto({ dataType: dtypeToOnnx('int8'), dims: [1], int32Data: Int32Array.of(300) }),
    'a float16 of more than 16 bits': () =>
      proto({ dataType: dtypeToOnnx('float16'), dims: [1], int32Data: Int32Array.of(0x10000) }),
    'a uint32 of more than 32 bits': () =>
      proto({ dataType: dtypeToOnnx('uint32'), dims: [1], uint64Data: BigUint64Array.of(2n ** 32n) }),
    'an unknown data location': () => proto({ dataType: FLOAT, dims: [0], dataLocation: 2 }),
  }
  for (const [name, make] of Object.entries(hostile)) {
    it(`refuses ${name}`, () => {
      const error = expectError('E_TENSOR', () => decodeTensor(make()), /tensor "w"/)
      expect(error.tensor).toBe('w')
      // Typed elements are not looked at here: undefined sends the caller to decodeTensor.
      const { rawData, dataLocation } = make()
      if (rawData !== undefined || dataLocation !== 0) expectError('E_TENSOR', () => tensorBytes(make()))
    })
  }

  it('refuses segments as unsupported', () => {
    const segmented = proto({ dataType: FLOAT, dims: [1], segment: { begin: 0, end: 1 }, rawData: new Uint8Array(4) })
    expectError('E_UNSUPPORTED', () => decodeTensor(segmented))
  })

  it('takes a zero dimension beside a huge one as empty', () => {
    for (const dims of [
      [0, 2 ** 40],
      [2 ** 31, 0, 2 ** 31],
      [2 ** 53 - 1, 2 ** 53 - 1, 0],
    ]) {
      for (const fields of [{}, { rawData: new Uint8Array(0) }]) {
        const tensor = decodeTensor(proto({ dataType: FLOAT, dims, ...fields }))
        expect(tensor.shape).toEqual(dims)
        expect(tensor.data).toHaveLength(0)
      }
    }
  })

  it('allocates nothing for a shape that its bytes do not fill', () => {
    for (const dtype of numericDTypes) {
      for (const dims of [[2 ** 31 - 1], [2 ** 20, 2 ** 10]]) {
        expectError('E_TENSOR', () =>
          decodeTensor(proto({ dataType: dtypeToOnnx(dtype), dims, rawData: new Uint8Array(16) })),
        )
        expectError('E_TENSOR', () =>
          decodeTensor(proto({ dataType: dtypeToOnnx(dtype), dims, int32Data: new Int32Array(4) })),
        )
      }
    }
  })
})

describe('raw data', () => {
  it('are views where aligned and copies where not', () => {
    const file = new Uint8Array(64)
    new DataView(file.buffer).setFloat32(8, 1.5, true)
    new DataView(file.buffer).setFloat32(17, 2.5, true)
    const aligned = decodeTensor(proto({ dataType: FLOAT, dims: [1], rawData: file.subarray(8, 12) }))
    expect(aligned.data).toEqual(Float32Array.of(1.5))
    expect((aligned.data as Float32Array).buffer).toBe(file.buffer)
    const misaligned = proto({ dataType: FLOAT, dims: [1], rawData: file.subarray(17, 21) })
    expect(decodeTensor(misaligned).data).toEqual(Float32Array.of(2.5))
    expect(tensorBytes(misaligned)!.byteOffset).toBe(17)
    expect(tensorBytes(misaligned)!.buffer).toBe(file.buffer)
  })

  it('align complex types by their parts', () => {
    const file = new Uint8Array(32)
    const complex = decodeTensor(
      proto({ dataType: dtypeToOnnx('complex64'), dims: [2], rawData: file.subarray(4, 20) }),
    )
    expect((complex.data as Float32Array).buffer).toBe(file.buffer)
    expect(complex.data).toHaveLength(4)
  })

  it('of booleans become 0 and 1', () => {
    const data = decodeTensor(proto({ dataType: dtypeToOnnx('bool'), dims: [3], rawData: Uint8Array.of(0, 1, 7) })).data
    expect(data).toEqual(Uint8Array.of(0, 1, 1))
    expect(tensorBytes(proto({ dataType: dtypeToOnnx('bool'), dims: [1], rawData: Uint8Array.of(7) }))).toBeUndefined()
  })

  it('unpack 4-bit and 2-bit types from the low bits up, signed ones with their sign', () => {
    const read = (dtype: DType, dims: number[], ...rawData: number[]) =>
      Array.from(
        decodeTensor(proto({ dataType: dtypeToOnnx(dtype), dims, rawData: Uint8Array.from(rawData) }))
          .data as Int8Array,
      )
    expect(read('uint4', [3], 0x21, 0xf8)).toEqual([1, 2, 8])
    expect(read('int4', [4], 0x7f, 0x08)).toEqual([-1, 7, -8, 0])
    expect(read('float4e2m1', [2], 0xf3)).toEqual([3, 15])
    expect(read('uint2', [5], 0b11_10_01_00, 0b10)).toEqual([0, 1, 2, 3, 2])
    expect(read('int2', [4], 0b11_10_01_00)).toEqual([0, 1, -2, -1])
  })
})

describe('typed data', () => {
  const cases: [DType, Partial<TensorProto>, ArrayLike<number | bigint | string>][] = [
    ['float32', { floatData: Float32Array.of(1.5, -2) }, [1.5, -2]],
    ['float64', { doubleData: Float64Array.of(0.1, -2) }, [0.1, -2]],
    ['complex64', { floatData: Float32Array.of(1, 2, 3, 4) }, [1, 2, 3, 4]],
    ['complex128', { doubleData: Float64Array.of(1, 2, 3, 4) }, [1, 2, 3, 4]],
    ['int64', { int64Data: BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n)) }, [2n ** 63n - 1n, -(2n ** 63n)]],
    ['uint64', { uint64Data: BigUint64Array.of(2n ** 64n - 1n, 0n) }, [2n ** 64n - 1n, 0n]],
    ['uint32', { uint64Data: BigUint64Array.of(2n ** 32n - 1n, 7n) }, [2 ** 32 - 1, 7]],
    ['int32', { int32Data: Int32Array.of(2 ** 31 - 1, -(2 ** 31)) }, [2 ** 31 - 1, -(2 ** 31)]],
    ['int16', { int32Data: Int32Array.of(-32768, 32767) }, [-32768, 32767]],
    ['uint16', { int32Data: Int32Array.of(65535, 0) }, [65535, 0]],
    ['int8', { int32Data: Int32Array.of(-128, 255) }, [-128, -1]],
    ['uint8', { int32Data: Int32Array.of(255, 1) }, [255, 1]],
    ['bool', { int32Data: Int32Array.of(0, 2) }, [0, 1]],
    ['float16', { int32Data: Int32Array.of(0x3c00, 0xfc00) }, [0x3c00, 0xfc00]],
    ['bfloat16', { int32Data: Int32Array.of(0x3f80, 0xff80) }, [0x3f80, 0xff80]],
    ['float8e4m3fn', { int32Data: Int32Array.of(0x7f, 0xff) }, [0x7f, 0xff]],
    ['float8e4m3fnuz', { int32Data: Int32Array.of(0x80, 1) }, [0x80, 1]],
    ['float8e5m2', { int32Data: Int32Array.of(0x7c, 1) }, [0x7c, 1]],
    ['float8e5m2fnuz', { int32Data: Int32Array.of(0x80, 1) }, [0x80, 1]],
    ['float8e8m0', { int32Data: Int32Array.of(0xff, 127) }, [0xff, 127]],
    ['uint4', { int32Data: Int32Array.of(0xf1) }, [1, 15]],
    ['int4', { int32Data: Int32Array.of(0xf1) }, [1, -1]],
    ['int4', { int32Data: Int32Array.of(-15) }, [1, -1]],
    ['float4e2m1', { int32Data: Int32Array.of(0x9f) }, [15, 9]],
    ['uint2', { int32Data: Int32Array.of(0b1110) }, [2, 3]],
    ['int2', { int32Data: Int32Array.of(0b1110) }, [-2, -1]],
    ['string', { stringData: [ascii('größe'), ascii('')] }, ['größe', '']],
  ]
  for (const [dtype, fields, expected] of cases) {
    it(`of ${dtype} ${Object.keys(fields)[0]}`, () => {
      const made = proto({ dataType: dtypeToOnnx(dtype), dims: [2], ...fields })
      for (const tensor of [decodeTensor(made), decodeTensor(readTensorProto(writeTensorProto(made)))]) {
        expect(tensor.dtype).toBe(dtype)
        expect(tensor.shape).toEqual([2])
        expect(Array.from(tensor.data as ArrayLike<unknown>)).toEqual(Array.from(expected))
        expect(() => hostTensor(dtype, [2], tensor.data)).not.toThrow()
      }
      expect(tensorBytes(made)).toBeUndefined()
    })
  }

  it('may stand beside empty raw data', () => {
    const made = proto({ dataType: FLOAT, dims: [1], rawData: new Uint8Array(0), floatData: Float32Array.of(3) })
    expect(decodeTensor(made).data).toEqual(Float32Array.of(3))
  })
})

describe('encodeTensor', () => {
  /** Any tensor whose storage is legal for its dtype. */
  const anyTensor: fc.Arbitrary<HostTensor> = fc
    .tuple(
      fc.constantFrom<DType>(...numericDTypes, 'string'),
      fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
      fc.infiniteStream(fc.nat()),
    )
    .map(([dtype, shape, stream]) => {
      const tensor = hostZeros(dtype, shape)
      if (tensor.data instanceof Array)
        return { ...tensor, data: tensor.data.map(() => String.fromCodePoint(stream.next().value % 0xd800)) }
      const bytes = new Uint8Array(tensor.data.buffer)
      for (let i = 0; i < bytes.length; i++) bytes[i] = stream.next().value as number
      const bits = dtype === 'bool' ? 1 : packedBits(dtype)
      if (bits !== undefined) {
        const shift = 8 - bits
        for (let i = 0; i < tensor.data.length; i++)
          bytes[i] = tensor.data instanceof Int8Array ? (tensor.data[i] << 24) >> (24 + shift) : bytes[i] >> shift
      }
      return tensor
    })

  it('writes what decodeTensor reads back', () => {
    fc.assert(
      fc.property(anyTensor, (tensor) => {
        const read = decodeTensor(readTensorProto(writeTensorProto(encodeTensor('t', tensor))))
        expect([read.dtype, read.shape]).toEqual([tensor.dtype, tensor.shape])
        if (tensor.data instanceof Array) expect(read.data).toEqual(tensor.data)
        else expect(bytesOf(read)).toEqual(bytesOf(tensor))
      }),
      { numRuns: 500 },
    )
  })

  function bytesOf({ data }: HostTensor): Uint8Array {
    if (data instanceof Array) throw new Error('strings have no bytes')
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
  }

  it('refuses data that do not fill the shape', () => {
    expectError('E_TENSOR', () => encodeTensor('t', { dtype: 'float32', shape: [3], data: new Float32Array(2) }))
    expectError('E_TENSOR', () => encodeTensor('t', { dtype: 'float32', shape: [2], data: new Float64Array(2) }))
  })

  it('describes a tensor without reading it', () => {
    expect(describeTensor(proto({ dataType: dtypeToOnnx('int4'), dims: [3, 5] }))).toEqual({
      dtype: 'int4',
      shape: [3, 5],
      size: 15,
      bytes: 15,
    })
    expectError('E_TENSOR', () => describeTensor(proto({ dataType: FLOAT, dims: [-1] })))
  })
})

describe('sparse tensors', () => {
  const values = encodeTensor('s', hostFrom('float32', [2], [5, 7]))

  function sparse(dims: number[], shape: number[], indices: number[], dtype: DType = 'int64') {
    return createMessage('SparseTensorProto', {
      dims,
      values,
      indices: encodeTensor('i', hostFrom(dtype, shape, indices)),
    })
  }

  it('become dense from linear and from coordinate indices', () => {
    const expected = Float32Array.of(0, 5, 0, 0, 0, 7)
    expect(decodeSparseTensor(sparse([2, 3], [2], [1, 5]), 1024)).toEqual({
      dtype: 'float32',
      shape: [2, 3],
      data: expected,
    })
    expect(decodeSparseTensor(sparse([2, 3], [2, 2], [0, 1, 1, 2]), 1024).data).toEqual(expected)
  })

  it('are refused with indices outside the shape, out of order, or of another type', () => {
    for (const [shape, indices] of [
      [[2], [1, 6]],
      [[2], [-1, 2]],
      [[2], [3, 3]],
      [[2], [4, 3]],
      [
        [2, 2],
        [0, 1, 0, 3],
      ],
      [
        [2, 2],
        [0, 1, -1, 2],
      ],
      [[3], [0, 1, 2]],
      [
        [2, 1],
        [0, 1],
      ],
      [
        [1, 2],
        [0, 1],
      ],
    ]) {
      expectError('E_TENSOR', () => decodeSparseTensor(sparse([2, 3], shape, indices), 1024), /tensor "s"/)
    }
    expectError('E_TENSOR', () => decodeSparseTensor(sparse([2, 3], [2], [1, 5], 'int32'), 1024), /int64/)
    expectError('E_TENSOR', () => decodeSparseTensor(createMessage('SparseTensorProto', { dims: [2], values }), 1024))
  })

  it('are refused where the dense size passes the budget', () => {
    expectError('E_BUDGET', () => decodeSparseTensor(sparse([2 ** 20, 2 ** 10], [2], [1, 5]), 2 ** 20))
    expectError('E_TENSOR', () => decodeSparseTensor(sparse([2 ** 31, 2 ** 31], [2], [1, 5]), Infinity))
  })
})
