// The plan of a scoring, and the shards that it is cut into.
import type { SharedOptions } from '../session.js'
import type { Source } from './source.js'

/** A file of a model, which the store and every machine keep under its checksum. */
export interface StoredFile {
  readonly path: string
  readonly sha256: string
  readonly bytes: number
}

/**
 * Everything that decides the bytes of a result. The same model, source and options have the same plan, with the same
 * id.
 */
export interface Plan {
  readonly format: 1
  /** Of all the rest; jobs are called by it and the number of their shard. */
  readonly id: string
  readonly model: {
    readonly name: string
    readonly sha256: string
    readonly bytes: number
    /** The files that hold its tensors, by the paths that it calls them. */
    readonly external?: readonly StoredFile[]
  }
  readonly source: Source
  readonly shardSize: number
  readonly shards: number
  /** Rows that are run as one; 1 if the model takes none together. */
  readonly batch: number
  /** Whether the first axis of the inputs is that of a batch. */
  readonly batches: boolean
  /** The outputs whose first axis is that of a batch, or always 1: it is left out of the result. */
  readonly rows: readonly string[]
  /** The outputs that are kept. */
  readonly outputs: readonly string[]
  readonly session: SharedOptions
}

export function shardName(index: number): string {
  return `shards/${String(index).padStart(7, '0')}.jsonl`
}

/** Rows of a shard. */
export function rowsOfShard(
  { source, shardSize }: Pick<Plan, 'source' | 'shardSize'>,
  index: number,
): { from: number; to: number } {
  return { from: index * shardSize, to: Math.min(source.items, (index + 1) * shardSize) }
}

/** The lines of a shard; undefined if it is missing, cut off or of something else. */
export function shardLines(plan: Plan, index: number, bytes: Uint8Array | undefined): string[] | undefined {
  const lines = bytes
    ? Buffer.from(bytes)
        .toString('utf8')
        .split(/(?<=\n)/)
    : []
  const { from, to } = rowsOfShard(plan, index)
  const whole = lines.every(
    (line, i) =>
      line.endsWith('}\n') &&
      (line.startsWith('{"error":') ? line.includes(`,"index":${from + i}`) : line.startsWith(`{"index":${from + i},`)),
  )
  return whole && lines.length === to - from ? lines : undefined
}
