// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.
import { integer_finish } from "../quantize/epilogue";

/** `rows` ≤ 1 rows by `columns` ≤ 8 of one row; rows past `rows` repeat the last one. */
export function q8_tile_1x8(
  a: usize, lda: i32, b: usize, pairs: i32, epilogue: usize, column: usize, row: usize, mode: i32, y: usize,
  ldy: i32, rows: i32, columns: i32,
): void {
  // An epilogue's column begins with the bias.
  let c00 = v128.load(column), c01 = v128.load(column, 16);
  let end = b + (<usize>pairs << 5), main = end - 32;
  if (pairs >= 2) {
    for (; b < main; b += 64, a += 8) {
      let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
      b0 = v128.load(b, 32); b1 = v128.load(b, 48); x = v128.load32_splat(a, 4);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
    }
  }
  if (b < end) {
    let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
  }
  integer_finish(y, c00, c01, epilogue, column, row, mode, columns);
}

/** `rows` ≤ 5 rows by `columns` ≤ 8 of 5 rows; rows past `rows` repeat the last one. */
export function q8_tile_5x8(
  a: usize, lda: i32, b: usize, pairs: i32, epilogue: usize, column: usize, row: usize, mode: i32, y: usize,
  ldy: i32, rows: i32, columns: i32,
): void {
  let last = (rows - 1) * lda;
  let r1 = min(lda, last);
  let r2 = min(2 * lda, last);
  let r3 = min(3 * lda, last);
  let r4 = min(4 * lda, last);
  // An epilogue's column begins with the bias.
  let c00 = v128.load(column), c01 = v128.load(column, 16);
  let c10 = c00, c11 = c01;
  let c20 = c00, c21 = c01;
  let c30 = c00, c31 = c01;
  let c40 = c00, c41 = c01;
  let end = b + (<usize>pairs << 5), main = end - 32;
  if (pairs >= 2) {
    for (; b < main; b += 64, a += 8) {
      let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
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
      b0 = v128.load(b, 32); b1 = v128.load(b, 48); x = v128.load32_splat(a, 4);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
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
  if (b < end) {
    let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load32_splat(a);
    c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
    x = v128.load32_splat(a + r1);
    c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x, b0)); c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x, b1));
    x = v128.load32_splat(a + r2);
    c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x, b0)); c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x, b1));
    x = v128.load32_splat(a + r3);
    c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x, b0)); c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x, b1));
    x = v128.load32_splat(a + r4);
    c40 = i32x4.add(c40, i32x4.dot_i16x8_s(x, b0)); c41 = i32x4.add(c41, i32x4.dot_i16x8_s(x, b1));
  }
  integer_finish(y, c00, c01, epilogue, column, row, mode, columns);
  if (rows > 1) integer_finish(y + ldy, c10, c11, epilogue, column, row, mode, columns);
  if (rows > 2) integer_finish(y + 2 * ldy, c20, c21, epilogue, column, row, mode, columns);
  if (rows > 3) integer_finish(y + 3 * ldy, c30, c31, epilogue, column, row, mode, columns);
  if (rows > 4) integer_finish(y + 4 * ldy, c40, c41, epilogue, column, row, mode, columns);
}
