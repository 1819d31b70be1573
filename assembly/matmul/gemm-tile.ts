// The loop over the register tiles of every matrix product. The tiles are written by scripts/tiles.ts.
//
// How to call: pack B once (gemm_pack_f32, or any code that writes the same layout: panels of NR columns, each k × NR
// floats, row after row, columns past n zero), then
//
//   gemm_panels(a, lda, b, panelStride, k, c, ldc, rows, n, mode, bias, residual, ldr, act, alpha, beta)
//
// computes C[rows, n] from A[rows, k], rows contiguous. `lda`, `ldc`, `ldr` and `panelStride` (from one panel of B to
// the next; k·NR·4 when all of k is used at once) are in bytes. `mode` says what happens to the products: TILE_STORE
// overwrites C, TILE_ADD adds to what C holds (a later block of k). Bias, residual and activation (any UNARY_* code)
// are applied before the store; 0 is "none". A caller that blocks k gives bias and activation with its last block and
// the residual with the first, so that C itself may be the residual. Nothing outside A's and C's rows is touched.
//
// An element's sum runs over k in ascending order in every tile, so bits do not depend on how rows are cut into tiles.
import { UNARY_LEAKY_RELU, UNARY_NONE, UNARY_RELU } from "../abi/codes";
import { unary_f32 } from "../elementwise/unary";
import { tiles_4x8, tiles_5x8, tiles_6x8 } from "../generated/gemm-tiles";
import { MR, NR } from "../lib/tile";

/**
 * See the top of this file. A panel of B stays in the first-level cache while all rows pass by; give as many rows as
 * the second-level cache holds, or only MR when it is rather a block of B that should stay there.
 */
export function gemm_panels(
  a: usize, lda: i32, b: usize, panelStride: i32, k: i32, c: usize, ldc: i32, rows: i32, n: i32, mode: i32, bias: usize,
  residual: usize, ldr: i32, act: i32, alpha: f32, beta: f32,
): void {
  // RELU, CLIP and LEAKY_RELU happen in registers at the store; other functions over rows that are still in a near
  // cache.
  let low = alpha, high = beta, later = UNARY_NONE;
  if (act == UNARY_RELU) {
    low = 0;
    high = <f32>Infinity;
  } else if (act > UNARY_LEAKY_RELU) {
    later = act;
    act = UNARY_NONE;
  }
  // Tiles of MR rows cost nearly as much for fewer rows: as many as possible of the rest's tiles are of 4.
  let count = (rows + MR - 1) / MR, tall = min(max(count - (count * MR - rows) / (MR - 4), 0) * MR, rows);
  let rest = rows - tall;
  let restA = a + tall * lda, restC = tall * ldc, restResidual = tall * ldr;
  for (let j = 0; j < n; j += NR) {
    let ci = c + (j << 2), biasj = bias ? bias + (j << 2) : 0, residualj = residual ? residual + (j << 2) : 0;
    let ahead = j + NR < n ? b + panelStride : b;
    if (tall) {
      if (MR == 5) tiles_5x8(a, lda, b, k, ci, ldc, tall, n - j, mode, biasj, residualj, ldr, act, low, high, ahead);
      else tiles_6x8(a, lda, b, k, ci, ldc, tall, n - j, mode, biasj, residualj, ldr, act, low, high, ahead);
      ahead = b;
    }
    if (rest) tiles_4x8(
      restA, lda, b, k, ci + restC, ldc, rest, n - j, mode, biasj, residualj ? residualj + restResidual : 0, ldr, act,
      low, high, ahead,
    );
    b += panelStride;
  }
  if (later != UNARY_NONE) {
    for (let i = 0; i < rows; i++) unary_f32(later, c + i * ldc, c + i * ldc, n, alpha, beta);
  }
}
