import { beforeAll, describe, expect, test } from 'vitest'
import '../../../src/node.js'
import { Device } from '../../../src/autograd/device.js'
import * as F from '../../../src/nn/functional.js'
import { RNN } from '../../../src/nn/recurrent.js'

let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 3 })
})

const functions = { tanh: Math.tanh, relu: (x: number) => Math.max(x, 0), identity: (x: number) => x }
const [steps, batch, input, hidden] = [4, 2, 3, 5]

/** Σ weights · outputs of h′ = f(W·x + b + R·h + b′) in float64, and the outputs. */
function reference(
  f: (x: number) => number,
  state: ReadonlyMap<string, ArrayLike<number>>,
  x: ArrayLike<number>,
  weights: ArrayLike<number>,
): { loss: number; outputs: number[] } {
  const [w, r, b, b2] = ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0'].map((name) => state.get(name))
  const outputs: number[] = []
  for (let t = 0; t < steps; t++) {
    for (let n = 0; n < batch; n++) {
      for (let j = 0; j < hidden; j++) {
        let sum = b ? b[j] + b2![j] : 0
        for (let k = 0; k < input; k++) sum += w![j * input + k] * x[(t * batch + n) * input + k]
        for (let k = 0; k < hidden && t > 0; k++)
          sum += r![j * hidden + k] * outputs[((t - 1) * batch + n) * hidden + k]
        outputs.push(f(sum))
      }
    }
  }
  return { loss: outputs.reduce((sum, y, i) => sum + y * weights[i], 0), outputs }
}

describe.each(['tanh', 'relu', 'identity'] as const)('RNN, %s', (nonlinearity) => {
  test.each([true, false])('bias %s: outputs and gradients through time', (bias) => {
    const model = new RNN(input, hidden, { nonlinearity, bias, device })
    const random = (count: number) => Float32Array.from({ length: count }, () => device.random.between(-1, 1))
    const [x, weights] = [random(steps * batch * input), random(steps * batch * hidden)]
    const found = device.step(() => {
      const [y] = model.call(device.tensor(x, [steps, batch, input]))
      F.sum(F.mul(y, device.tensor(weights, y.shape))).backward()
      return y.data() as Float32Array
    })
    const state = new Map(
      [...model.stateDict()].map(([name, tensor]) => [name, Float64Array.from(tensor.data as Float32Array)]),
    )
    expect([...state.keys()]).toEqual(['weight_ih_l0', 'weight_hh_l0', ...(bias ? ['bias_ih_l0', 'bias_hh_l0'] : [])])
    reference(functions[nonlinearity], state, x, weights).outputs.forEach((value, i) =>
      expect(found[i]).toBeCloseTo(value, 5),
    )
    for (const [name, parameter] of model.namedParameters()) {
      const gradient = parameter.grad!.data() as Float32Array
      const values = state.get(name)!
      gradient.forEach((slope, i) => {
        const given = values[i]
        const at = (delta: number) => {
          values[i] = given + delta
          const { loss } = reference(functions[nonlinearity], state, x, weights)
          values[i] = given
          return loss
        }
        const [right, left] = [(at(1e-5) - at(0)) / 1e-5, (at(0) - at(-1e-5)) / 1e-5]
        // At a corner of relu there is no slope.
        if (Math.abs(right - left) < 1e-3) expect(slope, `${name}[${i}]`).toBeCloseTo((right + left) / 2, 3)
      })
    }
  })
})
