import { isErrorNamed } from './realm.js'

/**
 * What went wrong, as a stable word a program can branch on.
 *
 * - `E_PARSE`: the bytes are not a well-formed ONNX protobuf.
 * - `E_TENSOR`: a tensor's type, shape or data are not what they claim or what is needed.
 * - `E_EXTERNAL`: an external-data reference is refused or cannot be read.
 * - `E_GRAPH`: the graph contradicts itself (cycle, missing value, bad attribute …).
 * - `E_UNSUPPORTED`: valid, but outside what this build implements.
 * - `E_SHAPE`: shapes do not fit an operator.
 * - `E_VALUE`: a value is outside an operator's domain (an index, a step, a scale …).
 * - `E_BUDGET`: the memory limit or another budget would be exceeded.
 * - `E_STATE`: the object was released, poisoned or is otherwise in the wrong state.
 */
export type ErrorCode =
  | 'E_PARSE'
  | 'E_TENSOR'
  | 'E_EXTERNAL'
  | 'E_GRAPH'
  | 'E_UNSUPPORTED'
  | 'E_SHAPE'
  | 'E_VALUE'
  | 'E_BUDGET'
  | 'E_STATE'

/** Where an error happened and what was expected; every field is optional. */
export interface ErrorDetails {
  /** The operator at work, by its ONNX name. */
  op?: string
  /** The name of the node in the model. */
  node?: string
  /** The name of the input, output or value that is meant. */
  tensor?: string
  /** The version of the operator set that asks for what there is not. */
  opset?: number
  /** What would have been right, as text. */
  expected?: string
  /** What was there instead, as text. */
  actual?: string
  /** The error that led to this one. */
  cause?: unknown
}

/** What engines say when JavaScript itself has no room for an array or a string. */
const NO_ROOM = /allocat|(array|string) (buffer )?(length|size)|out of memory|too big/i

/**
 * An error of an operator, with its place in the graph. Running out of JavaScript's memory is one of a budget; whatever
 * else an operator's code throws (a user's operator may throw anything) becomes the cause of an `E_VALUE`. Only what
 * has left a kernel in the middle is handed on as it is.
 */
export function errorAt(op: string, node: string, error: unknown): unknown {
  if (error instanceof LanewiseError) return error.at(op, node)
  if (isErrorNamed(error, 'RangeError') && NO_ROOM.test(error.message)) {
    return new LanewiseError('E_BUDGET', `the engine has no room for this (${error.message})`, { cause: error }).at(
      op,
      node,
    )
  }
  if (isTrap(error)) return error
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new LanewiseError('E_VALUE', `the operator's code threw ${said}`, { cause: error }).at(op, node)
}

/** Whether a kernel was left in the middle: by a trap, or because the stack was full when it was called. */
export function isTrap(error: unknown): error is Error {
  if (isErrorNamed(error, 'RuntimeError')) return true
  // V8 and JavaScriptCore throw a RangeError, SpiderMonkey an InternalError.
  return isErrorNamed(error, 'RangeError', 'InternalError') && /call stack|recursion/.test(error.message)
}

/**
 * What has to be there by now.
 * @throws LanewiseError `E_STATE` if it is not.
 */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new LanewiseError('E_STATE', `no ${what}`)
  return value
}

/** The only error type that leaves the library. */
export class LanewiseError extends Error {
  /** What kind of error it is, for programs; messages are for people and may change. */
  readonly code: ErrorCode
  // Only declared, so that an error that nobody catches is printed without those that do not apply.
  /** The operator at work, by its ONNX name. */
  declare op?: string
  /** The name of the node in the model. */
  declare node?: string
  /** The name of the input, output or value that is meant. */
  declare tensor?: string
  /** The version of the operator set that asks for what there is not. */
  declare opset?: number
  /** What would have been right, as text. */
  declare readonly expected?: string
  /** What was there instead, as text. */
  declare readonly actual?: string

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'LanewiseError'
    this.code = code
    const { op, node, tensor, opset, expected, actual } = details
    if (op !== undefined) this.op = op
    if (node !== undefined) this.node = node
    if (tensor !== undefined) this.tensor = tensor
    if (opset !== undefined) this.opset = opset
    if (expected !== undefined) this.expected = expected
    if (actual !== undefined) this.actual = actual
  }

  /**
   * Says which node an error came from, once: an error that already names one is left as it is.
   * Operators throw without knowing where in the graph they stand; the planner and executor know.
   */
  at(op: string, node: string): this {
    if (this.node !== undefined) return this
    this.op ??= op
    this.node = node
    this.message = `${op} "${node}": ${this.message}`
    return this
  }
}
