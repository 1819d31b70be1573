// The transforms of Winograd's minimal filtering F(m×m, r×r), four channels at a time: A. Lavin and S. Gray, "Fast
// Algorithms for Convolutional Neural Networks" (2015), with the points 0, ±1, (±2,) ∞: six for F(4, 3), F(3, 4) and
// F(2, 5), which share all but the number of rows and columns that they put out, four for F(2, 3). A tile has
// size² = (m+r−1)² inputs; element (i, j) of all transformed tiles forms matrix number i·size+j, `plane` bytes from the
// next.
//
// Both passes go through `temp` (36 vectors in the first-level cache): a whole tile does not fit in registers, and
// loops over rows and columns keep the code small.
import { UNARY_LEAKY_RELU, UNARY_NONE } from "../abi/codes";
import { load_some, madd, store_some } from "../lib/simd";

/** Bytes of `temp`. */
export const TEMP: i32 = 576;

/** Bᵀ d B of `blocks` × 4 channels of one tile; `row` and `px` are the bytes between the tile's rows and pixels. */
export function input_6(x: usize, row: i32, px: i32, v: usize, plane: i32, blocks: i32, temp: usize): void {
  let four = f32x4.splat(4), minus4 = f32x4.splat(-4), minus5 = f32x4.splat(-5);
  for (; blocks > 0; blocks--) {
    for (let q = x, t = temp; t < temp + 96; t += 16, q += px) {
      let d0 = v128.load(q), d1 = v128.load(q + row), d2 = v128.load(q + 2 * row);
      let d3 = v128.load(q + 3 * row), d4 = v128.load(q + 4 * row), d5 = v128.load(q + 5 * row);
      v128.store(t, madd(four, d0, madd(minus5, d2, d4)));
      v128.store(t, madd(four, d1, madd(minus5, d3, d5)), 480);
      let even = madd(minus4, d2, d4), odd = madd(minus4, d1, d3);
      v128.store(t, f32x4.add(even, odd), 96);
      v128.store(t, f32x4.sub(even, odd), 192);
      even = f32x4.sub(d4, d2);
      odd = f32x4.sub(d3, d1);
      odd = f32x4.add(odd, odd);
      v128.store(t, f32x4.add(even, odd), 288);
      v128.store(t, f32x4.sub(even, odd), 384);
    }
    for (let q = v, t = temp; t < temp + 576; t += 96) {
      let d0 = v128.load(t), d1 = v128.load(t, 16), d2 = v128.load(t, 32);
      let d3 = v128.load(t, 48), d4 = v128.load(t, 64), d5 = v128.load(t, 80);
      v128.store(q, madd(four, d0, madd(minus5, d2, d4)));
      q += plane;
      let even = madd(minus4, d2, d4), odd = madd(minus4, d1, d3);
      v128.store(q, f32x4.add(even, odd));
      q += plane;
      v128.store(q, f32x4.sub(even, odd));
      q += plane;
      even = f32x4.sub(d4, d2);
      odd = f32x4.sub(d3, d1);
      odd = f32x4.add(odd, odd);
      v128.store(q, f32x4.add(even, odd));
      q += plane;
      v128.store(q, f32x4.sub(even, odd));
      q += plane;
      v128.store(q, madd(four, d1, madd(minus5, d3, d5)));
      q += plane;
    }
    x += 16;
    v += 16;
  }
}

/** The same for tiles of four by four. */
export function input_4(x: usize, row: i32, px: i32, v: usize, plane: i32, blocks: i32, temp: usize): void {
  for (; blocks > 0; blocks--) {
    for (let q = x, t = temp; t < temp + 64; t += 16, q += px) {
      let d0 = v128.load(q), d1 = v128.load(q + row), d2 = v128.load(q + 2 * row), d3 = v128.load(q + 3 * row);
      v128.store(t, f32x4.sub(d0, d2));
      v128.store(t, f32x4.add(d1, d2), 64);
      v128.store(t, f32x4.sub(d2, d1), 128);
      v128.store(t, f32x4.sub(d1, d3), 192);
    }
    for (let q = v, t = temp; t < temp + 256; t += 64) {
      let d0 = v128.load(t), d1 = v128.load(t, 16), d2 = v128.load(t, 32), d3 = v128.load(t, 48);
      v128.store(q, f32x4.sub(d0, d2));
      q += plane;
      v128.store(q, f32x4.add(d1, d2));
      q += plane;
      v128.store(q, f32x4.sub(d2, d1));
      q += plane;
      v128.store(q, f32x4.sub(d1, d3));
      q += plane;
    }
    x += 16;
    v += 16;
  }
}

// @ts-ignore: decorator
@inline
function put(y: usize, v: v128, bias: v128, residual: usize, act: i32, low: v128, high: v128, lanes: i32): void {
  v = f32x4.add(v, bias);
  if (residual) v = f32x4.add(v, load_some(residual, lanes));
  if (act != UNARY_NONE) {
    // pmax(v, low) is v < low ? low : v, so a NaN in v stays.
    if (act == UNARY_LEAKY_RELU) v = v128.bitselect(f32x4.mul(v, low), v, f32x4.lt(v, f32x4.splat(0)));
    else v = f32x4.pmin(f32x4.pmax(v, low), high);
  }
  store_some(y, v, lanes);
}

// @ts-ignore: decorator
@inline
function load_bias(bias: usize, lanes: i32): v128 {
  if (!bias) return f32x4.splat(0);
  return load_some(bias, lanes);
}

/**
 * act(Aᵀ m A + bias + residual) of one tile of `size` (4, 3 or 2) pixels a side, of which `rows` × `columns` are in the
 * image. `act` is NONE, LEAKY_RELU with slope `a`, or anything else for a clip to [a, b]. Row and pixel distances in
 * bytes.
 */
export function output_6(
  size: i32, m: usize, plane: i32, channels: i32, temp: usize, bias: usize, residual: usize, residualRow: i32,
  residualPx: i32, y: usize, row: i32, px: i32, rows: i32, columns: i32, act: i32, a: f32, b: f32,
): void {
  let low = f32x4.splat(a), high = f32x4.splat(b), two = f32x4.splat(2), four = f32x4.splat(4), eight = f32x4.splat(8);
  for (; channels > 0; channels -= 4) {
    for (let q = m, t = temp; t < temp + 96; t += 16, q += plane) {
      let p = q, step = 6 * plane;
      let m0 = v128.load(p);
      p += step;
      let m1 = v128.load(p);
      p += step;
      let m2 = v128.load(p);
      p += step;
      let m3 = v128.load(p);
      p += step;
      let m4 = v128.load(p);
      p += step;
      let s = f32x4.add(m1, m2), d = f32x4.sub(m1, m2), u = f32x4.add(m3, m4), e = f32x4.sub(m3, m4);
      v128.store(t, f32x4.add(f32x4.add(m0, s), u));
      let infinity = v128.load(p), second = madd(two, e, d);
      if (size == 2) {
        v128.store(t, f32x4.add(second, infinity), 96);
        continue;
      }
      v128.store(t, second, 96);
      let third = madd(four, u, s);
      if (size == 3) {
        v128.store(t, f32x4.add(third, infinity), 192);
        continue;
      }
      v128.store(t, third, 192);
      v128.store(t, f32x4.add(madd(eight, e, d), infinity), 288);
    }
    let vbias = load_bias(bias, channels), q = y, r = residual;
    for (let i = rows, t = temp; i > 0; i--, t += 96) {
      let m1 = v128.load(t, 16), m2 = v128.load(t, 32), m3 = v128.load(t, 48), m4 = v128.load(t, 64);
      let s = f32x4.add(m1, m2), d = f32x4.sub(m1, m2), u = f32x4.add(m3, m4), e = f32x4.sub(m3, m4);
      put(q, f32x4.add(f32x4.add(v128.load(t), s), u), vbias, r, act, low, high, channels);
      let second = madd(two, e, d);
      if (columns > 1) put(
        q + px, size == 2 ? f32x4.add(second, v128.load(t, 80)) : second, vbias, r ? r + residualPx : 0, act, low, high,
        channels,
      );
      if (columns > 2) {
        let third = madd(four, u, s);
        put(
          q + 2 * px, size == 3 ? f32x4.add(third, v128.load(t, 80)) : third, vbias, r ? r + 2 * residualPx : 0, act,
          low, high, channels,
        );
      }
      if (columns > 3) {
        put(
          q + 3 * px, f32x4.add(madd(eight, e, d), v128.load(t, 80)), vbias, r ? r + 3 * residualPx : 0, act, low, high,
          channels,
        );
      }
      q += row;
      if (r) r += residualRow;
    }
    m += 16;
    y += 16;
    if (bias) bias += 16;
    if (residual) residual += 16;
  }
}

/** The same for four points, 2 × 2 pixels. */
export function output_4(
  m: usize, plane: i32, channels: i32, temp: usize, bias: usize, residual: usize, residualRow: i32, residualPx: i32,
  y: usize, row: i32, px: i32, rows: i32, columns: i32, act: i32, a: f32, b: f32,
): void {
  let low = f32x4.splat(a), high = f32x4.splat(b);
  for (; channels > 0; channels -= 4) {
    for (let q = m, t = temp; t < temp + 64; t += 16, q += plane) {
      let p = q, step = 4 * plane;
      let m0 = v128.load(p);
      p += step;
      let m1 = v128.load(p);
      p += step;
      let m2 = v128.load(p);
      p += step;
      v128.store(t, f32x4.add(f32x4.add(m0, m1), m2));
      v128.store(t, f32x4.sub(f32x4.sub(m1, m2), v128.load(p)), 64);
    }
    let vbias = load_bias(bias, channels), q = y, r = residual;
    for (let i = rows, t = temp; i > 0; i--, t += 64) {
      let m1 = v128.load(t, 16), m2 = v128.load(t, 32);
      put(q, f32x4.add(f32x4.add(v128.load(t), m1), m2), vbias, r, act, low, high, channels);
      if (columns > 1) {
        put(
          q + px, f32x4.sub(f32x4.sub(m1, m2), v128.load(t, 48)), vbias, r ? r + residualPx : 0, act, low, high,
          channels,
        );
      }
      q += row;
      if (r) r += residualRow;
    }
    m += 16;
    y += 16;
    if (bias) bias += 16;
    if (residual) residual += 16;
  }
}
