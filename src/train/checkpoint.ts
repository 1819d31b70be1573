import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { LanewiseError } from '../core/errors.js'
import { filesIn, makeFolder, readNow, removeFile, writeAtomically } from '../platform/node-files.js'
import type { Tensor } from '../api/tensor.js'
import { MAX_HEADER, safetensorsLayout, safetensorsPieces, tensorsOf } from './safetensors.js'

/** What a run needs to go on: weights and the optimiser's moments as tensors; step, positions and random states as JSON. */
export interface Checkpoint {
  /** The step after which it was saved. */
  readonly step: number
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly state: unknown
}

/** Where checkpoints go and how many are kept. */
export interface CheckpointOptions {
  /** Checkpoints that are kept, the newest ones; 3 by default. At least 2: the one before is what a damaged newest one is replaced by. */
  readonly keep?: number
}

/** Keys of the file's metadata. */
const STATE = 'lanewise.state'
const STEP = 'lanewise.step'
const CHECKSUM = 'lanewise.sha256'
/** Stands in the place of the checksum while it is computed. */
const BLANK = '0'.repeat(64)

const pattern = /^checkpoint-(\d{10})\.safetensors$/
const leftover = /^checkpoint-\d{10}\.safetensors\.[0-9a-f]+\.tmp$/

/**
 * The checkpoints of a run, in a folder: safetensors files (which other programs can read too) with the state and a SHA-256 of the whole file in
 * their metadata. A file is written under another name, flushed to the disk and then renamed, so at every moment the last checkpoint that was
 * finished is there, whole; and should a disk damage it, the one before is used. Symbolic links are no checkpoints.
 *
 * Reading and writing happen at once, not later: weights must not change while they are written.
 */
export class CheckpointStore {
  private readonly keep: number

  /** @throws LanewiseError `E_VALUE` for fewer than 2 to keep. */
  constructor(
    readonly folder: string,
    { keep = 3 }: CheckpointOptions = {},
  ) {
    if (!Number.isInteger(keep) || keep < 2)
      throw new LanewiseError('E_VALUE', `at least 2 checkpoints must be kept, got ${keep}`)
    this.keep = keep
  }

  /** The file of a step. */
  path(step: number): string {
    return join(this.folder, `checkpoint-${String(step).padStart(10, '0')}.safetensors`)
  }

  /** Steps that have a file, the oldest first. */
  steps(): number[] {
    return filesIn(this.folder)
      .map((name) => pattern.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b)
  }

  /**
   * Saves a checkpoint and, when it is safe, removes the oldest ones that are too many.
   *
   * @param state - JSON.
   * @throws LanewiseError `E_VALUE` for a step that is none or a state that is no JSON; `E_EXTERNAL` if the file cannot be written: then everything is as before.
   */
  save({ step, tensors, state }: Checkpoint): string {
    if (!Number.isInteger(step) || step < 0 || step > 9_999_999_999)
      throw new LanewiseError('E_VALUE', `a step is a whole number from 0, got ${step}`)
    const path = this.path(step)
    makeFolder(this.folder)
    const pieces = safetensorsPieces(tensors, { [STEP]: String(step), [STATE]: jsonOf(state), [CHECKSUM]: BLANK })
    const hash = new Checksum()
    for (const piece of pieces) hash.update(piece)
    pieces[0].set(Buffer.from(hash.hex(), 'latin1'), checksumPlace(pieces[0], path))
    writeAtomically(path, pieces)
    this.clean(step)
    return path
  }

  /**
   * The newest checkpoint that is whole; undefined if there is none at all.
   *
   * @param skipped - is told of each newer one that had to be passed over.
   * @throws LanewiseError `E_PARSE` if there are some, but all are damaged.
   */
  latest(skipped?: (step: number, error: LanewiseError) => void): Checkpoint | undefined {
    const steps = this.steps().reverse()
    const errors: string[] = []
    for (const step of steps) {
      try {
        return this.load(step)
      } catch (error) {
        if (!(error instanceof LanewiseError)) throw error
        errors.push(error.message)
        skipped?.(step, error)
      }
    }
    if (errors.length > 0)
      throw new LanewiseError(
        'E_PARSE',
        `none of the ${errors.length} checkpoints in ${JSON.stringify(this.folder)} is whole: ${errors.join('; ')}`,
      )
    return undefined
  }

  /** The checkpoint of a step. @throws LanewiseError `E_EXTERNAL` if it cannot be read, `E_PARSE` or `E_TENSOR` if it is damaged. */
  load(step: number): Checkpoint {
    const path = this.path(step)
    return readNow(
      path,
      (read, size) => {
        const head = new Uint8Array(Math.min(size, 8))
        read(head, 0)
        const length = size < 8 ? 0 : Number(new DataView(head.buffer).getBigUint64(0, true))
        const start = new Uint8Array(Math.min(size, 8 + Math.min(length, MAX_HEADER)))
        read(start, 0)
        const place = checksumPlace(start, path)
        const written = Buffer.from(start.subarray(place, place + BLANK.length)).toString('latin1')
        start.set(Buffer.from(BLANK, 'latin1'), place)
        const { entries, metadata } = safetensorsLayout(start, size, path)
        // The elements go where they belong as they are read, so that a large file is never held twice.
        const hash = new Checksum()
        hash.update(start)
        const tensors = tensorsOf(
          entries,
          (into, begin) => {
            read(into, start.length + begin)
            hash.update(into)
          },
          path,
        )
        const actual = hash.hex()
        if (actual !== written)
          throw new LanewiseError('E_PARSE', `${path}: the checksum does not fit the contents: the file is damaged`, {
            expected: written,
            actual,
          })
        if (metadata.get(STEP) !== String(step))
          throw new LanewiseError('E_PARSE', `${path}: this is the checkpoint of step ${metadata.get(STEP)}`)
        return { step, tensors, state: stateOf(metadata.get(STATE), path) }
      },
      false,
    )
  }

  /** Removes the checkpoints of later steps: a run that goes back to this one makes its own. */
  rewind(step: number): void {
    for (const later of this.steps()) if (later > step) removeFile(this.path(later))
  }

  /** Removes what is too old, and files that were not finished when their process ended. */
  private clean(newest: number): void {
    const steps = this.steps()
    // A run that went back to an earlier step keeps what it has just written.
    const old = steps.slice(0, -this.keep).filter((step) => step !== newest)
    for (const step of old) removeFile(this.path(step))
    for (const name of filesIn(this.folder)) if (leftover.test(name)) removeFile(join(this.folder, name))
  }
}

/** SHA-256 of any number of bytes: Node's own takes at most 2^31 − 1 at once. */
class Checksum {
  private readonly hash = createHash('sha256')

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 2 ** 30) this.hash.update(bytes.subarray(at, at + 2 ** 30))
  }

  hex(): string {
    return this.hash.digest('hex')
  }
}

function stateOf(text = 'null', path: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `${path}: the state is no JSON (${(cause as Error).message})`, { cause })
  }
}

function jsonOf(state: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(state)
  } catch (cause) {
    throw new LanewiseError('E_VALUE', `the state of a checkpoint must be JSON: ${(cause as Error).message}`, { cause })
  }
  if (text === undefined) throw new LanewiseError('E_VALUE', 'the state of a checkpoint must be JSON')
  return text
}

/** Where the checksum stands in the file's header. */
function checksumPlace(bytes: Uint8Array, path: string): number {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const key = `"${CHECKSUM}":"`
  // Quotation marks inside of other texts are escaped, so the key is found nowhere else.
  const length = bytes.length >= 8 ? Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)) : 0
  const at = head.subarray(0, Math.min(head.length, 8 + length)).indexOf(key)
  if (at < 0 || at + key.length + BLANK.length > head.length)
    throw new LanewiseError('E_PARSE', `${path}: this is no checkpoint of a training run, or it is cut off`)
  return at + key.length
}
