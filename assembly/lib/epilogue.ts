// What is done to the sums of products of 8-bit integers.
//
// An epilogue (epilogue_q8) says what becomes of the sums of n columns: vectors of constants, then for every column up
// to a multiple of eight the bias, the scale and the offset.
import { INTEGER_BYTES, INTEGER_FLOAT32 } from "../abi/codes";
import { store_some } from "./lanes";

/** Columns of a packed panel. */
export const INR: i32 = 8;
// Adding it leaves a float of magnitude below 2^22 with its nearest integer (halves to even) in the low bits: 1.5 ·
// 2^23.
const ROUNDER: f32 = 12582912;
const LOW: usize = 0, HIGH: usize = 16, SHIFT: usize = 32, FLIP: usize = 48, ROUND: usize = 64, COLUMNS: usize = 80;

/** Bytes of an epilogue of n columns. */
export function epilogue_q8_size(n: i32): usize {
  return COLUMNS + <usize>((n + INR - 1) & -INR) * 12;
}

/** A zero point as the kernels count: signed bytes from −128. */
// @ts-ignore: decorator
@inline
function zero_point(zero: usize, isSigned: i32): i32 {
  if (!zero) return isSigned ? 128 : 0;
  return isSigned ? <i32>load<i8>(zero) + 128 : <i32>load<u8>(zero);
}

/**
 * Writes an epilogue for sums of n columns, whose right sides add up to `sums`[n, rounded up to eights]. The left
 * side's elements are counted as quantize/tile.ts says, or `less` less:
 * (sum + bias[j]) · scale[j], scale[j] = xScale · wScale[j] / yScale, then
 *
 * - INTEGER_BYTES: bounded to [floor, ceiling], rounded with halves to even, plus yZero, saturated;
 * - INTEGER_FLOAT32: plus offset[j].
 *
 * Addresses may be 0 where there is none; `wScales` is n or 1. For INTEGER_INT32 only the bias counts.
 */
export function epilogue_q8(
  target: usize, sums: usize, less: i32, n: i32, bias: usize, offset: usize, xZero: usize, xSigned: i32, xScale: usize,
  wScale: usize, wScales: i32, yScale: usize, yZero: usize, ySigned: i32, floor: f32, ceiling: f32,
): void {
  let from = zero_point(xZero, xSigned) - less, to = zero_point(yZero, ySigned), smallest = -to, largest = 255 - to;
  v128.store(target, f32x4.splat(max<f32>(<f32>smallest, floor)), LOW);
  v128.store(target, f32x4.splat(min<f32>(<f32>largest, ceiling)), HIGH);
  v128.store(target, i32x4.splat(reinterpret<i32>(ROUNDER) - to), SHIFT);
  v128.store(target, i8x16.splat(ySigned ? -128 : 0), FLIP);
  v128.store(target, f32x4.splat(ROUNDER), ROUND);
  let width = (n + INR - 1) & -INR, column = target + COLUMNS, row = <usize>width << 2;
  for (let j = 0; j < width; j++) {
    let inside = j < n, at = <usize>j << 2;
    store<i32>(column, inside ? (bias ? load<i32>(bias + at) : 0) - from * load<i32>(sums + at) : 0);
    let scale: f32 = 0;
    if (inside && xScale) {
      scale = load<f32>(xScale) * load<f32>(wScale + (wScales == 1 ? 0 : at));
      if (yScale) scale /= load<f32>(yScale);
    }
    store<f32>(column + row, scale);
    store<f32>(column + 2 * row, inside && offset ? load<f32>(offset + at) : 0);
    column += 4;
  }
}

/** Where column j of an epilogue begins, with the bias that its sums begin with. */
// @ts-ignore: decorator
@inline
export function integer_column(epilogue: usize, j: i32): usize {
  return epilogue + COLUMNS + (<usize>j << 2);
}

/** Eight sums (the bias in them) as bytes, in the low half of the result. */
// @ts-ignore: decorator
@inline
export function integer_bytes(c0: v128, c1: v128, epilogue: usize, column: usize, row: usize): v128 {
  let low = v128.load(epilogue, LOW), high = v128.load(epilogue, HIGH), rounder = v128.load(epilogue, ROUND);
  let shift = v128.load(epilogue, SHIFT);
  let f0 = f32x4.mul(f32x4.convert_i32x4_s(c0), v128.load(column + row));
  let f1 = f32x4.mul(f32x4.convert_i32x4_s(c1), v128.load(column + row, 16));
  f0 = f32x4.add(f32x4.pmin(f32x4.pmax(f0, low), high), rounder);
  f1 = f32x4.add(f32x4.pmin(f32x4.pmax(f1, low), high), rounder);
  let q = i16x8.narrow_i32x4_s(i32x4.sub(f0, shift), i32x4.sub(f1, shift));
  return v128.xor(i8x16.narrow_i16x8_u(q, q), v128.load(epilogue, FLIP));
}

/** Stores a row of a tile that is not eight bytes. `row` is the epilogue's columns in bytes. */
export function store_row(
  y: usize, c0: v128, c1: v128, epilogue: usize, column: usize, row: usize, mode: i32, columns: i32,
): void {
  if (mode == INTEGER_BYTES) {
    let bits = i64x2.extract_lane(integer_bytes(c0, c1, epilogue, column, row), 0);
    for (let i = 0; i < columns; i++) {
      store<u8>(y + i, <u8>bits);
      bits >>= 8;
    }
    return;
  }
  if (mode == INTEGER_FLOAT32) {
    c0 = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(c0), v128.load(column + row)), v128.load(column + 2 * row));
    c1 = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(c1), v128.load(column + row, 16)), v128.load(column + 2 * row, 16));
  }
  store_some(y, c0, columns);
  store_some(y + 16, c1, columns - 4);
}

/** Stores eight sums that began at the epilogue's biases, or as many as there are columns. */
// @ts-ignore: decorator
@inline
export function integer_finish(
  y: usize, c0: v128, c1: v128, epilogue: usize, column: usize, row: usize, mode: i32, columns: i32,
): void {
  if (mode == INTEGER_BYTES && columns >= INR) v128.store64_lane(y, integer_bytes(c0, c1, epilogue, column, row), 0);
  else store_row(y, c0, c1, epilogue, column, row, mode, columns);
}
