import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as finetune from '../../../models/transformer-lm/finetune.js'
import { grammarText } from '../../../models/transformer-lm/grammar.js'
import { exportLanguageModel, trainedLength } from '../../../models/transformer-lm/files.js'
import { languageSource, type LanguageData } from '../../../models/transformer-lm/language-task.js'
import { TransformerLM } from '../../../models/transformer-lm/model.js'
import * as pretrain from '../../../models/transformer-lm/pretrain.js'
import { finetuneRecipe, windowsOf } from '../../../models/transformer-lm/review-task.js'
import { loadReviewSets } from '../../../models/transformer-lm/reviews.js'
import { Device } from '../../../src/train.js'
import { checkRecipe } from '../../../src/train/recipe.js'
import { expectError, expectRejects } from '../../support/expect-error.js'

let folder: string
beforeAll(async () => {
  await Device.create()
  folder = mkdtempSync(join(tmpdir(), 'lanewise-lm-recipes-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the recipe of pre-training', () => {
  test('takes sizes and kinds from the command line', () => {
    const recipe = pretrain.configure({ dim: '32', layers: '3', batch: '5', norm: 'post', positions: 'learned' })
    checkRecipe(recipe)
    expect(recipe.batchSize).toBe(5)
    expect(recipe.title).toContain('3 blocks of width 32')
    expect(Object.keys(pretrain.options).every((name) => /^[a-z]+$/.test(name))).toBe(true)
    // Rates rise, and fall to a fiftieth at the end.
    const rate = recipe.schedule?.(1000)
    expect(rate?.(75)).toBeCloseTo(0.505, 3)
    expect(rate?.(150)).toBeCloseTo(1, 6)
    expect(rate?.(1000)).toBeCloseTo(0.02, 3)
  })

  test.each<Record<string, string>>([
    { layers: '0' },
    { dim: '1.5' },
    { rate: '-1' },
    { vocabulary: 'many' },
    { norm: 'both' },
    { positions: 'rotary' },
    { optimizer: 'sgd' },
  ])('refuses %j', (chosen) => {
    const [name] = Object.keys(chosen)
    const error = expectError('E_VALUE', () => pretrain.configure(chosen))
    expect(error.message).toContain(`--${name}`)
  })

  test('goes on with a language model, whose shape and weights it takes', async () => {
    const tokenizer = await tinyTokenizer()
    const config = { vocabulary: tokenizer.size, dim: 8, heads: 2, layers: 1, maxLength: 16 }
    const before = new TransformerLM(config)
    const file = join(folder, 'before.onnx')
    writeFileSync(file, exportLanguageModel(before, { tokenizer, cache: 'session' }))
    const recipe = pretrain.configure({ from: file })
    checkRecipe(recipe)
    const model = await recipe.model({ corpus: { tokenizer } } as LanguageData)
    expect(model.config).toEqual(before.config)
    expect(model.body.tokens.weight.data()).toEqual(before.body.tokens.weight.data())
    // Matrices of the blocks by Muon, all else as AdamW does it; every parameter once.
    const groups = (options: Record<string, string>) =>
      pretrain.configure(options).optimizer(model).groups.map(({ params, options }) => [params.length, 'adam' in options && options.adam]) // prettier-ignore
    const count = model.parameters().length
    const matrices = model.body.blocks.parameters().filter(({ shape }) => shape.length > 1).length
    expect(matrices).toBeGreaterThan(3)
    expect(groups({ from: file })).toEqual([
      [matrices, false],
      [count - matrices, true],
    ])
    expect(
      groups({ from: file, optimizer: 'adamw' })
        .map(([params]) => params)
        .reduce((a, b) => Number(a) + Number(b)),
    ).toBe(count)
    const error = expectError('E_VALUE', () => pretrain.configure({ from: file, dim: '16' }))
    expect(error.message).toContain('--dim')
  })

  test('reads WikiText wherever its files are, other folders as plain text, and what is not there not at all', () => {
    writeFileSync(join(folder, 'wiki.valid.tokens'), ' = One = \n\n Words . \n = Two = \n\n More . \n')
    const source = languageSource(folder)
    expect([...source.documents('validation')].length).toBe(2)
    expectError('E_EXTERNAL', () => [...source.documents('train')])
    expectError('E_EXTERNAL', () => languageSource(join(folder, 'nowhere')))
  })
})

describe('the recipe of fine-tuning', () => {
  test('takes one set or several', () => {
    expect(finetune.configure({ set: 'rt-polarity', size: '128', scratch: true }).title).toBe(
      'Fine-tuned on 128 texts of rt-polarity, without pre-training',
    )
    expect(finetune.configure({ set: 'imdb+rt-polarity' }).title).toContain('all texts of imdb and rt-polarity')
    const { train, validation } = loadReviewSets(['grammar', 'grammar'])
    expect([train.length, validation.length]).toEqual([4000, 800])
  })

  test.each<Record<string, string>>([{ set: 'imdb+amazon' }, { size: '1' }, { pooling: 'max' }, { passes: '0' }])(
    'refuses %j',
    (chosen) => {
      const [name] = Object.keys(chosen)
      const error = expectError('E_VALUE', () => finetune.configure(chosen))
      expect(error.message).toContain(`--${name}`)
      expectError('E_VALUE', () => finetuneRecipe({ sets: ['grammar', 'rt-polarity'] }))
    },
  )

  test('without a language model says which file is missing', async () => {
    const languageModel = join(folder, 'none.onnx')
    writeFileSync(join(folder, 'tokenizer.json'), (await tinyTokenizer()).toJSON())
    const recipe = finetuneRecipe({ sets: ['grammar'], languageModel })
    const error = await expectRejects('E_EXTERNAL', async () =>
      recipe.data({ from: undefined, seed: 1, batchSize: 8, epochs: 1 }),
    )
    expect(error.message).toContain('none.onnx')
  })
})

async function tinyTokenizer() {
  const { trainTokenizer } = await import('../../../models/transformer-lm/corpus.js')
  return trainTokenizer(grammarText(20), 300)
}

describe('windows of a text', () => {
  const ids = (count: number) => Int32Array.from({ length: count }, (_, i) => i + 10)

  test.each([
    [1, 8],
    [8, 8],
    [9, 8],
    [100, 8],
    [101, 33],
  ])('of %i tokens, %i at most, hold each token once', (count, most) => {
    const windows = windowsOf(ids(count), most, 'mean')
    expect(windows.flatMap((window) => [...window])).toEqual([...ids(count)])
    const lengths = windows.map(({ length }) => length)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(most)
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1)
    expect(windows.length).toBe(Math.ceil(count / most))
  })

  test('end with the token that the class is read from', () => {
    const text = Int32Array.of(...ids(20), 2)
    const windows = windowsOf(text, 8, 'class')
    expect(windows.flatMap((window) => [...window.subarray(0, -1)])).toEqual([...ids(20)])
    for (const window of windows) {
      expect(window.at(-1)).toBe(2)
      expect(window.length).toBeLessThanOrEqual(8)
    }
  })
})

test('a model is given no more tokens than it was trained with', () => {
  const config = JSON.stringify({ vocabulary: 9, maxLength: 512 })
  expect(trainedLength(new Map([['config', config]]))).toBe(512)
  expect(
    trainedLength(
      new Map([
        ['config', config],
        ['length', '256'],
      ]),
    ),
  ).toBe(256)
  expect(
    trainedLength(
      new Map([
        ['config', config],
        ['length', '999'],
      ]),
    ),
  ).toBe(512)
})
