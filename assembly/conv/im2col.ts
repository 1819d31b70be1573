// Convolution, channels-last, of any kernel, stride, dilation, padding and number of groups, in one to three
// dimensions: a matrix product [pixels, taps·channels] · [taps·channels, filters] whose left side is gathered a few
// pixels at a time into scratch (virtual im2col). A strip of pixels is used for all filters while it is in the
// first-level cache, so the gathering costs little beside the product as soon as there are some dozen filters. (Why not
// row pointers into the image: docs/performance/gemm.md.)
//
// Sizes, pitches and the window come as a table (lib/window.ts).
import { UNARY_NONE } from "../abi/codes";
import { gemm_f32, gemm_packed_size, k_block } from "../matmul/gemm";
import { gemm_panels } from "../matmul/gemm-tile";
import { MR, NR, TILE_ADD, TILE_STORE } from "../lib/tile";
import { load_some } from "../lib/simd";
import { is_pointwise, window_at } from "../lib/window";

/**
 * Pixels, and elements of each, gathered at a time: a strip stays in the second-level cache while every filter uses it.
 */
export const STRIP: i32 = MR * 4;
export const STRIP_K: i32 = 512;

/** Bytes of packed filters: `inputs` and `outputs` are channels per group, `taps` the kernel's elements. */
export function conv_packed_size(outputs: i32, inputs: i32, taps: i32, groups: i32): usize {
  return gemm_packed_size(taps * inputs, outputs) * groups;
}

/** ONNX filters [groups·outputs, inputs, taps] → per group, panels of NR filters of [taps·inputs, NR]. */
export function conv_pack_f32(w: usize, outputs: i32, inputs: i32, taps: i32, groups: i32, packed: usize): void {
  for (let g = 0; g < groups; g++) {
    for (let o = 0; o < outputs; o += NR) {
      let columns = min(outputs - o, NR);
      for (let t = 0; t < taps; t++) {
        for (let i = 0; i < inputs; i++) {
          let source = w + (<usize>((g * outputs + o) * inputs + i) * taps + t << 2);
          for (let j = 0; j < NR; j++) {
            store<f32>(packed, j < columns ? load<f32>(source) : 0);
            packed += 4;
            source += <usize>inputs * taps << 2;
          }
        }
      }
    }
  }
}

/** Bytes of scratch for conv and conv_transpose_f32. */
export function conv_im2col_scratch_size(inputs: i32, taps: i32): usize {
  return <usize>((min(taps * inputs, STRIP_K) + 8) * STRIP + 8) << 2;
}

/**
 * y[n, od, oh, ow, groups·outputs] = act(conv(x[n, d, h, w, groups·inputs], filters) + bias + residual), for the rows
 * [begin, end) of the n·od·oh rows of the output. `bias` and `residual` may be 0; the residual may be y itself.
 */
export function conv_im2col_f32(
  x: usize, packed: usize, bias: usize, residual: usize, y: usize, window: usize, act: i32, alpha: f32, beta: f32,
  begin: i32, end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let inputs = s.inputs, outputs = s.outputs, groups = s.groups;
  let d = s.d, h = s.h, w = s.w, od = s.od, oh = s.oh, ow = s.ow, xPitch = s.xPitch, yPitch = s.yPitch;
  let residualPitch = s.residualPitch;
  let kd = s.kd, kh = s.kh, kw = s.kw, strideD = s.strideD, strideH = s.strideH, strideW = s.strideW;
  let dilationD = s.dilationD, dilationH = s.dilationH, dilationW = s.dilationW, padD = s.padD, padH = s.padH;
  let padW = s.padW;
  let taps = kd * kh * kw, k = taps * inputs, groupBytes = gemm_packed_size(k, outputs);
  let first = begin * ow, pixels = end * ow;
  if (is_pointwise(s)) {
    for (let g = 0; g < groups; g++) {
      gemm_f32(
        x + (g * inputs << 2), xPitch, packed + groupBytes * g, bias ? bias + (g * outputs << 2) : 0,
        residual ? residual + (g * outputs << 2) : 0, residualPitch, y + (g * outputs << 2), yPitch, k, outputs, first,
        pixels, act, alpha, beta,
      );
    }
    return;
  }
  let kBlock = k_block(k, STRIP_K), rowBytes = w * xPitch << 2, rowLength = kw * inputs, images = oh * od;
  // A row of taps is one run of memory, and k is short enough to be taken at once: pixels whose taps are inside the row
  // are gathered together. The last such pixel is at `lastInside` (−1: none).
  let joined = dilationW == 1 && xPitch == inputs && k <= STRIP_K;
  let lastInside = w < kw - padW ? -1 : (w - kw + padW) / strideW;
  for (let g = 0; g < groups; g++) {
    let xg = x + (g * inputs << 2), packedG = packed + groupBytes * g, filter = g * outputs;
    let p = 0;
    do {
      let length = min(k - p, kBlock), last = p + length >= k, lda = ((length + 7) & ~3) << 2;
      for (let pixel = first; pixel < pixels; pixel += STRIP) {
        let rows = min(pixels - pixel, STRIP), target = scratch;
        let line = pixel / ow, ox = pixel - line * ow;
        for (let i = 0; length > 0 && i < rows;) {
          let image = line / images, rest = line - image * images, oz = rest / oh, oy = rest - oz * oh;
          let source = xg + <usize>image * d * h * rowBytes;
          let z = oz * strideD - padD, y = oy * strideH - padH, x = ox * strideW - padW, count = 1;
          if (joined && x >= 0 && ox <= lastInside) {
            count = min(min(lastInside - ox + 1, rows - i), ow - ox);
            gather_inside(
              source, rowBytes, d, h, rowLength, kd, kh, dilationD, dilationH, z, y, x * xPitch << 2,
              strideW * xPitch << 2, count, target, lda,
            );
          } else {
            gather(
              source, rowBytes, xPitch << 2, d, h, w, inputs, rowLength, kh, dilationD, dilationH, dilationW, z, y, x,
              p, length, target,
            );
          }
          i += count;
          ox += count;
          target += count * lda;
          if (ox == ow) {
            ox = 0;
            line++;
          }
        }
        gemm_panels(
          scratch, lda, packedG + (p << 5), k << 5, length, y + ((<usize>pixel * yPitch + filter) << 2),
          yPitch << 2, rows, outputs, p ? TILE_ADD : TILE_STORE, last && bias ? bias + (filter << 2) : 0,
          !p && residual ? residual + ((<usize>pixel * residualPitch + filter) << 2) : 0, residualPitch << 2,
          last ? act : UNARY_NONE, alpha, beta,
        );
      }
      p += length;
    } while (p < k);
  }
}

/**
 * All taps of `count` pixels `step` bytes apart whose columns of taps are all inside the image: runs of rowLength
 * elements, written in whole vectors, so that what a run writes past its end is overwritten by the next run or lies
 * in the padding of `lda`.
 */
export function gather_inside(
  source: usize, rowBytes: i32, d: i32, h: i32, rowLength: i32, kd: i32, kh: i32, dilationD: i32, dilationH: i32,
  z: i32, y: i32, column: i32, step: i32, count: i32, target: usize, lda: i32,
): void {
  let vectors = rowLength >> 2, tail = rowLength & 3, imageEnd = source + <usize>d * h * rowBytes;
  for (let tz = 0; tz < kd; tz++) {
    for (let ty = 0; ty < kh; ty++) {
      let iz = z + tz * dilationD, iy = y + ty * dilationH, t = target;
      target += rowLength << 2;
      if (<u32>iz >= <u32>d || <u32>iy >= <u32>h) {
        for (let i = 0; i < count; i++) {
          for (let v = 0; v < rowLength; v += 4) v128.store(t + (v << 2), f32x4.splat(0));
          t += lda;
        }
        continue;
      }
      let s = source + <usize>(iz * h + iy) * rowBytes + column;
      for (let i = 0; i < count; i++) {
        let v = 0;
        for (; v < vectors; v++) v128.store(t + (v << 4), v128.load(s + (v << 4)));
        if (tail) {
          let rest = s + (v << 4);
          // Only the last run of an image may not be read beyond.
          v128.store(t + (v << 4), rest + 16 <= imageEnd ? v128.load(rest) : load_some(rest, tail));
        }
        s += step;
        t += lda;
      }
    }
  }
}

/**
 * Elements [from, from + length) of the k axis (depth tap, row tap, column tap, channel) under one output pixel, whose
 * first tap is at (z, y, x) of the image `source`. Taps outside the image are zero.
 */
export function gather(
  source: usize, rowBytes: i32, pitch: i32, d: i32, h: i32, w: i32, inputs: i32, rowLength: i32, kh: i32,
  dilationD: i32, dilationH: i32, dilationW: i32, z: i32, y: i32, x: i32, from: i32, length: i32, target: usize,
): void {
  let row = from / rowLength, within = from - row * rowLength;
  let tz = row / kh, ty = row - tz * kh;
  let joined = dilationW == 1 && pitch == inputs << 2;
  while (length > 0) {
    let piece = min(length, rowLength - within), iz = z + tz * dilationD, iy = y + ty * dilationH;
    if (<u32>iz >= <u32>d || <u32>iy >= <u32>h) {
      memory.fill(target, 0, piece << 2);
      target += piece << 2;
    } else {
      let line = source + <usize>(iz * h + iy) * rowBytes;
      if (joined) {
        let start = x * inputs + within, stop = start + piece, width = w * inputs;
        let low = min(max(start, 0), stop), high = max(min(stop, width), low);
        target = zeros(target, low - start);
        target = copy(target, line + (low << 2), high - low);
        target = zeros(target, stop - high);
      } else {
        let tap = within / inputs, channel = within - tap * inputs, left = piece;
        while (left > 0) {
          let part = min(left, inputs - channel), ix = x + tap * dilationW;
          if (<u32>ix < <u32>w) target = copy(target, line + ix * pitch + (channel << 2), part);
          else target = zeros(target, part);
          left -= part;
          channel = 0;
          tap++;
        }
      }
    }
    length -= piece;
    within = 0;
    if (++ty == kh) {
      ty = 0;
      tz++;
    }
  }
}

// @ts-ignore: decorator
@inline
function copy(target: usize, source: usize, count: i32): usize {
  for (; count >= 4; count -= 4) {
    v128.store(target, v128.load(source));
    target += 16;
    source += 16;
  }
  for (; count > 0; count--) {
    store<f32>(target, load<f32>(source));
    target += 4;
    source += 4;
  }
  return target;
}

// @ts-ignore: decorator
@inline
function zeros(target: usize, count: i32): usize {
  for (; count > 0; count--) {
    store<f32>(target, 0);
    target += 4;
  }
  return target;
}
