import { checkArguments } from '../core/arguments.js'
import { LanewiseError, present } from '../core/errors.js'
import { Random } from '../core/random.js'
import { isStream, stack, type Dataset, type Fields, type StreamDataset } from './dataset.js'
import { RandomSampler, SequentialSampler, type Sampler } from './sampler.js'

/** What a {@link DataLoader} makes of a dataset. */
export interface LoaderOptions<S> {
  /** Examples in a batch; 1 by default. */
  readonly batchSize?: number
  /**
   * A new order in every epoch. For a stream: `true` is not enough, say how many examples to keep in `shuffleBuffer`.
   */
  readonly shuffle?: boolean
  /** Which examples, in which order; instead of `shuffle`. Not for streams. */
  readonly sampler?: Sampler
  /** Streams only: examples are drawn at random from so many that have been read ahead. */
  readonly shuffleBuffer?: number
  /** Leave out a last batch that is not full. */
  readonly dropLast?: boolean
  /** Decides every order and every augmentation; 0 by default. */
  readonly seed?: number
  /**
   * Changes an example before it goes into a batch: augmentation. All that is random must come from `random`, which
   * depends on the seed, the epoch and the place in it only.
   */
  readonly transform?: (example: S, random: Random) => S | Promise<S>
  /** Makes a batch of examples; by default each field gets a first axis that counts them. */
  readonly collate?: (examples: readonly S[]) => Fields
}

/** Where a loader stands; JSON. */
export interface LoaderState {
  /** The loader's seed. */
  readonly seed: number
  /** The epoch that is going on, from 0. */
  readonly epoch: number
  /** Examples of this epoch that have been handed out. */
  readonly position: number
  /** Examples in an epoch; `null` for a stream. */
  readonly length: number | null
}

/** Streams for the two things that are random must not be the same. */
const ORDER = 1
const TRANSFORM = 2

/**
 * Makes batches of examples. Every `for await` over it gives the rest of the current epoch, and the next one after
 * that. Orders and augmentations follow from seed, epoch and position alone: a loader that gets another one's
 * {@link state} goes on with the same batches, bit for bit. A dataset without examples has no batches, as a list
 * without elements has none; `fit` and `evaluate` refuse it (`E_VALUE`).
 *
 * @example
 * import { DataLoader, generateDigits } from 'lanewise/train'
 *
 * const loader = new DataLoader(generateDigits(200, 1), { batchSize: 100, shuffle: true, seed: 1 })
 * for await (const { image, label } of loader) console.log(image.dims, label.dims)
 */
export class DataLoader<S = Fields> implements AsyncIterable<Fields> {
  static readonly name = 'DataLoader'
  /** The epoch that is going on, from 0. */
  epoch = 0
  /** Examples of this epoch that have been handed out. */
  position = 0
  /** Examples in a batch; the last of an epoch may have fewer. */
  readonly batchSize: number
  /** Decides the order of every epoch, and what augmentations draw. */
  readonly seed: number
  private readonly sampler: Sampler | undefined
  private running = false
  /** The order of the epoch that {@link batchAt} was last asked for. */
  private known: { readonly epoch: number; readonly order: ArrayLike<number> } | undefined

  /** @throws LanewiseError `E_VALUE` for options that contradict each other or the dataset. */
  constructor(
    /** What the examples are taken from. */
    readonly dataset: Dataset<S> | StreamDataset<S>,
    private readonly options: LoaderOptions<S> = {},
  ) {
    checkArguments(new.target.name, { dataset, options }, 'dataset|stream', {
      batchSize: 'number',
      shuffle: 'boolean',
      sampler: 'object',
      shuffleBuffer: 'number',
      dropLast: 'boolean',
      seed: 'number',
      transform: 'function',
      collate: 'function',
    })

    const { batchSize = 1, shuffle = false, sampler, shuffleBuffer, seed = 0 } = options
    const refuse = (reason: string): never => {
      throw new LanewiseError('E_VALUE', reason)
    }
    if (!Number.isInteger(batchSize) || batchSize < 1)
      refuse(`a batch must have a whole number of examples, got ${batchSize}`)
    if (!Number.isFinite(seed)) refuse(`the seed must be a number, got ${seed}`)
    if (shuffle && sampler) refuse('a loader takes shuffle or a sampler, not both')
    if (isStream(dataset)) {
      if (sampler || (shuffle && shuffleBuffer === undefined))
        refuse('a stream has no order to choose: give shuffleBuffer, the number of examples to draw from')
      if (shuffleBuffer !== undefined && (!Number.isInteger(shuffleBuffer) || shuffleBuffer < 1))
        refuse(`shuffleBuffer must be a whole number from 1, got ${shuffleBuffer}`)
    } else {
      if (shuffleBuffer !== undefined) refuse('shuffleBuffer is for streams: use shuffle')
      this.sampler = sampler ?? (shuffle ? new RandomSampler(dataset.length) : new SequentialSampler(dataset.length))
    }
    this.batchSize = batchSize
    this.seed = seed
  }

  /** Batches in an epoch; undefined for a stream. */
  get batches(): number | undefined {
    if (!this.sampler) return undefined
    const count = this.sampler.length / this.batchSize
    return this.options.dropLast ? Math.floor(count) : Math.ceil(count)
  }

  /** Examples that an epoch hands out; undefined for a stream. */
  get examples(): number | undefined {
    if (!this.sampler) return undefined
    return this.options.dropLast ? present(this.batches, 'batches') * this.batchSize : this.sampler.length
  }

  /** Where the loader stands: after the batch that was handed out last. */
  state(): LoaderState {
    return { seed: this.seed, epoch: this.epoch, position: this.position, length: this.sampler?.length ?? null }
  }

  /**
   * Goes on where another loader over the same data stood. @throws LanewiseError `E_STATE` if the state belongs to
   * other data or another seed.
   */
  restore(state: LoaderState): this {
    const length = this.sampler?.length ?? null
    if (state.length !== length || state.seed !== this.seed) {
      throw new LanewiseError(
        'E_STATE',
        `the loader's state is that of ${state.length ?? 'a stream of'} examples and seed ${state.seed}, this loader has ${length ?? 'a stream of'} examples and seed ${this.seed}`,
        {
          expected: `${length} examples, seed ${this.seed}`,
          actual: `${state.length} examples, seed ${state.seed}`,
        },
      )
    }
    const whole = (value: number) => Number.isSafeInteger(value) && value >= 0
    if (!whole(state.epoch) || !whole(state.position) || (length !== null && state.position > length)) {
      throw new LanewiseError('E_STATE', `a loader cannot stand at example ${state.position} of epoch ${state.epoch}`)
    }
    this.epoch = state.epoch
    this.position = state.position
    return this
  }

  /** The same loader at the beginning of the current epoch. @internal */
  again(): DataLoader<S> {
    const other = new DataLoader(this.dataset, this.options)
    other.epoch = this.epoch
    return other
  }

  /** The rest of the current epoch. @throws LanewiseError `E_STATE` while another loop over this loader runs. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Fields, void, void> {
    if (this.running) throw new LanewiseError('E_STATE', 'a loader makes the batches of one loop at a time')
    this.running = true
    try {
      if (isStream(this.dataset)) yield* this.streamed(this.dataset)
      else yield* this.ordered(this.dataset, present(this.sampler, 'sampler'))
      this.epoch++
      this.position = 0
    } finally {
      this.running = false
    }
  }

  /**
   * The batch at a place of an epoch, wherever the loader stands: for threads that make batches for others.
   *
   * @throws LanewiseError `E_VALUE` for a stream or a place beyond the epoch.
   * @internal
   */
  async batchAt(epoch: number, position: number): Promise<Fields> {
    const { dataset, sampler } = this
    const examples = this.examples
    if (!sampler || isStream(dataset) || examples === undefined || position >= examples)
      throw new LanewiseError('E_VALUE', `there is no batch at example ${position} of epoch ${epoch}`)
    if (this.known?.epoch !== epoch) this.known = { epoch, order: sampler.order(Random.at(this.seed, ORDER, epoch)) }
    return this.batchOf(dataset, this.known.order, position, epoch)
  }

  private batchOf(
    dataset: Dataset<S>,
    order: ArrayLike<number>,
    position: number,
    epoch: number,
  ): Fields | Promise<Fields> {
    const { transform, collate } = this.options
    // A dataset that makes batches by itself does so only if nobody wants to see its examples.
    const whole = transform || collate ? undefined : dataset.batch?.bind(dataset)
    const end = Math.min(position + this.batchSize, order.length)
    const places = Array.prototype.slice.call(order, position, end) as number[]
    return whole ? whole(places) : this.examplesAt(dataset, places, position, epoch).then((some) => this.collate(some))
  }

  private async *ordered(dataset: Dataset<S>, sampler: Sampler): AsyncGenerator<Fields, void, void> {
    const { dropLast = false } = this.options
    const order = sampler.order(Random.at(this.seed, ORDER, this.epoch))
    while (this.position < order.length) {
      const end = Math.min(this.position + this.batchSize, order.length)
      if (dropLast && end - this.position < this.batchSize) return
      const batch = await this.batchOf(dataset, order, this.position, this.epoch)
      this.position = end
      yield batch
    }
  }

  private async examplesAt(
    dataset: Dataset<S>,
    places: readonly number[],
    position: number,
    epoch: number,
  ): Promise<S[]> {
    const { transform } = this.options
    const examples: S[] = []
    for (const [i, place] of places.entries()) {
      // Most datasets are in memory, and an await per example would cost more than the example.
      const got = dataset.get(place)
      let example = got instanceof Promise ? await got : got
      if (transform) {
        // With replacement a place may come twice in an epoch: the place in the order makes the difference.
        const changed = transform(example, Random.at(this.seed, TRANSFORM, epoch, position + i))
        example = changed instanceof Promise ? await changed : changed
      }
      examples.push(example)
    }
    return examples
  }

  /** What has been handed out is read again, and dropped: a stream has no other way to its middle. */
  private async *streamed(dataset: StreamDataset<S>): AsyncGenerator<Fields, void, void> {
    const { transform, dropLast = false } = this.options
    let place = 0
    let examples: S[] = []
    for await (const example of this.mixed(dataset.stream(this.epoch))) {
      const index = place++
      if (index < this.position) continue
      examples.push(transform ? await transform(example, Random.at(this.seed, TRANSFORM, this.epoch, index)) : example)
      if (examples.length < this.batchSize) continue
      const batch = this.collate(examples)
      examples = []
      this.position = place
      yield batch
    }
    if (place < this.position)
      throw new LanewiseError(
        'E_STATE',
        `the stream ended after ${place} examples, but ${this.position} had been handed out before`,
      )
    if (examples.length === 0 || dropLast) return
    this.position = place
    yield this.collate(examples)
  }

  private async *mixed(examples: AsyncIterable<S> | Iterable<S>): AsyncGenerator<S, void, void> {
    const { shuffleBuffer } = this.options
    if (shuffleBuffer === undefined) {
      yield* examples
      return
    }
    const random = Random.at(this.seed, ORDER, this.epoch)
    const kept: S[] = []
    for await (const example of examples) {
      if (kept.length < shuffleBuffer) {
        kept.push(example)
        continue
      }
      const i = random.integer(shuffleBuffer)
      yield kept[i]
      kept[i] = example
    }
    yield* random.shuffle(kept)
  }

  private collate(examples: readonly S[]): Fields {
    return this.options.collate ? this.options.collate(examples) : stack(examples as readonly Fields[])
  }
}
