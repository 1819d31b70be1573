import { describe, expect, it } from 'vitest'
import { Generator } from '../../../src/core/generator.js'
import { hostFrom, hostZeros, type HostTensor } from '../../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor, type SessionOptions } from '../../../src/node.js'
import { findOp } from '../../../src/ir/registry.js'
import { BulkGenerator } from '../../../src/ops/random/bulk-generator.js'
import { registerAllOps } from '../../../src/api/register-all.js'

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

it('numbers that are drawn together are those that are drawn one by one', () => {
  for (const seed of [0, 1, -3.5, 1e20]) {
    const [one, many] = [new Generator(seed), new BulkGenerator(seed)]
    for (const length of [0, 1, 5, 512, 513, 2000]) {
      const [uniforms, normals] = [new Float64Array(length), new Float64Array(length)]
      many.uniforms(uniforms)
      expect(uniforms).toEqual(uniforms.map(() => one.uniform()))
      many.normals(normals)
      expect(normals).toEqual(normals.map(() => one.normal()))
    }
    expect(many.uniform()).toBe(one.uniform())
  }
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
