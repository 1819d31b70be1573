import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encode } from 'fast-png'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exportModel, GraphBuilder, InferenceSession, loadGraph, Tensor } from '../../src/node.js'
import type { QuantizeReport } from '../../src/quantize/index.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
let folder: string

/** Says whether the left or the right half of a picture is brighter. */
function halves() {
  const g = new GraphBuilder('halves')
  const x = g.input('picture', 'float32', ['N', 1, 6, 6])
  const tensor = (name: string, shape: number[], of: (i: number) => number) =>
    g.constant(
      name,
      new Tensor(
        'float32',
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => of(i)),
        shape,
      ),
    )
  const w = tensor('w', [4, 1, 3, 3], (i) => ((i * 7) % 5) / 5)
  const y = g.op('Relu', [g.op('Conv', [x, w], {}, 'features')])
  const flat = g.op('Flatten', [y])
  // Columns 0 and 1 against 2 and 3, of 4 × 4 places of 4 channels.
  g.output(
    g.op('MatMul', [flat, tensor('v', [64, 2], (i) => (Math.floor(i / 2) % 4 < 2 === (i % 2 === 0) ? 1 : -1))]),
    'scores',
  )
  return g
}

const picture = (left: number, right: number) => Uint8Array.from({ length: 36 }, (_, i) => (i % 6 < 3 ? left : right))

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-quantize-'))
  writeFileSync(join(folder, 'model.onnx'), exportModel(halves()))
  const rows: string[] = []
  for (const [label, name] of ['left', 'right'].entries()) {
    mkdirSync(join(folder, 'pictures', name), { recursive: true })
    for (let i = 0; i < 5; i++) {
      const [bright, dark] = [150 + 20 * i, 10 * i]
      const data = label === 0 ? picture(bright, dark) : picture(dark, bright)
      writeFileSync(join(folder, 'pictures', name, `${i}.png`), encode({ width: 6, height: 6, channels: 1, data }))
      rows.push(JSON.stringify({ picture: Array.from(data, (value) => value / 255), label: name }))
    }
  }
  writeFileSync(join(folder, 'rows.jsonl'), `${rows.join('\n')}\n`)
  writeFileSync(join(folder, 'names.txt'), 'left\nright\n')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'quantize', ...args], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

const json = (...args: string[]) => {
  const { status, stdout, stderr } = run(...args, '--json')
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as QuantizeReport
}

test('a folder of pictures whose folders are the classes: accuracy, a page, a file that runs', async () => {
  const args = ['model.onnx', '--int8', 'static', '--calibrate', 'pictures', '-o', 'int8.onnx']
  const { status, stdout, stderr } = run(...args, '--report', 'report.html')
  expect(status, stderr).toBe(0)
  expect(stdout).toMatch(/int8\.onnx: int8 static.*2 nodes quantised/)
  expect(stdout).toMatch(/accuracy 100\.00 %, in float32 100\.00 %/)
  expect(stdout).toMatch(/times as fast/)
  const page = readFileSync(join(folder, 'report.html'), 'utf8')
  expect(page).toMatch(/<svg[^]*features[^]*<\/svg>/)
  expect(page).not.toMatch(/<script|https?:/)
  const graph = await loadGraph(join(folder, 'int8.onnx'))
  expect(graph.nodes.map(({ op }) => op.name)).toContain('QuantizeLinear')
  const session = await InferenceSession.create(join(folder, 'int8.onnx'))
  const data = Float32Array.from(picture(255, 0), (value) => value / 255)
  const { scores } = await session.run({ picture: new Tensor('float32', data, [1, 1, 6, 6]) })
  const [left, right] = scores.data as Float32Array
  expect(left).toBeGreaterThan(right)
})

test('rows of JSON with labels by name, a part of them, other formats', () => {
  const args = ['model.onnx', '--calibrate', 'rows.jsonl', '--labels', 'names.txt', '--output', 'out.onnx']
  const report = json(...args, '--int8', 'static', '--method', 'mse', '--samples', '4')
  expect(report).toMatchObject({ format: 'int8 static', examples: 4, score: { float: 1, quantized: 1 } })
  expect(json(...args, '--int4', '--block', '16', '--gptq').kept).toEqual([
    { node: 'features', op: 'Conv', reason: 'weights of 4 bits are for products' },
  ])
  const kept = json(...args, '--int8', 'dynamic', '--keep', 'features', '--max-loss', '0.5%')
  expect(kept.quantized.map(({ op }) => op)).toEqual(['MatMul'])
  expect(json('model.onnx', '--float16', '--output', 'half.onnx')).toMatchObject({ format: 'float16', examples: 0 })
})

test('what is wrong is said in one line', () => {
  const refused = (code: number, message: RegExp, ...args: string[]) => {
    const { status, stderr } = run('model.onnx', '--output', 'x.onnx', ...args)
    expect(status, stderr).toBe(code)
    expect(stderr.trim()).toMatch(message)
    expect(stderr.trim()).not.toContain('\n')
  }
  refused(2, /say one of --int8/)
  refused(2, /--int8 must be static or dynamic or weights/, '--int8', 'best')
  refused(2, /needs examples/, '--int8', 'static')
  refused(2, /--max-loss must be/, '--int8', 'dynamic', '--max-loss', 'none%')
  refused(1, /E_VALUE: rows\.jsonl: the label "left" is no number/, '--int8', 'static', '--calibrate', 'rows.jsonl')
  refused(1, /E_EXTERNAL/, '--int8', 'static', '--calibrate', 'nowhere')
  writeFileSync(join(folder, 'small.jsonl'), '{"picture":[1,2,3]}\n')
  refused(1, /E_TENSOR/, '--int8', 'static', '--calibrate', 'small.jsonl')
})
