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
], 16);

/**
 * Multiply-adds that touch no memory: `iterations` × 12 vectors of 4 lanes × 2 operations = 96 FLOPs each, in twelve chains, more than the latency
 * of two fused multiply-adds a cycle. Without fusion a compiler may make the one product ahead of the loop: what is left is the
 * rate of the additions, which bounds every kernel all the same, since processors multiply beside adding. The returned value is only
 * there to be used.
 */
export function peak_madd(iterations: i32): f32 {
  let x = v128.load(START), y = v128.load(START, 16);
  let c0 = v128.load(START, 0), c1 = v128.load(START, 16), c2 = v128.load(START, 32), c3 = v128.load(START, 48);
  let c4 = v128.load(START, 64), c5 = v128.load(START, 80), c6 = v128.load(START, 96), c7 = v128.load(START, 112);
  let c8 = v128.load(START, 128), c9 = v128.load(START, 144), c10 = v128.load(START, 160), c11 = v128.load(START, 176);
  for (; iterations > 0; iterations--) {
    c0 = madd(x, y, c0);
    c1 = madd(x, y, c1);
    c2 = madd(x, y, c2);
    c3 = madd(x, y, c3);
    c4 = madd(x, y, c4);
    c5 = madd(x, y, c5);
    c6 = madd(x, y, c6);
    c7 = madd(x, y, c7);
    c8 = madd(x, y, c8);
    c9 = madd(x, y, c9);
    c10 = madd(x, y, c10);
    c11 = madd(x, y, c11);
  }
  c0 = f32x4.add(f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3)), f32x4.add(f32x4.add(c4, c5), f32x4.add(c6, c7)));
  c0 = f32x4.add(c0, f32x4.add(f32x4.add(c8, c9), f32x4.add(c10, c11)));
  return f32x4.extract_lane(c0, 0);
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
