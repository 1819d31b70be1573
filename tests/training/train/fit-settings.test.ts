// Settings and data of `fit` that are nearly right: each is refused, or read as its neighbours say.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { InferenceSession } from '../../../src/node.js'
import {
  accuracy,
  clipGradNorm,
  clipGradValue,
  ConvTranspose2d,
  DataLoader,
  Device,
  evaluate,
  exportModel,
  F,
  fit,
  gradNorm,
  GRUCell,
  Linear,
  LSTMCell,
  Module,
  mse,
  Sequential,
  SGD,
  Tensor,
  TensorDataset,
  toGraph,
  type Variable,
} from '../../../src/train.js'
import { expectError, expectRejects } from '../../support/expect-error.js'

const folder = mkdtempSync(join(tmpdir(), 'lanewise-fit-settings-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(async () => {
  Device.current = await Device.create({ deterministic: true, seed: 7 })
})

const floats = (shape: readonly number[], values: Iterable<number>) =>
  new Tensor('float32', Float32Array.from(values), shape)
const ints = (shape: readonly number[], values: Iterable<number>) => new Tensor('int32', Int32Array.from(values), shape)

/** Gives its input back: scores are what is fed. */
class Echo extends Module {
  readonly weight = this.parameter([1], (shape) => new Float32Array(shape[0]).fill(1))
  forward(x: Variable): Variable {
    return F.mul(x, this.weight)
  }
}

/** Scores [N, T, classes] of which `labels` are the highest. */
function sequences(labels: readonly number[], length: number, classes: number) {
  const scores = labels.flatMap((label) => Array.from({ length: classes }, (_, c) => (c === label ? 5 : 0)))
  return {
    scores: floats([labels.length / length, length, classes], scores),
    label: ints([labels.length / length, length], labels),
  }
}

describe('settings', () => {
  const batch = { x: floats([2, 3], [1, 2, 3, 4, 5, 6]), label: ints([2], [0, 1]) }
  const run = (options: object) => {
    const model = new Linear(3, 2)
    const optimizer = new SGD(model.parameters(), { lr: 0.1 })
    return fit(model, [batch], { optimizer, epochs: 1, validation: [batch], ...options })
  }

  test.each<[object, RegExp]>([
    [{ earlyStopping: { on: 'accuracy' } }, /earlyStopping has no option "on"/],
    [{ earlyStopping: { patience: 2, minimum: 1 } }, /no option "minimum"/],
    [{ earlyStopping: true }, /earlyStopping must be an object/],
    [{ earlyStopping: { mode: 'largest' } }, /mode must be "min" or "max"/],
    [{ keepBest: 'accuracy' }, /keepBest must be/],
    [{ keepBest: { metric: 3 } }, /metric must be the name/],
    [{ keepBest: { by: 'accuracy' } }, /keepBest has no option "by"/],
    [{ keepBest: { metric: 'acuracy' } }, /"acuracy" was not measured, only loss, accuracy/],
    [{ swa: { from: 1, fromEpoch: 1 } }, /swa has no option "from"/],
    [{ target: 3 }, /target must be an object/],
    [{ metrics: [accuracy()] }, /metrics must be an object/],
    [{ metrics: { loss: accuracy() } }, /"loss" is measured in any case/],
    [{ metrics: { accuracy: accuracy() } }, /"accuracy" is measured/],
    [{ label: null }, /label must be the name/],
    [{ mask: 3 }, /mask must be the name/],
    [{ lossWeights: { main: 2 } }, /one loss, without a name/],
    [{ loss: () => undefined }, /no loss/],
    [{ loss: () => 3 }, /no loss/],
    [{ output: () => undefined }, /none of the outputs are scores/],
    [{ output: () => null }, /none of the outputs are scores/],
  ])('%o', async (options, message) => {
    await expectRejects('E_VALUE', () => run(options), message)
  })

  test('a weight for a loss that there is not', async () => {
    const loss = (output: Variable) => ({ first: F.mean(output), second: F.sum(output) })
    await expectRejects('E_VALUE', () => run({ loss, lossWeights: { third: 2 } }), /"third" and no loss of that name/)
    await expectRejects('E_VALUE', () => evaluate(new Echo(), [batch], { metrics: { loss: accuracy() } }), /"loss"/)
  })
})

describe('the axis of the classes', () => {
  const short = sequences([0, 3, 1, 2, 2, 0], 3, 4)
  const asLongAsClasses = sequences([0, 1, 2, 3, 3, 2, 2, 0], 4, 4)

  test('stays where it was, when a sequence is as long as there are classes', async () => {
    const echo = new Echo()
    expect((await evaluate(echo, [short, asLongAsClasses])).accuracy).toBe(1)
    const moved = { scores: floats([1, 3, 2], [9, 0, 0, 0, 0, 9]), label: ints([1, 2], [0, 2]) }
    expect((await evaluate(echo, [moved])).accuracy).toBe(1)
    // A measurement begins anew; without a neighbour it is axis 1, as in PyTorch.
    expect((await evaluate(echo, [asLongAsClasses])).accuracy).toBeLessThan(1)
    expect((await evaluate(echo, [asLongAsClasses], { classAxis: -1 })).accuracy).toBe(1)
  })

  test('does not move within a run', async () => {
    await expectRejects('E_SHAPE', () => evaluate(new Echo(), [asLongAsClasses, short]), /say it by "classAxis"/)
  })
})

test('accumulated gradients are means over all examples, however they are spread', async () => {
  const x = Array.from({ length: 14 }, (_, i) => Math.sin(i))
  const part = (from: number, to: number) => ({
    x: floats([to - from, 2], x.slice(2 * from, 2 * to)),
    y: floats([to - from, 1], x.slice(from, to)),
  })
  const trained = async (batches: ReturnType<typeof part>[], accumulate: number) => {
    const model = new Linear(2, 1, { init: (shape) => new Float32Array(shape[0] * shape[1]).fill(0.5) })
    model.bias?.assign(new Float32Array(1))
    const { steps } = await fit(model, batches, {
      optimizer: new SGD(model.parameters(), { lr: 0.5 }),
      epochs: 1,
      label: undefined,
      loss: (output: Variable, batch) => mse(output, batch.y),
      accumulate,
    })
    return { steps, weights: [...model.weight.data(), ...(model.bias?.data() ?? [])].map(Number) }
  }
  // 3 + 1 examples make a step, what is left over (3) another.
  const whole = await trained([part(0, 4), part(4, 7)], 1)
  const spread = await trained([part(0, 3), part(3, 4), part(4, 7)], 2)
  expect(spread.steps).toBe(2)
  spread.weights.forEach((weight, i) => expect(weight).toBeCloseTo(whole.weights[i], 6))
})

test('a run does not go on with parameters in another order', async () => {
  const place = join(folder, 'order')
  const batch = { x: floats([2, 3], [1, 2, 3, 4, 5, 6]), label: ints([2], [0, 1]) }
  const run = (epochs: number, resume: boolean, reversed: boolean) => {
    const model = new Sequential(new Linear(3, 3, { bias: false }), new Linear(3, 3, { bias: false }))
    const params = reversed ? model.parameters().reverse() : model.parameters()
    return fit(model, [batch], { optimizer: new SGD(params, { momentum: 0.9 }), epochs, folder: place, resume })
  }
  await run(1, false, false)
  await expectRejects('E_STATE', () => run(2, true, true), /was "0\.weight" and is "1\.weight" now/)
  expect((await run(2, true, false)).steps).toBe(2)
})

test('gradients of parameters that were disposed of are neither measured nor clipped', () => {
  const { weight } = new Linear(2, 2)
  weight.dispose()
  for (const work of [() => gradNorm([weight]), () => clipGradNorm([weight], 1), () => clipGradValue([weight], 1)])
    expectError('E_STATE', work, /disposed of/)
})

describe('a loader that is measured on', () => {
  const examples = new TensorDataset({
    x: floats(
      [10, 3],
      Array.from({ length: 30 }, (_, i) => Math.cos(i)),
    ),
    label: ints(
      [10],
      Array.from({ length: 10 }, (_, i) => i % 2),
    ),
  })

  test('may be the one that is trained on', async () => {
    const loader = new DataLoader(examples, { batchSize: 4, shuffle: true, seed: 1 })
    const model = new Linear(3, 2)
    const optimizer = new SGD(model.parameters(), { lr: 0.1 })
    const options = { optimizer, epochs: 3, validation: loader, evaluateEvery: 2 }
    const { steps, validation } = await fit(model, loader, options)
    expect([steps, validation?.examples, loader.epoch]).toEqual([9, 10, 3])
  })

  test('is measured as a whole wherever it stands, and stands there afterwards', async () => {
    const loader = new DataLoader(examples, { batchSize: 4 })
    const begun = loader[Symbol.asyncIterator]()
    await begun.next()
    await begun.return()
    const model = new Linear(3, 2)
    expect((await evaluate(model, loader)).examples).toBe(10)
    expect(loader.state()).toMatchObject({ epoch: 0, position: 4 })
    const own = {
      inner: loader,
      get epoch() {
        return loader.epoch
      },
      state: () => loader.state(),
      restore: (s: never) => loader.restore(s),
      [Symbol.asyncIterator]: () => loader[Symbol.asyncIterator](),
    }
    expect((await evaluate(model, own)).examples).toBe(10)
    expect(loader.state()).toMatchObject({ epoch: 0, position: 4 })
  })
})

/** Halves and doubles, and joins what was with what came of it: sizes must be multiples of two. */
class Hourglass extends Module {
  readonly up = new ConvTranspose2d(1, 1, 2, { stride: 2 })
  constructor(readonly flat = false) {
    super()
  }
  forward(x: Variable): Variable {
    const half = F.maxPool2d(x, 2)
    // A size that was built in: with twice the elements it makes twice the examples.
    if (this.flat) return F.reshape(F.cat([x, this.up.call(half)], 1), [-1, 2 * 6 * 4])
    return F.cat([x, this.up.call(half)], 1)
  }
}

test('sizes that must be multiples stay free in an exported graph; built-in ones do not', async () => {
  const image = { name: 'image', shape: [{ name: 'N', size: 1 }, 1, { name: 'H', size: 6 }, { name: 'W', size: 4 }] }
  const session = await InferenceSession.create(exportModel(toGraph(new Hourglass(), [image])))
  const { output } = await session.run({ image: floats([2, 1, 10, 8], new Float32Array(160)) })
  expect(output.dims).toEqual([2, 2, 10, 8])
  expectError(
    'E_SHAPE',
    () => toGraph(new Hourglass(true), [{ ...image, shape: [1, ...image.shape.slice(1)] }]),
    /the size "H" does not stay free/,
  )
})

test('a step is not async, and an optimiser has one device', async () => {
  const { device } = new Linear(1, 1)
  expectError('E_VALUE', () => device.step(() => Promise.reject(new Error('later'))), /must not be async/)
  expect(device.step(() => 4)).toBe(4)
  const other = new Linear(1, 1, { device: await Device.create() })
  expectError('E_STATE', () => new SGD([new Linear(1, 1, { device }).weight, other.weight]), /another device/)
})

test('cells begin with zeros', () => {
  const x = floats([2, 3], [1, 2, 3, 4, 5, 6])
  const zeros = floats([2, 4], new Float32Array(8))
  const [lstm, gru] = [new LSTMCell(3, 4), new GRUCell(3, 4)]
  const { device } = lstm
  const numbers = (value: Variable) => [...value.data()]
  device.step(() => {
    const [at, zero] = [device.tensor(x), device.tensor(zeros)]
    expect(lstm.call(at).map(numbers)).toEqual(lstm.call(at, [zero, zero]).map(numbers))
    expect(numbers(gru.call(at))).toEqual(numbers(gru.call(at, zero)))
  })
})
