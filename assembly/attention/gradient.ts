// The gradient of attention.ts for a block of queries at a time: the probabilities are made again from queries and
// keys, so that there are never more scores than those of one block (T. Dao et al., "FlashAttention", 2022, section 3).
// With P = softmax(scale·Q·Kᵀ + mask), D = Σ dO∘O of each row and dS = P∘(dO·Vᵀ − D): dQ = scale·dS·K, dK =
// scale·dSᵀ·Q, dV = Pᵀ·dO; the mask's gradient is dS.
//
// The table is that of attention.ts; gradients lie like what they are gradients of. A gradient whose address is 0 is
// not wanted.
//
// With a `seed` (two words in memory, or 0) a share of the probabilities is dropped, ATTENTION_DROPPED/2³², and the
// others are multiplied by ATTENTION_KEPT. The choice follows from the seed and the place among all probabilities
// [batch, heads, queries, keys], as in dropout_f32, so that it is made again and not kept either. With the mask D that
// has 0 or ATTENTION_KEPT: dV = (P∘D)ᵀ·dO and dS = P∘(D∘(dO·Vᵀ) − Σ dO∘O).
import {
  ATTENTION_DROPPED, ATTENTION_GROUP, ATTENTION_K, ATTENTION_KEPT, ATTENTION_KEYS, ATTENTION_KV_HEADS, ATTENTION_MASK,
  ATTENTION_Q, ATTENTION_QUERIES, ATTENTION_SCALE, ATTENTION_SIZE, ATTENTION_V, ATTENTION_VALUE_SIZE, ATTENTION_Y,
} from "../abi/codes";
import {
  add_seen, entry, exp_sum, has_nan, keys_of, largest, last_of, limit_scores, offset_of, scalar, scale_row,
} from "./attention";
import { panel_rows } from "./tile";
import { gemm_pack_f32, gemm_packed_size, transpose_4x4 } from "../matmul/gemm";
import { MR } from "../lib/tile";
import { dot_f32 } from "../elementwise/accumulate";
import { drop_row } from "../random/random";
import { load_some, store_some } from "../lib/simd";

/** Queries of a block. */
const ROWS: i32 = MR * 6;
/** Elements of a row of transposed scores: a block's queries, and what the last 4×4 square writes beside them. */
const PITCH: i32 = (ROWS + 3) & -4;

/** Bytes of `rows` rows of panels of eight columns. */
// @ts-ignore: decorator
@inline
function panels(rows: i32, columns: i32): usize {
  return <usize>rows * <usize>((columns + 7) & -8) << 2;
}

/** Bytes of scratch for attention_gradient_f32. */
export function attention_gradient_scratch_size(keys: i32, size: i32, valueSize: i32): usize {
  const packed = gemm_packed_size(size, keys) + gemm_packed_size(valueSize, keys) + gemm_packed_size(keys, size);
  const block = panels(PITCH, keys) * 2 + (<usize>ROWS * (size + valueSize) << 2) + gemm_packed_size(ROWS, size)
    + gemm_packed_size(ROWS, valueSize);
  const sums = panels(ROWS, size) + panels(keys + MR, size) + panels(keys + MR, valueSize);
  return packed + block + sums + (<usize>(keys + MR + 4) * PITCH << 2);
}

/**
 * Everything by what one head of keys takes part in, for examples × heads of keys [begin, end). `dmask` is added to.
 */
export function attention_gradient_f32(
  q: usize, k: usize, v: usize, mask: usize, ends: usize, y: usize, dy: usize, table: usize, dq: usize, dk: usize,
  dv: usize, dmask: usize, seed: usize, begin: i32, end: i32, scratch: usize,
): void {
  const scale = scalar(table, ATTENTION_SCALE), threshold = entry(table, ATTENTION_DROPPED);
  const kept = scalar(table, ATTENTION_KEPT);
  const heads = entry(table, ATTENTION_KV_HEADS), group = entry(table, ATTENTION_GROUP);
  const queries = entry(table, ATTENTION_QUERIES);
  const size = entry(table, ATTENTION_SIZE), valueSize = entry(table, ATTENTION_VALUE_SIZE);
  const all = entry(table, ATTENTION_KEYS);
  const packedK = scratch, packedV = packedK + gemm_packed_size(size, all);
  const rowsK = packedV + gemm_packed_size(valueSize, all);
  const sumK = rowsK + gemm_packed_size(all, size), sumV = sumK + panels(all + MR, size);
  const rest = sumV + panels(all + MR, valueSize);
  const kRow = entry(table, ATTENTION_K + 2), kCol = entry(table, ATTENTION_K + 3);
  const vRow = entry(table, ATTENTION_V + 2), vCol = entry(table, ATTENTION_V + 3);
  for (let index = begin; index < end; index++) {
    const b = index / heads, head = index % heads, keys = keys_of(table, ends, b);
    const kAt = offset_of(table, ATTENTION_K, b, head, 0), vAt = offset_of(table, ATTENTION_V, b, head, 0);
    gemm_pack_f32(k + kAt, kCol, kRow, size, keys, packedK);
    gemm_pack_f32(v + vAt, vCol, vRow, valueSize, keys, packedV);
    if (dq) gemm_pack_f32(k + kAt, kRow, kCol, keys, size, rowsK);
    memory.fill(sumK, 0, panels(all + MR, size));
    memory.fill(sumV, 0, panels(all + MR, valueSize));
    for (let h = head * group; h < (head + 1) * group; h++) {
      for (let i = 0; i < queries; i += ROWS) {
        query_block(
          q, packedK, packedV, rowsK, mask, ends, y, dy, table, scale, dq, dk ? sumK : 0, dv ? sumV : 0, dmask, seed,
          threshold, kept, b, h, i, min(ROWS, queries - i), keys, rest,
        );
      }
    }
    // Keys that are padding have no part in anything: their sums are still 0.
    if (dk) put_rows(sumK, dk + kAt, kRow, kCol, all, size, 1);
    if (dv) put_rows(sumV, dv + vAt, vRow, vCol, all, valueSize, 1);
  }
}

function query_block(
  q: usize, packedK: usize, packedV: usize, rowsK: usize, mask: usize, ends: usize, y: usize, dy: usize, table: usize,
  scale: f32, dq: usize, sumK: usize, sumV: usize, dmask: usize, seed: usize, threshold: i32, kept: f32, b: i32, h: i32,
  first: i32, rows: i32, keys: i32, scratch: usize,
): void {
  const size = entry(table, ATTENTION_SIZE), valueSize = entry(table, ATTENTION_VALUE_SIZE);
  const all = entry(table, ATTENTION_KEYS);
  const pitch = ((all + 7) & -8) << 2, width = (size + 7) & -8, valueWidth = (valueSize + 7) & -8;
  const p = scratch, ds = p + panels(PITCH, all), scaled = ds + panels(PITCH, all), given = scaled + (ROWS * size << 2);
  const packedQ = given + (ROWS * valueSize << 2), packedGiven = packedQ + gemm_packed_size(ROWS, size);
  const sumQ = packedGiven + gemm_packed_size(ROWS, valueSize), flipped = sumQ + panels(ROWS, size);
  const qRow = entry(table, ATTENTION_Q + 2), qCol = entry(table, ATTENTION_Q + 3);
  const qAt = offset_of(table, ATTENTION_Q, b, h, first);
  const yRow = entry(table, ATTENTION_Y + 2), yAt = offset_of(table, ATTENTION_Y, b, h, first);
  // No query of the block sees a key further on than its last one does.
  const columns = last_of(table, ends, keys, first + rows - 1);
  for (let i = 0; i < rows; i++) {
    scale_row(q + qAt + (<usize>i * qRow << 2), qCol, scaled + (i * size << 2), size, scale);
    memory.copy(given + (i * valueSize << 2), dy + yAt + (<usize>i * yRow << 2), valueSize << 2);
  }
  for (let j = 0; j < columns; j += 8) {
    panel_rows(scaled, size << 2, packedK + (<usize>j * size << 2), size, p + (j << 2), pitch, rows, false);
    panel_rows(
      given, valueSize << 2, packedV + (<usize>j * valueSize << 2), valueSize, ds + (j << 2), pitch, rows, false,
    );
  }
  for (let i = 0; i < rows; i++) {
    const row = p + i * pitch, at = <usize>i * yRow << 2, place = place_of(table, b, h, first + i);
    probabilities(row, columns, mask, ends, table, b, h, first + i, keys);
    if (seed) drop_row(ds + i * pitch, columns, seed, place, threshold, kept);
    score_gradients(row, ds + i * pitch, columns, dot_f32(dy + yAt + at, y + yAt + at, valueSize));
    if (seed) drop_row(row, columns, seed, place, threshold, kept);
    if (dmask) add_mask(
      ds + i * pitch, columns, dmask + offset_of(table, ATTENTION_MASK, b, h, first + i),
      entry(table, ATTENTION_MASK + 3),
    );
  }
  if (sumV) {
    flip(p, pitch, rows, columns, flipped);
    gemm_pack_f32(given, valueSize, 1, rows, valueSize, packedGiven);
    for (let j = 0; j < valueSize; j += 8) {
      panel_rows(
        flipped, PITCH << 2, packedGiven + (j * rows << 2), rows, sumV + (j << 2), valueWidth << 2, columns, true,
      );
    }
  }
  if (sumK) {
    flip(ds, pitch, rows, columns, flipped);
    gemm_pack_f32(scaled, size, 1, rows, size, packedQ);
    for (let j = 0; j < size; j += 8) panel_rows(
      flipped, PITCH << 2, packedQ + (j * rows << 2), rows, sumK + (j << 2), width << 2, columns, true,
    );
  }
  if (dq) {
    for (let j = 0; j < size; j += 8) panel_rows(
      ds, pitch, rowsK + (<usize>j * keys << 2), columns, sumQ + (j << 2), width << 2, rows, false,
    );
    put_rows(sumQ, dq + qAt, qRow, qCol, rows, size, scale);
  }
}

/** Scores of query i → its probabilities. */
function probabilities(
  row: usize, n: i32, mask: usize, ends: usize, table: usize, b: i32, h: i32, i: i32, keys: i32,
): void {
  limit_scores(row, n, mask, ends, table, 0, b, h, i, keys, 0);
  const most = n > 0 ? largest(row, n) : -Infinity;
  if (most == -Infinity) memory.fill(row, 0, n << 2);
  else scale_row(row, 1, row, n, <f32>1 / exp_sum(row, n, most));
}

/** The place of a query's first probability among those of all examples and heads. */
function place_of(table: usize, b: i32, h: i32, i: i32): i32 {
  const heads = entry(table, ATTENTION_KV_HEADS) * entry(table, ATTENTION_GROUP);
  return ((b * heads + h) * entry(table, ATTENTION_QUERIES) + i) * entry(table, ATTENTION_KEYS);
}

/** ds ← p∘(ds − shift); 0 where p is 0, whatever came of a value that is not seen. */
function score_gradients(p: usize, ds: usize, n: i32, shift: f32): void {
  const d = f32x4.splat(shift), zero = f32x4.splat(0);
  for (; n > 0; n -= 4, p += 16, ds += 16) {
    const weight = load_some(p, n);
    store_some(ds, v128.and(f32x4.mul(weight, f32x4.sub(load_some(ds, n), d)), f32x4.ne(weight, zero)), n);
  }
}

function add_mask(ds: usize, n: i32, to: usize, step: i32): void {
  for (; n > 0; n--, ds += 4, to += <usize>step << 2) store<f32>(to, load<f32>(to) + load<f32>(ds));
}

/**
 * Transposes a block; the rows after it that the last tile of the product also reads become 0.
 */
function flip(x: usize, pitch: i32, rows: i32, columns: i32, to: usize): void {
  for (let j = 0; j < columns; j += 4) {
    for (let i = 0; i < rows; i += 4) transpose_4x4(
      x + i * pitch + (j << 2), pitch, to + (<usize>(j * PITCH + i) << 2), PITCH << 2,
    );
  }
  memory.fill(to + (<usize>columns * PITCH << 2), 0, MR * PITCH << 2);
}

/** Rows of whole panels → rows with a distance between them and between their elements, scaled. */
function put_rows(x: usize, y: usize, row: i32, step: i32, rows: i32, n: i32, scale: f32): void {
  const width = ((n + 7) & -8) << 2;
  for (let i = 0; i < rows; i++, x += width) {
    const to = y + (<usize>i * row << 2);
    if (step == 1) scale_row(x, 1, to, n, scale);
    else for (let j = 0; j < n; j++) store<f32>(to + (<usize>j * step << 2), load<f32>(x + (j << 2)) * scale);
  }
}

/** Bytes of scratch for attention_dropout_f32. */
export function attention_dropout_scratch_size(keys: i32, size: i32, valueSize: i32): usize {
  const packed = gemm_packed_size(size, keys) + gemm_packed_size(keys, valueSize);
  return packed + panels(PITCH, keys) + (<usize>ROWS * size << 2) + panels(ROWS, valueSize);
}

/** The result with a share of the probabilities dropped, a block of queries at a time. */
export function attention_dropout_f32(
  q: usize, k: usize, v: usize, mask: usize, ends: usize, y: usize, table: usize, seed: usize, begin: i32, end: i32,
  scratch: usize,
): void {
  const scale = scalar(table, ATTENTION_SCALE), threshold = entry(table, ATTENTION_DROPPED);
  const kept = scalar(table, ATTENTION_KEPT);
  const heads = entry(table, ATTENTION_KV_HEADS), group = entry(table, ATTENTION_GROUP);
  const queries = entry(table, ATTENTION_QUERIES);
  const size = entry(table, ATTENTION_SIZE), valueSize = entry(table, ATTENTION_VALUE_SIZE);
  const all = entry(table, ATTENTION_KEYS);
  const packedK = scratch, packedV = packedK + gemm_packed_size(size, all);
  const p = packedV + gemm_packed_size(all, valueSize);
  const scaled = p + panels(PITCH, all), sums = scaled + (ROWS * size << 2), pitch = ((all + 7) & -8) << 2;
  const width = (valueSize + 7) & -8;
  for (let index = begin; index < end; index++) {
    const b = index / heads, head = index % heads, keys = keys_of(table, ends, b);
    gemm_pack_f32(
      k + offset_of(table, ATTENTION_K, b, head, 0), entry(table, ATTENTION_K + 3), entry(table, ATTENTION_K + 2), size,
      keys, packedK,
    );
    gemm_pack_f32(
      v + offset_of(table, ATTENTION_V, b, head, 0), entry(table, ATTENTION_V + 2), entry(table, ATTENTION_V + 3), keys,
      valueSize, packedV,
    );
    let turn = 0;
    while (turn < group * queries) {
      const h = head * group + turn / queries, first = turn % queries, rows = min(ROWS, queries - first);
      const columns = last_of(table, ends, keys, first + rows - 1);
      for (let i = 0; i < rows; i++) {
        scale_row(
          q + offset_of(table, ATTENTION_Q, b, h, first + i), entry(table, ATTENTION_Q + 3), scaled + (i * size << 2),
          size, scale,
        );
      }
      for (let j = 0; j < columns; j += 8) panel_rows(
        scaled, size << 2, packedK + (<usize>j * size << 2), size, p + (j << 2), pitch, rows, false,
      );
      for (let i = 0; i < rows; i++) {
        probabilities(p + i * pitch, columns, mask, ends, table, b, h, first + i, keys);
        drop_row(p + i * pitch, columns, seed, place_of(table, b, h, first + i), threshold, kept);
      }
      for (let j = 0; j < width; j += 8) panel_rows(
        p, pitch, packedV + (<usize>j * keys << 2), columns, sums + (j << 2), width << 2, rows, false,
      );
      for (let i = 0; i < rows; i++) {
        const sum = sums + (i * width << 2);
        if (has_nan(sum, width)) {
          memory.fill(sum, 0, width << 2);
          for (let j = 0; j < width; j += 8) add_seen(
            p + i * pitch, columns, packedV + (<usize>j * keys << 2), 8, sum + (j << 2), 8,
          );
        }
        memory.copy(y + offset_of(table, ATTENTION_Y, b, h, first + i), sum, valueSize << 2);
      }
      turn += rows;
    }
  }
}
