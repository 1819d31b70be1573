// What the machine allows, measured in the same run as what the kernels reach.
import { madd } from "./simd";

// Loaded, because V8 makes a vector constant anew at each use.
const START = memory.data<f32>([
  1.0, 1.015625, 1.03125, 1.046875, 1.0625, 1.078125, 1.09375, 1.109375,
  1.125, 1.140625, 1.15625, 1.171875, 1.1875, 1.203125, 1.21875, 1.234375,
  1.25, 1.265625, 1.28125, 1.296875, 1.3125, 1.328125, 1.34375, 1.359375,
  1.375, 1.390625, 1.40625, 1.421875, 1.4375, 1.453125, 1.46875, 1.484375,
  1.5, 1.515625, 1.53125, 1.546875, 1.5625, 1.578125, 1.59375, 1.609375,
  1.625, 1.640625, 1.65625, 1.671875, 1.6875, 1.703125, 1.71875, 1.734375,
  1.75, 1.765625, 1.78125, 1.796875, 0.5,
], 16);

/**
 * Multiply-adds that touch no memory: `iterations` × 3 × 13 vectors of 4 lanes × 2 operations = 312 FLOPs each, in as
 * many chains as there are registers beside the two factors. Every product is of the sum before it, so that none can be
 * made ahead of the loop. The returned value is only there to be used.
 */
export function peak_madd(iterations: i32): f32 {
  // x/2 + 1: nothing grows, becomes subnormal or a NaN.
  let half = v128.load_splat<f32>(START, 208), one = v128.load_splat<f32>(START);
  let c0 = v128.load(START, 0), c1 = v128.load(START, 16), c2 = v128.load(START, 32), c3 = v128.load(START, 48);
  let c4 = v128.load(START, 64), c5 = v128.load(START, 80), c6 = v128.load(START, 96), c7 = v128.load(START, 112);
  let c8 = v128.load(START, 128), c9 = v128.load(START, 144), c10 = v128.load(START, 160), c11 = v128.load(START, 176);
  let c12 = v128.load(START, 192);
  for (; iterations > 0; iterations--) {
    c0 = madd(c0, half, one); c1 = madd(c1, half, one); c2 = madd(c2, half, one);
    c3 = madd(c3, half, one); c4 = madd(c4, half, one); c5 = madd(c5, half, one);
    c6 = madd(c6, half, one); c7 = madd(c7, half, one); c8 = madd(c8, half, one);
    c9 = madd(c9, half, one); c10 = madd(c10, half, one); c11 = madd(c11, half, one);
    c12 = madd(c12, half, one);

    c0 = madd(c0, half, one); c1 = madd(c1, half, one); c2 = madd(c2, half, one);
    c3 = madd(c3, half, one); c4 = madd(c4, half, one); c5 = madd(c5, half, one);
    c6 = madd(c6, half, one); c7 = madd(c7, half, one); c8 = madd(c8, half, one);
    c9 = madd(c9, half, one); c10 = madd(c10, half, one); c11 = madd(c11, half, one);
    c12 = madd(c12, half, one);

    c0 = madd(c0, half, one); c1 = madd(c1, half, one); c2 = madd(c2, half, one);
    c3 = madd(c3, half, one); c4 = madd(c4, half, one); c5 = madd(c5, half, one);
    c6 = madd(c6, half, one); c7 = madd(c7, half, one); c8 = madd(c8, half, one);
    c9 = madd(c9, half, one); c10 = madd(c10, half, one); c11 = madd(c11, half, one);
    c12 = madd(c12, half, one);
  }
  return first_of_sum(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12);
}

/**
 * Additions alone, 52 FLOPs an iteration: a processor that multiplies beside adding makes two FLOPs in the time of each
 * of them.
 */
export function peak_add(iterations: i32): f32 {
  let one = v128.load_splat<f32>(START);
  let c0 = v128.load(START, 0), c1 = v128.load(START, 16), c2 = v128.load(START, 32), c3 = v128.load(START, 48);
  let c4 = v128.load(START, 64), c5 = v128.load(START, 80), c6 = v128.load(START, 96), c7 = v128.load(START, 112);
  let c8 = v128.load(START, 128), c9 = v128.load(START, 144), c10 = v128.load(START, 160), c11 = v128.load(START, 176);
  let c12 = v128.load(START, 192);
  for (; iterations > 0; iterations--) {
    c0 = f32x4.add(c0, one); c1 = f32x4.add(c1, one); c2 = f32x4.add(c2, one); c3 = f32x4.add(c3, one);
    c4 = f32x4.add(c4, one); c5 = f32x4.add(c5, one); c6 = f32x4.add(c6, one); c7 = f32x4.add(c7, one);
    c8 = f32x4.add(c8, one); c9 = f32x4.add(c9, one); c10 = f32x4.add(c10, one); c11 = f32x4.add(c11, one);
    c12 = f32x4.add(c12, one);
  }
  return first_of_sum(c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12);
}

// @ts-ignore: decorator
@inline
function first_of_sum(
  c0: v128, c1: v128, c2: v128, c3: v128, c4: v128, c5: v128, c6: v128, c7: v128,
  c8: v128, c9: v128, c10: v128, c11: v128, c12: v128,
): f32 {
  c0 = f32x4.add(f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3)), f32x4.add(f32x4.add(c4, c5), f32x4.add(c6, c7)));
  c8 = f32x4.add(f32x4.add(f32x4.add(c8, c9), f32x4.add(c10, c11)), c12);
  return f32x4.extract_lane(f32x4.add(c0, c8), 0);
}

/** Reads `bytes` (a multiple of 128) once: the rate at which any kernel can take in an operand of this size. */
export function peak_read(address: usize, bytes: i32): f32 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (let end = address + bytes; address < end; address += 128) {
    s0 = v128.or(s0, v128.load(address));
    s1 = v128.or(s1, v128.load(address, 16));
    s2 = v128.or(s2, v128.load(address, 32));
    s3 = v128.or(s3, v128.load(address, 48));
    s4 = v128.or(s4, v128.load(address, 64));
    s5 = v128.or(s5, v128.load(address, 80));
    s6 = v128.or(s6, v128.load(address, 96));
    s7 = v128.or(s7, v128.load(address, 112));
  }
  s0 = v128.or(v128.or(v128.or(s0, s1), v128.or(s2, s3)), v128.or(v128.or(s4, s5), v128.or(s6, s7)));
  return f32x4.extract_lane(s0, 0);
}
