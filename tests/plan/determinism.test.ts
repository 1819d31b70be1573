import { describe, expect, test } from 'vitest'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { allCases } from '../ops/cases.js'
import { f32, gives, weight, type Case } from '../ops/case.js'
import { along, someExamples, withExamples, type Batched } from '../support/examples.js'
import { pick } from '../support/fuzz/mutate.js'
import { randomTensor, seeded } from '../support/random.js'
import { runNode } from '../support/cases/run-node.js'

// With `deterministic` nothing but model, options and input decides the bits of a result; with `deterministic: 'batch'`
// not even the rest of the batch.

const bits = (data: unknown) => Buffer.from((data as Float32Array).slice().buffer).toString('base64')

/** A convolution that suits Winograd's way, followed by one whose filters are fed. */
function model(): Uint8Array {
  const random = seeded(5)
  const g = new GraphBuilder('convolutions')
  let x = g.input('x', 'float32', ['N', 32, 'H', 'W'])
  for (let i = 0; i < 3; i++) {
    const filters = randomTensor(random, 'float32', [32, 32, 3, 3], -0.1, 0.1)
    x = g.op('Conv', [x, g.constant(`w${i}`, filters)], { pads: [1, 1, 1, 1] })
  }
  g.output(g.op('Conv', [x, g.input('w', 'float32', [32, 32, 3, 3])], { pads: [1, 1, 1, 1] }), 'y')
  return exportModel(g.graph())
}

const filters = randomTensor(seeded(6), 'float32', [32, 32, 3, 3], -0.1, 0.1)
const image = (n: number, size: number) => {
  const { data, shape } = randomTensor(seeded(n * size), 'float32', [n, 32, size, size], -1, 1)
  return new Tensor('float32', data, shape)
}
const feeds = (n: number, size: number) => ({
  x: image(n, size),
  w: new Tensor('float32', filters.data, filters.shape),
})

/** Limits from what just holds the model's arena to plenty. */
const limits = [3e6, 4e6, 5e6, 6e6, 8e6, 12e6, 20e6, 2 ** 32]

test('earlier runs of other shapes change no bit, whatever the memory limit', async () => {
  const random = seeded(9)
  for (const memoryLimit of limits) {
    const options = { deterministic: true, memoryLimit } as const
    const expected = new Map<string, string>()
    const once = async (n: number, size: number) => {
      const key = `${n} ${size}`
      if (!expected.has(key)) {
        const fresh = await InferenceSession.create(model(), options)
        expected.set(
          key,
          await fresh.run(feeds(n, size)).then(
            ({ y }) => bits(y.data),
            (error: { code: string }) => error.code,
          ),
        )
        await fresh.release()
      }
      return expected.get(key)!
    }
    const session = await InferenceSession.create(model(), options)
    for (let i = 0; i < 12; i++) {
      const [n, size] = [pick(random, [1, 2]), pick(random, [9, 14, 20, 28])]
      const want = await once(n, size)
      // Whether there is room for it may depend on the plans that are kept; the bits may not.
      const { y } = await session.run(feeds(n, size)).catch((error: { code: string }) => {
        expect(error.code).toBe('E_BUDGET')
        return { y: undefined }
      })
      if (y && want !== 'E_BUDGET') expect(bits(y.data), `limit ${memoryLimit}, run ${i}: ${n} × ${size}`).toBe(want)
    }
    await session.release()
  }
})

/** Shapes beyond those of the case tables: from one row to many, with and without tails. */
function shapes(): Case[] {
  const reference = gives()
  const rows: Case[] = []
  for (const k of [1, 8, 300, 1030])
    for (const n of [1, 5, 8, 100])
      for (const m of [1, 2, 9]) {
        const name = `${m} × ${k} × ${n}`
        rows.push({ name, op: 'MatMul', inputs: [f32([1, m, k]), weight([k, n])], reference })
        rows.push({ name: `${name}, stacked`, op: 'MatMul', inputs: [f32([1, m, k]), f32([1, k, n])], reference })
        if (m === 1)
          rows.push({
            name,
            op: 'Gemm',
            inputs: [f32([m, k]), weight([n, k]), weight([n])],
            attributes: { transB: 1 },
            reference,
          })
      }
  for (const channels of [1, 3, 8, 24])
    for (const outputs of [4, 12, 65])
      for (const [kernel, size] of [
        [1, 1],
        [1, 7],
        [3, 1],
        [3, 2],
        [3, 4],
        [3, 8],
        [3, 15],
        [5, 5],
        [5, 12],
        [7, 9],
      ] as const) {
        const attributes = { pads: new Array<number>(4).fill(kernel >> 1) }
        const w = weight([outputs, channels, kernel, kernel])
        const name = `${kernel}×${kernel}, ${channels} → ${outputs}, ${size}×${size}`
        rows.push({ name, op: 'Conv', inputs: [f32([1, channels, size, size]), w], attributes, reference })
      }
  for (const [op, gates] of [
    ['LSTM', 4],
    ['GRU', 3],
    ['RNN', 1],
  ] as const)
    for (const hidden of [5, 32, 64])
      for (const input of [3, 160])
        rows.push({
          name: `${input} → ${hidden}`,
          op,
          inputs: [f32([3, 1, input]), weight([1, gates * hidden, input]), weight([1, gates * hidden, hidden])],
          attributes: { hidden_size: hidden },
          outputs: 2,
          reference,
        })
  return rows
}

const COUNT = 5
const parts = [
  [0, 1],
  [2, 3],
  [1, 3],
  [4, 5],
  [0, 4],
] as const

describe("with deterministic: 'batch' an example's bits do not depend on the batch", () => {
  const table = new Map<string, { row: Case; batched: Batched }[]>()
  for (const row of [...allCases, ...shapes()]) {
    const batched = withExamples(row, COUNT)
    if (!batched) continue
    if (!table.has(row.op)) table.set(row.op, [])
    table.get(row.op)!.push({ row, batched })
  }

  test.each([...table])('%s', { timeout: 600_000 }, async (op, rows) => {
    for (const { row, batched } of rows) {
      const shared = row.inputs.flatMap((spec, i) => (spec && batched.axes[i] === undefined ? [i] : []))
      // Weights as constants of the model and as inputs go different ways.
      for (const constants of shared.length > 0 && row.inputs[1]?.dtype === 'float32' ? [shared, []] : [shared]) {
        const run = ({ inputs }: Batched) =>
          runNode({
            op,
            domain: row.domain,
            opset: row.opset,
            attributes: row.attributes,
            outputs: row.outputs,
            inputs,
            constants,
            build: 'simd',
            perExample: true,
          })
        const all = await run(batched)
        for (const [from, to] of parts) {
          const some = await run(someExamples(batched, from, to))
          some.forEach((output, k) =>
            expect(
              bits(output.data) === bits(along(all[k], batched.outputs[k], from, to).data),
              `${row.name}, constants ${constants.join()}, output ${k}, examples ${from} to ${to}`,
            ).toBe(true),
          )
        }
      }
    }
  })

  test('through a session', async () => {
    const g = new GraphBuilder('classifier')
    const random = seeded(2)
    const x = g.input('x', 'float32', ['N', 16, 4, 4])
    const w = g.constant('w', randomTensor(random, 'float32', [32, 16, 3, 3], -1, 1))
    const flat = g.op('Flatten', [g.op('Relu', [g.op('Conv', [x, w], { pads: [1, 1, 1, 1] })])])
    const fc = g.constant('fc', randomTensor(random, 'float32', [512, 10], -1, 1))
    g.output(g.op('Softmax', [g.op('MatMul', [flat, fc])]), 'y')
    const session = await InferenceSession.create(exportModel(g.graph()), { deterministic: 'batch' })
    expect(session.build).toBe('simd')
    const images = randomTensor(random, 'float32', [6, 16, 4, 4], -1, 1)
    const run = async (from: number, to: number) => {
      const { data, shape } = along(images, 0, from, to)
      const { y } = await session.run({ x: new Tensor('float32', data, shape) })
      return { dtype: y.type, shape: y.dims, data: y.data }
    }
    const all = await run(0, 6)
    for (const [from, to] of parts) expect(bits((await run(from, to)).data)).toBe(bits(along(all, 0, from, to).data))
  })
})
