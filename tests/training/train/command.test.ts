import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeIdx } from '../../../src/data/formats/idx.js'
import { generateDigits } from '../../../src/data/digits.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const model = join(root, 'models/mnist/small.onnx')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-command-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function lanewise(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [join(root, 'dist/cli/main.js'), ...args],
      { cwd: folder, env: { ...process.env, LANEWISE_SHARED: join(folder, 'none') } },
      (error, out, stderr) => done({ code: error ? Number(error.code) : 0, out, error: stderr }),
    )
  })
}

describe('lanewise predict and evaluate', () => {
  test('need the file alone: without MNIST, digits are drawn', async () => {
    const { out, code } = await lanewise(
      'predict',
      model,
      '--count',
      '3',
      '--seed',
      '5',
      '--fetch',
      'network/0/Conv',
      '--json',
    )
    expect(code).toBe(0)
    const { source, pictures, fetched } = JSON.parse(out) as {
      source: string
      pictures: { label: string; prediction: string; numbers: number[] }[]
      fetched: { name: string; dims: number[] }[]
    }
    expect(source).toBe('drawn digits')
    expect(pictures.length).toBe(3)
    for (const { label, prediction, numbers } of pictures) {
      expect(prediction).toBe(label)
      expect(numbers.reduce((a, b) => a + b)).toBeCloseTo(1, 5)
      expect(numbers.indexOf(Math.max(...numbers))).toBe(Number(prediction))
    }
    expect(fetched).toMatchObject([{ name: 'network/0/Conv', dims: [3, 10, 24, 24] }])
    const shown = await lanewise('predict', model, '--count', '1', '--seed', '5')
    expect(shown.out).toMatch(/label +\d[^]*prediction +\d[^]*[▒▓]█[^]*9 +[█·]{10} \d\.\d{4}[^]*1 of 1 right/)
  })

  test('digits that were drawn into files are a set, of which the test part is enough', async () => {
    expect((await lanewise('data', 'digits', '--part', 'test', '--test', '40', '--to', 'drawn')).code).toBe(0)
    const { out, error } = await lanewise('evaluate', model, '--set', 'digits', '--data', 'drawn', '--json')
    expect(error).toBe('')
    expect(JSON.parse(out)).toMatchObject({ source: 'drawn', examples: 40, right: 40 })
    expect(readdirSync(join(folder, 'drawn')).filter((name) => name.startsWith('train'))).toEqual([])
  })

  test('evaluate counts the confusions', async () => {
    const { out } = await lanewise('evaluate', model, '--json')
    const { accuracy, examples, confusion } = JSON.parse(out) as {
      accuracy: number
      examples: number
      confusion: number[][]
    }
    expect(examples).toBe(2000)
    expect(confusion.flat().reduce((a, b) => a + b)).toBe(2000)
    expect(confusion.reduce((sum, row, i) => sum + row[i], 0) / 2000).toBe(accuracy)
    expect(accuracy).toBeGreaterThan(0.98)
  })

  test('what is wrong is said', async () => {
    expect(await lanewise('predict', model, '--fetch', 'nothing')).toMatchObject({
      code: 1,
      error: expect.stringContaining('"nothing"') as string,
    })
    expect(await lanewise('predict')).toMatchObject({ code: 2 })
    expect(await lanewise('train', 'mnist/none')).toMatchObject({
      code: 2,
      error: expect.stringContaining('models/mnist/none.ts') as string,
    })
    expect(await lanewise('evaluate', model, '--set', 'notmnist')).toMatchObject({
      code: 1,
      error: expect.stringContaining('E_EXTERNAL') as string,
    })
  })
})

describe('lanewise train', () => {
  test('trains what a module says, and goes on', async () => {
    // notMNIST may have any number of pictures.
    const { images, labels } = generateDigits(300, 1)
    for (const part of ['train', 't10k']) {
      writeFileSync(join(folder, `${part}-images-idx3-ubyte`), encodeIdx(images))
      writeFileSync(join(folder, `${part}-labels-idx1-ubyte`), encodeIdx(labels))
    }
    writeFileSync(
      join(folder, 'recipe.js'),
      `
      import { Adam, cosine, Flatten, Linear, Sequential } from ${JSON.stringify(join(root, 'dist/train.js'))}
      export default {
        title: 'A line', data: 'notmnist', split: [200, 100], seed: 1, epochs: 2, batchSize: 20, weights: 'int8',
        model: () => new Sequential(new Flatten(), new Linear(784, 10)),
        optimizer: (model) => new Adam(model.parameters(), { lr: 0.01 }),
        schedule: (steps) => cosine(steps),
      }`,
    )
    const train = (...more: string[]) =>
      lanewise('train', 'recipe.js', '--data', folder, '--to', 'run', '--json', ...more)
    const first = await train()
    expect(first.error).toContain('epoch 2/2')
    expect(JSON.parse(first.out)).toMatchObject({ steps: 20, stopped: 'epochs', examples: 100 })
    expect(readdirSync(join(folder, 'run')).sort()).toEqual([
      'board',
      'checkpoints',
      'metrics.jsonl',
      'model.onnx',
      'report.html',
      'weights.safetensors',
    ])
    expect(readFileSync(join(folder, 'run/report.html'), 'utf8')).toMatch(
      /data:image\/png;base64[^]*validation\/accuracy|validation\/accuracy[^]*data:image\/png/,
    )
    expect(await train()).toMatchObject({ code: 1, error: expect.stringContaining('resume') as string })
    const longer = JSON.parse((await train('--resume', '--epochs', '4')).out) as { steps: number; accuracy: number }
    expect(longer.steps).toBe(40)
    const evaluated = JSON.parse((await lanewise('evaluate', 'run/model.onnx', '--data', folder, '--json')).out) as {
      accuracy: number
      examples: number
    }
    expect(evaluated.examples).toBe(100)
    // Weights of 8 bits answer nearly alike.
    expect(Math.abs(evaluated.accuracy - longer.accuracy)).toBeLessThanOrEqual(0.02)
  })
})
