// Gradients of convolutions by their weights, channels-last, and the filters that make the gradient by the input an
// ordinary convolution.
import { gather, gather_inside } from "./im2col";
import { gemm_pack_f32, gemm_packed_size, k_block } from "../matmul/gemm";
import { TILE_ADD, TILE_STORE } from "../lib/tile";
import { BLOCK, CHUNK, gemm_tn_f32, gemm_tn_panels, STRIDE } from "../matmul/gemm-tn";
import { load_some, madd, store_some } from "../lib/simd";
import { is_pointwise, Window, window_at } from "../lib/window";

/**
 * ONNX filters [groups·outputs, inputs, taps] → [groups·inputs, outputs, taps] with the taps in reverse: convolving the
 * output's gradient with these gives the input's, at stride 1.
 */
export function conv_flip_f32(w: usize, outputs: i32, inputs: i32, taps: i32, groups: i32, flipped: usize): void {
  for (let g = 0; g < groups; g++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) {
        let source = w + (<usize>((g * outputs + o) * inputs + i) * taps << 2) + (taps - 1 << 2);
        for (let t = 0; t < taps; t++) {
          store<f32>(flipped, load<f32>(source));
          flipped += 4;
          source -= 4;
        }
      }
    }
  }
}

/**
 * dw[group, tap, input, output] = Σ over all pixels of x[pixel + tap, input]·dy[pixel, output], as gemm-tn.ts does it
 * with a left side that is gathered in blocks. Rows [begin, end) of the groups·taps·inputs rows of dw. Sizes as
 * conv_im2col_f32's; scratch as gemm_tn_scratch_size(outputs) says.
 */
export function conv_weight_gradient_f32(
  x: usize, dy: usize, dw: usize, window: usize, begin: i32, end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let inputs = s.inputs, outputs = s.outputs, xPitch = s.xPitch, yPitch = s.yPitch;
  let k = s.kd * s.kh * s.kw * inputs, pixels = s.images * s.od * s.oh * s.ow, plain = is_pointwise(s);
  while (begin < end) {
    let g = begin / k, from = begin - g * k, to = min(k, from + end - begin);
    let xg = x + (g * inputs << 2), yg = dy + (g * outputs << 2), target = dw + (<usize>g * k * outputs << 2);
    begin += to - from;
    if (plain || pixels == 0) {
      gemm_tn_f32(xg, xPitch, yg, yPitch, target, outputs, pixels, outputs, from, to, scratch);
      continue;
    }
    let rows = scratch + gemm_packed_size(BLOCK, outputs), length = k_block(pixels, BLOCK);
    let chunk = k_block(to - from, CHUNK);
    for (let p = 0; p < pixels; p += length) {
      let count = min(pixels - p, length);
      gemm_pack_f32(yg + (<usize>p * yPitch << 2), yPitch, 1, count, outputs, scratch);
      for (let i = from; i < to; i += chunk) {
        let width = min(to - i, chunk);
        gather_block(xg, s, p, count, i, width, rows);
        gemm_tn_panels(
          rows, <i32>STRIDE, scratch, count, target + (<usize>i * outputs << 2), outputs << 2, width, outputs,
          p ? TILE_ADD : TILE_STORE,
        );
      }
    }
  }
}

/** Elements [from, from + width) of the taps·inputs under each of `count` output pixels, to rows STRIDE bytes apart. */
function gather_block(
  x: usize, s: Window, pixel: i32, count: i32, from: i32, width: i32, target: usize,
): void {
  let d = s.d, h = s.h, w = s.w, od = s.od, oh = s.oh, ow = s.ow, inputs = s.inputs, xPitch = s.xPitch;
  let kd = s.kd, kh = s.kh, kw = s.kw, strideD = s.strideD, strideH = s.strideH, strideW = s.strideW;
  let dilationD = s.dilationD, dilationH = s.dilationH, dilationW = s.dilationW, padD = s.padD, padH = s.padH;
  let padW = s.padW;
  let rowBytes = w * xPitch << 2, rowLength = kw * inputs, lines = od * oh;
  // See conv_im2col_f32: pixels whose taps are all inside the row, gathered together.
  let joined = dilationW == 1 && xPitch == inputs && width == kd * kh * rowLength;
  let lastInside = w < kw - padW ? -1 : (w - kw + padW) / strideW;
  let line = pixel / ow, ox = pixel - line * ow;
  while (count > 0) {
    let image = line / lines, rest = line - image * lines, oz = rest / oh, oy = rest - oz * oh;
    let source = x + <usize>image * d * h * rowBytes;
    let iz = oz * strideD - padD, iy = oy * strideH - padH, ix = ox * strideW - padW, n = 1;
    if (joined && ix >= 0 && ox <= lastInside) {
      n = min(min(lastInside - ox + 1, count), ow - ox);
      gather_inside(
        source, rowBytes, d, h, rowLength, kd, kh, dilationD, dilationH, iz, iy, ix * xPitch << 2,
        strideW * xPitch << 2, n, target, <i32>STRIDE,
      );
    } else {
      gather(
        source, rowBytes, xPitch << 2, d, h, w, inputs, rowLength, kh, dilationD, dilationH, dilationW, iz, iy, ix,
        from, width, target,
      );
    }
    count -= n;
    ox += n;
    target += <usize>n * STRIDE;
    if (ox == ow) {
      ox = 0;
      line++;
    }
  }
}

/** Where in the output a tap puts what is at `at` of the input: −1 if nowhere. */
// @ts-ignore: decorator
@inline
function reached(at: i32, tap: i32, stride: i32, dilation: i32, pad: i32, size: i32): i32 {
  let from = at + pad - tap * dilation, o = from / stride;
  return from >= 0 && o * stride == from && o < size ? o : -1;
}

/**
 * dx[n, d, h, w, channels] of a depthwise convolution with one filter per channel (from depthwise_pack_f32), of any
 * stride. [begin, end) runs over the n·d·h rows of dx.
 */
export function depthwise_input_gradient_f32(
  dy: usize, packed: usize, dx: usize, window: usize, begin: i32, end: i32,
): void {
  const s = window_at(window);
  let channels = s.groups, d = s.d, h = s.h, w = s.w, od = s.od, oh = s.oh, ow = s.ow;
  let kd = s.kd, kh = s.kh, kw = s.kw, strideD = s.strideD, strideH = s.strideH, strideW = s.strideW;
  let dilationD = s.dilationD, dilationH = s.dilationH, dilationW = s.dilationW, padD = s.padD, padH = s.padH;
  let padW = s.padW;
  let pixelBytes = channels << 2, rowBytes = ow * pixelBytes, filter = kd * kh * kw << 4;
  for (let row = begin; row < end; row++) {
    let slice = row / h, iy = row - slice * h, image = slice / d, iz = slice - image * d;
    let source = dy + <usize>image * od * oh * rowBytes, target = dx + <usize>row * w * pixelBytes;
    for (let ix = 0; ix < w; ix++) {
      for (let c = 0; c < channels; c += 16) {
        let lanes = channels - c, weights = packed + <usize>(c >> 2) * filter;
        let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
        for (let tz = 0; tz < kd; tz++) {
          let oz = reached(iz, tz, strideD, dilationD, padD, od);
          if (oz < 0) continue;
          for (let ty = 0; ty < kh; ty++) {
            let oy = reached(iy, ty, strideH, dilationH, padH, oh);
            if (oy < 0) continue;
            for (let tx = 0; tx < kw; tx++) {
              let ox = reached(ix, tx, strideW, dilationW, padW, ow);
              if (ox < 0) continue;
              let p = source + <usize>(oz * oh + oy) * rowBytes + ox * pixelBytes + (c << 2);
              let v = weights + ((tz * kh + ty) * kw + tx << 4);
              if (lanes >= 16) {
                a0 = madd(v128.load(p), v128.load(v), a0);
                a1 = madd(v128.load(p, 16), v128.load(v + filter), a1);
                a2 = madd(v128.load(p, 32), v128.load(v + 2 * filter), a2);
                a3 = madd(v128.load(p, 48), v128.load(v + 3 * filter), a3);
              } else {
                a0 = madd(load_some(p, lanes), v128.load(v), a0);
              }
            }
          }
        }
        let t = target + (c << 2);
        if (lanes >= 16) {
          v128.store(t, a0);
          v128.store(t, a1, 16);
          v128.store(t, a2, 32);
          v128.store(t, a3, 48);
        } else {
          store_some(t, a0, lanes);
          c -= 12;
        }
      }
      target += pixelBytes;
    }
  }
}

/**
 * dw[tap, channel] = Σ over all pixels of x[pixel + tap, channel]·dy[pixel, channel], for taps [begin, end): each row
 * of an image is summed by itself, and the rows' sums are added in their order.
 */
export function depthwise_weight_gradient_f32(
  x: usize, dy: usize, dw: usize, window: usize, begin: i32, end: i32,
): void {
  const s = window_at(window);
  let channels = s.groups, d = s.d, h = s.h, w = s.w, od = s.od, oh = s.oh, ow = s.ow;
  let images = s.images;
  let kd = s.kd, kh = s.kh, kw = s.kw, strideD = s.strideD, strideH = s.strideH, strideW = s.strideW;
  let dilationD = s.dilationD, dilationH = s.dilationH, dilationW = s.dilationW, padD = s.padD, padH = s.padH;
  let padW = s.padW;
  let pixelBytes = channels << 2, step = strideW * pixelBytes;
  memory.fill(dw + <usize>begin * pixelBytes, 0, (end - begin) * pixelBytes);
  for (let line = 0; line < images * od * oh; line++) {
    let slice = line / oh, oy = line - slice * oh, image = slice / od, oz = slice - image * od;
    for (let tap = begin; tap < end; tap++) {
      let row = tap / kw, tx = tap - row * kw, tz = row / kh, ty = row - tz * kh;
      let iz = oz * strideD - padD + tz * dilationD, iy = oy * strideH - padH + ty * dilationH;
      let ix = tx * dilationW - padW;
      if (<u32>iz >= <u32>d || <u32>iy >= <u32>h || ix >= w) continue;
      let first = ix < 0 ? (strideW - 1 - ix) / strideW : 0, last = min(ow, (w - ix + strideW - 1) / strideW);
      let source = x + <usize>((image * d + iz) * h + iy) * w * pixelBytes + (ix + first * strideW) * pixelBytes;
      let from = dy + (<usize>line * ow + first) * pixelBytes, target = dw + <usize>tap * pixelBytes;
      for (let c = 0; c < channels; c += 16) {
        let lanes = channels - c, p = source, q = from, a0 = f32x4.splat(0);
        if (lanes < 16) {
          for (let ox = first; ox < last; ox++) {
            a0 = madd(load_some(p, lanes), load_some(q, lanes), a0);
            p += step;
            q += pixelBytes;
          }
          store_some(target, f32x4.add(load_some(target, lanes), a0), lanes);
          source += 16;
          from += 16;
          target += 16;
          c -= 12;
          continue;
        }
        let a1 = a0, a2 = a0, a3 = a0;
        for (let ox = first; ox < last; ox++) {
          a0 = madd(v128.load(p), v128.load(q), a0);
          a1 = madd(v128.load(p, 16), v128.load(q, 16), a1);
          a2 = madd(v128.load(p, 32), v128.load(q, 32), a2);
          a3 = madd(v128.load(p, 48), v128.load(q, 48), a3);
          p += step;
          q += pixelBytes;
        }
        v128.store(target, f32x4.add(v128.load(target), a0));
        v128.store(target, f32x4.add(v128.load(target, 16), a1), 16);
        v128.store(target, f32x4.add(v128.load(target, 32), a2), 32);
        v128.store(target, f32x4.add(v128.load(target, 48), a3), 48);
        source += 64;
        from += 64;
        target += 64;
      }
    }
  }
}
