// The gradient of lrn.ts.
import { load_some, madd, store_some } from "../lib/simd";
import { LRN_ROWS, lrn_pitch, lrn_power, lrn_squares, lrn_sums } from "./lrn";

/** Bytes of scratch for lrn_gradient_f32. */
export function lrn_gradient_scratch_size(channels: i32, size: i32): i32 {
  return (2 * LRN_ROWS + 1) * <i32>lrn_pitch(channels, size);
}

/**
 * The gradient of lrn_f32 by x for rows [begin, end): with t = bias + alpha/size·Σ x² over a window,
 * dxᵢ = dyᵢ·tᵢ^−beta − 2·alpha·beta/size·xᵢ·Σ dyⱼ·xⱼ·tⱼ^(−beta − 1) over the windows j that i lies in.
 */
export function lrn_gradient_f32(
  x: usize, dy: usize, dx: usize, channels: i32, size: i32, alpha: f32, beta: f32, bias: f32, begin: i32, end: i32,
  scratch: usize,
): void {
  const bytes = <usize>channels << 2, pitch = lrn_pitch(channels, size);
  const before = <usize>((size - 1) >> 1) << 2, behind = (<usize>(size - 1) << 2) - before;
  // Squares, and what is summed over windows the other way round; zeros stand for the channels that are not there.
  const second = scratch + LRN_ROWS * pitch, sums = second + LRN_ROWS * pitch;
  memory.fill(scratch, 0, 2 * LRN_ROWS * pitch);
  const scale = f32x4.splat(alpha / <f32>size), base = f32x4.splat(bias);
  const factor = f32x4.splat(-2 * alpha * beta / <f32>size), zero = f32x4.splat(0);
  const start = <usize>begin * bytes;
  x += start;
  dy += start;
  dx += start;
  for (let r = begin; r < end; r += LRN_ROWS) {
    const rows = min(end - r, LRN_ROWS);
    lrn_squares(x, scratch + before, channels, pitch, rows);
    let at: usize = 0;
    for (let i = 0, row = scratch, to = second + behind; i < rows; i++, row += pitch, to += pitch) {
      lrn_sums(row, sums, channels, size, scale, base);
      let t = sums, q = to, left = channels;
      for (; left >= 4; left -= 4, t += 16, q += 16, at += 16) {
        const power = lrn_power(v128.load(dy + at), v128.load(t), beta);
        v128.store(dx + at, power);
        v128.store(q, f32x4.div(f32x4.mul(power, v128.load(x + at)), v128.load(t)));
      }
      if (left) {
        const power = lrn_power(load_some(dy + at, left), v128.load(t), beta);
        store_some(dx + at, power, left);
        store_some(q, f32x4.div(f32x4.mul(power, load_some(x + at, left)), v128.load(t)), left);
        at += <usize>left << 2;
      }
    }
    at = 0;
    for (let i = 0, row = second; i < rows; i++, row += pitch) {
      lrn_sums(row, sums, channels, size, factor, zero);
      let t = sums, left = channels;
      for (; left >= 4; left -= 4, t += 16, at += 16) {
        v128.store(dx + at, madd(v128.load(x + at), v128.load(t), v128.load(dx + at)));
      }
      if (left) {
        store_some(dx + at, madd(load_some(x + at, left), v128.load(t), load_some(dx + at, left)), left);
        at += <usize>left << 2;
      }
    }
    x += at;
    dy += at;
    dx += at;
  }
}
