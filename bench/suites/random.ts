// Random numbers by the node's seed. Which they are is each engine's own affair, so the works sum up what is left of
// them beside zeros.
import { hostTensor } from '../../src/core/host.js'
import { randomTensor, seeded } from '../../tests/support/random.js'
import { model, node, type Attributes } from '../graph.js'
import type { Work } from '../work.js'

function drawn(op: string, count: number): Work {
  const x = op === 'Multinomial' ? [1, 1000] : [count]
  const attributes: Attributes = op === 'Multinomial' ? { seed: 1, sample_size: BigInt(count), dtype: 6n } : { seed: 1 }
  const numbers = op === 'Multinomial' ? [node('Cast', ['drawn'], ['numbers'], { to: 1n })] : []
  return {
    suite: 'kernels',
    group: 'random numbers',
    name: `${op} of ${count}`,
    model: model({
      inputs: { x },
      outputs: ['y'],
      weights: new Map([['zero', hostTensor('float32', [1], Float32Array.of(0))]]),
      nodes: [
        node(op, ['x'], ['drawn'], attributes),
        ...numbers,
        node('Mul', [numbers.length > 0 ? 'numbers' : 'drawn', 'zero'], ['zeros']),
        node('ReduceSum', ['zeros'], ['y']),
      ],
    }),
    feeds: [1, 2, 3].map((seed) => new Map([['x', randomTensor(seeded(seed), 'float32', x, 0, 1)]])),
  }
}

/** Few numbers, where a call counts, and many. */
export function* randomWorks(): Generator<() => Work> {
  for (const op of ['RandomNormalLike', 'RandomUniformLike', 'Bernoulli', 'Multinomial'])
    for (const count of [1000, 100_000]) yield () => drawn(op, count)
}
