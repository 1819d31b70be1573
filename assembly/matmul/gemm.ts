// Matrix products: packing of B, blocking for the caches. gemm-tile.ts goes over the register tiles.
//
// Strides and leading dimensions of the exported kernels are in elements.
import { UNARY_NONE } from "../abi/codes";
import { gemm_panels } from "./gemm-tile";
import { MR, NR, TILE_ADD, TILE_STORE } from "../lib/tile";

/**
 * Most of k taken at once. Every further block reads and writes all of C once more, which costs more than a panel of B
 * (k × NR) that outgrows the first-level cache: it is read in order.
 */
const K_BLOCK: i32 = 1024;
/**
 * Floats of B taken at once: a quarter of a megabyte, to stay in the second-level cache while all rows of A pass by.
 */
const B_BLOCK: i32 = 65536;
/**
 * Rows of A that pass by one panel of B where a block of k is longer than SHORT_K: panel and tile of A then do not fit
 * the first-level cache together, so one of them should be read from beyond it as rarely as possible.
 */
const ROW_BLOCK: i32 = MR * 8;
const SHORT_K: i32 = 512;
/**
 * Floats of A that pass by one panel where k is shorter: half a first-level cache, the panel has at most the other
 * half.
 */
const A_BLOCK: i32 = 4096;

/**
 * Strides, in elements, and sizes of C[m, n] = A[m, k] · B[k, n], as a table of i32 in memory: PRODUCT_* of codes.ts.
 */
// @ts-ignore: decorator
@unmanaged
export class Product {
  aRow: i32;
  aCol: i32;
  bRow: i32;
  bCol: i32;
  residualRow: i32;
  cRow: i32;
  m: i32;
  k: i32;
  n: i32;
}

/**
 * Length of the blocks, `limit` at most, that k is cut into. Depends on k alone, since it decides the order of the
 * additions.
 */
export function k_block(k: i32, limit: i32): i32 {
  let blocks = (k + limit - 1) / limit;
  return blocks <= 1 ? k : ((k + blocks - 1) / blocks + 3) & ~3;
}

/** Bytes of a packed B[k, n]. */
export function gemm_packed_size(k: i32, n: i32): usize {
  return <usize>k * ((n + NR - 1) & -NR) << 2;
}

/** Packs B[k, n], whose element (p, j) is at b[p·rowStride + j·colStride], into panels of NR columns. */
export function gemm_pack_f32(b: usize, rowStride: i32, colStride: i32, k: i32, n: i32, packed: usize): void {
  let row = rowStride << 2, col = colStride << 2;
  for (let j = 0; j < n; j += NR) {
    let columns = min(n - j, NR), source = b + j * col;
    if (columns == NR && colStride == 1) {
      for (let p = 0; p < k; p++) {
        v128.store(packed, v128.load(source));
        v128.store(packed, v128.load(source, 16), 16);
        packed += 32;
        source += row;
      }
      continue;
    }
    let p = 0;
    if (columns == NR && rowStride == 1) {
      for (; p + 4 <= k; p += 4) {
        transpose_4x4(source, col, packed, 32);
        transpose_4x4(source + 4 * col, col, packed + 16, 32);
        source += 16;
        packed += 128;
      }
    }
    for (; p < k; p++) {
      let q = source;
      for (let i = 0; i < columns; i++) {
        store<f32>(packed + (i << 2), load<f32>(q));
        q += col;
      }
      for (let i = columns; i < NR; i++) store<f32>(packed + (i << 2), 0);
      packed += 32;
      source += row;
    }
  }
}

/** Four contiguous elements of each of four lines `stride` bytes apart → four rows `pitch` bytes apart. */
// @ts-ignore: decorator
@inline
export function transpose_4x4(source: usize, stride: i32, target: usize, pitch: i32): void {
  let r0 = v128.load(source), r1 = v128.load(source + stride);
  let r2 = v128.load(source + 2 * stride), r3 = v128.load(source + 3 * stride);
  let t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  let t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5));
  v128.store(target + pitch, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7));
  v128.store(target + 2 * pitch, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5));
  v128.store(target + 3 * pitch, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7));
}

/** Columns of B that are taken at once. */
// @ts-ignore: decorator
@inline
function columns_of(length: i32): i32 {
  return max(NR, (B_BLOCK / max(length, 1)) & -NR);
}

/**
 * C[m, n] = act(A[m, k] · B[k, n] + bias[n] + residual[m, n]) for the rows [begin, end). A's rows are contiguous and
 * `lda` apart, B is packed, bias and residual may be 0 (none). C may be the residual itself. `act` is a UNARY_* code
 * with its scalars `alpha`, `beta`.
 */
export function gemm_f32(
  a: usize, lda: i32, packed: usize, bias: usize, residual: usize, ldr: i32, c: usize, ldc: i32, k: i32, n: i32,
  begin: i32, end: i32, act: i32, alpha: f32, beta: f32,
): void {
  product(a, lda, packed, 0, 0, bias, residual, ldr, c, ldc, k, n, begin, end, act, alpha, beta, 0);
}

/** Bytes of scratch for gemm_unpacked_f32. */
export function gemm_unpacked_scratch_size(k: i32, n: i32): usize {
  let length = k_block(k, K_BLOCK);
  return gemm_packed_size(length, min(n, columns_of(length)));
}

/**
 * The same for a B that is used once: each block is packed to `scratch` just before its products, so that they read it
 * from the second-level cache. Strides and sizes come as a table (Product).
 */
export function gemm_unpacked_f32(
  a: usize, b: usize, bias: usize, residual: usize, c: usize, table: usize, act: i32, alpha: f32, beta: f32, begin: i32,
  end: i32, scratch: usize,
): void {
  const s = changetype<Product>(table);
  if (!ASC_NO_ASSERT) assert(s.aCol == 1 && scratch != 0 && 0 <= begin && begin <= end, "A's columns are apart");
  product(
    a, s.aRow, b, s.bRow, s.bCol, bias, residual, s.residualRow, c, s.cRow, s.k, s.n, begin, end, act, alpha, beta,
    scratch,
  );
}

/** Either: if `scratch` is 0, B is packed already, else its element (p, j) is at b[p·rowStride + j·colStride]. */
function product(
  a: usize, lda: i32, b: usize, rowStride: i32, colStride: i32, bias: usize, residual: usize, ldr: i32, c: usize,
  ldc: i32, k: i32, n: i32, begin: i32, end: i32, act: i32, alpha: f32, beta: f32, scratch: usize,
): void {
  let kBlock = k_block(k, K_BLOCK), p = 0;
  a += <usize>begin * lda << 2;
  c += <usize>begin * ldc << 2;
  if (residual) residual += <usize>begin * ldr << 2;
  // When k is 0 the one pass writes act(bias + residual).
  do {
    let length = min(k - p, kBlock), last = p + length >= k, nBlock = columns_of(length);
    let rowBlock = length > SHORT_K ? ROW_BLOCK : MR * max(1, A_BLOCK / (MR * max(length, 1)));
    for (let j = 0; j < n; j += nBlock) {
      let columns = min(n - j, nBlock), panels = scratch, panelStride = length << 5;
      if (scratch) {
        gemm_pack_f32(
          b + (<usize>(p * rowStride + j * colStride) << 2), rowStride, colStride, length, columns, scratch,
        );
      } else {
        panels = b + (<usize>j * k << 2) + (p << 5);
        panelStride = k << 5;
      }
      for (let i = begin; i < end; i += rowBlock) {
        let offset = <usize>(i - begin);
        gemm_panels(
          a + ((offset * lda + p) << 2), lda << 2, panels, panelStride, length, c + ((offset * ldc + j) << 2), ldc << 2,
          min(rowBlock, end - i), columns, p ? TILE_ADD : TILE_STORE, last && bias ? bias + (j << 2) : 0,
          !p && residual ? residual + ((offset * ldr + j) << 2) : 0, ldr << 2, last ? act : UNARY_NONE, alpha, beta,
        );
      }
    }
    p += length;
  } while (p < k);
}

/** Columns of A (and ROW_BLOCK rows) that gemm_strided_a_f32 makes contiguous at a time. */
const STRIP_K: i32 = 512;

/** Bytes of scratch for gemm_strided_a_f32. */
export function gemm_strided_a_scratch_size(k: i32): usize {
  return <usize>(min(k, STRIP_K) + 8) * ROW_BLOCK << 2;
}

/**
 * gemm_f32 for an A whose columns are apart, as a transposed A's are: strips of it are copied to `scratch`. Strides and
 * sizes come as a table.
 */
export function gemm_strided_a_f32(
  a: usize, packed: usize, bias: usize, residual: usize, c: usize, table: usize, act: i32, alpha: f32, beta: f32,
  begin: i32, end: i32, scratch: usize,
): void {
  const s = changetype<Product>(table);
  product_strided_a(
    a, s.aRow, s.aCol, packed, bias, residual, s.residualRow, c, s.cRow, s.k, s.n, begin, end, act, alpha, beta,
    scratch,
  );
}

/** The element (i, p) of A is at a[i·rowStride + p·colStride]. */
export function product_strided_a(
  a: usize, rowStride: i32, colStride: i32, packed: usize, bias: usize, residual: usize, ldr: i32, c: usize, ldc: i32,
  k: i32, n: i32, begin: i32, end: i32, act: i32, alpha: f32, beta: f32, scratch: usize,
): void {
  let kBlock = k_block(k, STRIP_K), p = 0;
  let row = rowStride << 2, col = colStride << 2;
  do {
    let length = min(k - p, kBlock), last = p + length >= k;
    for (let i = begin; i < end; i += ROW_BLOCK) {
      let rows = min(end - i, ROW_BLOCK), lda = (length + 4) << 2;
      copy_strip(a + i * row + p * col, row, col, rows, length, scratch, lda);
      gemm_panels(
        scratch, lda, packed + (p << 5), k << 5, length, c + (<usize>i * ldc << 2), ldc << 2, rows, n,
        p ? TILE_ADD : TILE_STORE, last ? bias : 0, !p && residual ? residual + (<usize>i * ldr << 2) : 0, ldr << 2,
        last ? act : UNARY_NONE, alpha, beta,
      );
    }
    p += length;
  } while (p < k);
}

/** rows × length elements at the given byte strides → contiguous rows `lda` bytes apart. */
function copy_strip(source: usize, row: i32, col: i32, rows: i32, length: i32, target: usize, lda: i32): void {
  let i = 0;
  if (row == 4) {
    for (; i + 4 <= rows; i += 4) {
      let p = 0, s = source + (i << 2), t = target + i * lda;
      for (; p + 4 <= length; p += 4) {
        transpose_4x4(s, col, t, lda);
        s += 4 * col;
        t += 16;
      }
      for (; p < length; p++) {
        let v = v128.load(s);
        v128.store32_lane(t, v, 0);
        v128.store32_lane(t + lda, v, 1);
        v128.store32_lane(t + 2 * lda, v, 2);
        v128.store32_lane(t + 3 * lda, v, 3);
        s += col;
        t += 4;
      }
    }
  }
  for (; i < rows; i++) {
    let s = source + i * row, t = target + i * lda;
    if (col == 4) {
      memory.copy(t, s, length << 2);
      continue;
    }
    for (let p = 0; p < length; p++) {
      store<f32>(t, load<f32>(s));
      s += col;
      t += 4;
    }
  }
}
