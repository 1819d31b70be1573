import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Device } from '../../../src/autograd/device.js'
import type { Parameter, Variable } from '../../../src/autograd/variable.js'
import { hostFrom } from '../../../src/core/host.js'
import {
  BatchNorm1d,
  checkpoint,
  crossEntropy,
  Dropout,
  F,
  grad,
  Linear,
  LSTM,
  Module,
  MultiheadAttention,
  Sequential,
  SGD,
  Tanh,
} from '../../../src/train.js'
import { expectError } from '../../support/expect-error.js'

let device: Device
beforeEach(async () => {
  device = await Device.create({ build: 'simd', seed: 3 })
  Device.current = device
})
afterEach(() => device.dispose())

const vector = (...values: number[]) => hostFrom('float32', [values.length], values)
const list = (x: Variable | undefined) => [...(x?.data() ?? [])].map(Number)
const random = (...shape: number[]) =>
  hostFrom(
    'float32',
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => device.random.normal()),
  )

describe('several backward passes in a step', () => {
  test('go through what two losses share if the first keeps it', () => {
    const x = device.parameter(vector(1, 2))
    device.step(() => {
      const shared = F.mul(x, x)
      const [a, b] = [F.sum(shared), F.sum(F.mul(shared, 3))]
      a.backward({ retainGraph: true })
      expect(list(x.grad)).toEqual([2, 4])
      b.backward()
      expect(list(x.grad)).toEqual([8, 16])
      const error = expectError('E_STATE', () => a.backward(), /retainGraph/)
      expect(error.op).toBe('Mul')
    })
  })

  test('of losses that share nothing need not be told to', () => {
    const [x, y] = [device.parameter(vector(1, 2)), device.parameter(vector(3, 4))]
    device.step(() => {
      const [a, b] = [F.sum(F.mul(x, x)), F.sum(F.mul(y, y))]
      a.backward()
      b.backward()
      F.sum(F.mul(x, y)).backward()
      expect([list(x.grad), list(y.grad)]).toEqual([
        [2 + 3, 4 + 4],
        [6 + 1, 8 + 2],
      ])
    })
  })

  test('a pass that is refused changes no gradient', () => {
    const x = device.parameter(vector(1, 2))
    device.step(() => {
      const y = F.mul(x, x)
      F.sum(y).backward()
      expectError('E_STATE', () => F.sum(F.mul(F.mul(y, x), 2)).backward())
      expect(list(x.grad)).toEqual([2, 4])
    })
  })

  test('with an update in between are refused: the record is that of other weights', () => {
    const w = device.parameter(vector(1, 2))
    const optimizer = new SGD([w], { lr: 0.5 })
    device.step(() => {
      const loss = F.sum(F.mul(w, w))
      loss.backward({ retainGraph: true })
      optimizer.step()
      expectError('E_STATE', () => loss.backward(), /has changed since Mul used it/)
    })
  })

  test('give the same gradients twice, of layers that keep things for the way back', () => {
    const [lstm, attention, norm] = [new LSTM(4, 3), new MultiheadAttention(4, 2, { dropout: 0.5 }), new BatchNorm1d(4)]
    const x = device.parameter(random(5, 2, 4))
    device.step(() => {
      const y = norm.call(F.reshape(attention.call(x), [10, 4]))
      const loss = F.sum(F.mul(lstm.call(F.reshape(y, [5, 2, 4]))[0], 2))
      loss.backward({ retainGraph: true })
      const once = list(x.grad)
      loss.backward()
      expect(list(x.grad)).toEqual(once.map((value) => Math.fround(2 * value)))
      expect(once.some((value) => value !== 0)).toBe(true)
    })
  })
})

describe('grad', () => {
  test('of a function by its inputs, whatever they are', () => {
    device.step(() => {
      const x = device.tensor([1, 2, 3])
      const [dx, dy] = grad((a, b) => F.sum(F.mul(F.mul(a, a), b)), [x, device.tensor([4, 5, 6])])
      expect([list(dx), list(dy)]).toEqual([
        [8, 20, 36],
        [1, 4, 9],
      ])
      expect(list(grad((a) => F.sum(a), [x])[0])).toEqual([1, 1, 1])
      expect(list(grad(() => F.sum(x), [x])[0])).toEqual([0, 0, 0])
    })
  })

  test('of a value by parameters and by what was made on the way, without touching any grad', () => {
    const [w, v] = [device.parameter(vector(2, 3)), device.parameter(vector(1, 1))]
    device.step(() => {
      const h = F.mul(w, w)
      const loss = F.sum(F.mul(h, v))
      const [dw, dh] = grad(loss, [w, h], { retainGraph: true })
      expect([list(dw), list(dh)]).toEqual([
        [4, 6],
        [1, 1],
      ])
      expect([w.grad, v.grad]).toEqual([undefined, undefined])
      loss.backward()
      expect([list(w.grad), list(v.grad)]).toEqual([
        [4, 6],
        [4, 9],
      ])
    })
  })

  test('refuses what has none', () => {
    device.step(() => {
      const x = device.tensor([1, 2])
      expectError('E_VALUE', () => grad((a) => F.sum(a), []), /needs tensors/)
      expectError('E_VALUE', () => grad((a) => a, [device.tensor(Int32Array.of(1))]), /not float32/)
      expectError('E_SHAPE', () => grad((a) => F.mul(a, 2), [x]), /2 elements/)
      expectError('E_STATE', () => grad(F.sum(x), [x]), /no gradient can be taken/)
    })
  })
})

describe('checkpoint', () => {
  class Deep extends Module {
    readonly blocks = Array.from(
      { length: 6 },
      () => new Sequential(new Linear(16, 64), new BatchNorm1d(64), new Tanh(), new Dropout(0.3), new Linear(64, 16)),
    )
    constructor(private readonly recompute: boolean) {
      super()
    }
    forward(x: Variable): Variable {
      return this.blocks.reduce((h, block) => F.add(h, this.recompute ? checkpoint(block, h) : block.call(h)), x)
    }
  }

  /** Loss, gradients, running statistics and memory of two steps. */
  async function run(recompute: boolean) {
    const own = await Device.create({ build: 'simd', seed: 9 })
    Device.current = own
    const model = new Deep(recompute)
    const optimizer = new SGD(model.parameters(), { lr: 0.1 })
    const x = hostFrom(
      'float32',
      [256, 16],
      Array.from({ length: 4096 }, (_, i) => Math.sin(i)),
    )
    const losses: number[] = []
    for (let i = 0; i < 2; i++) {
      own.step(() => {
        optimizer.zeroGrad()
        const loss = F.mean(F.mul(model.call(own.tensor(x)), model.call(own.tensor(x))))
        loss.backward()
        losses.push(loss.item())
        optimizer.step()
      })
    }
    const state = [...model.stateDict()].map(([name, { data }]) => [name, [...(data as Float32Array)]] as const)
    const gradients = model.parameters().map((parameter) => list(parameter.grad))
    const memory = own.memory.step
    own.dispose()
    return { losses, state, gradients, memory }
  }

  test('gives the same bits with less memory, dropped elements and running statistics included', async () => {
    const [plain, again] = [await run(false), await run(true)]
    expect(again.losses).toEqual(plain.losses)
    expect(again.state).toEqual(plain.state)
    expect(again.gradients).toEqual(plain.gradients)
    expect(again.memory).toBeLessThan(0.6 * plain.memory)
  })

  test('takes functions of several tensors, and gives their gradients', () => {
    const [x, y] = [device.parameter(vector(1, 2)), device.parameter(vector(3, 4))]
    device.step(() => {
      const [sum, product] = checkpoint((a: Variable, b: Variable) => [F.add(a, b), F.mul(a, b)], F.mul(x, 1), y)
      F.sum(F.add(F.mul(sum, 10), product)).backward()
      expect([list(x.grad), list(y.grad)]).toEqual([
        [13, 14],
        [11, 12],
      ])
    })
  })

  test('is nothing without recording, and in what is exported', () => {
    const layer = new Linear(2, 2)
    device.step(() => {
      const x = device.tensor([[1, 2]])
      const { trace } = device.traced(() => device.noGrad(() => checkpoint(layer, x)))
      expect(trace.map(({ op }) => op.name)).toEqual(['Gemm'])
      expectError('E_VALUE', () => checkpoint(() => x), /needs a tensor/)
    })
  })
})

describe('forward hooks', () => {
  test('see inputs and outputs, change them, and go', () => {
    const layer = new Linear(2, 1, { init: (shape) => new Float32Array(shape[0] * shape[1]).fill(1) })
    layer.bias!.assign(Float32Array.of(0))
    const model = new Sequential(layer)
    const seen: string[] = []
    const result = () => device.step(() => model.call(device.tensor([[1, 2]])).item())
    const first = layer.registerForwardHook((module, inputs, output) => {
      seen.push(`${module.constructor.name} ${inputs.length} ${(output as Variable).item()}`)
    })
    const second = layer.registerForwardHook((_, __, output) => F.mul(output as Variable, 10))
    const before = layer.registerForwardPreHook((_, [x]) => [F.add(x as Variable, 1)])
    expect(result()).toBe(50)
    expect(seen).toEqual(['Linear 1 5'])
    first.remove()
    second.remove()
    expect(result()).toBe(5)
    before.remove()
    expect(result()).toBe(3)
    expect(seen.length).toBe(1)
    // Hooks are no parts of the model.
    expect([...model.stateDict().keys()]).toEqual(['0.weight', '0.bias'])
  })
})

describe('worked examples', () => {
  test('an Elman network of three steps: gradients against their closed form', () => {
    const T = 3
    const [Wxh, Whh, Why] = [random(4, 3), random(4, 4), random(2, 4)].map((host) => device.parameter(host))
    const xs = Array.from({ length: T }, () => random(1, 3))
    const labels = [0, 1, 1]
    const matrix = (w: Parameter) => {
      const [rows, columns] = w.shape
      const data = list(w)
      return Array.from({ length: rows }, (_, i) => data.slice(i * columns, (i + 1) * columns))
    }
    const times = (m: number[][], v: readonly number[]) => m.map((row) => row.reduce((sum, a, i) => sum + a * v[i], 0))
    const transposed = (m: number[][]) => m[0].map((_, i) => m.map((row) => row[i]))
    const sum = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value + b[i])
    // Forward in float64, with the identity as the activation.
    const [wxh, whh, why] = [matrix(Wxh), matrix(Whh), matrix(Why)]
    const h: number[][] = [[0, 0, 0, 0]]
    const go: number[][] = []
    let loss = 0
    for (let t = 0; t < T; t++) {
      h.push(sum(times(wxh, [...(xs[t].data as Float32Array)]), times(whh, h[t])))
      const o = times(why, h[t + 1])
      const shares = o.map((value) => Math.exp(value) / o.reduce((total, other) => total + Math.exp(other), 0))
      loss -= Math.log(shares[labels[t]])
      go.push(shares.map((value, k) => value - Number(k === labels[t])))
    }
    // g_h(i) = Σ_{t ≥ i} (W_hhᵀ)^{t − i} W_hyᵀ g_o(t)
    const gh = Array.from({ length: T }, (_, i) => {
      let total = [0, 0, 0, 0]
      for (let t = i; t < T; t++) {
        let part = times(transposed(why), go[t])
        for (let k = 0; k < t - i; k++) part = times(transposed(whh), part)
        total = sum(total, part)
      }
      return total
    })
    const outer = (a: readonly number[], b: readonly number[]) => a.flatMap((x) => b.map((y) => x * y))
    const over = (terms: number[][]) => terms.reduce(sum)
    const expected = [
      over(gh.map((g, i) => outer(g, [...(xs[i].data as Float32Array)]))),
      over(gh.map((g, i) => outer(g, h[i]))),
      over(go.map((g, i) => outer(g, h[i + 1]))),
    ]
    device.step(() => {
      let state: Variable | undefined
      const losses = xs.map((x, t) => {
        const fromInput = F.linear(device.tensor(x), Wxh)
        state = state ? F.add(fromInput, F.linear(state, Whh)) : fromInput
        return crossEntropy(F.linear(state, Why), device.tensor(Int32Array.of(labels[t])))
      })
      const total = losses.reduce((a, b) => F.add(a, b))
      expect(total.item()).toBeCloseTo(loss, 4)
      total.backward()
      ;[Wxh, Whh, Why].forEach((w, k) =>
        list(w.grad).forEach((value, i) => expect(value).toBeCloseTo(expected[k][i], 4)),
      )
    })
  })

  test('the tape is a stack: walked as a queue it gives other gradients', () => {
    // h₁ = w·1, h₂ = w·h₁, h₃ = w·h₂, each a node.
    const w = device.parameter(vector(3))
    device.step(() => {
      const h1 = F.mul(w, 1)
      const h2 = F.mul(w, h1)
      const h3 = F.mul(w, h2)
      const nodes = [h1, h2, h3].map((h) => h.node!)
      expect(nodes.map(({ position }) => position)).toEqual([0, 1, 2])
      h3.backward()
      expect(w.grad!.item()).toBe(27)
      /** The same record by hand, in an order: each node gives what it has by then to its two factors. */
      const walked = (order: typeof nodes) => {
        const pending = new Map<Variable, number>([[h3, 1]])
        for (const { inputs, outputs } of order) {
          const dy = pending.get(outputs[0]!) ?? 0
          const [a, b] = inputs as [Variable, Variable]
          const [x, y] = [Number(a.data()[0]), Number(b.data()[0])]
          pending.set(a, (pending.get(a) ?? 0) + dy * y)
          pending.set(b, (pending.get(b) ?? 0) + dy * x)
        }
        return pending.get(w)
      }
      expect(walked(nodes.toReversed())).toBe(27)
      expect(walked(nodes)).toBe(9)
    })
  })

  test('shapes of the heads: keys T×d_k each, T×(H·d_v) before the last projection', () => {
    const [T, H, dk, dv] = [5, 3, 4, 2]
    const attention = new MultiheadAttention(H * dk, H, { valueHeadDim: dv, batchFirst: true })
    const shapes: (readonly number[])[] = []
    attention.out_proj.registerForwardPreHook((_, [x]) => void shapes.push((x as Variable).shape))
    device.step(() => {
      const x = device.tensor(random(1, T, H * dk))
      expect(attention.call(x).shape).toEqual([1, T, H * dk])
      expect(shapes).toEqual([[1, T, H * dv]])
      const split = F.transpose(F.reshape(x, [1, T, H, dk]), [0, 2, 1, 3])
      expect(split.shape).toEqual([1, H, T, dk])
      const values = device.tensor(random(1, H, T, dv))
      expect(F.scaledDotProductAttention(split, split, values).shape).toEqual([1, H, T, dv])
    })
  })
})
