// Random numbers by counter: the number at a place depends on the seed and the place alone, so that a mask need not be
// kept and work can be split anywhere.
import { load_some, store_some } from "../lib/simd";

/** A good mixing of 32 bits: constants of "lowbias32" (Wellons, "Prospecting for Hash Functions", 2018). */
// @ts-ignore: decorator
@inline
function mixed(z: v128): v128 {
  z = v128.xor(z, i32x4.shr_u(z, 16));
  z = i32x4.mul(z, i32x4.splat(0x7feb352d));
  z = v128.xor(z, i32x4.shr_u(z, 15));
  z = i32x4.mul(z, i32x4.splat(0x846ca68b));
  return v128.xor(z, i32x4.shr_u(z, 16));
}

/** Keeps a seed in memory, for kernels that need it again. */
export function seed_store(at: usize, low: i32, high: i32): void {
  store<i32>(at, low);
  store<i32>(at + 4, high);
}

/**
 * y[i] = x[i]·scale with probability 1 − threshold/2³², else 0, for [begin, end) of a tensor. The same seed gives the
 * same choice: the gradient is this function of dy.
 */
export function dropout_f32(x: usize, y: usize, seed: usize, threshold: i32, scale: f32, begin: i32, end: i32): void {
  const low = i32x4.splat(load<i32>(seed));
  const high = i32x4.splat(load<i32>(seed + 4));
  const limit = i32x4.splat(threshold);
  const factor = f32x4.splat(scale);
  // Groups of four have fixed places, wherever the range begins.
  for (let i = begin; i < end; i += 4) {
    const place = i32x4.add(i32x4.splat(i), i32x4(0, 1, 2, 3));
    const bits = mixed(v128.xor(mixed(v128.xor(place, low)), high));
    const keep = i32x4.ge_u(bits, limit);
    const at = <usize>i << 2;
    store_some(y + at, v128.and(f32x4.mul(load_some(x + at, end - i), factor), keep), end - i);
  }
}

/** dropout_f32 in place for the `n` elements from `place` on. */
export function drop_row(x: usize, n: i32, seed: usize, place: i32, threshold: i32, scale: f32): void {
  const low = i32x4.splat(load<i32>(seed)), high = i32x4.splat(load<i32>(seed + 4)), limit = i32x4.splat(threshold);
  const factor = f32x4.splat(scale);
  for (; n > 0; n -= 4, x += 16, place += 4) {
    const bits = mixed(v128.xor(mixed(v128.xor(i32x4.add(i32x4.splat(place), i32x4(0, 1, 2, 3)), low)), high));
    store_some(x, v128.and(f32x4.mul(load_some(x, n), factor), i32x4.ge_u(bits, limit)), n);
  }
}
