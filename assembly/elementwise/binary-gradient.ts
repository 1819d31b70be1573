// Gradients of functions of two elements that take more than products and quotients. Operands are as long as the
// result: what was broadcast has been spread out before, and is added up afterwards.
import { BINARY_MAX, BINARY_POW, BINARY_PRELU } from "../abi/codes";
import { load_some, log, store_some } from "../lib/simd";
import { binary_f32 } from "./binary";

/**
 * da[i] = dy[i] · ∂f/∂a, db[i] = dy[i] · ∂f/∂b; either address may be 0. For POW, PRELU, MAX and MIN. At corners, and
 * of NaN, as PyTorch has it: equal operands of MAX and MIN get half of dy each, and 0 counts as negative to PRELU.
 */
export function binary_gradient_f32(
  code: i32, a: usize, b: usize, y: usize, dy: usize, da: usize, db: usize, n: i32,
): void {
  if (code == BINARY_POW) {
    pow_gradient(a, b, y, dy, da, db, n);
    return;
  }
  const zero = f32x4.splat(0);
  const half = f32x4.splat(0.5);
  for (; n > 0; n -= 4) {
    const p = load_some(a, n);
    const q = load_some(b, n);
    const g = load_some(dy, n);
    if (code == BINARY_PRELU) {
      const positive = f32x4.gt(p, zero);
      if (da) store_some(da, v128.bitselect(g, f32x4.mul(g, q), positive), n);
      if (db) store_some(db, v128.andnot(f32x4.mul(g, p), positive), n);
    } else {
      const less = f32x4.lt(p, q);
      const more = f32x4.gt(p, q);
      const share = v128.bitselect(f32x4.mul(g, half), g, f32x4.eq(p, q));
      if (da) store_some(da, v128.andnot(share, code == BINARY_MAX ? less : more), n);
      if (db) store_some(db, v128.andnot(share, code == BINARY_MAX ? more : less), n);
    }
    a += 16;
    b += 16;
    dy += 16;
    if (da) da += 16;
    if (db) db += 16;
  }
}

/** b·a^(b − 1) and a^b·log a, which is 0 for a power of 0 that is not negative. */
function pow_gradient(a: usize, b: usize, y: usize, dy: usize, da: usize, db: usize, n: i32): void {
  if (da) {
    // First the exponent less one, then the power, in the place of the result.
    const one = f32x4.splat(1);
    for (let i: i32 = 0; i < n; i += 4) {
      const at = <usize>i << 2;
      store_some(da + at, f32x4.sub(load_some(b + at, n - i), one), n - i);
    }
    binary_f32(BINARY_POW, a, 1, da, 1, da, n);
    for (let i: i32 = 0; i < n; i += 4) {
      const at = <usize>i << 2;
      const slope = f32x4.mul(load_some(b + at, n - i), load_some(da + at, n - i));
      // Zero times infinity: the slope of a constant is 0 everywhere.
      const safe = v128.and(slope, f32x4.ne(load_some(b + at, n - i), f32x4.splat(0)));
      store_some(da + at, f32x4.mul(safe, load_some(dy + at, n - i)), n - i);
    }
  }
  if (db) {
    for (let i: i32 = 0; i < n; i += 4) {
      const at = <usize>i << 2;
      const p = load_some(a + at, n - i);
      const zero = f32x4.splat(0);
      const constant = v128.and(f32x4.eq(p, zero), f32x4.ge(load_some(b + at, n - i), zero));
      const slope = v128.andnot(f32x4.mul(load_some(y + at, n - i), log(p)), constant);
      store_some(db + at, f32x4.mul(slope, load_some(dy + at, n - i)), n - i);
    }
  }
}

/** dx[i] = x[i] equals y[i] ? dy[i] : 0, for folds that pick an element. */
export function equal_gradient_f32(x: usize, y: usize, dy: usize, dx: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    store_some(dx, v128.and(load_some(dy, n), f32x4.eq(load_some(x, n), load_some(y, n))), n);
    x += 16;
    y += 16;
    dy += 16;
    dx += 16;
  }
}
