// Local response normalisation (Krizhevsky, Sutskever, Hinton, 2012), channels last.
import { exp, load_some, log, madd, store_some } from "../lib/simd";

/** Bytes of scratch for lrn_f32. */
export function lrn_scratch_size(channels: i32, size: i32): i32 {
  return (channels + size + 4) * 4;
}

/**
 * y = x·(bias + alpha/size·Σ x²)^−beta for rows [begin, end) of x [rows, channels]; the sum is over `size` channels,
 * from ⌊(size − 1)/2⌋ before to ⌈(size − 1)/2⌉ behind, as far as there are any.
 */
export function lrn_f32(
  x: usize, y: usize, channels: i32, size: i32, alpha: f32, beta: f32, bias: f32, begin: i32, end: i32, scratch: usize,
): void {
  const before = (<usize>((size - 1) >> 1)) << 2;
  const bytes = (<usize>channels) << 2;
  // The squares of a row, with zeros for the channels that are not there.
  memory.fill(scratch, 0, <usize>lrn_scratch_size(channels, size));
  const squares = scratch + before;
  const scale = f32x4.splat(alpha / <f32>size);
  const base = f32x4.splat(bias);
  const exponent = f32x4.splat(-beta);
  for (let r = begin; r < end; r++) {
    const from = x + <usize>r * bytes;
    const to = y + <usize>r * bytes;
    for (let c: i32 = 0; c < channels; c += 4) {
      const v = load_some(from + ((<usize>c) << 2), channels - c);
      store_some(squares + ((<usize>c) << 2), f32x4.mul(v, v), channels - c);
    }
    for (let c: i32 = 0; c < channels; c += 4) {
      const lane = (<usize>c) << 2;
      let sum = v128.load(scratch + lane);
      for (let k: i32 = 1; k < size; k++) sum = f32x4.add(sum, v128.load(scratch + lane + ((<usize>k) << 2)));
      const t = madd(sum, scale, base);
      const v = load_some(from + lane, channels - c);
      if (beta == 0.75) {
        // t^¾ = √t·√√t: no logarithm, and at most 2 ulp.
        const root = f32x4.sqrt(t);
        store_some(to + lane, f32x4.div(v, f32x4.mul(root, f32x4.sqrt(root))), channels - c);
      } else {
        store_some(to + lane, f32x4.mul(v, exp(f32x4.mul(exponent, log(t)))), channels - c);
      }
    }
  }
}
