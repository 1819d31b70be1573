// C[m, n] = act(A[m, k] · B[k, n] + bias[n] + residual[m, n]) for a few rows: every element of B is read once and used
// m times, so these kernels run at the speed of memory and are written for it: B in long streams that the prefetchers
// see, enough independent sums to hide the latency of an addition. The range [begin, end) is over the columns. The
// residual may be C itself.
import { UNARY_NONE } from "../abi/codes";
import { NR } from "./gemm-tile";
import { load_some, madd, store_some, sum_lanes } from "../lib/simd";
import { unary_f32 } from "../elementwise/unary";

/** C starts as the residual or as zeros: the sums are added to it. */
export function start(c: usize, ldc: i32, residual: usize, ldr: i32, m: i32, columns: i32): void {
  if (columns <= 0 || residual == c) return;
  for (let i = 0; i < m; i++) {
    if (residual) memory.copy(c + (i * ldc << 2), residual + (i * ldr << 2), columns << 2);
    else memory.fill(c + (i * ldc << 2), 0, columns << 2);
  }
}

export function finish(c: usize, ldc: i32, bias: usize, m: i32, columns: i32, act: i32, alpha: f32, beta: f32): void {
  for (let i = 0; i < m; i++) {
    let row = c + (i * ldc << 2);
    if (bias) {
      let j = 0;
      for (; j + 4 <= columns; j += 4) {
        let at = row + (j << 2);
        v128.store(at, f32x4.add(v128.load(at), v128.load(bias + (j << 2))));
      }
      for (; j < columns; j++) {
        let at = row + (j << 2);
        store<f32>(at, load<f32>(at) + load<f32>(bias + (j << 2)));
      }
    }
    if (act != UNARY_NONE) unary_f32(act, row, row, columns, alpha, beta);
  }
}

// @ts-ignore: decorator
@inline
function lanes(p: usize, count: i32): v128 {
  return count == 4 ? v128.load(p) : load_some(p, count);
}

/** C += sum in the first `columns` lanes. */
// @ts-ignore: decorator
@inline
function add_to(c: usize, sum: v128, columns: i32): void {
  if (columns >= 4) v128.store(c, f32x4.add(v128.load(c), sum));
  else if (columns > 0) store_some(c, f32x4.add(load_some(c, columns), sum), columns);
}

/**
 * One row times four panels: four streams reach the memory's full rate where one gets three quarters of it, and one
 * splat of A serves eight vectors. (The exits that are never taken, since `a` is an address, keep V8 from moving all
 * loads to the start; see gemm-tile.ts.)
 */
export function row_by_four_panels(a: usize, b: usize, stride: i32, k: i32, c: usize, columns: i32): void {
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

/** Columns of a wide panel. */
export const WIDE: i32 = 32;

/**
 * c[32] += a[k] · b[k, 32] for a k that is a multiple of 8. A matrix of such panels is a single stream, which comes
 * from the second-level cache faster than four narrow panels side by side; from memory it is the other way round. Sums
 * run as in row_by_four_panels.
 */
export function row_by_wide_panel(a: usize, b: usize, k: i32, c: usize): void {
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

/** Two rows times two panels. Every column is summed in the same order as by row_by_four_panels. */
function two_rows_by_two_panels(
  a: usize, lda: i32, b: usize, stride: i32, k: i32, c: usize, ldc: i32, columns: i32,
): void {
  let a1 = a + lda, b1 = columns > NR ? b + stride : b, end = a + (k << 2);
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  while (a < end) {
    let x = v128.load32_splat(a), y = v128.load32_splat(a1), v = v128.load(b);
    s0 = madd(x, v, s0);
    t0 = madd(y, v, t0);
    v = v128.load(b, 16);
    s1 = madd(x, v, s1);
    t1 = madd(y, v, t1);
    v = v128.load(b1);
    s2 = madd(x, v, s2);
    t2 = madd(y, v, t2);
    v = v128.load(b1, 16);
    s3 = madd(x, v, s3);
    t3 = madd(y, v, t3);
    a += 4;
    a1 += 4;
    b += 32;
    b1 += 32;
  }
  for (let i = 0; i < 2; i++) {
    add_to(c, s0, columns);
    add_to(c + 16, s1, columns - 4);
    add_to(c + 32, s2, columns - 8);
    add_to(c + 48, s3, columns - 12);
    c += ldc;
    s0 = t0;
    s1 = t1;
    s2 = t2;
    s3 = t3;
  }
}

/** B packed by gemm_pack_f32. `begin` is a multiple of 8. */
export function gemv_packed_f32(
  a: usize, lda: i32, packed: usize, bias: usize, residual: usize, ldr: i32, c: usize, ldc: i32, m: i32, k: i32,
  begin: i32, end: i32, act: i32, alpha: f32, beta: f32,
): void {
  let offset = begin << 2, columns = end - begin, stride = k << 5;
  c += offset;
  start(c, ldc, residual ? residual + offset : 0, ldr, m, columns);
  packed += <usize>begin * k << 2;
  for (let j = 0; j < columns; j += 4 * NR) {
    let i = 0;
    for (; i + 2 <= m; i += 2) {
      let row = a + (i * lda << 2), target = c + ((i * ldc + j) << 2), left = columns - j;
      two_rows_by_two_panels(row, lda << 2, packed, stride, k, target, ldc << 2, left);
      left -= 2 * NR;
      if (left > 0) {
        two_rows_by_two_panels(row, lda << 2, packed + 2 * stride, stride, k, target + 64, ldc << 2, left);
      }
    }
    if (i < m) {
      row_by_four_panels(a + (i * lda << 2), packed, stride, k, c + ((i * ldc + j) << 2), columns - j);
    }
    packed += 4 * stride;
  }
  finish(c, ldc, bias ? bias + offset : 0, m, columns, act, alpha, beta);
}

/** Columns of B taken at once, so that the second row of A finds eight rows of them in the first-level cache. */
const COLUMN_BLOCK: i32 = 512;

/** B[k, n] with contiguous rows `ldb` apart: eight rows of B are added to C in one pass, sixteen columns at a time. */
export function gemv_rows_f32(
  a: usize, lda: i32, b: usize, ldb: i32, bias: usize, residual: usize, ldr: i32, c: usize, ldc: i32, m: i32, k: i32,
  begin: i32, end: i32, act: i32, alpha: f32, beta: f32,
): void {
  let offset = begin << 2, columns = end - begin, step = ldb << 2, block = m > 1 ? COLUMN_BLOCK : columns;
  b += offset;
  c += offset;
  start(c, ldc, residual ? residual + offset : 0, ldr, m, columns);
  let p = 0;
  for (; p + 8 <= k; p += 8) {
    for (let j = 0; j < columns; j += block) {
      for (let i = 0; i < m; i++) {
        let x = a + ((i * lda + p) << 2);
        let x0 = v128.load32_splat(x), x1 = v128.load32_splat(x, 4), x2 = v128.load32_splat(x, 8);
        let x3 = v128.load32_splat(x, 12);
        let x4 = v128.load32_splat(x, 16), x5 = v128.load32_splat(x, 20), x6 = v128.load32_splat(x, 24);
        let x7 = v128.load32_splat(x, 28);
        let row = c + ((i * ldc + j) << 2), q = b + (j << 2), q4 = q + 4 * step, left = min(columns - j, block);
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
    }
    b += 8 * step;
  }
  for (; p < k; p++) {
    for (let i = 0; i < m; i++) {
      let x = v128.load32_splat(a + ((i * lda + p) << 2)), row = c + (i * ldc << 2), q = b, left = columns;
      for (; left >= 4; left -= 4) {
        v128.store(row, madd(x, v128.load(q), v128.load(row)));
        row += 16;
        q += 16;
      }
      if (left > 0) store_some(row, madd(x, load_some(q, left), load_some(row, left)), left);
    }
    b += step;
  }
  finish(c, ldc, bias ? bias + offset : 0, m, columns, act, alpha, beta);
}

/** B stored transposed, [n, k], with contiguous rows `ldb` apart: dot products, four at a time. */
export function gemv_transposed_f32(
  a: usize, lda: i32, b: usize, ldb: i32, bias: usize, residual: usize, ldr: i32, c: usize, ldc: i32, m: i32, k: i32,
  begin: i32, end: i32, act: i32, alpha: f32, beta: f32,
): void {
  let offset = begin << 2, columns = end - begin, step = ldb << 2, tail = k & 3;
  b += <usize>begin * step;
  c += offset;
  start(c, ldc, residual ? residual + offset : 0, ldr, m, columns);
  for (let j = 0; j < columns; j += 4) {
    let count = min(columns - j, 4);
    // Rows past the last repeat it, so that every column is summed in the same order.
    let step1 = count > 1 ? step : 0, step2 = count > 2 ? 2 * step : 0, step3 = count > 3 ? 3 * step : 0;
    for (let i = 0; i < m; i++) {
      let x = a + (i * lda << 2), q0 = b, q1 = b + step1, q2 = b + step2, q3 = b + step3, p = k;
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
      for (; p >= 8; p -= 8) {
        let x0 = v128.load(x);
        s0 = madd(x0, v128.load(q0), s0);
        s1 = madd(x0, v128.load(q1), s1);
        s2 = madd(x0, v128.load(q2), s2);
        s3 = madd(x0, v128.load(q3), s3);
        if (x == 1) break;
        x0 = v128.load(x, 16);
        t0 = madd(x0, v128.load(q0, 16), t0);
        t1 = madd(x0, v128.load(q1, 16), t1);
        t2 = madd(x0, v128.load(q2, 16), t2);
        t3 = madd(x0, v128.load(q3, 16), t3);
        x += 32;
        q0 += 32;
        q1 += 32;
        q2 += 32;
        q3 += 32;
      }
      if (p >= 4) {
        let x0 = v128.load(x);
        s0 = madd(x0, v128.load(q0), s0);
        s1 = madd(x0, v128.load(q1), s1);
        s2 = madd(x0, v128.load(q2), s2);
        s3 = madd(x0, v128.load(q3), s3);
        x += 16;
        q0 += 16;
        q1 += 16;
        q2 += 16;
        q3 += 16;
      }
      if (tail) {
        let x0 = load_some(x, tail);
        t0 = madd(x0, load_some(q0, tail), t0);
        t1 = madd(x0, load_some(q1, tail), t1);
        t2 = madd(x0, load_some(q2, tail), t2);
        t3 = madd(x0, load_some(q3, tail), t3);
      }
      let sums = f32x4.splat(sum_lanes(f32x4.add(s0, t0)));
      sums = f32x4.replace_lane(sums, 1, sum_lanes(f32x4.add(s1, t1)));
      sums = f32x4.replace_lane(sums, 2, sum_lanes(f32x4.add(s2, t2)));
      sums = f32x4.replace_lane(sums, 3, sum_lanes(f32x4.add(s3, t3)));
      add_to(c + ((i * ldc + j) << 2), sums, count);
    }
    b += 4 * step;
  }
  finish(c, ldc, bias ? bias + offset : 0, m, columns, act, alpha, beta);
}
