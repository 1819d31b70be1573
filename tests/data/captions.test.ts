import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  captionTokens,
  CaptionVocabulary,
  captionWords,
  checkParts,
  DrawnScenes,
  parseCaptions,
  readPictureList,
  sceneCaption,
  sceneVocabulary,
} from '../../src/train.js'
import { expectRejects } from '../support/expect-error.js'
import { skipUnlessShared } from '../support/shared.js'

const parse = (text: string) => parseCaptions(new TextEncoder().encode(text), 'file')

describe('published forms', () => {
  const same = [
    { file: 'a.jpg', captions: ['A dog runs .', 'The dog , brown'] },
    { file: 'b.jpg', captions: ['Two cats'] },
  ]

  test('lines of Flickr8k.token.txt', async () => {
    expect(await parse('a.jpg#0\tA dog runs .\na.jpg#1\tThe dog , brown\r\n\nb.jpg#0\tTwo cats\n')).toEqual(same)
  })

  test('CSV with a header, commas with and without quotes', async () => {
    expect(await parse('image,caption\na.jpg,A dog runs .\na.jpg,"The dog , brown"\nb.jpg,Two cats\n')).toEqual(same)
    expect(await parse('\ufeffimage,caption\na.jpg,A dog runs .\na.jpg,The dog , brown\nb.jpg,Two cats')).toEqual(same)
    expect(await parse('caption,image\nTwo cats,x/b.jpg\n')).toEqual([same[1]])
  })

  test("Karpathy's JSON, with its parts", async () => {
    const images = same.map(({ file, captions }, i) => ({
      filename: file,
      split: ['restval', 'test'][i],
      sentences: captions.map((raw) => ({ raw, tokens: [] })),
    }))
    expect(await parse(JSON.stringify({ images, dataset: 'flickr8k' }))).toEqual([
      { ...same[0], part: 'train' },
      { ...same[1], part: 'test' },
    ])
  })

  test('what is none of them says where', async () => {
    await expectRejects('E_PARSE', () => parse('a.jpg#0\tA dog\nb.jpg A cat\n'), /file, line 2/)
    await expectRejects('E_PARSE', () => parse('a.jpg#0\tA dog\na.jpg#1\t  \n'), /line 2/)
    await expectRejects('E_PARSE', () => parse('image,caption\na.jpg\n'), /row 2/)
    await expectRejects('E_PARSE', () => parse('some text'), /no captions; known are/)
    await expectRejects(
      'E_PARSE',
      () => parse('{"images": [{"filename": "a.jpg", "sentences": [{"text": "x"}]}]}'),
      /image 0/,
    )
    await expectRejects('E_PARSE', () => parse('{"images": '), /no JSON/)
    await expectRejects('E_PARSE', () => parse('{"pictures": []}'), /no list "images"/)
    await expectRejects('E_VALUE', () => parse('image,caption\n'), /no captions/)
    await expectRejects('E_PARSE', () => parseCaptions(Uint8Array.of(0xff, 0xfe, 0x00), 'file'), /UTF-8/)
  })

  test('lists of names', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'lanewise-')), 'list.txt')
    writeFileSync(path, 'a.jpg\r\nb.jpg\n\n')
    expect(await readPictureList(path)).toEqual(['a.jpg', 'b.jpg'])
  })

  test('parts that overlap are counted', () => {
    checkParts({ train: ['a', 'a', 'b'], val: ['c'] })
    expect(() => checkParts({ train: ['a', 'b'], val: ['b', 'a'], test: ['c'] })).toThrow(
      '2 pictures are in two parts of the data: b in "train" and "val"',
    )
  })
})

describe('words', () => {
  test('lower case without punctuation', () => {
    expect(captionWords(' A boy\'s T-shirt , "red" & new . ')).toEqual(['a', 'boys', 'tshirt', 'red', 'new'])
    expect(captionWords(' ... ')).toEqual([])
  })

  test('a vocabulary has the frequent words and knows what is no word', () => {
    const vocabulary = CaptionVocabulary.of(['A dog .', 'a cat', 'a dog'], { least: 2 })
    expect(vocabulary.tokens).toEqual(['<NULL>', '<START>', '<END>', '<UNK>', 'a', 'dog'])
    expect([...vocabulary.encode('The dog a')]).toEqual([captionTokens.unknown, 5, 4])
    expect(vocabulary.decode([captionTokens.start, 4, 3, 5, captionTokens.end, 4])).toBe('a <UNK> dog')
    expect(() => vocabulary.decode([6])).toThrow('6 is no token')
    expect(() => new CaptionVocabulary(['<NULL>', 'a'])).toThrow('begins with')
    expect(() => new CaptionVocabulary([...vocabulary.tokens, 'a'])).toThrow('each word once')
  })
})

describe('drawn scenes', () => {
  test('a scene follows from seed and number; pictures are of 0 … 1; captions are known words', () => {
    const scenes = new DrawnScenes(1000, 3, false)
    expect(new DrawnScenes(10, 3, false).at(7)).toEqual(scenes.at(7))
    expect(new DrawnScenes(10, 4, false).at(7)).not.toEqual(scenes.at(7))
    for (let i = 0; i < 100; i++) {
      const { scene, picture } = scenes.at(i)
      expect(picture.every((value) => value >= 0 && value <= 1)).toBe(true)
      expect(sceneVocabulary.decode(sceneVocabulary.encode(sceneCaption(scene)))).toBe(sceneCaption(scene))
    }
  })

  test('what is kept for testing has captions that no other scene has', () => {
    const captions = (kept: boolean) =>
      new Set(Array.from({ length: 300 }, (_, i) => sceneCaption(new DrawnScenes(300, 5, kept).at(i).scene)))
    const [kept, others] = [captions(true), captions(false)]
    expect(kept.size).toBeGreaterThan(200)
    expect([...kept].filter((caption) => others.has(caption))).toEqual([])
  })

  test('a batch has tokens from the start on and labels up to the end', () => {
    const scenes = new DrawnScenes(50, 5, false)
    const { image, tokens, label } = scenes.batch([0, 1, 2, 3])
    expect(image.dims).toEqual([4, 3, 32, 32])
    const { scene } = scenes.at(2)
    const words = [...sceneVocabulary.encode(sceneCaption(scene))]
    const [, width] = tokens.dims
    const row = (data: unknown) => [...(data as Int32Array).subarray(2 * width, 3 * width)]
    expect(row(tokens.data).slice(0, words.length + 1)).toEqual([captionTokens.start, ...words])
    expect(row(label.data).slice(0, words.length + 1)).toEqual([...words, captionTokens.end])
    expect(
      row(label.data)
        .slice(words.length + 1)
        .every((token) => token === captionTokens.padding),
    ).toBe(true)
  })

  test('colours are where the groups are', () => {
    const scenes = new DrawnScenes(400, 6, false)
    let compared = 0
    for (let i = 0; i < 400 && compared < 10; i++) {
      const { scene, picture } = scenes.at(i)
      const [first, second] = scene.groups
      if (!second || scene.relation !== 'above' || first.colour !== 'red' || second.colour !== 'blue') continue
      compared++
      const sum = (plane: number, from: number, to: number) =>
        picture.subarray(plane * 1024 + from * 32, plane * 1024 + to * 32).reduce((a, b) => a + b, 0)
      expect(sum(0, 0, 16)).toBeGreaterThan(sum(0, 16, 32))
      expect(sum(2, 0, 16)).toBeLessThan(sum(2, 16, 32))
    }
    expect(compared).toBeGreaterThan(1)
  })
})

skipUnlessShared('Flickr8k', ['data', 'flickr8k'], (folder) => {
  test('five captions of each of 7,000 pictures, parts that do not overlap', async () => {
    const { readCaptions } = await import('../../src/train.js')
    const pictures = await readCaptions(join(folder, 'Flickr8k.token.txt'))
    expect(pictures.length).toBe(7000)
    expect(pictures.every(({ captions }) => captions.length === 5)).toBe(true)
    const [train, val] = [
      await readPictureList(join(folder, 'Flickr_8k.trainImages.txt')),
      await readPictureList(join(folder, 'Flickr_8k.devImages.txt')),
    ]
    checkParts({ train, val })
    const names = new Set(pictures.map(({ file }) => file))
    expect([...train, ...val].every((name) => names.has(name))).toBe(true)
  })
})
