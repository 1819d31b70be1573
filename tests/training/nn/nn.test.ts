import { beforeAll, describe, expect, test } from 'vitest'
import { InferenceSession, Tensor } from '../../../src/node.js'
import { Device } from '../../../src/autograd/device.js'
import type { Variable } from '../../../src/autograd/variable.js'
import { ReLU } from '../../../src/nn/activation.js'
import { toGraph } from '../../../src/nn/export.js'
import * as F from '../../../src/nn/functional.js'
import { GraphModule } from '../../../src/nn/graph-module.js'
import { Dropout, Embedding, Flatten, Linear } from '../../../src/nn/linear.js'
import { crossEntropy } from '../../../src/nn/losses/losses.js'
import { Module, Sequential } from '../../../src/nn/module.js'
import { exportModel } from '../../../src/onnx/export-any.js'
import { Adam, AdamW, Adagrad, RMSprop, SGD } from '../../../src/optim/methods.js'
import { clipGradNorm, gradNorm, type Optimizer } from '../../../src/optim/optimizer.js'
import { cosine, multiStep, Schedule, stepDecay, warmup } from '../../../src/optim/schedules.js'
import { onnxruntimeWeb } from '../../conformance/engines.js'
import { expectError } from '../../support/expect-error.js'

let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 5 })
})

class Net extends Module {
  hidden = new Linear(2, 16)
  drop = new Dropout(0.1)
  scores = new Linear(16, 2)

  forward(x: Variable): Variable {
    return this.scores.call(this.drop.call(F.tanh(this.hidden.call(x))))
  }
}

/** Points in two rings: no line parts them. */
function rings(count: number): { x: Float32Array; y: BigInt64Array } {
  const x = new Float32Array(count * 2)
  const y = new BigInt64Array(count)
  for (let i = 0; i < count; i++) {
    const [a, b] = [device.random.between(-1, 1), device.random.between(-1, 1)]
    x.set([a, b], 2 * i)
    y[i] = a * a + b * b < 0.5 ? 1n : 0n
  }
  return { x, y }
}

/** Trains, and returns the mean loss of the last 50 steps. */
function fit(model: Module & { forward(x: Variable): Variable }, optimizer: Optimizer, steps: number): number {
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    const { x, y } = rings(64)
    const loss = device.step(() => {
      const result = crossEntropy(model.call(device.tensor(x, [64, 2])), device.tensor(y))
      result.backward()
      optimizer.step()
      optimizer.zeroGrad()
      return result.item()
    })
    losses.push(loss)
  }
  const last = losses.slice(-50)
  return last.reduce((sum, loss) => sum + loss, 0) / last.length
}

describe('modules', () => {
  test('names of parameters are those of properties and places', () => {
    const net = new Sequential(new Linear(2, 3), new ReLU(), new Sequential(new Linear(3, 1, { bias: false })))
    expect([...net.stateDict().keys()]).toEqual(['0.weight', '0.bias', '2.0.weight'])
    expect([...new Net().namedParameters()].map(([name]) => name)).toEqual([
      'hidden.weight',
      'hidden.bias',
      'scores.weight',
      'scores.bias',
    ])
  })

  test('a state dict goes into another model, and only into one that it fits', () => {
    const [a, b] = [new Net(), new Net()]
    b.loadStateDict(a.stateDict())
    expect([...b.hidden.weight.data()]).toEqual([...a.hidden.weight.data()])
    const state = a.stateDict()
    state.delete('scores.bias')
    expectError('E_TENSOR', () => b.loadStateDict(state))
    b.loadStateDict(state, false)
    state.set('scores.bias', new Tensor('float32', [1, 2, 3], [3]))
    expectError('E_TENSOR', () => b.loadStateDict(state))
  })

  test('modes reach every module; dropout only drops in training', () => {
    const net = new Net().eval()
    expect([...net.modules()].every((module) => !module.training)).toBe(true)
    const drop = new Dropout(0.25)
    const ones = new Float32Array(4000).fill(1)
    const [training, evaluating] = device.step(() => [
      drop.call(device.tensor(ones, [4000])).data(),
      drop
        .eval()
        .call(device.tensor(ones, [4000]))
        .data(),
    ])
    expect([...evaluating].every((value) => value === 1)).toBe(true)
    const dropped = [...training].filter((value) => value === 0).length
    expect(Math.abs(dropped - 1000)).toBeLessThan(120)
    expect([...training].every((value) => value === 0 || value === Math.fround(4 / 3))).toBe(true)
  })

  test('the gradient of dropout drops the same elements', () => {
    const x = device.parameter(new Tensor('float32', new Float32Array(100).fill(2), [100]))
    device.step(() => {
      const y = F.dropout(x, 0.5)
      F.sum(y).backward()
      expect([...x.grad!.data()]).toEqual(Array.from(y.data() as Float32Array, (value) => value / 2))
    })
  })

  test('an index outside a table is named', () => {
    const table = new Embedding(4, 3)
    expectError('E_VALUE', () => device.step(() => table.call(device.tensor(BigInt64Array.of(0n, 4n), [2]))))
  })

  test('a class that does not exist is named', () => {
    expectError('E_VALUE', () =>
      device.step(() =>
        crossEntropy(device.tensor(new Float32Array(4), [2, 2]), device.tensor(BigInt64Array.of(0n, 2n))),
      ),
    )
  })
})

describe('optimisers', () => {
  test.each([
    ['SGD', (p: Module) => new SGD(p.parameters(), { lr: 0.5 })],
    ['SGD with momentum', (p: Module) => new SGD(p.parameters(), { lr: 0.2, momentum: 0.9, nesterov: true })],
    ['Adam', (p: Module) => new Adam(p.parameters(), { lr: 0.03 })],
    ['AdamW', (p: Module) => new AdamW(p.parameters(), { lr: 0.03 })],
    ['Adagrad', (p: Module) => new Adagrad(p.parameters(), { lr: 0.1 })],
    ['RMSprop', (p: Module) => new RMSprop(p.parameters(), { lr: 0.01, momentum: 0.5, centered: true })],
  ])('%s learns the rings', (_, make) => {
    const net = new Net()
    const first = fit(net, make(net), 1)
    const last = fit(net, make(net), 600)
    expect(first).toBeGreaterThan(0.5)
    expect(last).toBeLessThan(0.35)
  })

  test('states go on bit for bit', () => {
    const run = (interrupted: boolean) => {
      device.random.restore([1, 2, 3, 4])
      let net = new Net()
      let optimizer: Optimizer = new Adam(net.parameters(), { lr: 0.01, weightDecay: 1e-3 })
      fit(net, optimizer, 20)
      if (interrupted) {
        const [weights, state, random] = [net.stateDict(), optimizer.state(), device.random.save()]
        net = new Net()
        net.loadStateDict(weights)
        optimizer = new Adam(net.parameters(), { lr: 0.01, weightDecay: 1e-3 })
        optimizer.load(state)
        device.random.restore(random)
      }
      fit(net, optimizer, 100)
      return [...net.hidden.weight.data()]
    }
    expect(run(true)).toEqual(run(false))
  })

  test('updates are those of the definitions', () => {
    const p = device.parameter(new Tensor('float32', [1, -2], [2]))
    const adam = new Adam([p], { lr: 0.1 })
    for (let t = 1; t <= 3; t++) {
      device.step(() => {
        F.sum(F.mul(p, p)).backward()
        adam.step()
        adam.zeroGrad()
      })
    }
    // In float64: m and v with their corrections.
    const expected = [1, -2].map((start) => {
      let [x, m, v] = [start, 0, 0]
      for (let t = 1; t <= 3; t++) {
        const g = 2 * x
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        x -= (0.1 * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8)
      }
      return x
    })
    p.data().forEach((value, i) => expect(Number(value)).toBeCloseTo(expected[i], 5))
  })

  test('norms are clipped together', () => {
    const [a, b] = [
      device.parameter(new Tensor('float32', [3], [1])),
      device.parameter(new Tensor('float32', [4], [1])),
    ]
    device.step(() => {
      F.add(F.sum(F.mul(a, a)), F.sum(F.mul(b, b))).backward()
      expect(clipGradNorm([a, b], 5)).toBeCloseTo(10, 6)
      expect(gradNorm([a, b])).toBeCloseTo(5, 5)
    })
  })

  test('schedules', () => {
    const p = device.parameter(new Tensor('float32', [1], [1]))
    const optimizer = new SGD([p], { lr: 2 })
    const rates = (factor: (step: number) => number, steps: number) => {
      const schedule = new Schedule(optimizer, factor)
      return Array.from({ length: steps }, () => {
        const rate = optimizer.groups[0].lr
        schedule.step()
        return rate
      })
    }
    expect(rates(stepDecay(2, 0.5), 5)).toEqual([2, 2, 1, 1, 0.5])
    expect(rates(multiStep([1, 3], 0.5), 4)).toEqual([2, 1, 1, 0.5])
    expect(rates(cosine(4), 6).map((rate) => Math.round(rate * 1e6) / 1e6)).toEqual([2, 1.707107, 1, 0.292893, 0, 0])
    expect(rates(warmup(2, stepDecay(1, 0.5)), 5)).toEqual([0, 1, 2, 1, 0.5])
  })
})

describe('ONNX', () => {
  const batch = { name: 'N', size: 2 }

  test('a module, its file here, its file in onnxruntime-web and its file as a module again give the same numbers', async () => {
    const net = new Net()
    fit(net, new Adam(net.parameters(), { lr: 0.01 }), 50)
    const graph = toGraph(net, [{ name: 'point', shape: [batch, 2] }], { outputs: ['scores'] })
    const bytes = exportModel(graph)
    const { x } = rings(7)
    const expected = net.eval().predict(new Tensor('float32', x, [7, 2]))
    const session = await InferenceSession.create(bytes, { build: 'simd' })
    expect(session.inputMetadata[0]).toMatchObject({ name: 'point', shape: ['N', 2] })
    const { scores } = await session.run({ point: new Tensor('float32', x, [7, 2]) })
    const peer = await (await onnxruntimeWeb()).load(bytes)
    const theirs = (await peer.run(new Map([['point', { dtype: 'float32', shape: [7, 2], data: x }]]))).get(
      'scores',
    ) as { data: Float32Array }
    const again = new GraphModule(session.model)
    const back = again.predict(new Tensor('float32', x, [7, 2]))
    for (const other of [scores.data, theirs.data, back.data]) {
      expected.data.forEach((value, i) => expect(Math.abs(Number(value) - Number(other[i]))).toBeLessThan(1e-5))
    }
    await session.release()
  })

  test('an imported model is trained further', async () => {
    const net = new Net()
    const session = await InferenceSession.create(exportModel(toGraph(net, [{ name: 'point', shape: [batch, 2] }])))
    const model = new GraphModule(session.model) as GraphModule & { forward(x: Variable): Variable }
    expect([...model.namedParameters()].map(([name]) => name)).toEqual([
      'hidden.weight',
      'hidden.bias',
      'scores.weight',
      'scores.bias',
    ])
    expect(fit(model, new Adam(model.parameters(), { lr: 0.03 }), 500)).toBeLessThan(0.35)
  })

  test('a size that forward has fixed is found', () => {
    class Fixed extends Module {
      forward(x: Variable): Variable {
        return F.reshape(x, [x.shape[0], -1, 1])
      }
    }
    const error = expectError('E_SHAPE', () => toGraph(new Fixed(), [{ name: 'x', shape: [batch, 4] }]))
    expect(error.message).toContain('"N"')
    const flat = toGraph(new Sequential(new Flatten(), new Linear(12, 3)), [{ name: 'x', shape: [batch, 3, 4] }])
    expect(flat.outputs[0].declared!.shape).toEqual(['N', 3])
  })
})
