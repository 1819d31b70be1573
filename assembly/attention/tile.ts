// The product inside attention.ts: one panel of eight columns against many rows, without the choices of gemm-tile.ts.
// With the 64 steps of k that a head has, what a tile costs besides its multiplications would be a fifth of it.
import { panel_rows_5x8, panel_rows_6x8 } from "../generated/attention-tiles";
import { MR } from "../lib/tile";

/**
 * c[rows, 8] = a[rows, k] · b[k, 8], or added to c. `rows` is rounded up to a multiple of MR, and so many rows are read
 * and written. `lda` and `ldc` are in bytes.
 */
// @ts-ignore: decorator
@inline
export function panel_rows(a: usize, lda: i32, b: usize, k: i32, c: usize, ldc: i32, rows: i32, add: bool): void {
  if (MR == 5) panel_rows_5x8(a, lda, b, k, c, ldc, rows, add);
  else panel_rows_6x8(a, lda, b, k, c, ldc, rows, add);
}
