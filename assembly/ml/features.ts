// What is done to tables of features: categories looked up, missing values filled, rows brought to one size.
import { load_some, store_some } from "../lib/simd";
import { max_of } from "../reduce/reduce";

/** Where the integer at `x` is among `count` keys that follow each other from `first` on; `count`: nowhere. */
// @ts-ignore: decorator
@inline
function place_of(x: usize, first: i64, count: i32): usize {
  const place = load<i64>(x) - first;
  return <u64>place < <u64>count ? <usize>place : <usize>count;
}

/** y [n] = the value (of 8 bytes if `wide`, else of 4) at each key's place; the last of count + 1 is for no key. */
export function look_up_i64(x: usize, y: usize, n: i32, first: usize, values: usize, count: i32, wide: i32): void {
  const least = load<i64>(first);
  for (; n > 0; n--) {
    const at = place_of(x, least, count);
    if (wide) store<i64>(y, load<i64>(values + (at << 3)));
    else store<i32>(y, load<i32>(values + (at << 2)));
    x += 8;
    y += wide ? 8 : 4;
  }
}

/** y [n, width] (float32) = 1 in the column that `places` [count + 1] names for a key, 0 elsewhere; −1 names none. */
export function one_hot_i64(x: usize, y: usize, n: i32, first: usize, places: usize, count: i32, width: i32): void {
  const least = load<i64>(first);
  memory.fill(y, 0, (<usize>n * <usize>width) << 2);
  for (; n > 0; n--) {
    const column = load<i32>(places + (place_of(x, least, count) << 2));
    if (column >= 0) store<f32>(y + (<usize>column << 2), 1);
    x += 8;
    y += <usize>width << 2;
  }
}

/** y = x [rows, columns], with `fill` [columns] where x is `replaced` or, with `missing`, NaN. */
export function impute_f32(
  x: usize, y: usize, fill: usize, rows: i32, columns: i32, replaced: f32, missing: i32,
): void {
  const target = f32x4.splat(replaced);
  const nan = i32x4.splat(-missing);
  for (; rows > 0; rows--) {
    for (let i = 0; i < columns; i += 4) {
      const at = <usize>i << 2;
      const value = load_some(x + at, columns - i);
      const hit = v128.or(f32x4.eq(value, target), v128.and(f32x4.ne(value, value), nan));
      store_some(y + at, v128.bitselect(load_some(fill + at, columns - i), value, hit), columns - i);
    }
    x += <usize>columns << 2;
    y += <usize>columns << 2;
  }
}

/** y [n] = 1 where x is more than the threshold, else 0. */
export function binarize_f32(x: usize, y: usize, n: i32, threshold: f32): void {
  const least = f32x4.splat(threshold);
  const one = f32x4.splat(1);
  for (; n > 0; n -= 4) {
    store_some(y, v128.and(f32x4.gt(load_some(x, n), least), one), n);
    x += 16;
    y += 16;
  }
}

/** y = (x − offset) · scale for x [rows, columns]; an offset and a scale [columns]. */
export function scale_rows_f32(x: usize, y: usize, offset: usize, scale: usize, rows: i32, columns: i32): void {
  for (; rows > 0; rows--) {
    for (let i = 0; i < columns; i += 4) {
      const at = <usize>i << 2;
      const left = columns - i;
      const moved = f32x4.sub(load_some(x + at, left), load_some(offset + at, left));
      store_some(y + at, f32x4.mul(moved, load_some(scale + at, left)), left);
    }
    x += <usize>columns << 2;
    y += <usize>columns << 2;
  }
}

/** Four numbers times two equal ones, in double precision. */
// @ts-ignore: decorator
@inline
function scaled(value: v128, by: v128): v128 {
  const a = f64x2.mul(f64x2.promote_low_f32x4(value), by);
  const b = f64x2.mul(f64x2.promote_low_f32x4(v128.shuffle<i64>(value, value, 1, 0)), by);
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
}

/** The sum of absolute values (norm 1) or of squares (2) of n numbers, in double precision. */
// @ts-ignore: decorator
@inline
function size_of(x: usize, n: i32, norm: i32): f64 {
  let low = f64x2.splat(0);
  let high = low;
  for (; n > 0; n -= 4) {
    const value = load_some(x, n);
    const a = f64x2.promote_low_f32x4(value);
    const b = f64x2.promote_low_f32x4(v128.shuffle<i64>(value, value, 1, 0));
    if (norm == 1) {
      low = f64x2.add(low, f64x2.abs(a));
      high = f64x2.add(high, f64x2.abs(b));
    } else {
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    x += 16;
  }
  low = f64x2.add(low, high);
  return f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1);
}

/**
 * Rows over their largest element (norm 0), the sum of their absolute values (1) or their length (2), computed in
 * double precision; a row of size 0 stays as it is.
 */
export function normalize_rows_f32(x: usize, y: usize, rows: i32, columns: i32, norm: i32): void {
  for (; rows > 0; rows--) {
    let size: f64;
    if (norm == 0) size = max_of(x, columns);
    else size = size_of(x, columns, norm);
    if (norm == 2) size = sqrt(size);
    // A product with the reciprocal, in 64 bits, rounds to the same 32 bits as the quotient, all but always.
    const by = f64x2.splat(1 / (size == 0 ? 1 : size));
    let left = columns;
    for (; left >= 4; left -= 4) {
      v128.store(y, scaled(v128.load(x), by));
      x += 16;
      y += 16;
    }
    if (left > 0) {
      store_some(y, scaled(load_some(x, left), by), left);
      x += <usize>left << 2;
      y += <usize>left << 2;
    }
  }
}
