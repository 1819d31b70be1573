// Products of transposed matrices: C[i, j] = Σ_p A[p, i]·B[p, j], the weight gradients of dense layers and
// convolutions. The long axis p (samples, pixels) is summed block by block: B's block is packed into panels of NR
// columns, A's is copied (by a convolution: gathered) into rows of a fixed distance, so that a tile reads four, five or
// six neighbours of each row by constant offsets. What was tried: docs/performance/training.md.
import { gemm_pack_f32, gemm_packed_size, k_block } from "./gemm";
import { finish_lanes, MR, NR, TILE_ADD, TILE_STORE } from "./gemm-tile";
import { UNARY_NONE } from "../abi/codes";
import { madd } from "../lib/simd";

/** Most of p taken at once. */
export const BLOCK: i32 = 128;
/** Most columns of A taken at once: whole tiles of 4, 5 or 6. */
export const CHUNK: i32 = 240;
/** Bytes between rows of a copied block of A: rows do not share cache sets. */
export const STRIDE: usize = 1040;

/** Bytes of scratch for gemm_tn_f32 and the kernels that call gemm_tn_panels. */
export function gemm_tn_scratch_size(n: i32): usize {
  return gemm_packed_size(BLOCK, n) + <usize>BLOCK * STRIDE + 32;
}

/**
 * C[rows, n] = (mode TILE_ADD: +=) Aᵀ·B for `rows` ≤ CHUNK columns of a block of A at `a` and B's block packed at `b`,
 * each of `count` rows. `lda` and `ldc` in bytes; up to 20 bytes behind A's last row are read.
 */
export function gemm_tn_panels(
  a: usize, lda: i32, b: usize, count: i32, c: usize, ldc: i32, rows: i32, n: i32, mode: i32,
): void {
  // As in gemm_panels: the rest's tiles are of 4 where that is less work.
  let tiles = (rows + MR - 1) / MR, tall = max(tiles - (tiles * MR - rows) / (MR - 4), 0), panel = count << 5;
  for (let left = rows, i = 0; left > 0; i++) {
    let height = min(left, i < tall ? MR : 4), bj = b;
    for (let j = 0; j < n; j += NR) {
      if (height <= 4) tile_4x8(a, lda, bj, count, c + (j << 2), ldc, height, n - j, mode);
      else if (MR == 5) tile_5x8(a, lda, bj, count, c + (j << 2), ldc, height, n - j, mode);
      else tile_6x8(a, lda, bj, count, c + (j << 2), ldc, height, n - j, mode);
      bj += panel;
    }
    left -= height;
    a += height << 2;
    c += height * ldc;
  }
}

/**
 * C[i, j] = Σ_p A[p, i]·B[p, j] over p < k, for rows [begin, end) of C's; `lda`, `ldb` and `ldc` are the elements from
 * one row to the next.
 */
export function gemm_tn_f32(
  a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32, k: i32, n: i32, begin: i32, end: i32, scratch: usize,
): void {
  let rows = scratch + gemm_packed_size(BLOCK, n), length = k_block(k, BLOCK), chunk = k_block(end - begin, CHUNK);
  if (k == 0) {
    for (let i = begin; i < end; i++) memory.fill(c + (<usize>i * ldc << 2), 0, n << 2);
    return;
  }
  for (let p = 0; p < k; p += length) {
    let count = min(k - p, length);
    gemm_pack_f32(b + (<usize>p * ldb << 2), ldb, 1, count, n, scratch);
    for (let i = begin; i < end; i += chunk) {
      let width = min(end - i, chunk), source = a + ((<usize>p * lda + i) << 2), target = rows;
      for (let r = 0; r < count; r++) {
        memory.copy(target, source, width << 2);
        source += lda << 2;
        target += STRIDE;
      }
      gemm_tn_panels(
        rows, <i32>STRIDE, scratch, count, c + (<usize>i * ldc << 2), ldc << 2, width, n, p ? TILE_ADD : TILE_STORE,
      );
    }
  }
}

// @ts-ignore: decorator
@inline
function finish(c: usize, v0: v128, v1: v128, columns: i32, mode: i32): void {
  let none = f32x4.splat(0);
  if (columns >= NR) {
    if (mode == TILE_ADD) {
      v0 = f32x4.add(v128.load(c), v0);
      v1 = f32x4.add(v128.load(c, 16), v1);
    }
    v128.store(c, v0);
    v128.store(c, v1, 16);
    return;
  }
  finish_lanes(c, v0, columns, mode, none, 0, UNARY_NONE, none, none);
  if (columns > 4) finish_lanes(c + 16, v1, columns - 4, mode, none, 0, UNARY_NONE, none, none);
}

/**
 * `tall` (4, 5 or 6) columns of A by eight of B; those from `rows` on are not stored. The exits inside a step are never
 * taken (see gemm-tile.ts).
 */
// @ts-ignore: decorator
@inline
function tile(
  tall: i32, a: usize, lda: i32, b: usize, count: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  let end = b + (count << 5), main = end - 96;
  if (count >= 4) {
    for (; b < main; b += 128, a += 4 * lda) {
      let a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
      let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a, 4); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 1) break;
      x = v128.load32_splat(a, 8); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a, 12); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 2) break;
      if (tall > 4) { x = v128.load32_splat(a, 16); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
      if (tall > 5) { x = v128.load32_splat(a, 20); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
      if (b == 3) break;
      b0 = v128.load(b, 32); b1 = v128.load(b, 48); x = v128.load32_splat(a1);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a1, 4); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 4) break;
      x = v128.load32_splat(a1, 8); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a1, 12); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 5) break;
      if (tall > 4) { x = v128.load32_splat(a1, 16); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
      if (tall > 5) { x = v128.load32_splat(a1, 20); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
      if (b == 6) break;
      b0 = v128.load(b, 64); b1 = v128.load(b, 80); x = v128.load32_splat(a2);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a2, 4); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 7) break;
      x = v128.load32_splat(a2, 8); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a2, 12); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 8) break;
      if (tall > 4) { x = v128.load32_splat(a2, 16); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
      if (tall > 5) { x = v128.load32_splat(a2, 20); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
      if (b == 9) break;
      b0 = v128.load(b, 96); b1 = v128.load(b, 112); x = v128.load32_splat(a3);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a3, 4); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 10) break;
      x = v128.load32_splat(a3, 8); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a3, 12); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 11) break;
      if (tall > 4) { x = v128.load32_splat(a3, 16); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
      if (tall > 5) { x = v128.load32_splat(a3, 20); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
    }
  }
  for (; b < end; b += 32, a += lda) {
    let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
    c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
    x = v128.load32_splat(a, 4); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
    if (b == 1) break;
    x = v128.load32_splat(a, 8); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
    x = v128.load32_splat(a, 12); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
    if (b == 2) break;
    if (tall > 4) { x = v128.load32_splat(a, 16); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41); }
    if (tall > 5) { x = v128.load32_splat(a, 20); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
  }
  finish(c, c00, c01, columns, mode);
  if (rows > 1) finish(c + ldc, c10, c11, columns, mode);
  if (rows > 2) finish(c + 2 * ldc, c20, c21, columns, mode);
  if (rows > 3) finish(c + 3 * ldc, c30, c31, columns, mode);
  if (tall > 4 && rows > 4) finish(c + 4 * ldc, c40, c41, columns, mode);
  if (tall > 5 && rows > 5) finish(c + 5 * ldc, c50, c51, columns, mode);
}

function tile_4x8(
  a: usize, lda: i32, b: usize, count: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32,
): void {
  tile(4, a, lda, b, count, c, ldc, rows, columns, mode);
}

function tile_5x8(
  a: usize, lda: i32, b: usize, count: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32,
): void {
  tile(5, a, lda, b, count, c, ldc, rows, columns, mode);
}

function tile_6x8(
  a: usize, lda: i32, b: usize, count: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32,
): void {
  tile(6, a, lda, b, count, c, ldc, rows, columns, mode);
}
