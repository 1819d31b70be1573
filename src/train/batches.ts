import type { Fields } from '../data/dataset.js'
import { DataLoader, type LoaderState } from '../data/loader.js'
import { LanewiseError } from '../core/errors.js'

/** What a training takes batches from: a loader, or anything that can be looped over once for every epoch. */
export type Batches =
  | DataLoader
  | AsyncIterable<Fields>
  | Iterable<Fields>
  | (() => AsyncIterable<Fields> | Iterable<Fields>)

/** What `fit` needs of a loader. @internal */
export interface EpochSource extends AsyncIterable<Fields> {
  readonly epoch: number
  readonly position: number
  readonly examples: number | undefined
  state(): LoaderState
  restore(state: LoaderState): unknown
}

/** @throws LanewiseError `E_VALUE` for what gives no batches. @internal */
export function epochsOf(data: Batches): EpochSource {
  if (data instanceof DataLoader || isSource(data)) return data
  if (typeof data === 'function') return new Repeated(data)
  const iterable =
    typeof data === 'object' && data !== null && (Symbol.asyncIterator in data || Symbol.iterator in data)
  if (!iterable)
    throw new LanewiseError(
      'E_VALUE',
      'the data must be a DataLoader, batches that can be looped over, or a function that gives such',
    )
  return new Repeated(() => data)
}

function isSource(data: unknown): data is EpochSource {
  return (
    typeof data === 'object' &&
    data !== null &&
    'epoch' in data &&
    'state' in data &&
    'restore' in data &&
    Symbol.asyncIterator in data
  )
}

/**
 * One whole pass for a measurement, wherever a loader stands: it stands there afterwards, so that what trains on the
 * same loader takes as many steps as it would without. @internal
 */
export async function* onePass(batches: AsyncIterable<Fields> | Iterable<Fields>): AsyncGenerator<Fields, void, void> {
  if (batches instanceof DataLoader) yield* batches.again()
  else if (isSource(batches)) {
    const state = batches.state()
    batches.restore({ ...state, position: 0 })
    try {
      yield* batches
    } finally {
      batches.restore(state)
    }
  } else yield* batches
}

/** Loops over the same batches in every epoch; after a restore, past those that were done. */
class Repeated implements EpochSource {
  epoch = 0
  /** Batches of this epoch that have been handed out. */
  position = 0
  readonly examples = undefined

  constructor(private readonly begin: () => AsyncIterable<Fields> | Iterable<Fields>) {}

  state(): LoaderState {
    return { seed: 0, epoch: this.epoch, position: this.position, length: null }
  }

  restore({ epoch, position, length }: LoaderState): this {
    if (length !== null) throw new LanewiseError('E_STATE', 'the run that was saved read from a loader')
    this.epoch = epoch
    this.position = position
    return this
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Fields, void, void> {
    let place = 0
    for await (const fields of this.begin()) {
      if (place++ < this.position) continue
      this.position = place
      yield fields
    }
    this.epoch++
    this.position = 0
  }
}
