// Products of 8-bit integers: the register tile, what is done to its sums, and the packing of the right side.
//
// Both sides are widened to 16 bits, in pairs of k, because i32x4.dot_i16x8_s (pmaddwd) multiplies eight pairs exactly:
// the left side as numbers 0 … 255 (a signed byte is its bits with the uppermost one flipped, its zero point 128 more),
// the right side less its zero point. What the left side's zero point takes from a sum is the same for a column, so it
// is part of the column's bias. Sums wrap around at 2^32, as the specification's int32 does. Nothing here depends on
// the build, so both give the same bits.
//
// An epilogue (epilogue_q8) says what becomes of the sums of n columns: vectors of constants, then for every column up
// to a multiple of eight the bias, the scale and the offset.
import { INTEGER_BYTES, INTEGER_FLOAT32, INTEGER_INT32 } from "../abi/codes";
import { store_some } from "../lib/simd";

/** Columns of a packed panel. */
export const INR: i32 = 8;
/** Rows of a tile: ten accumulators and what they are made of fit the registers. */
export const IMR: i32 = 5;

// Adding it leaves a float of magnitude below 2^22 with its nearest integer (halves to even) in the low bits: 1.5 ·
// 2^23.
const ROUNDER: f32 = 12582912;
const LOW: usize = 0, HIGH: usize = 16, SHIFT: usize = 32, FLIP: usize = 48, ROUND: usize = 64, COLUMNS: usize = 80;

/**
 * Bytes of a packed right side of k rows and n columns (or of n depthwise filters of k taps), its column sums at the
 * end.
 */
export function gemm_q8_packed_size(k: i32, n: i32): usize {
  let width = (n + INR - 1) & -INR;
  return <usize>width * (((k + 1) >> 1) + 1) << 2;
}

/** The element of `w` less its zero point. */
// @ts-ignore: decorator
@inline
export function centred(w: usize, isSigned: i32, zero: usize): i32 {
  if (isSigned) return <i32>load<i8>(w) - (zero ? <i32>load<i8>(zero) : 0);
  return <i32>load<u8>(w) - (zero ? <i32>load<u8>(zero) : 0);
}

/**
 * Packs bytes w[j·columnStep + o·outerStep + i·innerStep], k = o·inner + i, 0 ≤ o < outer, of n columns: panels of
 * eight columns of pairs along k. Zero points stand `zeroStep` apart (0: one for all); `zero` 0 is none.
 */
export function gemm_pack_q8(
  w: usize, isSigned: i32, zero: usize, zeroStep: i32, n: i32, outer: i32, inner: i32, columnStep: i32, outerStep: i32,
  innerStep: i32, packed: usize,
): void {
  let k = outer * inner, pairs = (k + 1) >> 1, sums = packed + (<usize>((n + INR - 1) & -INR) * pairs << 2);
  for (let j = 0; j < n; j += INR) {
    memory.fill(packed, 0, <usize>pairs << 5);
    memory.fill(sums, 0, INR << 2);
    for (let c = 0; c < min(n - j, INR); c++) {
      let source = w + <usize>(j + c) * columnStep, from = zero ? zero + (j + c) * zeroStep : 0, sum = 0, p = 0;
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let value = centred(source + <usize>o * outerStep + i * innerStep, isSigned, from);
          store<i16>(packed + (<usize>(p >> 1) << 5) + (c << 2) + ((p & 1) << 1), <i16>value);
          sum += value;
          p++;
        }
      }
      store<i32>(sums + (c << 2), sum);
    }
    packed += <usize>pairs << 5;
    sums += INR << 2;
  }
}

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
 * Writes an epilogue for sums of `packed` (k × n): (sum + bias[j]) · scale[j], scale[j] = xScale · wScale[j] / yScale,
 * then
 *
 * - INTEGER_BYTES: bounded to [floor, ceiling], rounded with halves to even, plus yZero, saturated;
 * - INTEGER_FLOAT32: plus offset[j].
 *
 * Addresses may be 0 where there is none; `wScales` is n or 1. For INTEGER_INT32 only the bias counts.
 */
export function epilogue_q8(
  target: usize, packed: usize, k: i32, n: i32, bias: usize, offset: usize, xZero: usize, xSigned: i32, xScale: usize,
  wScale: usize, wScales: i32, yScale: usize, yZero: usize, ySigned: i32, floor: f32, ceiling: f32,
): void {
  let from = zero_point(xZero, xSigned), to = zero_point(yZero, ySigned), smallest = -to, largest = 255 - to;
  v128.store(target, f32x4.splat(max<f32>(<f32>smallest, floor)), LOW);
  v128.store(target, f32x4.splat(min<f32>(<f32>largest, ceiling)), HIGH);
  v128.store(target, i32x4.splat(reinterpret<i32>(ROUNDER) - to), SHIFT);
  v128.store(target, i8x16.splat(ySigned ? -128 : 0), FLIP);
  v128.store(target, f32x4.splat(ROUNDER), ROUND);
  let width = (n + INR - 1) & -INR, sums = packed + (<usize>width * ((k + 1) >> 1) << 2), column = target + COLUMNS;
  let row = <usize>width << 2;
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
function integer_bytes(c0: v128, c1: v128, epilogue: usize, column: usize, row: usize): v128 {
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
function store_row(
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

/**
 * `rows` ≤ tall rows by `columns` ≤ 8. As in gemm-tile.ts, exits that are never taken keep V8 from hoisting loads; rows
 * past `rows` repeat the last one.
 */
// @ts-ignore: decorator
@inline
function tile(
  tall: i32, a: usize, lda: i32, b: usize, pairs: i32, epilogue: usize, column: usize, row: usize, mode: i32, y: usize,
  ldy: i32, rows: i32, columns: i32,
): void {
  let last = (rows - 1) * lda;
  let r1 = min(lda, last), r2 = min(2 * lda, last), r3 = min(3 * lda, last), r4 = min(4 * lda, last);
  // An epilogue's column begins with the bias.
  let c00 = v128.load(column), c01 = v128.load(column, 16);
  let c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01, c40 = c00, c41 = c01;
  let end = b + (<usize>pairs << 5), main = end - 32;
  if (pairs >= 2) {
    for (; b < main; b += 64, a += 8) {
      let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
      if (tall > 1) {
        x = v128.load32_splat(a + r1);
        c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x, b0)); c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x, b1));
        if (b == 1) break;
        x = v128.load32_splat(a + r2);
        c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x, b0)); c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x, b1));
        x = v128.load32_splat(a + r3);
        c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x, b0)); c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x, b1));
        if (b == 2) break;
        x = v128.load32_splat(a + r4);
        c40 = i32x4.add(c40, i32x4.dot_i16x8_s(x, b0)); c41 = i32x4.add(c41, i32x4.dot_i16x8_s(x, b1));
        if (b == 3) break;
      }
      b0 = v128.load(b, 32); b1 = v128.load(b, 48); x = v128.load32_splat(a, 4);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
      if (tall > 1) {
        x = v128.load32_splat(a + r1, 4);
        c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x, b0)); c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x, b1));
        if (b == 4) break;
        x = v128.load32_splat(a + r2, 4);
        c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x, b0)); c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x, b1));
        x = v128.load32_splat(a + r3, 4);
        c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x, b0)); c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x, b1));
        if (b == 5) break;
        x = v128.load32_splat(a + r4, 4);
        c40 = i32x4.add(c40, i32x4.dot_i16x8_s(x, b0)); c41 = i32x4.add(c41, i32x4.dot_i16x8_s(x, b1));
      }
    }
  }
  if (b < end) {
    let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
    if (tall > 1) {
      x = v128.load32_splat(a + r1);
      c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x, b0)); c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x, b1));
      x = v128.load32_splat(a + r2);
      c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x, b0)); c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x, b1));
      x = v128.load32_splat(a + r3);
      c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x, b0)); c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x, b1));
      x = v128.load32_splat(a + r4);
      c40 = i32x4.add(c40, i32x4.dot_i16x8_s(x, b0)); c41 = i32x4.add(c41, i32x4.dot_i16x8_s(x, b1));
    }
  }
  integer_finish(y, c00, c01, epilogue, column, row, mode, columns);
  if (tall > 1) {
    if (rows > 1) integer_finish(y + ldy, c10, c11, epilogue, column, row, mode, columns);
    if (rows > 2) integer_finish(y + 2 * ldy, c20, c21, epilogue, column, row, mode, columns);
    if (rows > 3) integer_finish(y + 3 * ldy, c30, c31, epilogue, column, row, mode, columns);
    if (rows > 4) integer_finish(y + 4 * ldy, c40, c41, epilogue, column, row, mode, columns);
  }
}

function tile_1x8(
  a: usize, b: usize, pairs: i32, epilogue: usize, column: usize, row: usize, mode: i32, y: usize, columns: i32,
): void {
  tile(1, a, 0, b, pairs, epilogue, column, row, mode, y, 0, 1, columns);
}

function tile_5x8(
  a: usize, lda: i32, b: usize, pairs: i32, epilogue: usize, column: usize, row: usize, mode: i32, y: usize, ldy: i32,
  rows: i32, columns: i32,
): void {
  tile(5, a, lda, b, pairs, epilogue, column, row, mode, y, ldy, rows, columns);
}

/**
 * y[rows, n] from widened rows `lda` bytes apart and panels of `pairs` pairs; `ldy` in bytes. Nothing outside y's rows
 * is touched.
 */
export function integer_panels(
  a: usize, lda: i32, b: usize, pairs: i32, epilogue: usize, n: i32, mode: i32, y: usize, ldy: i32, rows: i32,
): void {
  let row = <usize>((n + INR - 1) & -INR) << 2, shift = mode == INTEGER_BYTES ? 0 : 2;
  for (let j = 0; j < n; j += INR) {
    let ai = a, yi = y + (<usize>j << shift), column = integer_column(epilogue, j);
    for (let left = rows; left > 0; left -= IMR) {
      if (left == 1) tile_1x8(ai, b, pairs, epilogue, column, row, mode, yi, n - j);
      else tile_5x8(ai, lda, b, pairs, epilogue, column, row, mode, yi, ldy, min(left, IMR), n - j);
      ai += IMR * lda;
      yi += IMR * ldy;
    }
    b += <usize>pairs << 5;
  }
}
