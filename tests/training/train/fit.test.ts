import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  accuracy,
  BatchNorm1d,
  bleu,
  compressWeights,
  crossEntropy,
  DataLoader,
  decodeSafetensors,
  Device,
  Dropout,
  evaluate,
  exactMatch,
  F,
  fit,
  Linear,
  meanOf,
  Module,
  mse,
  perplexity,
  Sequential,
  SGD,
  Tensor,
  TensorDataset,
  toGraph,
  topK,
  type Fields,
  type FitOptions,
  type Metric,
  type TaskOutput,
  type Variable,
} from '../../../src/train.js'
import { checkRecipe } from '../../../src/train/recipe.js'
import { chartsOf } from '../../../src/train/report.js'
import { resolveTask } from '../../../src/train/task.js'
import { expectError, expectRejects } from '../../support/expect-error.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-fit-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(async () => {
  Device.current = await Device.create({ deterministic: true, seed: 7 })
})

const floats = (shape: readonly number[], values: Iterable<number>) =>
  new Tensor('float32', Float32Array.from(values), shape)
const ints = (shape: readonly number[], values: Iterable<number>) =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), shape)

/** Gives its input back: scores are what is fed. */
class Echo extends Module {
  readonly weight = this.parameter([1], (shape) => new Float32Array(shape[0]).fill(1))
  forward(x: Variable): Variable {
    return F.mul(x, this.weight)
  }
}

/** Scores that are 9 at the given classes and 0 elsewhere; `axis` counts the classes. */
function scoresFor(labels: readonly number[], shape: readonly number[], classes: number, axis: number): Tensor {
  const full = [...shape.slice(0, axis), classes, ...shape.slice(axis)]
  const inner = shape.slice(axis).reduce((a, b) => a * b, 1)
  const data = new Float32Array(labels.length * classes)
  labels.forEach((label, i) => (data[(Math.floor(i / inner) * classes + label) * inner + (i % inner)] = 9))
  return new Tensor('float32', data, full)
}

describe('accuracy over axes of classes', () => {
  const labels = [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]
  const perfect: readonly (readonly [string, readonly number[], number])[] = [
    ['[N, C]', [12], 1],
    ['[N, C, d]', [2, 6], 1],
    ['[N, C, h, w]', [2, 2, 3], 1],
    ['[N, T, V]', [3, 4], 2],
    ['[N, t, u, V]', [2, 3, 2], 3],
  ]

  test.each(perfect)('%s', async (_, shape, axis) => {
    const fields = { scores: scoresFor(labels, shape, 11, axis), label: ints(shape, labels) }
    const result = await evaluate(new Echo(), [fields])
    expect(result.accuracy).toBe(1)
    expect(result.loss).toBeLessThan(0.01)
    const wrong = {
      ...fields,
      label: ints(
        shape,
        labels.map((label, i) => (i < 3 ? 10 : label)),
      ),
    }
    expect((await evaluate(new Echo(), [wrong])).accuracy).toBe(0.75)
    const own = { loss: (x: Variable) => F.mean(x) }
    expect((await evaluate(new Echo(), [wrong], own as never)).accuracy).toBe(0.75)
  })

  test('masks, ignored labels and shares instead of labels', async () => {
    const scores = scoresFor([0, 1, 2, 0], [2, 2], 3, 2)
    const ignored = { scores, label: ints([2, 2], [0, 1, -100, 2]) }
    expect((await evaluate(new Echo(), [ignored], { ignoreIndex: -100 })).accuracy).toBe(2 / 3)
    const masked = { scores, label: ints([2, 2], [0, 2, 9, 0]), mask: floats([2, 2], [1, 1, 0, 1]) }
    const result = await evaluate(new Echo(), [masked], { mask: 'mask', ignoreIndex: 9 })
    expect(result.accuracy).toBe(2 / 3)
    expect(result.confusion).toEqual([
      [2, 0, 0],
      [0, 0, 0],
      [0, 1, 0],
    ])
    const soft = { scores: scoresFor([0, 1], [2], 3, 1), label: floats([2, 3], [0.7, 0.2, 0.1, 0.5, 0.1, 0.4]) }
    expect((await evaluate(new Echo(), [soft])).accuracy).toBe(0.5)
  })

  test('what is not clear or does not fit is refused', async () => {
    const echo = new Echo()
    const square = { scores: floats([2, 3, 3], new Float32Array(18)), label: ints([2, 3], [0, 1, 2, 0, 1, 2]) }
    const own = (output: TaskOutput) => F.mean(output as Variable)
    await expectRejects('E_SHAPE', () => evaluate(echo, [square], { loss: own }), /axis 1 or 2: say it by "classAxis"/)
    expect((await evaluate(echo, [square], { loss: own, classAxis: -1 })).accuracy).toBe(1 / 3)
    const odd = { scores: floats([2, 3, 4], new Float32Array(24)), label: ints([2, 5], new Float32Array(10)) }
    await expectRejects(
      'E_SHAPE',
      () => evaluate(echo, [odd], { loss: own }),
      /labels \[2,5\] do not fit scores \[2,3,4\]/,
    )
    const outside = { scores: floats([2, 3], new Float32Array(6)), label: ints([2], [0, 3]) }
    await expectRejects('E_VALUE', () => evaluate(echo, [outside], { loss: own }), /label 3 is outside \[0, 2\]/)
    const unnamed = { x: floats([2, 3], new Float32Array(6)), target: ints([2], [0, 1]) }
    await expectRejects('E_VALUE', () => evaluate(echo, [unnamed]), /no field "label", only "x", "target"/)
    expect((await evaluate(echo, [unnamed], { label: 'target' })).accuracy).toBe(0.5)
    await expectRejects('E_VALUE', () => evaluate(echo, [unnamed], { lable: 'target' } as never), /no option "lable"/)
    await expectRejects('E_VALUE', () => evaluate(echo, []), /no examples/)
    await expectRejects('E_VALUE', () => evaluate(echo, [null as never]), /a batch is an object/)
  })
})

describe('metrics', () => {
  /** What a metric says of batches of scores. */
  const measured = (metric: Metric, ...batches: readonly Fields[]) => {
    const { current: device } = Device
    const state = metric.start(resolveTask({ ignoreIndex: 0 }))
    for (const fields of batches)
      device.step(() => {
        const batch = Object.fromEntries(Object.entries(fields).map(([name, tensor]) => [name, device.tensor(tensor)]))
        state.update(batch.scores, batch)
      })
    return state.value()
  }
  const rows = (label: readonly number[], ...scores: number[][]): Fields => ({
    scores: floats([scores.length, scores[0].length], scores.flat()),
    label: ints([label.length], label),
  })

  test('top k, over batches of different sizes', () => {
    const first = rows([1, 2], [0, 3, 2, 1], [0, 3, 2, 1])
    const second = rows([3, 0, 3], [0, 3, 2, 1], [0, 3, 2, 1], [0, 1, 1, 1])
    expect(measured(accuracy(), first, second)).toBe(1 / 4)
    expect(measured(topK(2), first, second)).toBe(2 / 4)
    expect(measured(topK(3), first, second)).toBe(1)
    expect(measured(accuracy())).toBeNaN()
  })

  const sentences = (label: number[][], said: number[][]): Fields => ({
    scores: scoresFor(said.flat(), [said.length, said[0].length], 8, 2),
    label: ints([label.length, label[0].length], label.flat()),
  })

  test('exact match of sequences, without what is ignored', () => {
    const first = sentences([[1, 2, 0], [3, 4, 5]], [[1, 2, 7], [3, 4, 6]]) // prettier-ignore
    expect(measured(exactMatch(), first, sentences([[1, 1, 1]], [[1, 1, 1]]))).toBe(2 / 3)
  })

  test('perplexity: exp of the mean over labels, not of means over batches', () => {
    const first = rows([1], [0, log(3), 0, 0])
    const second = rows([1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [9, 0, 0, 0])
    // −log(1/2), twice −log(1/4)
    expect(measured(perplexity(), first, second)).toBeCloseTo(Math.cbrt(2 * 4 * 4), 5)
    expect(perplexity().higherIsBetter).toBe(false)
  })

  test('BLEU over the corpus, with its penalty', () => {
    const said = [[1, 2, 3, 4, 5, 6]]
    expect(measured(bleu(), sentences(said, said))).toBeCloseTo(1, 12)
    // 5 of 6 words, 3 of 5 pairs: √(5/6 · 3/5)
    expect(measured(bleu({ maxOrder: 2 }), sentences([[1, 2, 3, 4, 5, 6]], [[1, 2, 3, 7, 5, 6]]))).toBeCloseTo(
      Math.sqrt(0.5),
      12,
    )
    expect(measured(bleu(), sentences([[1, 2, 3, 4]], [[4, 3, 2, 1]]))).toBe(0)
    // Cut at the end: 3 words for 4, all right: exp(1 − 4/3).
    const short = sentences([[1, 2, 3, 4, 7]], [[1, 2, 3, 7, 7]])
    expect(measured(bleu({ maxOrder: 2, end: 7 }), short)).toBeCloseTo(Math.exp(1 - 4 / 3), 12)
    const own = bleu({
      maxOrder: 1,
      predictions: () => [[1, 1, 1, 1]],
      references: () => [[[1, 2], [1, 1, 3, 4]]], // prettier-ignore
    })
    expect(measured(own, rows([1], [0, 1]))).toBeCloseTo(0.5, 12)
  })

  test('one of your own, in the log and in what is returned', async () => {
    const distance = meanOf((output) => F.mean(F.abs(output as Variable)), { higherIsBetter: false })
    const fields = { scores: floats([2, 2], [1, -3, 0, 0]), label: ints([2], [0, 1]) }
    const { metrics } = await evaluate(new Echo(), [fields], { metrics: { distance, top: topK(2) } })
    expect(metrics).toEqual({ distance: 1, top: 1 })
  })
})

const log = Math.log

/** y = x·w of noise-free data: 8 batches of 8. */
function regression(options: Partial<FitOptions> = {}) {
  const x = Float32Array.from({ length: 64 * 3 }, (_, i) => Math.sin(i * 1.7))
  const y = Float32Array.from({ length: 64 }, (_, i) => x[3 * i] - 2 * x[3 * i + 1] + 0.5 * x[3 * i + 2])
  const data = new TensorDataset({ x: floats([64, 3], x), y: floats([64, 1], y) })
  const loader = new DataLoader(data, { batchSize: 8, shuffle: true, seed: 3 })
  const model = new Linear(3, 1)
  const task = {
    loss: (output: Variable, { y }: Readonly<Record<string, Variable>>) => mse(output, y),
    label: undefined,
  }
  const optimizer = new SGD(model.parameters(), { lr: 0.1 })
  return {
    model,
    data,
    loader,
    optimizer,
    validation: new DataLoader(data, { batchSize: 64 }),
    options: { ...task, optimizer, epochs: 1, ...options } as FitOptions,
  }
}

describe('fit', () => {
  test('counts epochs from now, and takes any batches', async () => {
    const { model, loader, options, data } = regression({ epochs: 2 })
    expect((await fit(model, loader, options)).steps).toBe(16)
    expect((await fit(model, loader, options)).steps).toBe(16)
    const batches = [0, 1, 2].map((i) => data.batch([i, i + 1]))
    expect((await fit(model, batches, options)).steps).toBe(6)
    const generated = async function* () {
      for (const batch of batches) yield await Promise.resolve(batch)
    }
    expect((await fit(model, generated, options)).steps).toBe(6)
    // What can be looped over only once ends after one epoch, and says so.
    await expectRejects('E_VALUE', () => fit(model, generated(), options), /epoch 2: the data has no batches/)
    await expectRejects('E_VALUE', () => fit(model, [], options), /no batches/)
    await expectRejects('E_VALUE', () => fit(model, 5 as never, options), /must be a DataLoader/)
  })

  test('refuses what makes no sense before the first step', async () => {
    const { model, loader, options } = regression()
    const before = model.stateDict()
    const wrong: Record<string, unknown>[] = [
      { clipNorm: -1 },
      { clipNorm: NaN },
      { clipNorm: 0 },
      { epochs: NaN },
      { epochs: 1.5 },
      { epochs: undefined },
      { maxSteps: -1 },
      { logEvery: 0 },
      { accumulate: 0 },
      { ema: 2 },
      { ema: 0.9, swa: { fromEpoch: 1 } },
      { earlyStopping: {} },
      { evaluateEvery: 2 },
      { target: { loss: 1 } },
      { validatoin: loader },
      { optimizer: undefined },
      { lossWeights: { a: NaN } },
    ]
    for (const more of wrong) await expectRejects('E_VALUE', async () => fit(model, loader, { ...options, ...more }))
    expect(model.stateDict()).toEqual(before)
  })

  test('accumulated gradients are those of the large batch', async () => {
    const run = async (batchSize: number, accumulate: number) => {
      Device.current = await Device.create({ deterministic: true, seed: 7 })
      const { model, data, options } = regression({ accumulate, epochs: 3 })
      const { steps } = await fit(model, new DataLoader(data, { batchSize }), options)
      return { steps, weight: [...(model.stateDict().get('weight')!.data as Float32Array)] }
    }
    const [large, small] = [await run(32, 1), await run(8, 4)]
    expect([large.steps, small.steps]).toEqual([6, 6])
    small.weight.forEach((value, i) => expect(value).toBeCloseTo(large.weight[i], 6))
    // 8 batches in threes: 3 + 3 + 2.
    expect((await run(8, 3)).steps).toBe(9)
  })

  test('several outputs and weighted losses, each in the log', async () => {
    class Two extends Module {
      readonly a = new Linear(3, 1)
      readonly b = new Linear(3, 4)
      forward(x: Variable): { value: Variable; scores: Variable } {
        return { value: this.a.call(x), scores: this.b.call(x) }
      }
    }
    const { data } = regression()
    const model = new Two()
    const label = ints(
      [64],
      Array.from({ length: 64 }, (_, i) => i % 4),
    )
    const loader = new DataLoader(new TensorDataset({ ...data.fields, label }), { batchSize: 16 })
    const optimizer = new SGD(model.parameters(), { lr: 0.1 })
    const result = await fit(model, loader, {
      optimizer,
      epochs: 1,
      output: (_, { x }) => model.call(x),
      loss: (output, batch) => {
        const { value, scores } = output as { value: Variable; scores: Variable }
        return { value: mse(value, batch.y), class: crossEntropy(scores, batch.label) }
      },
      lossWeights: { class: 0.25 },
      validation: loader,
    })
    const { loss, losses, accuracy: right } = result.validation!
    expect(loss).toBeCloseTo(losses!.value + 0.25 * losses!.class, 5)
    expect(right).toBeGreaterThan(0)
    expect(Object.keys(result.history.at(-1)!)).toEqual(
      expect.arrayContaining(['validation/loss/value', 'validation/loss/class', 'validation/accuracy']),
    )
  })

  test('hooks see every step and epoch, are waited for, and may stop', async () => {
    const { model, loader, options } = regression({ epochs: 3, logEvery: 4 })
    const steps: number[] = []
    const epochs: number[] = []
    const result = await fit(model, loader, {
      ...options,
      onStep: async ({ step, gradNorm, loss, lr }) => {
        await new Promise((resolve) => setTimeout(resolve))
        steps.push(step)
        expect([gradNorm > 0, loss > 0, lr]).toEqual([true, true, 0.1])
        return step === 10 ? 'stop' : undefined
      },
      onEpoch: ({ epoch }) => void epochs.push(epoch),
    })
    expect([result.stopped, result.steps, epochs]).toEqual(['hook', 10, [1]])
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(result.history.map((record) => [record.step, Number(record['train/gradNorm']) > 0])).toEqual([
      [4, true],
      [8, true],
    ])
  })

  test('stops early, and ends with the best weights', async () => {
    const { model, loader, options, validation } = regression({ epochs: 50 })
    const optimizer = new SGD(model.parameters(), { lr: 0.1 })
    const run = join(folder, 'best')
    const result = await fit(model, loader, {
      ...options,
      optimizer,
      validation,
      folder: run,
      earlyStopping: { patience: 2 },
      keepBest: true,
      // From the fourth epoch on it walks uphill.
      onEpoch: ({ epoch }) => {
        if (epoch >= 4) optimizer.groups[0].lr = -0.01
      },
    })
    expect([result.stopped, loader.epoch]).toEqual(['early', 6])
    const again = await evaluate(model, validation, { loss: options.loss, label: undefined })
    expect(again.loss).toBe(result.best!.loss)
    expect(again.loss).toBeLessThan(result.validation!.loss)
    expect(readdirSync(run)).toContain('best.safetensors')
  })

  test('evaluates every so many steps', async () => {
    const { model, loader, options, validation } = regression({ epochs: 2, evaluateEvery: 3 })
    const { history } = await fit(model, loader, { ...options, validation })
    expect(history.filter((record) => 'validation/loss' in record).map(({ step }) => step)).toEqual([
      3, 6, 8, 9, 12, 15, 16,
    ])
  })

  test('means of the weights: exponential and plain, against the formula', async () => {
    for (const kind of ['ema', 'swa'] as const) {
      const { model, loader, options } = regression({ epochs: 4 })
      const weights: number[][] = []
      const see = () => void weights.push([...(model.weight.data() as Float32Array)])
      const more = kind === 'ema' ? { ema: 0.8, onStep: see } : { swa: { fromEpoch: 2 }, onEpoch: see }
      await fit(model, loader, { ...options, ...more })
      const expected = weights[0].map((_, i) =>
        kind === 'ema'
          ? weights.slice(1).reduce((mean, step) => 0.8 * mean + 0.2 * step[i], weights[0][i])
          : (weights[1][i] + weights[2][i] + weights[3][i]) / 3,
      )
      ;[...(model.weight.data() as Float32Array)].forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5))
    }
  })

  test('a run that goes on has its means, its best and its patience', async () => {
    const run = async (name: string, cut: number | undefined) => {
      Device.current = await Device.create({ deterministic: true, seed: 7 })
      const path = join(folder, name)
      for (const maxSteps of cut === undefined ? [undefined] : [cut, undefined]) {
        Device.current = await Device.create({ deterministic: true, seed: 7 })
        const { model, loader, options, validation } = regression({ epochs: 3, ema: 0.9, accumulate: 2 })
        const more = { validation, maxSteps, folder: path, resume: cut !== undefined, earlyStopping: { patience: 9 } }
        const { steps, stopped } = await fit(model, loader, { ...options, ...more })
        if (maxSteps === undefined) return { steps, stopped, state: [...model.weight.data()] }
      }
      return undefined
    }
    expect(await run('cut', 5)).toEqual(await run('whole', undefined))
  })

  test('lets timers and signals run, in short epochs and in validations', async () => {
    const { model, data, options } = regression({ epochs: 1e6 })
    const loader = new DataLoader(data, { batchSize: 64 })
    const abort = (after: number) => {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), after)
      return controller.signal
    }
    const short = await fit(model, loader, { ...options, signal: abort(60) })
    expect(short.stopped).toBe('interrupted')
    function* endless() {
      for (;;) yield data.batch([0, 1])
    }
    const long = await fit(model, new DataLoader(data, { batchSize: 64 }), {
      ...options,
      validation: endless(),
      signal: abort(60),
    })
    expect([long.stopped, long.steps, long.validation]).toEqual(['interrupted', 1, undefined])
  })

  test('leaves the modes of the modules as they were', async () => {
    const { loader, options } = regression()
    const model = new Sequential(new Linear(3, 4), new BatchNorm1d(4), new Dropout(0.5), new Linear(4, 1))
    model.layers[1].eval()
    await fit(model, loader, { ...options, optimizer: new SGD(model.parameters()) })
    expect(model.layers.map(({ training }) => training)).toEqual([true, false, true, true])
  })

  test('finds parameters that the model does not know', async () => {
    class Hidden extends Module {
      readonly out = new Linear(3, 1)
      readonly #inner = new Linear(3, 3)
      forward(x: Variable): Variable {
        return this.out.call(this.#inner.call(x))
      }
    }
    const { loader, options } = regression()
    const model = new Hidden()
    const run = fit(model, loader, { ...options, optimizer: new SGD(model.parameters()) })
    await expectRejects('E_VALUE', () => run, /is no parameter of the model.*#private/)
  })

  test('closes its files if the folder cannot be used', async () => {
    const { model, loader, options } = regression()
    const open = () => readdirSync('/proc/self/fd').length
    const path = join(folder, 'blocked')
    mkdirSync(path)
    writeFileSync(join(path, 'board'), 'a file in the place of the folder')
    const before = open()
    for (let i = 0; i < 5; i++)
      await expectRejects('E_EXTERNAL', () => fit(model, loader, { ...options, folder: path }))
    expect(open()).toBeLessThan(before + 5)
  })
})

describe('recipes and files', () => {
  test('a recipe is looked at before anything is done', () => {
    const recipe = {
      title: 'a',
      data: 'mnist',
      seed: 1,
      epochs: 1,
      batchSize: 10,
      model: () => new Linear(1, 1),
      optimizer: (model: Module) => new SGD(model.parameters()),
    }
    expect(() => checkRecipe(recipe)).not.toThrow()
    const wrong: unknown[] = [
      undefined,
      { ...recipe, weights: 'int3' },
      { ...recipe, epochs: NaN },
      { ...recipe, batchSize: 0 },
      { ...recipe, model: new Linear(1, 1) },
      { ...recipe, schedule: 3 },
      { ...recipe, augment: {} },
      { ...recipe, optimiser: recipe.optimizer },
    ]
    for (const one of wrong) expectError('E_VALUE', () => checkRecipe(one))
    const graph = toGraph(new Linear(2, 2), [{ name: 'x', shape: [1, 2] }])
    expectError('E_VALUE', () => compressWeights(graph, 'int3' as never), /"int3"/)
  })

  test('a name that stands twice in a safetensors file, at the same place even, is refused', () => {
    const header =
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    const bytes = new Uint8Array(8 + header.length + 4)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true)
    bytes.set(new TextEncoder().encode(header), 8)
    expectError('E_PARSE', () => decodeSafetensors(bytes), /"a" stands twice/)
  })

  test('the epoch is no curve of a report', () => {
    const history = [{ step: 1, epoch: 1, 'train/loss': 1 }]
    expect(chartsOf(history).map(({ title }) => title)).toEqual(['loss'])
  })
})
