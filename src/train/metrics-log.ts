import { checkArguments } from '../core/arguments.js'
import type { MaybeDisposable } from '../api/tensor-types.js'
import { appendTo, fileExists, readBytesNow, writeAtomically, type OpenFile } from '../platform/node-files.js'
import { LanewiseError } from '../core/errors.js'

/** What was measured after a step. */
export interface MetricsRecord {
  /** The step after which it was measured. */
  readonly step: number
  readonly [metric: string]: number | string | boolean | null
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging, typescript/no-empty-object-type -- disposal, where the compiler knows of it
export interface MetricsLog extends MaybeDisposable {}

/**
 * A file with one JSON object a line (JSONL). JSON has no NaN and no infinities: they are written as the texts "NaN",
 * "Infinity" and "-Infinity", which {@link readMetrics} turns back.
 */
export class MetricsLog {
  static readonly name = 'MetricsLog'
  private constructor(private readonly file: OpenFile) {}

  /** A new file; one that is there is replaced. @throws LanewiseError `E_EXTERNAL` if it cannot be written. */
  static create(path: string): MetricsLog {
    checkArguments('MetricsLog.create', { path }, 'string')
    return new MetricsLog(appendTo(path, true))
  }

  /**
   * Goes on with the file of a run that goes on after a step: records of later steps, which the run is about to make
   * again, and half a line at the end are removed.
   *
   * @throws LanewiseError `E_EXTERNAL` if it cannot be written, `E_PARSE` if it is no such file.
   */
  static resume(path: string, step: number): MetricsLog {
    checkArguments('MetricsLog.resume', { path, step }, 'string', 'number')
    if (fileExists(path)) {
      const kept = readMetrics(path).filter((record) => record.step <= step)
      writeAtomically(path, [new TextEncoder().encode(kept.map(lineOf).join(''))])
    }
    return new MetricsLog(appendTo(path, false))
  }

  /** Adds a line. @throws LanewiseError `E_EXTERNAL` if the disk is full, `E_STATE` after close. */
  write(record: MetricsRecord): void {
    this.file.write(new TextEncoder().encode(lineOf(record)))
  }

  /** Closes the file; nothing can be written after that. */
  close(): void {
    this.file.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function lineOf(record: MetricsRecord): string {
  return `${JSON.stringify(record, (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value))}\n`
}

const words: ReadonlyMap<unknown, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
])

/**
 * The records of a log. A last line that was not finished when its process ended is left out.
 *
 * @throws LanewiseError `E_EXTERNAL` if the file cannot be read; `E_PARSE` with the line that is no record.
 */
export function readMetrics(path: string): MetricsRecord[] {
  checkArguments('readMetrics', { path }, 'string')
  const lines = new TextDecoder().decode(readBytesNow(path)).split('\n')
  // Behind the last line end stands nothing, or what was not finished.
  lines.pop()
  return lines.map((line, i) => {
    let record: unknown
    try {
      record = JSON.parse(line, (_, value: unknown) => words.get(value) ?? value)
    } catch (cause) {
      throw new LanewiseError('E_PARSE', `${path}, line ${i + 1}: this is no JSON`, { cause })
    }
    if (typeof record !== 'object' || record === null || typeof (record as MetricsRecord).step !== 'number')
      throw new LanewiseError('E_PARSE', `${path}, line ${i + 1}: this is no record with a step`)
    return record as MetricsRecord
  })
}
