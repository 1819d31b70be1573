import { encode } from 'fast-png'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { differenceOf } from '../../src/cli/difference.js'
import { loadPeer } from '../../src/cli/peers.js'
import { evaluateFolder, ReadingScore } from '../../src/cli/numbers/evaluate.js'
import { loadReader } from '../../src/cli/numbers/load-reader.js'
import { readingsOf } from '../../src/cli/numbers/reader.js'
import { scan, voted, windowsOf, type Seen } from '../../src/cli/numbers/scan.js'
import { toHost } from '../../src/api/tensor.js'
import {
  AdamW,
  cosine,
  DataLoader,
  Device,
  evaluate,
  fit,
  Schedule,
  Tensor,
  TensorDataset,
  writeCache,
} from '../../src/train.js'
import { GeneratedNumbers, labelsOf, type World } from '../../models/house-numbers/generate.js'
import { fontFaces } from '../../models/house-numbers/glyphs.js'
import { reader } from '../../models/house-numbers/networks.js'
import { packedNumbers } from '../../models/house-numbers/packed.js'
import { exportReader, readerTask, wholeSequences } from '../../models/house-numbers/task.js'
import { drawnTextures } from '../../models/house-numbers/textures.js'
import { expectRejects } from '../support/expect-error.js'
import { skipUnlessShared } from '../support/shared.js'

const folder = mkdtempSync(join(tmpdir(), 'lanewise-numbers-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A small world: a few fonts and drawn walls, no photographs. */
async function smallWorld(faces: number): Promise<World> {
  return {
    part: 'test',
    fonts: (await fontFaces('test')).slice(0, faces),
    photographed: [],
    handwritten: undefined,
    drawn: drawnTextures('test', 8),
    photographs: [],
  }
}

describe('the generator', () => {
  test('a picture depends on seed and index alone; labels and greys are what they must be', async () => {
    const world = await smallWorld(3)
    const make = (seed: number) => new GeneratedNumbers(world, 32, 1000, seed)
    const [a, b] = [make(1).batch([5, 9, 700]), make(1).batch([700, 5])]
    const pictures = ({ image }: { image: Tensor }, i: number) =>
      (image.data as Float32Array).subarray(i * 1024, (i + 1) * 1024)
    expect(pictures(b as { image: Tensor }, 1)).toEqual(pictures(a as { image: Tensor }, 0))
    expect(pictures(b as { image: Tensor }, 0)).toEqual(pictures(a as { image: Tensor }, 2))
    expect(pictures(make(2).batch([5]) as { image: Tensor }, 0)).not.toEqual(pictures(a as { image: Tensor }, 0))
    const { image, label } = make(1).batch(Array.from({ length: 300 }, (_, i) => i))
    expect((image.data as Float32Array).every((grey) => grey >= 0 && grey <= 1)).toBe(true)
    const lengths = Array.from({ length: 300 }, (_, i) => (label.data as Int32Array)[6 * i])
    const share = (length: number) => lengths.filter((other) => other === length).length / 300
    expect(share(2)).toBeGreaterThan(0.28)
    expect(share(3)).toBeGreaterThan(0.38)
    expect(share(0) + share(6)).toBe(0)
    expect(labelsOf([4, 0])).toEqual([2, 4, 0, -1, -1, -1])
    expect(labelsOf([1, 2, 3, 4, 5, 6])).toEqual([6, -1, -1, -1, -1, -1])
  })

  test('fonts of the two parts have nothing in common', async () => {
    const names = async (part: 'train' | 'test') => (await fontFaces(part)).map(({ name }) => name.replace(/ \d+$/, ''))
    const [train, own] = [new Set(await names('train')), new Set(await names('test'))]
    expect(own.size).toBeGreaterThan(5)
    expect([...own].filter((name) => train.has(name))).toEqual([])
  })
})

describe('readers', () => {
  test('the network as it was described: three blocks, 128-64-16, six heads', async () => {
    Device.current = await Device.create({ deterministic: true, seed: 1 })
    const network = reader()
    const shapes = [...network.namedParameters()].map(([name, { shape }]) => [name, shape.join('×')])
    expect(shapes.filter(([name]) => name.endsWith('weight')).map(([, shape]) => shape)).toEqual([
      ...['16×1×4×4', '32×16×4×4', '64×32×4×4', '128×1024', '64×128', '16×64'],
      ...new Array<string>(6).fill('10×16'),
    ])
    network.dispose()
    Device.current.dispose()
  })

  test(
    'a tiny one learns a third of the numbers of one font and more, and its file reads pictures the same',
    {
      timeout: 180_000,
    },
    async () => {
      const device = await Device.create({ deterministic: true, seed: 3 })
      Device.current = device
      const [side, epochs, batchSize] = [24, 4, 32]
      const world = await smallWorld(3)
      const drawn = (count: number, seed: number) =>
        new TensorDataset(
          new GeneratedNumbers(world, side, count, seed).batch(Array.from({ length: count }, (_, i) => i)),
        )
      const [train, unseen] = [drawn(4000, 1), drawn(400, 2)]
      const network = reader({ side, blocks: 2, depths: [12, 24], patch: 3, dense: [96], keep: 1 })
      const optimizer = new AdamW(network.parameters(), { lr: 0.004 })
      await fit(network, new DataLoader(train, { batchSize, shuffle: true, seed: 1 }), {
        ...readerTask,
        optimizer,
        schedule: new Schedule(optimizer, cosine((epochs * train.length) / batchSize)),
        epochs,
      })
      const { metrics } = await evaluate(network, new DataLoader(unseen, { batchSize: 100 }), {
        ...readerTask,
        metrics: { whole: wholeSequences() },
      })
      // By chance it would be one of a hundred.
      expect(metrics?.whole).toBeGreaterThan(0.33)

      const file = join(folder, 'tiny.onnx')
      writeFileSync(file, exportReader(network, { title: 'tiny' }))
      const exported = await loadReader(file, { build: 'simd' })
      expect(exported.side).toBe(side)
      const score = new ReadingScore()
      const rows = ['file,number,left,top,width,height']
      for (let i = 0; i < 60; i++) {
        const { image, label } = unseen.get(i)
        const [many, ...digits] = label.data as Int32Array
        const truth = digits.slice(0, many).join('')
        const greys = image.data as Float32Array<ArrayBuffer>
        const [reading] = await exported.read([{ width: side, height: side, channels: 1, data: greys }])
        score.add(String(i), truth, reading)
        const data = Uint8Array.from(greys, (grey) => Math.round(255 * grey))
        writeFileSync(join(folder, `${i}.png`), encode({ width: side, height: side, channels: 1, data }))
        // With its margin the box is the whole picture.
        const size = side / 1.3
        rows.push(`${i}.png,${truth},${(side - size) / 2},${(side - size) / 2},${size},${size}`)
      }
      writeFileSync(join(folder, 'labels.csv'), rows.join('\n'))
      const direct = score.report('tiny')
      const read = await evaluateFolder(exported, folder)
      expect({ ...read, set: '', wrong: [] }).toEqual({ ...direct, set: '', wrong: [] })
      await exported.session.release()
      network.dispose()
      device.dispose()
    },
  )

  test('a packed set is learned from as often as a run needs; crops of another size are refused', async () => {
    const file = join(folder, 'packed.safetensors')
    const crop = (grey: number) => new Tensor('uint8', new Uint8Array(64).fill(grey), [1, 8, 8])
    const labels = (digit: number) => new Tensor('int32', Int32Array.from(labelsOf([digit])), [6])
    await writeCache(
      file,
      Array.from({ length: 40 }, (_, i) => ({ image: crop(i), label: labels(i % 10) })),
    )
    const { train, validation, source } = await packedNumbers(file, 8, { length: 100, batchSize: 10, seed: 1 })
    expect(source).toContain('40 crops')
    expect(validation.length).toBe(2)
    const seen: number[] = []
    for await (const { image, label } of train) {
      expect(image.dims).toEqual([10, 1, 8, 8])
      for (let i = 0; i < 10; i++) {
        const grey = Math.round(255 * Number(image.data[64 * i]))
        expect([...label.data].slice(6 * i, 6 * i + 3)).toEqual([1, grey % 10, -1])
        seen.push(grey)
      }
    }
    expect(seen.length).toBe(100)
    const kept = [0, 1].map((i) => validation.get(i) as { image: Tensor })
    for (const { image } of kept) expect(seen).not.toContain(Math.round(255 * Number(image.data[0])))
    expect(new Set(seen).size).toBe(38)
    await expectRejects('E_SHAPE', () => packedNumbers(file, 48, { length: 10, batchSize: 5, seed: 1 }), /--side 48/)
  })

  test('the likeliest number by length and digits together; more than five are refused', () => {
    const digits = (...best: readonly (readonly [digit: number, share: number])[]) => {
      const rows = new Float32Array(50).fill(0.01)
      best.forEach(([digit, share], place) => (rows[place * 10 + digit] = share))
      return rows
    }
    const sure = readingsOf(Float32Array.of(0, 0.1, 0.8, 0.1, 0, 0, 0), digits([4, 0.9], [2, 0.8], [7, 0.9]))
    expect(sure[0].number).toBe('42')
    expect(sure[0].probability).toBeCloseTo(0.8 * 0.72)
    // Two digits are a little likelier by themselves, but nobody knows what the second would be.
    const doubtful = readingsOf(Float32Array.of(0, 0.45, 0.5, 0.05, 0, 0, 0), digits([4, 0.9], [2, 0.3]))
    expect(doubtful[0].number).toBe('4')
    expect(readingsOf(Float32Array.of(0, 0, 0.1, 0, 0, 0.1, 0.8), digits([1, 1]))[0].number).toBeUndefined()
    expect(readingsOf(Float32Array.of(0.9, 0.1, 0, 0, 0, 0, 0), digits([1, 1]))[0].number).toBe('')
  })

  test('numbers are right only as a whole; those of six digits are left out and counted', () => {
    const score = new ReadingScore()
    score.add('a', '12', { number: '12' })
    score.add('b', '12', { number: '13' })
    score.add('c', '345', { number: '34' })
    score.add('d', '6', { number: undefined })
    score.add('e', '123456', { number: undefined })
    const report = score.report('set')
    expect(report).toMatchObject({ count: 4, tooLong: 1, sequenceAccuracy: 0.25, digitAccuracy: 5 / 8 })
    expect(report.byLength).toEqual({
      1: { count: 1, accuracy: 0 },
      2: { count: 2, accuracy: 0.5 },
      3: { count: 1, accuracy: 0 },
    })
    expect(report.lengths[3][2]).toBe(1)
    expect(report.lengths[1][6]).toBe(1)
    expect(report.digits[2][3]).toBe(1)
  })

  test('windows cover a photograph at every scale', () => {
    const windows = windowsOf(200, 100, 0.3)
    for (const [x, y] of [
      [1, 1],
      [199, 99],
      [100, 50],
    ])
      expect(
        windows.some(({ left, top, width, height }) => {
          const [mx, my] = [0.15 * width, 0.15 * height]
          return left - mx <= x && top - my <= y && left + width + mx >= x && top + height + my >= y
        }),
      ).toBe(true)
    expect(new Set(windows.map(({ height }) => Math.round(height))).size).toBeGreaterThan(4)
  })
})

describe('votes of windows', () => {
  /** Windows of 20 rows that are read as a number, so often and so surely. */
  const windows = (number: string, left: number, width: number, count: number, probability = 1): Seen[] =>
    Array.from({ length: count }, (_, i) => ({
      box: { left: left + i / 10, top: 10, width, height: 20 },
      reading: { number, probability, length: [], digits: [] },
    }))

  test('a number is found although its digits fill more windows', () => {
    const found = voted([...windows('4', 50, 10, 9), ...windows('2', 60, 10, 8), ...windows('42', 50, 20, 6)])
    expect(found.map(({ reading }) => reading.number)).toEqual(['42'])
    // Each digit's windows count up to half of the six.
    expect(found[0].votes).toBeCloseTo((6 + 3 + 3) * 2, 10)
    expect(found[0].box).toEqual({ left: 50, top: 10, width: 20, height: 20 })
  })

  test('a longer number with few windows of its own is none', () => {
    const found = voted([...windows('42', 50, 20, 6), ...windows('421', 50, 30, 1), ...windows('1', 70, 10, 9, 0.7)])
    expect(found[0].reading.number).toBe('42')
  })

  test('what is read elsewhere does not count, nor what is unsure; two places are two numbers', () => {
    const found = voted([
      ...windows('42', 50, 20, 3),
      ...windows('4', 150, 10, 2),
      ...windows('77', 50, 20, 50, 0.5),
      ...windows('', 50, 20, 50),
    ])
    expect(found.map(({ reading, votes }) => [reading.number, votes])).toEqual([
      ['42', 6],
      ['4', 2],
    ])
  })
})

const models = fileURLToPath(new URL('../../models/house-numbers/', import.meta.url))
const card = existsSync(join(models, 'README.md')) ? readFileSync(join(models, 'README.md'), 'utf8') : ''
/** The share of real numbers that the card's row of a file says, in per cent. */
const realOf = (file: string) =>
  Number(/\*\*([\d.]+) %\*\*/.exec(card.split('\n').find((line) => line.startsWith(`| [${file}]`)) ?? '')?.[1])

describe('trained readers', () => {
  test('each is small enough and has its row in the card', () => {
    expect(statSync(join(models, 'reader-best.onnx')).size).toBeLessThanOrEqual(3_000_000)
    expect(realOf('reader-best')).toBeGreaterThan(50)
  })
})

skipUnlessShared('trained readers on real photographs', ['data', 'svhn-real'], (data) => {
  test.for(['reader-best'])(
    '%s is as good as its card says, and onnxruntime-web says the same',
    {
      timeout: 180_000,
    },
    async (name) => {
      const file = join(models, `${name}.onnx`)
      const own = await loadReader(file, { build: 'simd' })
      const { sequenceAccuracy } = await evaluateFolder(own, data)
      expect((100 * sequenceAccuracy).toFixed(2)).toBe(realOf(name).toFixed(2))
      const { image } = new GeneratedNumbers(await smallWorld(2), own.side, 16, 5).batch(
        Array.from({ length: 16 }, (_, i) => i),
      )
      const peer = await loadPeer('onnxruntime-web', readFileSync(file), [])
      const [ours, theirs] = [await own.session.run({ picture: image }), await peer.run({ picture: image })]
      for (const output of ['length', 'digits'])
        expect(differenceOf(toHost(ours[output], output), theirs[output])).toMatchObject({ agrees: true })
      // A number on a wall, anywhere: windows of the right size find it.
      const greys = image.data as Float32Array<ArrayBuffer>
      const crops = Array.from({ length: 16 }, (_, i) => greys.slice(i * own.side ** 2, (i + 1) * own.side ** 2))
      const readings = await own.read(
        crops.map((crop) => ({ width: own.side, height: own.side, channels: 1, data: crop })),
      )
      const best = readings.reduce((a, b, i) => (b.number && b.probability > readings[a].probability ? i : a), 0)
      const wall = {
        width: 150,
        height: 100,
        channels: 1 as const,
        data: new Float32Array(15_000).fill(crops[best][0]),
      }
      for (let y = 0; y < own.side; y++)
        wall.data.set(crops[best].subarray(y * own.side, (y + 1) * own.side), (20 + y) * 150 + 70)
      const found = await scan(own, wall)
      expect(found.map(({ reading }) => reading.number)).toContain(readings[best].number)
      await own.session.release()
      await peer.release()
    },
  )
})
