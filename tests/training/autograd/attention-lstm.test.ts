import { InferenceSession as OrtSession, Tensor as OrtTensor } from 'onnxruntime-web'
import { describe, expect, test } from 'vitest'
import '../../../src/node.js'
import { registerAllOps } from '../../../src/api/register-all.js'
import { InferenceSession } from '../../../src/api/session.js'
import { Tensor } from '../../../src/api/tensor.js'
import { Device } from '../../../src/autograd/device.js'
import type { Variable } from '../../../src/autograd/variable.js'
import { AttentionLSTM } from '../../../src/nn/attention-lstm.js'
import { toGraph } from '../../../src/nn/export.js'
import * as F from '../../../src/nn/functional.js'
import { Linear } from '../../../src/nn/linear.js'
import { Module } from '../../../src/nn/module.js'
import { exportModel } from '../../../src/onnx/export-any.js'
import { builds } from '../../support/wasm.js'

registerAllOps()

interface Sizes {
  readonly steps: number
  readonly batch: number
  readonly input: number
  readonly hidden: number
  readonly places: number
}

type Values = Record<'x' | 'a' | 'w' | 'r' | 'u' | 'b' | 'h' | 'c', Float64Array>

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

/** The layer in float64: states, weights of the places, last cells. */
function reference({ steps, batch, input, hidden, places }: Sizes, v: Values) {
  const y = new Float64Array(steps * batch * hidden)
  const p = new Float64Array(steps * batch * places)
  const cells = v.c.slice()
  for (let n = 0; n < batch; n++) {
    let h = v.h.slice(n * hidden, (n + 1) * hidden)
    const c = cells.subarray(n * hidden, (n + 1) * hidden)
    const at = (j: number, k: number) => v.a[(n * places + j) * hidden + k]
    for (let t = 0; t < steps; t++) {
      const scores = Array.from(
        { length: places },
        (_, j) => h.reduce((sum, value, k) => sum + value * at(j, k), 0) / Math.sqrt(hidden),
      )
      const shares = scores.map((score) => Math.exp(score - Math.max(...scores)))
      const total = shares.reduce((sum, share) => sum + share)
      const weights = shares.map((share) => share / total)
      p.set(weights, (t * batch + n) * places)
      const attended = h.map((_, k) => weights.reduce((sum, weight, j) => sum + weight * at(j, k), 0))
      const gates = Array.from({ length: 4 * hidden }, (_, i) => {
        let sum = v.b[i]
        for (let k = 0; k < input; k++) sum += v.w[i * input + k] * v.x[(t * batch + n) * input + k]
        for (let k = 0; k < hidden; k++) sum += v.r[i * hidden + k] * h[k] + v.u[i * hidden + k] * attended[k]
        return sum
      })
      h = h.map((_, k) => {
        const [i, f, o, g] = [0, 1, 2, 3].map((gate) => gates[gate * hidden + k])
        c[k] = sigmoid(f) * c[k] + sigmoid(i) * Math.tanh(g)
        return sigmoid(o) * Math.tanh(c[k])
      })
      y.set(h, (t * batch + n) * hidden)
    }
  }
  return { y, p, c: cells }
}

const names = { w: 'weight_ih', r: 'weight_hh', u: 'weight_ah', b: 'bias' } as const

function random(device: Device, size: number): Float32Array {
  return Float32Array.from({ length: size }, () => device.random.between(-1, 1))
}

const cases: Record<string, Sizes> = {
  'whole vectors': { steps: 3, batch: 4, input: 8, hidden: 16, places: 16 },
  'nothing a multiple of four': { steps: 4, batch: 5, input: 3, hidden: 7, places: 5 },
  'one example, one place, one step': { steps: 1, batch: 1, input: 1, hidden: 1, places: 1 },
  'more columns than a block': { steps: 2, batch: 2, input: 5, hidden: 25, places: 9 },
}

describe.each(builds)('AttentionLSTM, %s build', (build) => {
  test.each(Object.entries(cases))('%s: outputs and gradients', async (_, sizes) => {
    const device = await Device.create({ build, seed: 5 })
    const { steps, batch, input, hidden, places } = sizes
    const model = new AttentionLSTM(input, hidden, { device })
    for (const parameter of Object.values(names)) model[parameter].assign(random(device, model[parameter].size))
    const given = {
      x: random(device, steps * batch * input),
      a: random(device, batch * places * hidden),
      h: random(device, batch * hidden),
      c: random(device, batch * hidden),
    }
    const shapes = {
      x: [steps, batch, input],
      a: [batch, places, hidden],
      h: [batch, hidden],
      c: [batch, hidden],
    }
    // A loss that everything the layer makes has a part in.
    const parts = [steps * batch * hidden, batch * hidden, batch * hidden, steps * batch * places].map((size) =>
      random(device, size),
    )
    const inputs = Object.entries(given).map(
      ([name, data]) => [name, device.parameter(new Tensor('float32', data, shapes[name as 'x']))] as const,
    )
    const of = Object.fromEntries(inputs) as unknown as Record<keyof typeof given, Variable>
    const found = device.step(() => {
      const [y, [h, c], weights] = model.call(of.x, of.a, [of.h, of.c])
      const loss = [y, h, c, weights]
        .map((output, i) => F.sum(F.mul(output, device.tensor(parts[i], output.shape))))
        .reduce(F.add)
      loss.backward()
      return { y: y.data(), p: weights.data(), h: h.data(), c: c.data() }
    })
    const values = Object.fromEntries([
      ...Object.entries(given).map(([name, data]) => [name, Float64Array.from(data)]),
      ...Object.entries(names).map(([key, name]) => [key, Float64Array.from(model[name].data() as Float32Array)]),
    ]) as Values
    const right = reference(sizes, values)
    const near = (a: ArrayLike<number>, b: ArrayLike<number>) => {
      expect(a.length).toBe(b.length)
      for (let i = 0; i < a.length; i++) expect(a[i], `element ${i}`).toBeCloseTo(b[i], 5)
    }
    near(found.y as Float32Array, right.y)
    near(found.p as Float32Array, right.p)
    near(found.c as Float32Array, right.c)
    near(found.h as Float32Array, right.y.slice(-batch * hidden))
    const lossOf = (): number => {
      const { y, p, c } = reference(sizes, values)
      const sums = [y, y.slice(-batch * hidden), c, p].map((made, i) =>
        made.reduce((sum, value, j) => sum + value * parts[i][j], 0),
      )
      return sums.reduce((sum, part) => sum + part)
    }
    const gradients = [
      ...inputs.map(([name, parameter]) => [name, parameter.grad?.data()] as const),
      ...Object.entries(names).map(([key, name]) => [key, model[name].grad?.data()] as const),
    ]
    for (const [name, gradient] of gradients) {
      const value = values[name as keyof Values]
      const slopes = gradient as Float32Array
      expect(slopes.length).toBe(value.length)
      // Every element of small tensors, some of large ones.
      for (let i = 0; i < value.length; i += Math.ceil(value.length / 40)) {
        const before = value[i]
        value[i] = before + 1e-5
        const more = lossOf()
        value[i] = before - 1e-5
        const less = lossOf()
        value[i] = before
        expect(slopes[i], `${name}[${i}]`).toBeCloseTo((more - less) / 2e-5, 3)
      }
    }
    device.dispose()
  })
})

/** A decoder as it is trained: places, words, scores. */
class Decoder extends Module {
  readonly lstm: AttentionLSTM
  readonly head: Linear
  constructor(device: Device) {
    super(device)
    this.lstm = new AttentionLSTM(3, 8, { batchFirst: true, device })
    this.head = new Linear(8, 6, { device })
  }
  forward(x: Variable, places: Variable): Variable[] {
    const [y, [h, c], weights] = this.lstm.call(x, places)
    return [this.head.call(y), h, c, weights]
  }
}

/** One word of it, with states in and out. */
class Step extends Module {
  constructor(readonly decoder: Decoder) {
    super(decoder.device)
  }
  forward(x: Variable, places: Variable, h: Variable, c: Variable): Variable[] {
    const [after, cells, weights] = this.decoder.lstm.step(x, places, [h, c])
    return [this.decoder.head.call(after), after, cells, weights]
  }
}

async function runBoth(bytes: Uint8Array, feeds: Record<string, readonly [Float32Array, readonly number[]]>) {
  const ours = await InferenceSession.create(bytes)
  const theirs = await OrtSession.create(bytes)
  const a = await ours.run(
    Object.fromEntries(Object.entries(feeds).map(([k, [data, dims]]) => [k, new Tensor('float32', data, dims)])),
  )
  const b = await theirs.run(
    Object.fromEntries(Object.entries(feeds).map(([k, [data, dims]]) => [k, new OrtTensor('float32', data, dims)])),
  )
  await ours.release()
  await theirs.release()
  return [a, b].map((results) =>
    Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as Float32Array])),
  )
}

test('exported, the whole sequence and its steps agree with the layer here and in onnxruntime-web', async () => {
  const device = await Device.create({ build: 'simd', seed: 9 })
  const decoder = new Decoder(device)
  const outputs = ['scores', 'h', 'c', 'weights']
  const n = { name: 'N', size: 2 }
  const whole = exportModel(
    toGraph(
      decoder,
      [
        { name: 'x', shape: [n, { name: 'T', size: 3 }, 3] },
        { name: 'places', shape: [n, { name: 'L', size: 4 }, 8] },
      ],
      { outputs },
    ),
  )
  const step = exportModel(
    toGraph(
      new Step(decoder),
      [
        { name: 'x', shape: [n, 3] },
        { name: 'places', shape: [n, { name: 'L', size: 4 }, 8] },
        { name: 'h_before', shape: [n, 8] },
        { name: 'c_before', shape: [n, 8] },
      ],
      { outputs },
    ),
  )
  const [batch, length, places] = [3, 5, 7]
  const x = random(device, batch * length * 3)
  const a = random(device, batch * places * 8)
  const right = device.step(() =>
    decoder.call(device.tensor(x, [batch, length, 3]), device.tensor(a, [batch, places, 8])).map((y) => y.data()),
  ) as Float32Array[]
  const runs = await runBoth(whole, { x: [x, [batch, length, 3]], places: [a, [batch, places, 8]] })
  for (const found of runs)
    outputs.forEach((name, i) => {
      expect(found[name].length).toBe(right[i].length)
      found[name].forEach((value, j) => expect(value, `${name}[${j}]`).toBeCloseTo(right[i][j], 5))
    })
  const mean = device.step(() => F.mean(device.tensor(a, [batch, places, 8]), [1]).data() as Float32Array)
  let states = [
    [mean, mean],
    [mean, mean],
  ]
  for (let t = 0; t < length; t++) {
    const word = Float32Array.from({ length: batch * 3 }, (_, i) => x[(Math.floor(i / 3) * length + t) * 3 + (i % 3)])
    const next: Float32Array[][] = []
    for (const [engine, [h, c]] of states.entries()) {
      const feeds = {
        x: [word, [batch, 3]],
        places: [a, [batch, places, 8]],
        h_before: [h, [batch, 8]],
        c_before: [c, [batch, 8]],
      } as const
      const found = (await runBoth(step, feeds))[engine]
      for (let b = 0; b < batch; b++)
        for (let k = 0; k < 6; k++) expect(found.scores[b * 6 + k]).toBeCloseTo(right[0][(b * length + t) * 6 + k], 5)
      next.push([found.h, found.c])
    }
    states = next
  }
  device.dispose()
})

test('sizes that do not fit are refused by name', async () => {
  const device = await Device.create({ build: 'simd' })
  const lstm = new AttentionLSTM(3, 8, { device })
  const zeros = (...shape: number[]) => F.full(shape, 0, { device })
  device.step(() => {
    expect(() => lstm.call(zeros(2, 1, 4), zeros(1, 5, 8))).toThrow(/features/)
    expect(() => lstm.call(zeros(2, 1, 3), zeros(1, 5, 7))).toThrow(/features of a place/)
    expect(() => lstm.call(zeros(2, 1, 3), zeros(2, 5, 8))).toThrow(/do not fit each other/)
    expect(() => lstm.call(zeros(1, 3), zeros(1, 5, 8))).toThrow(/three axes/)
  })
  device.dispose()
})
