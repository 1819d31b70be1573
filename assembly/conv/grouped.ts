// Convolution of many small groups (up to about eight filters each), channels-last. A matrix product per group would be
// too narrow for the tiles of gemm-tile.ts and its gathering too expensive: the input rows under one output row are
// copied once for all groups, with their padding, and tiles of 8 pixels × 4 filters read from them. Filters are packed
// by conv_pack_f32.
import { UNARY_LEAKY_RELU, UNARY_NONE, UNARY_RELU } from "../abi/codes";
import { copy_row } from "./direct";
import { finish_lanes, load_bias, NR, TILE_STORE } from "../lib/tile";
import { madd } from "../lib/simd";
import { unary_f32 } from "../elementwise/unary";
import { window_at } from "../lib/window";

/** Bytes of scratch for conv_grouped_f32. */
export function conv_grouped_scratch_size(
  inputs: i32, groups: i32, kd: i32, kh: i32, kw: i32, strideW: i32, dilationW: i32, ow: i32,
): usize {
  return <usize>kd * kh * span(kw, strideW, dilationW, ow) * inputs * groups << 2;
}

/** Pixels of an input row under one output row. */
function span(kw: i32, strideW: i32, dilationW: i32, ow: i32): i32 {
  return max(0, (ow - 1) * strideW + (kw - 1) * dilationW + 1);
}

/** Arguments and result as conv_im2col_f32's. */
export function conv_grouped_f32(
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
  let low = alpha, high = beta, now = act;
  if (act == UNARY_RELU) {
    low = 0;
    high = <f32>Infinity;
  } else if (act > UNARY_LEAKY_RELU) {
    now = UNARY_NONE;
  }
  let channels = inputs * groups, pixelBytes = channels << 2, width = span(kw, strideW, dilationW, ow);
  let rowBytes = width * pixelBytes;
  let panels = (outputs + NR - 1) / NR, k = kd * kh * kw * inputs;
  for (let line = begin; line < end; line++) {
    let slice = line / oh, oy = line - slice * oh, image = slice / od, oz = slice - image * od, target = scratch;
    for (let tz = 0; tz < kd; tz++) {
      for (let ty = 0; ty < kh; ty++) {
        let iz = oz * strideD - padD + tz * dilationD, iy = oy * strideH - padH + ty * dilationH;
        if (<u32>iz < <u32>d && <u32>iy < <u32>h) {
          copy_row(
            x + (<usize>((image * d + iz) * h + iy) * w * xPitch << 2), xPitch, w, padW, width, channels, target,
          );
        } else {
          memory.fill(target, 0, rowBytes);
        }
        target += rowBytes;
      }
    }
    for (let g = 0; g < groups; g++) {
      for (let o = 0; o < outputs; o += 4) {
        let filter = g * outputs + o;
        let panel = packed + (<usize>((g * panels + o / NR) * NR) * k << 2) + ((o & (NR - 1)) << 2);
        for (let ox = 0; ox < ow; ox += 8) {
          let pixel = <usize>line * ow + ox;
          tile_8x4(
            scratch + ox * strideW * pixelBytes + (g * inputs << 2), strideW * pixelBytes, panel, kd * kh, rowBytes, kw,
            dilationW * pixelBytes, inputs, y + ((pixel * yPitch + filter) << 2), yPitch << 2, min(ow - ox, 8),
            min(outputs - o, 4), bias ? bias + (filter << 2) : 0,
            residual ? residual + ((pixel * residualPitch + filter) << 2) : 0, residualPitch << 2, now, low, high,
          );
        }
      }
    }
    if (act > UNARY_LEAKY_RELU) {
      let row = y + (<usize>line * ow * yPitch << 2);
      for (let ox = 0; ox < ow; ox++) {
        unary_f32(act, row, row, groups * outputs, alpha, beta);
        row += yPitch << 2;
      }
    }
  }
}

/**
 * `pixels` ≤ 8 by `columns` ≤ 4; pixels past the last repeat it. The exits inside a step are never taken
 * (`Exits` in scripts/tiles/text.ts says what they are for).
 */
function tile_8x4(
  a: usize, step: i32, b: usize, rows: i32, rowStep: i32, taps: i32, tapStep: i32, inputs: i32, c: usize, ldc: i32,
  pixels: i32, columns: i32, bias: usize, residual: usize, ldr: i32, act: i32, low: f32, high: f32,
): void {
  let last = (pixels - 1) * step;
  let r1 = min(step, last), r2 = min(2 * step, last), r3 = min(3 * step, last), r4 = min(4 * step, last);
  let r5 = min(5 * step, last), r6 = min(6 * step, last), r7 = min(7 * step, last);
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
  for (; rows > 0; rows--) {
    let tap = a;
    for (let t = 0; t < taps; t++) {
      let p = tap, i = inputs;
      for (; i >= 4; i -= 4) {
        let v = v128.load(b);
        c0 = madd(v128.load32_splat(p), v, c0);
        c1 = madd(v128.load32_splat(p + r1), v, c1);
        c2 = madd(v128.load32_splat(p + r2), v, c2);
        c3 = madd(v128.load32_splat(p + r3), v, c3);
        if (i == -1) break;
        v = v128.load(b, 32);
        c0 = madd(v128.load32_splat(p, 4), v, c0);
        c1 = madd(v128.load32_splat(p + r1, 4), v, c1);
        c2 = madd(v128.load32_splat(p + r2, 4), v, c2);
        c3 = madd(v128.load32_splat(p + r3, 4), v, c3);
        if (i == -2) break;
        v = v128.load(b, 64);
        c0 = madd(v128.load32_splat(p, 8), v, c0);
        c1 = madd(v128.load32_splat(p + r1, 8), v, c1);
        c2 = madd(v128.load32_splat(p + r2, 8), v, c2);
        c3 = madd(v128.load32_splat(p + r3, 8), v, c3);
        if (i == -3) break;
        v = v128.load(b, 96);
        c0 = madd(v128.load32_splat(p, 12), v, c0);
        c1 = madd(v128.load32_splat(p + r1, 12), v, c1);
        c2 = madd(v128.load32_splat(p + r2, 12), v, c2);
        c3 = madd(v128.load32_splat(p + r3, 12), v, c3);
        if (i == -4) break;
        v = v128.load(b);
        c4 = madd(v128.load32_splat(p + r4), v, c4);
        c5 = madd(v128.load32_splat(p + r5), v, c5);
        c6 = madd(v128.load32_splat(p + r6), v, c6);
        c7 = madd(v128.load32_splat(p + r7), v, c7);
        if (i == -5) break;
        v = v128.load(b, 32);
        c4 = madd(v128.load32_splat(p + r4, 4), v, c4);
        c5 = madd(v128.load32_splat(p + r5, 4), v, c5);
        c6 = madd(v128.load32_splat(p + r6, 4), v, c6);
        c7 = madd(v128.load32_splat(p + r7, 4), v, c7);
        if (i == -6) break;
        v = v128.load(b, 64);
        c4 = madd(v128.load32_splat(p + r4, 8), v, c4);
        c5 = madd(v128.load32_splat(p + r5, 8), v, c5);
        c6 = madd(v128.load32_splat(p + r6, 8), v, c6);
        c7 = madd(v128.load32_splat(p + r7, 8), v, c7);
        if (i == -7) break;
        v = v128.load(b, 96);
        c4 = madd(v128.load32_splat(p + r4, 12), v, c4);
        c5 = madd(v128.load32_splat(p + r5, 12), v, c5);
        c6 = madd(v128.load32_splat(p + r6, 12), v, c6);
        c7 = madd(v128.load32_splat(p + r7, 12), v, c7);
        b += 128;
        p += 16;
      }
      for (; i > 0; i--) {
        let v = v128.load(b);
        c0 = madd(v128.load32_splat(p), v, c0);
        c1 = madd(v128.load32_splat(p + r1), v, c1);
        c2 = madd(v128.load32_splat(p + r2), v, c2);
        c3 = madd(v128.load32_splat(p + r3), v, c3);
        if (i == -1) break;
        c4 = madd(v128.load32_splat(p + r4), v, c4);
        c5 = madd(v128.load32_splat(p + r5), v, c5);
        c6 = madd(v128.load32_splat(p + r6), v, c6);
        c7 = madd(v128.load32_splat(p + r7), v, c7);
        b += 32;
        p += 4;
      }
      tap += tapStep;
    }
    a += rowStep;
  }
  let vbias = load_bias(bias, columns), vlow = f32x4.splat(low), vhigh = f32x4.splat(high);
  for (let i = 0; i < pixels; i++) {
    finish_lanes(c, c0, columns, TILE_STORE, vbias, residual, act, vlow, vhigh);
    c += ldc;
    if (residual) residual += ldr;
    c0 = c1;
    c1 = c2;
    c2 = c3;
    c3 = c4;
    c4 = c5;
    c5 = c6;
    c6 = c7;
  }
}
