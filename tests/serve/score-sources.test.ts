import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { writeNpy } from '../../src/data/formats/npy.js'
import { zip } from '../support/formats/zip.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from './built.js'
import { floats, refused, scoring } from './scoring.js'

const { folder, at, lastOutput, scored } = scoring()

describe('a source', () => {
  test('of lines of JSON: objects or the value alone, and what is none is told', async () => {
    const text = ['[1,2]', '{"x":[3,4]}', '', '[5]', 'x', '{"y":[1,2]}', '[[6,7]]', '[1,"a"]', '\xff'].join('\n')
    writeFileSync(at('mixed.jsonl'), Buffer.from(text, 'latin1'))
    for (const shardSize of [1, 2, 3, 100]) {
      const { lines, failed, manifest } = await scored('scaled', 'mixed.jsonl', { shardSize })
      expect(lines.map(({ index, outputs }) => [index, outputs.y])).toEqual([
        [0, [2, 4]],
        [1, [6, 8]],
      ])
      expect(failed.map(({ index, error }) => [index, (error as { code: string }).code])).toEqual([
        [2, 'E_TENSOR'],
        [3, 'E_PARSE'],
        [4, 'E_TENSOR'],
        [5, 'E_TENSOR'],
        [6, 'E_TENSOR'],
        [7, 'E_PARSE'],
      ])
      expect(manifest).toMatchObject({ items: 8, scored: 2, failed: 6, shards: Math.ceil(8 / shardSize) })
    }
  })

  test('of a table: quoted cells over two lines, and rows that are none', async () => {
    writeFileSync(at('table.csv'), 'a,"b\n2"\r\n1,2\r\n"3","4\n"\r\n5\r\n\r\nx,6\r\n7,8')
    const { lines, failed } = await scored('scaled', 'table.csv', { shardSize: 2 })
    expect(lines.map(({ index, outputs }) => [index, outputs.y])).toEqual([
      [0, [2, 4]],
      [1, [6, 8]],
      [4, [14, 16]],
    ])
    expect(failed.map(({ index }) => index)).toEqual([2, 3])
  })

  test('of columns for the inputs of a model', async () => {
    const g = new GraphBuilder('sum')
    const [a, b] = ['a', 'b'].map((name) => g.input(name, 'float32', ['N', 1]))
    g.output(g.op('Add', [a, b]), 'sum')
    writeFileSync(at('sum.onnx'), exportModel(g.graph()))
    writeFileSync(at('columns.csv'), 'b,ignored,a\n1,x,10\n2,y,20\n')
    const { lines } = await scored('sum', 'columns.csv')
    expect(lines.map(({ outputs }) => outputs.sum)).toEqual([[11], [22]])
    // As arrays of NumPy, too.
    writeFileSync(
      at('arrays.npz'),
      zip([
        { name: 'a.npy', data: writeNpy(floats([2, 1], [1, 2])) },
        { name: 'b.npy', data: writeNpy({ dtype: 'float64', shape: [2, 1], data: Float64Array.of(10, 20) }) },
      ]),
    )
    const arrays = await scored('sum', 'arrays.npz', { shardSize: 1 })
    expect(arrays.lines.map(({ outputs }) => outputs.sum)).toEqual([[11], [22]])
  })

  test('of rows of an array, in either order of its axes', async () => {
    writeFileSync(at('rows.npy'), writeNpy(floats([5, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])))
    const right = [0, 1, 2, 3, 4].map((i) => [4 * i, 4 * i + 2])
    expect((await scored('scaled', 'rows.npy', { shardSize: 2 })).lines.map(({ outputs }) => outputs.y)).toEqual(right)
    const columns = Buffer.from(writeNpy(floats([5, 2], [0, 2, 4, 6, 8, 1, 3, 5, 7, 9])))
    writeFileSync(
      at('columns.npy'),
      columns.toString('latin1').replace("'fortran_order': False", "'fortran_order': True "),
      'latin1',
    )
    expect((await scored('scaled', 'columns.npy', { shardSize: 2 })).lines.map(({ outputs }) => outputs.y)).toEqual(
      right,
    )
  })

  test('of pictures: what a session says of each, by its name, and what is none is told', async () => {
    mkdirSync(at('pictures/deep'), { recursive: true })
    const grey = (value: number) => sharp({ create: { width: 8, height: 8, channels: 3, background: { r: value, g: value, b: value } } }).png().toBuffer() // prettier-ignore
    writeFileSync(at('pictures/a.png'), await grey(255))
    writeFileSync(at('pictures/deep/b.png'), await grey(51))
    writeFileSync(at('pictures/broken.png'), 'no picture')
    // sharp throws of these before it is asked anything.
    writeFileSync(at('pictures/deep/a-empty.jpg'), '')
    writeFileSync(at('pictures/readme.txt'), 'no picture either')
    const { lines, failed } = await scored('small', 'pictures', { shardSize: 2 })
    expect(lines.map(({ index, id }) => [index, id])).toEqual([
      [0, 'a.png'],
      [3, 'deep/b.png'],
    ])
    expect(failed).toMatchObject([
      { index: 1, id: 'broken.png', error: { code: 'E_TENSOR' } },
      { index: 2, id: 'deep/a-empty.jpg', error: { code: 'E_TENSOR' } },
    ])
    const session = await InferenceSession.create(at('small.onnx'), { deterministic: true })
    const { scores } = await session.run({
      image: new Tensor('float32', new Float32Array(64).fill(51 / 255), [1, 1, 8, 8]),
    })
    expect(lines[1].outputs.scores).toEqual([...(scores.data as Float32Array)])
  })

  test('of rows of which one fails in the run does not fail the others of its batch', async () => {
    writeFileSync(at('indices.jsonl'), '[0]\n[9]\n[3]\n')
    const { lines, failed } = await scored('picky', 'indices.jsonl')
    expect(lines.map(({ outputs }) => outputs.y)).toEqual([[10], [13]])
    expect(failed).toMatchObject([{ index: 1, error: { code: 'E_VALUE' } }])
  })
})

describe('a folder of pictures', () => {
  test('is walked once, whatever links there are in it, without what is hidden or no file', async () => {
    const picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#333' } })
      .png()
      .toBuffer()
    mkdirSync(at('linked/deep/deeper'), { recursive: true })
    mkdirSync(at('linked/.hidden'))
    mkdirSync(at('linked/folder.png'))
    mkdirSync(at('beside'))
    for (const name of [
      'linked/a.png',
      'linked/deep/b.png',
      'linked/.x.png',
      'linked/._a.png',
      'linked/.hidden/c.png',
      'beside/d.png',
    ])
      // prettier-ignore
      writeFileSync(at(name), picture)
    const link = (target: string, name: string) => symlinkSync(target, at(`linked/${name}`))
    link('..', 'deep/deeper/up')
    link('.', 'self')
    link('deep', 'again')
    link('../beside', 'other')
    link('../../beside', 'deep/other')
    link('a.png', 'same.png')
    link('nowhere.png', 'dangling.png')
    link('loop.png', 'loop.png')
    const { lines, failed } = await scored('small', 'linked')
    expect(lines.map(({ id }) => id?.replace(/^.*other/, 'other'))).toEqual([
      'a.png',
      'deep/b.png',
      'other/d.png',
      'same.png',
    ])
    expect(failed).toEqual([])
  })
})

describe('rows', () => {
  test('of a line with several rows fails that line: there is a place for one', async () => {
    writeFileSync(at('rows.jsonl'), '[1,2]\n[[1,2],[3,4]]\n[5,-0]\n[[5,6]]\n[]\n')
    for (const batch of [1, 2, 32]) {
      const { lines, failed, output } = await scored('scaled', 'rows.jsonl', { batch })
      expect(lines.map(({ index, outputs }) => [index, outputs.y])).toEqual([
        [0, [2, 4]],
        [2, [10, -0]],
      ])
      expect(readFileSync(join(output, 'output.jsonl'), 'utf8')).toContain('[10,-0]')
      expect(failed).toMatchObject([
        {
          index: 1,
          error: { code: 'E_TENSOR', message: 'line 2: an item is one row of each input, which has 1 axes, got 2' },
        },
        {
          index: 3,
          error: { code: 'E_TENSOR', message: 'line 4: an item is one row of each input, which has 1 axes, got 2' },
        },
        { index: 4, error: { code: 'E_TENSOR' } },
      ])
    }
  })

  test('of a table has whole numbers of 64 bits', async () => {
    const g = new GraphBuilder('same')
    g.output(g.op('Identity', [g.input('n', 'int64', ['N'])]), 'same')
    writeFileSync(at('same.onnx'), exportModel(g.graph()))
    writeFileSync(at('numbers.csv'), 'n\n9223372036854775807\n -5\n9223372036854775808\n1.5\nx\n')
    const { output, failed } = await scored('same', 'numbers.csv')
    expect(readFileSync(join(output, 'output.jsonl'), 'utf8')).toBe(
      '{"index":0,"outputs":{"same":9223372036854775807}}\n{"index":1,"outputs":{"same":-5}}\n',
    )
    expect(failed.map(({ index }) => index)).toEqual([2, 3, 4])
  })

  test('has no number for what is missing or overflows, in a table as in lines of JSON', async () => {
    writeFileSync(at('gaps.csv'), 'a,b\n"5",\n1,1e400\n1,1e39\nNaN,-Infinity\n1,2\n')
    writeFileSync(at('gaps.jsonl'), '[5,null]\n[1,1e400]\n[1,1e39]\n["NaN","-Infinity"]\n[1,2]\n')
    for (const input of ['gaps.csv', 'gaps.jsonl']) {
      const { lines, failed } = await scored('scaled', input)
      expect(lines.map(({ index, outputs }) => [index, outputs.y])).toEqual([
        [3, ['NaN', '-Infinity']],
        [4, [2, 4]],
      ])
      expect(failed.map(({ index, error }) => [index, (error as { code: string }).code])).toEqual([
        [0, 'E_TENSOR'],
        [1, 'E_TENSOR'],
        [2, 'E_TENSOR'],
      ])
    }
  })

  test('of an array that have more axes than a row, or bytes after them, are refused before anything is begun', async () => {
    writeFileSync(at('axes.npy'), writeNpy(floats([3, 1, 2], [1, 2, 3, 4, 5, 6])))
    await refused(
      'E_TENSOR',
      scored('scaled', 'axes.npy'),
      /a row of .* is float32 \[1,1,2\], the input "x" takes \S+ \[N,2\]/,
    )
    writeFileSync(at('long.npy'), Buffer.concat([writeNpy(floats([1, 2], [1, 2])), Buffer.alloc(3)]))
    await refused('E_TENSOR', scored('scaled', 'long.npy'), /3 bytes are left after the elements/)
    expect(readdirSync(folder)).not.toContain(lastOutput())
    // Where the first axis is not that of a batch, an item may have all axes of the input.
    const g = new GraphBuilder('sums')
    const axis = g.constant('axis', new Tensor('int64', [0n], []))
    g.output(g.op('CumSum', [g.input('x', 'float32', ['T', 2]), axis]), 'y')
    writeFileSync(at('cumulated.onnx'), exportModel(g.graph()))
    writeFileSync(at('sequences.npy'), writeNpy(floats([1, 2, 2], [1, 2, 3, 4])))
    expect((await scored('cumulated', 'sequences.npy')).lines[0].outputs.y).toEqual([
      [1, 2],
      [4, 6],
    ])
  })

  test('of an array with a number that the input does not reach fail alone', async () => {
    const rows = (dtype: 'float64' | 'float16', most: number) => [1, 2, most, 3, NaN, Infinity, -most, 4].map((value) => ({ dtype, value })) // prettier-ignore
    writeFileSync(at('wide.npy'), writeNpy({ dtype: 'float64', shape: [4, 2], data: Float64Array.from(rows('float64', 1e300), ({ value }) => value) })) // prettier-ignore
    const half = new GraphBuilder('half')
    half.output(half.op('Identity', [half.input('x', 'float16', ['N', 2])]), 'y')
    writeFileSync(at('half.onnx'), exportModel(half.graph()))
    writeFileSync(
      at('wide16.npy'),
      writeNpy(
        floats(
          [4, 2],
          rows('float16', 1e5).map(({ value }) => value),
        ),
      ),
    )
    writeFileSync(at('whole.npz'), zip([{ name: 'x.npy', data: writeNpy({ dtype: 'int64', shape: [4, 2], data: BigInt64Array.of(1n, 2n, 10n ** 5n, 3n, 5n, 6n, -(10n ** 5n), 4n) }) }])) // prettier-ignore
    for (const [model, input, said] of [
      ['scaled', 'wide.npy', '"x": 1e+300 is no number of float32'],
      ['half', 'wide16.npy', '"x": 100000 is no number of float16'],
      ['half', 'whole.npz', '"x": 100000 is no number of float16'],
    ]) {
      const { lines, failed } = await scored(model, input)
      expect(lines.map(({ index }) => index)).toEqual([0, 2])
      expect(failed).toMatchObject([
        { index: 1, error: { code: 'E_TENSOR', message: said } },
        { index: 3, error: { code: 'E_TENSOR', message: said.replace(': ', ': -') } },
      ])
    }
    // The first is refused no otherwise than the others.
    writeFileSync(at('first.npy'), writeNpy({ dtype: 'float64', shape: [2, 2], data: Float64Array.of(1e300, 1, 1, 2) }))
    expect((await scored('scaled', 'first.npy')).manifest).toMatchObject({ scored: 1, failed: 1 })
  })

  test('of a table have decimal numbers, and errors say the line of the file', async () => {
    writeFileSync(at('odd.csv'), '\n"a\nb",c\n\n1,2\n0x10,1\n"3\n",1e1\n1,0b1\n.5,-2.\n1 2,3\n5\n"1",x"\n')
    for (const shardSize of [1, 3, 100]) {
      const { lines, failed } = await scored('scaled', 'odd.csv', { shardSize })
      expect(lines.map(({ outputs }) => outputs.y)).toEqual([
        [2, 4],
        [6, 20],
        [1, -4],
      ])
      expect(failed.map(({ index, error }) => [index, (error as { message: string }).message])).toEqual([
        [1, 'line 6: "0x10" is no number'],
        [3, 'line 9: "0b1" is no number'],
        [5, 'line 11: "1 2" is no number'],
        [6, 'line 12: the row has 1 cells, there are 2 columns'],
        [7, expect.stringMatching(/^line 13: (?!CSV)/) as string],
      ])
    }
    writeFileSync(at('odd.jsonl'), '\n \n[1,2]\n\nx\n[3]\n')
    for (const shardSize of [1, 100]) {
      const { failed } = await scored('scaled', 'odd.jsonl', { shardSize })
      expect(failed.map(({ error }) => (error as { message: string }).message)).toEqual([
        'line 5: this is no line of JSON',
        'line 6: "x" must have shape [N,2], got [1,1]',
      ])
    }
  })

  test('of a table whose first is numbers: it must be said whether that has the names', async () => {
    writeFileSync(at('numbers-first.csv'), '5,6\n1,2\n3,4')
    await refused(
      'E_VALUE',
      scored('scaled', 'numbers-first.csv'),
      /is numbers: say whether .*--header yes.*--header no/,
    )
    const data = async (name: string, options: object) => (await scored('scaled', name, options)).lines.map(({ outputs }) => outputs.y) // prettier-ignore
    expect(await data('numbers-first.csv', { header: true })).toEqual([[2, 4], [6, 8]]) // prettier-ignore
    for (const shardSize of [1, 2, 3, 10])
      expect(await data('numbers-first.csv', { header: false, shardSize })).toEqual([[10, 12], [2, 4], [6, 8]]) // prettier-ignore
    writeFileSync(at('one-row.csv'), '5,6')
    expect(await data('one-row.csv', { header: false })).toEqual([[10, 12]])
    // As data frames without names are written.
    writeFileSync(at('numbered.csv'), '0,1\n1,2\n')
    expect(await data('numbered.csv', {})).toEqual([[2, 4]])
  })
})
