import { describe, expect, test } from 'vitest'
import {
  ConcatDataset,
  mapped,
  randomSplit,
  stack,
  Subset,
  TensorDataset,
  type Fields,
  type StreamDataset,
} from '../../src/data/dataset.js'
import { DataLoader, type LoaderOptions, type LoaderState } from '../../src/data/loader.js'
import { RandomSampler, SequentialSampler, WeightedRandomSampler } from '../../src/data/sampler.js'
import { Random } from '../../src/core/random.js'
import { Tensor } from '../../src/api/tensor.js'
import { expectError, expectRejects } from '../support/expect-error.js'

/** Example i is { x: [i, −i], y: i }. */
function counting(length: number): TensorDataset {
  const x = Float32Array.from({ length: 2 * length }, (_, i) => (i % 2 === 0 ? i / 2 : -(i - 1) / 2))
  return new TensorDataset({
    x: new Tensor('float32', x, [length, 2]),
    y: new Tensor(
      'int64',
      BigInt64Array.from({ length }, (_, i) => BigInt(i)),
      [length],
    ),
  })
}

const scalar = (i: number): Fields => ({ y: new Tensor('int64', [BigInt(i)], []) })
const numbersOf = (batch: Fields) => Array.from(batch.y.data as BigInt64Array, Number)

async function epochOf(loader: DataLoader): Promise<number[][]> {
  const batches: number[][] = []
  for await (const batch of loader) batches.push(numbersOf(batch))
  return batches
}

describe('datasets', () => {
  test('give examples and batches that agree', () => {
    const data = counting(5)
    expect(Array.from(data.get(3).x.data as Float32Array)).toEqual([3, -3])
    expect(data.get(3).x.dims).toEqual([2])
    expect(data.get(3).y.dims).toEqual([])
    const places = [4, 0, 4]
    expect(data.batch(places)).toEqual(stack(places.map((i) => data.get(i))))
    const words = new TensorDataset({ word: new Tensor('string', ['a', 'b', 'c', 'd'], [2, 2]) })
    expect(words.get(1).word.data).toEqual(['c', 'd'])
    expect(words.batch([1, 0])).toEqual(stack([words.get(1), words.get(0)]))
  })

  test('small floats keep their bits', () => {
    const data = new TensorDataset({ h: new Tensor('float16', Uint16Array.of(0x3c00, 0x4000, 0xc000), [3]) })
    const { h } = data.batch([2, 1])
    expect(new Uint16Array((h.data as Uint16Array).buffer)).toEqual(Uint16Array.of(0xc000, 0x4000))
    expect(stack([data.get(2), data.get(1)])).toEqual({ h })
  })

  test.each([-1, 5, 1.5, NaN])('there is no example %d of 5', (index) => {
    expectError('E_VALUE', () => counting(5).get(index))
    expectError('E_VALUE', () => counting(5).batch([index]))
    expectError('E_VALUE', () => new Subset(counting(5), [index]))
  })

  test('tensors that do not fit each other are refused', () => {
    expectError('E_SHAPE', () => new TensorDataset({}))
    expectError('E_SHAPE', () => new TensorDataset({ x: new Tensor('float32', [1], []) }))
    expectError(
      'E_SHAPE',
      () => new TensorDataset({ x: new Tensor('float32', [1], [1]), y: new Tensor('float32', [1, 2], [2]) }),
      /"y" has 2 examples, "x" has 1/,
    )
    expectError('E_SHAPE', () =>
      stack([{ x: new Tensor('float32', [1], [1]) }, { x: new Tensor('float32', [1, 2], [2]) }]),
    )
    expectError('E_SHAPE', () => stack([scalar(0), counting(1).get(0)]))
    expectError('E_SHAPE', () => stack([]))
  })

  test('parts of a split have every example once and follow from the seed', () => {
    const data = counting(103)
    const [train, validation] = randomSplit(data, [0.8, 0.2], 7)
    expect([train.length, validation.length]).toEqual([83, 20])
    const all = [train, validation].flatMap((part) =>
      Array.from({ length: part.length }, (_, i) => numbersOf(part.get(i) as Fields)[0]),
    )
    expect([...all].sort((a, b) => a - b)).toEqual(Array.from({ length: 103 }, (_, i) => i))
    expect(numbersOf(train.batch!([5, 6]))).toEqual([all[5], all[6]])
    expect(Array.from(randomSplit(data, [100, 3], 7)[0].indices)).toEqual(all.slice(0, 100))
    expect(Array.from(randomSplit(data, [100, 3], 8)[0].indices)).not.toEqual(all.slice(0, 100))
    for (const parts of [[0.5, 0.4], [100, 4], [104, -1], []]) expectError('E_VALUE', () => randomSplit(data, parts, 1))
  })

  test('can be put together and changed', async () => {
    const data = new ConcatDataset([counting(2), counting(0), counting(3)])
    expect(data.length).toBe(5)
    expect(Array.from({ length: 5 }, (_, i) => numbersOf(data.get(i) as Fields)[0])).toEqual([0, 1, 0, 1, 2])
    const later = { length: 2, get: async (i: number) => scalar(i) }
    const doubled = mapped(later, (example, i) => scalar(2 * numbersOf(example)[0] + 10 * i))
    expect(await epochOf(new DataLoader(doubled, { batchSize: 2 }))).toEqual([[0, 12]])
  })
})

describe('samplers', () => {
  const order = (sampler: { order(random: Random): ArrayLike<number> }, seed = 1) =>
    Array.from(sampler.order(new Random(seed)))

  test('in order, at random, with replacement', () => {
    expect(order(new SequentialSampler(3))).toEqual([0, 1, 2])
    const drawn = order(new RandomSampler(50))
    expect(drawn).not.toEqual(order(new RandomSampler(50), 2))
    expect([...drawn].sort((a, b) => a - b)).toEqual(order(new SequentialSampler(50)))
    expect(order(new RandomSampler(50, { count: 10 }))).toEqual(drawn.slice(0, 10))
    const again = order(new RandomSampler(5, { replacement: true, count: 100 }))
    expect(new Set(again)).toEqual(new Set([0, 1, 2, 3, 4]))
    expectError('E_VALUE', () => new RandomSampler(5, { count: 6 }))
  })

  test.each([true, false])('weights are the probabilities (replacement: %s)', (replacement) => {
    const weights = [1, 0, 3, 6]
    const counts = [0, 0, 0, 0]
    if (replacement) for (const i of order(new WeightedRandomSampler(weights, 100_000))) counts[i]++
    else
      for (let seed = 0; seed < 20_000; seed++)
        counts[order(new WeightedRandomSampler(weights, 1, { replacement }), seed)[0]]++
    const total = counts.reduce((a, b) => a + b)
    expect(counts[1]).toBe(0)
    counts.forEach((count, i) => expect(Math.abs(count / total - weights[i] / 10)).toBeLessThan(0.01))
  })

  test('without replacement every example comes at most once, none of weight 0', () => {
    expect(order(new WeightedRandomSampler([2, 0, 1, 5], 3, { replacement: false })).sort()).toEqual([0, 2, 3])
    expectError('E_VALUE', () => new WeightedRandomSampler([2, 0, 1, 5], 4, { replacement: false }))
    expectError('E_VALUE', () => new WeightedRandomSampler([0, 0], 1))
    for (const weight of [-1, NaN, Infinity]) expectError('E_VALUE', () => new WeightedRandomSampler([1, weight], 1))
  })
})

describe('loaders', () => {
  test('make batches, the last one smaller or left out', async () => {
    expect(await epochOf(new DataLoader(counting(5), { batchSize: 2 }))).toEqual([[0, 1], [2, 3], [4]])
    const loader = new DataLoader(counting(5), { batchSize: 2, dropLast: true })
    expect(await epochOf(loader)).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect([loader.batches, loader.examples, loader.epoch, loader.position]).toEqual([2, 4, 1, 0])
    expect(await epochOf(new DataLoader(counting(0), { batchSize: 2 }))).toEqual([])
  })

  test('shuffle every epoch anew, the same for the same seed', async () => {
    const make = (seed: number) => new DataLoader(counting(20), { batchSize: 7, shuffle: true, seed })
    const loader = make(3)
    const [first, second] = [await epochOf(loader), await epochOf(loader)]
    expect(first.flat()).not.toEqual(second.flat())
    for (const epoch of [first, second])
      expect(epoch.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(await epochOf(make(3))).toEqual(first)
    expect(await epochOf(make(4))).not.toEqual(first)
  })

  test('a dataset with batches of its own gives what its examples give', async () => {
    const data = counting(9)
    const slow = { length: 9, get: (i: number) => data.get(i) }
    const options = { batchSize: 4, shuffle: true, seed: 2 }
    const fast: Fields[] = []
    for await (const batch of new DataLoader(data, options)) fast.push(batch)
    const one: Fields[] = []
    for await (const batch of new DataLoader(slow, options)) one.push(batch)
    expect(fast).toEqual(one)
  })

  const stream: StreamDataset = {
    *stream(epoch) {
      for (let i = 0; i < 23; i++) yield scalar(100 * epoch + i)
    },
  }
  const noisy = (example: Fields, random: Random): Fields => ({
    ...example,
    noise: new Tensor('float64', [random.normal()], []),
  })
  const cases: [string, () => DataLoader][] = [
    ['in order', () => new DataLoader(counting(23), { batchSize: 4 })],
    ['shuffled', () => new DataLoader(counting(23), { batchSize: 4, shuffle: true, seed: 5 })],
    [
      'shuffled, augmented, full batches only',
      () => new DataLoader(counting(23), { batchSize: 4, shuffle: true, seed: 5, dropLast: true, transform: noisy }),
    ],
    [
      'weighted',
      () =>
        new DataLoader(counting(23), {
          batchSize: 4,
          seed: 5,
          sampler: new WeightedRandomSampler(
            Array.from({ length: 23 }, (_, i) => i),
            40,
          ),
        }),
    ],
    ['a stream', () => new DataLoader(stream, { batchSize: 4 })],
    [
      'a shuffled stream, augmented',
      () => new DataLoader(stream, { batchSize: 4, shuffleBuffer: 6, seed: 5, transform: noisy }),
    ],
    ['a stream, full batches only', () => new DataLoader(stream, { batchSize: 4, dropLast: true })],
  ]

  test.each(cases)('%s: goes on bit for bit from any state', async (_, make) => {
    const whole: { batch: Fields; state: LoaderState }[] = []
    const loader = make()
    for (let epoch = 0; epoch < 3; epoch++)
      for await (const batch of loader)
        whole.push({ batch, state: JSON.parse(JSON.stringify(loader.state())) as LoaderState })
    expect(whole.length).toBeGreaterThan(14)
    for (const [i, { state }] of whole.entries()) {
      const resumed = make().restore(state)
      const rest: Fields[] = []
      while (resumed.epoch < 3) for await (const batch of resumed) rest.push(batch)
      expect(rest).toEqual(whole.slice(i + 1).map(({ batch }) => batch))
    }
  })

  test('a shuffled stream has every example once, in another order', async () => {
    const [batches] = [await epochOf(new DataLoader(stream, { batchSize: 4, shuffleBuffer: 6 }))]
    const sorted = batches.flat().sort((a, b) => a - b)
    expect(sorted).toEqual(Array.from({ length: 23 }, (_, i) => i))
    expect(batches.flat()).not.toEqual(sorted)
  })

  test('an augmentation differs from epoch to epoch, but not with the batch size', async () => {
    const values = async (batchSize: number) => {
      const loader = new DataLoader(counting(6), { batchSize, shuffle: true, transform: noisy })
      const epochs: number[][] = []
      for (let epoch = 0; epoch < 2; epoch++) {
        const values: number[] = []
        for await (const { noise } of loader) values.push(...(noise.data as Float64Array))
        epochs.push(values)
      }
      return epochs
    }
    const [first, second] = await values(1)
    expect(new Set([...first, ...second]).size).toBe(12)
    expect(await values(4)).toEqual([first, second])
  })

  test('a state of other data, another seed or nonsense is refused', () => {
    const loader = new DataLoader(counting(5), { seed: 1 })
    const state = loader.state()
    expectError('E_STATE', () => new DataLoader(counting(6), { seed: 1 }).restore(state), /5 examples/)
    expectError('E_STATE', () => new DataLoader(counting(5), { seed: 2 }).restore(state), /seed 1/)
    expectError('E_STATE', () => loader.restore({ ...state, position: 6 }))
    expectError('E_STATE', () => loader.restore({ ...state, epoch: -1 }))
  })

  test('a stream that has become shorter is noticed', async () => {
    const loader = new DataLoader(stream, { batchSize: 4 }).restore({ seed: 0, epoch: 0, position: 24, length: null })
    await expectRejects('E_STATE', () => epochOf(loader), /ended after 23/)
  })

  test('two loops at once are refused, one after the other goes on', async () => {
    const loader = new DataLoader(counting(5), { batchSize: 2 })
    const loop = loader[Symbol.asyncIterator]()
    expect(numbersOf((await loop.next()).value as Fields)).toEqual([0, 1])
    await expectRejects('E_STATE', () => epochOf(loader))
    await loop.return()
    expect(await epochOf(loader)).toEqual([[2, 3], [4]])
  })

  test.each<[string, LoaderOptions<Fields>, boolean]>([
    ['no examples in a batch', { batchSize: 0 }, false],
    ['a seed that is none', { seed: NaN }, false],
    ['shuffle and a sampler', { shuffle: true, sampler: new SequentialSampler(5) }, false],
    ['a shuffle buffer without a stream', { shuffleBuffer: 5 }, false],
    ['a stream with a sampler', { sampler: new SequentialSampler(5) }, true],
    ['a shuffled stream without a buffer', { shuffle: true }, true],
    ['a shuffle buffer for nothing', { shuffleBuffer: 0 }, true],
  ])('%s is refused', (_, options, streamed) => {
    expectError('E_VALUE', () => new DataLoader(streamed ? stream : counting(5), options))
  })
})
