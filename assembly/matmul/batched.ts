// Products of stacks of matrices: the loop over the stack around gemm.ts.
import { gemm_f32, gemm_pack_f32, gemm_packed_size, gemm_strided_a_f32 } from "./gemm";

/** Bytes of scratch for matmul_batched_f32: a packed B, and a strip of A if A's columns are not contiguous. */
export function matmul_batched_scratch_size(k: i32, n: i32, stripSize: i32): i32 {
  return <i32>gemm_packed_size(k, n) + stripSize;
}

/**
 * c[i] = act(a[i] · b[i] + bias) for the products [begin, end) of a stack. `table` holds, per product, the offsets of its a and its b in
 * elements (i32 pairs): broadcasting repeats an offset. Element (row, p) of an a is at row·aRow + p·aCol, of a b at p·bRow + j·bCol; the
 * products lie one behind the other in c, which is dense. A `b` that the product before also had is not packed again.
 */
export function matmul_batched_f32(
  a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, table: usize, c: usize, m: i32, k: i32, n: i32, begin: i32, end: i32,
  bias: usize, act: i32, alpha: f32, beta: f32, scratch: usize,
): void {
  const strip = scratch + gemm_packed_size(k, n);
  let packed = -1;
  for (let i = begin; i < end; i++) {
    const entry = table + (<usize>i << 3);
    const left = a + (<usize>load<u32>(entry) << 2);
    const right = load<i32>(entry, 4);
    const to = c + (<usize>i * m * n << 2);
    if (right != packed) {
      gemm_pack_f32(b + (<usize>right << 2), bRow, bCol, k, n, scratch);
      packed = right;
    }
    if (aCol == 1) gemm_f32(left, aRow, scratch, bias, 0, 0, to, n, k, n, 0, m, act, alpha, beta);
    else gemm_strided_a_f32(left, aRow, aCol, scratch, bias, 0, 0, to, n, k, n, 0, m, act, alpha, beta, strip);
  }
}
