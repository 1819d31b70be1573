// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.
import { madd } from "../lib/simd";

/** pmax(a, low) is a < low ? low : a, so a NaN in a stays. */
// @ts-ignore: decorator
@inline
export function put(
  y: usize, pitch: i32, n: i32, low: v128, high: v128, a0: v128, a1: v128, a2: v128, a3: v128, a4: v128,
  a5: v128, a6: v128,
): void {
  v128.store(y, f32x4.pmin(f32x4.pmax(a0, low), high));
  if (n == 1) return;
  y += pitch;
  v128.store(y, f32x4.pmin(f32x4.pmax(a1, low), high));
  if (n == 2) return;
  y += pitch;
  v128.store(y, f32x4.pmin(f32x4.pmax(a2, low), high));
  if (n == 3) return;
  y += pitch;
  v128.store(y, f32x4.pmin(f32x4.pmax(a3, low), high));
  if (n == 4) return;
  y += pitch;
  v128.store(y, f32x4.pmin(f32x4.pmax(a4, low), high));
  if (n == 5) return;
  y += pitch;
  v128.store(y, f32x4.pmin(f32x4.pmax(a5, low), high));
  if (n == 6) return;
  y += pitch;
  v128.store(y, f32x4.pmin(f32x4.pmax(a6, low), high));
}

/** A kernel 3 wide at stride 1. */
export function tile_3x1(
  p: usize, px: i32, down: i32, end: usize, size: i32, w: usize, height: i32, blocks: i32, wBlock: i32,
  bias: usize, y: usize, pitch: i32, n: i32, low: f32, high: f32,
): void {
  let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
  for (; blocks > 0; blocks--) {
    let row = p, wp = w;
    let a0 = v128.load(bias), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0;
    for (let kh = height; kh > 0; kh--) {
      let w0 = v128.load(wp);
      let w1 = v128.load(wp, 16);
      let w2 = v128.load(wp, 32);
      wp += 48;
      let q = row;
      let v = v128.load(q);
      a0 = madd(v, w0, a0);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w1, a0);
      a1 = madd(v, w0, a1);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w2, a0);
      a1 = madd(v, w1, a1);
      a2 = madd(v, w0, a2);
      q += px;
      v = v128.load(q);
      a1 = madd(v, w2, a1);
      a2 = madd(v, w1, a2);
      a3 = madd(v, w0, a3);
      q += px;
      v = v128.load(q);
      a2 = madd(v, w2, a2);
      a3 = madd(v, w1, a3);
      a4 = madd(v, w0, a4);
      q += px;
      v = v128.load(q);
      a3 = madd(v, w2, a3);
      a4 = madd(v, w1, a4);
      a5 = madd(v, w0, a5);
      q += px;
      v = v128.load(q);
      a4 = madd(v, w2, a4);
      a5 = madd(v, w1, a5);
      a6 = madd(v, w0, a6);
      q += px;
      v = v128.load(q);
      a5 = madd(v, w2, a5);
      a6 = madd(v, w1, a6);
      q += px;
      v = v128.load(q);
      a6 = madd(v, w2, a6);
      row += down;
      if (row >= end) row -= size;
    }
    put(y, pitch, n, vlow, vhigh, a0, a1, a2, a3, a4, a5, a6);
    p += 16;
    w += wBlock;
    bias += 16;
    y += 16;
  }
}

/** A kernel 3 wide at stride 2. */
export function tile_3x2(
  p: usize, px: i32, down: i32, end: usize, size: i32, w: usize, height: i32, blocks: i32, wBlock: i32,
  bias: usize, y: usize, pitch: i32, n: i32, low: f32, high: f32,
): void {
  let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
  for (; blocks > 0; blocks--) {
    let row = p, wp = w;
    let a0 = v128.load(bias), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0;
    for (let kh = height; kh > 0; kh--) {
      let w0 = v128.load(wp);
      let w1 = v128.load(wp, 16);
      let w2 = v128.load(wp, 32);
      wp += 48;
      let q = row;
      let v = v128.load(q);
      a0 = madd(v, w0, a0);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w1, a0);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w2, a0);
      a1 = madd(v, w0, a1);
      q += px;
      v = v128.load(q);
      a1 = madd(v, w1, a1);
      q += px;
      v = v128.load(q);
      a1 = madd(v, w2, a1);
      a2 = madd(v, w0, a2);
      q += px;
      v = v128.load(q);
      a2 = madd(v, w1, a2);
      q += px;
      v = v128.load(q);
      a2 = madd(v, w2, a2);
      a3 = madd(v, w0, a3);
      q += px;
      v = v128.load(q);
      a3 = madd(v, w1, a3);
      q += px;
      v = v128.load(q);
      a3 = madd(v, w2, a3);
      a4 = madd(v, w0, a4);
      q += px;
      v = v128.load(q);
      a4 = madd(v, w1, a4);
      q += px;
      v = v128.load(q);
      a4 = madd(v, w2, a4);
      a5 = madd(v, w0, a5);
      q += px;
      v = v128.load(q);
      a5 = madd(v, w1, a5);
      q += px;
      v = v128.load(q);
      a5 = madd(v, w2, a5);
      a6 = madd(v, w0, a6);
      q += px;
      v = v128.load(q);
      a6 = madd(v, w1, a6);
      q += px;
      v = v128.load(q);
      a6 = madd(v, w2, a6);
      row += down;
      if (row >= end) row -= size;
    }
    put(y, pitch, n, vlow, vhigh, a0, a1, a2, a3, a4, a5, a6);
    p += 16;
    w += wBlock;
    bias += 16;
    y += 16;
  }
}

/**
 * Two outputs of a 3×3 kernel at stride 2, sixteen channels at a time: few streams, each of whole cache lines, for
 * images from beyond the second-level cache.
 */
export function tile_3x2_lines(
  p: usize, px: i32, down: i32, w: usize, height: i32, blocks: i32, wBlock: i32, bias: usize, y: usize,
  pitch: i32, low: f32, high: f32,
): void {
  let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
  for (; blocks > 0; blocks -= 4) {
    let row = p, wRow = w;
    let a0 = v128.load(bias), a1 = v128.load(bias, 16), a2 = v128.load(bias, 32), a3 = v128.load(bias, 48);
    let b0 = a0, b1 = a1, b2 = a2, b3 = a3;
    for (let kh = height; kh > 0; kh--) {
      let wp = wRow, q0 = row, q1 = row + px, q2 = q1 + px, q3 = q2 + px, q4 = q3 + px;
      let v: v128, w0: v128, w1: v128, w2: v128;
      w0 = v128.load(wp); w1 = v128.load(wp, 16); w2 = v128.load(wp, 32);
      a0 = madd(v128.load(q0), w0, a0);
      a0 = madd(v128.load(q1), w1, a0);
      v = v128.load(q2);
      a0 = madd(v, w2, a0);
      b0 = madd(v, w0, b0);
      b0 = madd(v128.load(q3), w1, b0);
      b0 = madd(v128.load(q4), w2, b0);
      if (wp == 1) break;
      wp += wBlock;
      w0 = v128.load(wp); w1 = v128.load(wp, 16); w2 = v128.load(wp, 32);
      a1 = madd(v128.load(q0, 16), w0, a1);
      a1 = madd(v128.load(q1, 16), w1, a1);
      v = v128.load(q2, 16);
      a1 = madd(v, w2, a1);
      b1 = madd(v, w0, b1);
      b1 = madd(v128.load(q3, 16), w1, b1);
      b1 = madd(v128.load(q4, 16), w2, b1);
      if (wp == 2) break;
      wp += wBlock;
      w0 = v128.load(wp); w1 = v128.load(wp, 16); w2 = v128.load(wp, 32);
      a2 = madd(v128.load(q0, 32), w0, a2);
      a2 = madd(v128.load(q1, 32), w1, a2);
      v = v128.load(q2, 32);
      a2 = madd(v, w2, a2);
      b2 = madd(v, w0, b2);
      b2 = madd(v128.load(q3, 32), w1, b2);
      b2 = madd(v128.load(q4, 32), w2, b2);
      if (wp == 3) break;
      wp += wBlock;
      w0 = v128.load(wp); w1 = v128.load(wp, 16); w2 = v128.load(wp, 32);
      a3 = madd(v128.load(q0, 48), w0, a3);
      a3 = madd(v128.load(q1, 48), w1, a3);
      v = v128.load(q2, 48);
      a3 = madd(v, w2, a3);
      b3 = madd(v, w0, b3);
      b3 = madd(v128.load(q3, 48), w1, b3);
      b3 = madd(v128.load(q4, 48), w2, b3);
      if (wp == 4) break;
      wRow += 48;
      row += down;
    }
    v128.store(y, f32x4.pmin(f32x4.pmax(a0, vlow), vhigh));
    v128.store(y, f32x4.pmin(f32x4.pmax(a1, vlow), vhigh), 16);
    v128.store(y, f32x4.pmin(f32x4.pmax(a2, vlow), vhigh), 32);
    v128.store(y, f32x4.pmin(f32x4.pmax(a3, vlow), vhigh), 48);
    let z = y + pitch;
    v128.store(z, f32x4.pmin(f32x4.pmax(b0, vlow), vhigh));
    v128.store(z, f32x4.pmin(f32x4.pmax(b1, vlow), vhigh), 16);
    v128.store(z, f32x4.pmin(f32x4.pmax(b2, vlow), vhigh), 32);
    v128.store(z, f32x4.pmin(f32x4.pmax(b3, vlow), vhigh), 48);
    p += 64;
    w += 4 * wBlock;
    bias += 64;
    y += 64;
  }
}

/** A kernel 5 wide at stride 1. */
export function tile_5x1(
  p: usize, px: i32, down: i32, end: usize, size: i32, w: usize, height: i32, blocks: i32, wBlock: i32,
  bias: usize, y: usize, pitch: i32, n: i32, low: f32, high: f32,
): void {
  let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
  for (; blocks > 0; blocks--) {
    let row = p, wp = w;
    let a0 = v128.load(bias), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0;
    for (let kh = height; kh > 0; kh--) {
      let w0 = v128.load(wp);
      let w1 = v128.load(wp, 16);
      let w2 = v128.load(wp, 32);
      let w3 = v128.load(wp, 48);
      let w4 = v128.load(wp, 64);
      wp += 80;
      let q = row;
      let v = v128.load(q);
      a0 = madd(v, w0, a0);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w1, a0);
      a1 = madd(v, w0, a1);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w2, a0);
      a1 = madd(v, w1, a1);
      a2 = madd(v, w0, a2);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w3, a0);
      a1 = madd(v, w2, a1);
      a2 = madd(v, w1, a2);
      a3 = madd(v, w0, a3);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w4, a0);
      a1 = madd(v, w3, a1);
      a2 = madd(v, w2, a2);
      a3 = madd(v, w1, a3);
      a4 = madd(v, w0, a4);
      q += px;
      v = v128.load(q);
      a1 = madd(v, w4, a1);
      a2 = madd(v, w3, a2);
      a3 = madd(v, w2, a3);
      a4 = madd(v, w1, a4);
      a5 = madd(v, w0, a5);
      q += px;
      v = v128.load(q);
      a2 = madd(v, w4, a2);
      a3 = madd(v, w3, a3);
      a4 = madd(v, w2, a4);
      a5 = madd(v, w1, a5);
      a6 = madd(v, w0, a6);
      q += px;
      v = v128.load(q);
      a3 = madd(v, w4, a3);
      a4 = madd(v, w3, a4);
      a5 = madd(v, w2, a5);
      a6 = madd(v, w1, a6);
      q += px;
      v = v128.load(q);
      a4 = madd(v, w4, a4);
      a5 = madd(v, w3, a5);
      a6 = madd(v, w2, a6);
      q += px;
      v = v128.load(q);
      a5 = madd(v, w4, a5);
      a6 = madd(v, w3, a6);
      q += px;
      v = v128.load(q);
      a6 = madd(v, w4, a6);
      row += down;
      if (row >= end) row -= size;
    }
    put(y, pitch, n, vlow, vhigh, a0, a1, a2, a3, a4, a5, a6);
    p += 16;
    w += wBlock;
    bias += 16;
    y += 16;
  }
}

/** A kernel 5 wide at stride 2. */
export function tile_5x2(
  p: usize, px: i32, down: i32, end: usize, size: i32, w: usize, height: i32, blocks: i32, wBlock: i32,
  bias: usize, y: usize, pitch: i32, n: i32, low: f32, high: f32,
): void {
  let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
  for (; blocks > 0; blocks--) {
    let row = p, wp = w;
    let a0 = v128.load(bias), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0;
    for (let kh = height; kh > 0; kh--) {
      let w0 = v128.load(wp);
      let w1 = v128.load(wp, 16);
      let w2 = v128.load(wp, 32);
      let w3 = v128.load(wp, 48);
      let w4 = v128.load(wp, 64);
      wp += 80;
      let q = row;
      let v = v128.load(q);
      a0 = madd(v, w0, a0);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w1, a0);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w2, a0);
      a1 = madd(v, w0, a1);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w3, a0);
      a1 = madd(v, w1, a1);
      q += px;
      v = v128.load(q);
      a0 = madd(v, w4, a0);
      a1 = madd(v, w2, a1);
      a2 = madd(v, w0, a2);
      q += px;
      v = v128.load(q);
      a1 = madd(v, w3, a1);
      a2 = madd(v, w1, a2);
      q += px;
      v = v128.load(q);
      a1 = madd(v, w4, a1);
      a2 = madd(v, w2, a2);
      a3 = madd(v, w0, a3);
      q += px;
      v = v128.load(q);
      a2 = madd(v, w3, a2);
      a3 = madd(v, w1, a3);
      q += px;
      v = v128.load(q);
      a2 = madd(v, w4, a2);
      a3 = madd(v, w2, a3);
      a4 = madd(v, w0, a4);
      q += px;
      v = v128.load(q);
      a3 = madd(v, w3, a3);
      a4 = madd(v, w1, a4);
      q += px;
      v = v128.load(q);
      a3 = madd(v, w4, a3);
      a4 = madd(v, w2, a4);
      a5 = madd(v, w0, a5);
      q += px;
      v = v128.load(q);
      a4 = madd(v, w3, a4);
      a5 = madd(v, w1, a5);
      q += px;
      v = v128.load(q);
      a4 = madd(v, w4, a4);
      a5 = madd(v, w2, a5);
      a6 = madd(v, w0, a6);
      q += px;
      v = v128.load(q);
      a5 = madd(v, w3, a5);
      a6 = madd(v, w1, a6);
      q += px;
      v = v128.load(q);
      a5 = madd(v, w4, a5);
      a6 = madd(v, w2, a6);
      q += px;
      v = v128.load(q);
      a6 = madd(v, w3, a6);
      q += px;
      v = v128.load(q);
      a6 = madd(v, w4, a6);
      row += down;
      if (row >= end) row -= size;
    }
    put(y, pitch, n, vlow, vhigh, a0, a1, a2, a3, a4, a5, a6);
    p += 16;
    w += wBlock;
    bias += 16;
    y += 16;
  }
}

/** Any kernel width; `step` bytes between the pixels of two outputs, `right` between two kernel columns. */
export function tile_any(
  p: usize, down: i32, end: usize, size: i32, w: usize, height: i32, blocks: i32, wBlock: i32, bias: usize,
  y: usize, pitch: i32, n: i32, low: f32, high: f32, kw: i32, step: i32, right: i32,
): void {
  let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
  for (; blocks > 0; blocks--) {
    let row = p, wp = w;
    let a0 = v128.load(bias), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0;
    for (let kh = height; kh > 0; kh--) {
      let p0 = row, p3 = row + 3 * step, p6 = p3 + 3 * step;
      for (let i = kw; i > 0; i--) {
        let w0 = v128.load(wp);
        wp += 16;
        a0 = madd(v128.load(p0), w0, a0);
        a1 = madd(v128.load(p0 + step), w0, a1);
        a2 = madd(v128.load(p0 + 2 * step), w0, a2);
        a3 = madd(v128.load(p3), w0, a3);
        a4 = madd(v128.load(p3 + step), w0, a4);
        a5 = madd(v128.load(p3 + 2 * step), w0, a5);
        a6 = madd(v128.load(p6), w0, a6);
        p0 += right;
        p3 += right;
        p6 += right;
      }
      row += down;
      if (row >= end) row -= size;
    }
    put(y, pitch, n, vlow, vhigh, a0, a1, a2, a3, a4, a5, a6);
    p += 16;
    w += wBlock;
    bias += 16;
    y += 16;
  }
}
