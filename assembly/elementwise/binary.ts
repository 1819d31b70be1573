// Functions of two elements, by the BINARY_ codes of codes.ts, over contiguous and broadcast operands; and Where.
import {
  BINARY_ADD, BINARY_AND, BINARY_DIV, BINARY_FMOD, BINARY_MAX, BINARY_MIN, BINARY_MUL, BINARY_OR, BINARY_POW,
  BINARY_PRELU, BINARY_SUB, BINARY_XOR, UNARY_RECIPROCAL, UNARY_SQUARE,
} from "../abi/codes";
import { Row2, Row3, Rows2, walk2, walk2_rows, walk3 } from "./broadcast";
import { load_some, store_some } from "../lib/simd";
import { unary_f32 } from "./unary";

/** A function of two vectors of four lanes; stateless, called on a null pointer as in unary.ts. */
@unmanaged class Add {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return f32x4.add(a, b); }
}
@unmanaged class Sub {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return f32x4.sub(a, b); }
}
@unmanaged class Mul {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return f32x4.mul(a, b); }
}
@unmanaged class Div {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return f32x4.div(a, b); }
}
@unmanaged class Min {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return f32x4.min(a, b); }
}
@unmanaged class Max {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return f32x4.max(a, b); }
}
@unmanaged class PRelu {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return v128.bitselect(f32x4.mul(a, b), a, f32x4.lt(a, f32x4.splat(0))); }
}

/**
 * The two that are computed lane by lane, in float64 through AssemblyScript's ports of musl's pow and fmod, rounded
 * once.
 */
@unmanaged class Pow {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return lanes<Pow>(a, b); }
  // @ts-ignore: decorator
  @inline one(a: f32, b: f32): f32 {
    // C says 1 (C11 F.10.4.4) where JavaScript, and AssemblyScript with it, says NaN.
    return a == 1 || (a == -1 && abs(b) == Infinity) ? 1 : <f32>NativeMath.pow(a, b);
  }
}
@unmanaged class Fmod {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return lanes<Fmod>(a, b); }
  // @ts-ignore: decorator
  @inline one(a: f32, b: f32): f32 { return <f32>NativeMath.mod(a, b); }
}
function lanes<F>(a: v128, b: v128): v128 {
  const f = changetype<F>(0);
  // @ts-ignore: one is resolved when this is compiled for a class
  let r = f32x4.splat(f.one(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)));
  // @ts-ignore: see above
  r = f32x4.replace_lane(r, 1, f.one(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)));
  // @ts-ignore: see above
  r = f32x4.replace_lane(r, 2, f.one(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)));
  // @ts-ignore: see above
  return f32x4.replace_lane(r, 3, f.one(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)));
}

/** What one operand gives for four elements: its own, or the one it has in all lanes. */
// @ts-ignore: decorator
@inline
function lanes_of(p: usize, stride: i32, all: v128): v128 {
  return stride ? v128.load(p) : all;
}

/** Strides of which one is 1 and the other 1 or 0, constants where this is inlined. */
// @ts-ignore: decorator
@inline
function vectors_f32<F>(a: usize, strideA: i32, b: usize, strideB: i32, y: usize, n: i32): void {
  const f = changetype<F>(0);
  const left = v128.load_splat<f32>(a);
  const right = v128.load_splat<f32>(b);
  for (; n >= 4; n -= 4) {
    // @ts-ignore: of is resolved when this is compiled for a class
    v128.store(y, f.of(lanes_of(a, strideA, left), lanes_of(b, strideB, right)));
    if (strideA) a += 16;
    if (strideB) b += 16;
    y += 16;
  }
  if (n > 0) {
    // @ts-ignore: see above
    store_some(y, f.of(strideA ? load_some(a, n) : left, strideB ? load_some(b, n) : right), n);
  }
}

/**
 * One vector for all rows, as with a factor or a slope per channel: sixteen columns of it at a time stay in registers.
 */
function columns_f32<F>(a: usize, b: usize, y: usize, n: i32, rows: i32): void {
  const f = changetype<F>(0), step = <usize>n << 2;
  for (let end = b + step; b < end; b += 64) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    let p = a, q = y;
    for (let i = rows; i > 0; i--) {
      // @ts-ignore: of is resolved when this is compiled for a class
      v128.store(q, f.of(v128.load(p), b0)); v128.store(q, f.of(v128.load(p, 16), b1), 16);
      v128.store(q, f.of(v128.load(p, 32), b2), 32); v128.store(q, f.of(v128.load(p, 48), b3), 48);
      p += step;
      q += step;
    }
    a += 64;
    y += 64;
  }
}

/** As rows_f32, for the functions that models apply with a vector of channels. */
function channels_f32<F>(
  a: usize, strideA: i32, stepA: i32, b: usize, strideB: i32, stepB: i32, y: usize, n: i32, rows: i32,
): void {
  // In longer rows the calls no longer count.
  if (strideA == 1 && stepA == n && strideB == 1 && stepB == 0 && (n & 15) == 0 && n <= 64) columns_f32<F>(
    a, b, y, n, rows,
  );
  else rows_f32<F>(a, strideA, stepA, b, strideB, stepB, y, n, rows);
}

/** `rows` rows of `n` elements, one after the other in y; steps are from row to row, in elements. */
function rows_f32<F>(
  a: usize, strideA: i32, stepA: i32, b: usize, strideB: i32, stepB: i32, y: usize, n: i32, rows: i32,
): void {
  const f = changetype<F>(0);
  if (n <= 0) return;
  for (; rows > 0; rows--) {
    if (strideA == 1 && strideB == 1) {
      vectors_f32<F>(a, 1, b, 1, y, n);
    } else if (strideA == 1 && strideB == 0) {
      vectors_f32<F>(a, 1, b, 0, y, n);
    } else if (strideA == 0 && strideB == 1) {
      vectors_f32<F>(a, 0, b, 1, y, n);
    } else {
      let p = a;
      let q = b;
      for (let i: i32 = 0; i < n; i++) {
        // @ts-ignore: see above
        v128.store_lane<f32>(y + ((<usize>i) << 2), f.of(v128.load_splat<f32>(p), v128.load_splat<f32>(q)), 0);
        p += <usize>(strideA << 2);
        q += <usize>(strideB << 2);
      }
    }
    a += <usize>(stepA << 2);
    b += <usize>(stepB << 2);
    y += (<usize>n) << 2;
  }
}

/** Powers by a scalar that need no logarithm, far faster. False for others. */
function easy_power(a: usize, exponent: f32, y: usize, n: i32): bool {
  if (exponent == 2) unary_f32(UNARY_SQUARE, a, y, n, 0, 0);
  else if (exponent == -1) unary_f32(UNARY_RECIPROCAL, a, y, n, 0, 0);
  else if (exponent == 0.5) power_half(a, y, n);
  else if (exponent == 3) power_three(a, y, n);
  else return false;
  return true;
}

/** √x but +0 at −0 and +∞ at −∞ (C11 F.10.4.4). */
function power_half(a: usize, y: usize, n: i32): void {
  const infinity = f32x4.splat(Infinity);
  for (; n > 0; n -= 4) {
    const x = load_some(a, n);
    const root = f32x4.sqrt(f32x4.add(x, f32x4.splat(0)));
    store_some(y, v128.bitselect(infinity, root, f32x4.eq(f32x4.abs(x), infinity)), n);
    a += 16;
    y += 16;
  }
}

function power_three(a: usize, y: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    const x = load_some(a, n);
    store_some(y, f32x4.mul(f32x4.mul(x, x), x), n);
    a += 16;
    y += 16;
  }
}

function rows_pow(
  a: usize, strideA: i32, stepA: i32, b: usize, strideB: i32, stepB: i32, y: usize, n: i32, rows: i32,
): void {
  for (; rows > 0; rows--) {
    if (strideA != 1 || strideB != 0 || n <= 0 || !easy_power(a, load<f32>(b), y, n)) rows_f32<Pow>(
      a, strideA, 0, b, strideB, 0, y, n, 1,
    );
    a += <usize>(stepA << 2);
    b += <usize>(stepB << 2);
    y += (<usize>n) << 2;
  }
}

// One function value per code: see unary_f32 for why not one large function.
function rows_of_f32(code: i32): Rows2 {
  let rows: Rows2 = (a, sa, ta, b, sb, tb, y, n, m) => rows_f32<Add>(a, sa, ta, b, sb, tb, y, n, m);
  switch (code) {
    case BINARY_ADD: break;
    case BINARY_SUB: rows = (a, sa, ta, b, sb, tb, y, n, m) => rows_f32<Sub>(a, sa, ta, b, sb, tb, y, n, m); break;
    case BINARY_MUL: rows = (a, sa, ta, b, sb, tb, y, n, m) => channels_f32<Mul>(a, sa, ta, b, sb, tb, y, n, m); break;
    case BINARY_DIV: rows = (a, sa, ta, b, sb, tb, y, n, m) => rows_f32<Div>(a, sa, ta, b, sb, tb, y, n, m); break;
    case BINARY_MIN: rows = (a, sa, ta, b, sb, tb, y, n, m) => rows_f32<Min>(a, sa, ta, b, sb, tb, y, n, m); break;
    case BINARY_MAX: rows = (a, sa, ta, b, sb, tb, y, n, m) => rows_f32<Max>(a, sa, ta, b, sb, tb, y, n, m); break;
    case BINARY_POW: rows = rows_pow; break;
    case BINARY_PRELU: rows = (a, sa, ta, b, sb, tb, y, n, m) => channels_f32<PRelu>(a, sa, ta, b, sb, tb, y, n, m);
    break;
    case BINARY_FMOD: rows = (a, sa, ta, b, sb, tb, y, n, m) => rows_f32<Fmod>(a, sa, ta, b, sb, tb, y, n, m); break;
    default: unreachable();
  }
  return rows;
}

/**
 * y[i] = a[i·strideA] op b[i·strideB] for `n` elements. Strides of 1 and 0 (a scalar) are fast. y may be an operand
 * whose stride is 1.
 */
export function binary_f32(code: i32, a: usize, strideA: i32, b: usize, strideB: i32, y: usize, n: i32): void {
  rows_of_f32(code)(a, strideA, 0, b, strideB, 0, y, n, 1);
}

/** The general form: `table` and `rank` are a descriptor of broadcast.ts, [begin, end) a range of axis 0. */
export function binary_broadcast_f32(
  code: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, begin: i32, end: i32,
): void {
  walk2_rows(rows_of_f32(code), table, rank, a, b, y, begin, end);
}

// Integers: one element at a time. Sums and products wrap. Divisions are done in TypeScript, which can report a divisor
// of 0.
@unmanaged class IntAdd {
  // @ts-ignore: decorator
  @inline of<T>(a: T, b: T): T { return <T>(a + b); }
}
@unmanaged class IntSub {
  // @ts-ignore: decorator
  @inline of<T>(a: T, b: T): T { return <T>(a - b); }
}
@unmanaged class IntMul {
  // @ts-ignore: decorator
  @inline of<T>(a: T, b: T): T { return <T>(a * b); }
}
@unmanaged class IntMin {
  // @ts-ignore: decorator
  @inline of<T>(a: T, b: T): T { return a < b ? a : b; }
}
@unmanaged class IntMax {
  // @ts-ignore: decorator
  @inline of<T>(a: T, b: T): T { return a > b ? a : b; }
}
@unmanaged class IntAnd {
  // @ts-ignore: decorator
  @inline of<T>(a: T, b: T): T { return <T>(a & b); }
}
@unmanaged class IntOr {
  // @ts-ignore: decorator
  @inline of<T>(a: T, b: T): T { return <T>(a | b); }
}
@unmanaged class IntXor {
  // @ts-ignore: decorator
  @inline of<T>(a: T, b: T): T { return <T>(a ^ b); }
}

function row_int<F, T>(a: usize, strideA: i32, b: usize, strideB: i32, y: usize, n: i32): void {
  const f = changetype<F>(0);
  const stepA = <usize>(strideA << alignof<T>());
  const stepB = <usize>(strideB << alignof<T>());
  for (; n > 0; n--) {
    // @ts-ignore: of is resolved when this is compiled for a class
    store<T>(y, f.of<T>(load<T>(a), load<T>(b)));
    a += stepA;
    b += stepB;
    y += sizeof<T>();
  }
}

function row_of_int<T>(code: i32): Row2 {
  let row: Row2 = (a, sa, b, sb, y, n) => row_int<IntAdd, T>(a, sa, b, sb, y, n);
  switch (code) {
    case BINARY_ADD: break;
    case BINARY_SUB: row = (a, sa, b, sb, y, n) => row_int<IntSub, T>(a, sa, b, sb, y, n); break;
    case BINARY_MUL: row = (a, sa, b, sb, y, n) => row_int<IntMul, T>(a, sa, b, sb, y, n); break;
    case BINARY_MIN: row = (a, sa, b, sb, y, n) => row_int<IntMin, T>(a, sa, b, sb, y, n); break;
    case BINARY_MAX: row = (a, sa, b, sb, y, n) => row_int<IntMax, T>(a, sa, b, sb, y, n); break;
    case BINARY_AND: row = (a, sa, b, sb, y, n) => row_int<IntAnd, T>(a, sa, b, sb, y, n); break;
    case BINARY_OR: row = (a, sa, b, sb, y, n) => row_int<IntOr, T>(a, sa, b, sb, y, n); break;
    case BINARY_XOR: row = (a, sa, b, sb, y, n) => row_int<IntXor, T>(a, sa, b, sb, y, n); break;
    default: unreachable();
  }
  return row;
}

/** As binary_broadcast_f32: ADD, SUB, MUL, MIN, MAX, AND, OR and XOR. */
export function binary_broadcast_i32(
  code: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, begin: i32, end: i32,
): void {
  walk2(row_of_int<i32>(code), table, rank, a, b, y, 2, 2, begin, end);
}

/** As binary_broadcast_i32. */
export function binary_broadcast_i64(
  code: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, begin: i32, end: i32,
): void {
  walk2(row_of_int<i64>(code), table, rank, a, b, y, 3, 3, begin, end);
}

/** AND, OR and XOR of bytes, which for bools (0 or 1) are the logical ones. */
export function binary_broadcast_u8(
  code: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, begin: i32, end: i32,
): void {
  let row: Row2 = (a, sa, b, sb, y, n) => row_int<IntAnd, u8>(a, sa, b, sb, y, n);
  if (code == BINARY_OR) row = (a, sa, b, sb, y, n) => row_int<IntOr, u8>(a, sa, b, sb, y, n);
  else if (code == BINARY_XOR) row = (a, sa, b, sb, y, n) => row_int<IntXor, u8>(a, sa, b, sb, y, n);
  walk2(row, table, rank, a, b, y, 0, 0, begin, end);
}

/** y[i] = x[i] is 0, for bools. */
export function not_u8(x: usize, y: usize, n: i32): void {
  const end = x + <usize>n;
  for (; x < end; x++) {
    store<u8>(y, <u8>(load<u8>(x) == 0));
    y++;
  }
}

function row_where<T>(c: usize, strideC: i32, a: usize, strideA: i32, b: usize, strideB: i32, y: usize, n: i32): void {
  const stepA = <usize>(strideA << alignof<T>());
  const stepB = <usize>(strideB << alignof<T>());
  for (; n > 0; n--) {
    store<T>(y, select<T>(load<T>(a), load<T>(b), load<u8>(c) != 0));
    c += <usize>strideC;
    a += stepA;
    b += stepB;
    y += sizeof<T>();
  }
}

/** Four at a time where the condition is contiguous and each operand is contiguous or one element. */
function row_where_4(c: usize, strideC: i32, a: usize, strideA: i32, b: usize, strideB: i32, y: usize, n: i32): void {
  if (strideC == 1 && (strideA & ~1) == 0 && (strideB & ~1) == 0) {
    const stepA = <usize>(strideA << 4);
    const stepB = <usize>(strideB << 4);
    let left = v128.load_splat<i32>(a);
    let right = v128.load_splat<i32>(b);
    for (; n >= 4; n -= 4) {
      const words = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(c)));
      if (strideA) left = v128.load(a);
      if (strideB) right = v128.load(b);
      v128.store(y, v128.bitselect(left, right, i32x4.ne(words, i32x4.splat(0))));
      c += 4;
      a += stepA;
      b += stepB;
      y += 16;
    }
  }
  row_where<i32>(c, strideC, a, strideA, b, strideB, y, n);
}

/**
 * y = c ? a : b for elements of 1 << shift bytes (shift 0 to 3). The descriptor has three lists of strides: condition,
 * a, b; [begin, end) is a range of axis 0.
 */
export function where_broadcast(
  shift: i32, c: usize, a: usize, b: usize, y: usize, table: usize, rank: i32, begin: i32, end: i32,
): void {
  let row: Row3 = row_where_4;
  if (shift == 0) row = (c, sc, a, sa, b, sb, y, n) => row_where<u8>(c, sc, a, sa, b, sb, y, n);
  else if (shift == 1) row = (c, sc, a, sa, b, sb, y, n) => row_where<u16>(c, sc, a, sa, b, sb, y, n);
  else if (shift == 3) row = (c, sc, a, sa, b, sb, y, n) => row_where<u64>(c, sc, a, sa, b, sb, y, n);
  walk3(row, table, rank, c, a, b, y, shift, begin, end);
}
