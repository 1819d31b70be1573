// Products of 8-bit integers: the packing of the right side, and the loop over the register tiles (scripts/tiles.ts).
//
// Both sides are widened to 16 bits, in pairs of k, because i32x4.dot_i16x8_s (pmaddwd) multiplies eight pairs exactly:
// the left side as numbers 0 … 255 (a signed byte is its bits with the uppermost one flipped, its zero point 128 more),
// the right side less its zero point. What the left side's zero point takes from a sum is the same for a column, so it
// is part of the column's bias. Sums wrap around at 2^32, as the specification's int32 does. Nothing here depends on
// the build, so both give the same bits.
import { INTEGER_BYTES } from "../abi/codes";
import { q8_tile_1x8, q8_tile_5x8 } from "../generated/integer-tiles";
import { INR, integer_column } from "../lib/epilogue";

/** Rows of a tile: ten accumulators and what they are made of fit the registers. */
export const IMR: i32 = 5;

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
      if (left == 1) q8_tile_1x8(ai, lda, b, pairs, epilogue, column, row, mode, yi, ldy, 1, n - j);
      else q8_tile_5x8(ai, lda, b, pairs, epilogue, column, row, mode, yi, ldy, min(left, IMR), n - j);
      ai += IMR * lda;
      yi += IMR * ldy;
    }
    b += <usize>pairs << 5;
  }
}
