import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import {
  interleaved,
  LabelledImages,
  MixedDataset,
  openCache,
  readPictureLabels,
  Tensor,
  TensorDataset,
  WorkerLoader,
  writeCache,
  type Dataset,
  type Fields,
} from '../../src/train.js'
import { expectError, expectRejects } from '../support/expect-error.js'
import { pngOf } from '../support/formats/png.js'

const folder = mkdtempSync(join(tmpdir(), 'lanewise-mixing-'))
afterAll(() => rmSync(folder, { recursive: true }))

const named = (name: string, length: number): Dataset<string> => ({ length, get: (i) => `${name}${i}` })

describe('mixtures', () => {
  test('each dataset has its share of every beginning, and begins again when it is used up', () => {
    const mixed = new MixedDataset([named('a', 100), named('b', 3)], { weights: [3, 1], length: 20 })
    const all = Array.from({ length: mixed.length }, (_, i) => mixed.get(i) as string)
    for (let n = 1; n <= all.length; n++) {
      const count = all.slice(0, n).filter((name) => name.startsWith('a')).length
      expect(Math.abs(count - (3 * n) / 4)).toBeLessThanOrEqual(1)
    }
    expect(all.filter((name) => name.startsWith('b'))).toEqual(['b0', 'b1', 'b2', 'b0', 'b1'])
    expect(all.filter((name) => name.startsWith('a'))).toEqual(Array.from({ length: 15 }, (_, i) => `a${i}`))
    expect(new MixedDataset([named('a', 10), named('b', 4)]).length).toBe(8)
    for (const weights of [[1], [1, 0], [1, NaN], [1, -2]])
      expectError('E_VALUE', () => new MixedDataset([named('a', 1), named('b', 1)], { weights }))
    expectError('E_VALUE', () => new MixedDataset([named('a', 1), named('b', 0)]))
    expectError('E_VALUE', () => mixed.get(20))
  })

  test('streams take turns, and all are closed at the end', async () => {
    const closed: string[] = []
    const stream = (name: string, count: number) => ({
      *stream() {
        try {
          for (let i = 0; i < count; i++) yield `${name}${i}`
        } finally {
          closed.push(name)
        }
      },
    })
    const got: string[] = []
    for await (const one of interleaved([stream('a', 9), stream('b', 2)], { weights: [2, 1] }).stream(0)) got.push(one)
    expect(got.filter((name) => name.startsWith('b'))).toEqual(['b0', 'b1'])
    expect(got.length).toBeGreaterThanOrEqual(6)
    expect(got.filter((name) => name.startsWith('a'))).toEqual(
      Array.from({ length: got.length - 2 }, (_, i) => `a${i}`),
    )
    expect(closed.sort()).toEqual(['a', 'b'])
  })
})

describe('lists of labels', () => {
  const root = join(folder, 'list')
  mkdirSync(join(root, 'pictures'), { recursive: true })
  const rows = (width: number, height: number, grey: (x: number, y: number) => number) =>
    Uint8Array.from(
      Array.from({ length: height }, (_, y) => [0, ...Array.from({ length: width }, (_, x) => grey(x, y))]).flat(),
    )
  writeFileSync(
    join(root, 'a.png'),
    pngOf(
      8,
      4,
      8,
      0,
      rows(8, 4, (x) => 20 * x),
    ),
  )
  writeFileSync(
    join(root, 'pictures/b, c.png'),
    pngOf(
      4,
      4,
      8,
      0,
      rows(4, 4, () => 255),
    ),
  )

  test('CSV and JSON say the same', async () => {
    writeFileSync(join(root, 'labels.csv'), 'file,number,left,top,width,height\na.png,12,2,1,4,2\n"b, c.png",7,,,,\n')
    writeFileSync(
      join(root, 'other.json'),
      JSON.stringify({
        'a.png': {
          label: '12',
          width: 8,
          height: 4,
          boxes: [
            { x0: 2, y0: 1, x1: 4, y1: 3 },
            { x0: 4, y0: 2, x1: 6, y1: 3 },
          ],
        },
        'b, c.png': { label: 7, width: 4, height: 4 },
      }),
    )
    const list = await readPictureLabels(root)
    expect(list).toEqual([
      { file: 'a.png', path: join(root, 'a.png'), label: '12', box: { left: 2, top: 1, width: 4, height: 2 } },
      { file: 'b, c.png', path: join(root, 'pictures/b, c.png'), label: '7', box: undefined },
    ])
    expect(await readPictureLabels(root, 'other.json')).toEqual(list)
  })

  test('pictures with their classes, cut by their boxes', async () => {
    const images = await LabelledImages.open(root, { channels: 1 })
    expect([images.classes, images.length]).toEqual([['12', '7'], 2])
    const { image, label } = await images.get(0)
    expect([image.dims, label.data[0]]).toEqual([[1, 2, 4], 0])
    expect(Array.from(image.data as Float32Array, (v) => Math.round(255 * v))).toEqual([
      40, 60, 80, 100, 40, 60, 80, 100,
    ])
    await expectRejects('E_VALUE', () => LabelledImages.open(root, { classes: ['7'] }), /a\.png is a "12"/)
  })

  test('what is wrong says in which row', async () => {
    const wrong: [text: string, code: 'E_PARSE' | 'E_EXTERNAL', message: RegExp][] = [
      ['file,number\na.png,1\nz.png,2\n', 'E_EXTERNAL', /row 2: there is no picture .*z\.png/],
      ['file,number\na.png\n', 'E_PARSE', /row 1: 1 cells under 2/],
      ['file,what\na.png,1\n', 'E_PARSE', /row 1: none of label, number/],
      ['file,number,left,top,width,height\na.png,1,0,0,-3,4\n', 'E_PARSE', /row 1: the box .* no area/],
      ['file,number,left,top\na.png,1,0,0\n', 'E_PARSE', /row 1: a box has left, top, width and height/],
      ['file,number\n', 'E_PARSE', /no rows/],
    ]
    for (const [text, code, message] of wrong) {
      writeFileSync(join(root, 'wrong.csv'), text)
      await expectRejects(code, () => readPictureLabels(root, 'wrong.csv'), message)
    }
    writeFileSync(join(root, 'wrong.json'), '[{"file":')
    await expectRejects('E_PARSE', () => readPictureLabels(root, 'wrong.json'), /no JSON/)
    await expectRejects('E_EXTERNAL', () => readPictureLabels(folder), /neither labels\.csv nor labels\.json/)
  })
})

describe('caches', () => {
  test('every field of every example, with its type, in one file', async () => {
    const path = join(folder, 'cache.safetensors')
    const examples = Array.from({ length: 70 }, (_, i) => ({
      image: new Tensor(
        'uint8',
        Uint8Array.from({ length: 1000 }, (_, k) => (i * 7 + k) & 255),
        [10, 100],
      ),
      label: new Tensor('int32', Int32Array.of(i), []),
    }))
    expect(await writeCache(path, examples, { side: '10' })).toBe(70)
    const { dataset, metadata } = await openCache(path)
    expect(metadata.get('side')).toBe('10')
    expect(dataset.length).toBe(70)
    for (const i of [0, 65, 69]) expect(dataset.get(i)).toEqual(examples[i])
    const other: Fields = { image: examples[0].image, label: new Tensor('int32', Int32Array.of(1, 2), [2]) }
    await expectRejects('E_SHAPE', () => writeCache(path, [examples[0], other]), /int32\[2\] in example 1/)
    await expectRejects('E_VALUE', () => writeCache(path, []))
    expect((await openCache(path)).dataset.length).toBe(70)
    await expectRejects('E_EXTERNAL', () => openCache(join(folder, 'none.safetensors')))
  })

  test('a dataset is written as it is read', async () => {
    const path = join(folder, 'set.safetensors')
    const set = new TensorDataset({ x: new Tensor(Float32Array.of(1, 2, 3, 4), [2, 2]) })
    await writeCache(path, set)
    expect((await openCache(path)).dataset.fields).toEqual(set.fields)
  })
})

describe('loaders with threads', () => {
  // What a user would write; the built library stands for the package.
  const module = join(folder, 'loader.mjs')
  writeFileSync(
    module,
    `
    import { DataLoader, Tensor } from ${JSON.stringify(new URL('../../dist/train.js', import.meta.url).href)}
    const data = {
      length: 23,
      get(i) {
        if (globalThis.failAt === i) throw new Error('unreachable')
        return { x: new Tensor('float32', Float32Array.of(i, 0), [2]) }
      },
    }
    export default ({ batchSize, fail }) => new DataLoader(data, {
      batchSize, shuffle: true, seed: 4,
      transform: ({ x }, random) => {
        if (fail && x.data[0] === 11) throw Object.assign(new Error('picture 11 is damaged'), { code: 'E_PARSE' })
        return { x: new Tensor('float32', Float32Array.of(x.data[0], random.uniform()), [2]) }
      },
    })
    `,
  )
  const href = pathToFileURL(module).href
  const valuesOf = async (loader: AsyncIterable<Fields>) => {
    const values: number[][] = []
    for await (const { x } of loader) values.push([...(x.data as Float32Array)])
    return values
  }

  test('order and bits are those of the plain loader, from the middle of an epoch, too', async () => {
    const { default: make } = (await import(href)) as { default: (options: unknown) => AsyncIterable<Fields> }
    const plain = make({ batchSize: 4 })
    const expected = [await valuesOf(plain), await valuesOf(plain)]
    const loader = await WorkerLoader.open(href, { workers: 2, options: { batchSize: 4 } })
    expect([await valuesOf(loader), await valuesOf(loader)]).toEqual(expected)
    expect([loader.epoch, loader.position, loader.batches, loader.examples]).toEqual([2, 0, 6, 23])
    loader.restore({ ...loader.state(), epoch: 1, position: 8 })
    expect(await valuesOf(loader)).toEqual(expected[1].slice(2))
    await loader.close()
    await expectRejects('E_STATE', () => valuesOf(loader), /closed/)
  })

  test('an example that cannot be read is an error at its batch', async () => {
    const loader = await WorkerLoader.open(href, { options: { batchSize: 23, fail: true } })
    await expectRejects('E_PARSE', () => valuesOf(loader), /picture 11 is damaged/)
    await loader.close()
    await expectRejects('E_VALUE', () => WorkerLoader.open(href, { workers: 0, options: {} }))
  })
})
