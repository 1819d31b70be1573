// The register tile of convolutions whose kernel rows are short: first layers of one to four channels. As in
// gemm-tile.ts MR pixels by NR filters, but its left side is read from where the rows of taps lie, one after the other,
// so that nothing is gathered and all kernel rows are summed in registers. One call covers a row of the output with a
// panel of filters.
import { UNARY_RELU } from "../abi/codes";
import { row_panel_5x8, row_panel_6x8 } from "../generated/direct-tiles";
import { MR, NR } from "../lib/tile";

/**
 * One row of y from the `kh` rows whose addresses stand at `rows`; pixels are `step` bytes apart in them, and each sees
 * `run` elements of every row. Filters as from conv_pack_f32. `act` must be one that is applied in registers
 * (UNARY_LEAKY_RELU or less); distances in bytes.
 */
export function row_tiles(
  rows: usize, step: i32, b: usize, kh: i32, run: i32, c: usize, ldc: i32, pixels: i32, n: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, alpha: f32, beta: f32,
): void {
  let low: f32 = act == UNARY_RELU ? 0 : alpha, high = act == UNARY_RELU ? <f32>Infinity : beta;
  for (let j = 0; j < n; j += NR) {
    if (MR == 5) row_panel_5x8(rows, step, b, kh, run << 5, c, ldc, pixels, n - j, bias, residual, ldr, act, low, high);
    else row_panel_6x8(rows, step, b, kh, run << 5, c, ldc, pixels, n - j, bias, residual, ldr, act, low, high);
    b += <usize>(kh * run) << 5;
    c += NR << 2;
    if (bias) bias += NR << 2;
    if (residual) residual += NR << 2;
  }
}
