import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { LanewiseError } from '../core/errors.js'
import { makeFolder, namesIn, readBytesNow, removeFile, writeAtomically } from '../platform/node-files.js'
import type { Tensor } from '../api/tensor.js'
import { decodeSafetensors, safetensorsPieces } from './safetensors.js'

/** What a run needs to go on: weights and the optimiser's moments as tensors; step, positions and random states as JSON. */
export interface Checkpoint {
  /** The step after which it was saved. */
  readonly step: number
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly state: unknown
}

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
const leftover = /^checkpoint-\d{10}\.safetensors\.\d+\.tmp$/

/**
 * The checkpoints of a run, in a folder: safetensors files (which other programs can read too) with the state and a SHA-256 of the whole file in
 * their metadata. A file is written under another name, flushed to the disk and then renamed, so at every moment the last checkpoint that was
 * finished is there, whole; and should a disk damage it, the one before is used.
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
    return namesIn(this.folder)
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
    const hash = createHash('sha256')
    for (const piece of pieces) hash.update(piece)
    pieces[0].set(Buffer.from(hash.digest('hex'), 'latin1'), checksumPlace(pieces[0], path))
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
    const bytes = readBytesNow(path)
    const place = checksumPlace(bytes, path)
    const written = Buffer.from(bytes.subarray(place, place + BLANK.length)).toString('latin1')
    bytes.set(Buffer.from(BLANK, 'latin1'), place)
    const actual = createHash('sha256').update(bytes).digest('hex')
    if (actual !== written)
      throw new LanewiseError('E_PARSE', `${path}: the checksum does not fit the contents: the file is damaged`, {
        expected: written,
        actual,
      })
    const { tensors, metadata } = decodeSafetensors(bytes, path)
    if (metadata.get(STEP) !== String(step))
      throw new LanewiseError('E_PARSE', `${path}: this is the checkpoint of step ${metadata.get(STEP)}`)
    return { step, tensors, state: JSON.parse(metadata.get(STATE) ?? 'null') as unknown }
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
    for (const name of namesIn(this.folder)) if (leftover.test(name)) removeFile(join(this.folder, name))
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
