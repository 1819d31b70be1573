import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import * as h5wasm from 'h5wasm'
import { afterAll, describe, expect, test } from 'vitest'
import { loadSvhnDigits, readDigitStruct, readMat, svhnNumbers, tarEntries } from '../../src/train.js'
import { expectRejects } from '../support/expect-error.js'
import { pngOf } from '../support/formats/png.js'

const folder = mkdtempSync(join(tmpdir(), 'lanewise-svhn-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A file of a tar archive in POSIX ustar. */
function tarFile(name: string, bytes: Uint8Array, type = '0'): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('        ', 148)
  header.write(type, 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((a, b) => a + b, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}
const tarOf = (...files: readonly Buffer[]) => Buffer.concat([...files, Buffer.alloc(1024)])

interface Digit {
  readonly label: number
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

let made = 0
/** digitStruct.mat as MATLAB's save -v7.3 writes it: HDF5 with references, behind a block of 512 bytes that says so. */
async function digitStruct(
  pictures: readonly { readonly name: string; readonly digits: readonly Digit[] }[],
): Promise<Buffer> {
  const { FS } = await h5wasm.ready
  const path = `/made-${made++}.mat`
  const file = new h5wasm.File(path, 'w')
  const refs = file.create_group('#refs#')
  let next = 0
  const dataset = (data: Uint16Array | Float64Array | h5wasm.Reference[], shape: number[]) =>
    refs.create_dataset({ name: `r${next++}`, data, shape })
  const names = pictures.map(({ name }) =>
    dataset(
      Uint16Array.from(name, (character) => character.charCodeAt(0)),
      [name.length, 1],
    ).create_reference(),
  )
  const boxes = pictures.map(({ digits }) => {
    const group = refs.create_group(`g${next++}`)
    for (const field of ['height', 'label', 'left', 'top', 'width'] as const) {
      const values = digits.map((digit) => digit[field])
      if (values.length === 1) group.create_dataset({ name: field, data: Float64Array.from(values), shape: [1, 1] })
      else {
        const one = values.map((value) => dataset(Float64Array.of(value), [1, 1]).create_reference())
        group.create_dataset({ name: field, data: one, shape: [values.length, 1] })
      }
    }
    return group.create_reference()
  })
  const struct = file.create_group('digitStruct')
  struct.create_dataset({ name: 'name', data: names, shape: [names.length, 1] })
  struct.create_dataset({ name: 'bbox', data: boxes, shape: [boxes.length, 1] })
  file.close()
  const head = Buffer.alloc(512)
  head.write(
    'MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Dec  5 21:09:26 2011 HDF5 schema 1.00 .'.padEnd(116),
  )
  head.writeUInt16LE(0x0200, 124)
  head.write('IM', 126)
  const bytes = Buffer.concat([head, FS.readFile(path)])
  FS.unlink(path)
  return bytes
}

const digit = (label: number, left: number, top: number, width = 4, height = 8): Digit => ({
  label,
  left,
  top,
  width,
  height,
})
const pictures = [
  { name: '1.png', digits: [digit(1, 2, 3), digit(10, 7, 2)] },
  { name: '2.png', digits: [digit(7, 5, 4)] },
]
/** A grey picture whose columns get lighter. */
const png = (width: number, height: number) => {
  const row = [0, ...Array.from({ length: width }, (_, x) => 10 * x)]
  return pngOf(
    width,
    height,
    8,
    0,
    Uint8Array.from({ length: height * row.length }, (_, i) => row[i % row.length]),
  )
}

async function format1(): Promise<Buffer> {
  return tarOf(
    tarFile('train/', Buffer.alloc(0), '5'),
    tarFile('train/1.png', png(20, 12)),
    tarFile('train/digitStruct.mat', await digitStruct(pictures)),
    tarFile('train/see_bboxes.m', Buffer.from('% nothing')),
    tarFile('train/2.png', png(16, 14)),
  )
}

async function listed(archive: string) {
  const numbers = []
  for await (const one of svhnNumbers(archive)) numbers.push(one)
  return numbers
}
const written = (name: string, bytes: Uint8Array) => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}

describe('SVHN, format 1', () => {
  test('pictures, numbers and boxes, out of the archive as it is', async () => {
    for (const [name, pack] of [
      ['train.tar', (bytes: Buffer) => bytes],
      ['train.tar.gz', gzipSync],
    ] as const) {
      const numbers = await listed(written(name, pack(await format1())))
      expect(numbers.map(({ file, number, box }) => ({ file, number, box }))).toEqual([
        { file: '1.png', number: '10', box: { left: 2, top: 2, width: 9, height: 9 } },
        { file: '2.png', number: '7', box: { left: 5, top: 4, width: 4, height: 8 } },
      ])
      expect(numbers[0].boxes).toHaveLength(2)
      expect([numbers[1].picture.width, numbers[1].picture.height]).toEqual([16, 14])
      expect(numbers[1].picture.data[3]).toBeCloseTo(30 / 255, 6)
    }
  })

  test('what is damaged, cut off, of the other version or does not fit says where', async () => {
    const whole = await format1()
    const packed = gzipSync(whole)
    const cases: [name: string, bytes: Uint8Array, code: 'E_PARSE' | 'E_UNSUPPORTED', message: RegExp][] = [
      [
        'half.tar.gz',
        packed.subarray(0, packed.length >> 1),
        'E_PARSE',
        /half\.tar\.gz, (after train|at its beginning).*cut off/,
      ],
      [
        'half.tar',
        whole.subarray(0, whole.length - 1024 - 300),
        'E_PARSE',
        /after train\/2\.png: the archive is cut off/,
      ],
      ['noise.tar', Buffer.alloc(2048, 7), 'E_PARSE', /at its beginning.*no tar archive/],
      ['none.tar', tarOf(tarFile('train/1.png', png(4, 4))), 'E_PARSE', /no digitStruct\.mat/],
      [
        'older.tar',
        tarOf(tarFile('train/digitStruct.mat', mat5('y', 6, [1, 1], Buffer.from(Float64Array.of(1).buffer), 9))),
        'E_UNSUPPORTED',
        /version 5.*expected|version 5, as SVHN's format 2 is/,
      ],
      [
        'broken.tar',
        tarOf(tarFile('train/digitStruct.mat', (await digitStruct(pictures)).subarray(0, 2000))),
        'E_PARSE',
        /digitStruct\.mat: .*(no HDF5|cut off|damaged)/,
      ],
      [
        'missing.tar',
        tarOf(tarFile('train/digitStruct.mat', await digitStruct(pictures)), tarFile('train/1.png', png(20, 12))),
        'E_PARSE',
        /1 pictures .* not there, 2\.png/,
      ],
      [
        'stranger.tar',
        tarOf(tarFile('train/digitStruct.mat', await digitStruct(pictures)), tarFile('train/3.png', png(20, 12))),
        'E_PARSE',
        /no label for train\/3\.png/,
      ],
      [
        'outside.tar',
        tarOf(
          tarFile('train/digitStruct.mat', await digitStruct([{ name: '1.png', digits: [digit(3, 40, 2)] }])),
          tarFile('train/1.png', png(20, 12)),
        ),
        'E_PARSE',
        /boxes of train\/1\.png are not within its 20 × 12/,
      ],
      [
        'eleven.tar',
        tarOf(tarFile('train/digitStruct.mat', await digitStruct([{ name: '1.png', digits: [digit(11, 1, 2)] }]))),
        'E_PARSE',
        /picture 1 of 1: a label is none/,
      ],
    ]
    for (const [name, bytes, code, message] of cases)
      await expectRejects(code, () => listed(written(name, bytes)), message)
    await expectRejects('E_EXTERNAL', () => listed(join(folder, 'nowhere.tar.gz')))
    await expectRejects('E_PARSE', () => readDigitStruct(Buffer.from('MATLAB 7.3 MAT-file and nothing else')))
  })

  test('tar: long names of GNU and pax, and files that are not wanted', async () => {
    const long = `${'folder/'.repeat(20)}1.png`
    const pax = (text: string) => {
      const length = String(text.length + 1).length
      const record = `${text.length + 1 + length} ${text}`
      return Buffer.from(record)
    }
    const archive = written(
      'long.tar',
      tarOf(
        tarFile('././@LongLink', Buffer.from(`${long}\0`), 'L'),
        tarFile(long.slice(0, 99), Buffer.from('a')),
        tarFile('PaxHeader', pax(`path=${long}x\n`), 'x'),
        tarFile('short', Buffer.from('bc')),
        tarFile('last', Buffer.from('d')),
      ),
    )
    const found: [string, string][] = []
    for await (const { name, bytes } of tarEntries(archive, { wanted: (name) => name !== 'last' }))
      found.push([name, Buffer.from(bytes).toString()])
    expect(found).toEqual([
      [long, 'a'],
      [`${long}x`, 'bc'],
    ])
    await expectRejects('E_BUDGET', async () => {
      for await (const entry of tarEntries(archive, { limit: 1 })) void entry
    })
  })
})

/** An element of a MAT file of version 5. */
function element(type: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(type, 0)
  head.writeUInt32LE(body.length, 4)
  return Buffer.concat([head, body, Buffer.alloc((8 - (body.length % 8)) % 8)])
}

function matrix(name: string, arrayClass: number, dims: readonly number[], data: Uint8Array, type: number): Buffer {
  const flags = Buffer.alloc(8)
  flags[0] = arrayClass
  // A short name is a small element: type and size in one word.
  const small = Buffer.alloc(8)
  small.writeUInt32LE((name.length << 16) | 1, 0)
  small.write(name, 4)
  return element(
    14,
    Buffer.concat([
      element(6, flags),
      element(5, Buffer.from(Int32Array.from(dims).buffer)),
      small,
      element(type, data),
    ]),
  )
}

function compressed(bytes: Buffer): Buffer {
  const packed = deflateSync(bytes)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(15, 0)
  head.writeUInt32LE(packed.length, 4)
  return Buffer.concat([head, packed])
}

function matHeader(): Buffer {
  const head = Buffer.alloc(128)
  head.write('MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Mon Dec  5 21:09:26 2011'.padEnd(116))
  head.writeUInt16LE(0x0100, 124)
  head.write('IM', 126)
  return head
}

function mat5(...array: Parameters<typeof matrix>): Buffer {
  return Buffer.concat([matHeader(), compressed(matrix(...array))])
}

/** X[row, column, colour, n] with the first axis fastest; y as doubles that are kept as bytes. */
function format2(count: number): Buffer {
  const x = new Uint8Array(32 * 32 * 3 * count)
  for (let n = 0; n < count; n++)
    for (let c = 0; c < 3; c++)
      for (let column = 0; column < 32; column++)
        for (let row = 0; row < 32; row++) x[row + 32 * (column + 32 * (c + 3 * n))] = 4 * row + column + 40 * c + n
  const y = Uint8Array.from({ length: count }, (_, n) => (n === 0 ? 10 : n))
  return Buffer.concat([
    matHeader(),
    compressed(matrix('X', 9, [32, 32, 3, count], x, 2)),
    compressed(matrix('y', 6, [count, 1], y, 2)),
  ])
}

describe('SVHN, format 2', () => {
  test('digits in grey, rows as rows, and 10 is 0', async () => {
    const set = await loadSvhnDigits(written('train_32x32.mat', format2(3)))
    expect([set.length, set.height, set.width]).toEqual([3, 32, 32])
    expect([...(set.labels.data as Uint8Array)]).toEqual([0, 1, 2])
    const at = (n: number, row: number, column: number) => (set.images.data as Uint8Array)[(n * 32 + row) * 32 + column]
    const grey = (row: number, column: number, n: number) => Math.round(4 * row + column + n + 40 * (0.587 + 2 * 0.114))
    for (const [n, row, column] of [
      [0, 0, 0],
      [1, 3, 17],
      [2, 31, 2],
    ])
      expect(at(n, row, column)).toBe(grey(row, column, n))
  })

  test('arrays as MATLAB has them; other versions and damage are typed errors', async () => {
    const arrays = await readMat(mat5('a', 6, [2, 3], Buffer.from(Int16Array.of(1, 2, 3, 4, 5, -6).buffer), 3))
    expect(arrays.get('a')).toMatchObject({ type: 'float64', dims: [3, 2] })
    expect([...(arrays.get('a')?.data as Float64Array)]).toEqual([1, 2, 3, 4, 5, -6])
    const whole = format2(2)
    await expectRejects('E_PARSE', () => readMat(whole.subarray(0, whole.length - 20)), /cut off/)
    await expectRejects('E_PARSE', () => readMat(Buffer.alloc(200)), /no MAT file of version 5/)
    await expectRejects('E_BUDGET', () => readMat(whole, 'set', 1000))
    const newer = await digitStruct(pictures)
    await expectRejects('E_UNSUPPORTED', () => loadSvhnDigits(written('newer.mat', newer)), /version 7\.3.*version 5/)
    await expectRejects(
      'E_PARSE',
      () => loadSvhnDigits(written('other.mat', mat5('Z', 9, [2, 2], Uint8Array.of(1, 2, 3, 4), 2))),
      /X uint8 32×32×3×N and y N×1, here are Z uint8 2×2/,
    )
    await expectRejects('E_PARSE', () => readMat(mat5('a', 6, [2, 2], Uint8Array.of(1, 2, 3), 2)), /"a" of 2×2 has 3/)
  })
})
