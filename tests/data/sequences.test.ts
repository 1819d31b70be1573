import { describe, expect, test } from 'vitest'
import { Random } from '../../src/core/random.js'
import { DataLoader } from '../../src/data/loader.js'
import { joinDocuments, LengthBucketSampler, padSequences, SequenceDataset } from '../../src/data/sequences.js'
import { expectError } from '../support/expect-error.js'

const lists = [[1, 2, 3], [4], [5, 6]]

test('documents are joined with a separator after each', () => {
  expect(Array.from(joinDocuments(lists, 0))).toEqual([1, 2, 3, 0, 4, 0, 5, 6, 0])
})

describe('padding', () => {
  test('at the end', () => {
    const { tokens, mask, lengths } = padSequences(lists, { value: 9 })
    expect(tokens.dims).toEqual([3, 3])
    expect(Array.from(tokens.data as Int32Array)).toEqual([1, 2, 3, 4, 9, 9, 5, 6, 9])
    expect(Array.from(mask.data as Uint8Array)).toEqual([1, 1, 1, 1, 0, 0, 1, 1, 0])
    expect(Array.from(lengths.data as Int32Array)).toEqual([3, 1, 2])
  })

  test('at the start, and cut', () => {
    const { tokens, mask } = padSequences(lists, { side: 'start', length: 2 })
    expect(Array.from(tokens.data as Int32Array)).toEqual([2, 3, 0, 4, 5, 6])
    expect(Array.from(mask.data as Uint8Array)).toEqual([1, 1, 0, 1, 1, 1])
  })

  test('refuses nothing and impossible lengths', () => {
    expectError('E_VALUE', () => padSequences([]))
    for (const length of [0, -1, 1.5, NaN]) expectError('E_VALUE', () => padSequences(lists, { length }))
  })
})

describe('sequences of different lengths', () => {
  const lengths = Array.from({ length: 103 }, (_, i) => 1 + ((i * 37) % 60))
  const data = new SequenceDataset(
    lengths.map((length, i) => new Int32Array(length).fill(i)),
    { label: lengths.map((_, i) => i % 2) },
  )

  test('come in batches of about the same length, each once', async () => {
    const loader = new DataLoader(data, { batchSize: 8, sampler: new LengthBucketSampler(data.lengths, 8) })
    const seen: number[] = []
    let padding = 0
    let all = 0
    for await (const { tokens, mask, label } of loader) {
      const [rows, columns] = tokens.dims
      for (let row = 0; row < rows; row++) {
        const number = Number(tokens.data[row * columns])
        seen.push(number)
        expect(Number(label.data[row])).toBe(number % 2)
      }
      const real = (mask.data as Uint8Array).reduce((sum, bit) => sum + bit, 0)
      padding += rows * columns - real
      all += rows * columns
    }
    expect(seen.sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i))
    expect(padding / all).toBeLessThan(0.1)
  })

  test('come in another order with another seed, in the same with the same', () => {
    const sampler = new LengthBucketSampler(data.lengths, 8, 4)
    const order = (seed: number): number[] => Array.from(sampler.order(new Random(seed)))
    expect(order(1)).toEqual(order(1))
    expect(order(1)).not.toEqual(order(2))
  })

  test('are one at a time without the first axis', () => {
    const { tokens, label } = data.get(5)
    expect(tokens.dims).toEqual([lengths[5]])
    expect(label.dims).toEqual([])
    expectError('E_VALUE', () => data.get(103))
    expectError('E_SHAPE', () => new SequenceDataset([[1]], { label: [1, 2] }))
  })
})
