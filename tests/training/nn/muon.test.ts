import { beforeAll, describe, expect, test } from 'vitest'
import type { Parameter } from '../../../src/autograd/variable.js'
import * as nn from '../../../src/train.js'
import { F } from '../../../src/train.js'
import { expectError } from '../../support/expect-error.js'
import { seeded } from '../../support/random.js'

let device: nn.Device
beforeAll(async () => {
  device = await nn.Device.create({ build: 'simd', seed: 4 })
  nn.Device.current = device
})

type Matrix = readonly (readonly number[])[]
const transposed = (a: Matrix): number[][] => a[0].map((_, j) => a.map((row) => row[j]))
const product = (a: Matrix, b: Matrix): number[][] =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)))
/** Σ factor · matrix. */
const sum = (...terms: readonly (readonly [number, Matrix])[]): number[][] =>
  terms[0][1].map((row, i) => row.map((_, j) => terms.reduce((total, [factor, m]) => total + factor * m[i][j], 0)))

/** One iteration of the quintic as the paper writes it, on matrices with no more rows than columns. */
function quintic(x: Matrix): number[][] {
  const a = product(x, transposed(x))
  return sum([3.4445, x], [-4.775, product(a, x)], [2.0315, product(product(a, a), x)])
}

function orthogonal(g: Matrix, steps: number): number[][] {
  const norm = Math.sqrt(g.flat().reduce((total, value) => total + value * value, 0))
  let x = sum([1 / norm, g])
  const tall = x.length > x[0].length
  if (tall) x = transposed(x)
  for (let i = 0; i < steps; i++) x = quintic(x)
  return tall ? transposed(x) : x
}

const matrix = (rows: number, columns: number, seed: number): number[][] => {
  const next = seeded(seed)
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => Math.fround(2 * next() - 1)))
}
const parameter = (values: Matrix, shape: readonly number[] = [values.length, values[0].length]): Parameter =>
  device.parameter({ dtype: 'float32', shape, data: Float32Array.from(values.flat()) })
const bits = (p: Parameter): number[] => Array.from(p.data() as Float32Array)

/** A step by a gradient that is given. */
function step(optimizer: nn.Optimizer, given: readonly (readonly [Parameter, Matrix])[]): void {
  device.step(() => {
    optimizer.zeroGrad()
    const losses = given.map(([p, g]) => F.sum(F.mul(p, device.tensor(Float32Array.from(g.flat()), p.shape))))
    losses.reduce(F.add).backward()
    optimizer.step()
  })
}

describe('Muon', () => {
  const cases: readonly [string, readonly number[], nn.MuonOptions][] = [
    ['a wide matrix', [3, 7], {}],
    ['a tall matrix', [9, 4], { lr: 0.1 }],
    ['a square one, by the momentum alone', [6, 6], { lr: 0.1, nesterov: false, momentum: 0.8 }],
    ['as large as AdamW’s', [12, 5], { lr: 0.1, matchAdamW: true, weightDecay: 0.3 }],
    ['with one iteration', [4, 5], { lr: 0.1, nsSteps: 1 }],
    ['filters', [4, 3, 2, 2], { lr: 0.1, weightDecay: 0 }],
    ['a row', [1, 5], { lr: 0.1 }],
  ]
  test.each(cases)('is that of its paper: %s', (_, shape, options) => {
    const [rows, columns] = [shape[0], shape.slice(1).reduce((a, b) => a * b)]
    const { lr = 1e-3, weightDecay = 0.1, momentum = 0.95, nesterov = true, nsSteps = 5, matchAdamW = false } = options
    const factor = matchAdamW ? 0.2 * Math.sqrt(Math.max(rows, columns)) : Math.sqrt(Math.max(1, rows / columns))
    let p: Matrix = matrix(rows, columns, 1)
    let v: Matrix = sum([0, p])
    const trained = parameter(p, shape)
    const optimizer = new nn.Muon([trained], options)
    for (let i = 0; i < 3; i++) {
      const g = matrix(rows, columns, 2 + i)
      v = sum([momentum, v], [1, g])
      const u = orthogonal(nesterov ? sum([1, g], [momentum, v]) : v, nsSteps)
      p = sum([1 - lr * weightDecay, p], [-lr * factor, u])
      step(optimizer, [[trained, g]])
      const expected = p.flat()
      bits(trained).forEach((value, k) => expect(value).toBeCloseTo(expected[k], 5))
    }
  })

  test('moves every direction about as far, whatever the size of its singular value', () => {
    // A diagonal gradient between rotations: the update is the same rotations around the quintic of each value.
    const [left, right] = [rotations(8, 1), rotations(8, 2)]
    const values = [1, 0.8, 0.5, 0.3, 0.1, 0.05, 0.02, 0.01]
    const around = (diagonal: readonly number[]) =>
      product(
        product(
          left,
          diagonal.map((value, i) => diagonal.map((_, j) => (i === j ? value : 0))),
        ),
        right,
      )
    const trained = parameter(sum([0, around(values)]))
    const optimizer = new nn.Muon([trained], { lr: 1, weightDecay: 0, momentum: 0 })
    step(optimizer, [[trained, around(values)]])
    const data = bits(trained)
    const moved = left.map((_, i) => data.slice(8 * i, 8 * i + 8))
    const back = product(product(transposed(left), moved), transposed(right))
    back.forEach((row, i) =>
      row.forEach((value, j) => {
        if (i !== j) expect(Math.abs(value)).toBeLessThan(1e-4)
        else expect(Math.abs(value + 0.93)).toBeLessThan(0.3)
      }),
    )
  })

  test('a gradient of zeros changes nothing', () => {
    const trained = parameter(matrix(3, 4, 1))
    const before = bits(trained)
    step(new nn.Muon([trained], { weightDecay: 0 }), [[trained, sum([0, matrix(3, 4, 1)])]])
    expect(bits(trained)).toEqual(before)
  })

  const mixed = (hidden: Parameter[], others: Parameter[]) =>
    new nn.Muon([{ params: hidden }, { params: others, adam: true, lr: 0.02, weightDecay: 0.05 }], { lr: 0.05 })

  test('updates a group with adam as AdamW does, bit for bit', () => {
    const [a, b] = [matrix(4, 6, 1), matrix(1, 6, 2)]
    const [weight, bias, other] = [parameter(a), parameter(b, [6]), parameter(b, [6])]
    const [optimizer, adam] = [mixed([weight], [bias]), new nn.AdamW([other], { lr: 0.02, weightDecay: 0.05 })]
    for (let i = 0; i < 5; i++) {
      step(optimizer, [
        [weight, matrix(4, 6, 10 + i)],
        [bias, matrix(1, 6, 20 + i)],
      ])
      step(adam, [[other, matrix(1, 6, 20 + i)]])
    }
    expect(bits(bias)).toEqual(bits(other))
  })

  test('goes on from a saved state bit for bit', () => {
    const run = ([weight, bias]: readonly Parameter[], optimizer: nn.Optimizer, from: number) => {
      for (let i = from; i < from + 3; i++)
        step(optimizer, [
          [weight, matrix(4, 6, 10 + i)],
          [bias, matrix(1, 6, 20 + i)],
        ])
      return [bits(weight), bits(bias)]
    }
    const first = [parameter(matrix(4, 6, 1)), parameter(matrix(1, 6, 2), [6])]
    const optimizer = mixed([first[0]], [first[1]])
    run(first, optimizer, 0)
    const { settings, tensors } = optimizer.state()
    expect([...tensors.keys()]).toEqual(['0.exp_avg', '1.exp_avg', '1.exp_avg_sq'])
    const second = first.map((p) => device.parameter(p.tensor()))
    const resumed = mixed([second[0]], [second[1]])
    resumed.load({ settings: JSON.parse(JSON.stringify(settings)) as typeof settings, tensors })
    expect([...resumed.state().tensors.keys()]).toEqual([...tensors.keys()])
    expect(run(second, resumed, 3)).toEqual(run(first, optimizer, 3))
  })

  test('leaves nothing behind: no operators of the model, no memory of the step', () => {
    const trained = parameter(matrix(40, 60, 1))
    const optimizer = new nn.Muon([trained])
    step(optimizer, [[trained, matrix(40, 60, 2)]])
    device.step(() => {
      F.sum(F.mul(trained, trained)).backward()
      const { trace } = device.traced(() => optimizer.step())
      expect(trace).toEqual([])
      const before = device.memory.step
      for (let i = 0; i < 5; i++) optimizer.step()
      expect(device.memory.step).toBe(before)
    })
  })

  test('refuses what is no matrix, and options that are none', () => {
    const bias = parameter(matrix(1, 6, 2), [6])
    expectError('E_VALUE', () => new nn.Muon([bias]), /\[6\].*adam: true/)
    const weight = parameter(matrix(4, 6, 1))
    for (const nsSteps of [0, 2.5, NaN, Infinity])
      expectError('E_VALUE', () => new nn.Muon([weight], { nsSteps }), /nsSteps/)
    expectError('E_VALUE', () => new nn.Muon([weight], { learningRate: 1 } as never), /learningRate/)
    const state = mixed([weight], [bias]).state()
    expectError('E_STATE', () => new nn.AdamW([{ params: [weight] }, { params: [bias] }]).load(state), /Muon/)
  })
})

/** An orthogonal matrix: rotations of all pairs of axes. */
function rotations(n: number, seed: number): number[][] {
  const next = seeded(seed)
  let q = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)))
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const angle = 6.28 * next()
      const [c, s] = [Math.cos(angle), Math.sin(angle)]
      const [a, b] = [q[i], q[j]]
      q = q.map((row, k) =>
        k === i ? a.map((v, t) => c * v - s * b[t]) : k === j ? a.map((v, t) => s * v + c * b[t]) : row,
      )
    }
  return q
}
