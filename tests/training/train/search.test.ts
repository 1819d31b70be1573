import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  DataLoader,
  Linear,
  mse,
  SGD,
  Tensor,
  TensorDataset,
  type TaskRecipe,
  type Variable,
} from '../../../src/train.js'
import { rungsOf, searchRecipe, withParameters } from '../../../src/train/search/search.js'
import { searchPlot } from '../../../src/train/search/search-plot.js'
import { checkSpace, drawParameters, importance, type Parameters } from '../../../src/train/search/search-space.js'
import { expectError, expectRejects } from '../../support/expect-error.js'

const folder = mkdtempSync(join(tmpdir(), 'lanewise-search-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** y = 3x; a rate near ½ is best, one beyond 2 does not converge. */
const recipeOf = ({ lr = 0.1, useless = 0 }: Parameters): TaskRecipe<Linear> => {
  void useless
  const x = Float32Array.from({ length: 16 }, (_, i) => (i - 7.5) / 5)
  const points = new TensorDataset({
    x: new Tensor(x, [16, 1]),
    y: new Tensor(
      x.map((v) => 3 * v),
      [16, 1],
    ),
  })
  return {
    title: 'A line',
    seed: 1,
    epochs: 1,
    batchSize: 16,
    data: ({ batchSize }) => ({
      train: new DataLoader(points, { batchSize }),
      validation: new DataLoader(points, { batchSize: 16 }),
      source: '16 points',
    }),
    model: () => new Linear(1, 1),
    optimizer: (model) => new SGD(model.parameters(), { lr: Number(lr) }),
    task: { label: undefined, loss: (output, { y }) => mse(output as Variable, y) },
    measure: 'loss',
  }
}

describe('spaces', () => {
  test('a trial draws the same whatever was drawn before, within its ranges', () => {
    const space = {
      lr: { log: [1e-4, 1e-1] },
      depth: { int: [1, 3] },
      drop: { uniform: [0, 0.5] },
      kind: ['a', 'b'],
    } as const
    expect(() => checkSpace(space)).not.toThrow()
    const all = Array.from({ length: 200 }, (_, i) => drawParameters(space, 7, i))
    expect(drawParameters(space, 7, 150)).toEqual(all[150])
    expect(new Set(all.map(({ depth }) => depth))).toEqual(new Set([1, 2, 3]))
    expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(['a', 'b']))
    const rates = all.map(({ lr }) => Number(lr))
    expect(Math.min(...rates)).toBeGreaterThanOrEqual(1e-4)
    expect(Math.max(...rates)).toBeLessThanOrEqual(1e-1)
    // Evenly in the logarithm: half of them below the geometric middle.
    expect(rates.filter((rate) => rate < 10 ** -2.5).length).toBeGreaterThan(70)
    expect(rates.filter((rate) => rate < 10 ** -2.5).length).toBeLessThan(130)
  })

  test('what is no space is refused', () => {
    for (const wrong of [
      [],
      {},
      { a: [] },
      { a: { log: [0, 1] } },
      { a: { int: [1.5, 2] } },
      { a: { uniform: [2, 1] } },
      { a: 3 },
      { a: { uniform: [0, 1], log: [1, 2] } },
    ])
      expectError('E_VALUE', () => checkSpace(wrong))
  })

  test('importance: order for numbers, variance between values for others', () => {
    expect(importance([1, 2, 3, 4], [10, 20, 30, 1000])).toBeCloseTo(1)
    expect(importance([1, 2, 3, 4], [5, 1, 5, 1])).toBeLessThan(0.3)
    // Best in the middle, as learning rates are; and what is in no order at all.
    expect(importance([1, 2, 3, 4, 5, 6, 7], [1, 5, 9, 9.5, 8, 4, 2])).toBeGreaterThan(0.8)
    expect(importance([1, 2, 3, 4, 5, 6, 7, 8], [4, 9, 1, 7, 3, 8, 2, 6])).toBeLessThan(0.2)
    expect(importance([1, 1, 1, 1, 1, 1], [4, 9, 1, 7, 3, 8])).toBe(0)
    expect(importance(['a', 'a', 'b', 'b'], [1, 1, 5, 5])).toBeCloseTo(1)
    expect(importance(['a', 'b', 'a', 'b'], [1, 1, 5, 5])).toBeCloseTo(0)
  })

  test('rungs: each has a third of the trials and thrice the steps', () => {
    expect(rungsOf(9, 90, 3)).toEqual([
      { steps: 10, trials: 9 },
      { steps: 30, trials: 3 },
      { steps: 90, trials: 1 },
    ])
    expect(rungsOf(5, 40, undefined)).toEqual([{ steps: 40, trials: 5 }])
  })
})

test('a plot has a dot where a trial is, and the parameter that explains most in front', () => {
  const rates = [0.001, 0.01, 0.1, 1]
  const done = rates.map((lr, index) => ({
    index,
    parameters: { kind: index % 2 === 0 ? 'a' : 'b', lr },
    steps: 10,
    measure: index / 3,
  }))
  const failed = { index: 4, parameters: { kind: 'a', lr: 0.5 }, steps: 10, measure: null }
  const later = { ...done[3], steps: 30, measure: 0.9 }
  const plot = searchPlot('accuracy', [...done, failed, later])
  expect(plot.slice(0, 3)).toEqual([
    'what mattered for accuracy after 10 steps:',
    '',
    'lr: explains 100 % (logarithmic)',
  ])
  // From the bottom left to the top right, a third of the way at a time.
  const rows = plot.slice(3, 9).map((line) => line.slice(line.indexOf('│') + 1))
  expect(rows.map((row) => row.search(/\S/))).toEqual([47, -1, 31, 16, -1, 0])
  expect(plot.slice(3, 11).map((line) => line.trim().replace(/ {2,}/g, ' '))).toEqual([
    '100.00 % │ ·',
    '│',
    '│ ·',
    '│ ·',
    '│',
    '0.00 % │·',
    `└${'─'.repeat(48)}`,
    '0.001 1',
  ])
  expect(plot[12]).toMatch(/^kind: explains \d+ %$/)
  expect(plot.at(-1)!.trim()).toMatch(/^a +b$/)
  // Trials at one place are one dot, a thicker one.
  const same = [done[0], { ...done[0], index: 7 }, { ...done[3], parameters: { ...done[3].parameters, lr: 2 } }]
  expect(searchPlot('accuracy', same).filter((line) => line.includes('•'))).toHaveLength(2)
  expect(searchPlot('accuracy', done.slice(0, 1))).toEqual([])
})

describe('searches', () => {
  const space = { lr: { log: [1e-3, 1] }, useless: { uniform: [0, 1] } } as const

  test('the rate that matters is found, and a search that was broken off goes on to the same', async () => {
    const options = { space, trials: 8, steps: 12, seed: 3 }
    const whole = await searchRecipe(recipeOf, { ...options, folder: join(folder, 'whole') })
    expect(whole).toMatchObject({ measure: 'loss', interrupted: false })
    const losses = whole.trials.map(({ measure }) => measure ?? Infinity)
    expect(losses).toEqual([...losses].sort((a, b) => a - b))
    expect(Number(whole.trials[0].parameters.lr)).toBeGreaterThan(Number(whole.trials[7].parameters.lr))
    const page = readFileSync(whole.page, 'utf8')
    expect(page).toMatch(/What mattered[^]*lr: \d+ %[^]*useless: \d+ %/)
    // Broken off after five trials.
    let left = 5
    const failing = (parameters: Parameters) => {
      if (left-- === 0) throw new Error('the machine is switched off')
      return recipeOf(parameters)
    }
    await expect(searchRecipe(failing, { ...options, folder: join(folder, 'parts') })).rejects.toThrow('switched off')
    const rest = await searchRecipe(recipeOf, { ...options, folder: join(folder, 'parts') })
    expect(rest.trials).toEqual(whole.trials)
    await expectRejects(
      'E_STATE',
      () => searchRecipe(recipeOf, { ...options, seed: 4, folder: join(folder, 'parts') }),
      /another search: its seed/,
    )
  })

  test('halving: only the best go on, from where they were', async () => {
    const found = await searchRecipe(recipeOf, {
      space,
      trials: 4,
      steps: 8,
      halving: 2,
      folder: join(folder, 'halving'),
    })
    expect(found.trials.map(({ steps }) => steps)).toEqual([8, 4, 2, 2])
    expect(existsSync(join(folder, 'halving', `trial-${found.trials[0].index}`, 'weights.safetensors'))).toBe(true)
    const alone = await searchRecipe(() => recipeOf(found.trials[0].parameters), {
      space: { one: [1] },
      trials: 1,
      steps: 8,
      folder: join(folder, 'alone'),
    })
    expect(alone.trials[0].measure).toBe(found.trials[0].measure)
  })

  test('any recipe can be searched by rate and batch size, others only by their own', () => {
    const changed = withParameters(recipeOf({}), { batchSize: 4 }) as TaskRecipe<Linear>
    expect(changed.batchSize).toBe(4)
    expectError('E_VALUE', () => withParameters(recipeOf({}), { depth: 3 }), /"depth".*lr, batchSize/)
  })
})
