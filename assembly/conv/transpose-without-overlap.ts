// Transposed convolution whose kernel is as large as its stride: every input pixel makes a patch of outputs of its own.
// The rows of taps of a row of pixels are then whole rows of the output, and each is one matrix product [pixels,
// inputs] · [inputs, kw·outputs] with nothing to gather before or to scatter after.
import { gemm_f32, gemm_packed_size } from "../matmul/gemm";
import { NR } from "../lib/tile";
import { window_at } from "../lib/window";

/**
 * ONNX filters [inputs, outputs, kh, kw] → for each of the kh rows of taps, packed as by gemm_pack_f32: [inputs,
 * kw·outputs].
 */
export function conv_transpose_no_overlap_pack_f32(
  w: usize, inputs: i32, outputs: i32, kh: i32, kw: i32, packed: usize,
): void {
  let n = kw * outputs, taps = kh * kw;
  for (let ty = 0; ty < kh; ty++) {
    for (let j = 0; j < n; j += NR) {
      for (let i = 0; i < inputs; i++) {
        for (let column = j; column < j + NR; column++) {
          let tx = column / outputs, o = column - tx * outputs;
          store<f32>(packed, column < n ? load<f32>(w + (<usize>(i * outputs + o) * taps + ty * kw + tx << 2)) : 0);
          packed += 4;
        }
      }
    }
  }
}

/**
 * y[rows, kh, width, kw, outputs] = act(x[rows, width, inputs] · filters + bias + residual) for the rows [begin, end)
 * of the rows·kh of y. The residual is as y and may be y itself. Scratch: kw·outputs floats.
 */
export function conv_transpose_no_overlap_f32(
  x: usize, packed: usize, bias: usize, residual: usize, y: usize, window: usize, act: i32, alpha: f32, beta: f32,
  begin: i32, end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let width = s.w, inputs = s.inputs, kh = s.kh, kw = s.kw, outputs = s.outputs;
  let n = kw * outputs, line = width * n << 2, size = gemm_packed_size(inputs, n);
  if (bias) for (let tx = 0; tx < kw; tx++) memory.copy(scratch + (tx * outputs << 2), bias, outputs << 2);
  for (let row = begin; row < end; row++) {
    let source = row / kh, at = <usize>row * line;
    gemm_f32(
      x + (<usize>source * width * inputs << 2), inputs, packed + (row - source * kh) * <i32>size, bias ? scratch : 0,
      residual ? residual + at : 0, n, y + at, n, inputs, n, 0, width, act, alpha, beta,
    );
  }
}
