// Distances between the rows of two tables.
import { load_some, madd, sum_lanes } from "../lib/simd";

/**
 * y [m, n] = squared Euclidean distances of the rows of a [m, k] from those of b [n, k]. Summed as they are: |a|² − 2ab
 * + |b|² would cancel.
 */
export function squared_distances_f32(a: usize, b: usize, y: usize, m: i32, n: i32, k: i32): void {
  const width = <usize>k << 2;
  for (; m > 0; m--) {
    let row = b;
    for (let j = 0; j < n; j++) {
      let sum = f32x4.splat(0);
      for (let i = 0; i < k; i += 4) {
        const at = <usize>i << 2;
        const difference = f32x4.sub(load_some(a + at, k - i), load_some(row + at, k - i));
        sum = madd(difference, difference, sum);
      }
      store<f32>(y, sum_lanes(sum));
      y += 4;
      row += width;
    }
    a += width;
  }
}
