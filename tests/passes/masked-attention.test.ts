import { describe, expect, test } from 'vitest'
import type { HostTensor } from '../../src/core/host.js'
import { lanewise } from '../conformance/engines.js'
import { numbersIn, tensorOf } from '../support/numbers.js'
import { seeded } from '../support/random.js'
import { builds } from '../support/wasm.js'
import { writtenModel, type WrittenNode } from '../support/written-model.js'

// Attention written out says NaN for a query that may see nothing, and for hidden values that are NaN; so does what
// passes make of it.

const random = seeded(11)

async function attention(
  passes: boolean,
  build: 'simd' | 'relaxed',
  given: Record<string, HostTensor>,
  chosen: boolean,
) {
  const scores: readonly WrittenNode[] = chosen
    ? [{ op: 'Where', inputs: ['mask', 'qk', 'never'], outputs: ['masked'] }]
    : [{ op: 'Add', inputs: ['qk', 'mask'], outputs: ['masked'] }]
  const bytes = writtenModel({
    opset: 17,
    nodes: [
      { op: 'Transpose', inputs: ['k'], outputs: ['kt'], attributes: { perm: [0, 1, 3, 2] } },
      { op: 'MatMul', inputs: ['q', 'kt'], outputs: ['qk'] },
      ...scores,
      { op: 'Softmax', inputs: ['masked'], outputs: ['p'], attributes: { axis: -1 } },
      { op: 'MatMul', inputs: ['p', 'v'], outputs: ['y'] },
    ],
    inputs: Object.fromEntries(Object.entries(given).map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
    constants: { never: tensorOf('float32', [], [-Infinity]) },
    outputs: { y: { dtype: 'float32' } },
  })
  const model = await lanewise({ passes, build }).load(bytes)
  return numbersIn((await model.run(new Map(Object.entries(given)))).get('y') as HostTensor)
}

function floats(
  shape: readonly number[],
  change: (i: number, value: number) => number = (_, value) => value,
): HostTensor {
  const size = shape.reduce((product, axis) => product * axis, 1)
  return tensorOf(
    'float32',
    shape,
    Array.from({ length: size }, (_, i) => change(i, random() * 2 - 1)),
  )
}

describe.each(builds)('build %s', (build) => {
  // The kernels for few queries and for many, and more keys than one tile has.
  test.each([
    [1, 2],
    [3, 40],
    [5, 8],
    [40, 300],
  ])('%i queries, %i keys', async (queries, keys) => {
    const seen = (i: number) => Math.floor(i / keys) % 2 === 0 && i % keys < keys - 1
    const masks: readonly [string, HostTensor][] = [
      ['every second query sees nothing', floats([1, 1, queries, keys], (i) => (seen(i) ? 0 : -Infinity))],
      ['nobody sees anything', floats([1, 1, queries, keys], () => -Infinity)],
    ]
    for (const [what, mask] of masks) {
      for (const chosen of [false, true]) {
        const given = {
          q: floats([1, 2, queries, 4]),
          k: floats([1, 2, keys, 4]),
          v: floats([1, 2, keys, 4]),
          mask: chosen
            ? tensorOf(
                'bool',
                mask.shape,
                numbersIn(mask).map((value) => +(value === 0)),
              )
            : mask,
        }
        const hiddenNaN = {
          ...given,
          v: floats([1, 2, keys, 4], (i, v) => (Math.floor(i / 4) % keys === keys - 1 ? NaN : v)),
        }
        for (const feeds of [given, hiddenNaN]) {
          const plain = await attention(false, build, feeds, chosen)
          const fused = await attention(true, build, feeds, chosen)
          expect(plain.some(Number.isNaN), what).toBe(queries > 1 || what.startsWith('nobody') || feeds === hiddenNaN)
          plain.forEach((value, i) => {
            if (Number.isNaN(value)) expect(fused[i], `${what}: element ${i}`).toBeNaN()
            else expect(Math.abs(fused[i] - value), `${what}: element ${i}`).toBeLessThan(1e-5)
          })
        }
      }
    }
  })
})
