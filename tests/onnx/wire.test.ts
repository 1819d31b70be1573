import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { generate } from '../../scripts/generate-onnx-schema.js'
import { LanewiseError } from '../../src/core/errors.js'
import { decode } from '../../src/onnx/decode.js'
import { encode } from '../../src/onnx/encode.js'
import { AttributeType, type Messages } from '../../src/onnx/schema/onnx.js'
import { createMessage, specOf, type Field } from '../../src/onnx/schema/table.js'
import { readModel, readTensorProto, writeModel, writeTensorProto } from '../../src/onnx/wire.js'
import { expectError } from '../support/expect-error.js'
import { skipUnlessShared } from '../support/shared.js'
import { ascii, bytes, lengthField, repeat, tag, varint, varintField } from '../support/formats/wire-bytes.js'

const modelGraph = 7
const graphNode = 1
const graphInitializer = 5
const nodeAttribute = 5

/** A small model that uses most kinds of field. */
function smallModel(): Uint8Array {
  return writeModel({
    irVersion: 10,
    producerName: 'lanewise tests',
    graph: {
      name: 'g',
      node: [
        {
          opType: 'Conv',
          name: 'größe',
          input: ['x', 'w', ''],
          output: ['y'],
          attribute: [
            { name: 'pads', type: AttributeType.INTS, ints: BigInt64Array.of(1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)) },
            { name: 'alpha', type: AttributeType.FLOAT, f: 0.5 },
            { name: 'mode', type: AttributeType.STRING, s: ascii('same') },
          ],
        },
      ],
      initializer: [
        { name: 'w', dataType: 1, dims: [2], floatData: Float32Array.of(1, NaN) },
        { name: 'r', dataType: 7, dims: [1], rawData: new Uint8Array(8) },
      ],
      input: [
        { name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }, { dimValue: 0 }] } } } },
      ],
    },
    opsetImport: [{ version: 21 }],
  })
}

/** A model whose graph is these bytes. */
function inGraph(...parts: ArrayLike<number>[]): Uint8Array {
  return lengthField(modelGraph, bytes(...parts))
}

function inAttribute(...parts: ArrayLike<number>[]): Uint8Array {
  return inGraph(lengthField(graphNode, lengthField(nodeAttribute, bytes(...parts))))
}

function nested(depth: number): Uint8Array {
  // graph → node → attribute → g → node → …: three messages a round, after the model and its graph.
  let graph: Uint8Array = new Uint8Array(0)
  for (let i = 0; i < depth; i++) graph = lengthField(graphNode, lengthField(nodeAttribute, lengthField(6, graph)))
  return lengthField(modelGraph, graph)
}

const hostile: Record<string, () => Uint8Array> = {
  'an 11-byte varint': () => bytes(tag(1, 0), repeat([0x80], 10), 1),
  'a varint of more than 64 bits': () => bytes(tag(1, 0), repeat([0xff], 9), 2),
  'an endless varint': () => bytes(tag(1, 0), repeat([0xff], 64)),
  'a field number of more than 29 bits': () => bytes(varint(2 ** 35 + 8), 0),
  'a length beyond the end': () => bytes(tag(modelGraph, 2), varint(100), 1, 2, 3),
  'a length beyond the enclosing message': () =>
    bytes(inGraph([...tag(2, 2), 5, 65]), varintField(1, 8), repeat([65], 8)),
  'a length of 2^31': () => bytes(tag(modelGraph, 2), varint(2 ** 31)),
  'a length of 2^32 + 1': () => bytes(tag(modelGraph, 2), varint(2 ** 32 + 1), 0),
  'a length of 2^64 - 1': () => bytes(tag(modelGraph, 2), varint(-1)),
  'a length beyond the end of an unknown field': () => bytes(tag(99, 2), varint(5), 1),
  'nesting over 100': () => nested(34),
  'an unclosed group': () => bytes(tag(99, 3), varintField(1, 1)),
  'a closed group': () => bytes(tag(99, 3), varintField(1, 1), tag(99, 4)),
  'nested groups': () => bytes(repeat(tag(99, 3), 200), repeat(tag(99, 4), 200)),
  'a group end alone': () => bytes(tag(99, 4)),
  'wire type 6': () => bytes(tag(99, 6), 0),
  'wire type 7': () => bytes(tag(1, 7), 0),
  'field number 0': () => bytes(varintField(1, 8), tag(0, 0), 0),
  'a varint where a message belongs': () => varintField(modelGraph, 1),
  'a message where a varint belongs': () => lengthField(1, [1]),
  'a fixed64 where a string belongs': () => bytes(tag(2, 1), repeat([65], 8)),
  'a varint where a float belongs': () => inAttribute(varintField(2, 1)),
  'a fixed64 in a list of floats': () => inAttribute(tag(7, 1), repeat([0], 8)),
  'a fixed32 in a list of integers': () => inAttribute(tag(8, 5), repeat([0], 4)),
  'packed floats of 6 bytes': () => inGraph(lengthField(graphInitializer, lengthField(4, repeat([0], 6)))),
  'packed doubles of 12 bytes': () => inGraph(lengthField(graphInitializer, lengthField(10, repeat([0], 12)))),
  'a packed list that ends inside a varint': () =>
    inGraph(lengthField(graphInitializer, bytes(lengthField(7, [1, 0x80]), varintField(2, 7)))),
  'packed dimensions that end inside a varint': () => inGraph(lengthField(graphInitializer, lengthField(1, [1, 0x80]))),
  'a float cut short': () => inAttribute(tag(2, 5), [0, 0]),
  'invalid UTF-8 in a short name': () => inGraph(lengthField(2, [0x61, 0xff])),
  'invalid UTF-8 in a long name': () => inGraph(lengthField(2, [...repeat([0x61], 40), 0xc3])),
  'a surrogate in UTF-8': () => inGraph(lengthField(2, [0xed, 0xa0, 0x80])),
  'two graphs': () => bytes(inGraph(), inGraph()),
  'no graph': () => bytes(varintField(1, 8), lengthField(2, ascii('pytorch'))),
  'an unknown field alone': () => bytes(tag(99, 0), 1),
}

describe('generated schema', () => {
  it('is what the script makes of the table', () => {
    const read = (name: string): string =>
      readFileSync(new URL(`../../src/onnx/schema/${name}`, import.meta.url), 'utf8')
    expect(read('onnx.ts')).toBe(generate(read('onnx.fields')))
  })
})

describe('hostile wire bytes', () => {
  for (const [name, make] of Object.entries(hostile)) {
    it(`refuses ${name}`, () => {
      expectError('E_PARSE', () => readModel(make()), /byte/)
    })

    it(`survives ${name}, truncated at every byte`, () => {
      const file = make()
      for (let length = 0; length < file.length; length++) {
        try {
          expect(readModel(file.slice(0, length)).graph).toBeDefined()
        } catch (error) {
          if (!(error instanceof LanewiseError)) throw error
          expect(error.code).toBe('E_PARSE')
        }
      }
    })
  }

  it('refuses an empty file', () => {
    expectError('E_PARSE', () => readModel(new Uint8Array(0)), /empty/)
  })

  it('refuses a valid model truncated at every byte, except between its outermost fields', () => {
    const file = smallModel()
    const opset = encode('ModelProto', { opsetImport: [{ version: 21 }] })
    const afterGraph = file.length - opset.length
    for (let length = 0; length < file.length; length++) {
      if (length === afterGraph) expect(readModel(file.subarray(0, length)).opsetImport).toHaveLength(0)
      else expectError('E_PARSE', () => readModel(file.subarray(0, length)))
    }
  })

  it('says where in the file and in the structure', () => {
    const error = expectError('E_PARSE', () =>
      readModel(inGraph(lengthField(graphNode, []), lengthField(graphNode, lengthField(4, [0xff])))),
    )
    expect(error.message).toMatch(/invalid UTF-8 at byte 8 in graph\.node\[1\]\.opType/)
  })

  it('accepts nesting up to 100', () => {
    expect(readModel(nested(32)).graph).toBeDefined()
  })

  const ten = 10_000_000
  const floods: Record<string, () => Uint8Array> = {
    nodes: () => inGraph(repeat([...lengthField(graphNode, [])], ten)),
    'node inputs': () => inGraph(lengthField(graphNode, repeat([...lengthField(1, [])], ten))),
    'unpacked integers': () =>
      inGraph(lengthField(graphNode, lengthField(nodeAttribute, repeat([...varintField(8, 1)], ten)))),
    'string elements': () => inGraph(lengthField(graphInitializer, repeat([...lengthField(6, [])], ten))),
    'packed dimensions': () => inGraph(lengthField(graphInitializer, lengthField(1, repeat([1], ten)))),
    'unknown fields': () => repeat([...varintField(9, 1)], ten),
  }
  for (const [name, make] of Object.entries(floods)) {
    it(`refuses 10^7 tiny repeated fields: ${name}`, () => {
      expectError('E_PARSE', () => readModel(make()))
    })
  }

  it('reads 10^6 nodes', () => {
    const node = encode('NodeProto', { opType: 'Relu', name: 'n', input: ['x'], output: ['y'] })
    const graph = readModel(inGraph(repeat([...lengthField(graphNode, node)], 1_000_000))).graph!
    expect(graph.node).toHaveLength(1_000_000)
    expect(graph.node[999_999].output).toEqual(['y'])
  })

  it('holds to stricter limits when asked', () => {
    expectError('E_PARSE', () => readModel(smallModel(), { maxFields: 10 }), /fields/)
    expectError('E_PARSE', () => readModel(smallModel(), { maxMemory: 100 }), /memory/)
  })
})

describe('files that are not ONNX', () => {
  const header = ascii('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}')
  const files: Record<string, [Uint8Array, RegExp]> = {
    'an HTML page': [ascii('<!DOCTYPE html>\n<html><body>404</body></html>'), /HTML page/],
    'an HTML page after blanks and a byte order mark': [
      bytes([0xef, 0xbb, 0xbf], ascii('\n  <html lang="en">')),
      /HTML page/,
    ],
    'a gzip': [new Uint8Array(gzipSync(smallModel())), /gzip/],
    'a safetensors file': [bytes([header.length, 0, 0, 0, 0, 0, 0, 0], header, [0, 0, 0, 0]), /safetensors/],
    JSON: [ascii('{"error": "not found"}'), /JSON/],
    'a Git LFS pointer': [ascii('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'), /Git LFS/],
    'a zip': [bytes(ascii('PK'), [3, 4, 20, 0], ascii('model.txt')), /zip/],
    'a PyTorch file': [bytes(ascii('PK'), [3, 4, 20, 0], repeat([0], 24), ascii('archive/data.pkl')), /PyTorch/],
    'a Python pickle': [bytes([0x80, 2], ascii('c__main__\n')), /pickle/],
    'a TensorFlow Lite model': [bytes([0x1c, 0, 0, 0], ascii('TFL3'), repeat([0], 8)), /TensorFlow Lite/],
    'a TensorFlow SavedModel': [
      bytes([8, 1, 0x12, 0x20, 0x0a, 0x10], ascii('serve tensorflow'), repeat([0xff], 14)),
      /SavedModel/,
    ],
    'a TensorFlow GraphDef': [
      lengthField(1, bytes(lengthField(1, ascii('x')), lengthField(2, ascii('Placeholder')))),
      /GraphDef/,
    ],
    'an ORT model': [bytes([0x18, 0, 0, 0], ascii('ORTM'), repeat([0], 8)), /\.ort/],
    'an HDF5 file': [bytes([0x89], ascii('HDF\r\n'), [0x1a, 0x0a]), /HDF5/],
    'a GGUF file': [bytes(ascii('GGUF'), [3, 0, 0, 0]), /GGUF/],
    'a WebAssembly module': [bytes([0], ascii('asm'), [1, 0, 0, 0]), /WebAssembly/],
    zeros: [new Uint8Array(100), /zeros/],
  }
  for (const [name, [file, message]] of Object.entries(files)) {
    it(`names ${name}`, () => {
      const error = expectError('E_PARSE', () => readModel(file), message)
      expect(error.actual).toMatch(message)
    })
  }
})

describe('reading', () => {
  it('keeps every kind of value', () => {
    const { graph, irVersion, opsetImport } = readModel(smallModel())
    expect(irVersion).toBe(10)
    expect(opsetImport).toEqual([{ domain: '', version: 21 }])
    const [node] = graph!.node
    expect(node.name).toBe('größe')
    expect(node.input).toEqual(['x', 'w', ''])
    expect(node.attribute[0].ints).toEqual(BigInt64Array.of(1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)))
    expect(node.attribute[0].f).toBeUndefined()
    expect(node.attribute[1].f).toBe(0.5)
    expect(graph!.initializer[0].floatData).toEqual(Float32Array.of(1, NaN))
    const [n, zero] = graph!.input[0].type!.tensorType!.shape!.dim
    expect([n.dimParam, n.dimValue]).toEqual(['N', undefined])
    expect([zero.dimParam, zero.dimValue]).toEqual([undefined, 0])
  })

  it('takes bytes as views of the file, also of a Buffer', () => {
    const file = Buffer.from(smallModel())
    const raw = readModel(file).graph!.initializer[1].rawData!
    expect(raw.buffer).toBe(file.buffer)
    expect(raw).not.toBeInstanceOf(Buffer)
  })

  it('copies shared memory, which could change while it is read', () => {
    const file = smallModel()
    const shared = new Uint8Array(new SharedArrayBuffer(file.length))
    shared.set(file)
    expect(readModel(shared).graph!.initializer[1].rawData!.buffer).toBeInstanceOf(ArrayBuffer)
  })

  it('takes lists packed, unpacked and in pieces', () => {
    const mixed = bytes(
      varintField(7, 5),
      lengthField(7, [1, 2]),
      varintField(2, 7),
      lengthField(7, []),
      varintField(7, -3),
    )
    expect(readTensorProto(mixed).int64Data).toEqual(BigInt64Array.of(5n, 1n, 2n, -3n))
    const floats = Float32Array.of(1, 2, 3)
    const raw = new Uint8Array(floats.buffer)
    const pieces = bytes(lengthField(4, raw.subarray(0, 8)), tag(4, 5), raw.subarray(8), lengthField(4, raw))
    expect(readTensorProto(pieces).floatData).toEqual(Float32Array.of(1, 2, 3, 1, 2, 3))
    expect(readTensorProto(bytes(lengthField(1, [2, 3]), varintField(1, 4))).dims).toEqual([2, 3, 4])
  })

  it('keeps the payload of a NaN', () => {
    const signalling = [1, 0, 0xa0, 0x7f]
    const { floatData } = readTensorProto(bytes(tag(4, 5), signalling))
    expect([...new Uint8Array(floatData.buffer, floatData.byteOffset, 4)]).toEqual(signalling)
  })

  it('shows int64 beyond 2^53 as a number that is no safe integer', () => {
    const { dims } = readTensorProto(
      bytes(varintField(1, 2n ** 63n - 1n), varintField(1, 2n ** 53n - 1n), varintField(1, -1)),
    )
    expect(Number.isSafeInteger(dims[0])).toBe(false)
    expect(dims.slice(1)).toEqual([2 ** 53 - 1, -1])
  })

  it('skips unknown fields of every wire type and takes the last of two scalars', () => {
    const file = bytes(
      varintField(99, 1),
      lengthField(98, [1, 2]),
      tag(97, 1),
      repeat([0], 8),
      tag(96, 5),
      repeat([0], 4),
      varintField(2, 1),
      varintField(2, 7),
    )
    expect(readTensorProto(file).dataType).toBe(7)
  })

  it('does not let a name reach a prototype', () => {
    const { graph } = readModel(writeModel({ graph: { node: [{ name: '__proto__', opType: 'constructor' }] } }))
    expect(graph!.node[0].name).toBe('__proto__')
    expect(({} as Record<string, unknown>).opType).toBeUndefined()
  })
})

describe('writing', () => {
  it('leaves out defaults and keeps what was set', () => {
    expect(writeTensorProto({ name: '', dataType: 0, dims: [] })).toEqual(new Uint8Array(0))
    const attribute = decode('AttributeProto', encode('AttributeProto', { f: 0, i: 0n, s: new Uint8Array(0) }))
    expect([attribute.f, attribute.i, attribute.s]).toEqual([0, 0n, new Uint8Array(0)])
  })

  it('refuses numbers that are no safe integers', () => {
    expectError('E_VALUE', () => writeTensorProto({ dims: [2 ** 63] }), /dims/)
    expectError('E_VALUE', () => writeTensorProto({ dims: [1.5] }))
    expectError('E_VALUE', () => writeModel({ irVersion: NaN }))
  })

  it('refuses a message that contains itself', () => {
    const graph: { node: { attribute: { g?: unknown }[] }[] } = { node: [{ attribute: [{}] }] }
    graph.node[0].attribute[0].g = graph
    expectError('E_VALUE', () => writeModel({ graph } as Parameters<typeof writeModel>[0]), /nested/)
  })

  function value(field: Field, depth: number): fc.Arbitrary<unknown> {
    switch (field.code) {
      case 's':
        return fc.string({ unit: 'binary' })
      case 'y':
        return fc.uint8Array({ maxLength: 20 })
      case 'i':
        return fc.integer()
      case 'n':
        return fc.maxSafeInteger()
      case 'l':
        return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      case 'u':
        return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
      case 'f':
        return fc.float()
      case 'd':
        return fc.double()
      case 'm':
        return message(field.message, depth - 1)
    }
  }

  function list(field: Field, items: unknown[]): unknown {
    if (field.code === 'i') return Int32Array.from(items as number[])
    if (field.code === 'l') return BigInt64Array.from(items as bigint[])
    if (field.code === 'u') return BigUint64Array.from(items as bigint[])
    if (field.code === 'f') return Float32Array.from(items as number[])
    if (field.code === 'd') return Float64Array.from(items as number[])
    return items
  }

  /** Any message of the table, every field there by chance. */
  function message(name: string, depth: number): fc.Arbitrary<Record<string, unknown>> {
    const model: Record<string, fc.Arbitrary<unknown>> = {}
    for (const field of specOf(name).fields) {
      if (field.code === 'm' && depth === 0) continue
      const one = value(field, depth)
      model[field.name] = field.repeated
        ? fc.array(one, { maxLength: field.code === 'm' ? 2 : 8 }).map((items) => list(field, items))
        : one
    }
    return fc.record(model, { requiredKeys: [] })
  }

  for (const type of [
    'ModelProto',
    'TensorProto',
    'AttributeProto',
    'SequenceProto',
    'OptionalProto',
    'MapProto',
  ] as const) {
    it(`reads back what it wrote: ${type}`, () => {
      fc.assert(
        fc.property(message(type, 3), (fields) => {
          const written = encode(type, fields)
          const expected = complete(type, fields)
          const read = decode(type, written)
          // Much quicker than toEqual, which says what is wrong where something is.
          if (!isDeepStrictEqual(read, expected)) expect(read).toEqual(expected)
          expect(Buffer.compare(encode(type, read), written)).toBe(0)
        }),
        // Each makes dozens of messages of every kind, and each field is there in half of them.
        { numRuns: 40 },
      )
    })
  }

  /** Fills in the defaults at every depth. */
  function complete(type: string, fields: Record<string, unknown>): unknown {
    const filled: Record<string, unknown> = { ...createMessage(type as keyof Messages, fields) }
    for (const field of specOf(type).fields) {
      const given = filled[field.name]
      if (field.code !== 'm' || given === undefined) continue
      filled[field.name] = field.repeated
        ? (given as Record<string, unknown>[]).map((item) => complete(field.message, item))
        : complete(field.message, given as Record<string, unknown>)
    }
    return filled
  }
})

skipUnlessShared('published models', ['.'], (folder) => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx'))

  it('read, write and read to the same structure', () => {
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      const model = readModel(readFileSync(join(folder, file)))
      expect(isDeepStrictEqual(readModel(writeModel(model)), model), file).toBe(true)
    }
  })
})
