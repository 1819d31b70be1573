// The register tiles of every matrix product, and the loop over them.
//
// How to call: pack B once (gemm_pack_f32, or any code that writes the same layout: panels of NR columns, each k × NR
// floats, row after row, columns past n zero), then
//
//   gemm_panels(a, lda, b, panelStride, k, c, ldc, rows, n, mode, bias, residual, ldr, act, alpha, beta)
//
// computes C[rows, n] from A[rows, k], rows contiguous. `lda`, `ldc`, `ldr` and `panelStride` (from one panel of B to
// the next; k·NR·4 when all of k is used at once) are in bytes. `mode` says what happens to the products: TILE_STORE
// overwrites C, TILE_ADD adds to what C holds (a later block of k). Bias, residual and activation (any UNARY_* code)
// are applied before the store; 0 is "none". A caller that blocks k gives bias and activation with its last block and
// the residual with the first, so that C itself may be the residual. Nothing outside A's and C's rows is touched.
//
// An element's sum runs over k in ascending order in every tile, so bits do not depend on how rows are cut into tiles.
import { UNARY_LEAKY_RELU, UNARY_NONE, UNARY_RELU } from "../abi/codes";
import { load_some, madd, store_some } from "../lib/simd";
import { unary_f32 } from "../elementwise/unary";

/** Columns of one packed panel of B. */
export const NR: i32 = 8;
/**
 * Rows of the main tile: twelve accumulators fit beside their operands only where multiply-add needs no register of its
 * own.
 */
export const MR: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

export const TILE_STORE: i32 = 0;
export const TILE_ADD: i32 = 1;

// @ts-ignore: decorator
@inline
function activate(v: v128, act: i32, low: v128, high: v128): v128 {
  // pmax(v, low) is v < low ? low : v, so a NaN in v stays.
  if (act == UNARY_LEAKY_RELU) return v128.bitselect(f32x4.mul(v, low), v, f32x4.lt(v, f32x4.splat(0)));
  return f32x4.pmin(f32x4.pmax(v, low), high);
}

// @ts-ignore: decorator
@inline
export function finish_full(
  c: usize, v0: v128, v1: v128, mode: i32, bias0: v128, bias1: v128, residual: usize, act: i32, low: v128, high: v128,
): void {
  if (mode == TILE_ADD) {
    v0 = f32x4.add(v128.load(c), v0);
    v1 = f32x4.add(v128.load(c, 16), v1);
  }
  v0 = f32x4.add(v0, bias0);
  v1 = f32x4.add(v1, bias1);
  if (residual) {
    v0 = f32x4.add(v0, v128.load(residual));
    v1 = f32x4.add(v1, v128.load(residual, 16));
  }
  if (act != UNARY_NONE) {
    v0 = activate(v0, act, low, high);
    v1 = activate(v1, act, low, high);
  }
  v128.store(c, v0);
  v128.store(c, v1, 16);
}

/** One vector of a tile that has fewer than NR columns. */
// @ts-ignore: decorator
@inline
export function finish_lanes(
  c: usize, v: v128, columns: i32, mode: i32, bias: v128, residual: usize, act: i32, low: v128, high: v128,
): void {
  if (mode == TILE_ADD) v = f32x4.add(columns < 4 ? load_some(c, columns) : v128.load(c), v);
  v = f32x4.add(v, bias);
  if (residual) v = f32x4.add(v, columns < 4 ? load_some(residual, columns) : v128.load(residual));
  if (act != UNARY_NONE) v = activate(v, act, low, high);
  if (columns < 4) store_some(c, v, columns);
  else v128.store(c, v);
}

// @ts-ignore: decorator
@inline
export function load_bias(bias: usize, columns: i32): v128 {
  if (!bias || columns <= 0) return f32x4.splat(0);
  return columns < 4 ? load_some(bias, columns) : v128.load(bias);
}

/**
 * `rows` rows by `columns` ≤ 8, in tiles of `tall` (4, 5 or 6, a constant where this is inlined) rows, the last of
 * which may have fewer: rows past the end repeat the last one and are not stored. A call per tile costs as much as half
 * a tile of 32 steps.
 *
 * V8 moves all loads of a basic block to its start, where they take more registers than there are. So blocks are kept
 * small by exits that are never taken (`b` is an address, never 1 … 23): each costs one fused compare-and-branch, and
 * without them the 5×8 tile of the simd build runs at half its speed (Node 20). Eight steps of k share one round of
 * pointer additions, and one look at a cache line that is wanted later, at `ahead` (`b` where none is).
 */
// @ts-ignore: decorator
@inline
function tiles(
  tall: i32, a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, low: f32, high: f32, ahead: usize,
): void {
  let end = b + (k << 5), main = end - 224;
  for (let i = 1; ; i++) {
    let last = (min(rows, tall) - 1) * lda;
    let r1 = min(lda, last), r2 = min(2 * lda, last), r3 = min(3 * lda, last), r4 = min(4 * lda, last);
    let r5 = min(5 * lda, last);
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
    let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
    let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
    let p = a, q = b;
    if (k >= 8) {
      for (; q < main; q += 256, p += 32, ahead += 64) {
        load<i32>(ahead);
        let b0 = v128.load(q), b1 = v128.load(q, 16), x = v128.load32_splat(p);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 1) break;
        x = v128.load32_splat(p + r2); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 2) break;
        if (tall > 4) { x = v128.load32_splat(p + r4); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
        if (tall > 5) { x = v128.load32_splat(p + r5); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (q == 3) break;
        b0 = v128.load(q, 32); b1 = v128.load(q, 48); x = v128.load32_splat(p, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 4); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 4) break;
        x = v128.load32_splat(p + r2, 4); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 4); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 5) break;
        if (tall > 4) { x = v128.load32_splat(p + r4, 4); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
        if (tall > 5) { x = v128.load32_splat(p + r5, 4); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (q == 6) break;
        b0 = v128.load(q, 64); b1 = v128.load(q, 80); x = v128.load32_splat(p, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 8); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 7) break;
        x = v128.load32_splat(p + r2, 8); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 8); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 8) break;
        if (tall > 4) { x = v128.load32_splat(p + r4, 8); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
        if (tall > 5) { x = v128.load32_splat(p + r5, 8); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (q == 9) break;
        b0 = v128.load(q, 96); b1 = v128.load(q, 112); x = v128.load32_splat(p, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 12); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 10) break;
        x = v128.load32_splat(p + r2, 12); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 12); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 11) break;
        if (tall > 4) { x = v128.load32_splat(p + r4, 12); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
        if (tall > 5) { x = v128.load32_splat(p + r5, 12); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (q == 12) break;
        b0 = v128.load(q, 128); b1 = v128.load(q, 144); x = v128.load32_splat(p, 16);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 16); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 13) break;
        x = v128.load32_splat(p + r2, 16); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 16); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 14) break;
        if (tall > 4) { x = v128.load32_splat(p + r4, 16); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
        if (tall > 5) { x = v128.load32_splat(p + r5, 16); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (q == 15) break;
        b0 = v128.load(q, 160); b1 = v128.load(q, 176); x = v128.load32_splat(p, 20);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 20); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 16) break;
        x = v128.load32_splat(p + r2, 20); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 20); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 17) break;
        if (tall > 4) { x = v128.load32_splat(p + r4, 20); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
        if (tall > 5) { x = v128.load32_splat(p + r5, 20); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (q == 18) break;
        b0 = v128.load(q, 192); b1 = v128.load(q, 208); x = v128.load32_splat(p, 24);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 24); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 19) break;
        x = v128.load32_splat(p + r2, 24); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 24); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 20) break;
        if (tall > 4) { x = v128.load32_splat(p + r4, 24); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
        if (tall > 5) { x = v128.load32_splat(p + r5, 24); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (q == 21) break;
        b0 = v128.load(q, 224); b1 = v128.load(q, 240); x = v128.load32_splat(p, 28);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 28); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 22) break;
        x = v128.load32_splat(p + r2, 28); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 28); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 23) break;
        if (tall > 4) { x = v128.load32_splat(p + r4, 28); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
        if (tall > 5) { x = v128.load32_splat(p + r5, 28); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
      }
    }
    for (; q < end; q += 32, p += 4) {
      let b0 = v128.load(q), b1 = v128.load(q, 16), x = v128.load32_splat(p);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(p + r1); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (q == 1) break;
      x = v128.load32_splat(p + r2); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(p + r3); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (q == 2) break;
      if (tall > 4) { x = v128.load32_splat(p + r4); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
      if (tall > 5) { x = v128.load32_splat(p + r5); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
    }

    let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
    let bias0 = load_bias(bias, columns), bias1 = load_bias(bias + 16, bias ? columns - 4 : 0);
    if (columns >= NR) {
      finish_full(c, c00, c01, mode, bias0, bias1, residual, act, vlow, vhigh);
      if (rows > 1) finish_full(c + ldc, c10, c11, mode, bias0, bias1, residual ? residual + ldr : 0, act, vlow, vhigh);
      if (rows > 2) finish_full(
        c + 2 * ldc, c20, c21, mode, bias0, bias1, residual ? residual + 2 * ldr : 0, act, vlow, vhigh,
      );
      if (rows > 3) finish_full(
        c + 3 * ldc, c30, c31, mode, bias0, bias1, residual ? residual + 3 * ldr : 0, act, vlow, vhigh,
      );
      if (tall > 4) {
        if (rows > 4) finish_full(
          c + 4 * ldc, c40, c41, mode, bias0, bias1, residual ? residual + 4 * ldr : 0, act, vlow, vhigh,
        );
        if (tall > 5 && rows > 5) finish_full(
          c + 5 * ldc, c50, c51, mode, bias0, bias1, residual ? residual + 5 * ldr : 0, act, vlow, vhigh,
        );
      }
    } else {
      // The last columns are rare enough for a loop that moves each row to the front.
      let ci = c, ri = residual;
      for (let left = min(rows, tall); left > 0; left--) {
        finish_lanes(ci, c00, columns, mode, bias0, ri, act, vlow, vhigh);
        if (columns > 4) finish_lanes(ci + 16, c01, columns - 4, mode, bias1, ri ? ri + 16 : 0, act, vlow, vhigh);
        ci += ldc;
        if (ri) ri += ldr;
        c00 = c10;
        c01 = c11;
        c10 = c20;
        c11 = c21;
        c20 = c30;
        c21 = c31;
        if (tall > 4) {
          c30 = c40;
          c31 = c41;
        }
        if (tall > 5) {
          c40 = c50;
          c41 = c51;
        }
      }
    }
    rows -= tall;
    if (rows <= 0) return;
    a += tall * lda;
    c += tall * ldc;
    if (residual) residual += tall * ldr;
    // The first tile of a panel waits for it, the others find it in the cache, while memory idles: so the first four
    // fetch a quarter of the next one each.
    if (i >= 4) ahead = b;
  }
}

function tiles_4x8(
  a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, low: f32, high: f32, ahead: usize,
): void {
  tiles(4, a, lda, b, k, c, ldc, rows, columns, mode, bias, residual, ldr, act, low, high, ahead);
}

function tiles_5x8(
  a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, low: f32, high: f32, ahead: usize,
): void {
  tiles(5, a, lda, b, k, c, ldc, rows, columns, mode, bias, residual, ldr, act, low, high, ahead);
}

function tiles_6x8(
  a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, low: f32, high: f32, ahead: usize,
): void {
  tiles(6, a, lda, b, k, c, ldc, rows, columns, mode, bias, residual, ldr, act, low, high, ahead);
}

/**
 * See the top of this file. A panel of B stays in the first-level cache while all rows pass by; give as many rows as
 * the second-level cache holds, or only MR when it is rather a block of B that should stay there.
 */
export function gemm_panels(
  a: usize, lda: i32, b: usize, panelStride: i32, k: i32, c: usize, ldc: i32, rows: i32, n: i32, mode: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, alpha: f32, beta: f32,
): void {
  // RELU, CLIP and LEAKY_RELU happen in registers at the store; other functions over rows that are still in a near
  // cache.
  let low = alpha, high = beta, later = UNARY_NONE;
  if (act == UNARY_RELU) {
    low = 0;
    high = <f32>Infinity;
  } else if (act > UNARY_LEAKY_RELU) {
    later = act;
    act = UNARY_NONE;
  }
  // Tiles of MR rows cost nearly as much for fewer rows: as many as possible of the rest's tiles are of 4.
  let count = (rows + MR - 1) / MR, tall = min(max(count - (count * MR - rows) / (MR - 4), 0) * MR, rows);
  let rest = rows - tall;
  let restA = a + tall * lda, restC = tall * ldc, restResidual = tall * ldr;
  for (let j = 0; j < n; j += NR) {
    let ci = c + (j << 2), biasj = bias ? bias + (j << 2) : 0, residualj = residual ? residual + (j << 2) : 0;
    let ahead = j + NR < n ? b + panelStride : b;
    if (tall) {
      if (MR == 5) tiles_5x8(a, lda, b, k, ci, ldc, tall, n - j, mode, biasj, residualj, ldr, act, low, high, ahead);
      else tiles_6x8(a, lda, b, k, ci, ldc, tall, n - j, mode, biasj, residualj, ldr, act, low, high, ahead);
      ahead = b;
    }
    if (rest) tiles_4x8(
      restA, lda, b, k, ci + restC, ldc, rest, n - j, mode, biasj, residualj ? residualj + restResidual : 0, ldr, act,
      low, high, ahead,
    );
    b += panelStride;
  }
  if (later != UNARY_NONE) {
    for (let i = 0; i < rows; i++) unary_f32(later, c + i * ldc, c + i * ldc, n, alpha, beta);
  }
}
