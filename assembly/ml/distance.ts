// Distances between the rows of two tables.
import { load_some, madd, store_some } from "../lib/simd";

/**
 * y [m, n] = squared Euclidean distances of the rows of a [m, k] from the columns of b [k, n]. Summed as they are:
 * |a|² − 2ab + |b|² would cancel.
 */
export function squared_distances_f32(a: usize, b: usize, y: usize, m: i32, n: i32, k: i32): void {
  const step = <usize>n << 2;
  for (; m > 0; m--) {
    let left = n;
    let columns = b;
    for (; left >= 16; left -= 16) {
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
      let at = columns;
      for (let i = 0; i < k; i++) {
        const value = v128.load32_splat(a + (<usize>i << 2));
        const d0 = f32x4.sub(value, v128.load(at));
        const d1 = f32x4.sub(value, v128.load(at, 16));
        const d2 = f32x4.sub(value, v128.load(at, 32));
        const d3 = f32x4.sub(value, v128.load(at, 48));
        s0 = madd(d0, d0, s0);
        s1 = madd(d1, d1, s1);
        s2 = madd(d2, d2, s2);
        s3 = madd(d3, d3, s3);
        at += step;
      }
      v128.store(y, s0);
      v128.store(y, s1, 16);
      v128.store(y, s2, 32);
      v128.store(y, s3, 48);
      y += 64;
      columns += 64;
    }
    for (; left > 0; left -= 4) {
      let sum = f32x4.splat(0);
      for (let i = 0; i < k; i++) {
        const d = f32x4.sub(v128.load32_splat(a + (<usize>i << 2)), load_some(columns + <usize>i * step, left));
        sum = madd(d, d, sum);
      }
      store_some(y, sum, left);
      y += <usize>min(left, 4) << 2;
      columns += 16;
    }
    a += <usize>k << 2;
  }
}
