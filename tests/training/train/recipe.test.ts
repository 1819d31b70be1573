import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { InferenceSession } from '../../../src/node.js'
import {
  cosine,
  DataLoader,
  decodeSafetensors,
  exportModel,
  F,
  Linear,
  meanOf,
  mse,
  Random,
  SGD,
  Tensor,
  TensorDataset,
  toGraph,
  type TaskRecipe,
  type Variable,
} from '../../../src/train.js'
import { checkRecipe } from '../../../src/train/recipe.js'
import { runRecipe } from '../../../src/train/recipe-run.js'
import { expectError } from '../../support/expect-error.js'

const folder = mkdtempSync(join(tmpdir(), 'lanewise-recipe-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Points on y = 2x₀ − x₁ + ½, and how far the model's answers are from them. */
const recipe: TaskRecipe<Linear> = {
  title: 'A plane',
  seed: 5,
  epochs: 12,
  batchSize: 8,
  data({ seed, batchSize, from }) {
    const random = Random.at(seed, 1)
    const x = Float32Array.from({ length: 128 }, () => random.between(-1, 1))
    const points = new TensorDataset({
      x: new Tensor(x, [64, 2]),
      truth: new Tensor(
        x.filter((_, i) => i % 2 === 0).map((_, i) => 2 * x[2 * i] - x[2 * i + 1] + 0.5),
        [64, 1],
      ),
    })
    return {
      train: new DataLoader(points, { batchSize, shuffle: true, seed }),
      validation: new DataLoader(points, { batchSize: 64 }),
      source: from ?? '64 points',
    }
  },
  model: () => new Linear(2, 1),
  optimizer: (model) => new SGD(model.parameters(), { lr: 0.2 }),
  schedule: (steps) => cosine(steps, 0.1),
  task: {
    label: undefined,
    loss: (output, { truth }) => mse(output as Variable, truth),
  },
  metrics: {
    distance: meanOf((output, { truth }) => F.mean(F.abs(F.sub(output as Variable, truth))), { higherIsBetter: false }),
  },
  measure: 'distance',
  inputShape: [2],
  files: (model) => ({
    'plane.onnx': exportModel(toGraph(model, [{ name: 'x', shape: [{ name: 'N', size: 2 }, 2] }])),
    'note.txt': 'a plane',
  }),
}

describe('recipes of any task', () => {
  test('own data, loss, metric and files: what is written is the trained model', async () => {
    const run = await runRecipe(recipe, { folder: join(folder, 'whole'), data: 'elsewhere' })
    expect(run).toMatchObject({ steps: 96, stopped: 'epochs', source: 'elsewhere', measured: { name: 'distance' } })
    expect(run.measured?.value).toBeLessThan(1e-3)
    expect(run.files.map(({ path }) => path.slice(join(folder, 'whole').length + 1))).toEqual([
      'plane.onnx',
      'note.txt',
      'weights.safetensors',
    ])
    const session = await InferenceSession.create(run.files[0].path)
    const { output } = await session.run({ x: new Tensor(Float32Array.of(1, 1, 0, 0), [2, 2]) })
    expect((output.data as Float32Array)[0]).toBeCloseTo(1.5, 2)
    expect((output.data as Float32Array)[1]).toBeCloseTo(0.5, 2)
    await session.release()
    const weights = decodeSafetensors(readFileSync(run.files[2].path))
    expect([...weights.tensors.keys()].sort()).toEqual(['bias', 'weight'])
    expect(readFileSync(join(folder, 'whole/note.txt'), 'utf8')).toBe('a plane')
  })

  test('a run that is stopped by a number of steps goes on to the same bits', async () => {
    const whole = await runRecipe(recipe, { folder: join(folder, 'at-once'), maxSteps: 60 })
    await runRecipe({ ...recipe, fit: { maxSteps: 60 } }, { folder: join(folder, 'parts'), maxSteps: 60, target: 1e3 })
    const [a, b] = ['at-once', 'parts'].map((name) => join(folder, name, 'weights.safetensors'))
    // The target of the second is reached after the first epoch.
    expect(readFileSync(a).equals(readFileSync(b))).toBe(false)
    const rest = await runRecipe(recipe, { folder: join(folder, 'parts'), maxSteps: 60, resume: true })
    expect([whole.steps, rest.steps]).toEqual([60, 60])
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true)
  })

  test('ends as soon as a metric of which less is better is that small', async () => {
    const run = await runRecipe(recipe, { folder: join(folder, 'target'), target: 0.3 })
    expect(run.stopped).toBe('target')
    expect(run.measured?.value).toBeLessThanOrEqual(0.3)
    expect(run.steps).toBeLessThan(96)
    await expect(
      runRecipe({ ...recipe, measure: 'length' }, { folder: join(folder, 'unmeasured'), target: 1 }),
    ).rejects.toMatchObject({ code: 'E_VALUE', message: expect.stringMatching(/"length".*distance/) as string })
  })

  test('what it is told is checked before anything is done', () => {
    expect(() => checkRecipe(recipe)).not.toThrow()
    for (const wrong of [
      { ...recipe, augment: [] },
      { ...recipe, files: {} },
      { ...recipe, fit: { lr: 1 } },
      { ...recipe, task: 3 },
      { ...recipe, measure: 3 },
      { ...recipe, title: undefined },
    ])
      expectError('E_VALUE', () => checkRecipe(wrong))
  })
})
