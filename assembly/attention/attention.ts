// Scaled dot-product attention (Vaswani et al., 2017) over tiles: a block of queries passes over blocks of keys, and
// the softmax is kept up to date on the way (M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax",
// 2018; T. Dao et al., "FlashAttention", 2022), so that scores exist for one tile only.
//
// Both kernels read sizes and strides, in elements, from a table of i32 (ATTENTION_* in codes.ts): heads may lie in any
// way. The mask (or 0) is added to the scores (float32), or puts ATTENTION_FILL in a score's place where it is false
// (bytes); its strides may be 0. Query i of an example with `keys` keys sees keys up to i + ATTENTION_CAUSAL; `ends`
// (int32 per example, or 0), with ATTENTION_ENDS added, is how many of its keys an example has. A query that may see
// nothing gives zeros, or NaN if ATTENTION_AS_WRITTEN. The range [begin, end) is over examples × heads of keys; every
// one of these serves ATTENTION_GROUP heads of queries.
import {
  ATTENTION_AS_WRITTEN, ATTENTION_CAUSAL, ATTENTION_ENDS, ATTENTION_FILL, ATTENTION_GROUP, ATTENTION_IS_CAUSAL,
  ATTENTION_K, ATTENTION_KEYS, ATTENTION_KV_HEADS, ATTENTION_MASK, ATTENTION_MASK_KIND, ATTENTION_Q, ATTENTION_QUERIES,
  ATTENTION_SCALE, ATTENTION_SIZE, ATTENTION_SOFTCAP, ATTENTION_V, ATTENTION_VALUE_SIZE, ATTENTION_WINDOW, ATTENTION_Y,
  CAUSAL_FROM_FIRST, MASK_ADDED, UNARY_AFFINE, UNARY_NONE, UNARY_TANH,
} from "../abi/codes";
import { gemm_pack_f32, gemm_packed_size } from "../matmul/gemm";
import { panel_rows } from "./tile";
import { MR } from "../lib/tile";
import { gemv_rows_f32, gemv_transposed_f32 } from "../matmul/gemv";
import { constant, load_some, madd, max_lanes, store_some, sum_lanes } from "../lib/simd";
import { unary_f32 } from "../elementwise/unary";

/**
 * Queries and keys of a tile: scores, queries and results of one take about three quarters of a first-level cache of 32
 * kB.
 */
const ROWS: i32 = MR * 6;
const COLUMNS: i32 = 256;

// @ts-ignore: decorator
@inline
export function entry(table: usize, index: i32): i32 {
  return load<i32>(table + ((<usize>index) << 2));
}

/** A float32 whose bits are in the table. */
// @ts-ignore: decorator
@inline
export function scalar(table: usize, index: i32): f32 {
  return load<f32>(table + ((<usize>index) << 2));
}

/** Byte offset of a row: strides of batch, head and row stand one after another in the table. */
// @ts-ignore: decorator
@inline
export function offset_of(table: usize, strides: i32, b: i32, h: i32, i: i32): usize {
  return (<usize>b * entry(table, strides) + <usize>h * entry(table, strides + 1)
    + <usize>i * entry(table, strides + 2)) << 2;
}

/** How many keys an example has. */
export function keys_of(table: usize, ends: usize, b: i32): i32 {
  const keys = entry(table, ATTENTION_KEYS);
  return ends ? max(0, min(keys, load<i32>(ends + ((<usize>b) << 2)) + entry(table, ATTENTION_ENDS))) : keys;
}

/** The first key that query i does not see. */
export function last_of(table: usize, ends: usize, keys: i32, i: i32): i32 {
  const causal = entry(table, ATTENTION_IS_CAUSAL);
  if (!causal) return keys;
  let shift = ends ? keys - entry(table, ATTENTION_QUERIES) : entry(table, ATTENTION_CAUSAL);
  if (causal == CAUSAL_FROM_FIRST) shift = max(shift, 0);
  return max(0, min(keys, i + shift + 1));
}

/** The first key that a query sees whose last is before `last`: that of its window, if there is one. */
function first_of(table: usize, last: i32): i32 {
  const window = entry(table, ATTENTION_WINDOW);
  return window > 0 ? max(0, last - window) : 0;
}

/** Scores of a row and `n` keys from `key` on, with the mask added. */
function mask_row(s: usize, n: i32, mask: usize, table: usize, b: i32, h: i32, i: i32, key: i32): void {
  const step = entry(table, ATTENTION_MASK + 3);
  const at = offset_of(table, ATTENTION_MASK, b, h, i) + ((<usize>key * step) << 2);
  if (entry(table, ATTENTION_MASK_KIND) == MASK_ADDED) {
    let m = mask + at;
    for (; n > 0; n -= 4) {
      store_some(s, f32x4.add(load_some(s, n), step ? load_some(m, n) : v128.load32_splat(m)), n);
      s += 16;
      m += 16 * step;
    }
  } else {
    const fill = reinterpret<f32>(entry(table, ATTENTION_FILL));
    let m = mask + (at >> 2);
    for (; n > 0; n--) {
      if (!load<u8>(m)) store<f32>(s, fill);
      s += 4;
      m += step;
    }
  }
}

/** Largest of n > 0 scores. */
export function largest(s: usize, n: i32): f32 {
  let m0 = f32x4.splat(-Infinity), m1 = m0;
  for (; n >= 8; n -= 8) {
    m0 = f32x4.pmax(m0, v128.load(s));
    m1 = f32x4.pmax(m1, v128.load(s, 16));
    s += 32;
  }
  let most = max_lanes(f32x4.pmax(m0, m1));
  for (; n > 0; n--) {
    most = max(most, load<f32>(s));
    s += 4;
  }
  return most;
}

// e^x for x ≤ 0 as 2^(n + r): with log₂e multiplied in there is nothing to reduce but n = round(t). 2^r is 1 + r·p(r)
// (scripts/minimax.ts, error 2^−23.4, and of t·2^−24 from the rounding of t, which for probabilities that count is
// less), and a power below 2^−126 is 0.
const EXP2: usize = memory.data<f32>([
  1.44269504, -127, 12582912 + 127, // log₂e, the least t, what rounds
  0.693147004, 0.240222424, 0.0555073358, 0.00967151299, 0.00132647273, 1, // 3: p and its constant
]);

/** e^x for x ≤ 0. */
// @ts-ignore: decorator
@inline
function exp_down(x: v128): v128 {
  const t = f32x4.pmax(f32x4.mul(x, constant(EXP2, 0)), constant(EXP2, 1));
  const shifted = f32x4.add(t, constant(EXP2, 2));
  const r = f32x4.sub(t, f32x4.sub(shifted, constant(EXP2, 2)));
  const square = f32x4.mul(r, r);
  const low = madd(r, constant(EXP2, 3), constant(EXP2, 8));
  const middle = madd(r, constant(EXP2, 5), constant(EXP2, 4));
  const high = madd(r, constant(EXP2, 7), constant(EXP2, 6));
  const p = madd(square, madd(square, high, middle), low);
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}

/** s ← exp(s − shift); returns the sum. */
export function exp_sum(s: usize, n: i32, shift: f32): f32 {
  const m = f32x4.splat(shift);
  let t0 = f32x4.splat(0), t1 = t0;
  for (; n >= 8; n -= 8) {
    const e0 = exp_down(f32x4.sub(v128.load(s), m));
    const e1 = exp_down(f32x4.sub(v128.load(s, 16), m));
    v128.store(s, e0);
    v128.store(s, e1, 16);
    t0 = f32x4.add(t0, e0);
    t1 = f32x4.add(t1, e1);
    s += 32;
  }
  let total = sum_lanes(f32x4.add(t0, t1));
  for (; n > 0; n--) {
    const e = f32x4.extract_lane(exp_down(f32x4.sub(v128.load32_splat(s), m)), 0);
    store<f32>(s, e);
    total += e;
    s += 4;
  }
  return total;
}

/** y ← x·scale; x with a distance between its elements. */
export function scale_row(x: usize, step: i32, y: usize, n: i32, scale: f32): void {
  if (step == 1) {
    const factor = f32x4.splat(scale);
    for (; n >= 16; n -= 16, x += 64, y += 64) {
      v128.store(y, f32x4.mul(v128.load(x), factor));
      v128.store(y, f32x4.mul(v128.load(x, 16), factor), 16);
      v128.store(y, f32x4.mul(v128.load(x, 32), factor), 32);
      v128.store(y, f32x4.mul(v128.load(x, 48), factor), 48);
    }
    for (; n > 0; n -= 4, x += 16, y += 16) store_some(y, f32x4.mul(load_some(x, n), factor), n);
  } else {
    for (; n > 0; n--, x += step << 2, y += 4) store<f32>(y, load<f32>(x) * scale);
  }
}

/** Bytes of scratch for attention_f32. */
export function attention_scratch_size(keys: i32, size: i32, valueSize: i32): usize {
  return gemm_packed_size(size, keys) + gemm_packed_size(keys, valueSize)
    + (<usize>ROWS * (COLUMNS + size + ((valueSize + 7) & -8) + 2) << 2);
}

/**
 * What the weights of a row are divided by, inverted: `total` is their sum, taken relative to the largest score. A sink
 * is the score of one more key, whose value is 0.
 */
function share_of(table: usize, total: f32, most: f32, sinks: usize, h: i32): f32 {
  if (total == 0) return entry(table, ATTENTION_AS_WRITTEN) && entry(table, ATTENTION_KEYS) ? NaN : 0;
  if (!sinks) return <f32>1 / total;
  const sink = load<f32>(sinks + ((<usize>h) << 2)), both = max(most, sink);
  const own = f32x4.extract_lane(exp_down(f32x4.splat(most - both)), 0);
  const other = f32x4.extract_lane(exp_down(f32x4.splat(sink - both)), 0);
  return own / (total * own + other);
}

/**
 * See the top of this file. softcap 0 is none; otherwise scores become softcap · tanh(score / softcap). `sinks` (or 0)
 * has one per head of queries.
 */
export function attention_f32(
  q: usize, k: usize, v: usize, mask: usize, sinks: usize, ends: usize, y: usize, table: usize, begin: i32, end: i32,
  scratch: usize,
): void {
  const scale = scalar(table, ATTENTION_SCALE), softcap = scalar(table, ATTENTION_SOFTCAP);
  const group = entry(table, ATTENTION_GROUP), heads = entry(table, ATTENTION_KV_HEADS);
  const queries = entry(table, ATTENTION_QUERIES);
  const size = entry(table, ATTENTION_SIZE), valueSize = entry(table, ATTENTION_VALUE_SIZE);
  const all = entry(table, ATTENTION_KEYS);
  const packedK = scratch, packedV = packedK + gemm_packed_size(size, all);
  const rest = packedV + gemm_packed_size(all, valueSize);
  const kRow = entry(table, ATTENTION_K + 2), vRow = entry(table, ATTENTION_V + 2);
  for (let index = begin; index < end; index++) {
    const b = index / heads, head = index % heads, keys = keys_of(table, ends, b);
    gemm_pack_f32(
      k + offset_of(table, ATTENTION_K, b, head, 0), entry(table, ATTENTION_K + 3), kRow, size, keys, packedK,
    );
    gemm_pack_f32(
      v + offset_of(table, ATTENTION_V, b, head, 0), vRow, entry(table, ATTENTION_V + 3), keys, valueSize, packedV,
    );
    for (let h = head * group; h < (head + 1) * group; h++) {
      for (let i = 0; i < queries; i += ROWS) {
        attend_rows(
          q, packedK, packedV, mask, sinks, ends, y, table, scale, softcap, b, h, i, min(ROWS, queries - i), keys, rest,
        );
      }
    }
  }
}

/** Scores of query i and `n` keys from `key` on: the soft cap, the mask, and keys that it may not see. */
export function limit_scores(
  row: usize, n: i32, mask: usize, ends: usize, table: usize, softcap: f32, b: i32, h: i32, i: i32, keys: i32, key: i32,
): void {
  if (softcap != 0) {
    unary_f32(UNARY_TANH, row, row, n, 0, 0);
    scale_row(row, 1, row, n, softcap);
  }
  if (mask) mask_row(row, n, mask, table, b, h, i, key);
  const last = last_of(table, ends, keys, i), hidden = min(first_of(table, last) - key, n);
  for (let j = max(last - key, 0); j < n; j++) store<f32>(row + (j << 2), -Infinity);
  for (let j = 0; j < hidden; j++) store<f32>(row + (j << 2), -Infinity);
}

export function has_nan(x: usize, n: i32): bool {
  let odd = f32x4.splat(0);
  for (; n > 0; n -= 4, x += 16) {
    const v = load_some(x, n);
    odd = v128.or(odd, f32x4.ne(v, v));
  }
  return v128.any_true(odd);
}

/**
 * y[0 … width) += Σ p[j]·v[j] over the `n` keys that have a weight: what a query may not see does not reach it, not
 * even as NaN.
 */
export function add_seen(p: usize, n: i32, v: usize, vRow: i32, y: usize, width: i32): void {
  for (let j = 0; j < n; j++, p += 4, v += vRow << 2) {
    const weight = load<f32>(p);
    if (weight == 0) continue;
    for (let at: usize = 0, end = <usize>width << 2; at < end; at += 4) store<f32>(
      y + at, load<f32>(y + at) + weight * load<f32>(v + at),
    );
  }
}

/** One block of queries. */
function attend_rows(
  q: usize, packedK: usize, packedV: usize, mask: usize, sinks: usize, ends: usize, y: usize, table: usize, scale: f32,
  softcap: f32, b: i32, h: i32, first: i32, rows: i32, keys: i32, scratch: usize,
): void {
  const size = entry(table, ATTENTION_SIZE), valueSize = entry(table, ATTENTION_VALUE_SIZE);
  const width = (valueSize + 7) & -8;
  const scores = scratch, scaled = scores + (ROWS * COLUMNS << 2), sums = scaled + (ROWS * size << 2);
  const most = sums + (ROWS * width << 2), totals = most + (ROWS << 2);
  const factor = softcap != 0 ? scale / softcap : scale;
  for (let i = 0; i < rows; i++) {
    const row = q + offset_of(table, ATTENTION_Q, b, h, first + i);
    scale_row(row, entry(table, ATTENTION_Q + 3), scaled + (i * size << 2), size, factor);
    store<f32>(most + (i << 2), -Infinity);
    store<f32>(totals + (i << 2), 0);
  }
  memory.fill(sums, 0, rows * width << 2);
  const end = last_of(table, ends, keys, first + rows - 1);
  // Blocks begin at multiples of a panel's width.
  const begin = first_of(table, last_of(table, ends, keys, first)) & -8;
  for (let key = begin; key < end; key += COLUMNS) {
    const columns = min(COLUMNS, end - key);
    score_block(scaled, packedK, size, scores, rows, key, columns);
    for (let i = 0; i < rows; i++) {
      const row = scores + (i * COLUMNS << 2);
      limit_scores(row, columns, mask, ends, table, softcap, b, h, first + i, keys, key);
      const before = load<f32>(most + (i << 2)), now = max(before, largest(row, columns));
      if (now == -Infinity && !has_nan(row, columns)) {
        memory.fill(row, 0, columns << 2);
        continue;
      }
      let total = exp_sum(row, columns, now);
      if (now != before && key > 0) {
        const less = f32x4.extract_lane(exp_down(f32x4.splat(before - now)), 0);
        const sum = sums + (i * width << 2);
        scale_row(sum, 1, sum, valueSize, less);
        total += load<f32>(totals + (i << 2)) * less;
      } else {
        total += load<f32>(totals + (i << 2));
      }
      store<f32>(most + (i << 2), now);
      store<f32>(totals + (i << 2), total);
    }
    for (let j = 0; j < width; j += 8) {
      const panel = packedV + ((<usize>j * keys + (<usize>key << 3)) << 2);
      panel_rows(scores, COLUMNS << 2, panel, columns, sums + (j << 2), width << 2, rows, true);
    }
  }
  if (!entry(table, ATTENTION_AS_WRITTEN) && has_nan(sums, rows * width)) {
    memory.fill(sums, 0, rows * width << 2);
    for (let key = begin; key < end; key += COLUMNS) {
      const columns = min(COLUMNS, end - key);
      score_block(scaled, packedK, size, scores, rows, key, columns);
      for (let i = 0; i < rows; i++) {
        const row = scores + (i * COLUMNS << 2), now = load<f32>(most + (i << 2));
        if (now == -Infinity) continue;
        limit_scores(row, columns, mask, ends, table, softcap, b, h, first + i, keys, key);
        exp_sum(row, columns, now);
        for (let j = 0; j < width; j += 8) add_seen(
          row, columns, packedV + ((<usize>j * keys + (<usize>key << 3)) << 2), 8, sums + ((i * width + j) << 2), 8,
        );
      }
    }
  }
  for (let i = 0; i < rows; i++) {
    const share = share_of(table, load<f32>(totals + (i << 2)), load<f32>(most + (i << 2)), sinks, h);
    scale_row(sums + (i * width << 2), 1, y + offset_of(table, ATTENTION_Y, b, h, first + i), valueSize, share);
  }
}

/**
 * Scores of a block of queries and whole panels of keys: the packed keys end in zeros, and what comes of them is not
 * read.
 */
function score_block(scaled: usize, packedK: usize, size: i32, scores: usize, rows: i32, key: i32, columns: i32): void {
  for (let j = 0; j < columns; j += 8) {
    panel_rows(
      scaled, size << 2, packedK + (<usize>(key + j) * size << 2), size, scores + (j << 2), COLUMNS << 2, rows, false,
    );
  }
}

/** Bytes of scratch for attention_vector_f32. */
export function attention_vector_scratch_size(keys: i32, rows: i32): usize {
  return (<usize>keys * rows) << 2;
}

/**
 * The same for few queries, as when a text is continued word by word: keys and values are read once as they lie, where
 * their vectors, and those of the queries, are contiguous.
 */
export function attention_vector_f32(
  q: usize, k: usize, v: usize, mask: usize, sinks: usize, ends: usize, y: usize, table: usize, begin: i32, end: i32,
  scratch: usize,
): void {
  const scale = scalar(table, ATTENTION_SCALE), softcap = scalar(table, ATTENTION_SOFTCAP);
  const group = entry(table, ATTENTION_GROUP), heads = entry(table, ATTENTION_KV_HEADS);
  const queries = entry(table, ATTENTION_QUERIES);
  const size = entry(table, ATTENTION_SIZE), valueSize = entry(table, ATTENTION_VALUE_SIZE);
  const kRow = entry(table, ATTENTION_K + 2), vRow = entry(table, ATTENTION_V + 2);
  const factor = softcap != 0 ? scale / softcap : scale;
  // With one query the heads that share keys are the rows of one product.
  const rows = queries == 1 ? group : queries, times = queries == 1 ? 1 : group;
  const qRow = entry(table, ATTENTION_Q + (queries == 1 ? 1 : 2));
  const yRow = entry(table, ATTENTION_Y + (queries == 1 ? 1 : 2));
  for (let index = begin; index < end; index++) {
    const b = index / heads, head = index % heads, keys = keys_of(table, ends, b);
    const kAt = k + offset_of(table, ATTENTION_K, b, head, 0), vAt = v + offset_of(table, ATTENTION_V, b, head, 0);
    for (let turn = 0; turn < times; turn++) {
      const h = head * group + turn;
      const last = last_of(table, ends, keys, queries - 1);
      gemv_transposed_f32(
        q + offset_of(table, ATTENTION_Q, b, h, 0), qRow, kAt, kRow, 0, 0, 0, scratch, last, rows, size, 0, last,
        UNARY_AFFINE, factor, 0,
      );
      for (let i = 0; i < rows; i++) {
        const row = scratch + (<usize>i * last << 2), query = queries == 1 ? 0 : i, own = queries == 1 ? h + i : h;
        limit_scores(row, last, mask, ends, table, softcap, b, own, query, keys, 0);
        const now = largest(row, last);
        if (now == -Infinity && !entry(table, ATTENTION_AS_WRITTEN) && !has_nan(row, last)) memory.fill(
          row, 0, last << 2,
        );
        else scale_row(row, 1, row, last, share_of(table, exp_sum(row, last, now), now, sinks, own));
      }
      const to = y + offset_of(table, ATTENTION_Y, b, h, 0);
      gemv_rows_f32(scratch, last, vAt, vRow, 0, 0, 0, to, yRow, rows, last, 0, valueSize, UNARY_NONE, 0, 0);
      for (let i = 0; i < rows; i++) {
        const at = to + (i * yRow << 2);
        if (entry(table, ATTENTION_AS_WRITTEN) || !has_nan(at, valueSize)) continue;
        memory.fill(at, 0, valueSize << 2);
        add_seen(scratch + (<usize>i * last << 2), last, vAt, vRow, at, valueSize);
      }
    }
  }
}
