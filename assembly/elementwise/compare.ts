// Comparisons: a byte of 0 or 1 per element.
import {
  COMPARE_EQUAL, COMPARE_GREATER, COMPARE_GREATER_OR_EQUAL, COMPARE_LESS, COMPARE_LESS_OR_EQUAL,
} from "../abi/codes";
import { Row2, walk2 } from "./broadcast";

@unmanaged class Equal {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return f32x4.eq(a, b); }
  // @ts-ignore: decorator
  @inline one<T>(a: T, b: T): bool { return a == b; }
}
@unmanaged class Less {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return f32x4.lt(a, b); }
  // @ts-ignore: decorator
  @inline one<T>(a: T, b: T): bool { return a < b; }
}
@unmanaged class LessOrEqual {
  // @ts-ignore: decorator
  @inline of(a: v128, b: v128): v128 { return f32x4.le(a, b); }
  // @ts-ignore: decorator
  @inline one<T>(a: T, b: T): bool { return a <= b; }
}

/** Stores the four lanes of a mask as bytes of 0 or 1. */
// @ts-ignore: decorator
@inline
function store_mask(y: usize, mask: v128): void {
  const bytes = v128.shuffle<u8>(mask, mask, 0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  v128.store_lane<u32>(y, v128.and(bytes, i8x16.splat(1)), 0);
}

function row_compare<F, T>(a: usize, strideA: i32, b: usize, strideB: i32, y: usize, n: i32): void {
  const f = changetype<F>(0);
  if (isFloat<T>() && (strideA & ~1) == 0 && (strideB & ~1) == 0) {
    const stepA = <usize>(strideA << 4);
    const stepB = <usize>(strideB << 4);
    for (; n >= 4; n -= 4) {
      const left = strideA ? v128.load(a) : v128.load_splat<f32>(a);
      const right = strideB ? v128.load(b) : v128.load_splat<f32>(b);
      // @ts-ignore: of is resolved when this is compiled for a class
      store_mask(y, f.of(left, right));
      a += stepA;
      b += stepB;
      y += 4;
    }
  }
  const stepA = <usize>(strideA << alignof<T>());
  const stepB = <usize>(strideB << alignof<T>());
  for (; n > 0; n--) {
    // @ts-ignore: see above
    store<u8>(y, <u8>f.one<T>(load<T>(a), load<T>(b)));
    a += stepA;
    b += stepB;
    y++;
  }
}

// GREATER and GREATER_OR_EQUAL are LESS and LESS_OR_EQUAL of exchanged operands.
function row_of<T>(code: i32): Row2 {
  let row: Row2 = (a, sa, b, sb, y, n) => row_compare<Equal, T>(a, sa, b, sb, y, n);
  switch (code) {
    case COMPARE_EQUAL: break;
    case COMPARE_LESS: row = (a, sa, b, sb, y, n) => row_compare<Less, T>(a, sa, b, sb, y, n); break;
    case COMPARE_LESS_OR_EQUAL: row = (a, sa, b, sb, y, n) => row_compare<LessOrEqual, T>(a, sa, b, sb, y, n); break;
    case COMPARE_GREATER: row = (a, sa, b, sb, y, n) => row_compare<Less, T>(b, sb, a, sa, y, n); break;
    case COMPARE_GREATER_OR_EQUAL: row = (a, sa, b, sb, y, n) => row_compare<LessOrEqual, T>(b, sb, a, sa, y, n); break;
    default: unreachable();
  }
  return row;
}

/** y = a op b by a COMPARE_ code; the descriptor is one of broadcast.ts, [begin, end) a range of axis 0. */
export function compare_broadcast_f32(
  code: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, begin: i32, end: i32,
): void {
  walk2(row_of<f32>(code), table, rank, a, b, y, 2, 0, begin, end);
}

/** As compare_broadcast_f32. */
export function compare_broadcast_i32(
  code: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, begin: i32, end: i32,
): void {
  walk2(row_of<i32>(code), table, rank, a, b, y, 2, 0, begin, end);
}

/** As compare_broadcast_f32. */
export function compare_broadcast_i64(
  code: i32, a: usize, b: usize, y: usize, table: usize, rank: i32, begin: i32, end: i32,
): void {
  walk2(row_of<i64>(code), table, rank, a, b, y, 3, 0, begin, end);
}

/** y[i] = x[i] is NaN. */
export function isnan_f32(x: usize, y: usize, n: i32): void {
  const end = x + ((<usize>n) << 2);
  for (; x < end; x += 4) {
    const v = load<f32>(x);
    store<u8>(y, <u8>(v != v));
    y++;
  }
}

/** y[i] = x[i] is +∞ (if `positive`) or −∞ (if `negative`). */
export function isinf_f32(x: usize, y: usize, n: i32, negative: i32, positive: i32): void {
  const end = x + ((<usize>n) << 2);
  for (; x < end; x += 4) {
    const v = load<f32>(x);
    store<u8>(y, <u8>((positive != 0 && v == <f32>Infinity) || (negative != 0 && v == <f32>-Infinity)));
    y++;
  }
}
