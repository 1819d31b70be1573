import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { checkIndex, type Dataset, type Fields, type StreamDataset } from './dataset.js'

/** How datasets are mixed. */
export interface MixOptions {
  /** Shares of the datasets, in any unit; all alike by default. */
  readonly weights?: readonly number[]
  /** Examples of the mixture; by default so many that no dataset is passed through more than once. */
  readonly length?: number
}

/**
 * Examples of several datasets in fixed shares, evenly spread: of the first n examples each dataset has its share of n,
 * to within the number of datasets. A dataset that is used up begins again. Several copies of an example are several
 * places of the mixture, so a loader's augmentation treats each differently.
 *
 * @example
 * import { generateDigits, MixedDataset } from 'lanewise/train'
 *
 * const [drawn, other] = [generateDigits(300, 1), generateDigits(100, 2)]
 * const data = new MixedDataset([drawn, other], { weights: [3, 1], length: 1000 })
 * console.log(data.length) // 1000
 */
export class MixedDataset<S = Fields> implements Dataset<S> {
  /** How many examples there are. */
  readonly length: number
  private readonly which: Uint8Array
  private readonly place: Uint32Array

  /**
   * @throws LanewiseError `E_VALUE` for no datasets, an empty one, or weights that are no positive numbers, one for
   *   each.
   */
  constructor(
    /** What they are taken from. */
    readonly datasets: readonly Dataset<S>[],
    options: MixOptions = {},
  ) {
    checkArguments(new.target.name, { datasets, options }, 'list', { weights: 'numbers', length: 'number' })
    const { weights, length } = options

    const shares = sharesOf(datasets.length, weights)
    datasets.forEach((dataset, i) => {
      if (dataset.length === 0) throw new LanewiseError('E_VALUE', `dataset ${i} of a mixture is empty`)
    })
    this.length = length ?? Math.floor(Math.min(...datasets.map((dataset, i) => dataset.length / shares[i])))
    if (!Number.isInteger(this.length) || this.length < 1 || this.length >= 2 ** 32)
      throw new LanewiseError('E_VALUE', `a mixture has a whole number of examples, got ${this.length}`)
    this.which = new Uint8Array(this.length)
    this.place = new Uint32Array(this.length)
    const turns = new Turns(shares)
    for (let i = 0; i < this.length; i++) {
      const which = turns.next()
      this.which[i] = which
      this.place[i] = (turns.taken[which] - 1) % datasets[which].length
    }
  }

  get(index: number): S | Promise<S> {
    checkIndex(index, this.length)
    return this.datasets[this.which[index]].get(this.place[index])
  }
}

/**
 * Streams in fixed shares, evenly spread. It ends when a stream ends whose turn it is: no later than the shortest
 * allows.
 *
 * @throws LanewiseError `E_VALUE` as {@link MixedDataset}.
 */
export function interleaved<S = Fields>(
  streams: readonly StreamDataset<S>[],
  options: Pick<MixOptions, 'weights'> = {},
): StreamDataset<S> {
  checkArguments('interleaved', { streams, options }, 'list', { weights: 'numbers' })
  const { weights } = options

  const shares = sharesOf(streams.length, weights)
  return {
    async *stream(epoch) {
      const iterators = streams.map((stream) => iteratorOf(stream.stream(epoch)))
      const turns = new Turns(shares)
      try {
        for (;;) {
          const next = await iterators[turns.next()].next()
          if (next.done) return
          yield next.value
        }
      } finally {
        for (const iterator of iterators) await iterator.return?.()
      }
    },
  }
}

function iteratorOf<S>(examples: AsyncIterable<S> | Iterable<S>): AsyncIterator<S> | Iterator<S> {
  return Symbol.asyncIterator in examples ? examples[Symbol.asyncIterator]() : examples[Symbol.iterator]()
}

/** Whose turn it is: the one that is furthest behind its share. */
class Turns {
  readonly taken: number[]
  private count = 0

  constructor(private readonly shares: readonly number[]) {
    this.taken = shares.map(() => 0)
  }

  next(): number {
    this.count++
    let behind = 0
    for (let i = 1; i < this.shares.length; i++)
      if (this.shares[i] * this.count - this.taken[i] > this.shares[behind] * this.count - this.taken[behind])
        behind = i
    this.taken[behind]++
    return behind
  }
}

function sharesOf(count: number, weights: readonly number[] = new Array<number>(count).fill(1)): number[] {
  if (count === 0 || count > 255) throw new LanewiseError('E_VALUE', `a mixture has 1 to 255 parts, got ${count}`)
  if (weights.length !== count || !weights.every((weight) => Number.isFinite(weight) && weight > 0))
    throw new LanewiseError(
      'E_VALUE',
      `${count} parts of a mixture need as many positive weights, got ${weights.join(', ')}`,
    )
  const total = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / total)
}
