// What tests of single passes share: small models, and what one pass alone makes of them.
import { expect } from 'vitest'
import type { Node, Value } from '../../src/ir/graph.js'
import type { HostTensor } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { passes, type PassName } from '../../src/passes/load/index.js'
import { shapedPasses } from '../../src/passes/shaped/index.js'
import { randomTensor, seeded } from '../support/random.js'

const random = seeded(11)
/** Random weights between −1 and 1. */
export const weights = (...shape: number[]): HostTensor => randomTensor(random, 'float32', shape, -1, 1)
const positive = (...shape: number[]): HostTensor => randomTensor(random, 'float32', shape, 0.5, 2)

/** Builds the middle of a model; `c` makes a random constant, `p` a positive one. */
export type Build = (
  g: GraphBuilder,
  x: Value,
  c: (...shape: number[]) => Value,
  p: (...shape: number[]) => Value,
) => Value | readonly Value[]

/** A model of one input, `x`, that a test builds the middle of. */
export function modelOf(build: Build, shape: readonly (number | string)[]): Uint8Array {
  const g = new GraphBuilder('pass')
  const x = g.input('x', 'float32', shape)
  let count = 0
  const outputs = build(
    g,
    x,
    (...s) => g.constant(`c${count++}`, weights(...s)),
    (...s) => g.constant(`c${count++}`, positive(...s)),
  )
  for (const output of Array.isArray(outputs) ? (outputs as Value[]) : [outputs as Value]) g.output(output)
  return exportModel(g.graph())
}

/** Switches every pass off. */
export const allOff = Object.fromEntries([...passes, ...shapedPasses].map(({ name }) => [name, false]))

const numbersOf = (data: Tensor['data']): number[] => Array.from(data as Float32Array, Number)

/** The nodes that a pass leaves, by itself; its numbers must be those without it. */
export async function alone(
  pass: PassName,
  build: Build,
  shape: number[] = [2, 4, 5, 5],
  tolerance = 1e-5,
): Promise<readonly Node[]> {
  const bytes = modelOf(build, shape)
  const [off, on] = await Promise.all([
    InferenceSession.create(bytes, { passes: false, accuracy: 'exact' }),
    InferenceSession.create(bytes, { passes: { ...allOff, [pass]: true }, accuracy: 'exact' }),
  ])
  const x = new Tensor('float32', randomTensor(seeded(3), 'float32', shape, -2, 2).data, shape)
  const [expected, actual] = await Promise.all([off.run({ x }), on.run({ x })])
  expect(Object.keys(actual)).toEqual(Object.keys(expected))
  for (const [name, { data, dims, type }] of Object.entries(expected)) {
    expect(actual[name]).toMatchObject({ dims, type })
    const scale = data.length === 0 ? 1 : Math.max(1, ...numbersOf(data).map(Math.abs).filter(Number.isFinite))
    numbersOf(data).forEach((value, i) => {
      const got = Number(actual[name].data[i])
      if (Number.isFinite(value)) expect(Math.abs(got - value)).toBeLessThanOrEqual(tolerance * scale)
      else expect(got).toBe(value)
    })
  }
  const nodes = await on.optimized()
  await Promise.all([off.release(), on.release()])
  return nodes
}

/** The names of operators. */
export const ops = (nodes: readonly Node[]): string[] => nodes.map(({ op }) => op.name)

/** A BatchNormalization of a value of so many channels. */
export const norm = (g: GraphBuilder, y: Value, p: (...shape: number[]) => Value, channels: number): Value =>
  g.op('BatchNormalization', [y, p(channels), p(channels), p(channels), p(channels)], { epsilon: 0.01 })
