import { present } from '../../core/errors.js'
import { fieldTable, type Messages } from './onnx.js'

/**
 * Kind of a field: s string, y bytes, i int32, n int64 as a number, l int64, u uint64, f float, d double, m message.
 */
export type FieldCode = 's' | 'y' | 'i' | 'n' | 'l' | 'u' | 'f' | 'd' | 'm'

export interface Field {
  readonly name: string
  readonly number: number
  readonly code: FieldCode
  /** The message's name, for code m. */
  readonly message: string
  readonly repeated: boolean
  readonly packed: boolean
}

export interface MessageSpec {
  readonly name: string
  /** In ascending order of number. */
  readonly fields: readonly Field[]
  readonly byNumber: readonly (Field | undefined)[]
  /** A message with no field set. Empty lists are shared, so that a million empty messages cost no million lists. */
  readonly defaults: Readonly<Record<string, unknown>>
}

const emptyList: readonly never[] = Object.freeze([])
const emptyLists: Record<FieldCode, unknown> = {
  s: emptyList,
  y: emptyList,
  m: emptyList,
  n: emptyList,
  i: new Int32Array(0),
  l: new BigInt64Array(0),
  u: new BigUint64Array(0),
  f: new Float32Array(0),
  d: new Float64Array(0),
}

function parseField(row: string): Field & { optional: boolean } {
  const [name, number, kind] = row.split(' ')
  const suffix = /[?*+]$/.exec(kind)?.[0]
  const word = suffix === undefined ? kind : kind.slice(0, -1)
  const isMessage = word.length > 1
  return {
    name,
    number: Number(number),
    code: isMessage ? 'm' : (word as FieldCode),
    message: isMessage ? word : '',
    repeated: suffix === '*' || suffix === '+',
    packed: suffix === '+',
    optional: suffix === '?' || isMessage,
  }
}

function parseMessage(line: string): MessageSpec {
  const [name, ...rows] = line.split(',')
  const fields = rows.map(parseField)
  const byNumber: Field[] = []
  const defaults: Record<string, unknown> = {}
  for (const field of fields) {
    byNumber[field.number] = field
    if (field.repeated) defaults[field.name] = emptyLists[field.code]
    else if (field.optional) defaults[field.name] = undefined
    else defaults[field.name] = field.code === 's' ? '' : 0
  }
  return { name, fields, byNumber, defaults }
}

let specs: Map<string, MessageSpec> | undefined

/** The fields of a message. The table is parsed at the first use. */
export function specOf(name: string): MessageSpec {
  specs ??= new Map(
    fieldTable
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(',')), parseMessage(line)]),
  )
  return present(specs.get(name), name)
}

/** A message with every field given or at its default. */
export function createMessage<K extends keyof Messages>(type: K, fields: Partial<Messages[K]>): Messages[K] {
  const message: unknown = { ...specOf(type).defaults, ...fields }
  return message as Messages[K]
}

type Bytes = Uint8Array | Int32Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array

/** What a message may be written from: any field may be left out, at every depth. */
export type Init<T> = T extends string | number | bigint | undefined | Bytes
  ? T
  : T extends readonly (infer E)[]
    ? readonly Init<E>[]
    : { readonly [K in keyof T]?: Init<T[K]> }
