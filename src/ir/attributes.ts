import { clampToSafe, type HostTensor } from '../core/host.js'
import { log } from '../core/env.js'
import { LanewiseError } from '../core/errors.js'
import type { Graph } from './graph.js'

/** An attribute as a file or a builder gives it, before an operator's schema has looked at it. */
export type RawAttribute =
  | { kind: 'int'; value: bigint }
  | { kind: 'float'; value: number }
  | { kind: 'string'; value: string }
  | { kind: 'tensor'; value: HostTensor }
  | { kind: 'graph'; value: Graph }
  | { kind: 'ints'; value: readonly bigint[] | BigInt64Array }
  | { kind: 'floats'; value: readonly number[] | Float32Array }
  | { kind: 'strings'; value: readonly string[] }
  | { kind: 'other'; value: string }

export type RawAttributes = Map<string, RawAttribute>
export type AttributeKind = RawAttribute['kind']

/** What an attribute must be, and what it is when it is left out. */
export interface AttributeSpec<T> {
  /** The type that a file must give it. */
  readonly kind: AttributeKind
  /** What it is where a node leaves it out. */
  readonly fallback: T
  /** Whether a node without it is refused. Default false. */
  readonly required?: boolean
  /** Of `int` and `ints`: what no number is exact for (beyond ±2^53) stays a bigint, instead of being clamped there. */
  readonly exact?: boolean
}

/** Attributes by their names: what is allowed, and what holds where one is left out. */
export type AttributeSchema = { readonly [name: string]: AttributeSpec<unknown> }
/** The typed attributes a schema describes. */
export type AttributesOf<S> = { readonly [K in keyof S]: S[K] extends AttributeSpec<infer T> ? T : never }
/** Attributes of a node by their names, parsed and checked. */
export type Attributes = { readonly [name: string]: unknown }

/**
 * An attribute that is a whole number. What a file has beyond ±2^53 is refused, except the ends of int64: they mean "as
 * far as there is", and become ±(2^53 − 1).
 */
export function int(): AttributeSpec<number | undefined>
export function int<D extends number>(fallback: D): AttributeSpec<number>
export function int(fallback?: number): AttributeSpec<number | undefined> {
  return { kind: 'int', fallback }
}

/** An attribute that is a list of whole numbers. */
export function ints(): AttributeSpec<readonly number[] | undefined>
export function ints(fallback: readonly number[]): AttributeSpec<readonly number[]>
export function ints(fallback?: readonly number[]): AttributeSpec<readonly number[] | undefined> {
  return { kind: 'ints', fallback }
}

/** An attribute that is a number; with a default it may be left out. */
export function float(): AttributeSpec<number | undefined>
export function float(fallback: number): AttributeSpec<number>
export function float(fallback?: number): AttributeSpec<number | undefined> {
  return { kind: 'float', fallback }
}

/** An attribute that is a list of numbers. */
export function floats(): AttributeSpec<readonly number[] | undefined>
export function floats(fallback: readonly number[]): AttributeSpec<readonly number[]>
export function floats(fallback?: readonly number[]): AttributeSpec<readonly number[] | undefined> {
  return { kind: 'floats', fallback }
}

/** An attribute that is a text. */
export function string(): AttributeSpec<string | undefined>
export function string(fallback: string): AttributeSpec<string>
export function string(fallback?: string): AttributeSpec<string | undefined> {
  return { kind: 'string', fallback }
}

/** An attribute that is a list of texts. */
export function strings(): AttributeSpec<readonly string[] | undefined>
export function strings(fallback: readonly string[]): AttributeSpec<readonly string[]>
export function strings(fallback?: readonly string[]): AttributeSpec<readonly string[] | undefined> {
  return { kind: 'strings', fallback }
}

/** An attribute that is a tensor. */
export function tensor(): AttributeSpec<HostTensor | undefined> {
  return { kind: 'tensor', fallback: undefined }
}

/** A subgraph: the body of If, Loop or Scan. */
export function graph(): AttributeSpec<Graph | undefined> {
  return { kind: 'graph', fallback: undefined }
}

/** An attribute that is accepted and not looked at, such as Optional's `type`. */
export function ignored(): AttributeSpec<unknown> {
  return { kind: 'other', fallback: undefined }
}

/** The same attribute of whole numbers with those beyond ±2^53 as bigints. */
export function exact<T extends number | readonly number[]>(
  spec: AttributeSpec<T | undefined>,
): AttributeSpec<(T extends number ? number | bigint : readonly (number | bigint)[]) | undefined> {
  return { ...spec, exact: true } as never
}

/** The same attribute, but leaving it out is an error. */
export function required<T>(spec: AttributeSpec<T>): AttributeSpec<NonNullable<T>> {
  return { ...spec, required: true } as AttributeSpec<NonNullable<T>>
}

/**
 * Attributes as a schema types them, with defaults filled in.
 *
 * @throws LanewiseError `E_GRAPH` for a missing or wrongly typed attribute, `E_UNSUPPORTED` for one the schema does not
 *   know.
 */
export function parseAttributes<S extends AttributeSchema>(schema: S, raw: RawAttributes): AttributesOf<S> {
  const parsed: Record<string, unknown> = {}
  for (const name of raw.keys()) {
    if (Object.hasOwn(schema, name)) continue
    // Tools leave notes of their own under such names; ONNX's checker, and so onnxruntime, passes over them.
    // As onnxruntime does; but for the name that would be the prototype of an object.
    if (!name.startsWith('__') || name === '__proto__')
      throw new LanewiseError('E_UNSUPPORTED', `attribute "${name}" is not known`)
    log('warning', `the attribute "${name}" is ignored`)
  }
  for (const [name, spec] of Object.entries(schema)) {
    const given = raw.get(name)
    if (given === undefined) {
      if (spec.required) throw new LanewiseError('E_GRAPH', `attribute "${name}" is missing`, { expected: spec.kind })
      parsed[name] = spec.fallback
    } else {
      parsed[name] = convert(name, spec, given)
    }
  }
  return parsed as AttributesOf<S>
}

/** @throws LanewiseError `E_GRAPH`: an attribute has another type than it must have. */
export function wrongType(name: string, expected: string, actual: string): never {
  throw new LanewiseError('E_GRAPH', `attribute "${name}" has the wrong type: expected ${expected}, got ${actual}`, {
    expected,
    actual,
  })
}

function convert(name: string, { kind, exact: keep }: AttributeSpec<unknown>, given: RawAttribute): unknown {
  const whole = (value: bigint) => (keep ? exactNumber(value) : safeNumber(name, value))
  if (kind === 'other') return given.value
  // An empty list loses its type in some exporters: "ints: []" arrives as whatever was written, so any empty list will
  // do.
  if (
    kind !== given.kind &&
    !(isList(kind) && isList(given.kind) && (given.value as ArrayLike<unknown>).length === 0)
  ) {
    wrongType(name, kind, given.kind)
  }
  if (given.kind === 'int') return whole(given.value)
  if (given.kind === 'ints') return Array.from(given.value, whole)
  if (given.kind === 'floats') return Array.from(given.value)
  return given.value
}

/** The ends of int64, which in files mean "as far as there is". */
const ends = [2n ** 63n - 1n, -(2n ** 63n) + 1n, -(2n ** 63n)]

function safeNumber(name: string, value: bigint): number {
  const number = clampToSafe(value)
  if (BigInt(number) !== value && !ends.includes(value))
    throw new LanewiseError('E_VALUE', `attribute "${name}" is ${value}, which is beyond ±(2^53 − 1)`, {
      expected: '-(2^53 - 1) to 2^53 - 1',
      actual: String(value),
    })
  return number
}

function exactNumber(value: bigint): number | bigint {
  return BigInt(clampToSafe(value)) === value ? Number(value) : value
}

function isList(kind: string): boolean {
  return kind === 'ints' || kind === 'floats' || kind === 'strings'
}

/** The raw form of a value given in TypeScript; numbers become `int` or `float` by the schema, lists likewise. */
export function toRaw(kind: AttributeKind, value: unknown): RawAttribute {
  switch (kind) {
    case 'int':
      return { kind, value: BigInt(value as number) }
    case 'ints':
      return { kind, value: (value as number[]).map(BigInt) }
    default:
      return { kind, value } as RawAttribute
  }
}
