// The product inside attention.ts: one panel of eight columns against many rows, without the choices of gemm-tile.ts.
// With the 64 steps of k that a head has, what a tile costs besides its multiplications would be a fifth of it.
import { madd } from "../lib/simd";
import { MR } from "../matmul/gemm-tile";

/**
 * c[rows, 8] = a[rows, k] · b[k, 8], or added to c. `rows` is rounded up to a multiple of MR, and so many rows are read
 * and written. `lda` and `ldc` are in bytes.
 *
 * (The exits that are never taken, since `b` is an address, keep V8 from moving all loads to the start; see
 * gemm-tile.ts.)
 */
export function panel_rows(a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, add: bool): void {
  const end = b + (k << 5), main = end - 96;
  for (; rows > 0; rows -= MR) {
    let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00, c40 = c00;
    let c41 = c00;
    let c50 = c00, c51 = c00;
    let a0 = a, a1 = a0 + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = MR > 5 ? a4 + lda : a4, p = b;
    if (k >= 4) {
      for (; p < main; p += 128) {
        let b0 = v128.load(p, 0), b1 = v128.load(p, 16), x = v128.load32_splat(a0, 0);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 0); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 1) break;
        x = v128.load32_splat(a2, 0); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 0); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 2) break;
        x = v128.load32_splat(a4, 0); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (MR > 5) { x = v128.load32_splat(a5, 0); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (p == 3) break;
        b0 = v128.load(p, 32); b1 = v128.load(p, 48); x = v128.load32_splat(a0, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 4); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 4) break;
        x = v128.load32_splat(a2, 4); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 4); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 5) break;
        x = v128.load32_splat(a4, 4); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (MR > 5) { x = v128.load32_splat(a5, 4); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (p == 6) break;
        b0 = v128.load(p, 64); b1 = v128.load(p, 80); x = v128.load32_splat(a0, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 8); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 7) break;
        x = v128.load32_splat(a2, 8); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 8); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 8) break;
        x = v128.load32_splat(a4, 8); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (MR > 5) { x = v128.load32_splat(a5, 8); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (p == 9) break;
        b0 = v128.load(p, 96); b1 = v128.load(p, 112); x = v128.load32_splat(a0, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 12); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 10) break;
        x = v128.load32_splat(a2, 12); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 12); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 11) break;
        x = v128.load32_splat(a4, 12); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (MR > 5) { x = v128.load32_splat(a5, 12); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        a0 += 16; a1 += 16; a2 += 16; a3 += 16; a4 += 16;
        if (MR > 5) a5 += 16;
      }
    }
    for (; p < end; p += 32) {
      let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a0);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a1); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (p == 1) break;
      x = v128.load32_splat(a2); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a3); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (p == 2) break;
      x = v128.load32_splat(a4); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      if (MR > 5) { x = v128.load32_splat(a5); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
      a0 += 4; a1 += 4; a2 += 4; a3 += 4; a4 += 4;
      if (MR > 5) a5 += 4;
    }
    c = put(c, ldc, c00, c01, add);
    c = put(c, ldc, c10, c11, add);
    c = put(c, ldc, c20, c21, add);
    c = put(c, ldc, c30, c31, add);
    c = put(c, ldc, c40, c41, add);
    if (MR > 5) c = put(c, ldc, c50, c51, add);
    a += MR * lda;
  }
}

/** Stores a row; returns where the next one is. */
// @ts-ignore: decorator
@inline
function put(c: usize, ldc: i32, v0: v128, v1: v128, add: bool): usize {
  v128.store(c, add ? f32x4.add(v128.load(c), v0) : v0);
  v128.store(c, add ? f32x4.add(v128.load(c, 16), v1) : v1, 16);
  return c + ldc;
}
