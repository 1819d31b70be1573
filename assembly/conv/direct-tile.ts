// The register tile of convolutions whose kernel rows are short: first layers of one to four channels. As in
// gemm-tile.ts MR pixels by NR filters, but its left side is read from where the rows of taps lie, one after the other,
// so that nothing is gathered and all kernel rows are summed in registers. One call covers a row of the output with a
// panel of filters.
import { UNARY_RELU } from "../abi/codes";
import { finish_full, finish_lanes, load_bias, MR, NR, TILE_STORE } from "../matmul/gemm-tile";
import { madd } from "../lib/simd";

/**
 * One row of y from the `kh` rows whose addresses stand at `rows`; pixels are `step` bytes apart in them, and each sees
 * `run` elements of every row. Filters as from conv_pack_f32. `act` must be one that is applied in registers
 * (UNARY_LEAKY_RELU or less); distances in bytes.
 */
export function row_tiles(
  rows: usize, step: i32, b: usize, kh: i32, run: i32, c: usize, ldc: i32, pixels: i32, n: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, alpha: f32, beta: f32,
): void {
  for (let j = 0; j < n; j += NR) {
    panel(
      rows, step, b, kh, run << 5, c, ldc, pixels, n - j, bias, residual, ldr, act, act == UNARY_RELU ? 0 : alpha,
      act == UNARY_RELU ? <f32>Infinity : beta,
    );
    b += <usize>(kh * run) << 5;
    c += NR << 2;
    if (bias) bias += NR << 2;
    if (residual) residual += NR << 2;
  }
}

/**
 * The exits inside a step are never taken (see gemm-tile.ts). Pixels past the last one repeat it and are not stored.
 */
function panel(
  rows: usize, step: i32, b: usize, kh: i32, runBytes: i32, c: usize, ldc: i32, left: i32, columns: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, low: f32, high: f32,
): void {
  let offset: usize = 0, rowsEnd = rows + (kh << 2);
  for (; left > 0; left -= MR) {
    let last = (left - 1) * step;
    let r1 = min(step, last), r2 = min(2 * step, last), r3 = min(3 * step, last), r4 = min(4 * step, last);
    let r5 = min(5 * step, last);
    let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00, c40 = c00;
    let c41 = c00, c50 = c00, c51 = c00;
    let p = b;
    for (let row = rows; row < rowsEnd; row += 4) {
      let a = load<usize>(row) + offset;
      let end = p + runBytes;
      for (let main = end - 96; p < main; p += 128, a += 16) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 1) break;
        x = v128.load32_splat(a + r2); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 2) break;
        x = v128.load32_splat(a + r4); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (MR > 5) { x = v128.load32_splat(a + r5); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (p == 3) break;
        b0 = v128.load(p, 32); b1 = v128.load(p, 48); x = v128.load32_splat(a, 4);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1, 4); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 4) break;
        x = v128.load32_splat(a + r2, 4); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3, 4); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 5) break;
        x = v128.load32_splat(a + r4, 4); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (MR > 5) { x = v128.load32_splat(a + r5, 4); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (p == 6) break;
        b0 = v128.load(p, 64); b1 = v128.load(p, 80); x = v128.load32_splat(a, 8);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1, 8); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 7) break;
        x = v128.load32_splat(a + r2, 8); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3, 8); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 8) break;
        x = v128.load32_splat(a + r4, 8); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (MR > 5) { x = v128.load32_splat(a + r5, 8); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
        if (p == 9) break;
        b0 = v128.load(p, 96); b1 = v128.load(p, 112); x = v128.load32_splat(a, 12);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1, 12); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 10) break;
        x = v128.load32_splat(a + r2, 12); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3, 12); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 11) break;
        x = v128.load32_splat(a + r4, 12); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (MR > 5) { x = v128.load32_splat(a + r5, 12); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
      }
      for (; p < end; p += 32, a += 4) {
        let b0 = v128.load(p), b1 = v128.load(p, 16), x = v128.load32_splat(a);
        c00 = madd(x, b0, c00); c01 = madd(x, b1, c01);
        x = v128.load32_splat(a + r1); c10 = madd(x, b0, c10); c11 = madd(x, b1, c11);
        if (p == 1) break;
        x = v128.load32_splat(a + r2); c20 = madd(x, b0, c20); c21 = madd(x, b1, c21);
        x = v128.load32_splat(a + r3); c30 = madd(x, b0, c30); c31 = madd(x, b1, c31);
        if (p == 2) break;
        x = v128.load32_splat(a + r4); c40 = madd(x, b0, c40); c41 = madd(x, b1, c41);
        if (MR > 5) { x = v128.load32_splat(a + r5); c50 = madd(x, b0, c50); c51 = madd(x, b1, c51); }
      }
    }
    let vlow = f32x4.splat(low), vhigh = f32x4.splat(high), b0 = load_bias(bias, columns);
    let b1 = load_bias(bias + 16, bias ? columns - 4 : 0);
    if (columns >= NR) {
      finish_full(c, c00, c01, TILE_STORE, b0, b1, residual, act, vlow, vhigh);
      if (left > 1) finish_full(c + ldc, c10, c11, TILE_STORE, b0, b1, residual ? residual + ldr : 0, act, vlow, vhigh);
      if (left > 2) finish_full(
        c + 2 * ldc, c20, c21, TILE_STORE, b0, b1, residual ? residual + 2 * ldr : 0, act, vlow, vhigh,
      );
      if (left > 3) finish_full(
        c + 3 * ldc, c30, c31, TILE_STORE, b0, b1, residual ? residual + 3 * ldr : 0, act, vlow, vhigh,
      );
      if (left > 4) finish_full(
        c + 4 * ldc, c40, c41, TILE_STORE, b0, b1, residual ? residual + 4 * ldr : 0, act, vlow, vhigh,
      );
      if (MR > 5 && left > 5) finish_full(
        c + 5 * ldc, c50, c51, TILE_STORE, b0, b1, residual ? residual + 5 * ldr : 0, act, vlow, vhigh,
      );
    } else {
      let target = c, from = residual;
      for (let i = 0; i < min(left, MR); i++) {
        finish_lanes(target, c00, columns, TILE_STORE, b0, from, act, vlow, vhigh);
        if (columns > 4) finish_lanes(
          target + 16, c01, columns - 4, TILE_STORE, b1, from ? from + 16 : 0, act, vlow, vhigh,
        );
        target += ldc;
        if (from) from += ldr;
        c00 = c10; c01 = c11;
        c10 = c20; c11 = c21;
        c20 = c30; c21 = c31;
        c30 = c40; c31 = c41;
        if (MR > 5) { c40 = c50; c41 = c51; }
      }
    }
    offset += MR * step;
    c += MR * ldc;
    if (residual) residual += MR * ldr;
  }
}
