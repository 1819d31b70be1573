import { buildSync } from 'esbuild'
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  Adam,
  augment,
  BatchNorm2d,
  CheckpointStore,
  classesOf,
  Conv2d,
  cosine,
  DataLoader,
  Device,
  Dropout,
  evaluate,
  F,
  fit,
  Flatten,
  generateDigits,
  Linear,
  MaxPool2d,
  Module,
  readMetrics,
  ReLU,
  Schedule,
  Sequential,
  SGD,
  shift,
  Tensor,
  TensorDataset,
  type FitOptions,
  type Fields,
  type Layer,
  type Variable,
} from '../../../src/train.js'
import { expectRejects } from '../../support/expect-error.js'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-fit-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(async () => {
  Device.current = await Device.create({ deterministic: true, seed: 7 })
})

const digits = generateDigits(120, 1)

/**
 * All that a run may depend on: a convolution, running statistics, a mask, moments, a schedule, shuffling,
 * augmentation.
 */
async function setup(options: Partial<FitOptions> = {}) {
  Device.current = await Device.create({ deterministic: true, seed: 7 })
  const model = new Sequential(
    new Conv2d(1, 4, 5, { stride: 2 }),
    new BatchNorm2d(4),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Dropout(0.3),
    new Linear(144, 10),
  )
  const optimizer = new Adam(model.parameters(), { lr: 0.01 })
  const schedule = new Schedule(optimizer, cosine(200))
  const data = new DataLoader(digits, { batchSize: 16, shuffle: true, seed: 2, transform: augment('image', shift(1)) })
  const run = (more: Partial<FitOptions> = {}) =>
    fit(model, data, { optimizer, schedule, epochs: 1000, logEvery: 10, ...options, ...more })
  return { model, optimizer, data, run }
}

function bytesOf(tensors: ReadonlyMap<string, Tensor>): Record<string, string> {
  return Object.fromEntries(
    [...tensors].map(([name, { data }]) => [
      name,
      Buffer.from(
        (data as Float32Array).buffer,
        (data as Float32Array).byteOffset,
        (data as Float32Array).byteLength,
      ).toString('hex'),
    ]),
  )
}

describe('fit', () => {
  test('goes on bit for bit: 100 further steps are those of a run that was never stopped', async () => {
    const whole = await setup({ folder: join(folder, 'whole') })
    await whole.run({ maxSteps: 137 })
    const [weights, moments] = [bytesOf(whole.model.stateDict()), bytesOf(whole.optimizer.state().tensors)]

    const part = { folder: join(folder, 'part') }
    const first = await setup(part)
    expect((await first.run({ maxSteps: 37 })).stopped).toBe('steps')
    expect(bytesOf(first.model.stateDict())).not.toEqual(weights)
    first.model.device.dispose()
    const second = await setup(part)
    const result = await second.run({ maxSteps: 137, resume: true })
    expect(result.steps).toBe(137)
    expect(bytesOf(second.model.stateDict())).toEqual(weights)
    expect(bytesOf(second.optimizer.state().tensors)).toEqual(moments)
    expect(second.data.state()).toEqual(whole.data.state())
    // Records between two steps know nothing of the pause either.
    const metrics = (name: string) => readMetrics(join(folder, name, 'metrics.jsonl'))
    expect(metrics('part')).toEqual(metrics('whole'))
    expect(metrics('whole').length).toBe(13)
  })

  test('a run that is finished already is measured all the same', async () => {
    const part = { folder: join(folder, 'finished') }
    const validation = () => new DataLoader(generateDigits(30, 1), { batchSize: 10 })
    const first = await setup(part)
    const measured = (await first.run({ epochs: 1, validation: validation() })).validation
    const again = await setup(part)
    const result = await again.run({ epochs: 1, validation: validation(), resume: true })
    expect(measured).toBeDefined()
    expect(result.validation).toEqual(measured)
    expect(
      readMetrics(join(folder, 'finished', 'metrics.jsonl')).filter((row) => 'validation/loss' in row),
    ).toHaveLength(1)
  })

  test('learns, measures, keeps what it was asked to keep and stops at its target', async () => {
    const path = join(folder, 'target')
    const { model, run } = await setup({ folder: path })
    const validation = new DataLoader(generateDigits(50, 1), { batchSize: 20 })
    const lines: string[] = []
    const before = await evaluate(model, validation)
    const result = await run({
      validation,
      target: { accuracy: 0.9 },
      epochs: 40,
      progress: { write: (text) => lines.push(text) },
    })
    expect(result.stopped).toBe('target')
    expect(before.accuracy).toBeLessThan(0.5)
    expect(result.validation!.accuracy).toBeGreaterThanOrEqual(0.9)
    // Accuracy and confusion matrix tell the same, and what a prediction tells.
    const { confusion, accuracy, loss } = await evaluate(model, validation)
    expect(confusion!.reduce((sum, row, i) => sum + row[i], 0) / 50).toBe(accuracy)
    model.eval()
    const { image, label } = generateDigits(50, 1).batch(Array.from({ length: 50 }, (_, i) => i))
    expect(classesOf(model.predict(image)).filter((answer, i) => answer === Number(label.data[i])).length / 50).toBe(
      accuracy,
    )
    const last = result.history.at(-1)!
    expect(last['validation/loss']).toBe(loss)
    expect(last['validation/accuracy']).toBe(accuracy)
    expect(result.history.some((record) => record['train/loss'] !== undefined && record.lr !== undefined)).toBe(true)
    expect(lines.join('')).toContain('samples/s')
    const [board] = readdirSync(join(path, 'board'))
    const events = readFileSync(join(path, 'board', board), 'latin1')
    expect(events).toContain('validation/accuracy')
    expect(events).toContain('MaxPool')
    expect(new CheckpointStore(join(path, 'checkpoints')).latest()!.step).toBe(result.steps)
  })

  test('a model of several inputs is trained in a folder, without a picture of its graph', async () => {
    class Sum extends Module {
      layer = new Linear(2, 1)
      forward(a: Variable, b: Variable): Variable {
        return F.add(this.layer.call(a), F.mul(b, 2))
      }
    }
    const model = new Sum()
    const values = (count: number) => Float32Array.from({ length: count }, (_, i) => (i % 5) - 2)
    const dataset = new TensorDataset({
      a: new Tensor('float32', values(16), [8, 2]),
      b: new Tensor('float32', values(8), [8, 1]),
    })
    const path = join(folder, 'several')
    const { steps } = await fit(model, new DataLoader(dataset, { batchSize: 4 }), {
      optimizer: new SGD(model.parameters(), { lr: 0.01 }),
      epochs: 1,
      folder: path,
      logEvery: 1,
      label: undefined,
      output: (_, { a, b }) => model.call(a, b),
      loss: (output) => F.mean(F.mul(output as Variable, output as Variable)),
    })
    expect(steps).toBe(2)
    expect(readMetrics(join(path, 'metrics.jsonl')).length).toBeGreaterThan(0)
  })

  test('a folder that holds a run is not written over', async () => {
    const path = join(folder, 'held')
    const first = await setup({ folder: path })
    await first.run({ maxSteps: 3 })
    const second = await setup({ folder: path })
    await expectRejects('E_STATE', () => second.run({ maxSteps: 5 }), /resume/)
  })

  test('an abort signal ends the step and saves it', async () => {
    const path = join(folder, 'aborted')
    const { run, model } = await setup({ folder: path })
    const result = await run({ signal: AbortSignal.abort() })
    expect(result).toMatchObject({ stopped: 'interrupted', steps: 1 })
    const { tensors } = new CheckpointStore(join(path, 'checkpoints')).latest()!
    expect(
      bytesOf(
        new Map(
          [...tensors].filter(([name]) => name.startsWith('model.')).map(([name, tensor]) => [name.slice(6), tensor]),
        ),
      ),
    ).toEqual(bytesOf(model.stateDict()))
  })
})

describe('numbers that are not finite', () => {
  const regression = (rows: readonly number[]) =>
    new DataLoader(
      new TensorDataset({
        x: new Tensor('float32', rows, [rows.length, 1]),
        y: new Tensor('float32', rows, [rows.length, 1]),
      }),
      { batchSize: rows.length },
    )
  const squared = (output: Variable, { y }: Readonly<Record<string, Variable>>) =>
    F.mean(F.mul(F.sub(output, y), F.sub(output, y)))

  test('in the loss: the first operator is named, weights and running statistics are as they were', async () => {
    const model = new Sequential(new Linear(1, 4), new ReLU(), new Linear(4, 1))
    const before = bytesOf(model.stateDict())
    const optimizer = new SGD(model.parameters(), { lr: 0.1 })
    const failed = () => fit(model, regression([1, NaN]), { optimizer, epochs: 1, label: undefined, loss: squared })
    await expectRejects(
      'E_VALUE',
      failed,
      /loss is NaN; the first result that is not is that of Gemm in "0"; the weights were not changed/,
    )
    expect(bytesOf(model.stateDict())).toEqual(before)
    expect(optimizer.steps).toBe(0)

    const normalized = (await setup()).model
    const state = bytesOf(normalized.stateDict())
    const bad = new DataLoader(
      {
        length: 2,
        get: (): Fields => ({
          image: new Tensor('float32', new Float32Array(784).fill(Infinity), [1, 28, 28]),
          label: new Tensor('int32', [1], []),
        }),
      },
      { batchSize: 2 },
    )
    await expectRejects(
      'E_VALUE',
      () => fit(normalized, bad, { optimizer: new Adam(normalized.parameters()), epochs: 1 }),
      /Conv in "0"/,
    )
    expect(bytesOf(normalized.stateDict())).toEqual(state)
  })

  test('in a gradient, though the loss is finite', async () => {
    class Root extends Module {
      scale = new Linear(1, 1, { bias: false, init: () => Float32Array.of(0) })
      forward(x: Variable): Variable {
        // The root of 0 is 0, its slope is not a number.
        return F.sqrt(this.scale.call(x))
      }
    }
    const model: Layer = new Root()
    const failed = () =>
      fit(model, regression([1, 2]), {
        optimizer: new SGD(model.parameters(), { lr: 0.1 }),
        epochs: 1,
        label: undefined,
        loss: squared,
      })
    await expectRejects(
      'E_VALUE',
      failed,
      /a gradient is not finite; the first on the way back is that of Gemm by its input 1 in "scale"/,
    )
    expect([...model.parameters()[0].data()]).toEqual([0])
  })
})

describe('Ctrl-C', () => {
  test('saves, and the run goes on to what it would have been', async () => {
    const program = join(folder, 'bundle', 'out', 'fit.mjs')
    buildSync({
      entryPoints: [fileURLToPath(new URL('fit-run.ts', import.meta.url))],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: program,
      logLevel: 'error',
      external: ['sharp', 'fast-png'],
    })
    // Where the bundle looks for the kernels.
    cpSync(fileURLToPath(new URL('../../../dist/wasm', import.meta.url)), join(folder, 'dist', 'wasm'), {
      recursive: true,
    })
    const path = join(folder, 'signal')
    const out = await started(program, [path, '20000'], true)
    const [, stopped, steps] = /(\w+) (\d+)\n$/.exec(out)!
    expect(stopped).toBe('interrupted')
    const saved = new CheckpointStore(join(path, 'checkpoints')).latest()!
    expect(saved.step).toBe(Number(steps))
    const epochs = String(Math.ceil(saved.step / 150 + 1))
    await started(program, [path, epochs], false)
    await started(program, [join(folder, 'straight'), epochs], false)
    const [a, b] = [path, join(folder, 'straight')].map((run) =>
      new CheckpointStore(join(run, 'checkpoints')).latest()!,
    )
    expect(a.step).toBe(b.step)
    expect(bytesOf(a.tensors)).toEqual(bytesOf(b.tensors))
  })
})

/** Runs the program to its end; with `stop`, sends SIGINT soon after the training has begun. */
function started(program: string, args: readonly string[], stop: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (text: Buffer) => {
      if (stop && out === '') setTimeout(() => child.kill('SIGINT'), 150)
      out += text.toString()
    })
    child.on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`it ended with ${code}`))))
  })
}
