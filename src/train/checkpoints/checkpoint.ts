import { checkArguments } from '../../core/arguments.js'
import { LanewiseError } from '../../core/errors.js'
import { filesIn, joinPath, makeFolder, readNow, removeFile, writeAtomically } from '../../platform/node-files.js'
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

const leftover = /^checkpoint-\d{10}\.safetensors\.[0-9a-f]+\.tmp$/

/**
 * The checkpoints of a run, in a folder: safetensors files (which other programs can read too) with the state and a
 * SHA-256 of the whole file in their metadata. A file is written under another name, flushed to the disk and then
 * renamed, so at every moment the last checkpoint that was finished is there, whole; and should a disk damage it, the
 * one before is used. Symbolic links are no checkpoints.
 *
 * Reading and writing happen at once, not later: weights must not change while they are written.
 */
export class CheckpointStore implements Checkpoints {
  private readonly keep: number

  /** @throws LanewiseError `E_VALUE` for fewer than 2 to keep. */
  constructor(
    /** Where the checkpoints are. */
    readonly folder: string,
    options: CheckpointOptions = {},
  ) {
    checkArguments(new.target.name, { folder, options }, 'string', { keep: 'number' })

    this.keep = checkKeep(options)
  }

  /** The folder. */
  get place(): string {
    return this.folder
  }

  /** The file of a step. */
  path(step: number): string {
    return joinPath(this.folder, checkpointName(step))
  }

  /** Steps that have a file, the oldest first. */
  steps(): number[] {
    return stepsOf(filesIn(this.folder))
  }

  /**
   * Saves a checkpoint and, when it is safe, removes the oldest ones that are too many.
   *
   * @param checkpoint - its state is JSON.
   * @throws LanewiseError `E_VALUE` for a step that is none or a state that is no JSON; `E_EXTERNAL` if the file cannot
   *   be written: then everything is as before.
   */
  save(checkpoint: Checkpoint): string {
    const path = this.path(checkpoint.step)
    const pieces = writeCheckpoint(checkpoint, path)
    makeFolder(this.folder)
    writeAtomically(path, pieces)
    this.clean(checkpoint.step)
    return path
  }

  /**
   * The newest checkpoint that is whole; undefined if there is none at all.
   *
   * @param skipped - is told of each newer one that had to be passed over.
   * @throws LanewiseError `E_PARSE` if there are some, but all are damaged.
   */
  latest(skipped?: (step: number, error: LanewiseError) => void): Checkpoint | undefined {
    const errors: string[] = []
    for (const step of this.steps().reverse()) {
      try {
        return this.load(step)
      } catch (error) {
        if (!(error instanceof LanewiseError)) throw error
        errors.push(error.message)
        skipped?.(step, error)
      }
    }
    if (errors.length > 0) throw allDamaged(this.folder, errors)
    return undefined
  }

  /**
   * The checkpoint of a step. @throws LanewiseError `E_EXTERNAL` if it cannot be read, `E_PARSE` or `E_TENSOR` if it is
   * damaged.
   */
  load(step: number): Checkpoint {
    const path = this.path(step)
    return readNow(path, (read, size) => readCheckpoint(read, size, step, path), false)
  }

  /** Removes the checkpoints of later steps: a run that goes back to this one makes its own. */
  rewind(step: number): void {
    for (const later of this.steps()) if (later > step) removeFile(this.path(later))
  }

  /** Removes what is too old, and files that were not finished when their process ended. */
  private clean(newest: number): void {
    for (const step of outdated(this.steps(), this.keep, newest)) removeFile(this.path(step))
    for (const name of filesIn(this.folder)) if (leftover.test(name)) removeFile(joinPath(this.folder, name))
  }
}
