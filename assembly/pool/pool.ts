// Pooling, channels-last. Sizes, pitches and the window come as a table (lib/window.ts) with one group of channels.
//
// For an output pixel the window is clipped to the input once; then each group of sixteen channels keeps four
// accumulators in registers over all taps. Pitches are the floats between pixels; [begin, end) runs over n·od·oh output
// rows.
import { load_some, madd, store_some } from "../lib/simd";
import { window_at } from "../lib/window";

const MAX: i32 = 0;
const SUM: i32 = 1;
const ABSOLUTE: i32 = 2;
const SQUARE: i32 = 3;

/** First tap of a window that starts at `base` (maybe negative) that is not before the input. */
// @ts-ignore: decorator
@inline
export function first_tap(base: i32, dilation: i32): i32 {
  return base < 0 ? (dilation - 1 - base) / dilation : 0;
}

/** One past the last tap that lies before `size`. */
// @ts-ignore: decorator
@inline
export function last_tap(base: i32, dilation: i32, kernel: i32, size: i32): i32 {
  return base >= size ? 0 : min((size - base + dilation - 1) / dilation, kernel);
}

// @ts-ignore: decorator
@inline
function start(mode: i32): v128 {
  return f32x4.splat(mode == MAX ? -<f32>Infinity : 0);
}

/**
 * For MAX a NaN in v is lost here: `not_a_number` keeps it. (f32x4.max, which would keep it, is seven instructions on
 * x86.)
 */
// @ts-ignore: decorator
@inline
function fold(mode: i32, sum: v128, v: v128): v128 {
  if (mode == MAX) return f32x4.pmax(sum, v);
  if (mode == SUM) return f32x4.add(sum, v);
  if (mode == ABSOLUTE) return f32x4.add(sum, f32x4.abs(v));
  return madd(v, v, sum);
}

// @ts-ignore: decorator
@inline
function not_a_number(mode: i32, seen: v128, v: v128): v128 {
  return mode == MAX ? v128.or(seen, f32x4.ne(v, v)) : seen;
}

// @ts-ignore: decorator
@inline
function result(mode: i32, sum: v128, seen: v128, divisor: v128): v128 {
  if (mode == MAX) return v128.or(sum, seen);
  if (mode == SUM) return f32x4.div(sum, divisor);
  return mode == SQUARE ? f32x4.sqrt(sum) : sum;
}

/** One output pixel: the window has nd × nh × nw taps from `x` on, `down`, `next` and `right` bytes apart. */
// @ts-ignore: decorator
@inline
function window(
  mode: i32, x: usize, y: usize, channels: i32, nd: i32, nh: i32, nw: i32, down: i32, next: i32, right: i32,
  divisor: f32,
): void {
  let by = f32x4.splat(divisor), none = f32x4.splat(0), back = nw * right;
  let c = 0;
  for (; c + 16 <= channels; c += 16) {
    let a0 = start(mode), a1 = a0, a2 = a0, a3 = a0, seen0 = none, seen1 = none, seen2 = none, seen3 = none;
    let plane = x;
    for (let d = nd; d > 0; d--) {
      let p = plane;
      for (let h = nh; h > 0; h--) {
        for (let w = nw; w > 0; w--) {
          let v0 = v128.load(p), v1 = v128.load(p, 16), v2 = v128.load(p, 32), v3 = v128.load(p, 48);
          a0 = fold(mode, a0, v0);
          a1 = fold(mode, a1, v1);
          a2 = fold(mode, a2, v2);
          a3 = fold(mode, a3, v3);
          seen0 = not_a_number(mode, seen0, v0);
          seen1 = not_a_number(mode, seen1, v1);
          seen2 = not_a_number(mode, seen2, v2);
          seen3 = not_a_number(mode, seen3, v3);
          p += right;
        }
        p += next - back;
      }
      plane += down;
    }
    v128.store(y, result(mode, a0, seen0, by));
    v128.store(y, result(mode, a1, seen1, by), 16);
    v128.store(y, result(mode, a2, seen2, by), 32);
    v128.store(y, result(mode, a3, seen3, by), 48);
    x += 64;
    y += 64;
  }
  for (; c < channels; c += 4) {
    let lanes = channels - c;
    let a0 = start(mode), seen0 = none;
    let plane = x;
    for (let d = nd; d > 0; d--) {
      let p = plane;
      for (let h = nh; h > 0; h--) {
        for (let w = nw; w > 0; w--) {
          let v0 = load_some(p, lanes);
          a0 = fold(mode, a0, v0);
          seen0 = not_a_number(mode, seen0, v0);
          p += right;
        }
        p += next - back;
      }
      plane += down;
    }
    a0 = result(mode, a0, seen0, by);
    store_some(y, a0, lanes);
    x += 16;
    y += 16;
  }
}

// @ts-ignore: decorator
@inline
function pool(
  mode: i32, x: usize, y: usize, table: usize, countPads: i32, begin: i32, end: i32,
): void {
  const s = window_at(table);
  let depth = s.d, height = s.h, width = s.w, channels = s.inputs, od = s.od, oh = s.oh, ow = s.ow, kd = s.kd;
  let kh = s.kh, kw = s.kw;
  let sd = s.strideD, sh = s.strideH, sw = s.strideW, dd = s.dilationD, dh = s.dilationH, dw = s.dilationW;
  let front = s.padD, top = s.padH, left = s.padW;
  let xPixel = s.xPitch << 2, yPixel = s.yPitch << 2, xRow = width * xPixel, xPlane = height * xRow;
  for (let row = begin; row < end; row++) {
    let outer = row / oh, image = outer / od;
    let z = (outer - image * od) * sd - front, i = (row - outer * oh) * sh - top;
    let z0 = first_tap(z, dd), z1 = last_tap(z, dd, kd, depth);
    let i0 = first_tap(i, dh), i1 = last_tap(i, dh, kh, height);
    let source = x + image * depth * xPlane + (z + z0 * dd) * xPlane + (i + i0 * dh) * xRow;
    let target = y + row * ow * yPixel;
    let rowCount = max(z1 - z0, 0) * max(i1 - i0, 0);
    if (mode == SUM && countPads) rowCount = last_tap(z, dd, kd, depth + s.endD) * last_tap(i, dh, kh, height + s.endH);
    for (let o = 0; o < ow; o++) {
      let j = o * sw - left;
      let j0 = first_tap(j, dw), j1 = last_tap(j, dw, kw, width);
      let count = mode == SUM ? rowCount * (countPads ? last_tap(j, dw, kw, width + s.endW) : max(j1 - j0, 0)) : 1;
      window(
        mode, source + (j + j0 * dw) * xPixel, target, channels, z1 - z0, i1 - i0, max(j1 - j0, 0), dd * xPlane,
        dh * xRow, dw * xPixel, <f32>count,
      );
      target += yPixel;
    }
  }
}

/** Largest value of each window; NaN if one is NaN, −∞ if the window holds only padding. */
export function max_pool_f32(x: usize, y: usize, window: usize, begin: i32, end: i32): void {
  pool(MAX, x, y, window, 0, begin, end);
}

/**
 * Mean of each window. With `countPads` (ONNX count_include_pad) the divisor counts the taps inside the padded input:
 * not those that ceil_mode lets reach past the padding; hence the padding after the image in the table.
 */
export function average_pool_f32(x: usize, y: usize, window: usize, countPads: i32, begin: i32, end: i32): void {
  pool(SUM, x, y, window, countPads, begin, end);
}

/** vⁿ for n ≥ 0, in as many steps as n has bits: n comes from a file. */
function power_of(v: f64, n: i32): f64 {
  let power: f64 = 1;
  for (; n > 0; n >>= 1, v *= v) if (n & 1) power *= v;
  return power;
}

/** The p-th root of s > 0 by Newton's iteration from a guess that divides the exponent by p. */
function root(s: f64, p: i32): f64 {
  if (!(s > 0) || s == Infinity) return s;
  let one = reinterpret<i64>(<f64>1), r = reinterpret<f64>((reinterpret<i64>(s) - one) / p + one);
  for (let i = 0; i < 8; i++) {
    r += (s / power_of(r, p - 1) - r) / p;
  }
  return r;
}

/** (Σ |x|^p)^(1/p) of each window, p ≥ 1. Norms other than 1 and 2 are summed in float64, one channel at a time. */
export function lp_pool_f32(x: usize, y: usize, window: usize, p: i32, begin: i32, end: i32): void {
  if (p == 1) {
    pool(ABSOLUTE, x, y, window, 0, begin, end);
    return;
  }
  if (p == 2) {
    pool(SQUARE, x, y, window, 0, begin, end);
    return;
  }
  const s = window_at(window);
  let depth = s.d, height = s.h, width = s.w, channels = s.inputs, od = s.od, oh = s.oh, ow = s.ow, xPitch = s.xPitch;
  let yPitch = s.yPitch;
  let kd = s.kd, kh = s.kh, kw = s.kw, sd = s.strideD, sh = s.strideH, sw = s.strideW, dd = s.dilationD;
  let dh = s.dilationH, dw = s.dilationW;
  let front = s.padD, top = s.padH, left = s.padW;
  for (let row = begin; row < end; row++) {
    let outer = row / oh, image = outer / od;
    let z = (outer - image * od) * sd - front, i = (row - outer * oh) * sh - top;
    for (let o = 0; o < ow; o++) {
      let j = o * sw - left;
      for (let c = 0; c < channels; c++) {
        let sum: f64 = 0;
        for (let a = first_tap(z, dd); a < last_tap(z, dd, kd, depth); a++) {
          for (let b = first_tap(i, dh); b < last_tap(i, dh, kh, height); b++) {
            for (let e = first_tap(j, dw); e < last_tap(j, dw, kw, width); e++) {
              let pixel = ((image * depth + z + a * dd) * height + i + b * dh) * width + j + e * dw;
              sum += power_of(<f64>abs(load<f32>(x + (pixel * xPitch + c << 2))), p);
            }
          }
        }
        store<f32>(y + ((row * ow + o) * yPitch + c << 2), <f32>root(sum, p));
      }
    }
  }
}

/**
 * max_pool_f32 that also writes where each maximum was: int64 [n, od, oh, ow, channels] without gaps, numbered as ONNX
 * does over the whole input in its logical order (N, C, spatial), the spatial part row by row or, with `columnMajor`
 * (storage_order 1), first axis fastest. The first of equal values wins, and the first NaN; a window of padding has −1.
 */
export function max_pool_indices_f32(
  x: usize, y: usize, indices: usize, window: usize, columnMajor: i32, begin: i32, end: i32,
): void {
  const s = window_at(window);
  let depth = s.d, height = s.h, width = s.w, channels = s.inputs, od = s.od, oh = s.oh, ow = s.ow, xPitch = s.xPitch;
  let yPitch = s.yPitch;
  let kd = s.kd, kh = s.kh, kw = s.kw, sd = s.strideD, sh = s.strideH, sw = s.strideW, dd = s.dilationD;
  let dh = s.dilationH, dw = s.dilationW;
  let front = s.padD, top = s.padH, left = s.padW;
  for (let row = begin; row < end; row++) {
    let outer = row / oh, image = outer / od;
    let z = (outer - image * od) * sd - front, i = (row - outer * oh) * sh - top;
    for (let o = 0; o < ow; o++) {
      let j = o * sw - left;
      for (let c = 0; c < channels; c++) {
        let best = -<f32>Infinity, at: i64 = -1;
        for (let a = first_tap(z, dd); a < last_tap(z, dd, kd, depth); a++) {
          for (let b = first_tap(i, dh); b < last_tap(i, dh, kh, height); b++) {
            for (let e = first_tap(j, dw); e < last_tap(j, dw, kw, width); e++) {
              let d = z + a * dd, h = i + b * dh, w = j + e * dw;
              let v = load<f32>(x + ((((image * depth + d) * height + h) * width + w) * xPitch + c << 2));
              if (at < 0 || v > best || (v != v && best == best)) {
                best = v;
                at = columnMajor ? (<i64>w * height + h) * depth + d : (<i64>d * height + h) * width + w;
              }
            }
          }
        }
        let pixel = row * ow + o;
        store<f32>(y + (pixel * yPitch + c << 2), best);
        store<i64>(
          indices + (pixel * channels + c << 3),
          at < 0 ? at : (<i64>image * channels + c) * depth * height * width + at,
        );
      }
    }
  }
}

/**
 * Pixels summed before a partial sum is added to the total: the rounding error grows with this plus the number of
 * chunks.
 */
const CHUNK: i32 = 128;

// @ts-ignore: decorator
@inline
function whole(
  mode: i32, x: usize, xPitch: i32, y: usize, yPitch: i32, pixels: i32, channels: i32, begin: i32, end: i32,
): void {
  let right = xPitch << 2, by = f32x4.splat(<f32>pixels), none = f32x4.splat(0);
  for (let image = begin; image < end; image++) {
    let source = x + image * pixels * right, target = y + (image * yPitch << 2);
    for (let c = 0; c < channels; c += 16) {
      let p = source + (c << 2), t = target + (c << 2), lanes = channels - c;
      let s0 = start(mode), s1 = s0, s2 = s0, s3 = s0, seen0 = none, seen1 = none, seen2 = none, seen3 = none;
      for (let left = pixels; left > 0; left -= CHUNK) {
        let a0 = start(mode), a1 = a0, a2 = a0, a3 = a0;
        for (let k = min(left, CHUNK); k > 0; k--) {
          if (lanes >= 16) {
            let v0 = v128.load(p), v1 = v128.load(p, 16), v2 = v128.load(p, 32), v3 = v128.load(p, 48);
            a0 = fold(mode, a0, v0);
            a1 = fold(mode, a1, v1);
            a2 = fold(mode, a2, v2);
            a3 = fold(mode, a3, v3);
            seen0 = not_a_number(mode, seen0, v0);
            seen1 = not_a_number(mode, seen1, v1);
            seen2 = not_a_number(mode, seen2, v2);
            seen3 = not_a_number(mode, seen3, v3);
          } else {
            let v = load_some(p, lanes);
            a0 = fold(mode, a0, v);
            seen0 = not_a_number(mode, seen0, v);
          }
          p += right;
        }
        s0 = fold(mode, s0, a0);
        s1 = fold(mode, s1, a1);
        s2 = fold(mode, s2, a2);
        s3 = fold(mode, s3, a3);
      }
      s0 = result(mode, s0, seen0, by);
      if (lanes >= 16) {
        v128.store(t, s0);
        v128.store(t, result(mode, s1, seen1, by), 16);
        v128.store(t, result(mode, s2, seen2, by), 32);
        v128.store(t, result(mode, s3, seen3, by), 48);
      } else {
        store_some(t, s0, lanes);
        c -= 12;
      }
    }
  }
}

/** Mean over all pixels of an image, per channel: y[n, channels]. [begin, end) runs over n. */
export function global_average_pool_f32(
  x: usize, xPitch: i32, y: usize, yPitch: i32, pixels: i32, channels: i32, begin: i32, end: i32,
): void {
  whole(SUM, x, xPitch, y, yPitch, pixels, channels, begin, end);
}

/** Maximum over all pixels of an image, per channel; NaN if one is NaN. [begin, end) runs over n. */
export function global_max_pool_f32(
  x: usize, xPitch: i32, y: usize, yPitch: i32, pixels: i32, channels: i32, begin: i32, end: i32,
): void {
  whole(MAX, x, xPitch, y, yPitch, pixels, channels, begin, end);
}
