// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.
import { integer_finish } from "../lib/epilogue";

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

/** y[left, 8] of `left` rows, 5 at a time, by a panel of `pairs` pairs; rows of y are 512 bytes apart. */
export function q8_sums_5x8(
  a: usize, lda: i32, b: usize, pairs: i32, y: usize, left: i32,
): void {
  let end = b + (<usize>pairs << 5), main = end - 32;
  for (; left > 0; left -= 5, a += 5 * lda, y += 2560) {
    let last = (left - 1) * lda;
    let r1 = min(lda, last);
    let r2 = min(2 * lda, last);
    let r3 = min(3 * lda, last);
    let r4 = min(4 * lda, last);
    let c00 = i32x4.splat(0), c01 = c00;
    let c10 = c00, c11 = c00;
    let c20 = c00, c21 = c00;
    let c30 = c00, c31 = c00;
    let c40 = c00, c41 = c00;
    let p = b, q = a;
    if (pairs >= 2) {
      for (; p < main; p += 64, q += 8) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(q);
        c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
        x = v128.load32_splat(q + r1);
        c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x, b0)); c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x, b1));
        if (p == 1) break;
        x = v128.load32_splat(q + r2);
        c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x, b0)); c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x, b1));
        x = v128.load32_splat(q + r3);
        c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x, b0)); c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x, b1));
        if (p == 2) break;
        x = v128.load32_splat(q + r4);
        c40 = i32x4.add(c40, i32x4.dot_i16x8_s(x, b0)); c41 = i32x4.add(c41, i32x4.dot_i16x8_s(x, b1));
        if (p == 3) break;
        b0 = v128.load(p, 32); b1 = v128.load(p, 48); x = v128.load32_splat(q, 4);
        c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
        x = v128.load32_splat(q + r1, 4);
        c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x, b0)); c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x, b1));
        if (p == 4) break;
        x = v128.load32_splat(q + r2, 4);
        c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x, b0)); c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x, b1));
        x = v128.load32_splat(q + r3, 4);
        c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x, b0)); c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x, b1));
        if (p == 5) break;
        x = v128.load32_splat(q + r4, 4);
        c40 = i32x4.add(c40, i32x4.dot_i16x8_s(x, b0)); c41 = i32x4.add(c41, i32x4.dot_i16x8_s(x, b1));
      }
    }
    if (p < end) {
      let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(q);
      c00 = i32x4.add(c00, i32x4.dot_i16x8_s(x, b0)); c01 = i32x4.add(c01, i32x4.dot_i16x8_s(x, b1));
      x = v128.load32_splat(q + r1);
      c10 = i32x4.add(c10, i32x4.dot_i16x8_s(x, b0)); c11 = i32x4.add(c11, i32x4.dot_i16x8_s(x, b1));
      x = v128.load32_splat(q + r2);
      c20 = i32x4.add(c20, i32x4.dot_i16x8_s(x, b0)); c21 = i32x4.add(c21, i32x4.dot_i16x8_s(x, b1));
      x = v128.load32_splat(q + r3);
      c30 = i32x4.add(c30, i32x4.dot_i16x8_s(x, b0)); c31 = i32x4.add(c31, i32x4.dot_i16x8_s(x, b1));
      x = v128.load32_splat(q + r4);
      c40 = i32x4.add(c40, i32x4.dot_i16x8_s(x, b0)); c41 = i32x4.add(c41, i32x4.dot_i16x8_s(x, b1));
    }
    v128.store(y, c00, 0); v128.store(y, c01, 16);
    if (left > 1) {
      v128.store(y, c10, 512); v128.store(y, c11, 528);
    }
    if (left > 2) {
      v128.store(y, c20, 1024); v128.store(y, c21, 1040);
    }
    if (left > 3) {
      v128.store(y, c30, 1536); v128.store(y, c31, 1552);
    }
    if (left > 4) {
      v128.store(y, c40, 2048); v128.store(y, c41, 2064);
    }
  }
}
