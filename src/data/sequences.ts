import { checkArguments } from '../core/arguments.js'
import { Tensor } from '../api/tensor.js'
import { LanewiseError } from '../core/errors.js'
import type { Random } from '../core/random.js'
import { checkIndex, onlyExample, type Dataset, type Fields } from './dataset.js'
import type { Sampler } from './sampler.js'

/** Documents one after the other, each followed by a separator: what a language model is trained on. */
export function joinDocuments(documents: Iterable<ArrayLike<number>>, separator: number): Int32Array<ArrayBuffer> {
  checkArguments('joinDocuments', { documents, separator }, 'iterable', 'number')

  const list = [...documents]
  const tokens = new Int32Array(list.reduce((sum, document) => sum + document.length + 1, 0))
  let at = 0
  for (const document of list) {
    tokens.set(document, at)
    at += document.length
    tokens[at++] = separator
  }
  return tokens
}

/** How sequences of different lengths are filled up. */
export interface PadOptions {
  /** What fills up, e.g. the number of a padding token; 0 by default. */
  readonly value?: number
  /** Columns; as many as the longest sequence has by default. Longer sequences are cut. */
  readonly length?: number
  /** Where to fill up (and to cut): at the end by default; at the start for models that go on where a prompt ends. */
  readonly side?: 'end' | 'start'
}

/**
 * Sequences of different lengths as one tensor.
 *
 * @returns `tokens` int32 [sequences, length]; `mask` bool of that shape, true where a token is and false where the
 *   tensor was filled up; `lengths` int32 [sequences].
 * @throws LanewiseError `E_VALUE` for no sequences, or a length that is no whole number from 1.
 */
export function padSequences(
  sequences: readonly ArrayLike<number>[],
  options: PadOptions = {},
): { readonly tokens: Tensor; readonly mask: Tensor; readonly lengths: Tensor } {
  checkArguments('padSequences', { sequences, options }, 'list', { value: 'number', length: 'number', side: 'string' })

  const { value = 0, side = 'end', length = Math.max(1, ...sequences.map((sequence) => sequence.length)) } = options
  if (sequences.length === 0) throw new LanewiseError('E_VALUE', 'there are no sequences to pad')
  if (!Number.isSafeInteger(length) || length < 1)
    throw new LanewiseError('E_VALUE', `sequences are padded to a whole number of tokens from 1, got ${length}`)
  const tokens = new Int32Array(sequences.length * length).fill(value)
  const mask = new Uint8Array(tokens.length)
  const lengths = new Int32Array(sequences.length)
  sequences.forEach((sequence, row) => {
    const count = Math.min(sequence.length, length)
    const from = side === 'start' ? sequence.length - count : 0
    const to = row * length + (side === 'start' ? length - count : 0)
    for (let i = 0; i < count; i++) tokens[to + i] = sequence[from + i]
    mask.fill(1, to, to + count)
    lengths[row] = count
  })
  const dims = [sequences.length, length]
  return {
    tokens: new Tensor('int32', tokens, dims),
    mask: new Tensor('bool', mask, dims),
    lengths: new Tensor('int32', lengths, [sequences.length]),
  }
}

/**
 * Token sequences of different lengths, with what else belongs to each. A batch has `tokens` and `mask` [batch,
 * longest], `lengths` [batch], and every other field with a first axis that counts the examples.
 *
 * @example
 * import { DataLoader, LengthBucketSampler, SequenceDataset } from 'lanewise/train'
 *
 * const sequences = [[5, 6], [7, 8, 9, 10], [11], [12, 13, 14]]
 * const reviews = new SequenceDataset(sequences, { label: [0, 1, 1, 0] }, { length: 256 })
 * const sampler = new LengthBucketSampler(reviews.lengths, 2)
 * for await (const { tokens, mask, label } of new DataLoader(reviews, { batchSize: 2, sampler }))
 *   console.log(tokens.dims, mask.dims, label.data)
 */
export class SequenceDataset implements Dataset {
  /** How many sequences there are. */
  readonly length: number

  /** @throws LanewiseError `E_SHAPE` for a field that has not one value per sequence. */
  constructor(
    private readonly sequences: readonly ArrayLike<number>[],
    private readonly labels: Readonly<Record<string, ArrayLike<number>>> = {},
    private readonly pad: PadOptions = {},
  ) {
    checkArguments(new.target.name, { sequences, labels, pad }, 'list', 'object?', {
      value: 'number',
      length: 'number',
      side: 'string',
    })

    this.length = sequences.length
    for (const [name, values] of Object.entries(labels)) {
      if (values.length !== this.length)
        throw new LanewiseError('E_SHAPE', `"${name}" has ${values.length} values for ${this.length} sequences`, {
          tensor: name,
          expected: String(this.length),
          actual: String(values.length),
        })
    }
  }

  /** How many tokens each sequence has, before any is cut. */
  get lengths(): Int32Array {
    return Int32Array.from(this.sequences, (sequence) => sequence.length)
  }

  /** One example, as a batch of one without its first axis. */
  get(index: number): Fields {
    return onlyExample(this.batch([index]))
  }

  batch(indices: ArrayLike<number>): Fields {
    const places = Array.from(indices)
    for (const place of places) checkIndex(place, this.length)
    const padded = padSequences(
      places.map((place) => this.sequences[place]),
      this.pad,
    )
    const labels = Object.entries(this.labels).map(([name, values]) => [
      name,
      new Tensor(
        'int32',
        Int32Array.from(places, (place) => values[place]),
        [places.length],
      ),
    ])
    return { ...padded, ...(Object.fromEntries(labels) as Fields) }
  }
}

/**
 * Every example once, those of about the same length together, so that little of a batch is padding. The examples are
 * shuffled, sorted by length within stretches of `batchSize · buckets` examples, and the batches of an epoch come in
 * random order.
 */
export class LengthBucketSampler implements Sampler {
  readonly length: number

  /** @throws LanewiseError `E_VALUE` unless `batchSize` and `buckets` are whole numbers from 1. */
  constructor(
    private readonly lengths: ArrayLike<number>,
    private readonly batchSize: number,
    private readonly buckets = 50,
  ) {
    checkArguments(new.target.name, { lengths, batchSize, buckets }, 'list|bytes', 'size', 'number?')

    for (const value of [batchSize, buckets])
      if (!Number.isInteger(value) || value < 1)
        throw new LanewiseError('E_VALUE', `buckets need whole numbers from 1, got ${batchSize} and ${buckets}`)
    this.length = lengths.length
  }

  order(random: Random): Uint32Array {
    const order = random.permutation(this.length)
    const stretch = this.batchSize * this.buckets
    for (let at = 0; at < order.length; at += stretch) {
      order.subarray(at, at + stretch).sort((a, b) => this.lengths[a] - this.lengths[b] || a - b)
    }
    // The last batch may be short and stays last, or all after it would be cut elsewhere.
    const full = Math.floor(order.length / this.batchSize)
    const result = new Uint32Array(order.length)
    random.permutation(full).forEach((from, to) => {
      result.set(order.subarray(from * this.batchSize, (from + 1) * this.batchSize), to * this.batchSize)
    })
    result.set(order.subarray(full * this.batchSize), full * this.batchSize)
    return result
  }
}
