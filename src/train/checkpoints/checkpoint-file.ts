import type { Tensor } from '../../api/tensor.js'
import { LanewiseError } from '../../core/errors.js'
import { Sha256 } from '../../platform/node-files.js'
import { MAX_HEADER, safetensorsLayout, safetensorsPieces, tensorsOf } from './safetensors.js'

/**
 * What a run needs to go on: weights and the optimiser's moments as tensors; step, positions and random states as JSON.
 */
export interface Checkpoint {
  /** The step after which it was saved. */
  readonly step: number
  /** Weights, buffers and the optimiser's moments, by name. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Everything else: JSON. */
  readonly state: unknown
}

/** Where checkpoints go and how many are kept. */
export interface CheckpointOptions {
  /**
   * Checkpoints that are kept, the newest ones; 3 by default. At least 2: the one before is what a damaged newest one
   * is replaced by.
   */
  readonly keep?: number
}

/**
 * What keeps the checkpoints of a run, wherever they are: {@link CheckpointStore} in a folder, {@link BlobCheckpoints}
 * in a browser. What it returns is waited for.
 */
export interface Checkpoints {
  /** Where they are, for messages. */
  readonly place: string
  /** Steps that have one, the oldest first. */
  steps(): readonly number[] | Promise<readonly number[]>
  /** Saves one, and removes the oldest ones that are too many. */
  save(checkpoint: Checkpoint): unknown
  /**
   * The newest that is whole; undefined if there is none at all. @throws LanewiseError `E_PARSE` if there are some, but
   * all are damaged.
   */
  latest(): Checkpoint | undefined | Promise<Checkpoint | undefined>
  /** Removes those of later steps. */
  rewind(step: number): void | Promise<void>
}

/** Keys of the file's metadata. */
const STATE = 'lanewise.state'
const STEP = 'lanewise.step'
const CHECKSUM = 'lanewise.sha256'
/** Stands in the place of the checksum while it is computed. */
const BLANK = '0'.repeat(64)

const pattern = /^checkpoint-(\d{10})\.safetensors$/
const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** @throws LanewiseError `E_VALUE` for fewer than 2. @internal */
export function checkKeep({ keep = 3 }: CheckpointOptions): number {
  if (!Number.isInteger(keep) || keep < 2)
    throw new LanewiseError('E_VALUE', `at least 2 checkpoints must be kept, got ${keep}`)
  return keep
}

/** The name of the file of a step. @internal */
export function checkpointName(step: number): string {
  return `checkpoint-${String(step).padStart(10, '0')}.safetensors`
}

/** Steps of the checkpoints among these names, the oldest first. @internal */
export function stepsOf(names: readonly string[]): number[] {
  return names
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

/**
 * Those that are too many after one was saved: a run that went back to an earlier step keeps what it has just
 * written. @internal
 */
export function outdated(steps: readonly number[], keep: number, newest: number): number[] {
  return steps.slice(0, -keep).filter((step) => step !== newest)
}

/**
 * The file of a checkpoint, as pieces.
 *
 * @param path - for messages.
 * @throws LanewiseError `E_VALUE` for a step that is none or a state that is no JSON.
 * @internal
 */
export function writeCheckpoint({ step, tensors, state }: Checkpoint, path: string): Uint8Array[] {
  if (!Number.isInteger(step) || step < 0 || step > 9_999_999_999)
    throw new LanewiseError('E_VALUE', `a step is a whole number from 0, got ${step}`)
  const pieces = safetensorsPieces(tensors, { [STEP]: String(step), [STATE]: jsonOf(state), [CHECKSUM]: BLANK })
  const hash = new Sha256()
  for (const piece of pieces) hash.update(piece)
  pieces[0].set(latin1(hash.hex()), checksumPlace(pieces[0], path))
  return pieces
}

/**
 * Reads the file of a checkpoint.
 *
 * @param read - fills bytes from a place in the file.
 * @throws LanewiseError `E_PARSE` or `E_TENSOR` if it is damaged or that of another step.
 * @internal
 */
export function readCheckpoint(
  read: (into: Uint8Array, from: number) => void,
  size: number,
  step: number,
  path: string,
): Checkpoint {
  const head = new Uint8Array(Math.min(size, 8))
  read(head, 0)
  const length = size < 8 ? 0 : Number(new DataView(head.buffer).getBigUint64(0, true))
  const start = new Uint8Array(Math.min(size, 8 + Math.min(length, MAX_HEADER)))
  read(start, 0)
  const place = checksumPlace(start, path)
  const written = String.fromCharCode(...start.subarray(place, place + BLANK.length))
  start.set(latin1(BLANK), place)
  const { entries, metadata } = safetensorsLayout(start, size, path)
  // The elements go where they belong as they are read, so that a large file is never held twice.
  const hash = new Sha256()
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
  const key = latin1(`"${CHECKSUM}":"`)
  const length = bytes.length >= 8 ? Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)) : 0
  const end = Math.min(bytes.length, 8 + length)
  // Quotation marks inside of other texts are escaped, so the key is found nowhere else.
  let at = bytes.indexOf(key[0])
  while (at >= 0 && at + key.length <= end && !key.every((byte, i) => bytes[at + i] === byte))
    at = bytes.indexOf(key[0], at + 1)
  if (at < 0 || at + key.length > end || at + key.length + BLANK.length > bytes.length)
    throw new LanewiseError('E_PARSE', `${path}: this is no checkpoint of a training run, or it is cut off`)
  return at + key.length
}

/** The newest of several that is whole. @internal */
export function allDamaged(place: string, errors: readonly string[]): LanewiseError {
  return new LanewiseError(
    'E_PARSE',
    `none of the ${errors.length} checkpoints in ${JSON.stringify(place)} is whole: ${errors.join('; ')}`,
  )
}
