import { describe, expect, test } from 'vitest'
import { expectNear, randomF32 } from '../reference.js'
import { builds, Wasm } from '../../support/wasm.js'

/** The numbers of one parameter and of what a method keeps of it; a method changes them in place. */
type State = Record<string, number>

interface Method {
  readonly name: string
  readonly kernel: string
  /**
   * What it keeps, in the order of the kernel's addresses after those of the parameter and its gradient; `-`: left out.
   */
  readonly kept: readonly string[]
  /** After the number of elements. */
  readonly options: readonly number[]
  readonly step: (s: State) => void
}

const [rate, decay, momentum, beta1, beta2, epsilon] = [0.05, 0.02, 0.8, 0.7, 0.9, 0.01]

/** Stochastic gradient descent with momentum, dampened by a quarter. */
const sgd = (nesterov: boolean, first: boolean): Omit<Method, 'name' | 'kernel'> => ({
  kept: ['v'],
  options: [rate, decay, momentum, 0.25, Number(nesterov), Number(first)],
  step(s) {
    const g = s.g + decay * s.p
    s.v = first ? g : momentum * s.v + 0.75 * g
    s.p -= rate * (nesterov ? g + momentum * s.v : s.v)
  },
})

const adam = (decoupled: boolean, largest: boolean): Omit<Method, 'name' | 'kernel'> => ({
  kept: ['m', 'v', largest ? 'most' : '-'],
  options: [rate, beta1, beta2, epsilon, decay, Number(decoupled), 1 - beta1 ** 3, 1 - beta2 ** 3],
  step(s) {
    const g = decoupled ? s.g : s.g + decay * s.p
    s.m = beta1 * s.m + (1 - beta1) * g
    s.v = beta2 * s.v + (1 - beta2) * g * g
    if (largest) s.most = Math.max(s.most, s.v)
    const width = Math.sqrt((largest ? s.most : s.v) / (1 - beta2 ** 3)) + epsilon
    s.p = s.p * (decoupled ? 1 - rate * decay : 1) - (rate * s.m) / (1 - beta1 ** 3) / width
  },
})

const rmsprop = (moving: boolean, centered: boolean): Omit<Method, 'name' | 'kernel'> => ({
  kept: ['s', moving ? 'v' : '-', centered ? 'mean' : '-'],
  options: [rate, beta2, epsilon, decay, momentum],
  step(s) {
    const g = s.g + decay * s.p
    s.s = beta2 * s.s + (1 - beta2) * g * g
    if (centered) s.mean = beta2 * s.mean + (1 - beta2) * g
    const change = g / (Math.sqrt(centered ? Math.max(s.s - s.mean ** 2, 0) : s.s) + epsilon)
    if (moving) s.v = momentum * s.v + change
    s.p -= rate * (moving ? s.v : change)
  },
})

const moments = (adaptive: boolean): Omit<Method, 'name' | 'kernel'> => ({
  kept: ['m', 'v'],
  options: [beta1, beta2, 0.03, 0.04, epsilon, decay, 0.9, Number(adaptive)],
  step(s) {
    const g = s.g + decay * s.p
    s.m = beta1 * s.m + (1 - beta1) * g
    s.v = beta2 * s.v + (1 - beta2) * g * g
    s.p = 0.9 * s.p - (0.03 * g + 0.04 * s.m) / (adaptive ? Math.sqrt(s.v) + epsilon : 1)
  },
})

const methods: readonly Method[] = [
  {
    name: 'descent alone',
    kernel: 'sgd_f32',
    kept: ['-'],
    options: [rate, decay, 0, 0, 0, 0],
    step: (s) => (s.p -= rate * (s.g + decay * s.p)),
  },
  { name: 'momentum', kernel: 'sgd_f32', ...sgd(false, false) },
  { name: 'momentum that begins', kernel: 'sgd_f32', ...sgd(false, true) },
  { name: "Nesterov's momentum", kernel: 'sgd_f32', ...sgd(true, false) },
  { name: 'Adam', kernel: 'adam_f32', ...adam(false, false) },
  { name: 'AdamW', kernel: 'adam_f32', ...adam(true, false) },
  { name: 'AMSGrad', kernel: 'adam_f32', ...adam(false, true) },
  {
    name: 'Adagrad',
    kernel: 'adagrad_f32',
    kept: ['s'],
    options: [rate, epsilon, decay],
    step(s) {
      const g = s.g + decay * s.p
      s.s += g * g
      s.p -= (rate * g) / (Math.sqrt(s.s) + epsilon)
    },
  },
  { name: 'RMSprop', kernel: 'rmsprop_f32', ...rmsprop(false, false) },
  { name: 'RMSprop with momentum', kernel: 'rmsprop_f32', ...rmsprop(true, false) },
  { name: 'RMSprop around the mean', kernel: 'rmsprop_f32', ...rmsprop(true, true) },
  { name: 'moments', kernel: 'moments_f32', ...moments(false) },
  { name: 'moments, adaptive', kernel: 'moments_f32', ...moments(true) },
  {
    name: 'Lion',
    kernel: 'lion_f32',
    kept: ['m'],
    options: [rate, beta1, beta2, 0.9],
    step(s) {
      s.p = 0.9 * s.p - rate * Math.sign(beta1 * s.m + (1 - beta1) * s.g)
      s.m = beta2 * s.m + (1 - beta2) * s.g
    },
  },
]

describe.each(builds)('%s', (build) => {
  describe.each(methods)('$name', ({ kernel, kept, options, step }) => {
    test.each([1, 4, 7, 1003])('of %i elements', (n) => {
      const wasm = new Wasm(build, undefined, 'train')
      const names = ['p', 'g', ...kept.filter((name) => name !== '-')]
      // What is kept are squares and means of them: none is below 0, and the mean square is no less than the square of
      // the mean.
      const given = names.map((name, i) => randomF32(n, i + 1).map((x) => (name === 'p' || name === 'g' ? x : x * x)))
      given.forEach((values, i) => {
        if (names[i] === 'mean') values.forEach((x, k) => (values[k] = x / 4))
        if (names[i] === 's') values.forEach((x, k) => (values[k] = x + 0.25))
      })
      const addresses = given.map((values) => wasm.f32(values))
      const places = ['p', 'g', ...kept].map((name) => (name === '-' ? 0 : addresses[names.indexOf(name)]))
      wasm.kernels[kernel](...places, n, ...options)
      const states = Array.from({ length: n }, (_, k) => {
        const state = Object.fromEntries(names.map((name, i) => [name, given[i][k]]))
        step(state)
        return state
      })
      names.forEach((name, i) => {
        const expected = states.map((state) => state[name])
        expectNear(wasm.viewF32(addresses[i], n), expected, 2e-6, 2e-7)
      })
      expect(wasm.overruns()).toEqual([])
    })
  })

  test.each([0, 1, 4, 7, 1003])('sums of squares, and scaling, of %i elements', (n) => {
    const wasm = new Wasm(build, undefined, 'train')
    const values = randomF32(n, 1)
    const [x, sum] = [wasm.f32(values), wasm.alloc(8)]
    wasm.kernels.sum_squares_f32(x, n, sum)
    expectNear(wasm.viewF64(sum, 1), [values.reduce((total, v) => total + v * v, 0)], 1e-6, 0)
    wasm.kernels.scale_f32(x, n, -0.75)
    expectNear(
      wasm.viewF32(x, n),
      values.map((v) => v * -0.75),
      0,
      0,
    )
    expect(wasm.overruns()).toEqual([])
  })
})
