import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { dtypeFromOnnx } from '../../src/core/dtype.js'
import { isHostTensor } from '../../src/core/host.js'
import { readModel } from '../../src/onnx/wire.js'
import { readNpy } from './formats/npy.js'
import { readNpz, readReferenceRun } from './formats/npz.js'
import { readTestData } from './onnx-test-data.js'
import { skipUnlessShared } from './shared.js'
import { ascii, bytes } from './formats/wire-bytes.js'

function npy(version: number, descr: string, fortran: boolean, shape: string, data: ArrayLike<number>): Uint8Array {
  const header = ascii(`{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${shape}, }\n`)
  const length =
    version === 1 ? [header.length & 255, header.length >> 8] : [header.length & 255, header.length >> 8, 0, 0]
  return bytes([0x93], ascii('NUMPY'), [version, 0], length, header, data)
}

describe('.npy files', () => {
  const six = new Uint8Array(Int16Array.of(1, 2, 3, 4, 5, 6).buffer)

  it('of every version', () => {
    for (const version of [1, 2, 3]) {
      expect(readNpy(npy(version, '<i2', false, '(2, 3)', six))).toEqual({
        dtype: 'int16',
        shape: [2, 3],
        data: Int16Array.of(1, 2, 3, 4, 5, 6),
      })
    }
  })

  it('in column-major order', () => {
    expect(readNpy(npy(1, '<i2', true, '(2, 3)', six)).data).toEqual(Int16Array.of(1, 3, 5, 2, 4, 6))
  })

  it('in big-endian order, complex numbers by their parts', () => {
    expect(readNpy(npy(1, '>u2', false, '(2,)', [1, 2, 3, 4])).data).toEqual(Uint16Array.of(0x102, 0x304))
    const complex = [0x3f, 0x80, 0, 0, 0x40, 0, 0, 0]
    expect(readNpy(npy(1, '>c8', false, '()', complex))).toEqual({
      dtype: 'complex64',
      shape: [],
      data: Float32Array.of(1, 2),
    })
  })

  it('of strings', () => {
    const unicode = new Uint8Array(Uint32Array.of(0x66, 0x1f600, 0x67, 0).buffer)
    expect(readNpy(npy(1, '<U2', false, '(2,)', unicode)).data).toEqual(['f😀', 'g'])
    expect(readNpy(npy(1, '|S2', false, '(2,)', ascii('ab\0\0'))).data).toEqual(['ab', ''])
  })

  it('of Python objects, truncated or none at all are refused', () => {
    expect(() => readNpy(npy(1, '|O', false, '()', [0x80]))).toThrow(/\|O/)
    expect(() => readNpy(npy(1, '<f4', false, '(2,)', [0, 0, 0, 0]))).toThrow(/truncated/)
    expect(() => readNpy(ascii('hello, world'))).toThrow(/not a \.npy/)
  })
})

/** A zip archive of one file, by the format's description. */
function zip(name: string, content: Uint8Array, deflate: boolean): Uint8Array {
  const data = deflate ? deflateRawSync(content) : content
  const u16 = (n: number): number[] => [n & 255, n >> 8]
  const u32 = (n: number): number[] => [...u16(n & 0xffff), ...u16(n >>> 16)]
  const common = [
    ...u16(20),
    ...u16(0),
    ...u16(deflate ? 8 : 0),
    ...u32(0),
    ...u32(crc32(content)),
    ...u32(data.length),
    ...u32(content.length),
  ]
  const local = bytes(ascii('PK'), [3, 4], common, u16(name.length), u16(4), ascii(name), [0, 0, 0, 0], data)
  const directory = bytes(
    ascii('PK'),
    [1, 2],
    u16(20),
    common,
    u16(name.length),
    u16(0),
    u16(0),
    u16(0),
    u16(0),
    u32(0),
    u32(0),
    ascii(name),
  )
  const end = bytes(
    ascii('PK'),
    [5, 6],
    u16(0),
    u16(0),
    u16(1),
    u16(1),
    u32(directory.length),
    u32(local.length),
    u16(0),
  )
  return bytes(local, directory, end)
}

describe('.npz files', () => {
  it('stored and deflated', () => {
    const folder = mkdtempSync(join(tmpdir(), 'npz-'))
    const file = npy(1, '<f4', false, '(1,)', new Uint8Array(Float32Array.of(2.5).buffer))
    for (const deflate of [false, true]) {
      const path = join(folder, `${String(deflate)}.npz`)
      writeFileSync(path, zip('in__a|b.npy', file, deflate))
      expect(readNpz(path).get('in__a|b')?.data).toEqual(Float32Array.of(2.5))
      expect([...readReferenceRun(path).inputs.keys()]).toEqual(['a/b'])
    }
  })
})

skipUnlessShared('published data', ['.'], (folder) => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file))

  it('of every model are read with the types that the model declares', () => {
    let count = 0
    for (const file of files.filter((name) => name.endsWith('.onnx'))) {
      const graph = readModel(readFileSync(file)).graph!
      const declared = new Map([...graph.input, ...graph.output].map(({ name, type }) => [name, type]))
      for (const { inputs, outputs } of readTestData(dirname(file), graph)) {
        for (const [name, value] of [...inputs, ...outputs]) {
          count++
          const type = declared.get(name)
          if (isHostTensor(value))
            expect(value.dtype, `${file} ${name}`).toBe(dtypeFromOnnx(type?.tensorType?.elemType ?? 0))
          else if (value.kind === 'sequence') expect(type?.sequenceType, file).toBeDefined()
          else if (value.kind === 'optional') expect(type?.optionalType, file).toBeDefined()
        }
      }
    }
    expect(count).toBe(files.filter((name) => name.endsWith('.pb')).length)
  })

  it('and recorded runs are read', () => {
    const recorded = files.filter((name) => name.endsWith('.ort_ref.npz'))
    expect(recorded.length).toBeGreaterThan(0)
    for (const file of recorded) expect(readReferenceRun(file).outputs.size, file).toBeGreaterThan(0)
  })
})
