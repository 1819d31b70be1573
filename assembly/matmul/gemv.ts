// C[m, n] = act(A[m, k] · B[k, n] + bias[n] + residual[m, n]) for a few rows: every element of B is read once and used
// m times, so these kernels run at the speed of memory and are written for it: B in long streams that the prefetchers
// see, enough independent sums to hide the latency of an addition. The range [begin, end) is over the columns. The
// residual may be C itself.
import { UNARY_NONE } from "../abi/codes";
import { add_to, NR } from "../lib/tile";
import { load_some, madd, store_some, sum_lanes } from "../lib/simd";
import { unary_f32 } from "../elementwise/unary";
import { add_eight_rows, row_by_four_panels } from "../generated/gemv-tiles";

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

/** Columns of a wide panel. */
export const WIDE: i32 = 32;

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
        add_eight_rows(x, b + (j << 2), step, c + ((i * ldc + j) << 2), min(columns - j, block));
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
