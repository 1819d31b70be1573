import { beforeAll, describe, expect, test } from 'vitest'
import { Device } from '../../../src/autograd/device.js'
import type { Parameter, Variable } from '../../../src/autograd/variable.js'
import { F } from '../../../src/train.js'
import * as nn from '../../../src/train.js'
import { expectError, expectRejects } from '../../support/expect-error.js'

let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 9 })
})

const numbers = (x: Variable | Parameter) => Array.from(x.data() as Float32Array)

describe('containers', () => {
  test('name what is in them as PyTorch does', () => {
    class Model extends nn.Module {
      blocks = new nn.ModuleList([new nn.Linear(2, 3), new nn.Linear(3, 4, { bias: false })])
      heads = new nn.ModuleDict({ length: new nn.Linear(4, 1), digits: new nn.Linear(4, 10, { bias: false }) })
      scales = new nn.ParameterList([device.parameter({ dtype: 'float32', shape: [1], data: new Float32Array(1) })])
      forward(x: Variable): Variable {
        for (const block of this.blocks) x = block.call(x)
        return this.heads.get('digits').call(x)
      }
    }
    const model = new Model(device)
    const names = ['blocks.0.weight', 'blocks.0.bias', 'blocks.1.weight', 'heads.length.weight', 'heads.length.bias']
    expect([...model.stateDict().keys()]).toEqual([...names, 'heads.digits.weight', 'scales.0'])
    expect(model.blocks.at(-1)).toBe(model.blocks[1])
    const y = device.step(() => model.call(device.tensor(new Float32Array(2), [1, 2])).shape)
    expect(y).toEqual([1, 10])
    expectError('E_VALUE', () => model.blocks.at(2))
    expectError('E_VALUE', () => model.heads.get('colour'))
    expectError('E_UNSUPPORTED', () => model.blocks.call())
  })

  test('refuse names that would hide something', () => {
    for (const name of ['a.b', '', 'forward', 'device'])
      expectError('E_VALUE', () => new nn.ModuleDict({ [name]: new nn.Linear(1, 1) }))
  })

  test('an identity is its input', () => {
    device.step(() => {
      const x = device.tensor(Float32Array.of(1, 2))
      expect(new nn.Identity().call(x)).toBe(x)
    })
  })
})

test('whole channels are dropped, and only while training', () => {
  const layer = new nn.Dropout2d(0.5)
  device.step(() => {
    const x = F.full([4, 8, 3, 3], 1, { device })
    const y = numbers(layer.call(x))
    const channels = Array.from({ length: 32 }, (_, i) => new Set(y.slice(9 * i, 9 * i + 9)))
    for (const values of channels) expect(values.size).toBe(1)
    expect(new Set(y)).toEqual(new Set([0, 2]))
    layer.eval()
    expect(layer.call(x)).toBe(x)
  })
})

describe('CTC', () => {
  /** −log of the summed probability of all paths that spell the labels: every path, one by one. */
  function byEnumeration(probabilities: readonly (readonly number[])[], labels: readonly number[]): number {
    const [steps, classes] = [probabilities.length, probabilities[0].length]
    let total = 0
    for (let path = 0; path < classes ** steps; path++) {
      const symbols = Array.from({ length: steps }, (_, t) => Math.floor(path / classes ** t) % classes)
      const spelled = symbols.filter((symbol, t) => symbol !== 0 && symbol !== symbols[t - 1])
      if (spelled.join() === labels.join()) total += symbols.reduce((p, symbol, t) => p * probabilities[t][symbol], 1)
    }
    return -Math.log(total)
  }

  test.each([[[1]], [[1, 2]], [[1, 1]], [[2, 1, 2]], [[]]])('of %j is what all paths sum to', (labels) => {
    const logits = Float32Array.from({ length: 5 * 3 }, (_, i) => Math.sin(3 * i) * 2)
    const probabilities = Array.from({ length: 5 }, (_, t) => {
      const powers = Array.from(logits.slice(3 * t, 3 * t + 3), Math.exp)
      const sum = powers.reduce((a, b) => a + b, 0)
      return powers.map((power) => power / sum)
    })
    device.step(() => {
      const scores = F.logSoftmax(device.tensor(logits, [5, 1, 3]), 2)
      const loss = nn.ctc(scores, [labels], undefined, { reduction: 'sum' }).item()
      expect(loss).toBeCloseTo(byEnumeration(probabilities, labels), 4)
    })
  })

  test('of labels that do not fit is infinite, and refused where it makes no sense', () => {
    device.step(() => {
      const scores = F.logSoftmax(F.full([2, 1, 3], 0, { device }), 2)
      expect(nn.ctc(scores, [[1, 2, 1]]).item()).toBe(Infinity)
      expect(nn.ctc(scores, [[1, 2, 1]], undefined, { zeroInfinity: true }).item()).toBe(0)
      for (const labels of [[0], [3], [1.5], [-1]]) expectError('E_VALUE', () => nn.ctc(scores, [labels]))
      expectError('E_VALUE', () => nn.ctc(scores, [[1]], [3]))
      expectError('E_SHAPE', () => nn.ctc(scores, [[1], [1]]))
    })
  })
})

/** Three steps of a method on one parameter whose gradient is given. */
function moved(make: (parameters: Parameter[]) => nn.Optimizer, gradients: readonly number[]): number[] {
  const parameter = device.parameter({ dtype: 'float32', shape: [1], data: Float32Array.of(1) })
  const optimizer = make([parameter])
  return gradients.map((gradient) => {
    device.step(() => {
      optimizer.zeroGrad()
      F.sum(F.mul(parameter, gradient)).backward()
      optimizer.step()
    })
    return numbers(parameter)[0]
  })
}

describe('methods that Debian’s PyTorch lacks or has wrong', () => {
  const gradients = [0.5, -0.25, 2, 0.125]

  test('NAdam is that of its paper', () => {
    const [rate, beta1, beta2, eps, decay] = [0.1, 0.9, 0.99, 1e-3, 0.01]
    let [p, m, v, product] = [1, 0, 0, 1]
    const expected = gradients.map((g0, i) => {
      const g = g0 + decay * p
      const mean = (step: number) => beta1 * (1 - 0.5 * 0.96 ** (step * 0.02))
      const [now, next] = [mean(i + 1), mean(i + 2)]
      product *= now
      m = beta1 * m + (1 - beta1) * g
      v = beta2 * v + (1 - beta2) * g * g
      const width = Math.sqrt(v / (1 - beta2 ** (i + 1))) + eps
      p -= (rate * (((1 - now) / (1 - product)) * g + (next / (1 - product * next)) * m)) / width
      return p
    })
    const options = { lr: rate, betas: [beta1, beta2] as const, eps, weightDecay: decay, momentumDecay: 0.02 }
    moved((p) => new nn.NAdam(p, options), gradients).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5))
  })

  test('Lion goes by signs', () => {
    const [rate, beta1, beta2, decay] = [0.1, 0.9, 0.5, 0.02]
    let [p, m] = [1, 0]
    const expected = gradients.map((g) => {
      p = p * (1 - rate * decay) - rate * Math.sign(beta1 * m + (1 - beta1) * g)
      m = beta2 * m + (1 - beta2) * g
      return p
    })
    const make = (p: Parameter[]) => new nn.Lion(p, { lr: rate, betas: [beta1, beta2], weightDecay: decay })
    moved(make, gradients).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 6))
    expect(moved((p) => new nn.Lion(p), [0])).toEqual([1])
  })

  test.each<[string, (p: Parameter[]) => nn.Optimizer]>([
    ['Lion', (p) => new nn.Lion(p)],
    ['NAdam', (p) => new nn.NAdam(p)],
    ['RAdam', (p) => new nn.RAdam(p)],
  ])('%s goes on from a saved state bit for bit', (_, make) => {
    const weight = () => device.parameter({ dtype: 'float32', shape: [5], data: Float32Array.of(1, 2, 3, -1, 0.5) })
    const run = (parameter: Parameter, optimizer: nn.Optimizer, steps: number) => {
      for (let i = 0; i < steps; i++)
        device.step(() => {
          optimizer.zeroGrad()
          F.sum(F.mul(parameter, parameter)).backward()
          optimizer.step()
        })
    }
    const [a, b] = [weight(), weight()]
    const [through, first] = [make([a]), make([b])]
    run(a, through, 7)
    run(b, first, 3)
    const second = make([b])
    second.load(first.state())
    run(b, second, 4)
    expect(numbers(b)).toEqual(numbers(a))
  })
})

describe('rates', () => {
  const optimizerOf = (lr: number) =>
    new nn.SGD([device.parameter({ dtype: 'float32', shape: [1], data: Float32Array.of(4) })], { lr })

  test('fall when a metric stays where it is', () => {
    const optimizer = optimizerOf(1)
    const plateau = new nn.ReduceOnPlateau(optimizer, { factor: 0.5, patience: 1, cooldown: 1, minLr: 0.2 })
    const lowered = [3, 2, 2, 2, 2, 2, 2, 2, 2, 1].map((metric) => plateau.step(metric))
    // Two calls without an improvement are one more than is waited for; the one after that cools down.
    expect(lowered).toEqual([false, false, false, true, false, false, true, false, false, false])
    expect(optimizer.groups[0].lr).toBe(0.25)
    const again = new nn.ReduceOnPlateau(optimizer, { patience: 0 }).restore(plateau.state())
    expect(again.step(1)).toBe(true)
    expectError('E_VALUE', () => plateau.step(NaN))
    expectError('E_VALUE', () => new nn.ReduceOnPlateau(optimizer, { factor: 1 }))
  })

  test('rise with the metric where larger is better', () => {
    const optimizer = optimizerOf(1)
    const plateau = new nn.ReduceOnPlateau(optimizer, { mode: 'max', patience: 0 })
    expect([0.5, 0.6, 0.6].map((metric) => plateau.step(metric))).toEqual([false, false, true])
  })

  test('are found where the loss falls, and everything is as before', async () => {
    const weight = device.parameter({ dtype: 'float32', shape: [2], data: Float32Array.of(4, -3) })
    const optimizer = new nn.SGD([weight], { lr: 0.3, momentum: 0.5 })
    const step = () =>
      device.step(() => {
        optimizer.zeroGrad()
        const loss = F.sum(F.mul(weight, weight))
        loss.backward()
        optimizer.step()
        return loss.item()
      })
    const { suggestion, rates, losses } = await nn.findLearningRate(optimizer, step, { from: 1e-5, to: 100, steps: 60 })
    expect(suggestion).toBeGreaterThan(1e-3)
    expect(suggestion).toBeLessThan(1)
    expect(rates).toHaveLength(losses.length)
    // It diverges long before 100.
    expect(rates.length).toBeLessThan(60)
    expect(numbers(weight)).toEqual([4, -3])
    expect(optimizer.groups[0].lr).toBe(0.3)
    expect(optimizer.steps).toBe(0)
    await expectRejects('E_VALUE', () => nn.findLearningRate(optimizer, step, { from: 1, to: 0.1 }))
  })
})

test('a prediction that is quite wrong has the loss and gradient that PyTorch gives it', () => {
  device.step(() => {
    const x = device.tensor([0, 1, 0, 1])
    const loss = (p: Variable) => nn.bce(p, device.tensor([0, 1, 1, 0]), 'sum')
    expect(loss(x).item()).toBe(200)
    const [gradient] = nn.grad(loss, [x])
    expect(numbers(gradient)).toEqual([0, 0, Math.fround(-1e12), Math.fround(1e12)])
  })
})
