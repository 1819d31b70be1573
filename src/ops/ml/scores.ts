// From scores to what models of ai.onnx.ml return: labels, and scores that a post transform has gone over.
import { UNARY_SIGMOID } from '../../../assembly/abi/codes.js'
import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { Address, KernelEmitter, Operand } from '../../ir/emitter.js'
import { emitCast } from '../elementwise/cast.js'
import { postTransform } from './ml-transform.js'

/** Whether features of a type can be read. */
export function isFeature(dtype: DType | undefined): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'int32' || dtype === 'int64'
}

/** An operand's sizes, for one of another type or place. */
export function placeless({ shape, order, physical, size }: Operand): Omit<Operand, 'dtype' | 'at'> {
  return { shape, order, physical, size, constant: undefined }
}

/** Where features are as floats. Integers are compared, and multiplied, with float32 numbers as float32. */
export function asFloat(e: KernelEmitter, x: Operand, dtype: 'float32' | 'float64'): Address {
  if (x.dtype === dtype) return x.at
  const at = e.scratch(x.size * (dtype === 'float64' ? 8 : 4))
  if (dtype === 'float64' && x.dtype !== 'float32') {
    const between = { ...placeless(x), dtype: 'float32' as const, at: e.scratch(x.size * 4) }
    emitCast(e, x, between)
    emitCast(e, between, { ...placeless(x), dtype, at })
  } else emitCast(e, x, { ...placeless(x), dtype, at })
  return at
}

/**
 * Calls for a post transform of float32 scores, `columns` per row, in place. @throws LanewiseError `E_VALUE` for one
 * that there is not.
 */
export function emitTransform(e: KernelEmitter, name: string, scores: Operand, columns: number): void {
  if (!['NONE', 'LOGISTIC', 'SOFTMAX', 'SOFTMAX_ZERO', 'PROBIT'].includes(name))
    throw new LanewiseError('E_VALUE', `post_transform "${name}" is not known`)
  const { at, size } = scores
  if (size === 0 || name === 'NONE') return
  if (name === 'LOGISTIC') e.call('unary_f32', UNARY_SIGMOID, at, at, size, 0, 0)
  else if (name === 'SOFTMAX') e.call('softmax_f32', at, at, columns, 1, 0, size / columns)
  else
    e.host([scores], ({ data }) => {
      const values = Float64Array.from(data as Float32Array)
      postTransform(name, values, columns)
      ;(data as Float32Array).set(values)
    })
}

/** How scores become a class. */
export interface Vote {
  readonly labels: readonly number[]
  /** Scores of a row. */
  readonly given: number
  readonly transform: string
  /** The one column that two classes are told apart by. */
  readonly only?: {
    readonly column: number
    readonly threshold: number
    /** What becomes of its score s: [1 − s, s], [−s, s], or the row stays as it is. */
    readonly pair: 'rest' | 'opposite' | 'row'
  }
  /** Whether −0 says that a class has no score. */
  readonly gaps?: boolean
}

const pairs = ['rest', 'opposite', 'row'] as const

/**
 * Calls that write labels (int64) and scores (float32) of `rows` rows of scores; where one is not wanted it goes to
 * scratch.
 */
export function emitVote(
  e: KernelEmitter,
  scores: Address,
  dtype: 'float32' | 'float64',
  rows: number,
  to: { readonly labels: Address | undefined; readonly scores: Operand | undefined },
  { labels, given, transform, only, gaps }: Vote,
): void {
  const classes = labels.length
  if (rows === 0 || classes === 0) return
  const z = to.scores?.at ?? e.scratch(4 * rows * classes)
  e.call(
    dtype === 'float64' ? 'vote_f64' : 'vote_f32',
    scores,
    z,
    to.labels ?? e.scratch(8 * rows),
    e.table(BigInt64Array.from(labels, BigInt)),
    rows,
    given,
    classes,
    only?.column ?? -1,
    only?.threshold ?? 0,
    only ? pairs.indexOf(only.pair) : 0,
    Number(gaps ?? false),
  )
  if (to.scores) emitTransform(e, transform, to.scores, classes)
}
