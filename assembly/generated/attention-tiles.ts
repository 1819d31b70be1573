// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.
import { madd } from "../lib/simd";
import { put_row as put } from "../lib/tile";

/**
 * c[rows, 8] = a[rows, k] · b[k, 8], or added to c. `rows` is rounded up to a multiple of 5, and so many rows are read
 * and written. `lda` and `ldc` are in bytes.
 */
export function panel_rows_5x8(
  a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, add: bool,
): void {
  const end = b + (k << 5), main = end - 96;
  for (; rows > 0; rows -= 5) {
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
    let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
    let a0 = a, a1 = a0 + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, p = b;
    if (k >= 4) {
      for (; p < main; p += 128) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a0);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 1) break;
        x = v128.load32_splat(a2);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 2) break;
        x = v128.load32_splat(a4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (p == 3) break;
        b0 = v128.load(p, 32); b1 = v128.load(p, 48); x = v128.load32_splat(a0, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 4);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 4) break;
        x = v128.load32_splat(a2, 4);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 4);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 5) break;
        x = v128.load32_splat(a4, 4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (p == 6) break;
        b0 = v128.load(p, 64); b1 = v128.load(p, 80); x = v128.load32_splat(a0, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 8);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 7) break;
        x = v128.load32_splat(a2, 8);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 8);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 8) break;
        x = v128.load32_splat(a4, 8);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (p == 9) break;
        b0 = v128.load(p, 96); b1 = v128.load(p, 112); x = v128.load32_splat(a0, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 12);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 10) break;
        x = v128.load32_splat(a2, 12);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 12);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 11) break;
        x = v128.load32_splat(a4, 12);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        a0 += 16; a1 += 16; a2 += 16; a3 += 16; a4 += 16;
      }
    }
    for (; p < end; p += 32) {
      let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a0);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a1);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (p == 1) break;
      x = v128.load32_splat(a2);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a3);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (p == 2) break;
      x = v128.load32_splat(a4);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      a0 += 4; a1 += 4; a2 += 4; a3 += 4; a4 += 4;
    }
    c = put(c, ldc, c00, c01, add);
    c = put(c, ldc, c10, c11, add);
    c = put(c, ldc, c20, c21, add);
    c = put(c, ldc, c30, c31, add);
    c = put(c, ldc, c40, c41, add);
    a += 5 * lda;
  }
}

/**
 * c[rows, 8] = a[rows, k] · b[k, 8], or added to c. `rows` is rounded up to a multiple of 6, and so many rows are read
 * and written. `lda` and `ldc` are in bytes.
 */
export function panel_rows_6x8(
  a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, add: bool,
): void {
  const end = b + (k << 5), main = end - 96;
  for (; rows > 0; rows -= 6) {
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
    let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
    let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
    let a0 = a, a1 = a0 + lda, a2 = a1 + lda, a3 = a2 + lda, a4 = a3 + lda, a5 = a4 + lda, p = b;
    if (k >= 4) {
      for (; p < main; p += 128) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a0);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 1) break;
        x = v128.load32_splat(a2);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 2) break;
        x = v128.load32_splat(a4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(a5);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (p == 3) break;
        b0 = v128.load(p, 32); b1 = v128.load(p, 48); x = v128.load32_splat(a0, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 4);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 4) break;
        x = v128.load32_splat(a2, 4);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 4);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 5) break;
        x = v128.load32_splat(a4, 4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(a5, 4);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (p == 6) break;
        b0 = v128.load(p, 64); b1 = v128.load(p, 80); x = v128.load32_splat(a0, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 8);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 7) break;
        x = v128.load32_splat(a2, 8);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 8);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 8) break;
        x = v128.load32_splat(a4, 8);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(a5, 8);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (p == 9) break;
        b0 = v128.load(p, 96); b1 = v128.load(p, 112); x = v128.load32_splat(a0, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a1, 12);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 10) break;
        x = v128.load32_splat(a2, 12);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a3, 12);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 11) break;
        x = v128.load32_splat(a4, 12);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(a5, 12);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        a0 += 16; a1 += 16; a2 += 16; a3 += 16; a4 += 16; a5 += 16;
      }
    }
    for (; p < end; p += 32) {
      let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a0);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a1);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (p == 1) break;
      x = v128.load32_splat(a2);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a3);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (p == 2) break;
      x = v128.load32_splat(a4);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      x = v128.load32_splat(a5);
      c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
      a0 += 4; a1 += 4; a2 += 4; a3 += 4; a4 += 4; a5 += 4;
    }
    c = put(c, ldc, c00, c01, add);
    c = put(c, ldc, c10, c11, add);
    c = put(c, ldc, c20, c21, add);
    c = put(c, ldc, c30, c31, add);
    c = put(c, ldc, c40, c41, add);
    c = put(c, ldc, c50, c51, add);
    a += 6 * lda;
  }
}
