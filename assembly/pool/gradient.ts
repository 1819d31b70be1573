// Gradients of pooling, channels-last: every window hands the gradient of its result on to the elements under it. x, dx
// and y, dy have as many channels as lie between their pixels. [begin, end) runs over images, since windows may
// overlap.
import { first_tap, last_tap } from "./pool";
import { load_some, store_some } from "../lib/simd";
import { window_at } from "../lib/window";

const MAX: i32 = 0;
const AVERAGE: i32 = 1;
const POWER: i32 = 2;

/**
 * The share that an element gets: all of it if it is tap number `largest` (MAX), what `given` is (AVERAGE), or
 * given·sign(x)·(|x|/y)^(p − 1) (POWER); where y is 0, so is every x, and they get nothing.
 */
// @ts-ignore: decorator
@inline
function share(mode: i32, given: v128, x: usize, lanes: i32, largest: v128, tap: i32, inverse: v128, p: i32): v128 {
  if (mode == MAX) return v128.and(given, i32x4.eq(largest, i32x4.splat(tap)));
  if (mode == AVERAGE) return given;
  let v = load_some(x, lanes), r = f32x4.mul(f32x4.abs(v), inverse), power = given;
  for (let i = 1; i < p; i++) power = f32x4.mul(power, r);
  power = v128.xor(power, v128.and(v, f32x4.splat(-0.0)));
  return v128.and(power, f32x4.ne(v, f32x4.splat(0)));
}

/**
 * The windows of 2×2 that most networks have, `channels` (whole vectors) of one: the loops of `spread`, unrolled.
 */
function largest_of_four(x: usize, dy: usize, dx: usize, row: i32, pixel: i32, channels: i32): void {
  let none = f32x4.splat(0), last = row + pixel;
  for (let end = dy + (channels << 2); dy < end; dy += 16, x += 16, dx += 16) {
    let g = v128.load(dy), best = v128.load(x), v1 = v128.load(x + pixel), v2 = v128.load(x + row);
    let v3 = v128.load(x + last);
    let more1 = v128.or(f32x4.gt(v1, best), f32x4.ne(v1, v1));
    best = v128.bitselect(v1, best, more1);
    let more2 = v128.or(f32x4.gt(v2, best), f32x4.ne(v2, v2));
    best = v128.bitselect(v2, best, more2);
    let more3 = v128.or(f32x4.gt(v3, best), f32x4.ne(v3, v3));
    // From the last tap to the first: what one takes is gone for those before.
    v128.store(dx + last, v128.bitselect(g, none, more3));
    g = v128.bitselect(none, g, more3);
    v128.store(dx + row, v128.bitselect(g, none, more2));
    g = v128.bitselect(none, g, more2);
    v128.store(dx + pixel, v128.bitselect(g, none, more1));
    v128.store(dx, v128.bitselect(none, g, more1));
  }
}

// @ts-ignore: decorator
@inline
function spread(
  mode: i32, x: usize, y: usize, dy: usize, dx: usize, table: usize, countPads: i32, p: i32, begin: i32, end: i32,
): void {
  const s = window_at(table);
  let depth = s.d, height = s.h, width = s.w, channels = s.inputs, od = s.od, oh = s.oh, ow = s.ow, kd = s.kd;
  let kh = s.kh, kw = s.kw;
  let sd = s.strideD, sh = s.strideH, sw = s.strideW, dd = s.dilationD, dh = s.dilationH, dw = s.dilationW;
  let front = s.padD, top = s.padH, left = s.padW;
  let pixel = channels << 2, row = width * pixel, plane = height * row, image = depth * plane;
  // Windows that share no element write; if together they reach every element, nothing has to be cleared before.
  let apart = sd >= kd && sh >= kh && sw >= kw && (dd | dh | dw) == 1;
  let all = apart && (front | top | left) == 0 && sd == kd && sh == kh && sw == kw && od * kd >= depth &&
    oh * kh >= height && ow * kw >= width;
  let nextPlane = dd * plane, nextRow = dh * row, next = dw * pixel;
  for (let n = begin; n < end; n++) {
    let source = x + <usize>n * image, target = dx + <usize>n * image;
    if (!all) memory.fill(target, 0, image);
    for (let line = 0; line < od * oh; line++) {
      let o = line / oh, z = o * sd - front, i = (line - o * oh) * sh - top;
      let z0 = first_tap(z, dd), nd = last_tap(z, dd, kd, depth) - z0, i0 = first_tap(i, dh);
      let nh = last_tap(i, dh, kh, height) - i0;
      let lines = nd * nh;
      if (mode == AVERAGE && countPads) lines = last_tap(z, dd, kd, depth + s.endD) * last_tap(
        i, dh, kh, height + s.endH,
      );
      let start = (z + z0 * dd) * plane + (i + i0 * dh) * row;
      let given = (<usize>n * od * oh + line) * ow * pixel;
      let square = mode == MAX && apart && nd == 1 && nh == 2 && kw == 2 && dw == 1;
      for (let ox = 0; ox < ow; ox++, given += pixel) {
        let j = ox * sw - left, done = 0;
        if (square && j >= 0 && j + 2 <= width) {
          let corner = start + j * pixel;
          done = channels & ~3;
          largest_of_four(source + corner, dy + given, target + corner, nextRow, pixel, done);
          if (done == channels) continue;
        }
        let j0 = first_tap(j, dw), nw = last_tap(j, dw, kw, width) - j0;
        let count = lines * (mode == AVERAGE && countPads ? last_tap(j, dw, kw, width + s.endW) : nw);
        let at = start + (j + j0 * dw) * pixel;
        for (let c = done; c < channels; c += 4) {
          let lanes = channels - c, g = load_some(dy + given + (c << 2), lanes);
          let from = source + at + (c << 2), to = target + at + (c << 2), largest = i32x4.splat(0);
          let inverse = f32x4.splat(0);
          if (mode == MAX) {
            // As PyTorch: the first of equals, and the last NaN.
            let best = f32x4.splat(-<f32>Infinity), tap = 0;
            for (let a = 0; a < nd; a++) {
              for (let b = 0; b < nh; b++) {
                let q = from + a * nextPlane + b * nextRow;
                for (let e = 0; e < nw; e++) {
                  let v = load_some(q, lanes), more = v128.or(f32x4.gt(v, best), f32x4.ne(v, v));
                  best = v128.bitselect(v, best, more);
                  largest = v128.bitselect(i32x4.splat(tap), largest, more);
                  tap++;
                  q += next;
                }
              }
            }
          } else if (mode == AVERAGE) {
            g = f32x4.div(g, f32x4.splat(<f32>count));
          } else {
            let v = load_some(y + given + (c << 2), lanes);
            inverse = v128.and(f32x4.div(f32x4.splat(1), v), f32x4.ne(v, f32x4.splat(0)));
          }
          let tap = 0;
          for (let a = 0; a < nd; a++) {
            for (let b = 0; b < nh; b++) {
              let q = to + a * nextPlane + b * nextRow, s = from + a * nextPlane + b * nextRow;
              for (let e = 0; e < nw; e++) {
                let v = share(mode, g, s, lanes, largest, tap, inverse, p);
                store_some(q, apart ? v : f32x4.add(load_some(q, lanes), v), lanes);
                tap++;
                q += next;
                s += next;
              }
            }
          }
        }
      }
    }
  }
}

/** The largest element of each window gets its gradient. */
export function max_pool_gradient_f32(x: usize, dy: usize, dx: usize, window: usize, begin: i32, end: i32): void {
  spread(MAX, x, 0, dy, dx, window, 0, 0, begin, end);
}

/** Every element of a window gets an equal share; `countPads` as for average_pool_f32. */
export function average_pool_gradient_f32(
  dy: usize, dx: usize, window: usize, countPads: i32, begin: i32, end: i32,
): void {
  spread(AVERAGE, 0, 0, dy, dx, window, countPads, 0, begin, end);
}

/** y is what lp_pool_f32 made of x. */
export function lp_pool_gradient_f32(
  x: usize, y: usize, dy: usize, dx: usize, window: usize, p: i32, begin: i32, end: i32,
): void {
  spread(POWER, x, y, dy, dx, window, 0, p, begin, end);
}
