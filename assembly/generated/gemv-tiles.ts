// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.
import { madd, store_some } from "../lib/simd";
import { add_to, lanes, NR } from "../lib/tile";

/**
 * One row times four panels: four streams reach the memory's full rate where one gets three quarters of it, and one
 * splat of A serves eight vectors.
 */
export function row_by_four_panels(
  a: usize, b: usize, stride: i32, k: i32, c: usize, columns: i32,
): void {
  // Panels past the last repeat it.
  let b1 = columns > NR ? b + stride : b, b2 = columns > 2 * NR ? b1 + stride : b1;
  let b3 = columns > 3 * NR ? b2 + stride : b2;
  let end = a + (k << 2);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  while (a < end) {
    let x = v128.load32_splat(a);
    s0 = madd(x, v128.load(b), s0);
    s1 = madd(x, v128.load(b, 16), s1);
    s2 = madd(x, v128.load(b1), s2);
    s3 = madd(x, v128.load(b1, 16), s3);
    if (a == 1) break;
    s4 = madd(x, v128.load(b2), s4);
    s5 = madd(x, v128.load(b2, 16), s5);
    s6 = madd(x, v128.load(b3), s6);
    s7 = madd(x, v128.load(b3, 16), s7);
    if (a == end - 4) break;
    x = v128.load32_splat(a, 4);
    s0 = madd(x, v128.load(b, 32), s0);
    s1 = madd(x, v128.load(b, 48), s1);
    s2 = madd(x, v128.load(b1, 32), s2);
    s3 = madd(x, v128.load(b1, 48), s3);
    if (a == 2) break;
    s4 = madd(x, v128.load(b2, 32), s4);
    s5 = madd(x, v128.load(b2, 48), s5);
    s6 = madd(x, v128.load(b3, 32), s6);
    s7 = madd(x, v128.load(b3, 48), s7);
    if (a == end - 8) break;
    x = v128.load32_splat(a, 8);
    s0 = madd(x, v128.load(b, 64), s0);
    s1 = madd(x, v128.load(b, 80), s1);
    s2 = madd(x, v128.load(b1, 64), s2);
    s3 = madd(x, v128.load(b1, 80), s3);
    if (a == 3) break;
    s4 = madd(x, v128.load(b2, 64), s4);
    s5 = madd(x, v128.load(b2, 80), s5);
    s6 = madd(x, v128.load(b3, 64), s6);
    s7 = madd(x, v128.load(b3, 80), s7);
    if (a == end - 12) break;
    x = v128.load32_splat(a, 12);
    s0 = madd(x, v128.load(b, 96), s0);
    s1 = madd(x, v128.load(b, 112), s1);
    s2 = madd(x, v128.load(b1, 96), s2);
    s3 = madd(x, v128.load(b1, 112), s3);
    if (a == 4) break;
    s4 = madd(x, v128.load(b2, 96), s4);
    s5 = madd(x, v128.load(b2, 112), s5);
    s6 = madd(x, v128.load(b3, 96), s6);
    s7 = madd(x, v128.load(b3, 112), s7);
    a += 16;
    b += 128;
    b1 += 128;
    b2 += 128;
    b3 += 128;
  }
  add_to(c, s0, columns);
  add_to(c + 16, s1, columns - 4);
  add_to(c + 32, s2, columns - 8);
  add_to(c + 48, s3, columns - 12);
  add_to(c + 64, s4, columns - 16);
  add_to(c + 80, s5, columns - 20);
  add_to(c + 96, s6, columns - 24);
  add_to(c + 112, s7, columns - 28);
}

/**
 * c[32] += a[k] · b[k, 32] for a k that is a multiple of 8. A matrix of such panels is a single stream, which comes
 * from the second-level cache faster than four narrow panels side by side; from memory it is the other way round. Sums
 * run as in row_by_four_panels.
 */
export function row_by_wide_panel(
  a: usize, b: usize, k: i32, c: usize,
): void {
  let end = a + (k << 2);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  while (a < end) {
    let x = v128.load32_splat(a);
    s0 = madd(x, v128.load(b), s0);
    s1 = madd(x, v128.load(b, 16), s1);
    s2 = madd(x, v128.load(b, 32), s2);
    s3 = madd(x, v128.load(b, 48), s3);
    if (a == 1) break;
    s4 = madd(x, v128.load(b, 64), s4);
    s5 = madd(x, v128.load(b, 80), s5);
    s6 = madd(x, v128.load(b, 96), s6);
    s7 = madd(x, v128.load(b, 112), s7);
    if (a == 2) break;
    x = v128.load32_splat(a, 4);
    s0 = madd(x, v128.load(b, 128), s0);
    s1 = madd(x, v128.load(b, 144), s1);
    s2 = madd(x, v128.load(b, 160), s2);
    s3 = madd(x, v128.load(b, 176), s3);
    if (a == 3) break;
    s4 = madd(x, v128.load(b, 192), s4);
    s5 = madd(x, v128.load(b, 208), s5);
    s6 = madd(x, v128.load(b, 224), s6);
    s7 = madd(x, v128.load(b, 240), s7);
    if (a == 4) break;
    x = v128.load32_splat(a, 8);
    s0 = madd(x, v128.load(b, 256), s0);
    s1 = madd(x, v128.load(b, 272), s1);
    s2 = madd(x, v128.load(b, 288), s2);
    s3 = madd(x, v128.load(b, 304), s3);
    if (a == 5) break;
    s4 = madd(x, v128.load(b, 320), s4);
    s5 = madd(x, v128.load(b, 336), s5);
    s6 = madd(x, v128.load(b, 352), s6);
    s7 = madd(x, v128.load(b, 368), s7);
    if (a == 6) break;
    x = v128.load32_splat(a, 12);
    s0 = madd(x, v128.load(b, 384), s0);
    s1 = madd(x, v128.load(b, 400), s1);
    s2 = madd(x, v128.load(b, 416), s2);
    s3 = madd(x, v128.load(b, 432), s3);
    if (a == 7) break;
    s4 = madd(x, v128.load(b, 448), s4);
    s5 = madd(x, v128.load(b, 464), s5);
    s6 = madd(x, v128.load(b, 480), s6);
    s7 = madd(x, v128.load(b, 496), s7);
    if (a == 8) break;
    x = v128.load32_splat(a, 16);
    s0 = madd(x, v128.load(b, 512), s0);
    s1 = madd(x, v128.load(b, 528), s1);
    s2 = madd(x, v128.load(b, 544), s2);
    s3 = madd(x, v128.load(b, 560), s3);
    if (a == 9) break;
    s4 = madd(x, v128.load(b, 576), s4);
    s5 = madd(x, v128.load(b, 592), s5);
    s6 = madd(x, v128.load(b, 608), s6);
    s7 = madd(x, v128.load(b, 624), s7);
    if (a == 10) break;
    x = v128.load32_splat(a, 20);
    s0 = madd(x, v128.load(b, 640), s0);
    s1 = madd(x, v128.load(b, 656), s1);
    s2 = madd(x, v128.load(b, 672), s2);
    s3 = madd(x, v128.load(b, 688), s3);
    if (a == 11) break;
    s4 = madd(x, v128.load(b, 704), s4);
    s5 = madd(x, v128.load(b, 720), s5);
    s6 = madd(x, v128.load(b, 736), s6);
    s7 = madd(x, v128.load(b, 752), s7);
    if (a == 12) break;
    x = v128.load32_splat(a, 24);
    s0 = madd(x, v128.load(b, 768), s0);
    s1 = madd(x, v128.load(b, 784), s1);
    s2 = madd(x, v128.load(b, 800), s2);
    s3 = madd(x, v128.load(b, 816), s3);
    if (a == 13) break;
    s4 = madd(x, v128.load(b, 832), s4);
    s5 = madd(x, v128.load(b, 848), s5);
    s6 = madd(x, v128.load(b, 864), s6);
    s7 = madd(x, v128.load(b, 880), s7);
    if (a == 14) break;
    x = v128.load32_splat(a, 28);
    s0 = madd(x, v128.load(b, 896), s0);
    s1 = madd(x, v128.load(b, 912), s1);
    s2 = madd(x, v128.load(b, 928), s2);
    s3 = madd(x, v128.load(b, 944), s3);
    if (a == 15) break;
    s4 = madd(x, v128.load(b, 960), s4);
    s5 = madd(x, v128.load(b, 976), s5);
    s6 = madd(x, v128.load(b, 992), s6);
    s7 = madd(x, v128.load(b, 1008), s7);
    a += 32;
    b += 1024;
  }
  v128.store(c, f32x4.add(v128.load(c), s0));
  v128.store(c, f32x4.add(v128.load(c, 16), s1), 16);
  v128.store(c, f32x4.add(v128.load(c, 32), s2), 32);
  v128.store(c, f32x4.add(v128.load(c, 48), s3), 48);
  v128.store(c, f32x4.add(v128.load(c, 64), s4), 64);
  v128.store(c, f32x4.add(v128.load(c, 80), s5), 80);
  v128.store(c, f32x4.add(v128.load(c, 96), s6), 96);
  v128.store(c, f32x4.add(v128.load(c, 112), s7), 112);
}

/**
 * row[left] += Σ a[i] · b[i] over eight rows of B, `step` bytes apart from `q` on, and eight elements of A at `x`.
 */
// @ts-ignore: decorator
@inline
export function add_eight_rows(
  x: usize, q: usize, step: i32, row: usize, left: i32,
): void {
  let x0 = v128.load32_splat(x);
  let x1 = v128.load32_splat(x, 4);
  let x2 = v128.load32_splat(x, 8);
  let x3 = v128.load32_splat(x, 12);
  let x4 = v128.load32_splat(x, 16);
  let x5 = v128.load32_splat(x, 20);
  let x6 = v128.load32_splat(x, 24);
  let x7 = v128.load32_splat(x, 28);
  for (; left >= 16; left -= 16) {
    let r = q;
    let s0 = madd(x0, v128.load(r), v128.load(row));
    let s1 = madd(x0, v128.load(r, 16), v128.load(row, 16));
    let s2 = madd(x0, v128.load(r, 32), v128.load(row, 32));
    let s3 = madd(x0, v128.load(r, 48), v128.load(row, 48));
    r = r + step;
    s0 = madd(x1, v128.load(r), s0);
    s1 = madd(x1, v128.load(r, 16), s1);
    s2 = madd(x1, v128.load(r, 32), s2);
    s3 = madd(x1, v128.load(r, 48), s3);
    if (row == 1) break;
    r = r + step;
    s0 = madd(x2, v128.load(r), s0);
    s1 = madd(x2, v128.load(r, 16), s1);
    s2 = madd(x2, v128.load(r, 32), s2);
    s3 = madd(x2, v128.load(r, 48), s3);
    r = r + step;
    s0 = madd(x3, v128.load(r), s0);
    s1 = madd(x3, v128.load(r, 16), s1);
    s2 = madd(x3, v128.load(r, 32), s2);
    s3 = madd(x3, v128.load(r, 48), s3);
    if (row == 3) break;
    r = r + step;
    s0 = madd(x4, v128.load(r), s0);
    s1 = madd(x4, v128.load(r, 16), s1);
    s2 = madd(x4, v128.load(r, 32), s2);
    s3 = madd(x4, v128.load(r, 48), s3);
    r = r + step;
    s0 = madd(x5, v128.load(r), s0);
    s1 = madd(x5, v128.load(r, 16), s1);
    s2 = madd(x5, v128.load(r, 32), s2);
    s3 = madd(x5, v128.load(r, 48), s3);
    if (row == 5) break;
    r = r + step;
    s0 = madd(x6, v128.load(r), s0);
    s1 = madd(x6, v128.load(r, 16), s1);
    s2 = madd(x6, v128.load(r, 32), s2);
    s3 = madd(x6, v128.load(r, 48), s3);
    r = r + step;
    s0 = madd(x7, v128.load(r), s0);
    s1 = madd(x7, v128.load(r, 16), s1);
    s2 = madd(x7, v128.load(r, 32), s2);
    s3 = madd(x7, v128.load(r, 48), s3);
    v128.store(row, s0);
    v128.store(row, s1, 16);
    v128.store(row, s2, 32);
    v128.store(row, s3, 48);
    row += 64;
    q += 64;
  }
  for (; left > 0; left -= 4) {
    let count = min(left, 4), r = q, s = madd(x0, lanes(r, count), lanes(row, count));
    r += step;
    s = madd(x1, lanes(r, count), s);
    r += step;
    s = madd(x2, lanes(r, count), s);
    r += step;
    s = madd(x3, lanes(r, count), s);
    r += step;
    s = madd(x4, lanes(r, count), s);
    r += step;
    s = madd(x5, lanes(r, count), s);
    r += step;
    s = madd(x6, lanes(r, count), s);
    r += step;
    s = madd(x7, lanes(r, count), s);
    if (count == 4) v128.store(row, s);
    else store_some(row, s, count);
    row += 16;
    q += 16;
  }
}
