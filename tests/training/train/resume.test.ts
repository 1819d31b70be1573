import { buildSync } from 'esbuild'
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  Adam,
  BatchNorm1d,
  cosine,
  crossEntropy,
  DataLoader,
  Device,
  Dropout,
  encodeIdx,
  fit,
  generateDigits,
  Linear,
  ReLU,
  Schedule,
  Sequential,
  Tensor,
  TensorDataset,
  type FitOptions,
  type Variable,
} from '../../../src/train.js'
import { root } from '../../support/package.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-resume-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a run leaves: bits of weights, running statistics and results. */
interface Outcome {
  readonly state: [string, number[]][]
  readonly steps: number
  readonly validation: unknown
  readonly best: unknown
  readonly history: unknown
}

const STEPS_OF_EPOCH = 6

/**
 * A classifier with everything that a checkpoint has to keep: moments, schedule, masks, running statistics, shuffling.
 */
async function outcome(name: string, options: Partial<FitOptions>, cuts: readonly number[]): Promise<Outcome> {
  for (const maxSteps of [...cuts, undefined]) {
    const device = await Device.create({ deterministic: true, seed: 9 })
    Device.current = device
    const x = Float32Array.from({ length: 48 * 4 }, (_, i) => Math.sin(i * 2.3))
    const label = Int32Array.from({ length: 48 }, (_, i) => Number(x[4 * i] + x[4 * i + 1] > 0.3))
    const data = new TensorDataset({
      x: new Tensor('float32', x, [48, 4]),
      label: new Tensor('int32', label, [48]),
    })
    const model = new Sequential(new Linear(4, 8), new BatchNorm1d(8), new ReLU(), new Dropout(0.3), new Linear(8, 2))
    const optimizer = new Adam([{ params: model.parameters(), betas: [0.8, 0.9] }], { lr: 0.05 })
    const result = await fit(model, new DataLoader(data, { batchSize: 8, shuffle: true, seed: 3 }), {
      loss: (output: Variable, batch) => crossEntropy(output, batch.label),
      optimizer,
      schedule: new Schedule(optimizer, cosine(4 * STEPS_OF_EPOCH)),
      epochs: 4,
      validation: new DataLoader(data, { batchSize: 48 }),
      folder: join(folder, name),
      resume: cuts.length > 0,
      logEvery: 1,
      maxSteps,
      ...options,
    })
    if (maxSteps !== undefined) {
      expect(result.steps).toBe(maxSteps)
      device.dispose()
      continue
    }
    const state = [...model.stateDict()].map(([key, { data }]): [string, number[]] => [
      key,
      [...(data as Float32Array)],
    ])
    device.dispose()
    return { state, steps: result.steps, validation: result.validation, best: result.best, history: result.history }
  }
  throw new Error('no run was the last')
}

describe.each([
  ['nothing', {}],
  ['keepBest', { keepBest: true }],
  ['keepBest by accuracy, between epochs, too', { keepBest: { metric: 'accuracy' }, evaluateEvery: 4 }],
  ['ema', { ema: 0.9 }],
  ['swa', { swa: { fromEpoch: 2 } }],
  ['ema and keepBest', { ema: 0.7, keepBest: true }],
  ['swa and keepBest', { swa: { fromEpoch: 1 }, keepBest: true }],
  ['accumulated gradients, ema, patience', { accumulate: 2, ema: 0.9, earlyStopping: { patience: 50 } }],
] satisfies [string, Partial<FitOptions>][])('a run with %s', (name, options) => {
  test('goes on bit for bit, wherever it was cut', async () => {
    const id = name.replaceAll(/\W+/g, '-')
    const straight = await outcome(`${id}-straight`, options, [])
    // Within an epoch, after one, several times, and so early that nothing is averaged yet.
    for (const cuts of [[1], [4], [STEPS_OF_EPOCH], [5, 7, 11]])
      expect(await outcome(`${id}-${cuts.join('-')}`, options, cuts), `cut at ${cuts.join()}`).toEqual(straight)
  })
})

const number = constants.signals

describe('signals end a process', () => {
  beforeAll(() => {
    buildSync({
      entryPoints: [fileURLToPath(new URL('signal-run.ts', import.meta.url))],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: join(folder, 'bundle', 'out', 'run.mjs'),
      logLevel: 'error',
      external: ['sharp', 'fast-png'],
    })
    cpSync(join(root, 'dist/wasm'), join(folder, 'dist', 'wasm'), { recursive: true })
  })

  test.each([[['SIGINT', 'SIGTERM']], [['SIGTERM', 'SIGINT']], [['SIGINT', 'SIGINT']]] as const)(
    '%s: the second ends what waits for a hook',
    async (signals) => {
      const { code, signal } = await ended([join(folder, 'bundle/out/run.mjs'), 'wait'], signals)
      expect([code, signal]).toEqual([null, signals[1]])
    },
  )

  test('SIGINT lets the step end, and the program go on', async () => {
    const { code, out } = await ended([join(folder, 'bundle/out/run.mjs'), 'go'], ['SIGINT'])
    expect([code, out]).toEqual([0, 'step\ninterrupted SIGINT\n'])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('lanewise train says %s by its exit code', async (name) => {
    const run = join(folder, `command-${name}`)
    const { images, labels } = generateDigits(60, 1)
    for (const part of ['train', 't10k']) {
      writeFileSync(join(folder, `${part}-images-idx3-ubyte`), encodeIdx(images))
      writeFileSync(join(folder, `${part}-labels-idx1-ubyte`), encodeIdx(labels))
    }
    const recipe = join(folder, 'recipe.mjs')
    writeFileSync(
      recipe,
      `import { Flatten, Linear, Sequential, SGD } from ${JSON.stringify(join(root, 'dist/train.js'))}
      let told = false
      export default {
        title: 'A line', data: 'notmnist', seed: 1, epochs: 1_000_000, batchSize: 20,
        model: () => new Sequential(new Flatten(), new Linear(784, 10)),
        optimizer: (model) => new SGD(model.parameters(), { lr: 0.01 }),
        // Only a run that has begun listens to signals.
        schedule: () => (step) => {
          if (step > 2 && !told) process.stdout.write('step\\n')
          told ||= step > 2
          return 1
        },
      }`,
    )
    const { code, signal } = await ended(
      [join(root, 'dist/cli/main.js'), 'train', recipe, '--data', folder, '--to', run],
      [name],
    )
    expect([code, signal]).toEqual([128 + number[name], null])
  })
})

/**
 * Runs a program, sends it the first signal as soon as it says "step" and the second, if there is one, again and again,
 * and waits for its end.
 */
function ended(
  args: readonly string[],
  signals: readonly ('SIGINT' | 'SIGTERM')[],
): Promise<{ code: number | null; signal: NodeJS.Signals | null; out: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    let again: NodeJS.Timeout | undefined
    const [first, second] = signals
    child.stdout.on('data', (text: Buffer) => {
      const told = out.includes('step')
      out += text.toString()
      if (told || !out.includes('step')) return
      child.kill(first)
      // Signals that come while the process is held up are one for it: then the next is the second.
      if (second) again = setInterval(() => child.kill(second), 1000)
    })
    child.on('close', (code, signal) => {
      clearInterval(again)
      resolve({ code, signal, out })
    })
  })
}
