// Scaled dot-product attention (Vaswani et al., 2017) in plain TypeScript, shared by every operator that is a form of
// it.
import type { Floats } from '../shared/scalar-floats.js'
import { exp, tanh } from '../../core/scalar-functions.js'

/** Vectors of heads within an array: vector i of head h of example b begins at offset + b·batch + h·head + i·row. */
export interface HeadView {
  readonly data: Floats
  readonly offset: number
  readonly batch: number
  readonly head: number
  readonly row: number
}

/**
 * How much of the scores an operator hands out: as they are, after the soft cap, with the bias, or as probabilities.
 */
export type ScoreStage = 0 | 1 | 2 | 3

export interface AttentionJob {
  readonly batch: number
  readonly heads: number
  /** Heads of keys and values; every one serves heads / kvHeads heads of queries. */
  readonly kvHeads: number
  readonly queries: number
  readonly keys: number
  readonly size: number
  readonly valueSize: number
  readonly q: HeadView
  readonly k: HeadView
  readonly v: HeadView
  readonly y: HeadView
  readonly scale: number
  /** 0 for none, else scores become softcap · tanh(score / softcap). */
  readonly softcap: number
  /** Adds masks and biases to the scores of a query; −∞ forbids a key, and a query that may see none gives zeros. */
  readonly bias: (example: number, head: number, query: number, scores: Float64Array) => void
  /** Where scores go that the operator hands out, [batch, heads, queries, keys]. */
  readonly scores?: { readonly stage: ScoreStage; readonly to: Floats }
  /** Logit of an additional key that has no value, per head ("attention sink"). */
  readonly sink?: (head: number) => number
}

/** Heads of a tensor [batch, heads, length, size]. */
export function headsFirst(data: Floats, heads: number, length: number, size: number): HeadView {
  return { data, offset: 0, batch: heads * length * size, head: length * size, row: size }
}

/** Heads of a tensor [batch, length, heads · size]. */
export function headsLast(data: Floats, heads: number, length: number, size: number): HeadView {
  return { data, offset: 0, batch: length * heads * size, head: size, row: heads * size }
}

function at({ offset, batch, head, row }: HeadView, b: number, h: number, i: number): number {
  return offset + b * batch + h * head + i * row
}

/** Computes y, and the scores that are asked for. */
export function attend(job: AttentionJob): void {
  const { batch, heads, kvHeads, queries, keys, size, valueSize, q, k, v, y, scale, softcap, bias, scores, sink } = job
  const row = new Float64Array(keys)
  const sum = new Float64Array(valueSize)
  const share = heads / kvHeads
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / share)
      for (let i = 0; i < queries; i++) {
        const keep = (stage: ScoreStage) => {
          if (scores?.stage === stage) scores.to.set(row, ((b * heads + h) * queries + i) * keys)
        }
        const qAt = at(q, b, h, i)
        for (let j = 0; j < keys; j++) {
          const kAt = at(k, b, kv, j)
          let dot = 0
          for (let c = 0; c < size; c++) dot += q.data[qAt + c] * k.data[kAt + c]
          row[j] = dot * scale
        }
        keep(0)
        if (softcap !== 0) for (let j = 0; j < keys; j++) row[j] = softcap * tanh(row[j] / softcap)
        keep(1)
        bias(b, h, i, row)
        keep(2)
        normalize(row, sink?.(h))
        keep(3)
        sum.fill(0)
        for (let j = 0; j < keys; j++) {
          const p = row[j]
          // What a query may not see does not reach it, not even as NaN.
          if (p === 0) continue
          const vAt = at(v, b, kv, j)
          for (let c = 0; c < valueSize; c++) sum[c] += p * v.data[vAt + c]
        }
        y.data.set(sum, at(y, b, h, i))
      }
    }
  }
}

/** Softmax in place; all zeros if everything is −∞. */
export function normalize(row: Float64Array, sink = -Infinity): void {
  let largest = sink
  for (const value of row) if (value > largest || value !== value) largest = value
  if (largest === -Infinity) {
    row.fill(0)
    return
  }
  let total = exp(sink - largest)
  for (let j = 0; j < row.length; j++) {
    row[j] = exp(row[j] - largest)
    total += row[j]
  }
  for (let j = 0; j < row.length; j++) row[j] /= total
}

/**
 * Past and new vectors of every head one after the other: [batch, heads, past + length, size]; or, where the past is in
 * a buffer that has `room` for so many vectors, a buffer like that.
 */
export function joined(
  past: Floats | undefined,
  pastLength: number,
  view: HeadView,
  batch: number,
  heads: number,
  length: number,
  size: number,
  room?: number,
): Floats {
  const total = room ?? pastLength + length
  const before = room ?? pastLength
  const result =
    view.data instanceof Float64Array
      ? new Float64Array(batch * heads * total * size)
      : new Float32Array(batch * heads * total * size)
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const to = (b * heads + h) * total * size
      if (past) result.set(past.subarray((b * heads + h) * before * size, (b * heads + h + 1) * before * size), to)
      for (let i = 0; i < length; i++) {
        const from = at(view, b, h, i)
        result.set(view.data.subarray(from, from + size), to + (pastLength + i) * size)
      }
    }
  }
  return result
}
