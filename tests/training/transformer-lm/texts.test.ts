import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Corpus, countWords, END, trainTokenizer } from '../../../models/transformer-lm/corpus.js'
import { drawSentence, grammarText } from '../../../models/transformer-lm/grammar.js'
import { drawReviews, joined, loadReviews, readReviews } from '../../../models/transformer-lm/reviews.js'
import { bySizes, studyChart, type StudyRun } from '../../../models/transformer-lm/study-results.js'
import { parts, plainReview, readText, textFiles, wikiText } from '../../../models/transformer-lm/texts.js'
import { DataLoader, ParallelSampler, Random, RandomSampler, TokenDataset } from '../../../src/train.js'
import { skipUnlessShared } from '../../support/shared.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-texts-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const put = (name: string, contents: string | Uint8Array) => {
  writeFileSync(join(folder, name), contents)
  return join(folder, name)
}

describe('texts', () => {
  test('are read from files and folders, packed or not, a line or a file a document', () => {
    const sub = join(folder, 'several')
    mkdirSync(sub)
    writeFileSync(join(sub, 'b.txt.gz'), gzipSync('third\r\n\r\nfourth\n'))
    writeFileSync(join(sub, 'a.txt'), 'first\nsecond\n')
    writeFileSync(join(sub, 'c.json'), 'not text')
    const lines = textFiles(sub, { validation: 1, test: 1 })
    expect(parts.map((part) => [...lines.documents(part)])).toEqual([['first', 'second'], ['fourth'], ['third']])
    const files = textFiles(sub, { document: 'file', validation: 1 })
    expect([...files.documents('train')]).toEqual(['first\nsecond\n'])
    expect(files.key).not.toBe(lines.key)
  })

  test('that are missing, damaged or no UTF-8 are refused', () => {
    expect(() => textFiles(join(folder, 'nothing'))).toThrow(expect.objectContaining({ code: 'E_EXTERNAL' }))
    expect(() => readText(put('latin.txt', Uint8Array.of(0x66, 0xfc, 0x72)))).toThrow(
      expect.objectContaining({ code: 'E_PARSE' }),
    )
    expect(() => readText(put('cut.gz', gzipSync('a text '.repeat(99)).subarray(0, 20)))).toThrow('damaged')
    expect(readText(put('latin2.txt', Uint8Array.of(0x66, 0xfc, 0x72)), 'latin1')).toBe('für')
  })

  test('of WikiText are cut into articles, and parts that are not there are named', () => {
    const wiki = join(folder, 'wiki')
    mkdirSync(wiki)
    expect(() => wikiText(wiki)).toThrow('wiki.train.tokens')
    writeFileSync(
      join(wiki, 'wiki.valid.tokens'),
      ' \n = A title = \n \n First , text . \n = = Part = = \n More . \n \n = Another = \n \n Words . \n',
    )
    const source = wikiText(wiki)
    const articles = [...source.documents('validation')]
    expect(articles).toEqual(['= A title =\nFirst , text .\n= = Part = =\nMore .', '= Another =\nWords .'])
    expect(countWords(articles)).toBe(4 + 4 + 5 + 2 + 1 + 3 + 2 + 1)
    expect(() => [...source.documents('train')]).toThrow(expect.objectContaining({ code: 'E_EXTERNAL' }))
  })
})

skipUnlessShared('the parts of WikiText-2 at hand', ['data', 'wikitext-2'], (path) => {
  test('have the words and articles that are published', () => {
    const source = wikiText(path)
    const articles = { validation: [...source.documents('validation')], test: [...source.documents('test')] }
    expect(articles.validation.length).toBe(60)
    // 217,646 and 245,569 tokens with one for the end of every line, blank ones among them; here it is one for each
    // article.
    const words = (documents: readonly string[]) => countWords(documents) - documents.length
    expect(words(articles.validation)).toBe(213_886)
    expect(words(articles.test)).toBe(241_211)
  })
})

describe('a corpus', () => {
  test('is numbered once, kept in a file, and numbered anew for other tokens', async () => {
    const source = grammarText(40)
    const tokenizer = await trainTokenizer(source, 300)
    const cache = join(folder, 'cache')
    let read = 0
    const counting = { ...source, documents: (part: (typeof parts)[number]) => (read++, source.documents(part)) }
    const first = Corpus.open(counting, tokenizer, { cache })
    expect(read).toBe(3)
    const again = Corpus.open(counting, tokenizer, { cache })
    expect(read).toBe(3)
    for (const part of parts) expect(again.part(part)).toEqual(first.part(part))
    expect(readdirSync(cache).length).toBe(1)
    Corpus.open(counting, await trainTokenizer(source, 280), { cache })
    expect(readdirSync(cache).length).toBe(2)
    // What was numbered is the text, each document with its end.
    const { ids, words } = first.part('validation')
    const documents = [...source.documents('validation')]
    expect(tokenizer.decode(ids)).toBe(documents.map((document) => document + END).join(''))
    expect(words).toBe(documents.join(' ').split(' ').length + documents.length)
  })

  test('in random windows and in parallel stretches goes on where it stood', async () => {
    const windows = new TokenDataset(
      Int32Array.from({ length: 101 }, (_, i) => i),
      { length: 5, stride: 1 },
    )
    const make = () =>
      new DataLoader(windows, {
        batchSize: 4,
        seed: 3,
        sampler: new RandomSampler(windows.length, { replacement: true, count: 24 }),
      })
    const all: number[][] = []
    for await (const { input, target } of make()) {
      all.push([...(input.data as Int32Array)])
      expect([...(target.data as Int32Array)]).toEqual([...(input.data as Int32Array)].map((id) => id + 1))
    }
    expect(all.length).toBe(6)
    expect(new Set(all.map((batch) => batch[0] % 5)).size).toBeGreaterThan(1)
    const stopped = make()
    for await (const { input } of stopped) if (input.data[0] === all[2][0]) break
    const rest: number[][] = []
    for await (const { input } of make().restore(stopped.state())) rest.push([...(input.data as Int32Array)])
    expect(rest).toEqual(all.slice(3))

    const text = new TokenDataset(
      Int32Array.from({ length: 101 }, (_, i) => i),
      { length: 10 },
    )
    const rows: number[][] = []
    const sampler = new ParallelSampler(text.length, 3)
    expect(sampler.length).toBe(9)
    for await (const { input } of new DataLoader(text, { batchSize: 3, sampler }))
      rows.push([0, 1, 2].map((row) => Number(input.data[10 * row])))
    expect(rows).toEqual([
      [0, 30, 60],
      [10, 40, 70],
      [20, 50, 80],
    ])
    expect(() => new ParallelSampler(2, 3)).toThrow('stretches')
  })
})

describe('judged texts', () => {
  test('are read from tables with four columns, or two in either order', () => {
    const imdb = put('imdb.tsv.gz', gzipSync('0\t2\t17\tBad.<br /><br />Very "bad"\t!\n1\t9\t18\tGood.\n'))
    expect(readReviews(imdb)).toEqual([
      { text: 'Bad.\nVery "bad"\t!', label: 0 },
      { text: 'Good.', label: 1 },
    ])
    expect(readReviews(put('sst.tsv', "it 's good , really\t1\nnot that\t0\n"))).toEqual([
      { text: "it's good, really", label: 1 },
      { text: 'not that', label: 0 },
    ])
    expect(readReviews(put('titles.tsv', 'label\ttext\n1\tfine\n'))).toEqual([{ text: 'fine', label: 1 }])
    expect(joined("do n't ( ever ) say so !")).toBe("don't (ever) say so!")
    expect(plainReview('a <br/> b<BR>')).toBe('a\nb')
  })

  test('with a label or a column that is wrong are refused by their row', () => {
    expect(() => readReviews(put('label.tsv', 'good\t1\nbad\t2\n'))).toThrow('row 2: the label is "2"')
    expect(() => readReviews(put('column.tsv', 'good\t1\nbad\n'))).toThrow('row 2')
    expect(() => readReviews(put('empty.tsv', '\n'))).toThrow('no rows')
    expect(() => readReviews(join(folder, 'no.tsv'))).toThrow(expect.objectContaining({ code: 'E_EXTERNAL' }))
  })

  test('are drawn by a seed, half of either class', () => {
    const { train, validation } = loadReviews('grammar')
    const texts = (seed: number) => drawReviews(train, 17, seed).map(({ text }) => text)
    expect(texts(1)).toEqual(texts(1))
    expect(texts(1)).not.toEqual(texts(2))
    const labels = drawReviews(train, 17, 1).map(({ label }) => label)
    expect(labels.filter((label) => label === 1).length).toBe(9)
    expect(validation.length).toBe(400)
    expect(() => drawReviews(train, 5000, 1)).toThrow('cannot be drawn')
  })

  test('of the generated language mean what their words say', () => {
    const random = new Random(5)
    const good = /wonderful|funny|moving|clever|brilliant|warm/
    for (let i = 0; i < 200; i++) {
      const { text, label } = drawSentence(random)
      const clause = text.split(/ , but | and /).at(-1) ?? ''
      expect(good.test(clause) !== / (not|never) /.test(clause)).toBe(label === 1)
    }
  })
})

test('a study is summed up by size, and drawn', () => {
  const run = (size: StudyRun['size'], scratch: boolean, seed: number, accuracy: number): StudyRun => ({
    ...{ set: 'x', size, scratch, seed, accuracy },
  })
  const runs = [run('all', true, 1, 0.7), run(16, true, 1, 0.5), run(16, true, 2, 0.6), run(16, false, 1, 0.8)]
  const rows = bySizes(runs)
  expect(rows.map(({ size, scratch, seeds }) => [size, scratch, seeds])).toEqual([
    ['16', false, 1],
    ['16', true, 2],
    ['all', true, 1],
  ])
  expect(rows[1].mean).toBeCloseTo(0.55, 12)
  expect(rows[1].deviation).toBeCloseTo(Math.SQRT1_2 / 10, 12)
  expect(studyChart(runs).match(/<circle/g)?.length).toBe(3)
})
