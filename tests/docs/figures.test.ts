import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withFigures, withTargets } from '../../bench/figures.js'
import { withCores } from '../../bench/threads/table.js'
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

const performance = readFileSync(join(root, 'docs/performance.md'), 'utf8')
const target = (
  figure: string,
  against: string,
  of: 'mean' | 'worst',
  wanted: number,
  kernels: number,
  runs?: number,
) => {
  const reached = (value: number) => ({ works: 2, mean: value, worst: value / 2, worstName: 'a' })
  return { figure, against, of, target: wanted, kernels: reached(kernels), ...(runs && { runs: reached(runs) }) }
}

test('the rows of the targets get what a full run of the kernels has reached', () => {
  expect(withTargets(performance, { node: undefined, node24: undefined })).toBe(performance)
  const functions = ['Exp', 'Tanh', 'Sigmoid', 'Erf', 'Gelu', 'Softmax'].map((name, i) =>
    target(`${name} over 1 M`, 'onnxruntime-web', 'worst', 3, 2 * i + 2, 99),
  )
  const node = {
    targets: [
      target('3×3 convolution', 'onnxruntime-web', 'mean', 4, 3.75, 99),
      target('3×3 convolution', 'onnxruntime-node', 'mean', 1.1, 0.875, 99),
      target('pointwise convolution', 'onnxruntime-web', 'mean', 1.5, 1.5, 99),
      target('depthwise convolution', 'onnxruntime-web', 'mean', 3, 5.25, 99),
      target('depthwise convolution', 'tfjs-wasm', 'mean', 2, 2.5, 99),
      target('GEMM 256³ to 1024³', 'peak', 'worst', 0.8, 1.9),
      target('matrix–vector', 'bandwidth', 'worst', 0.85, 2.4),
      ...functions,
      target('100 tiny nodes', 'onnxruntime-web', 'worst', 4, 99, 16),
    ],
  } as unknown as Parameters<typeof withTargets>[1]['node']
  const written = withTargets(performance, { node, node24: undefined })
  const cell = (what: string) => rowOf(written, what)?.split(' | ').at(1)
  expect(cell('3×3 convolution, onnxruntime-web')).toBe('4, 3.8')
  expect(cell('the same, onnxruntime-node')).toBe('1.1, 0.88')
  expect(cell('pointwise')).toBe('1.5, 1.5')
  expect(cell('depthwise, ')).toBe('3 / 2, 5.3 / 2.5')
  expect(cell('GEMM')).toBe('80 %, 95 %')
  expect(cell('matrix–vector')).toBe('85 %, 120 %')
  expect(cell('exp, tanh')).toBe('3, 1.0 / 2.0 / 3.0 / 4.0 / 5.0 / 6.0')
  expect(cell('100 tiny nodes')).toBe('4, 8.0')
  // What there is no report of stays, and so does everything else.
  const relaxedOf = (text: string) => rowOf(text, 'pointwise')?.split(' | ').slice(2)
  expect(relaxedOf(written)).toEqual(relaxedOf(performance))
  const others = (text: string) =>
    text.split('\n').filter((line) => !/^\| (3×3|the same|pointwise|depthwise, |GEMM|matrix|exp, |100 tiny)/.test(line))
  expect(others(written)).toEqual(others(performance))
})

test('the page on threads gets what more cores would bring to long models', () => {
  const page = readFileSync(join(root, 'docs/performance/threads.md'), 'utf8')
  expect(withCores(page, undefined)).toBe(page)
  const row = (name: string, ms: number, serial: number, ...faster: number[]) => ({ name, ms, serial, faster })
  const written = withCores(page, {
    engine: 'Node 24',
    build: 'relaxed',
    cpu: 'a processor',
    threads: 2,
    barrier: 0.25,
    rows: [row('long', 8, 0.125, 2, 4, 8), row('longer', 80, 0.5, 1, 1, 2), row('short', 4, 0, 9, 9, 9)],
  })
  const [open, close] = ['<!-- bench threads-node24-cores -->\n', '\n<!-- end -->']
  const around = (text: string) => [text.split(open)[0], text.split(close)[1]]
  expect(around(written)).toEqual(around(page))
  expect(written.split(open)[1].split(close)[0]).toBe(
    [
      'Node 24, build relaxed, a processor. A call of nothing, shared between 2 threads: 0.25 µs.',
      '',
      '| model | ms, one thread | serial share | 2 cores | 4 cores | 8 cores | 8 cores, any number of pieces |',
      '|---|--:|--:|--:|--:|--:|--:|',
      '| longer | 80.0 | 50.0 % | 1.00× | 1.00× | 2.00× | 1.78× |',
      '| long | 8.00 | 12.5 % | 2.00× | 4.00× | 8.00× | 4.27× |',
      '| geometric mean, 5 ms and more | | | 1.41× | 2.00× | 4.00× | 2.75× |',
    ].join('\n'),
  )
})
