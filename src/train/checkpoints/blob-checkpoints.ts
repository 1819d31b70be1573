import { checkArguments } from '../../core/arguments.js'
import { LanewiseError } from '../../core/errors.js'
import type { BlobStore } from '../../platform/blob-store.js'
import {
  allDamaged,
  checkKeep,
  checkpointName,
  outdated,
  readCheckpoint,
  stepsOf,
  writeCheckpoint,
  type Checkpoint,
  type CheckpointOptions,
  type Checkpoints,
} from './checkpoint-file.js'

/**
 * The checkpoints of a run among named bytes: {@link opfsStore} and {@link indexedDbStore} in browsers, or any other
 * {@link BlobStore}. The files are those of {@link CheckpointStore}, with the same checksum.
 *
 * @example
 * import { Adam, BlobCheckpoints, DataLoader, Device, fit } from 'lanewise/train'
 * import { Flatten, generateDigits, Linear, Sequential } from 'lanewise/train'
 * import type { BlobStore } from 'lanewise/train'
 *
 * // In a page: await opfsStore('runs/first'). Anything that keeps bytes by names will do:
 * const kept = new Map<string, Uint8Array>()
 * const store: BlobStore = {
 *   place: 'memory',
 *   names: async () => [...kept.keys()],
 *   read: async (name) => kept.get(name),
 *   write: async (name, pieces) => void kept.set(name, Buffer.concat(pieces)),
 *   remove: async (name) => void kept.delete(name),
 * }
 *
 * await Device.create({ seed: 1 })
 * const model = new Sequential(new Flatten(), new Linear(784, 10))
 * const data = new DataLoader(generateDigits(200, 1), { batchSize: 50, shuffle: true, seed: 1 })
 * const checkpoints = new BlobCheckpoints(store)
 * await fit(model, data, { optimizer: new Adam(model.parameters()), epochs: 1, checkpoints, resume: true })
 * console.log(kept.size > 0) // true
 */
export class BlobCheckpoints implements Checkpoints {
  private readonly keep: number

  /** @throws LanewiseError `E_VALUE` for fewer than 2 to keep. */
  constructor(
    private readonly blobs: BlobStore,
    options: CheckpointOptions = {},
  ) {
    checkArguments(new.target.name, { blobs, options }, 'object', { keep: 'number' })

    this.keep = checkKeep(options)
  }

  /** Where the bytes are. */
  get place(): string {
    return this.blobs.place
  }

  /** Steps that have one, the oldest first. */
  async steps(): Promise<number[]> {
    return stepsOf(await this.blobs.names())
  }

  /**
   * Saves a checkpoint, then removes the oldest ones that are too many.
   *
   * @throws LanewiseError `E_VALUE` for a step that is none or a state that is no JSON; `E_EXTERNAL` if it cannot be
   *   written.
   */
  async save(checkpoint: Checkpoint): Promise<void> {
    const name = checkpointName(checkpoint.step)
    await this.blobs.write(name, writeCheckpoint(checkpoint, name))
    for (const step of outdated(await this.steps(), this.keep, checkpoint.step))
      await this.blobs.remove(checkpointName(step))
  }

  /**
   * The newest checkpoint that is whole; undefined if there is none at all. @throws LanewiseError `E_PARSE` if there
   * are some, but all are damaged.
   */
  async latest(): Promise<Checkpoint | undefined> {
    const errors: string[] = []
    for (const step of (await this.steps()).reverse()) {
      try {
        return await this.load(step)
      } catch (error) {
        if (!(error instanceof LanewiseError)) throw error
        errors.push(error.message)
      }
    }
    if (errors.length > 0) throw allDamaged(this.place, errors)
    return undefined
  }

  /**
   * The checkpoint of a step. @throws LanewiseError `E_EXTERNAL` if it cannot be read, `E_PARSE` or `E_TENSOR` if it is
   * damaged.
   */
  async load(step: number): Promise<Checkpoint> {
    const name = checkpointName(step)
    const bytes = await this.blobs.read(name)
    if (!bytes) throw new LanewiseError('E_EXTERNAL', `there is no ${name} in ${this.place}`)
    const read = (into: Uint8Array, from: number) => {
      if (from + into.length > bytes.length) throw new LanewiseError('E_PARSE', `${name} is cut off`)
      into.set(bytes.subarray(from, from + into.length))
    }
    return readCheckpoint(read, bytes.length, step, name)
  }

  /** Removes the checkpoints of later steps. */
  async rewind(step: number): Promise<void> {
    for (const later of await this.steps()) if (later > step) await this.blobs.remove(checkpointName(later))
  }
}
