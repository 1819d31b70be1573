// Every form of attention in float32, on the kernels of assembly/attention/attention.ts.
import {
  ATTENTION_AS_WRITTEN,
  ATTENTION_CAUSAL,
  ATTENTION_ENDS,
  ATTENTION_ENTRIES,
  ATTENTION_FILL,
  ATTENTION_GROUP,
  ATTENTION_IS_CAUSAL,
  ATTENTION_K,
  ATTENTION_KEYS,
  ATTENTION_KV_HEADS,
  ATTENTION_MASK,
  ATTENTION_MASK_KIND,
  ATTENTION_Q,
  ATTENTION_QUERIES,
  ATTENTION_SCALE,
  ATTENTION_SIZE,
  ATTENTION_SOFTCAP,
  ATTENTION_V,
  ATTENTION_VALUE_SIZE,
  ATTENTION_WINDOW,
  ATTENTION_Y,
  CAUSAL_FROM_FIRST,
  CAUSAL_TO_LAST,
  KV_CACHE_ADD,
  KV_CACHE_CAPACITY,
  KV_CACHE_ENTRIES,
  KV_CACHE_HEADS,
  KV_CACHE_INTERLEAVED,
  KV_CACHE_PAIRS,
  KV_CACHE_PAST,
  KV_CACHE_POSITIONS,
  KV_CACHE_ROWS,
  KV_CACHE_SIZE,
  KV_CACHE_X,
  KV_CACHE_Y,
  MASK_ADDED,
  MASK_ALLOWED,
} from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { logicalStrides } from '../../core/layout.js'
import { emitStridedCopy } from '../../ir/strided.js'
import { broadcastShapes, formatShape, type Shape } from '../../core/shape.js'
import { plus, type Address, type Emitter, type Operand } from '../../ir/emitter.js'
import { chooseKernel } from './variants.js'

/**
 * Vectors of heads in memory. Strides are in elements: from one example to the next, from head to head, from vector to
 * vector, within a vector.
 */
export interface HeadsAt {
  readonly at: Address
  readonly strides: readonly [number, number, number, number]
}

/** A mask or a bias over [batch, heads, queries, keys]; strides are 0 where it is broadcast. */
export interface MaskAt extends HeadsAt {
  readonly kind: typeof MASK_ADDED | typeof MASK_ALLOWED
  /** What takes the place of a score that is not allowed; −∞ if left out. */
  readonly fill?: number
}

export interface AttentionEmission {
  readonly batch: number
  readonly heads: number
  readonly kvHeads: number
  readonly queries: number
  readonly keys: number
  readonly size: number
  readonly valueSize: number
  readonly q: HeadsAt
  readonly k: HeadsAt
  readonly v: HeadsAt
  /** Elements of a vector must be neighbours. */
  readonly y: HeadsAt
  readonly mask?: MaskAt
  /**
   * Queries see keys up to their own place, which for query i is i + causal (or counted from the example's last key if
   * there are `ends`).
   */
  readonly causal?: number
  /** How many keys a query sees at most, up to its own. */
  readonly window?: number
  /**
   * How many keys each example has: an int32 per example, to which `add` is added. Where there are fewer than queries,
   * those without a key are the last ones, or, padded in front, the first.
   */
  readonly ends?: { readonly at: Address; readonly add: number; readonly padded?: 'in front' }
  readonly scale: number
  readonly softcap?: number
  /**
   * NaN where the products and the softmax by themselves would make it: for a query that may see nothing, or from a
   * hidden value that is NaN.
   */
  readonly asWritten?: boolean
  /** For each head of queries the score of one more key, whose value is 0. */
  readonly sinks?: Address
}

/** Sizes and strides as the kernels read them. */
export function attentionTable(a: AttentionEmission): Int32Array {
  const { heads, kvHeads, queries, keys, size, valueSize, q, k, v, y, mask, ends } = a
  const entries = new Int32Array(ATTENTION_ENTRIES)
  entries[ATTENTION_KV_HEADS] = kvHeads
  entries[ATTENTION_GROUP] = heads / kvHeads
  entries[ATTENTION_QUERIES] = queries
  entries[ATTENTION_KEYS] = keys
  entries[ATTENTION_SIZE] = size
  entries[ATTENTION_VALUE_SIZE] = valueSize
  entries[ATTENTION_IS_CAUSAL] =
    a.causal === undefined ? 0 : ends?.padded === 'in front' ? CAUSAL_TO_LAST : CAUSAL_FROM_FIRST
  entries[ATTENTION_CAUSAL] = a.causal ?? 0
  entries[ATTENTION_WINDOW] = a.window ?? 0
  entries[ATTENTION_ENDS] = ends?.add ?? 0
  entries[ATTENTION_MASK_KIND] = mask?.kind ?? 0
  entries[ATTENTION_AS_WRITTEN] = a.asWritten ? 1 : 0
  entries.set(q.strides, ATTENTION_Q)
  entries.set(k.strides, ATTENTION_K)
  entries.set(v.strides, ATTENTION_V)
  entries.set(y.strides.slice(0, 3), ATTENTION_Y)
  if (mask) entries.set(mask.strides, ATTENTION_MASK)
  const floats = new Float32Array(entries.buffer)
  floats[ATTENTION_FILL] = mask?.fill ?? -Infinity
  floats[ATTENTION_SCALE] = a.scale
  floats[ATTENTION_SOFTCAP] = a.softcap ?? 0
  return entries
}

/** Records the calls that compute an attention. */
export function emitAttention(e: Emitter<unknown>, a: AttentionEmission): void {
  const { batch, heads, kvHeads, queries, keys, size, valueSize, q, k, v, y, mask, ends } = a
  if (batch * heads * queries * valueSize === 0) return
  const contiguous = [q, k, v].every(({ strides }) => strides[3] === 1)
  const { name, kernel } = chooseKernel({ queries, contiguous })
  const scratch =
    kernel === 'attention_vector_f32'
      ? e.ask('attention_vector_scratch_size', keys, queries === 1 ? heads / kvHeads : queries)
      : e.ask('attention_scratch_size', keys, size, valueSize)
  const to = e.scratch(Math.max(scratch, 4))
  e.call(
    kernel,
    q.at,
    k.at,
    v.at,
    mask?.at ?? 0,
    a.sinks ?? 0,
    ends?.at ?? 0,
    y.at,
    e.table(attentionTable(a)),
    0,
    batch * kvHeads,
    to,
  )
  e.note({
    kernel: name,
    flops: 2 * batch * heads * queries * keys * (size + valueSize),
  })
}

/** Heads of an operand [batch, heads, length, size], in whichever order it lies. */
export function headsOf(operand: Operand): HeadsAt {
  const [batch, head, row, column] = logicalStrides(operand.shape, operand.order)
  return { at: operand.at, strides: [batch, head, row, column] }
}

/** Heads of an operand [batch, length, heads · size] (in logical order) from an element on. */
export function headsWithin(operand: Operand, size: number, from = 0): HeadsAt {
  const [, length, width] = operand.shape
  return { at: plus(operand.at, from * 4), strides: [length * width, size, width, 1] }
}

/**
 * A mask that broadcasts to [batch, heads, queries, keys]; its last axis may be longer than there are keys.
 *
 * @throws LanewiseError `E_SHAPE` if it does not.
 */
export function maskOf(mask: Operand, batch: number, heads: number, queries: number, keys: number): MaskAt {
  const { shape } = mask
  const rows = [batch, heads, queries]
  const width = shape[shape.length - 1]
  if (
    shape.length < 1 ||
    shape.length > 4 ||
    (width < keys && width !== 1) ||
    broadcastShapes(shape.slice(0, -1), rows).join() !== rows.join()
  ) {
    throw new LanewiseError(
      'E_SHAPE',
      `a mask of shape ${formatShape(shape)} does not fit scores ${formatShape([...rows, keys])}`,
    )
  }
  const [b, h, i, j] = broadcastStrides(shape, logicalStrides(shape, mask.order))
  return { at: mask.at, strides: [b, h, i, j], kind: mask.dtype === 'bool' ? MASK_ALLOWED : MASK_ADDED }
}

/** Strides for four axes: 0 for axes that are missing or of size 1. */
export function broadcastStrides(shape: Shape, strides: readonly number[]): number[] {
  const padded = [
    ...new Array<number>(4 - shape.length).fill(0),
    ...strides.map((stride, axis) => (shape[axis] === 1 ? 0 : stride)),
  ]
  return padded
}

/** Copies past vectors and, after them, new ones to `to`: [batch, heads, past + length, size]. */
export function emitJoined(
  e: Emitter<unknown>,
  past: HeadsAt | undefined,
  next: HeadsAt,
  to: Address,
  [batch, heads, before, length, size]: readonly [number, number, number, number, number],
): HeadsAt {
  const total = before + length
  const target = [heads * total * size, total * size, size, 1] as const
  const copy = (from: HeadsAt, count: number, first: number) => {
    const axes = [batch, heads, count, size].map((extent, axis) => ({
      size: extent,
      from: from.strides[axis],
      to: target[axis],
    }))
    if (batch * heads * count * size > 0)
      emitStridedCopy(e, 'float32', { axes, from: 0, to: first * size }, from.at, to)
  }
  if (past) copy(past, before, 0)
  copy(next, length, before)
  return { at: to, strides: target }
}

/** One number for every example. */
export function emitRepeated(e: Emitter<unknown>, number: Address, batch: number): Address {
  const to = e.scratch(batch * 4)
  emitStridedCopy(e, 'int32', { axes: [{ size: batch, from: 0, to: 1 }], from: 0, to: 0 }, number, to)
  return to
}

/** Angles by which vectors are turned: cosines and sines [rows, pairs], a row per position. */
export interface Rotary {
  readonly cos: Address
  readonly sin: Address
  readonly rows: number
  readonly pairs: number
  readonly interleaved: boolean
  /** The position of each vector of each example (int32); counted from the first one's place if left out. */
  readonly ids: Address | undefined
}

/** What is recorded by {@link emitPlacedHeads}. */
export interface HeadsPlacement {
  readonly batch: number
  readonly heads: number
  /** Vectors of each head. */
  readonly rows: number
  readonly size: number
  /** Elements of a vector must be neighbours in both. */
  readonly x: HeadsAt
  readonly y: HeadsAt
  /** Where each example's last vector ends in its sequence; the first vector is at 0 if left out. */
  readonly ends?: AttentionEmission['ends']
  readonly rotary?: Rotary
  /** y is a cache of `rows`; vectors are put after its `pastRows`; a past in the same place is not touched. */
  readonly cache?: { readonly rows: number; readonly past: Address | undefined; readonly pastRows: number }
}

/** Records the call that puts vectors where an attention will find them. */
export function emitPlacedHeads(
  e: Emitter<unknown>,
  { batch, heads, rows, size, x, y, ends, rotary, cache }: HeadsPlacement,
): void {
  const entries = new Int32Array(KV_CACHE_ENTRIES)
  entries[KV_CACHE_HEADS] = heads
  entries[KV_CACHE_ROWS] = rows
  entries[KV_CACHE_SIZE] = size
  entries[KV_CACHE_PAIRS] = rotary?.pairs ?? 0
  entries[KV_CACHE_INTERLEAVED] = rotary?.interleaved ? 1 : 0
  entries[KV_CACHE_POSITIONS] = rotary?.rows ?? 0
  entries[KV_CACHE_CAPACITY] = cache?.rows ?? 0
  entries[KV_CACHE_PAST] = cache?.pastRows ?? 0
  entries[KV_CACHE_ADD] = ends?.add ?? 0
  entries.set(x.strides.slice(0, 3), KV_CACHE_X)
  entries.set(y.strides.slice(0, 3), KV_CACHE_Y)
  const angles = [rotary?.cos ?? 0, rotary?.sin ?? 0, rotary?.ids ?? 0] as const
  e.call(
    'kv_cache_place_f32',
    x.at,
    cache?.past ?? 0,
    y.at,
    ...angles,
    ends?.at ?? 0,
    e.table(entries),
    0,
    batch * heads,
  )
}
