// What a session in a worker and the thread that uses it send each other. Both ends are of one version of the library.
import { env, type Env } from '../../core/env.js'
import { LanewiseError, type ErrorCode } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { mapOf } from '../../core/realm.js'
import type { TensorType } from '../../ir/op.js'
import type { ProfileEntry } from '../profile.js'
import type { SessionMemory } from '../session-base.js'
import type { SessionOptions } from '../session-options.js'
import { fromHost } from '../tensor.js'
import { hostOf, isTensorLike, type ModelValue, type ValueMetadata } from '../value.js'

/**
 * A value as it is sent: a tensor, a sequence, a map, an optional that is empty; what is none of them goes as it is, to
 * be refused where it arrives.
 */
export type SentValue = HostTensor | readonly SentValue[] | ReadonlyMap<unknown, unknown> | null

export type SentSettings = Pick<Env, 'logLevel' | 'debug' | 'wasm'>

/** To the worker. Answers have the number of what they answer. */
export type Request =
  | {
      readonly kind: 'create'
      readonly id: number
      readonly model: unknown
      readonly options: SessionOptions
      readonly settings: SentSettings
      /** Operators of `registerOp`, which the worker does not have. */
      readonly ownOps: readonly { readonly domain: string; readonly name: string }[]
      readonly progress: boolean
    }
  | {
      readonly kind: 'run'
      readonly id: number
      readonly feeds: Readonly<Record<string, SentValue>>
      /** Names, with the types of the tensors that results are to be written to. */
      readonly fetches: Readonly<Record<string, TensorType | null>> | undefined
      readonly profile: boolean
      /** Whether the run may be broken off: it then stops now and then to see. */
      readonly stoppable: boolean
    }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'release'; readonly id: number }

/** What a session says of itself. */
export interface Described {
  readonly inputMetadata: readonly ValueMetadata[]
  readonly outputMetadata: readonly ValueMetadata[]
  readonly metadata: ReadonlyMap<string, string>
  readonly states: Readonly<Record<string, string>>
  readonly build: 'simd' | 'relaxed'
  readonly threads: number
  readonly oneThread: string | undefined
}

/** From the worker. */
export type Answer =
  | { readonly id: number; readonly described: Described; readonly memory: SessionMemory }
  | {
      readonly id: number
      readonly results: Readonly<Record<string, SentValue>>
      readonly memory: SessionMemory
      readonly profile: readonly ProfileEntry[] | undefined
    }
  | { readonly id: number; readonly released: true }
  | { readonly id: number; readonly error: SentError }
  | { readonly progress: Parameters<NonNullable<SessionOptions['onProgress']>>[0] }

export interface SentError {
  readonly code: ErrorCode | undefined
  readonly message: string
  readonly stack: string | undefined
  readonly details: Readonly<Record<string, string | number>>
}

const DETAILS = ['op', 'node', 'tensor', 'opset', 'expected', 'actual'] as const

export function sentError(error: unknown): SentError {
  const { code, message, stack } = error as LanewiseError
  const given = error as Readonly<Record<string, string | number | undefined>>
  const details: Record<string, string | number> = {}
  for (const name of DETAILS) {
    const value = given[name]
    if (value !== undefined) details[name] = value
  }
  return {
    code: error instanceof LanewiseError ? code : undefined,
    message: error instanceof Error ? message : String(error),
    stack: error instanceof Error ? stack : undefined,
    details,
  }
}

/** The error as it was thrown in the worker, with where it came from there. */
export function receivedError({ code, message, stack, details }: SentError): Error {
  const there = new Error(message)
  if (stack !== undefined) there.stack = stack
  return code
    ? new LanewiseError(code, message, { ...details, cause: there })
    : Object.assign(new Error(message), { cause: there })
}

/**
 * A value to be sent. What is a part of a larger buffer, or in shared memory, is copied here: a view would take all of
 * its buffer with it.
 *
 * @param transfer - receives the buffers that may go and not be copied, if they may.
 * @throws LanewiseError `E_TENSOR` naming it for a tensor that is none.
 */
export function sentValue(name: string, value: unknown, transfer?: Set<ArrayBuffer>): SentValue {
  if (isTensorLike(value)) {
    const host = hostOf(value, name)
    const { data } = host
    if (Array.isArray(data)) return host
    const { buffer } = data
    const whole = buffer instanceof ArrayBuffer && buffer.byteLength === data.byteLength
    const sent = whole ? data : (data.slice() as typeof data)
    if (transfer) transfer.add(sent.buffer as ArrayBuffer)
    return { dtype: host.dtype, shape: [...host.shape], data: sent }
  }
  if (Array.isArray(value)) return value.map((item: unknown, i) => sentValue(`${name}[${i}]`, item, transfer))
  const entries = mapOf(value)
  if (entries) return new Map(entries)
  if (value === null) return null
  throw new LanewiseError('E_TENSOR', `"${name}" must be a tensor, a sequence or a map`, {
    tensor: name,
    actual: typeof value,
  })
}

export function receivedValue(value: SentValue): ModelValue {
  if (value === null) return null
  if (Array.isArray(value)) return value.map(receivedValue)
  const map = mapOf(value)
  if (map) return map as ReadonlyMap<string, number>
  return fromHost(value as HostTensor)
}

/** The settings of the library that a worker has to have, too. `base`: what addresses are relative to. */
export function sentSettings(base: string | undefined): SentSettings {
  const { logLevel, debug, wasm } = env
  const { wasmPaths } = wasm
  const absolute = (place: string | { readonly href: string }) => {
    if (typeof place !== 'string') return { href: place.href }
    return base === undefined ? place : new URL(place, base).href
  }
  const paths =
    typeof wasmPaths === 'string'
      ? (absolute(wasmPaths) as string)
      : wasmPaths && { wasm: wasmPaths.wasm && absolute(wasmPaths.wasm) }
  return { logLevel, debug, wasm: { ...wasm, wasmPaths: paths, proxy: false } }
}
