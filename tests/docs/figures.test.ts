import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withFigures } from '../../bench/figures.js'
import { root } from '../support/package.js'

type Reports = Parameters<typeof withFigures>[1]

const timed = (name: string, web: number, native: number, group = 'models') => ({
  name,
  group,
  times: { lanewise: { median: 50 }, 'onnxruntime-web': { median: 50 * web } },
  ratios: { 'onnxruntime-web': { ratio: web }, 'onnxruntime-node': { ratio: native } },
})
const models = (...results: readonly ReturnType<typeof timed>[]) => ({ results })
const train = (...ratios: readonly number[]) => ({
  results: ['MNIST CNN, batch 100', 'LSTM 28×28, H128', 'transformer LM, 2 layers, V5000'].map((name, i) => ({
    name,
    ratios: { pytorch: { ratio: ratios[i] } },
  })),
})

const nothing: Reports = {
  models: { node: undefined, node24: undefined, chromium: undefined },
  train: { node: undefined, node24: undefined },
  memory: undefined,
  cold: undefined,
}
const reports = {
  models: {
    node: models(timed('squeezenet-1.0/a', 2, 0.5), timed('light/resnet50', 8, 2), timed('trees', 100, 100, 'tabular')),
    node24: models(timed('light/resnet50', 5, 0.125)),
    chromium: models(timed('light/resnet50', 3, 1)),
  },
  train: { node: train(0.8, 1.1, 1.25), node24: undefined },
  memory: { quick: false, rows: [{ name: 'm', lanewise: { peak: 20 }, 'onnxruntime-web': { peak: 80 } }] },
  cold: { quick: false, rows: [{ name: 'mnist-8', ratio: { ratio: 8 } }] },
} as unknown as Reports

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const rowOf = (text: string, what: string) => text.split('\n').find((line) => line.startsWith(`| ${what}`))

test('without reports README stays as it is', () => {
  expect(withFigures(readme, nothing)).toBe(readme)
})

/** What README has of a row for Node 24 now. */
const relaxedOf = (start: string) => rowOf(readme, start)?.split(' | ').at(2)

test('every row of README is found, and gets its figures and a command of a full run', () => {
  const written = withFigures(readme, reports)
  const models = rowOf(written, '34 real models')
  expect(models).toMatch(/ \| 4\.0 times as fast \(worst 2\.0\) \| 5\.0 \(worst 5\.0\); Chromium 3\.0 \(3\.0\) \| /)
  expect(models).not.toContain('--quick')
  expect(rowOf(written, 'the same against native')).toContain(
    ' | 1.0 times as fast (worst 0.50: squeezenet-1.0/a) | 0.13 (worst 0.13) | ',
  )
  expect(rowOf(written, 'SqueezeNet')).toContain(` | 50.0 ms; onnxruntime-web 100 | ${relaxedOf('SqueezeNet 1.0')} | `)
  expect(rowOf(written, 'ResNet-50')).toContain(' | 50.0 ms; 400 | 50.0 ms; 250 | ')
  // What there is no report of stays, beside what there is.
  expect(rowOf(written, 'the same of a CNN')).toContain(` | 0.80, 1.1, 1.3 | ${relaxedOf('the same of a CNN')} | `)
  expect(rowOf(written, 'training step')).toBe(rowOf(readme, 'training step'))
  expect(rowOf(written, 'memory of a session')).toContain(' | 25 % (worst 25 %: m) | | ')
  expect(rowOf(written, 'cold start')).toContain(" | 0.13 of onnxruntime-web's | | ")
  expect(written.split('\n')).toHaveLength(readme.split('\n').length)
})
