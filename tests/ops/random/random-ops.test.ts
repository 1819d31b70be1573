import { describe, expect, it } from 'vitest'
import { Generator } from '../../../src/core/generator.js'
import { hostFrom, hostZeros, type HostTensor } from '../../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor, type SessionOptions } from '../../../src/node.js'
import { findOp } from '../../../src/ir/registry.js'
import { BulkGenerator } from '../../../src/ops/random/bulk-generator.js'
import { registerAllOps } from '../../../src/api/register-all.js'

import { find, findFrom } from '../../../src/ops/random/multinomial.js'
import { floatsOf } from '../../../src/ops/shared/scalar-floats.js'
import { normalReference, uniformReference, unitReference } from './random.reference.js'

registerAllOps()

function draw(op: string, inputs: HostTensor[], attributes: Record<string, unknown>, seed?: () => number): HostTensor {
  const definition = findOp('', op)!
  const full = {
    ...Object.fromEntries(Object.entries(definition.attributes).map(([name, spec]) => [name, spec.fallback])),
    ...attributes,
  }
  const known = (i: number) => inputs[i]
  const outputs = definition.infer!({
    attributes: full,
    inputs,
    outputCount: 1,
    known,
    value: known,
    atLeast: (i, least) => Math.max(Number(inputs[i].data[0]), least),
  })
  return definition.compute!({ attributes: full, inputs, outputs, outputCount: 1, seed })[0]
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length

it('uniform numbers fill their range evenly', () => {
  const { data } = draw('RandomUniform', [], { shape: [40_000], low: -1, high: 3, seed: 1 }) as { data: Float32Array }
  expect(Math.min(...data)).toBeGreaterThanOrEqual(-1)
  expect(Math.max(...data)).toBeLessThanOrEqual(3)
  const quarters = [0, 0, 0, 0]
  for (const value of data) quarters[Math.min(3, Math.floor(value + 1))]++
  // Five deviations of a binomial distribution.
  for (const count of quarters) expect(Math.abs(count - 10_000)).toBeLessThan(5 * Math.sqrt(40_000 * 0.25 * 0.75))
})

it('normal numbers have their mean and deviation', () => {
  const { data, dtype } = draw('RandomNormalLike', [hostZeros('float64', [200, 200])], {
    mean: 2,
    scale: 3,
    seed: 2,
  }) as { data: Float64Array; dtype: string }
  expect(dtype).toBe('float64')
  expect(Math.abs(mean(data) - 2)).toBeLessThan((5 * 3) / 200)
  expect(Math.abs(Math.sqrt(mean(data.map((value) => (value - 2) ** 2))) - 3)).toBeLessThan(0.1)
})

it('float64 uniform numbers that are drawn together are those that are drawn one by one', () => {
  for (const seed of [0, 1, -3.5, 1e20]) {
    const [one, many] = [new Generator(seed), new BulkGenerator(seed)]
    for (const length of [0, 1, 5, 1024, 1025, 3000]) {
      const uniforms = new Float64Array(length)
      many.uniforms(uniforms)
      expect(uniforms).toEqual(uniforms.map(() => one.uniform()))
    }
    expect(many.uniform()).toBe(one.uniform())
  }
})

describe('bit for bit as the plain version', () => {
  const sizes = [0, 1, 7, 1023, 1024, 1025, 20_000]
  /** By a session, where operators write into its memory. */
  const run = async (op: string, attributes: object, feed?: Float32Array): Promise<unknown> => {
    const g = new GraphBuilder('random')
    g.output(g.op(op, feed ? [g.input('x', 'float32', ['N'])] : [], { ...attributes }), 'y')
    await using session = await InferenceSession.create(exportModel(g))
    const { y } = await session.run(feed ? { x: new Tensor(feed) } : {})
    return y.data
  }

  it.each([0, 3, -3.5, 2 ** 24])('for the seed %d', async (seed) => {
    for (const n of sizes) {
      const shape = [n]
      const normal = normalReference(seed, n, 1.5, 0.25)
      expect(draw('RandomNormal', [], { shape, mean: 1.5, scale: 0.25, seed }).data).toEqual(normal)
      expect(await run('RandomNormal', { shape, mean: 1.5, scale: 0.25, seed })).toEqual(normal)
      expect(await run('RandomNormalLike', { mean: 1.5, scale: 0.25, seed }, new Float32Array(n))).toEqual(normal)
      const uniform = uniformReference(seed, n, -1, 3)
      expect(draw('RandomUniform', [], { shape, low: -1, high: 3, seed }).data).toEqual(uniform)
      expect(await run('RandomUniform', { shape, low: -1, high: 3, seed })).toEqual(uniform)
      expect(await run('RandomUniformLike', { low: -1, high: 3, seed }, new Float32Array(n))).toEqual(uniform)
      const chances = Float32Array.from({ length: n }, (_, i) => (i % 9) / 8)
      const events = Float32Array.from(unitReference(seed, n), (u, i) => (u < chances[i] ? 1 : 0))
      expect(await run('Bernoulli', { seed }, chances)).toEqual(events)
      const bools = draw('Bernoulli', [hostFrom('float32', shape, Array.from(chances))], { seed, dtype: 9 })
      expect(bools.data).toEqual(Uint8Array.from(events))
    }
  })
})

it('what cannot happen does not, and what is certain does', () => {
  const p = Array.from({ length: 30_000 }, (_, i) => [0, 1, -1, 2, NaN, 1e30][i % 6])
  const { data } = draw('Bernoulli', [hostFrom('float32', [30_000], p)], { seed: 2 })
  expect(data).toEqual(Float32Array.from(p, (value) => (value >= 1 ? 1 : 0)))
})

/**
 * Of the normal distribution, by the series and the continued fraction of Abramowitz and Stegun, 26.2.10 and 26.2.14.
 */
function below(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  if (Math.abs(x) > 4) {
    let fraction = 0
    for (let k = 60; k > 0; k--) fraction = k / (Math.abs(x) + fraction)
    const tail = density / (Math.abs(x) + fraction)
    return x < 0 ? tail : 1 - tail
  }
  let [sum, term] = [x, x]
  for (let n = 1; n < 80; n++) {
    term *= (x * x) / (2 * n + 1)
    sum += term
  }
  return 0.5 + density * sum
}

it.each(['float32', 'float64', 'float16'] as const)('a million normal numbers of %s are normal', (dtype) => {
  const n = 1_000_000
  const numbers = [11, 12].flatMap((seed) => {
    const tensor = draw('RandomNormalLike', [hostZeros(dtype, [n / 2])], { seed })
    expect(tensor.dtype).toBe(dtype)
    return Array.from(floatsOf(tensor))
  })
  expect(numbers.every(Number.isFinite)).toBe(true)
  const moment = (k: number) => numbers.reduce((sum, z) => sum + z ** k, 0) / n
  // Five deviations: the variance of zᵏ is (2k − 1)!! less the square of its mean.
  expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(n))
  expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n))
  expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n))
  expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n))
  const lag = numbers.reduce((sum, z, i) => sum + z * numbers[(i + 1) % n], 0) / n
  expect(Math.abs(lag)).toBeLessThan(5 / Math.sqrt(n))
  // Kolmogorov and Smirnov: beyond 2.2/√n by chance once in ten thousand times; float16 has steps of its own.
  const sorted = Float64Array.from(numbers).sort()
  let distance = 0
  const step = dtype === 'float16' ? 2 ** -12 : 0
  for (let i = 0; i < n; i += 7) {
    const p = below(sorted[i])
    distance = Math.max(distance, (i + 1) / n - p, p - i / n)
  }
  expect(distance).toBeLessThan(2.2 / Math.sqrt(n) + step + (dtype === 'float16' ? 0.002 : 0))
  // Both tails, also those beyond the lowest layer of the ziggurat.
  for (const edge of [2, 3, 3.6541528853610088, 4]) {
    const share = below(-edge)
    for (const side of [-1, 1]) {
      const count = numbers.filter((z) => side * z > edge).length
      expect(Math.abs(count - share * n)).toBeLessThan(
        5 * Math.sqrt(share * n) + (dtype === 'float16' ? share * n * 0.01 : 0),
      )
    }
  }
})

describe('classes', () => {
  it('are found by a table of beginnings as by bisection', () => {
    const random = new Generator(4)
    for (const classes of [1, 2, 3, 17, 1000]) {
      for (const kind of ['even', 'some without weight', 'one with most', 'NaN']) {
        let total = 0
        const ends = Float64Array.from({ length: classes }, (_, i) => {
          if (kind === 'NaN') return NaN
          const weight = kind === 'one with most' && i > 0 ? 1e-9 : random.uniform()
          return (total += kind === 'some without weight' && i % 3 === 0 && i > 0 ? 0 : weight)
        })
        const most = ends[classes - 1]
        const places = Float64Array.from({ length: 2000 }, () => random.uniform() * most)
        places.set(ends.slice(0, 1000), 0)
        places.set([0, most], 1000)
        const [one, other] = [new Int32Array(2000), new Int32Array(2000)]
        find(ends, places, one)
        findFrom(new Int32Array(classes + 1), ends, places, other)
        expect(other, `${classes} ${kind}`).toEqual(one)
        // No class before it ends beyond the place.
        one.forEach((found, s) => expect(ends.subarray(0, found).some((end) => places[s] < end)).toBe(false))
      }
    }
  })

  it('come as often as their weights say, few samples or many', () => {
    const logits = Array.from({ length: 40 }, (_, i) => (i % 5 === 0 ? -Infinity : -0.1 * i - 600 * (i % 2)))
    const total = logits.reduce((sum, value) => sum + Math.exp(value), 0)
    for (const [rows, samples] of [
      [1, 40_000],
      [8000, 5],
    ]) {
      const x = hostFrom('float32', [rows, 40], Array.from({ length: rows }, () => logits).flat())
      const { data } = draw('Multinomial', [x], { sample_size: samples, seed: 9, dtype: 7 })
      const counts = new Float64Array(40)
      for (const value of data as BigInt64Array) counts[Number(value)]++
      counts.forEach((count, i) => {
        const p = Math.exp(logits[i]) / total
        expect(Math.abs(count - 40_000 * p)).toBeLessThanOrEqual(5 * Math.sqrt(40_000 * p * (1 - p)))
      })
    }
  })
})

it('a builder takes a Dropout that drops, by a ratio that is a constant or an attribute', async () => {
  for (const ratio of [0.25, undefined]) {
    const g = new GraphBuilder('dropping')
    const given = ratio === undefined ? undefined : g.constant('ratio', hostFrom('float32', [], [ratio]))
    const inputs = [g.input('x', 'float32', [1000]), given, g.constant('training', hostFrom('bool', [], [1]))]
    g.output(g.op('Dropout', inputs, { seed: 3 }), 'y')
    const session = await InferenceSession.create(exportModel(g))
    const { y } = await session.run({ x: new Tensor('float32', new Float32Array(1000).fill(3), [1000]) })
    const kept = (y.data as Float32Array).filter((value) => value !== 0)
    // Five deviations of a binomial distribution.
    expect(Math.abs(kept.length - 1000 * (1 - (ratio ?? 0.5)))).toBeLessThan(5 * Math.sqrt(250))
    expect(new Set(kept)).toEqual(new Set([Math.fround(3 / (1 - (ratio ?? 0.5)))]))
  }
})

it('a seed gives the same numbers again', () => {
  const numbers = (seed?: number) => String(draw('RandomUniform', [], { shape: [8], seed }).data)
  expect(numbers(3)).toBe(numbers(3))
  expect(numbers(3)).not.toBe(numbers(4))
})

describe('without a seed of their own', () => {
  const g = new GraphBuilder('random')
  const x = g.input('x', 'float32', ['N'])
  g.output(g.op('RandomUniformLike', [x]), 'uniform')
  g.output(g.op('RandomNormal', [], { shape: [8] }), 'normal')
  g.output(g.op('Bernoulli', [g.constant('p', hostFrom('float32', [64], new Array<number>(64).fill(0.5)))]), 'coins')
  const bytes = exportModel(g.graph())
  const runs = async (options: SessionOptions, count = 3) => {
    await using session = await InferenceSession.create(bytes, options)
    const texts: string[] = []
    for (let i = 0; i < count; i++) {
      const { uniform, normal, coins } = await session.run({ x: new Tensor(new Float32Array(8)) })
      texts.push([uniform, normal, coins].map(({ data }) => data.join()).join(';'))
    }
    return texts
  }

  it('runs and sessions differ', async () => {
    expect(new Set([...(await runs({})), ...(await runs({}))]).size).toBe(6)
  })

  it("a session's seed repeats its runs", async () => {
    const first = await runs({ seed: 7 })
    expect(new Set(first).size).toBe(3)
    expect(await runs({ seed: 7 })).toEqual(first)
    expect(await runs({ seed: 8 })).not.toEqual(first)
    expect(await runs({ seed: 7.5 })).not.toEqual(first)
    expect(await runs({ deterministic: true })).toEqual(await runs({ deterministic: true, seed: 0 }))
  })

  it('sessions beside each other draw as they would alone', async () => {
    const [a, b] = await Promise.all([runs({ seed: 7 }), runs({ seed: 9 })])
    expect([a, b]).toEqual([await runs({ seed: 7 }), await runs({ seed: 9 })])
  })

  it('a seed is a number', async () => {
    await expect(runs({ seed: NaN })).rejects.toMatchObject({ code: 'E_VALUE' })
  })
})

it('events happen as often as is said', () => {
  const x = hostFrom('float32', [40_000], new Array<number>(40_000).fill(0.3))
  const { data } = draw('Bernoulli', [x], { seed: 5, dtype: 9 }) as { data: Uint8Array }
  expect(Math.abs(mean(data) - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / 40_000))
  const logits = hostFrom('float32', [1, 3], [Math.log(1), Math.log(2), -Infinity])
  const classes = draw('Multinomial', [logits], { sample_size: 30_000, seed: 6 }) as { data: Int32Array }
  expect(Math.abs(mean(classes.data) - 2 / 3)).toBeLessThan(5 * Math.sqrt(2 / 9 / 30_000))
  expect(classes.data.includes(2)).toBe(false)
})
