import { LanewiseError } from '../core/errors.js'
import { checkFunction, checkNumber, checkOptions, checkRecord, checkText, kindOf, shown } from '../core/options.js'
import { mapOf } from '../core/realm.js'
import { checkLocation } from './external-data.js'
import { NEWEST_WRITTEN, OLDEST_OPSET } from './versions.js'

/** Where the elements of large tensors go instead of the model file. */
export interface ExternalDataTarget {
  /** The file's name as the model says it: relative to the model, such as "model.onnx.data". */
  readonly location: string
  /**
   * Receives the file piece by piece, in order; a piece may be a view of a tensor: write it at once, or copy it. What
   * it throws is the `cause` of an `E_EXTERNAL`.
   */
  write(piece: Uint8Array): void
  /** Tensors with fewer bytes stay in the model; 1024 by default. */
  readonly threshold?: number
}

/** How a graph is written. */
export interface ExportOptions {
  /**
   * The operator set to import: nodes are rewritten for it, or refused with their names. By default 21, or the oldest
   * newer one that has every operator.
   */
  readonly opset?: number
  /**
   * `metadata_props` of the model: `InferenceSession.metadata`; by default those of the file that `loadGraph` has read.
   */
  readonly metadata?: Readonly<Record<string, string>> | ReadonlyMap<string, string>
  /** What the file says made it; Lanewise by default. */
  readonly producer?: { readonly name: string; readonly version?: string }
  /** Descriptions of the graph (by its name), nodes, inputs and outputs, by name; one of another name is refused. */
  readonly docStrings?: Readonly<Record<string, string>> | ReadonlyMap<string, string>
  /**
   * Writes operators that have a `body` (your own) with it, as functions of the model: a runtime that does not know
   * them can run it then. An operator of your own without a body is refused.
   */
  readonly functions?: boolean
  /** Puts the elements of large tensors into a file beside the model: needed for more than 2 GiB. */
  readonly externalData?: ExternalDataTarget
  /** The most bytes a model file may have, 2³¹ − 1 by default: beyond that, readers of protobuf stop. */
  readonly sizeLimit?: number
}

/** The options of `exportModel`, looked at. */
export interface CheckedExport extends Omit<ExportOptions, 'metadata' | 'docStrings'> {
  readonly metadata: ReadonlyMap<string, string>
  readonly docStrings: ReadonlyMap<string, string>
}

/**
 * @throws LanewiseError `E_VALUE` saying what an option must be, `E_EXTERNAL` for a location outside of the model's
 *   folder.
 */
export function checkExportOptions(options: ExportOptions, source?: unknown): CheckedExport {
  checkRecord('the options of exportModel', options)
  checkOptions('exportModel', options, [
    'opset',
    'metadata',
    'producer',
    'docStrings',
    'functions',
    'externalData',
    'sizeLimit',
  ])
  const { opset, producer, functions, externalData, sizeLimit } = options
  if (opset !== undefined) checkOpset(opset)
  if (producer !== undefined) {
    checkRecord('producer', producer)
    checkOptions('producer', producer, ['name', 'version'])
    checkText("the producer's name", producer.name)
    if (producer.version !== undefined && typeof producer.version !== 'string')
      checkText("the producer's version", producer.version)
  }
  if (functions !== undefined && typeof functions !== 'boolean')
    throw new LanewiseError('E_VALUE', `functions must be true or false, got ${kindOf(functions)}`)
  if (sizeLimit !== undefined) checkNumber('sizeLimit', sizeLimit, { above: 0 })
  // A graph that was read has its file's.
  const { metadata: own } = Object(source) as { metadata?: unknown }
  const metadata = textsOf('metadata', options.metadata ?? mapOf(own))
  const docStrings = textsOf('docStrings', options.docStrings)
  return { ...options, metadata, docStrings, externalData: externalData && checkTarget(externalData) }
}

function checkOpset(opset: unknown): void {
  if (Number.isInteger(opset) && (opset as number) >= OLDEST_OPSET && (opset as number) <= NEWEST_WRITTEN) return
  const expected = `a whole number, ${OLDEST_OPSET} to ${NEWEST_WRITTEN}`
  const actual = shown(opset)
  throw new LanewiseError('E_VALUE', `opset must be ${expected}, got ${actual}`, {
    expected,
    actual,
  })
}

function checkTarget(target: ExternalDataTarget): ExternalDataTarget {
  checkRecord('externalData', target)
  checkOptions('externalData', target, ['location', 'write', 'threshold'])
  checkText('the location of externalData', target.location)
  checkFunction('write of externalData', target.write)
  const { threshold = 1024 } = target
  checkNumber('the threshold of externalData', threshold, { least: 0 })
  return { location: checkLocation(target.location), threshold, write: (piece) => writeChecked(target, piece) }
}

/** Hands a piece on; what the caller's function does wrong is told from what this library does. */
function writeChecked(target: ExternalDataTarget, piece: Uint8Array): void {
  let result: unknown
  try {
    result = target.write(piece)
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new LanewiseError('E_EXTERNAL', `externalData's write threw: ${said}`, { cause })
  }
  if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return
  // Nobody waits for it; whether it fails is said here.
  void Promise.resolve(result).catch(() => undefined)
  throw new LanewiseError('E_EXTERNAL', "externalData's write must write at once, not return a promise", {
    expected: 'nothing',
    actual: 'a promise',
  })
}

function textsOf(what: string, given: unknown): ReadonlyMap<string, string> {
  if (given === undefined) return new Map()
  let entries = mapOf(given)
  if (!entries) {
    checkRecord(what, given)
    entries = new Map(Object.entries(given))
  }
  for (const [key, value] of entries) {
    if (typeof key !== 'string' || typeof value !== 'string')
      throw new LanewiseError('E_VALUE', `${what} must be strings by name; "${String(key)}" is ${kindOf(value)}`, {
        expected: 'a string',
        actual: kindOf(value),
      })
  }
  return entries as Map<string, string>
}
