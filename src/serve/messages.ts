// What goes between the server and its threads.
import { LanewiseError, type ErrorCode } from '../core/errors.js'
import type { Tensors } from '../api/worker/batches.js'
import type { ModelDescription } from './protocol.js'
import type { SharedOptions } from './session.js'

/** What a thread is started with. */
export interface ModelThread {
  readonly kind: 'model'
  readonly model: string
  readonly options: SharedOptions
  /** Whether batches are taken, if that is known; else the thread finds out. */
  readonly batches?: boolean
  /** The most bytes of an answer. Default: any. */
  readonly answerLimit?: number
}

/** What a thread says first. */
export interface Ready {
  readonly description: ModelDescription
  readonly batches: boolean
}

/** Requests for one thread. */
export interface Batch {
  readonly requests: readonly Tensors[]
  readonly outputs: readonly string[]
  /** Whether they are run as one; else one after the other. */
  readonly joined: boolean
}

/** An error on its way between threads: the structured clone of an error has no code. */
export interface SentError {
  readonly code: ErrorCode
  readonly message: string
  readonly node?: string
  readonly tensor?: string
}

/** What came of each request of a batch, and how many milliseconds all of them took. */
export interface BatchResult {
  readonly results: readonly (Tensors | SentError)[]
  readonly ms: number
}

export type ToModelThread = { readonly id: number; readonly batch: Batch }
export type FromThread<T> =
  | { readonly ready: Ready | true }
  | { readonly failed: SentError }
  | { readonly id: number; readonly result: T; readonly bytes: number }
  | { readonly id: number; readonly error: SentError }

export function sentError(error: unknown): SentError {
  if (error instanceof LanewiseError) {
    const { code, message, node, tensor } = error
    return { code, message, node, tensor }
  }
  return { code: 'E_STATE', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
}

export function isSentError(value: Tensors | SentError): value is SentError {
  return typeof value.code === 'string'
}

export function receivedError({ code, message, node, tensor }: SentError): LanewiseError {
  return new LanewiseError(code, message, { node, tensor })
}
