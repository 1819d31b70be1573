// Products of stacks of matrices: the loop over the stack around gemm.ts.
import { gemm_f32, gemm_pack_f32, gemm_packed_size, Product, product_strided_a } from "./gemm";

/** Bytes of scratch for matmul_batched_f32: a packed B, and a strip of A if A's columns are not contiguous. */
export function matmul_batched_scratch_size(k: i32, n: i32, stripSize: i32): i32 {
  return <i32>gemm_packed_size(k, n) + stripSize;
}

/**
 * c[i] = act(a[i] · b[i] + bias) for the products [begin, end) of a stack, whose strides and sizes are a table
 * (Product). `offsets` holds, per product, those of its a and its b in elements (i32 pairs): broadcasting repeats an
 * offset. The products lie one after another in c, which is dense. A `b` that the product before also had is not packed
 * again.
 */
export function matmul_batched_f32(
  a: usize, b: usize, offsets: usize, c: usize, bias: usize, table: usize, act: i32, alpha: f32, beta: f32, begin: i32,
  end: i32, scratch: usize,
): void {
  const s = changetype<Product>(table);
  const m = s.m, k = s.k, n = s.n, aRow = s.aRow, aCol = s.aCol;
  const strip = scratch + gemm_packed_size(k, n);
  let packed = -1;
  for (let i = begin; i < end; i++) {
    const entry = offsets + (<usize>i << 3);
    const left = a + (<usize>load<u32>(entry) << 2);
    const right = load<i32>(entry, 4);
    const to = c + (<usize>i * m * n << 2);
    if (right != packed) {
      gemm_pack_f32(b + (<usize>right << 2), s.bRow, s.bCol, k, n, scratch);
      packed = right;
    }
    if (aCol == 1) gemm_f32(left, aRow, scratch, bias, 0, 0, to, n, k, n, 0, m, act, alpha, beta);
    else product_strided_a(left, aRow, aCol, scratch, bias, 0, 0, to, n, k, n, 0, m, act, alpha, beta, strip);
  }
}
