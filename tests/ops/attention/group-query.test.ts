import { describe, expect, it } from 'vitest'
import { builds } from '../../support/wasm.js'
import { hostFrom, type HostTensor } from '../../../src/core/host.js'
import type { Shape } from '../../../src/core/shape.js'
import { randomTensor, seeded } from '../../support/random.js'
import { runNode } from '../../support/cases/run-node.js'

const random = seeded(3)
const floats = (shape: Shape): HostTensor => randomTensor(random, 'float32', shape, -1, 1)
const wide = (tensor: HostTensor | undefined): HostTensor | undefined =>
  tensor?.dtype === 'float32'
    ? { dtype: 'float64', shape: tensor.shape, data: Float64Array.from(tensor.data as Float32Array) }
    : tensor

interface Variant {
  readonly name: string
  readonly queries: number
  /** Rows of the past, or none. */
  readonly past?: number
  readonly total: number
  readonly ends: readonly number[]
  readonly attributes?: Readonly<Record<string, number>>
  /** Elements that are turned, halved. */
  readonly pairs?: number
  readonly positions?: readonly number[]
  readonly packed?: boolean
  readonly bias?: Shape
  /** A sink for every head. */
  readonly sinks?: boolean
  /** How many outputs are named. */
  readonly outputs?: number
}

const [heads, kvHeads, size] = [6, 2, 10]

const variants: readonly Variant[] = [
  { name: 'prompts, one shorter', queries: 5, total: 5, ends: [5, 3] },
  { name: 'prompts with more room than they need', queries: 5, total: 9, ends: [5, 4] },
  { name: 'tokens behind a past', queries: 1, past: 7, total: 7, ends: [7, 4] },
  { name: 'tokens for which the past has no room', queries: 1, past: 7, total: 8, ends: [8, 5] },
  { name: 'several tokens', queries: 4, past: 12, total: 12, ends: [12, 6] },
  { name: 'fewer keys than queries', queries: 4, past: 12, total: 12, ends: [2, 0] },
  { name: 'turned halves', queries: 3, past: 9, total: 9, ends: [9, 5], attributes: { do_rotary: 1 }, pairs: 5 },
  { name: 'turned in part', queries: 3, past: 9, total: 9, ends: [9, 5], attributes: { do_rotary: 1 }, pairs: 3 },
  {
    name: 'turned neighbours',
    queries: 3,
    past: 9,
    total: 9,
    ends: [4, 7],
    attributes: { do_rotary: 1, rotary_interleaved: 1 },
    pairs: 4,
  },
  {
    name: 'positions of their own',
    queries: 2,
    past: 9,
    total: 9,
    ends: [4, 7],
    attributes: { do_rotary: 1 },
    pairs: 5,
    positions: [0, 7, 15, 3],
  },
  {
    name: 'packed, turned',
    queries: 3,
    past: 9,
    total: 9,
    ends: [9, 3],
    attributes: { do_rotary: 1 },
    pairs: 5,
    packed: true,
  },
  { name: 'a window', queries: 3, past: 9, total: 9, ends: [9, 6], attributes: { local_window_size: 2 } },
  {
    name: 'a window over many keys',
    queries: 40,
    total: 70,
    ends: [70, 41],
    past: 70,
    attributes: { local_window_size: 9 },
  },
  { name: 'a bias narrower than the cache', queries: 2, past: 16, total: 7, ends: [7, 5], bias: [1, 6, 2, 7] },
  { name: 'a smooth softmax', queries: 5, total: 9, ends: [9, 6], past: 9, attributes: { smooth_softmax: 1 } },
  {
    name: 'a smooth softmax for a token',
    queries: 1,
    total: 9,
    ends: [9, 6],
    past: 9,
    attributes: { smooth_softmax: 1, scale: 9 },
  },
  { name: 'sinks', queries: 40, total: 70, ends: [70, 41], past: 70, sinks: true, attributes: { softcap: 2 } },
  { name: 'sinks for a token', queries: 1, past: 7, total: 8, ends: [8, 5], sinks: true, attributes: { scale: 5 } },
  { name: 'sinks and queries that see nothing', queries: 4, past: 12, total: 12, ends: [2, 0], sinks: true },
  {
    name: 'a cache that nobody wants',
    queries: 3,
    past: 9,
    total: 9,
    ends: [9, 5],
    attributes: { do_rotary: 1 },
    pairs: 5,
    outputs: 1,
  },
  { name: 'no cache at all', queries: 5, total: 5, ends: [5, 3], outputs: 1 },
  {
    name: 'a soft cap and a scale',
    queries: 2,
    past: 4,
    total: 6,
    ends: [6, 3],
    attributes: { softcap: 3, scale: 0.7 },
  },
]

describe.each(builds)('kernels of GroupQueryAttention, %s', (build) => {
  it.each(variants)(
    '$name',
    async ({ queries, past, total, ends, attributes, pairs, positions, packed, bias, sinks, outputs = 3 }) => {
      const [q, k, v] = packed ? [heads + 2 * kvHeads] : [heads, kvHeads, kvHeads]
      const of = (count: number | undefined) => (count === undefined ? undefined : floats([2, queries, count * size]))
      const cache = () => (past === undefined ? undefined : floats([2, kvHeads, past, size]))
      const angles = () => (pairs === undefined ? undefined : floats([16, pairs]))
      const lengths = hostFrom(
        'int32',
        [2],
        ends.map((end) => end - 1),
      )
      const ids = positions && hostFrom('int64', [2, queries], [...positions])
      const inputs = [
        of(q),
        of(k),
        of(v),
        cache(),
        cache(),
        lengths,
        hostFrom('int32', [], [total]),
        angles(),
        angles(),
        ids,
        bias && floats(bias),
        sinks ? floats([heads]) : undefined,
      ]
      const run = (given: typeof inputs) =>
        runNode({
          op: 'GroupQueryAttention',
          domain: 'com.microsoft',
          inputs: given,
          outputs,
          attributes: { num_heads: heads, kv_num_heads: kvHeads, ...attributes },
          build,
        })
      // float64 has no kernels: the plain version computes it.
      const [kernels, plain] = [await run(inputs), await run(inputs.map(wide))]
      expect(kernels.map(({ shape }) => shape)).toEqual(plain.map(({ shape }) => shape))
      kernels.forEach(({ data }, output) => {
        const expected = plain[output].data as Float64Array
        const wrong = Array.from(data as Float32Array, (value, i) => Math.abs(value - expected[i])).findIndex(
          (error) => !(error < 1e-5),
        )
        expect(wrong, `output ${output}: ${data[wrong]}, not ${expected[wrong]}`).toBe(-1)
      })
    },
  )
})
