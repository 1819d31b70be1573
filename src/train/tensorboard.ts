import { checkArguments } from '../core/arguments.js'
import type { MaybeDisposable } from '../api/tensor-types.js'
import { PbfWriter } from 'pbf'
import type { DType } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import type { Graph, Value } from '../ir/graph.js'
import { appendTo, joinPath, processName, type OpenFile } from '../platform/node-files.js'

/** A node of a graph for TensorBoard. "/" in a name makes scopes, which it shows as boxes that open. */
export interface BoardNode {
  /** Its name, unique in the graph. */
  readonly name: string
  /** What it computes, e.g. "Conv". */
  readonly op: string
  /** Names of the nodes whose outputs it reads; "name:1" is the second output of one. */
  readonly inputs?: readonly string[]
  /** What is shown with it. */
  readonly attributes?: Readonly<Record<string, string | number | boolean | readonly number[] | readonly string[]>>
  /** Types and shapes of its outputs, as far as they are known; null is a size that is free. */
  readonly outputs?: readonly { readonly dtype?: DType; readonly shape?: readonly (number | null)[] }[]
}

/** Where event files for TensorBoard go. */
export interface BoardOptions {
  /** The step after which a run goes on: TensorBoard then forgets what it has read of later ones. */
  readonly resumeAt?: number
  /** Milliseconds since 1970; `Date.now` by default. */
  readonly now?: () => number
}

let files = 0

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging, typescript/no-empty-object-type -- disposal, where the compiler knows of it
export interface TensorBoardWriter extends MaybeDisposable {}

/**
 * Writes what TensorBoard reads: an event file in a folder of its own for each run.
 *
 * The file is a sequence of records, each with its length and two checksums (TFRecord); a record is an Event of
 * tensorflow/core/util/event.proto.
 */
export class TensorBoardWriter {
  /** The event file that is written. */
  readonly path: string
  private readonly file: OpenFile
  private readonly now: () => number

  /** @throws LanewiseError `E_EXTERNAL` if the file cannot be written. */
  constructor(folder: string, options: BoardOptions = {}) {
    checkArguments(new.target.name, { folder, options }, 'string', { resumeAt: 'number', now: 'function' })
    const { resumeAt, now = Date.now } = options

    this.now = now
    const seconds = String(Math.floor(now() / 1000)).padStart(10, '0')
    this.path = joinPath(folder, `events.out.tfevents.${seconds}.${processName()}.${files++}`)
    this.file = appendTo(this.path, true)
    this.event(0, (pbf) => pbf.writeStringField(3, 'brain.Event:2'))
    // SessionLog with the status START.
    if (resumeAt !== undefined)
      this.event(resumeAt, (pbf) => pbf.writeMessage(7, (_, log) => log.writeVarintField(1, 1), undefined))
  }

  /** Numbers after a step; "/" in a tag makes groups. */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    this.event(step, (pbf) => {
      pbf.writeMessage(
        5,
        (_, summary) => {
          for (const [tag, value] of Object.entries(values)) {
            summary.writeMessage(
              1,
              (_, entry) => {
                entry.writeStringField(1, tag)
                entry.writeFloatField(2, value)
              },
              undefined,
            )
          }
        },
        undefined,
      )
    })
  }

  /** The model's graph. @throws LanewiseError `E_VALUE` for a name that stands twice or an input that is no node. */
  graph(nodes: readonly BoardNode[]): void {
    const bytes = encodeGraphDef(nodes)
    this.event(0, (pbf) => pbf.writeBytesField(4, bytes))
  }

  /** Closes the file; nothing can be written after that. */
  close(): void {
    this.file.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private event(step: number, what: (pbf: PbfWriter) => void): void {
    const pbf = new PbfWriter()
    pbf.writeDoubleField(1, this.now() / 1000)
    pbf.writeVarintField(2, step)
    what(pbf)
    this.file.write(encodeRecord(pbf.finish()))
  }
}

/** A TFRecord: length, checksum of the length, data, checksum of the data; all little-endian. */
export function encodeRecord(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(16 + data.length)
  const view = new DataView(record.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, masked(crc32c(record.subarray(0, 8))), true)
  record.set(data, 12)
  view.setUint32(12 + data.length, masked(crc32c(data)), true)
  return record
}

/** So that a checksum of data that hold checksums is no special one (tensorflow/core/lib/hash/crc32c.h). */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

let table: Uint32Array | undefined

/** CRC-32C (Castagnoli; RFC 3720, B.4). */
export function crc32c(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
    return crc
  })
  let crc = 0xffffffff
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Numbers of types in tensorflow/core/framework/types.proto; others are shown without one. */
const typeNumbers: Partial<Record<DType, number>> = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int16: 5,
  int8: 6,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  uint16: 17,
  complex128: 18,
  float16: 19,
  uint32: 22,
  uint64: 23,
}

/** A GraphDef (tensorflow/core/framework/graph.proto). Errors as {@link TensorBoardWriter.graph}. */
export function encodeGraphDef(nodes: readonly BoardNode[]): Uint8Array {
  const names = new Set<string>()
  for (const { name } of nodes) {
    if (names.has(name) || name === '')
      throw new LanewiseError('E_VALUE', name === '' ? 'a node needs a name' : `two nodes are called "${name}"`, {
        node: name,
      })
    names.add(name)
  }
  const pbf = new PbfWriter()
  for (const node of nodes) {
    for (const input of node.inputs ?? []) {
      if (!names.has(input.replace(/:\d+$/, '')))
        throw new LanewiseError('E_VALUE', `"${node.name}" reads "${input}", which is no node`, { node: node.name })
    }
    pbf.writeMessage(1, writeNode, node)
  }
  // Versions: the producer only has to be one that TensorBoard does not refuse.
  pbf.writeMessage(4, (_, versions) => versions.writeVarintField(1, 22), undefined)
  return pbf.finish()
}

function writeNode({ name, op, inputs = [], attributes = {}, outputs = [] }: BoardNode, pbf: PbfWriter): void {
  pbf.writeStringField(1, name)
  pbf.writeStringField(2, op)
  for (const input of inputs) pbf.writeStringField(3, input)
  const attribute = (key: string, write: (pbf: PbfWriter) => void) => {
    pbf.writeMessage(
      5,
      (_, entry) => {
        entry.writeStringField(1, key)
        entry.writeMessage(2, (_, value) => write(value), undefined)
      },
      undefined,
    )
  }
  for (const [key, value] of Object.entries(attributes)) attribute(key, (pbf) => writeAttribute(value, pbf))
  const type = typeNumbers[outputs[0]?.dtype ?? 'string']
  if (outputs[0]?.dtype && type) attribute('dtype', (pbf) => pbf.writeVarintField(6, type))
  if (outputs.some(({ shape }) => shape)) {
    attribute('_output_shapes', (pbf) => {
      pbf.writeMessage(
        1,
        (_, list) => {
          for (const { shape } of outputs) list.writeMessage(7, writeShape, shape)
        },
        undefined,
      )
    })
  }
}

type Attribute = NonNullable<BoardNode['attributes']>[string]

function writeAttribute(value: Attribute, pbf: PbfWriter): void {
  if (typeof value === 'boolean') pbf.writeBooleanField(5, value)
  else if (typeof value === 'string') pbf.writeStringField(2, value)
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) pbf.writeVarintField(3, value)
    else pbf.writeFloatField(4, value)
  } else {
    pbf.writeMessage(
      1,
      (_, list) => {
        if (value.length === 0) return
        if (typeof value[0] === 'string') for (const text of value as readonly string[]) list.writeStringField(2, text)
        else if (value.every(Number.isSafeInteger)) list.writePackedVarint(3, [...(value as readonly number[])])
        else list.writePackedFloat(4, [...(value as readonly number[])])
      },
      undefined,
    )
  }
}

function writeShape(shape: readonly (number | null)[] | undefined, pbf: PbfWriter): void {
  if (!shape) return pbf.writeBooleanField(3, true)
  // −1 is a size that is not known.
  for (const size of shape) pbf.writeMessage(2, (_, dim) => dim.writeVarintField(1, size ?? -1), undefined)
}

/**
 * The nodes of a graph for TensorBoard: inputs are placeholders, constants stand beside what uses them. Dots and
 * slashes in names make scopes.
 *
 * @param shapes - shapes of values, where they have been inferred; else what the model declares.
 */
export function boardNodes(
  graph: Graph,
  shapes?: ReadonlyMap<Value, { readonly dtype: DType; readonly shape: readonly number[] }>,
): BoardNode[] {
  checkArguments('boardNodes', { graph, shapes }, 'object', 'object?')
  checkArguments('boardNodes', { inputs: graph.inputs, nodes: graph.nodes }, 'list', 'list')

  const taken = new Set<string>()
  const unique = (name: string): string => {
    const stem = name
      .replace(/[.]/g, '/')
      .replace(/^\/+|\/+$/g, '')
      .replace(/\/+/g, '/')
      .replace(/[^A-Za-z0-9_/\\-]/g, '_')
      .replace(/^(?![A-Za-z0-9])/, 'n')
    let found = stem
    for (let i = 1; taken.has(found); i++) found = `${stem}_${i}`
    taken.add(found)
    return found
  }
  const typeOf = (value: Value) => {
    const known = value.constant ?? shapes?.get(value) ?? value.declared
    return { dtype: known?.dtype, shape: known?.shape?.map((size) => (typeof size === 'number' ? size : null)) }
  }
  const nodes: BoardNode[] = []
  const made = new Map<Value, string>()
  for (const value of graph.inputs) {
    const name = unique(value.name)
    nodes.push({ name, op: 'Placeholder', outputs: [typeOf(value)] })
    made.set(value, name)
  }
  for (const node of graph.nodes) {
    const inputs = node.inputs
      .filter((value) => value !== undefined)
      .map((value) => {
        let name = made.get(value)
        if (name === undefined) {
          name = unique(value.name)
          nodes.push({ name, op: value.constant ? 'Const' : 'Placeholder', outputs: [typeOf(value)] })
          made.set(value, name)
        }
        return name
      })
    const name = unique(node.name || node.op.name)
    node.outputs.forEach((value, i) => {
      if (value) made.set(value, i === 0 ? name : `${name}:${i}`)
    })
    nodes.push({
      name,
      op: node.op.name,
      inputs,
      attributes: simpleAttributes(node.attributes),
      outputs: node.outputs.map((value) => (value ? typeOf(value) : {})),
    })
  }
  return nodes
}

/** Those that can be shown: neither tensors nor graphs. */
function simpleAttributes(attributes: Readonly<Record<string, unknown>>): Record<string, Attribute> {
  const simple = (value: unknown): value is Attribute =>
    ['string', 'number', 'boolean'].includes(typeof value) ||
    (Array.isArray(value) &&
      (value.every((entry) => typeof entry === 'number') || value.every((entry) => typeof entry === 'string')))
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, Attribute] => simple(entry[1])),
  )
}
