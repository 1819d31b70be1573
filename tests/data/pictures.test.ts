import { encode, type ImageData } from 'fast-png'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ImageFolder } from '../../src/data/image-folder.js'
import { decodePicture, resizedPicture, type Picture } from '../../src/data/picture.js'
import { LanewiseError } from '../../src/core/errors.js'
import { expectRejects } from '../support/expect-error.js'

const grey = (width: number, height: number, data: readonly number[]): ImageData => ({
  width,
  height,
  channels: 1,
  depth: 8,
  data: Uint8Array.from(data),
})
const bytesOf = (values: ArrayLike<number>) => Array.from(values, (value) => Math.round(value * 255))

describe('pictures', () => {
  test('grey, colour, transparency, sixteen bits', async () => {
    const plain = await decodePicture(encode(grey(2, 1, [0, 51])), 1)
    expect(bytesOf(plain.data)).toEqual([0, 51])
    expect([plain.width, plain.height, plain.channels]).toEqual([2, 1, 1])
    const wide = encode({ width: 1, height: 2, channels: 1, depth: 16, data: Uint16Array.of(65535, 13107) })
    expect(bytesOf((await decodePicture(wide, 1)).data)).toEqual([255, 51])
    const colour = encode({ width: 2, height: 1, channels: 3, depth: 8, data: Uint8Array.of(255, 0, 0, 10, 20, 30) })
    expect(bytesOf((await decodePicture(colour, 3)).data)).toEqual([255, 0, 0, 10, 20, 30])
    expect(bytesOf((await decodePicture(colour, 1)).data)).toEqual([76, 18])
    expect(bytesOf((await decodePicture(encode(grey(1, 1, [7])), 3)).data)).toEqual([7, 7, 7])
    const clear = encode({
      width: 2,
      height: 1,
      channels: 4,
      depth: 8,
      data: Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0),
    })
    expect(bytesOf((await decodePicture(clear, 3)).data)).toEqual([10, 20, 30, 255, 255, 255])
  })

  test('a palette and two levels, as sharp writes them', async () => {
    const raw = { width: 9, height: 2, channels: 3 as const }
    const pixels = Uint8Array.from({ length: 54 }, (_, i) => (Math.floor(i / 3) % 2 ? 255 : 0))
    for (const options of [{ palette: true, colours: 2 }, { palette: true, colours: 4 }, {}]) {
      const file = await sharp(pixels, { raw }).png(options).toBuffer()
      expect(bytesOf((await decodePicture(file, 3)).data)).toEqual(Array.from(pixels))
    }
    const levels = await sharp(pixels, { raw }).toColourspace('b-w').png({ palette: true, colours: 2 }).toBuffer()
    expect(bytesOf((await decodePicture(levels, 1)).data)).toEqual(
      Array.from({ length: 18 }, (_, i) => (i % 2 ? 255 : 0)),
    )
  })

  test('grey values of one, two and four bits begin each row with a byte', async () => {
    for (const depth of [1, 2, 4] as const) {
      const top = 2 ** depth - 1
      const values = [1, 0, top, top, 0, 1, 0, 1, top, 0]
      const stride = Math.ceil((5 * depth) / 8)
      const packed = new Uint8Array(2 * stride)
      values.forEach((value, i) => {
        const bit = (i % 5) * depth
        packed[Math.floor(i / 5) * stride + (bit >> 3)] |= value << (8 - depth - (bit & 7))
      })
      const file = pngOf(5, 2, depth, packed, stride)
      const picture = await decodePicture(file, 1)
      expect(Array.from(picture.data, (value) => Math.round(value * top))).toEqual(values)
    }
  })

  test('JPEG', async () => {
    const file = await sharp(
      Uint8Array.from({ length: 192 }, () => 200),
      { raw: { width: 8, height: 8, channels: 3 } },
    )
      .jpeg({ quality: 95 })
      .toBuffer()
    const picture = await decodePicture(file, 1)
    expect(picture.data.length).toBe(64)
    for (const value of bytesOf(picture.data)) expect(Math.abs(value - 200)).toBeLessThan(3)
    await expectRejects('E_PARSE', () => decodePicture(file.subarray(0, 60), 1, 'cut.jpg'), /cut\.jpg/)
  })

  test('damaged files are typed errors', async () => {
    const file = encode(
      grey(
        4,
        4,
        Array.from({ length: 16 }, (_, i) => i * 16),
      ),
    )
    for (let length = 0; length < file.length - 12; length += 3) {
      const error = await decodePicture(file.subarray(0, length), 1).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error, `cut at ${length}`).toBeInstanceOf(LanewiseError)
    }
    const wrong = Uint8Array.from(file)
    wrong[45] ^= 0x55
    await expectRejects('E_PARSE', () => decodePicture(wrong, 1))
    const huge = Uint8Array.from(file)
    huge.set([0x7f, 255, 255, 255, 0x7f, 255, 255, 255], 16)
    await expectRejects('E_BUDGET', () => decodePicture(huge, 1))
    await expectRejects('E_PARSE', () => decodePicture(new TextEncoder().encode('<html>'), 1), /neither PNG nor JPEG/)
  })

  test('a smaller picture is a mean, a larger one lies between', () => {
    const picture: Picture = { width: 4, height: 2, channels: 1, data: Float32Array.of(1, 1, 0, 0, 1, 1, 0, 0) }
    expect(resizedPicture(picture, 4, 2).data).toEqual(picture.data)
    const half = resizedPicture(picture, 2, 1).data
    expect(half[0] + half[1]).toBeCloseTo(1, 6)
    expect(half[0]).toBeCloseTo(0.875, 6)
    const twice = resizedPicture(
      { width: 2, height: 1, channels: 3, data: Float32Array.of(0, 0.5, 1, 1, 0.5, 0) },
      4,
      1,
    ).data
    expect(Array.from(twice)).toEqual([0, 0.5, 1, 0.25, 0.5, 0.75, 0.75, 0.5, 0.25, 1, 0.5, 0])
  })
})

describe('image folders', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lanewise-pictures-'))
    for (const [path, value] of [
      ['cat/2.png', 20],
      ['cat/1.PNG', 10],
      ['ant/a.png', 30],
    ] as const) {
      await mkdir(join(folder, path.split('/')[0]), { recursive: true })
      await writeFile(join(folder, path), encode(grey(3, 2, new Array<number>(6).fill(value))))
    }
    await writeFile(join(folder, 'cat', 'notes.txt'), 'no picture')
    await writeFile(join(folder, 'readme.txt'), 'no folder')
    await mkdir(join(folder, 'empty'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('the folder is the class', async () => {
    const data = await ImageFolder.open(folder, { channels: 1 })
    expect(data.classes).toEqual(['ant', 'cat', 'empty'])
    expect(data.length).toBe(3)
    const seen = await Promise.all([0, 1, 2].map((i) => data.get(i)))
    expect(seen.map(({ label }) => (label.data as Int32Array)[0])).toEqual([0, 1, 1])
    expect(seen.map(({ image }) => bytesOf(image.data as Float32Array)[0])).toEqual([30, 10, 20])
    expect(seen[0].image.dims).toEqual([1, 2, 3])
  })

  test('pictures are brought to one size, their channels to the front', async () => {
    const data = await ImageFolder.open(folder, { size: [4, 5] })
    const { image } = await data.get(0)
    expect(image.dims).toEqual([3, 4, 5])
    for (const value of bytesOf(image.data as Float32Array)) expect(value).toBe(30)
  })

  test('nothing to read is an error', async () => {
    await expectRejects('E_VALUE', () => ImageFolder.open(join(folder, 'cat')))
    await expectRejects('E_EXTERNAL', () => ImageFolder.open(join(folder, 'dog')))
    await writeFile(join(folder, 'empty', 'broken.png'), Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1))
    const data = await ImageFolder.open(folder)
    await expectRejects('E_PARSE', () => data.get(3), /broken\.png/)
    await rm(join(folder, 'empty', 'broken.png'))
  })
})

/** A PNG of packed grey values: what fast-png reads but does not write. */
function pngOf(width: number, height: number, depth: 1 | 2 | 4, packed: Uint8Array, stride: number): Uint8Array {
  // The same bytes as a picture of eight bits, and then another depth and width in its header.
  const file = Buffer.from(encode({ width: stride, height, channels: 1, depth: 8, data: packed }))
  file.writeUInt32BE(width, 16)
  file[24] = depth
  file.writeUInt32BE(crc32(file.subarray(12, 29)), 29)
  return file
}

function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ -1) >>> 0
}
