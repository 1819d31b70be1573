import { beforeAll, describe, expect, test } from 'vitest'
import { registerAllOps } from '../../src/api/register-all.js'
import { embed, type EmbeddingOptions } from '../../src/generate.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { encoder } from '../clients/models.js'
import { expectRejects } from '../support/expect-error.js'

registerAllOps()

const TEXTS = [[2, 5, 6, 3], [2, 7, 3], [2, 4, 4, 9, 10, 11, 3], [2, 12, 3], [5]]
let session: InferenceSession

beforeAll(async () => {
  session = await InferenceSession.create(encoder('fp32'), { build: 'simd' })
})

/** Rows of one text's tokens, without others beside it. */
async function rowsOf(text: readonly number[]): Promise<number[][]> {
  const ints = (values: number[]) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  const { last_hidden_state: rows } = await session.run({
    input_ids: ints([...text]),
    attention_mask: ints(text.map(() => 1)),
    token_type_ids: ints(text.map(() => 0)),
  })
  const size = rows.dims[2]
  return text.map((_, i) => [...(rows.data as Float32Array).subarray(i * size, (i + 1) * size)])
}

function unit(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

const poolings = {
  mean: (rows: number[][]) => rows[0].map((_, j) => rows.reduce((sum, row) => sum + row[j], 0) / rows.length),
  max: (rows: number[][]) => rows[0].map((_, j) => Math.max(...rows.map((row) => row[j]))),
  cls: (rows: number[][]) => rows[0],
  last: (rows: number[][]) => rows[rows.length - 1],
}

describe('embed', () => {
  test('vectors of texts of several lengths are those of each alone, for every pooling', async () => {
    for (const [pooling, pool] of Object.entries(poolings) as [keyof typeof poolings, (typeof poolings)['mean']][])
      for (const normalize of [true, false])
        for (const batchSize of [1, 2, 32]) {
          const vectors = await embed(session, TEXTS, { pooling, normalize, batchSize })
          expect(vectors.length).toBe(TEXTS.length)
          for (const [i, text] of TEXTS.entries()) {
            const expected = pool(await rowsOf(text))
            const wanted = normalize ? unit(expected) : expected
            vectors[i].forEach((value, j) =>
              expect(Math.abs(value - wanted[j]), `${pooling}, batch ${batchSize}, text ${i}`).toBeLessThan(1e-5),
            )
          }
        }
    expect(await embed(session, [])).toEqual([])
  })

  test('a model that pools itself is read as it is', async () => {
    const g = new GraphBuilder('pooled')
    const ids = g.input('input_ids', 'int32', ['N', 'T'])
    const mask = g.input('attention_mask', 'int32', ['N', 'T'])
    const kept = g.op('Mul', [ids, mask])
    const sums = g.op('ReduceSum', [g.op('Cast', [kept], { to: 1 }), g.constant('axis', new Tensor('int64', [1], [1]))])
    g.output(g.op('Concat', [sums, g.op('Neg', [sums])], { axis: 1 }), 'sentence_embedding')
    g.output(kept, 'other')
    const own = await InferenceSession.create(exportModel(g))
    const vectors = await embed(own, [[3, 4], [1]], { normalize: false, padToken: 9 })
    expect(vectors.map((vector) => [...vector])).toEqual([
      [7, -7],
      [1, -1],
    ])
    const [zero] = await embed(own, [[0]])
    expect([...zero]).toEqual([0, -0])
  })

  test('what makes no sense is refused', async () => {
    const refused: [EmbeddingOptions, RegExp][] = [
      [{ pooling: 'sum' as 'mean' }, /pooling/],
      [{ batchSize: 0 }, /batchSize/],
      [{ padToken: -1 }, /padToken/],
      [{ output: 'nothing' }, /nothing/],
      [{ batch: 3 } as EmbeddingOptions, /"batch"/],
    ]
    for (const [options, message] of refused)
      await expectRejects('E_VALUE', () => embed(session, TEXTS, options), message)
    await expectRejects('E_VALUE', () => embed(session, [[1], []]), /without tokens/)
    await expectRejects('E_VALUE', () => embed(session, [[-1]]), /-1/)
    await expectRejects('E_STATE', () => embed(session, TEXTS, { signal: AbortSignal.abort() }), /aborted/)
    const g = new GraphBuilder('unmasked')
    g.output(g.op('Cast', [g.input('input_ids', 'int64', ['N', 'T'])], { to: 1 }), 'rows')
    const unmasked = await InferenceSession.create(exportModel(g))
    await expectRejects('E_VALUE', () => embed(unmasked, [[1], [1, 2]]), /attention_mask/)
    const p = new GraphBuilder('picture')
    p.output(p.op('Relu', [p.input('pixels', 'float32', ['N', 3])]), 'y')
    const picture = await InferenceSession.create(exportModel(p))
    await expectRejects('E_VALUE', () => embed(picture, [[1]]), /pixels/)
  })
})
