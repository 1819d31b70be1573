import { beforeAll, describe, expect, test } from 'vitest'
import '../../../src/node.js'
import { Device } from '../../../src/autograd/device.js'
import type { Parameter } from '../../../src/autograd/variable.js'
import * as F from '../../../src/nn/functional.js'
import { Adagrad, Adam, AdamW, RMSprop, SGD } from '../../../src/optim/methods.js'
import { Lion, NAdam, RAdam } from '../../../src/optim/moments.js'
import { Muon } from '../../../src/optim/muon.js'
import type { Optimizer } from '../../../src/optim/optimizer.js'
import { expectError } from '../../support/expect-error.js'

let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 2 })
})

type Method = new (params: never, options: never) => Optimizer

/** Two sets of options that differ in everything a method has. */
const methods: readonly [name: string, method: Method, usual: object, own: object][] = [
  [
    'SGD',
    SGD,
    { lr: 0.1, momentum: 0.9, dampening: 0.1, weightDecay: 0.01 },
    { lr: 0.2, momentum: 0.5, dampening: 0, weightDecay: 0.1, nesterov: true },
  ],
  ['SGD without momentum', SGD, { lr: 0.1 }, { momentum: 0.8 }],
  [
    'Adam',
    Adam,
    { lr: 0.1, betas: [0.9, 0.99], eps: 1e-6, weightDecay: 0.01 },
    { lr: 0.2, betas: [0.5, 0.8], eps: 1e-3, weightDecay: 0.1, amsgrad: true },
  ],
  ['AdamW', AdamW, { lr: 0.1 }, { lr: 0.3, betas: [0.8, 0.9], weightDecay: 0.3 }],
  [
    'Adagrad',
    Adagrad,
    { lr: 0.1, eps: 1e-6 },
    { lr: 0.2, lrDecay: 0.1, weightDecay: 0.1, initialAccumulatorValue: 0.5, eps: 1e-3 },
  ],
  [
    'RMSprop',
    RMSprop,
    { lr: 0.01, alpha: 0.9 },
    { lr: 0.02, alpha: 0.5, eps: 1e-3, weightDecay: 0.1, momentum: 0.7, centered: true },
  ],
  ['Lion', Lion, { lr: 0.01 }, { lr: 0.03, betas: [0.5, 0.8], weightDecay: 0.2 }],
  [
    'NAdam',
    NAdam,
    { lr: 0.01 },
    { lr: 0.02, betas: [0.8, 0.9], eps: 1e-3, weightDecay: 0.1, momentumDecay: 0.1, decoupledWeightDecay: true },
  ],
  ['Muon, of vectors', Muon, { lr: 0.1, adam: true }, { lr: 0.3, betas: [0.8, 0.9], eps: 1e-3, weightDecay: 0.3 }],
  ['RAdam', RAdam, { lr: 0.01, betas: [0.9, 0.9] }, { lr: 0.02, betas: [0.5, 0.7], eps: 1e-3, weightDecay: 0.1 }],
]

const parameter = (from: number) =>
  device.parameter({
    dtype: 'float32',
    shape: [7],
    data: Float32Array.from({ length: 7 }, (_, i) => Math.sin(from + i)),
  })
const bits = (p: Parameter) => Array.from(p.data() as Float32Array)

function step(optimizers: readonly Optimizer[], params: readonly Parameter[]): void {
  device.step(() => {
    const [a, b] = params
    F.add(F.sum(F.mul(a, F.mul(a, a))), F.sum(F.exp(b))).backward()
    for (const optimizer of optimizers) {
      optimizer.step()
      optimizer.zeroGrad()
    }
  })
}

describe.each(methods)('%s', (_, method, usual, own) => {
  const make = (params: unknown, options: object) => new method(params as never, options as never)

  test('a group with its own options is updated as by an optimiser of its own, and goes on from its state', () => {
    const [a, b] = [parameter(1), parameter(2)]
    const [c, d] = [parameter(1), parameter(2)]
    const grouped = make([{ params: [a] }, { params: [b], ...own }], usual)
    const apart = [make([c], usual), make([d], { ...usual, ...own })]
    for (let i = 0; i < 9; i++) {
      step([grouped], [a, b])
      step(apart, [c, d])
    }
    expect(bits(a)).toEqual(bits(c))
    expect(bits(b)).toEqual(bits(d))
    expect(bits(a)).not.toEqual(bits(parameter(1)))
    const [e, f] = [parameter(1), parameter(2)]
    e.assign(a.data())
    f.assign(b.data())
    const resumed = make([{ params: [e] }, { params: [f], ...own }], usual)
    resumed.load(structured(grouped))
    for (let i = 0; i < 3; i++) {
      step([grouped], [a, b])
      step([resumed], [e, f])
    }
    expect([bits(e), bits(f)]).toEqual([bits(a), bits(b)])
  })

  test('options of a group are looked at like others', () => {
    for (const [name, value] of Object.entries({ ...usual, ...own })) {
      const wrong = typeof value === 'boolean' ? 'yes' : Array.isArray(value) ? [0.9, 1] : -1
      for (const bad of [wrong, NaN, null])
        expectError('E_VALUE', () => make([{ params: [parameter(1)], [name]: bad }], usual), new RegExp(name))
      expectError('E_VALUE', () => make([parameter(1)], { ...usual, [name]: wrong }), new RegExp(name))
    }
    expectError('E_VALUE', () => make([{ params: [parameter(1)], learningRate: 1 }], usual), /learningRate/)
  })
})

/** A state as it comes back from JSON. */
function structured(optimizer: Optimizer): ReturnType<Optimizer['state']> {
  const { settings, tensors } = optimizer.state()
  return { settings: JSON.parse(JSON.stringify(settings)) as typeof settings, tensors }
}
