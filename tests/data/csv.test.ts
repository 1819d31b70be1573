import fc from 'fast-check'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { csvRows, csvStream, readCsv } from '../../src/data/formats/csv.js'
import { DataLoader } from '../../src/data/loader.js'
import { readPieces } from '../../src/platform/node-files.js'
import { expectRejects } from '../support/expect-error.js'

async function rowsOf(...given: Parameters<typeof csvRows>): Promise<string[][]> {
  const rows: string[][] = []
  for await (const row of csvRows(...given)) rows.push(row)
  return rows
}

const iris = 'length,width,kind\r\n5.1,3.5,setosa\r\n7.0,3.2,"versicolor"\r\n6.3,3.3,virginica\n5.0,-1e-1,setosa'

describe('CSV', () => {
  test('rows of the format, whatever the pieces', async () => {
    const text = 'a,"b,1","say ""x""",\r\n\r\n"two\nlines",,"",d\n"",e,f,g'
    const rows = [
      ['a', 'b,1', 'say "x"', ''],
      ['two\nlines', '', '', 'd'],
      ['', 'e', 'f', 'g'],
    ]
    expect(await rowsOf(text)).toEqual(rows)
    for (const size of [1, 2, 3, 5]) {
      expect(
        await rowsOf(
          Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size)),
        ),
      ).toEqual(rows)
    }
    expect(await rowsOf('a;b\n', { delimiter: ';' })).toEqual([['a', 'b']])
    expect(await rowsOf('')).toEqual([])
    expect(await rowsOf('""')).toEqual([['']])
    expect(await rowsOf('"a"\r\n"b"\r')).toEqual([['a'], ['b']])
  })

  test('a letter of several bytes may be cut in two', async () => {
    const bytes = new TextEncoder().encode('größe,x\n1,2\n')
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(await rowsOf([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual([
        ['größe', 'x'],
        ['1', '2'],
      ])
    await expectRejects('E_PARSE', () => rowsOf(Uint8Array.of(97, 0xff, 98)), /UTF-8/)
    await expectRejects('E_PARSE', () => rowsOf(Uint8Array.of(97, 0xc3)), /UTF-8/)
  })

  test('what was written comes back', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é'), maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 4 }), async (rows) => {
        const text = rows
          .map((row) => `${row.map((value) => `"${value.replaceAll('"', '""')}"`).join(',')}\r\n`)
          .join('')
        expect(await rowsOf(text)).toEqual(rows)
      }),
      { seed: 3, numRuns: 200 },
    )
  })

  test.each([
    ['a quote that is not closed', 'a,b\n1,"2\n3,4\n', /line 4: .*not closed/],
    ['a quote inside a cell', 'a,b\n1,2"3"\n', /line 2/],
    ['letters behind a quote', 'a\n"b"c\n', /line 2/],
    ['an endless cell', `"${'x'.repeat(2 ** 20 + 1)}"`, /characters/],
  ])('%s is refused', async (_, text, message) => {
    await expectRejects('E_PARSE', () => rowsOf(text), message)
  })

  test('a table with classes', async () => {
    const { data, features, classes } = await readCsv(iris, { label: 'kind' })
    expect(features).toEqual(['length', 'width'])
    expect(classes).toEqual(['setosa', 'versicolor', 'virginica'])
    expect(data.fields.features.dims).toEqual([4, 2])
    expect(data.fields.features.data).toEqual(Float32Array.of(5.1, 3.5, 7, 3.2, 6.3, 3.3, 5, -0.1))
    expect(data.fields.label.data).toEqual(Int32Array.of(0, 1, 2, 0))
    const chosen = await readCsv(iris, { features: ['width'], label: 'length' })
    expect(chosen.data.fields.label.data).toEqual(Float32Array.of(5.1, 7, 6.3, 5))
    expect(chosen.data.fields.features.dims).toEqual([4, 1])
    const bare = await readCsv('1,2\n3,4', { header: false, label: '0' })
    expect(bare.data.fields.features.data).toEqual(Float32Array.of(2, 4))
    expect((await readCsv('\ufeffa,b\n1,2')).features).toEqual(['a', 'b'])
  })

  test.each([
    ['a row too short', 'a,b\n1\n', {}, 'E_PARSE', /row 1: it has 1 cells/],
    ['a word for a number', 'a,b\n1,2\n1,x\n', {}, 'E_PARSE', /row 2, column "b": "x"/],
    ['an empty cell', 'a,b\n1,\n', {}, 'E_PARSE', /is not a number/],
    ['infinity', 'a,b\n1,1e999\n', {}, 'E_PARSE', /is not a number/],
    ['no rows', 'a,b\n', {}, 'E_PARSE', /no rows/],
    ['two columns of one name', 'a,a\n1,2\n', {}, 'E_PARSE', /"a"/],
    ['a column that is not there', 'a,b\n1,2\n', { label: 'c' }, 'E_VALUE', /no column "c"/],
    ['a label of no class', 'a,b\n1,dog\n', { label: 'b', classes: ['cat'] }, 'E_PARSE', /none of the classes/],
  ] as const)('%s is refused', async (_, text, options, code, message) => {
    await expectRejects(code, () => readCsv(text, options), message)
  })

  test('a file larger than is held streams the same numbers in every epoch', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lanewise-csv-'))
    try {
      const path = join(folder, 'table.csv')
      const rows = 20_000
      await writeFile(
        path,
        `x,y,kind\n${Array.from({ length: rows }, (_, i) => `${i},${i / 2},${i % 2 ? 'odd' : 'even'}\n`).join('')}`,
      )
      const loader = new DataLoader(
        csvStream(() => readPieces(path), { label: 'kind', classes: ['even', 'odd'] }),
        { batchSize: 1000 },
      )
      for (let epoch = 0; epoch < 2; epoch++) {
        let i = 0
        for await (const { features, label } of loader) {
          expect(features.dims).toEqual([1000, 2])
          expect((features.data as Float32Array)[3]).toBe((i + 1) / 2)
          expect((label.data as Int32Array)[1]).toBe(1)
          i += 1000
        }
        expect(i).toBe(rows)
      }
      await expectRejects('E_EXTERNAL', () => rowsOf(readPieces(join(folder, 'none.csv'))))
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
