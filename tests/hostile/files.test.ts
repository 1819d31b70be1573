import { crc32Of, pngOf } from '../support/formats/png.js'
import { encode } from 'fast-png'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, deflateRawSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { framesOf, type Frame } from '../../src/view/profile/frames.js'
import { imageOptions } from '../../src/cli/files/image.js'
import { imageTensor } from '../../src/data/image-tensor.js'
import { readNpy, writeNpy } from '../../src/data/formats/npy.js'
import { readNpz } from '../../src/data/formats/npz.js'
import { escapedJson, visible } from '../../src/cli/visible.js'
import { readCsv } from '../../src/data/formats/csv.js'
import { decodePicture } from '../../src/data/picture.js'
import { textStream, Vocabulary } from '../../src/data/text.js'
import { zip } from '../support/formats/zip.js'
import { expectError, expectRejects } from '../support/expect-error.js'

// Files that people are given: arrays, pictures, tables, texts.

/** An .npy file with this header. */
function npy(descr: string, shape: string, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }\n`
  const head = Buffer.from(`\x93NUMPY\x01\x00\0\0${text}`, 'latin1')
  head.writeUInt16LE(text.length, 8)
  return Buffer.concat([head, body])
}

describe('.npy', () => {
  test('any number of strings without characters', () => {
    expectError('E_BUDGET', () => readNpy(npy('<U0', '1099511627776,'), 'test'))
    expectError('E_BUDGET', () => readNpy(npy('|S0', '2147483648,'), 'test'))
    expect(readNpy(npy('<U0', '2,'), 'test').data).toEqual(['', ''])
  })

  test.each([0x110000, 0xffffffff])('%s is the code of no character', (point) => {
    const body = new Uint8Array(Uint32Array.of(65, point).buffer)
    expectError('E_TENSOR', () => readNpy(npy('<U2', '1,', body), 'test'))
  })

  test('as many axes as there are characters', () => {
    expectError('E_TENSOR', () => readNpy(npy('<f4', '1,'.repeat(100), new Uint8Array(4)), 'test'))
  })

  test('many strings, and one that all would have to be as long as', () => {
    const many = new Array<string>(200_000).fill('a')
    expect(readNpy(writeNpy({ dtype: 'string', shape: [200_000], data: many }), 'test').data).toEqual(many)
    many[1] = 'b'.repeat(1_000_000)
    expectError('E_BUDGET', () => writeNpy({ dtype: 'string', shape: [200_000], data: many }))
  })
})

describe('.npz', () => {
  const array = npy('<f4', '1,', new Uint8Array(Float32Array.of(2).buffer))

  test('only what is called for is unpacked', () => {
    const arrays = readNpz(
      zip([
        { name: 'a.npy', data: array },
        { name: 'b.npy', data: Buffer.from('none'), method: 8, size: 2 ** 31 },
      ]),
      'test',
    )
    expect([...arrays.keys()]).toEqual(['a', 'b'])
    expect(arrays.get('a')!().data).toEqual(Float32Array.of(2))
    expectError('E_TENSOR', arrays.get('b')!)
  })

  test('entries that share bytes or a name', () => {
    const a = { name: 'a.npy', data: array }
    expectError('E_TENSOR', () => readNpz(zip([a, { ...a, name: 'b.npy', at: 0 }]), 'test'), /overlap/)
    expectError('E_TENSOR', () => readNpz(zip([a, a]), 'test'), /called a.npy/)
  })

  test('an entry that is no array, or not as long as its array, is not unpacked', () => {
    const size = 2 ** 29
    const bomb = (name: string, begins: Uint8Array) => ({
      name,
      method: 8,
      size,
      // The zeros that follow are packed once and for all: a block of them after another.
      data: Buffer.concat([
        deflateRawSync(begins, { finishFlush: constants.Z_SYNC_FLUSH }),
        ...new Array<Buffer>(size / 2 ** 20).fill(
          deflateRawSync(Buffer.alloc(2 ** 20), { finishFlush: constants.Z_SYNC_FLUSH }),
        ),
        deflateRawSync(Buffer.alloc(0)),
      ]),
    })
    const long = Buffer.from('\x93NUMPY\x02\0\0\0\0\x10', 'latin1')
    const arrays = readNpz(
      zip([
        bomb('a.npy', Buffer.from('none')),
        bomb('b.npy', array),
        bomb('c.npy', long),
        bomb('d.npy', npy('<f4', '2,')),
      ]),
      'test',
    )
    const before = process.memoryUsage().arrayBuffers
    expectError('E_TENSOR', arrays.get('a')!, /not a NumPy/)
    expectError('E_TENSOR', arrays.get('b')!, /its entry/)
    expectError('E_TENSOR', arrays.get('c')!, /header/)
    expectError('E_TENSOR', arrays.get('d')!, /its entry/)
    expectError('E_TENSOR', () => readNpy(Buffer.from('\x93NUMPY\x02\0\0\0', 'latin1'), 'test'), /cut off/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 27)
  })

  test('arrays that are packed', () => {
    const values = Float32Array.from({ length: 50_000 }, (_, i) => Math.sin(i))
    const file = writeNpy({ dtype: 'float32', shape: [50_000], data: values })
    const none = writeNpy({ dtype: 'int8', shape: [0], data: new Int8Array(0) })
    const arrays = readNpz(
      zip([
        { name: 'a.npy', data: deflateRawSync(file), method: 8, size: file.length },
        { name: 'b.npy', data: deflateRawSync(none), method: 8, size: none.length },
      ]),
      'test',
    )
    expect(arrays.get('a')!().data).toEqual(values)
    expect(arrays.get('b')!().shape).toEqual([0])
  })

  test('all that is called for has a limit together', () => {
    const size = 2 ** 31
    const entries = ['a', 'b', 'c'].map((name) => ({ name: `${name}.npy`, data: Buffer.from('x'), method: 8, size }))
    const arrays = readNpz(zip(entries), 'test')
    expectError('E_TENSOR', arrays.get('a')!)
    expectError('E_TENSOR', arrays.get('b')!)
    expectError('E_BUDGET', arrays.get('c')!)
  })
})

describe('pictures', () => {
  const bytesOf = (values: ArrayLike<number>) => Array.from(values, (value) => Math.round(value * 255))

  test('a JPEG header with nothing behind it is no picture', async () => {
    const small = await sharp(Buffer.alloc(64 * 64 * 3, 77), { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer()
    const frame = small.indexOf(Buffer.from([0xff, 0xc0]))
    for (const [side, code] of [
      [11_000, 'E_PARSE'],
      [16_000, 'E_BUDGET'],
      [65_500, 'E_BUDGET'],
    ] as const) {
      const bomb = Buffer.from(small)
      bomb.writeUInt16BE(side, frame + 5)
      bomb.writeUInt16BE(side, frame + 7)
      await expectRejects(code, () => decodePicture(bomb, 3))
    }
    expect((await decodePicture(small, 1)).data.length).toBe(4096)
  })

  test('a PNG with more data than pixels, or too few', async () => {
    const rows = (count: number) => Buffer.alloc(5 * count, 0)
    for (const count of [3, 2 ** 20])
      await expectRejects('E_PARSE', () => decodePicture(pngOf(4, 2, 8, 0, rows(count)), 1), /more data/)
    await expectRejects('E_PARSE', () => decodePicture(pngOf(4, 2, 8, 0, rows(1)), 1), /less data/)
    await expectRejects('E_PARSE', () => decodePicture(pngOf(10_000, 10_000, 8, 0, rows(1)), 1), /cut off/)
    await expectRejects('E_BUDGET', () => decodePicture(pngOf(20_000, 20_000, 8, 0, rows(1)), 1))
  })

  test('what stands behind the end, and what makes no pixels, is not looked at', async () => {
    const file = pngOf(1, 1, 8, 0, Buffer.of(0, 51), {
      before: { iCCP: Buffer.from('a\0\0none'), zTXt: Buffer.from('b\0\0none') },
    })
    const behind = Buffer.concat([file, Buffer.alloc(2 ** 20)])
    for (const bytes of [file, behind]) expect(bytesOf((await decodePicture(bytes, 1)).data)).toEqual([51])
  })

  test('a transparent grey value or colour is put on white, and counts only as many bits as samples have', async () => {
    const u16 = (...values: number[]) => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]))
    const grey = pngOf(2, 1, 8, 0, Buffer.of(0, 10, 20), { before: { tRNS: u16(20) } })
    expect(bytesOf((await decodePicture(grey, 1)).data)).toEqual([10, 255])
    const high = pngOf(2, 1, 8, 0, Buffer.of(0, 10, 20), { before: { tRNS: u16(0x0114) } })
    expect(bytesOf((await decodePicture(high, 1)).data)).toEqual([10, 255])
    const colour = pngOf(2, 1, 8, 2, Buffer.of(0, 1, 2, 3, 1, 2, 4), { before: { tRNS: u16(1, 2, 3) } })
    expect(bytesOf((await decodePicture(colour, 3)).data)).toEqual([255, 255, 255, 1, 2, 4])
    const wide = pngOf(2, 1, 16, 0, Buffer.of(0, 1, 0, 1, 1), { before: { tRNS: u16(0x0101) } })
    expect(Array.from((await decodePicture(wide, 1)).data, (v) => Math.round(v * 65535))).toEqual([256, 65535])
    const bits = pngOf(4, 1, 1, 0, Buffer.of(0, 0b01010000), { before: { tRNS: u16(0) } })
    expect(bytesOf((await decodePicture(bits, 1)).data)).toEqual([255, 255, 255, 255])
  })

  test('a palette belongs to indices alone, and has each of them', async () => {
    const suggested = pngOf(1, 1, 8, 2, Buffer.of(0, 7, 8, 9), { before: { PLTE: Buffer.of(1, 2, 3) } })
    expect(bytesOf((await decodePicture(suggested, 3)).data)).toEqual([7, 8, 9])
    const indexed = (data: number[], before: Record<string, Buffer>) =>
      pngOf(2, 1, 8, 3, Buffer.from([0, ...data]), { before })
    const PLTE = Buffer.of(1, 2, 3, 4, 5, 6)
    expect(bytesOf((await decodePicture(indexed([1, 0], { PLTE, tRNS: Buffer.of(0) }), 3)).data)).toEqual([
      4, 5, 6, 255, 255, 255,
    ])
    for (const before of [
      {},
      { PLTE: Buffer.of(1, 2) },
      { PLTE, tRNS: Buffer.of(0, 0, 0) },
      { tRNS: Buffer.of(0), PLTE },
    ])
      await expectRejects('E_PARSE', () => decodePicture(indexed([0, 0], before as Record<string, Buffer>), 3))
    await expectRejects('E_PARSE', () => decodePicture(indexed([0, 2], { PLTE }), 3), /beyond its palette/)
  })

  test('every PNG that fast-png writes, cut at every byte', async () => {
    const file = encode({
      width: 3,
      height: 2,
      channels: 3,
      depth: 8,
      data: Uint8Array.from({ length: 18 }, (_, i) => i),
    })
    for (let length = 8; length < file.length; length++)
      await expectRejects('E_PARSE', () => decodePicture(file.subarray(0, length), 3))
    expect(crc32Of(Buffer.from('IEND'))).toBe(0xae426082)
  })

  describe('on the command line', () => {
    let folder: string
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'lanewise-pictures-'))
    })
    afterAll(() => rmSync(folder, { recursive: true }))

    test('transparency is put on white as in data sets', async () => {
      const data = Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 51, 0, 0, 0, 128)
      const file = encode({ width: 4, height: 1, channels: 4, depth: 8, data })
      const path = join(folder, 'clear.png')
      writeFileSync(path, file)
      const given = await imageTensor(path, 'x', 'float32', [1, 3, 1, 4], imageOptions({ layout: 'nchw' }))
      const { data: expected } = await decodePicture(file, 3)
      for (let i = 0; i < 4; i++)
        for (let c = 0; c < 3; c++)
          expect(Math.abs((given.data as Float32Array)[c * 4 + i] - expected[i * 3 + c])).toBeLessThan(1.01 / 255)
    })

    test('has the same limit of pixels', async () => {
      const path = join(folder, 'large.png')
      writeFileSync(path, pngOf(20_000, 20_000, 8, 0, Buffer.alloc(4)))
      await expectRejects('E_BUDGET', () => imageTensor(path, 'x', 'float32', [1, 3, 8, 8], imageOptions({})))
    })
  })
})

test('names obey no terminal', () => {
  expect(visible('a\x1b[2Jb\x07\x9bc\u202ed\r\n\te')).toBe('a\\u001b[2Jb\\u0007\\u009bc\\u202ed\\u000d\n\te')
  expect(visible('größe 日本 😀')).toBe('größe 日本 😀')
  const value = { name: '\x1b\x9b\u202e' }
  expect(JSON.parse(escapedJson(JSON.stringify(value)))).toEqual(value)
  expect(escapedJson(JSON.stringify(value))).toMatch(/^[ -~]+$/)
})

test('a page of deep names', () => {
  const entry = { op: 'Relu', ms: 1, kernel: 'k' }
  const entries = [100_000, 3].map((depth) => ({
    ...entry,
    node: Array.from({ length: depth }, (_, i) => `p${i}`).join('/'),
  }))
  const frames = ({ children }: Frame): number => children.reduce((sum, child) => sum + frames(child), 1)
  const whole = framesOf('deep', entries as never)
  expect(frames(whole)).toBeLessThan(100)
  expect(whole.children[0].name).toBe('p0')
})

describe('tables and texts', () => {
  test('60,000 columns, labels of as many classes', async () => {
    const count = 60_000
    const names = Array.from({ length: count }, (_, i) => `c${i}`)
    const text = `${names.join()}\n${new Array(count).fill('1').join()}\n`
    const { data, features } = await readCsv(text, { label: 'c59999' })
    expect(features.length).toBe(count - 1)
    expect(data.length).toBe(1)
  })

  test.each(['3.5e38', '-1e39', '1e400'])('%s is no number for float32', async (text) => {
    await expectRejects('E_PARSE', () => readCsv(`a,b\n1,${text}\n`), /column "b"/)
    await expectRejects('E_PARSE', () =>
      readCsv(`a,b\n1,${text}\n`, { label: 'b', classes: undefined, features: ['b'] }),
    )
  })

  test('the largest float32 is one', async () => {
    const { data } = await readCsv('a\n3.4028235e38\n')
    expect(data.get(0).features.data).toEqual(Float32Array.of(3.4028235e38))
  })

  test('a text without blanks in small pieces', async () => {
    const word = 'a'.repeat(100)
    const vocabulary = new Vocabulary(['?', word.repeat(50_000), 'b'], 'word')
    const pieces = [...new Array<string>(50_000).fill(word), ' b b']
    const windows = []
    for await (const fields of textStream(() => pieces, vocabulary, { length: 2 }).stream(0)) windows.push(fields)
    expect(
      windows.map(({ input, target }) => [Array.from(input.data as Int32Array), Array.from(target.data as Int32Array)]),
    ).toEqual([
      [
        [1, 2],
        [2, 2],
      ],
    ])
  })
})
