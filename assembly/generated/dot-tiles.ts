// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.
import { dot_bytes } from "../lib/dot-bytes";
import { INTEGER_BYTES } from "../abi/codes";
import { INR, integer_bytes, store_row } from "../lib/epilogue";

/**
 * A panel of columns for `left` pixels, 1 at a time: each is the segments at `base` plus its place plus `segs`, of
 * `bytes` bytes of B. There are places beyond the last pixel, up to a multiple of 1.
 */
export function q8_dot_1x8(
  base: usize, places: usize, segs: usize, segsEnd: usize, b: usize, bytes: i32, epilogue: usize, column: usize,
  row: usize, mode: i32, y: usize, ldy: i32, left: i32, columns: i32,
): void {
  let whole = mode == INTEGER_BYTES && columns >= INR;
  for (; left > 0; left -= 1, places += 4, y += ldy) {
    let first = load<i32>(places);
    // An epilogue's column begins with the bias.
    let c00 = v128.load(column), c01 = v128.load(column, 16);
    let p = b, from = base + first;
    for (let seg = segs; seg < segsEnd; seg += 4) {
      let a = from + load<i32>(seg), end = p + bytes;
      for (let main = end - 32; p < main; p += 64, a += 8) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = dot_bytes(b0, x, c00); c01 = dot_bytes(b1, x, c01);
        b0 = v128.load(p, 32); b1 = v128.load(p, 48); x = v128.load32_splat(a, 4);
        c00 = dot_bytes(b0, x, c00); c01 = dot_bytes(b1, x, c01);
      }
      if (p < end) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = dot_bytes(b0, x, c00); c01 = dot_bytes(b1, x, c01);
        p += 32;
      }
    }
    if (whole) {
      v128.store64_lane(y, integer_bytes(c00, c01, epilogue, column, row), 0);
    } else {
      store_row(y, c00, c01, epilogue, column, row, mode, columns);
    }
  }
}

/**
 * A panel of columns for `left` pixels, 5 at a time: each is the segments at `base` plus its place plus `segs`, of
 * `bytes` bytes of B. There are places beyond the last pixel, up to a multiple of 5.
 */
export function q8_dot_5x8(
  base: usize, places: usize, segs: usize, segsEnd: usize, b: usize, bytes: i32, epilogue: usize, column: usize,
  row: usize, mode: i32, y: usize, ldy: i32, left: i32, columns: i32,
): void {
  let whole = mode == INTEGER_BYTES && columns >= INR;
  for (; left > 0; left -= 5, places += 20, y += 5 * ldy) {
    let first = load<i32>(places);
    let r1 = load<i32>(places, 4) - first;
    let r2 = load<i32>(places, 8) - first;
    let r3 = load<i32>(places, 12) - first;
    let r4 = load<i32>(places, 16) - first;
    // An epilogue's column begins with the bias.
    let c00 = v128.load(column), c01 = v128.load(column, 16);
    let c10 = c00, c11 = c01;
    let c20 = c00, c21 = c01;
    let c30 = c00, c31 = c01;
    let c40 = c00, c41 = c01;
    let p = b, from = base + first;
    for (let seg = segs; seg < segsEnd; seg += 4) {
      let a = from + load<i32>(seg), end = p + bytes;
      for (let main = end - 32; p < main; p += 64, a += 8) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = dot_bytes(b0, x, c00); c01 = dot_bytes(b1, x, c01);
        x = v128.load32_splat(a + r1);
        c10 = dot_bytes(b0, x, c10); c11 = dot_bytes(b1, x, c11);
        if (p == 1) break;
        x = v128.load32_splat(a + r2);
        c20 = dot_bytes(b0, x, c20); c21 = dot_bytes(b1, x, c21);
        x = v128.load32_splat(a + r3);
        c30 = dot_bytes(b0, x, c30); c31 = dot_bytes(b1, x, c31);
        if (p == 2) break;
        x = v128.load32_splat(a + r4);
        c40 = dot_bytes(b0, x, c40); c41 = dot_bytes(b1, x, c41);
        if (p == 3) break;
        b0 = v128.load(p, 32); b1 = v128.load(p, 48); x = v128.load32_splat(a, 4);
        c00 = dot_bytes(b0, x, c00); c01 = dot_bytes(b1, x, c01);
        x = v128.load32_splat(a + r1, 4);
        c10 = dot_bytes(b0, x, c10); c11 = dot_bytes(b1, x, c11);
        if (p == 4) break;
        x = v128.load32_splat(a + r2, 4);
        c20 = dot_bytes(b0, x, c20); c21 = dot_bytes(b1, x, c21);
        x = v128.load32_splat(a + r3, 4);
        c30 = dot_bytes(b0, x, c30); c31 = dot_bytes(b1, x, c31);
        if (p == 5) break;
        x = v128.load32_splat(a + r4, 4);
        c40 = dot_bytes(b0, x, c40); c41 = dot_bytes(b1, x, c41);
      }
      if (p < end) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = dot_bytes(b0, x, c00); c01 = dot_bytes(b1, x, c01);
        x = v128.load32_splat(a + r1);
        c10 = dot_bytes(b0, x, c10); c11 = dot_bytes(b1, x, c11);
        x = v128.load32_splat(a + r2);
        c20 = dot_bytes(b0, x, c20); c21 = dot_bytes(b1, x, c21);
        x = v128.load32_splat(a + r3);
        c30 = dot_bytes(b0, x, c30); c31 = dot_bytes(b1, x, c31);
        x = v128.load32_splat(a + r4);
        c40 = dot_bytes(b0, x, c40); c41 = dot_bytes(b1, x, c41);
        p += 32;
      }
    }
    if (whole) {
      v128.store64_lane(y, integer_bytes(c00, c01, epilogue, column, row), 0);
      if (left > 1) v128.store64_lane(y + ldy, integer_bytes(c10, c11, epilogue, column, row), 0);
      if (left > 2) v128.store64_lane(y + 2 * ldy, integer_bytes(c20, c21, epilogue, column, row), 0);
      if (left > 3) v128.store64_lane(y + 3 * ldy, integer_bytes(c30, c31, epilogue, column, row), 0);
      if (left > 4) v128.store64_lane(y + 4 * ldy, integer_bytes(c40, c41, epilogue, column, row), 0);
    } else {
      store_row(y, c00, c01, epilogue, column, row, mode, columns);
      if (left > 1) store_row(y + ldy, c10, c11, epilogue, column, row, mode, columns);
      if (left > 2) store_row(y + 2 * ldy, c20, c21, epilogue, column, row, mode, columns);
      if (left > 3) store_row(y + 3 * ldy, c30, c31, epilogue, column, row, mode, columns);
      if (left > 4) store_row(y + 4 * ldy, c40, c41, epilogue, column, row, mode, columns);
    }
  }
}
