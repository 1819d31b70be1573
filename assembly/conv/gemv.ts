// Convolution with hardly any output pixels (the 1×1 images of squeeze-and-excitation, the last layer of a detector, a
// step of a stream): every filter is read once or twice, so it is a matrix-vector product and runs at the speed of
// memory. Nothing is gathered: what the image holds of a row of taps is a vector as it lies, and taps in the padding
// are passed over with their weights.
import { row_by_four_panels } from "../generated/gemv-tiles";
import { finish, start } from "../matmul/gemv";
import { NR } from "../lib/tile";
import { window_at } from "../lib/window";

/**
 * As conv_im2col_f32, of one group and of two dimensions, for images·oh·ow pixels and the filters [begin, end); `begin`
 * is a multiple of 8. The filters are packed by conv_pack_f32. The residual is as wide as y and may be y itself.
 */
export function conv_gemv_f32(
  x: usize, packed: usize, bias: usize, residual: usize, y: usize, window: usize, act: i32, alpha: f32, beta: f32,
  begin: i32, end: i32,
): void {
  const s = window_at(window);
  let h = s.h, w = s.w, oh = s.oh, ow = s.ow, images = s.images, inputs = s.inputs, outputs = s.outputs;
  let kh = s.kh, kw = s.kw, strideH = s.strideH, strideW = s.strideW, dilationH = s.dilationH, dilationW = s.dilationW;
  let padH = s.padH, padW = s.padW;
  let stride = kh * kw * inputs << 5, columns = end - begin, offset = begin << 2, pixels = images * oh * ow;
  y += offset;
  packed += <usize>(begin / NR) * stride;
  start(y, outputs, residual ? residual + offset : 0, outputs, pixels, columns);
  for (let j = 0; j < columns; j += 4 * NR) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      let line = pixel / ow, image = line / oh, top = (line - image * oh) * strideH - padH;
      let left = (pixel - line * ow) * strideW - padW;
      let c = y + ((pixel * outputs + j) << 2);
      for (let ty = 0; ty < kh; ty++) {
        let iy = top + ty * dilationH;
        if (<u32>iy >= <u32>h) continue;
        let row = x + (<usize>(image * h + iy) * w * inputs << 2);
        for (let tx = 0; tx < kw;) {
          let ix = left + tx * dilationW, count = 1;
          if (<u32>ix < <u32>w) {
            // Neighbouring taps that are neighbours in the image are one vector.
            if (dilationW == 1) count = min(kw - tx, w - ix);
            row_by_four_panels(
              row + (ix * inputs << 2), packed + ((ty * kw + tx) * inputs << 5), stride, count * inputs, c, columns - j,
            );
          }
          tx += count;
        }
      }
    }
    packed += 4 * stride;
  }
  finish(y, outputs, bias ? bias + offset : 0, pixels, columns, act, alpha, beta);
}
