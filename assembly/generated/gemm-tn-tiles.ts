// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.
import { madd } from "../lib/simd";
import { finish_sums as finish } from "../lib/tile";

/** 4 columns of A by eight of B; those from `rows` on are not stored. */
export function tn_tile_4x8(
  a: usize, lda: i32, b: usize, count: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let end = b + (count << 5), main = end - 96;
  if (count >= 4) {
    for (; b < main; b += 128, a += 4 * lda) {
      let a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
      let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 1) break;
      x = v128.load32_splat(a, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 2) break;
      b0 = v128.load(b, 32); b1 = v128.load(b, 48); x = v128.load32_splat(a1);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a1, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 3) break;
      x = v128.load32_splat(a1, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a1, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 4) break;
      b0 = v128.load(b, 64); b1 = v128.load(b, 80); x = v128.load32_splat(a2);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a2, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 5) break;
      x = v128.load32_splat(a2, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a2, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 6) break;
      b0 = v128.load(b, 96); b1 = v128.load(b, 112); x = v128.load32_splat(a3);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a3, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 7) break;
      x = v128.load32_splat(a3, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a3, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
    }
  }
  for (; b < end; b += 32, a += lda) {
    let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
    c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
    if (b == 1) break;
    x = v128.load32_splat(a, 8);
    c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
  }
  finish(c, c00, c01, columns, mode);
  if (rows > 1) finish(c + ldc, c10, c11, columns, mode);
  if (rows > 2) finish(c + 2 * ldc, c20, c21, columns, mode);
  if (rows > 3) finish(c + 3 * ldc, c30, c31, columns, mode);
}

/** 5 columns of A by eight of B; those from `rows` on are not stored. */
export function tn_tile_5x8(
  a: usize, lda: i32, b: usize, count: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32,
): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let end = b + (count << 5), main = end - 96;
  if (count >= 4) {
    for (; b < main; b += 128, a += 4 * lda) {
      let a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
      let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 1) break;
      x = v128.load32_splat(a, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 2) break;
      x = v128.load32_splat(a, 16);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      if (b == 3) break;
      b0 = v128.load(b, 32); b1 = v128.load(b, 48); x = v128.load32_splat(a1);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a1, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 4) break;
      x = v128.load32_splat(a1, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a1, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 5) break;
      x = v128.load32_splat(a1, 16);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      if (b == 6) break;
      b0 = v128.load(b, 64); b1 = v128.load(b, 80); x = v128.load32_splat(a2);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a2, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 7) break;
      x = v128.load32_splat(a2, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a2, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 8) break;
      x = v128.load32_splat(a2, 16);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      if (b == 9) break;
      b0 = v128.load(b, 96); b1 = v128.load(b, 112); x = v128.load32_splat(a3);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a3, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 10) break;
      x = v128.load32_splat(a3, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a3, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 11) break;
      x = v128.load32_splat(a3, 16);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
    }
  }
  for (; b < end; b += 32, a += lda) {
    let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
    c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
    if (b == 1) break;
    x = v128.load32_splat(a, 8);
    c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
    if (b == 2) break;
    x = v128.load32_splat(a, 16);
    c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
  }
  finish(c, c00, c01, columns, mode);
  if (rows > 1) finish(c + ldc, c10, c11, columns, mode);
  if (rows > 2) finish(c + 2 * ldc, c20, c21, columns, mode);
  if (rows > 3) finish(c + 3 * ldc, c30, c31, columns, mode);
  if (rows > 4) finish(c + 4 * ldc, c40, c41, columns, mode);
}

/** 6 columns of A by eight of B; those from `rows` on are not stored. */
export function tn_tile_6x8(
  a: usize, lda: i32, b: usize, count: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32,
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
      x = v128.load32_splat(a, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 1) break;
      x = v128.load32_splat(a, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 2) break;
      x = v128.load32_splat(a, 16);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      x = v128.load32_splat(a, 20);
      c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
      if (b == 3) break;
      b0 = v128.load(b, 32); b1 = v128.load(b, 48); x = v128.load32_splat(a1);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a1, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 4) break;
      x = v128.load32_splat(a1, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a1, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 5) break;
      x = v128.load32_splat(a1, 16);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      x = v128.load32_splat(a1, 20);
      c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
      if (b == 6) break;
      b0 = v128.load(b, 64); b1 = v128.load(b, 80); x = v128.load32_splat(a2);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a2, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 7) break;
      x = v128.load32_splat(a2, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a2, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 8) break;
      x = v128.load32_splat(a2, 16);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      x = v128.load32_splat(a2, 20);
      c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
      if (b == 9) break;
      b0 = v128.load(b, 96); b1 = v128.load(b, 112); x = v128.load32_splat(a3);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(a3, 4);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (b == 10) break;
      x = v128.load32_splat(a3, 8);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(a3, 12);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (b == 11) break;
      x = v128.load32_splat(a3, 16);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      x = v128.load32_splat(a3, 20);
      c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
    }
  }
  for (; b < end; b += 32, a += lda) {
    let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
    c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
    if (b == 1) break;
    x = v128.load32_splat(a, 8);
    c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
    if (b == 2) break;
    x = v128.load32_splat(a, 16);
    c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
  }
  finish(c, c00, c01, columns, mode);
  if (rows > 1) finish(c + ldc, c10, c11, columns, mode);
  if (rows > 2) finish(c + 2 * ldc, c20, c21, columns, mode);
  if (rows > 3) finish(c + 3 * ldc, c30, c31, columns, mode);
  if (rows > 4) finish(c + 4 * ldc, c40, c41, columns, mode);
  if (rows > 5) finish(c + 5 * ldc, c50, c51, columns, mode);
}
