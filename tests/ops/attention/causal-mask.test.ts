import { expect, test } from 'vitest'
import { GraphBuilder } from '../../../src/api/graph/builder.js'
import { hostFrom, type HostTensor } from '../../../src/core/host.js'
import { exportModel, InferenceSession } from '../../../src/node.js'
import { publishValue } from '../../../src/api/value.js'
import { randomTensor, seeded } from '../../support/random.js'

const [queries, keys, size] = [37, 45, 12]

const matrix = (hidden: number, at: (i: number, j: number) => boolean): HostTensor =>
  hostFrom(
    'float32',
    [1, 1, queries, keys],
    Array.from({ length: queries * keys }, (_, n) => (at(Math.floor(n / keys), n % keys) ? hidden : 0)),
  )

/** softmax(Q·K/√12 with a constant mask)·V; a mask of bools takes the place of what is hidden. */
function attention(mask: HostTensor, fill?: number): Uint8Array {
  const g = new GraphBuilder('masked')
  const q = g.input('q', 'float32', [2, 3, queries, size])
  const k = g.input('k', 'float32', [2, 3, size, keys])
  const v = g.input('v', 'float32', [2, 3, keys, size])
  const scores = g.op('Div', [g.op('MatMul', [q, k]), g.constant('root', hostFrom('float32', [], [Math.sqrt(size)]))])
  const given = g.constant('mask', mask)
  const masked =
    fill === undefined
      ? g.op('Add', [scores, given])
      : g.op('Where', [given, scores, g.constant('fill', hostFrom('float32', [], [fill]))])
  g.output(g.op('MatMul', [g.op('Softmax', [masked], { axis: -1 }), v]), 'y')
  return exportModel(g.graph())
}

const later = (i: number, j: number) => j > i + keys - queries
const lower = hostFrom(
  'bool',
  [queries, keys],
  Array.from({ length: queries * keys }, (_, n) => (later(Math.floor(n / keys), n % keys) ? 0 : 1)),
)

test.each<[string, HostTensor, number | undefined, boolean]>([
  ['−∞', matrix(-Infinity, later), undefined, true],
  ['the least float', matrix(-3.4028234663852886e38, later), undefined, true],
  ['bools and −∞', lower, -Infinity, true],
  ['−10000, which scores might outweigh', matrix(-1e4, later), undefined, false],
  ['bools and −10000', lower, -1e4, false],
  ['one place too many', matrix(-Infinity, (i, j) => later(i, j - 1)), undefined, false],
  ['one place too few', matrix(-Infinity, (i, j) => later(i, j + 1)), undefined, false],
  ['a place before', matrix(-Infinity, (i, j) => later(i, j) || (i === 9 && j === 2)), undefined, false],
])('a causal mask of %s', async (_, mask, fill, found) => {
  const random = seeded(8)
  const inputs = { q: [2, 3, queries, size], k: [2, 3, size, keys], v: [2, 3, keys, size] }
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => [name, publishValue(randomTensor(random, 'float32', shape))]),
  )
  const bytes = attention(mask, fill)
  await using plain = await InferenceSession.create(bytes, { passes: false })
  await using fused = await InferenceSession.create(bytes)
  const [expected, actual] = [await plain.run(feeds), await fused.run(feeds)].map(({ y }) => y.data as Float32Array)
  expect(Math.max(...actual.map((value, i) => Math.abs(value - expected[i])))).toBeLessThan(1e-6)
  // The kernel's fourth argument is the mask.
  const { steps } = await fused.prepare(feeds)
  const masks = steps.flatMap((step) => ('kernel' in step && step.kernel === 'attention_f32' ? [step.args[3]] : []))
  expect(masks).toHaveLength(1)
  expect(masks[0] === 0).toBe(found)
})
