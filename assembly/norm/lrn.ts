// Local response normalisation (Krizhevsky, Sutskever, Hinton, 2012), channels last.
import { exp, load_some, log, madd, store_some } from "../lib/simd";

/**
 * Rows taken at a time: squares are read at other places than they were written at, which stalls until the
 * writes have reached the cache. The rows between fill that time.
 */
export const LRN_ROWS: i32 = 16;

/** Bytes of a row of scratch: a window beside it, and the rest of a vector. */
// @ts-ignore: decorator
@inline
export function lrn_pitch(channels: i32, size: i32): usize {
  return <usize>((channels + size + 6) & ~3) << 2;
}

/** Bytes of scratch for lrn_f32. */
export function lrn_scratch_size(channels: i32, size: i32): i32 {
  return (LRN_ROWS + 1) * <i32>lrn_pitch(channels, size);
}

/** Squares of `rows` rows of x, to rows `pitch` bytes apart. */
export function lrn_squares(x: usize, to: usize, channels: i32, pitch: usize, rows: i32): void {
  for (; rows > 0; rows--, to += pitch) {
    let q = to, left = channels;
    for (; left >= 4; left -= 4, q += 16, x += 16) {
      const v = v128.load(x);
      v128.store(q, f32x4.mul(v, v));
    }
    if (left) {
      const v = load_some(x, left);
      v128.store(q, f32x4.mul(v, v));
      x += <usize>left << 2;
    }
  }
}

/**
 * base + scale·Σ over `size` neighbours from each channel of a row on, to whole vectors: sixteen channels at a time, so
 * that a loop over the window serves four vectors.
 */
export function lrn_sums(row: usize, to: usize, channels: i32, size: i32, scale: v128, base: v128): void {
  const window = <usize>size << 2;
  for (; channels > 12; channels -= 16, row += 64, to += 64) {
    let s0 = v128.load(row), s1 = v128.load(row, 16), s2 = v128.load(row, 32), s3 = v128.load(row, 48);
    for (let q = row + 4, end = row + window; q < end; q += 4) {
      s0 = f32x4.add(s0, v128.load(q));
      s1 = f32x4.add(s1, v128.load(q, 16));
      s2 = f32x4.add(s2, v128.load(q, 32));
      s3 = f32x4.add(s3, v128.load(q, 48));
    }
    v128.store(to, madd(s0, scale, base));
    v128.store(to, madd(s1, scale, base), 16);
    v128.store(to, madd(s2, scale, base), 32);
    v128.store(to, madd(s3, scale, base), 48);
  }
  for (; channels > 0; channels -= 4, row += 16, to += 16) {
    let sum = v128.load(row);
    for (let q = row + 4, end = row + window; q < end; q += 4) sum = f32x4.add(sum, v128.load(q));
    v128.store(to, madd(sum, scale, base));
  }
}

/** v·t^−beta; for beta = ¾ as v/(√t·√√t), at most 2 ulp and without a logarithm. */
// @ts-ignore: decorator
@inline
export function lrn_power(v: v128, t: v128, beta: f32): v128 {
  if (beta == 0.75) {
    const root = f32x4.sqrt(t);
    return f32x4.div(v, f32x4.mul(root, f32x4.sqrt(root)));
  }
  return f32x4.mul(v, exp(f32x4.mul(f32x4.splat(-beta), log(t))));
}

/**
 * y = x·(bias + alpha/size·Σ x²)^−beta for rows [begin, end) of x [rows, channels]; the sum is over `size` channels,
 * from ⌊(size − 1)/2⌋ before to ⌈(size − 1)/2⌉ after it, as far as there are any.
 */
export function lrn_f32(
  x: usize, y: usize, channels: i32, size: i32, alpha: f32, beta: f32, bias: f32, begin: i32, end: i32, scratch: usize,
): void {
  const before = <usize>((size - 1) >> 1) << 2, bytes = <usize>channels << 2, pitch = lrn_pitch(channels, size);
  // Zeros stand for the channels that are not there.
  memory.fill(scratch, 0, LRN_ROWS * pitch);
  const t = scratch + LRN_ROWS * pitch;
  const scale = f32x4.splat(alpha / <f32>size), base = f32x4.splat(bias);
  x += <usize>begin * bytes;
  y += <usize>begin * bytes;
  for (let r = begin; r < end; r += LRN_ROWS) {
    const rows = min(end - r, LRN_ROWS);
    lrn_squares(x, scratch + before, channels, pitch, rows);
    for (let i = 0, row = scratch; i < rows; i++, row += pitch) {
      lrn_sums(row, t, channels, size, scale, base);
      let q = t, left = channels;
      for (; left >= 4; left -= 4, q += 16, x += 16, y += 16) {
        v128.store(y, lrn_power(v128.load(x), v128.load(q), beta));
      }
      if (left) {
        store_some(y, lrn_power(load_some(x, left), v128.load(q), beta), left);
        x += <usize>left << 2;
        y += <usize>left << 2;
      }
    }
  }
}
