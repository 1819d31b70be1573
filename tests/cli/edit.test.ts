import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exportModel, GraphBuilder, InferenceSession, loadGraph, Tensor } from '../../src/node.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-edit-'))
  const g = new GraphBuilder('model')
  const w = g.constant('w', new Tensor('float32', new Float32Array(2 * 600).fill(0.5), [2, 600]))
  const middle = g.op('MatMul', [g.input('x', 'float32', ['N', 2]), w], {}, 'middle')
  g.output(g.op('Softmax', [middle]), 'y')
  writeFileSync(join(folder, 'model.onnx'), exportModel(g.graph(), { metadata: { kept: 'yes' } }))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const lanewise = (...args: string[]) =>
  JSON.parse(
    execFileSync(process.execPath, [main, ...args, '--json'], { cwd: folder, encoding: 'utf8', stdio: 'pipe' }),
  ) as object

const x = new Tensor('float32', [1, 2], [1, 2])

test('convert writes another operator set, tensors beside it, and keeps the metadata', async () => {
  expect(lanewise('convert', 'model.onnx', '--opset', '12', '--external', '--output', 'old.onnx')).toMatchObject({
    inputs: ['x'],
    outputs: ['y'],
  })
  const graph = await loadGraph(join(folder, 'old.onnx'))
  expect([graph.opsets.get(''), graph.metadata.get('kept')]).toEqual([12, 'yes'])
  const session = await InferenceSession.create(join(folder, 'old.onnx'))
  const { y } = await session.run({ x })
  expect((y.data as Float32Array)[0]).toBeCloseTo(1 / 600, 6)
})

test('a model that is written in its own place keeps its tensors if it is refused', async () => {
  const g = new GraphBuilder('norm')
  const scale = g.constant('scale', new Tensor('float32', new Float32Array(600).fill(2), [600]))
  g.output(g.op('LayerNormalization', [g.input('x', 'float32', ['N', 600]), scale]), 'y')
  writeFileSync(join(folder, 'own.onnx'), exportModel(g))
  lanewise('convert', 'own.onnx', '--external', '--output', 'own.onnx')
  const before = readFileSync(join(folder, 'own.onnx.data'))
  expect(before).toHaveLength(2400)
  const older = ['convert', 'own.onnx', '--external', '--opset', '12', '--output', 'own.onnx']
  expect(() => lanewise(...older)).toThrow(/operator set 17 can/)
  expect(readFileSync(join(folder, 'own.onnx.data'))).toEqual(before)
  lanewise('convert', 'own.onnx', '--external', '--opset', '17', '--output', 'own.onnx')
  const session = await InferenceSession.create(join(folder, 'own.onnx'))
  const row = new Tensor(
    'float32',
    Float32Array.from({ length: 600 }, (_, i) => (i % 2 ? 1 : -1)),
    [1, 600],
  )
  expect(((await session.run({ x: row })).y.data as Float32Array)[1]).toBeCloseTo(2, 4)
  expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([])
})

test('extract cuts at the end and in the middle', async () => {
  lanewise('extract', 'model.onnx', '--to', 'middle', '--output', 'head.onnx')
  const head = await InferenceSession.create(join(folder, 'head.onnx'))
  expect(((await head.run({ x })).middle.data as Float32Array)[599]).toBe(1.5)
  expect(lanewise('extract', 'model.onnx', '--to', 'y', '--from', 'middle', '--output', 'tail.onnx')).toMatchObject({
    inputs: ['middle'],
  })
  const tail = await InferenceSession.create(join(folder, 'tail.onnx'))
  expect(tail.inputMetadata).toEqual([{ name: 'middle', isTensor: true, type: 'float32', shape: ['N', 600] }])
})

test('rename values and free sizes', async () => {
  lanewise('rename', 'model.onnx', '--value', 'x=image', '--dim', 'N=4', '--output', 'renamed.onnx')
  const graph = await loadGraph(join(folder, 'renamed.onnx'))
  expect(graph.inputs.map(({ name, declared }) => [name, declared?.shape])).toEqual([['image', [4, 2]]])
})

test.each([
  [['convert', 'model.onnx'], 2, /--output is missing/],
  [['extract', 'model.onnx', '--output', 'a.onnx'], 2, /--to is missing/],
  [['rename', 'model.onnx', '--value', 'x', '--output', 'a.onnx'], 2, /OLD=NEW/],
  [['rename', 'model.onnx', '--dim', 'N=-1', '--output', 'a.onnx'], 1, /E_VALUE.*at least 0, got -1/],
  [['convert', 'model.onnx', '--opset', '6', '--output', 'a.onnx'], 1, /E_VALUE.*opset must be a whole number/],
  [['extract', 'model.onnx', '--to', 'nothing', '--output', 'a.onnx'], 1, /E_GRAPH.*"nothing"/],
])('%j is refused in one line', (args, code, message) => {
  let error: { status?: number; stderr?: string } = {}
  try {
    execFileSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
  } catch (thrown) {
    error = thrown as typeof error
  }
  expect(error.status).toBe(code)
  expect(error.stderr).toMatch(message)
  expect(error.stderr!.trim().split('\n')).toHaveLength(1)
})
