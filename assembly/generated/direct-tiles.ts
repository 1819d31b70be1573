// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.
import { madd } from "../lib/simd";
import { finish_full, finish_lanes, load_bias, NR, TILE_STORE } from "../lib/tile";

/** 5 pixels at a time by a panel of filters, summed over all kernel rows; see row_tiles. */
export function row_panel_5x8(
  rows: usize, step: i32, b: usize, kh: i32, runBytes: i32, c: usize, ldc: i32, left: i32, columns: i32,
  bias: usize, residual: usize, ldr: i32, act: i32, low: f32, high: f32,
): void {
  let offset: usize = 0, rowsEnd = rows + (kh << 2);
  for (; left > 0; left -= 5) {
    let last = (left - 1) * step;
    let r1 = min(step, last);
    let r2 = min(2 * step, last);
    let r3 = min(3 * step, last);
    let r4 = min(4 * step, last);
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
    let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
    let p = b;
    for (let row = rows; row < rowsEnd; row += 4) {
      let a = load<usize>(row) + offset;
      let end = p + runBytes;
      for (let main = end - 96; p < main; p += 128, a += 16) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 1) break;
        x = v128.load32_splat(a + r2);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 2) break;
        x = v128.load32_splat(a + r4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (p == 3) break;
        b0 = v128.load(p, 32); b1 = v128.load(p, 48); x = v128.load32_splat(a, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1, 4);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 4) break;
        x = v128.load32_splat(a + r2, 4);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3, 4);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 5) break;
        x = v128.load32_splat(a + r4, 4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (p == 6) break;
        b0 = v128.load(p, 64); b1 = v128.load(p, 80); x = v128.load32_splat(a, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1, 8);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 7) break;
        x = v128.load32_splat(a + r2, 8);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3, 8);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 8) break;
        x = v128.load32_splat(a + r4, 8);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (p == 9) break;
        b0 = v128.load(p, 96); b1 = v128.load(p, 112); x = v128.load32_splat(a, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1, 12);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 10) break;
        x = v128.load32_splat(a + r2, 12);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3, 12);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 11) break;
        x = v128.load32_splat(a + r4, 12);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      }
      for (; p < end; p += 32, a += 4) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 1) break;
        x = v128.load32_splat(a + r2);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 2) break;
        x = v128.load32_splat(a + r4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
      }
    }
    let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
    let bias0 = load_bias(bias, columns), bias1 = load_bias(bias + 16, bias ? columns - 4 : 0);
    if (columns >= NR) {
      finish_full(
        c, c00, c01, TILE_STORE, bias0, bias1, residual, act, vlow, vhigh,
      );
      if (left > 1) finish_full(
        c + ldc, c10, c11, TILE_STORE, bias0, bias1, residual ? residual + ldr : 0, act, vlow, vhigh,
      );
      if (left > 2) finish_full(
        c + 2 * ldc, c20, c21, TILE_STORE, bias0, bias1, residual ? residual + 2 * ldr : 0, act, vlow, vhigh,
      );
      if (left > 3) finish_full(
        c + 3 * ldc, c30, c31, TILE_STORE, bias0, bias1, residual ? residual + 3 * ldr : 0, act, vlow, vhigh,
      );
      if (left > 4) finish_full(
        c + 4 * ldc, c40, c41, TILE_STORE, bias0, bias1, residual ? residual + 4 * ldr : 0, act, vlow, vhigh,
      );
    } else {
      let ci = c, ri = residual;
      for (let i = min(left, 5); i > 0; i--) {
        finish_lanes(ci, c00, columns, TILE_STORE, bias0, ri, act, vlow, vhigh);
        if (columns > 4) finish_lanes(ci + 16, c01, columns - 4, TILE_STORE, bias1, ri ? ri + 16 : 0, act, vlow, vhigh);
        ci += ldc;
        if (ri) ri += ldr;
        c00 = c10; c01 = c11;
        c10 = c20; c11 = c21;
        c20 = c30; c21 = c31;
        c30 = c40; c31 = c41;
      }
    }
    offset += 5 * step;
    c += 5 * ldc;
    if (residual) residual += 5 * ldr;
  }
}

/** 6 pixels at a time by a panel of filters, summed over all kernel rows; see row_tiles. */
export function row_panel_6x8(
  rows: usize, step: i32, b: usize, kh: i32, runBytes: i32, c: usize, ldc: i32, left: i32, columns: i32,
  bias: usize, residual: usize, ldr: i32, act: i32, low: f32, high: f32,
): void {
  let offset: usize = 0, rowsEnd = rows + (kh << 2);
  for (; left > 0; left -= 6) {
    let last = (left - 1) * step;
    let r1 = min(step, last);
    let r2 = min(2 * step, last);
    let r3 = min(3 * step, last);
    let r4 = min(4 * step, last);
    let r5 = min(5 * step, last);
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
    let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
    let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
    let p = b;
    for (let row = rows; row < rowsEnd; row += 4) {
      let a = load<usize>(row) + offset;
      let end = p + runBytes;
      for (let main = end - 96; p < main; p += 128, a += 16) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 1) break;
        x = v128.load32_splat(a + r2);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 2) break;
        x = v128.load32_splat(a + r4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(a + r5);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (p == 3) break;
        b0 = v128.load(p, 32); b1 = v128.load(p, 48); x = v128.load32_splat(a, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1, 4);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 4) break;
        x = v128.load32_splat(a + r2, 4);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3, 4);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 5) break;
        x = v128.load32_splat(a + r4, 4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(a + r5, 4);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (p == 6) break;
        b0 = v128.load(p, 64); b1 = v128.load(p, 80); x = v128.load32_splat(a, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1, 8);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 7) break;
        x = v128.load32_splat(a + r2, 8);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3, 8);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 8) break;
        x = v128.load32_splat(a + r4, 8);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(a + r5, 8);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
        if (p == 9) break;
        b0 = v128.load(p, 96); b1 = v128.load(p, 112); x = v128.load32_splat(a, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1, 12);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 10) break;
        x = v128.load32_splat(a + r2, 12);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3, 12);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 11) break;
        x = v128.load32_splat(a + r4, 12);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(a + r5, 12);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
      }
      for (; p < end; p += 32, a += 4) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1);
        c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 1) break;
        x = v128.load32_splat(a + r2);
        c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3);
        c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 2) break;
        x = v128.load32_splat(a + r4);
        c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        x = v128.load32_splat(a + r5);
        c50 = madd(x, b0, c50); c51 = madd(x, b1, c51);
      }
    }
    let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
    let bias0 = load_bias(bias, columns), bias1 = load_bias(bias + 16, bias ? columns - 4 : 0);
    if (columns >= NR) {
      finish_full(
        c, c00, c01, TILE_STORE, bias0, bias1, residual, act, vlow, vhigh,
      );
      if (left > 1) finish_full(
        c + ldc, c10, c11, TILE_STORE, bias0, bias1, residual ? residual + ldr : 0, act, vlow, vhigh,
      );
      if (left > 2) finish_full(
        c + 2 * ldc, c20, c21, TILE_STORE, bias0, bias1, residual ? residual + 2 * ldr : 0, act, vlow, vhigh,
      );
      if (left > 3) finish_full(
        c + 3 * ldc, c30, c31, TILE_STORE, bias0, bias1, residual ? residual + 3 * ldr : 0, act, vlow, vhigh,
      );
      if (left > 4) finish_full(
        c + 4 * ldc, c40, c41, TILE_STORE, bias0, bias1, residual ? residual + 4 * ldr : 0, act, vlow, vhigh,
      );
      if (left > 5) finish_full(
        c + 5 * ldc, c50, c51, TILE_STORE, bias0, bias1, residual ? residual + 5 * ldr : 0, act, vlow, vhigh,
      );
    } else {
      let ci = c, ri = residual;
      for (let i = min(left, 6); i > 0; i--) {
        finish_lanes(ci, c00, columns, TILE_STORE, bias0, ri, act, vlow, vhigh);
        if (columns > 4) finish_lanes(ci + 16, c01, columns - 4, TILE_STORE, bias1, ri ? ri + 16 : 0, act, vlow, vhigh);
        ci += ldc;
        if (ri) ri += ldr;
        c00 = c10; c01 = c11;
        c10 = c20; c11 = c21;
        c20 = c30; c21 = c31;
        c30 = c40; c31 = c41;
        c40 = c50; c41 = c51;
      }
    }
    offset += 6 * step;
    c += 6 * ldc;
    if (residual) residual += 6 * ldr;
  }
}
