import { describe, expect, test } from 'vitest'
import '../../src/all-ops.js'
import { hostFrom } from '../../src/core/host.js'
import { finishNow } from '../../src/core/steps.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { optimize } from '../../src/passes/optimize.js'
import { seeded } from '../support/random.js'

interface Form {
  readonly name: string
  readonly dtype: 'int2' | 'uint2' | 'int4' | 'uint4'
  readonly k: number
  readonly n: number
  readonly axis: number
  readonly block: number
  readonly scales: readonly number[]
  readonly zeros?: boolean
  /** Whether the weights stay packed. */
  readonly packed?: boolean
}

const forms: readonly Form[] = [
  { name: 'int4 in blocks', dtype: 'int4', k: 96, n: 19, axis: 0, block: 32, scales: [3, 19] },
  { name: 'uint4 in blocks, the last one short', dtype: 'uint4', k: 75, n: 7, axis: -2, block: 16, scales: [5, 7] },
  { name: 'uint4 with zero points', dtype: 'uint4', k: 64, n: 33, axis: 0, block: 32, scales: [2, 33], zeros: true },
  { name: 'int4 with zero points', dtype: 'int4', k: 48, n: 5, axis: 0, block: 16, scales: [3, 5], zeros: true },
  { name: 'int4 by columns', dtype: 'int4', k: 43, n: 18, axis: 1, block: 0, scales: [18] },
  { name: 'uint4 by columns, zero points', dtype: 'uint4', k: 40, n: 6, axis: -1, block: 0, scales: [6], zeros: true },
  { name: 'int4 with one scale', dtype: 'int4', k: 21, n: 17, axis: 1, block: 0, scales: [], zeros: true },
  { name: 'int2 in blocks', dtype: 'int2', k: 64, n: 9, axis: 0, block: 32, scales: [2, 9] },
  { name: 'uint2 with zero points', dtype: 'uint2', k: 50, n: 9, axis: 0, block: 16, scales: [4, 9], zeros: true },
  { name: 'scales of rows', dtype: 'int4', k: 16, n: 8, axis: 0, block: 0, scales: [16], packed: false },
  { name: 'blocks along n', dtype: 'int4', k: 16, n: 32, axis: 1, block: 16, scales: [16, 2], packed: false },
  { name: 'blocks that fill no word', dtype: 'int4', k: 12, n: 4, axis: 0, block: 4, scales: [3, 4], packed: false },
]

function build({ dtype, k, n, axis, block, scales, zeros }: Form) {
  const next = seeded(k * n)
  const [low, high] = dtype.startsWith('u') ? [0, 2 ** Number(dtype.at(-1))] : [-(2 ** (Number(dtype.at(-1)) - 1)), 2 ** (Number(dtype.at(-1)) - 1)] // prettier-ignore
  const whole = () => low + Math.floor(next() * (high - low))
  const count = scales.reduce((a, b) => a * b, 1)
  const q = Array.from({ length: k * n }, whole)
  const factors = Array.from({ length: count }, () => Math.fround(0.05 + next()))
  const points = Array.from({ length: count }, zeros ? whole : () => 0)
  const g = new GraphBuilder('few bits')
  const x = g.input('x', 'float32', ['rows', k])
  const w = g.op(
    'DequantizeLinear',
    [
      g.constant('w', hostFrom(dtype, [k, n], q)),
      g.constant('scales', hostFrom('float32', scales, factors)),
      ...(zeros ? [g.constant('zeros', hostFrom(dtype, scales, points))] : []),
    ],
    { axis: BigInt(axis), block_size: BigInt(block) },
  )
  g.output(g.op('MatMul', [x, w]), 'y')
  const along = (i: number, j: number): number => {
    if (scales.length === 0) return 0
    const place = axis < 0 ? axis + 2 : axis
    if (block > 0) return place === 0 ? Math.floor(i / block) * n + j : i * scales[1] + Math.floor(j / block)
    return place === 0 ? i : j
  }
  const weight = (i: number, j: number) => (q[i * n + j] - points[along(i, j)]) * factors[along(i, j)]
  return { graph: g.graph(), weight }
}

describe('a product with weights of a few bits', () => {
  test.each(forms)('$name', async (form) => {
    const { k, n, packed = true } = form
    const { graph, weight } = build(form)
    const nodes = finishNow(
      optimize(graph, graph.outputs, { 'fold-constants': false }, { evaluate: undefined as never, fast: true }),
    ).nodes
    expect(nodes.some(({ op }) => op.name === 'MatMulNBits')).toBe(packed)
    const next = seeded(7)
    for (const rows of [1, 40]) {
      const x = Float32Array.from({ length: rows * k }, () => next() - 0.5)
      for (const passes of [true, false]) {
        await using session = await InferenceSession.create(exportModel(graph), { passes })
        const { y } = await session.run({ x: new Tensor(x, [rows, k]) })
        ;(y.data as Float32Array).forEach((value, at) => {
          const [i, j] = [Math.floor(at / n), at % n]
          let [sum, magnitude] = [0, 0]
          for (let p = 0; p < k; p++) {
            sum += x[i * k + p] * weight(p, j)
            magnitude += Math.abs(x[i * k + p] * weight(p, j))
          }
          expect(Math.abs(value - sum)).toBeLessThan(4e-7 * magnitude + 1e-12)
        })
      }
    }
  })
})
