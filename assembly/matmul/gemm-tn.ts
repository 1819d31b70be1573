// Products of transposed matrices: C[i, j] = Σ_p A[p, i]·B[p, j], the weight gradients of dense layers and
// convolutions. The long axis p (samples, pixels) is summed block by block: B's block is packed into panels of NR
// columns, A's is copied (by a convolution: gathered) into rows of a fixed distance, so that a tile reads four, five or
// six neighbours of each row by constant offsets. What was tried: docs/performance/training.md.
import { gemm_pack_f32, gemm_packed_size, k_block } from "./gemm";
import { MR, NR, TILE_ADD, TILE_STORE } from "../lib/tile";
import { tn_tile_4x8, tn_tile_5x8, tn_tile_6x8 } from "../generated/gemm-tn-tiles";

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
 * each of `count` rows. `lda` and `ldc` in bytes; up to 20 bytes after A's last row are read.
 */
export function gemm_tn_panels(
  a: usize, lda: i32, b: usize, count: i32, c: usize, ldc: i32, rows: i32, n: i32, mode: i32,
): void {
  // As in gemm_panels: the rest's tiles are of 4 where that is less work.
  let tiles = (rows + MR - 1) / MR, tall = max(tiles - (tiles * MR - rows) / (MR - 4), 0), panel = count << 5;
  for (let left = rows, i = 0; left > 0; i++) {
    let height = min(left, i < tall ? MR : 4), bj = b;
    for (let j = 0; j < n; j += NR) {
      if (height <= 4) tn_tile_4x8(a, lda, bj, count, c + (j << 2), ldc, height, n - j, mode);
      else if (MR == 5) tn_tile_5x8(a, lda, bj, count, c + (j << 2), ldc, height, n - j, mode);
      else tn_tile_6x8(a, lda, bj, count, c + (j << 2), ldc, height, n - j, mode);
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
