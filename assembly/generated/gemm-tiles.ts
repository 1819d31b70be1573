// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.
import { madd } from "../lib/simd";
import { finish_full, finish_lanes, load_bias, NR } from "../lib/tile";

/**
 * `rows` rows by `columns` ≤ 8 in tiles of 4 rows. Eight steps of k share one round of pointer additions and one look
 * at a cache line that is wanted later, at `ahead` (`b` where none is). A call per tile costs as much as half a tile of
 * 32 steps, so there is one per panel.
 */
export function tiles_4x8(
  a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, low: f32, high: f32, ahead: usize,
): void {
  let end = b + (k << 5), main = end - 224;
  for (let i = 1; ; i++) {
    let last = (min(rows, 4) - 1) * lda;
    let r1 = min(lda, last);
    let r2 = min(2 * lda, last);
    let r3 = min(3 * lda, last);
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
    let p = a, q = b;
    if (k >= 8) {
      for (; q < main; q += 256, p += 32, ahead += 64) {
        load<i32>(ahead);
        let b0 = v128.load(q), b1 = v128.load(q, 16), x = v128.load32_splat(p);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 1) break;
        x = v128.load32_splat(p + r2);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 2) break;
        b0 = v128.load(q, 32); b1 = v128.load(q, 48); x = v128.load32_splat(p, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 4);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 3) break;
        x = v128.load32_splat(p + r2, 4);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 4);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 4) break;
        b0 = v128.load(q, 64); b1 = v128.load(q, 80); x = v128.load32_splat(p, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 8);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 5) break;
        x = v128.load32_splat(p + r2, 8);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 8);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 6) break;
        b0 = v128.load(q, 96); b1 = v128.load(q, 112); x = v128.load32_splat(p, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 12);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 7) break;
        x = v128.load32_splat(p + r2, 12);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 12);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 8) break;
        b0 = v128.load(q, 128); b1 = v128.load(q, 144); x = v128.load32_splat(p, 16);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 16);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 9) break;
        x = v128.load32_splat(p + r2, 16);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 16);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 10) break;
        b0 = v128.load(q, 160); b1 = v128.load(q, 176); x = v128.load32_splat(p, 20);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 20);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 11) break;
        x = v128.load32_splat(p + r2, 20);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 20);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 12) break;
        b0 = v128.load(q, 192); b1 = v128.load(q, 208); x = v128.load32_splat(p, 24);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 24);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 13) break;
        x = v128.load32_splat(p + r2, 24);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 24);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 14) break;
        b0 = v128.load(q, 224); b1 = v128.load(q, 240); x = v128.load32_splat(p, 28);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 28);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 15) break;
        x = v128.load32_splat(p + r2, 28);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 28);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      }
    }
    for (; q < end; q += 32, p += 4) {
      let b0 = v128.load(q), b1 = v128.load(q, 16), x = v128.load32_splat(p);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(p + r1);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (q == 1) break;
      x = v128.load32_splat(p + r2);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(p + r3);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
    }
    let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
    let bias0 = load_bias(bias, columns), bias1 = load_bias(bias + 16, bias ? columns - 4 : 0);
    if (columns >= NR) {
      finish_full(
        c, c00, c01, mode, bias0, bias1, residual, act, vlow, vhigh,
      );
      if (rows > 1) finish_full(
        c + ldc, c10, c11, mode, bias0, bias1, residual ? residual + ldr : 0, act, vlow, vhigh,
      );
      if (rows > 2) finish_full(
        c + 2 * ldc, c20, c21, mode, bias0, bias1, residual ? residual + 2 * ldr : 0, act, vlow, vhigh,
      );
      if (rows > 3) finish_full(
        c + 3 * ldc, c30, c31, mode, bias0, bias1, residual ? residual + 3 * ldr : 0, act, vlow, vhigh,
      );
    } else {
      let ci = c, ri = residual;
      for (let i = min(rows, 4); i > 0; i--) {
        finish_lanes(ci, c00, columns, mode, bias0, ri, act, vlow, vhigh);
        if (columns > 4) finish_lanes(ci + 16, c01, columns - 4, mode, bias1, ri ? ri + 16 : 0, act, vlow, vhigh);
        ci += ldc;
        if (ri) ri += ldr;
        c00 = c10; c01 = c11;
        c10 = c20; c11 = c21;
        c20 = c30; c21 = c31;
      }
    }
    rows -= 4;
    if (rows <= 0) return;
    a += 4 * lda;
    c += 4 * ldc;
    if (residual) residual += 4 * ldr;
    // The first tile of a panel waits for it, the others find it in the cache, while memory idles: so the first four
    // fetch a quarter of the next one each.
    if (i >= 4) ahead = b;
  }
}

/**
 * `rows` rows by `columns` ≤ 8 in tiles of 5 rows. Eight steps of k share one round of pointer additions and one look
 * at a cache line that is wanted later, at `ahead` (`b` where none is). A call per tile costs as much as half a tile of
 * 32 steps, so there is one per panel.
 */
export function tiles_5x8(
  a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, low: f32, high: f32, ahead: usize,
): void {
  let end = b + (k << 5), main = end - 224;
  for (let i = 1; ; i++) {
    let last = (min(rows, 5) - 1) * lda;
    let r1 = min(lda, last);
    let r2 = min(2 * lda, last);
    let r3 = min(3 * lda, last);
    let r4 = min(4 * lda, last);
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
    let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
    let p = a, q = b;
    if (k >= 8) {
      for (; q < main; q += 256, p += 32, ahead += 64) {
        load<i32>(ahead);
        let b0 = v128.load(q), b1 = v128.load(q, 16), x = v128.load32_splat(p);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 1) break;
        x = v128.load32_splat(p + r2);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 2) break;
        x = v128.load32_splat(p + r4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (q == 3) break;
        b0 = v128.load(q, 32); b1 = v128.load(q, 48); x = v128.load32_splat(p, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 4);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 4) break;
        x = v128.load32_splat(p + r2, 4);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 4);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 5) break;
        x = v128.load32_splat(p + r4, 4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (q == 6) break;
        b0 = v128.load(q, 64); b1 = v128.load(q, 80); x = v128.load32_splat(p, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 8);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 7) break;
        x = v128.load32_splat(p + r2, 8);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 8);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 8) break;
        x = v128.load32_splat(p + r4, 8);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (q == 9) break;
        b0 = v128.load(q, 96); b1 = v128.load(q, 112); x = v128.load32_splat(p, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 12);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 10) break;
        x = v128.load32_splat(p + r2, 12);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 12);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 11) break;
        x = v128.load32_splat(p + r4, 12);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (q == 12) break;
        b0 = v128.load(q, 128); b1 = v128.load(q, 144); x = v128.load32_splat(p, 16);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 16);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 13) break;
        x = v128.load32_splat(p + r2, 16);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 16);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 14) break;
        x = v128.load32_splat(p + r4, 16);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (q == 15) break;
        b0 = v128.load(q, 160); b1 = v128.load(q, 176); x = v128.load32_splat(p, 20);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 20);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 16) break;
        x = v128.load32_splat(p + r2, 20);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 20);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 17) break;
        x = v128.load32_splat(p + r4, 20);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (q == 18) break;
        b0 = v128.load(q, 192); b1 = v128.load(q, 208); x = v128.load32_splat(p, 24);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 24);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 19) break;
        x = v128.load32_splat(p + r2, 24);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 24);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 20) break;
        x = v128.load32_splat(p + r4, 24);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (q == 21) break;
        b0 = v128.load(q, 224); b1 = v128.load(q, 240); x = v128.load32_splat(p, 28);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 28);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 22) break;
        x = v128.load32_splat(p + r2, 28);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 28);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 23) break;
        x = v128.load32_splat(p + r4, 28);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      }
    }
    for (; q < end; q += 32, p += 4) {
      let b0 = v128.load(q), b1 = v128.load(q, 16), x = v128.load32_splat(p);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(p + r1);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (q == 1) break;
      x = v128.load32_splat(p + r2);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(p + r3);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (q == 2) break;
      x = v128.load32_splat(p + r4);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
    }
    let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
    let bias0 = load_bias(bias, columns), bias1 = load_bias(bias + 16, bias ? columns - 4 : 0);
    if (columns >= NR) {
      finish_full(
        c, c00, c01, mode, bias0, bias1, residual, act, vlow, vhigh,
      );
      if (rows > 1) finish_full(
        c + ldc, c10, c11, mode, bias0, bias1, residual ? residual + ldr : 0, act, vlow, vhigh,
      );
      if (rows > 2) finish_full(
        c + 2 * ldc, c20, c21, mode, bias0, bias1, residual ? residual + 2 * ldr : 0, act, vlow, vhigh,
      );
      if (rows > 3) finish_full(
        c + 3 * ldc, c30, c31, mode, bias0, bias1, residual ? residual + 3 * ldr : 0, act, vlow, vhigh,
      );
      if (rows > 4) finish_full(
        c + 4 * ldc, c40, c41, mode, bias0, bias1, residual ? residual + 4 * ldr : 0, act, vlow, vhigh,
      );
    } else {
      let ci = c, ri = residual;
      for (let i = min(rows, 5); i > 0; i--) {
        finish_lanes(ci, c00, columns, mode, bias0, ri, act, vlow, vhigh);
        if (columns > 4) finish_lanes(ci + 16, c01, columns - 4, mode, bias1, ri ? ri + 16 : 0, act, vlow, vhigh);
        ci += ldc;
        if (ri) ri += ldr;
        c00 = c10; c01 = c11;
        c10 = c20; c11 = c21;
        c20 = c30; c21 = c31;
        c30 = c40; c31 = c41;
      }
    }
    rows -= 5;
    if (rows <= 0) return;
    a += 5 * lda;
    c += 5 * ldc;
    if (residual) residual += 5 * ldr;
    // The first tile of a panel waits for it, the others find it in the cache, while memory idles: so the first four
    // fetch a quarter of the next one each.
    if (i >= 4) ahead = b;
  }
}

/**
 * `rows` rows by `columns` ≤ 8 in tiles of 6 rows. Eight steps of k share one round of pointer additions and one look
 * at a cache line that is wanted later, at `ahead` (`b` where none is). A call per tile costs as much as half a tile of
 * 32 steps, so there is one per panel.
 */
export function tiles_6x8(
  a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, columns: i32, mode: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, low: f32, high: f32, ahead: usize,
): void {
  let end = b + (k << 5), main = end - 224;
  for (let i = 1; ; i++) {
    let last = (min(rows, 6) - 1) * lda;
    let r1 = min(lda, last);
    let r2 = min(2 * lda, last);
    let r3 = min(3 * lda, last);
    let r4 = min(4 * lda, last);
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
        x = v128.load32_splat(p + r1);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 1) break;
        x = v128.load32_splat(p + r2);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 2) break;
        x = v128.load32_splat(p + r4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(p + r5);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (q == 3) break;
        b0 = v128.load(q, 32); b1 = v128.load(q, 48); x = v128.load32_splat(p, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 4);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 4) break;
        x = v128.load32_splat(p + r2, 4);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 4);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 5) break;
        x = v128.load32_splat(p + r4, 4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(p + r5, 4);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (q == 6) break;
        b0 = v128.load(q, 64); b1 = v128.load(q, 80); x = v128.load32_splat(p, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 8);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 7) break;
        x = v128.load32_splat(p + r2, 8);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 8);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 8) break;
        x = v128.load32_splat(p + r4, 8);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(p + r5, 8);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (q == 9) break;
        b0 = v128.load(q, 96); b1 = v128.load(q, 112); x = v128.load32_splat(p, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 12);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 10) break;
        x = v128.load32_splat(p + r2, 12);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 12);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 11) break;
        x = v128.load32_splat(p + r4, 12);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(p + r5, 12);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (q == 12) break;
        b0 = v128.load(q, 128); b1 = v128.load(q, 144); x = v128.load32_splat(p, 16);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 16);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 13) break;
        x = v128.load32_splat(p + r2, 16);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 16);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 14) break;
        x = v128.load32_splat(p + r4, 16);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(p + r5, 16);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (q == 15) break;
        b0 = v128.load(q, 160); b1 = v128.load(q, 176); x = v128.load32_splat(p, 20);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 20);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 16) break;
        x = v128.load32_splat(p + r2, 20);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 20);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 17) break;
        x = v128.load32_splat(p + r4, 20);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(p + r5, 20);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (q == 18) break;
        b0 = v128.load(q, 192); b1 = v128.load(q, 208); x = v128.load32_splat(p, 24);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 24);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 19) break;
        x = v128.load32_splat(p + r2, 24);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 24);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 20) break;
        x = v128.load32_splat(p + r4, 24);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(p + r5, 24);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (q == 21) break;
        b0 = v128.load(q, 224); b1 = v128.load(q, 240); x = v128.load32_splat(p, 28);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(p + r1, 28);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (q == 22) break;
        x = v128.load32_splat(p + r2, 28);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(p + r3, 28);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (q == 23) break;
        x = v128.load32_splat(p + r4, 28);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(p + r5, 28);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
      }
    }
    for (; q < end; q += 32, p += 4) {
      let b0 = v128.load(q), b1 = v128.load(q, 16), x = v128.load32_splat(p);
      c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
      x = v128.load32_splat(p + r1);
      c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
      if (q == 1) break;
      x = v128.load32_splat(p + r2);
      c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
      x = v128.load32_splat(p + r3);
      c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
      if (q == 2) break;
      x = v128.load32_splat(p + r4);
      c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      x = v128.load32_splat(p + r5);
      c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
    }
    let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
    let bias0 = load_bias(bias, columns), bias1 = load_bias(bias + 16, bias ? columns - 4 : 0);
    if (columns >= NR) {
      finish_full(
        c, c00, c01, mode, bias0, bias1, residual, act, vlow, vhigh,
      );
      if (rows > 1) finish_full(
        c + ldc, c10, c11, mode, bias0, bias1, residual ? residual + ldr : 0, act, vlow, vhigh,
      );
      if (rows > 2) finish_full(
        c + 2 * ldc, c20, c21, mode, bias0, bias1, residual ? residual + 2 * ldr : 0, act, vlow, vhigh,
      );
      if (rows > 3) finish_full(
        c + 3 * ldc, c30, c31, mode, bias0, bias1, residual ? residual + 3 * ldr : 0, act, vlow, vhigh,
      );
      if (rows > 4) finish_full(
        c + 4 * ldc, c40, c41, mode, bias0, bias1, residual ? residual + 4 * ldr : 0, act, vlow, vhigh,
      );
      if (rows > 5) finish_full(
        c + 5 * ldc, c50, c51, mode, bias0, bias1, residual ? residual + 5 * ldr : 0, act, vlow, vhigh,
      );
    } else {
      let ci = c, ri = residual;
      for (let i = min(rows, 6); i > 0; i--) {
        finish_lanes(ci, c00, columns, mode, bias0, ri, act, vlow, vhigh);
        if (columns > 4) finish_lanes(ci + 16, c01, columns - 4, mode, bias1, ri ? ri + 16 : 0, act, vlow, vhigh);
        ci += ldc;
        if (ri) ri += ldr;
        c00 = c10; c01 = c11;
        c10 = c20; c11 = c21;
        c20 = c30; c21 = c31;
        c30 = c40; c31 = c41;
        c40 = c50; c41 = c51;
      }
    }
    rows -= 6;
    if (rows <= 0) return;
    a += 6 * lda;
    c += 6 * ldc;
    if (residual) residual += 6 * ldr;
    // The first tile of a panel waits for it, the others find it in the cache, while memory idles: so the first four
    // fetch a quarter of the next one each.
    if (i >= 4) ahead = b;
  }
}
