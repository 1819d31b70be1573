// Convolution of few filters or of wide kernels, channels-last, one group, not dilated. What a kernel row sees of a
// pixel is one run of kw·inputs elements, and the runs of neighbouring pixels overlap: so input rows are copied once,
// with their padding, into a ring of kh rows, and everything reads from there (or from the image itself, where a row
// needs no padding) without gathering.
//
//   DIRECT_PRODUCTS  a matrix product per kernel row whose left side overlaps itself: for long runs
//   DIRECT_TILES     a register tile over all kernel rows: for short runs
//   DIRECT_DOTS      a dot product per pixel and filter, vectors along the run: for fewer filters than a tile is
//                    wide (gemm-tile.ts)
//   DIRECT_TAPS      one input channel: vectors along the pixels; rows are split by the remainder of
//                    the column by the stride
//
// Which is chosen where: src/ops/conv/variants.ts.
import { DIRECT_DOTS, DIRECT_PRODUCTS, DIRECT_TAPS, DIRECT_TILES, UNARY_LEAKY_RELU, UNARY_NONE } from "../abi/codes";
import { gemm_panels } from "../matmul/gemm-tile";
import { TILE_ADD, TILE_STORE } from "../lib/tile";
import { conv_pack_f32, conv_packed_size } from "./im2col";
import { row_tiles } from "./direct-tile";
import { madd } from "../lib/simd";
import { unary_f32 } from "../elementwise/unary";
import { window_at } from "../lib/window";

/** Pixels that a tile of DIRECT_TAPS covers with one filter; rows are readable to a multiple of it. */
const TAPS_PIXELS: i32 = 32;

/** Bytes of packed filters. */
export function conv_direct_packed_size(kind: i32, outputs: i32, inputs: i32, kh: i32, kw: i32): usize {
  if (kind == DIRECT_PRODUCTS || kind == DIRECT_TILES) return conv_packed_size(outputs, inputs, kh * kw, 1);
  return <usize>(outputs * kh * (kind == DIRECT_DOTS ? vectors_of(kw * inputs) << 2 : kw)) << 2;
}

/** Vectors that hold a run; the last one holds the last 1 to 4 elements at its end. */
// @ts-ignore: decorator
@inline
function vectors_of(run: i32): i32 {
  return (run + 3) >> 2;
}

/**
 * ONNX filters [outputs, inputs, kh, kw] → as conv_pack_f32, or pairs of filters (the last may be alone), for every
 * kernel row, and for every vector (DIRECT_DOTS) or every tap in the order of the split rows (DIRECT_TAPS), one filter
 * after the other.
 */
export function conv_direct_pack_f32(
  kind: i32, w: usize, outputs: i32, inputs: i32, kh: i32, kw: i32, strideW: i32, packed: usize,
): void {
  if (kind == DIRECT_PRODUCTS || kind == DIRECT_TILES) {
    conv_pack_f32(w, outputs, inputs, kh * kw, 1, packed);
    return;
  }
  let run = kw * inputs, main = (run - 1) & ~3;
  for (let o = 0; o < outputs; o += 2) {
    let together = min(outputs - o, 2);
    for (let ty = 0; ty < kh; ty++) {
      if (kind == DIRECT_DOTS) {
        for (let r = 0; r < vectors_of(run) << 2; r += 4) {
          for (let i = 0; i < together; i++) {
            for (let lane = 0; lane < 4; lane++) {
              let at = r < main ? r + lane : run - 4 + lane, tap = at / inputs;
              let source = (((o + i) * inputs + (at - tap * inputs)) * kh + ty) * kw + tap;
              store<f32>(packed, at >= r ? load<f32>(w + (<usize>source << 2)) : 0);
              packed += 4;
            }
          }
        }
        continue;
      }
      for (let phase = 0; phase < strideW; phase++) {
        for (let tap = phase; tap < kw; tap += strideW) {
          for (let i = 0; i < together; i++) {
            store<f32>(packed, load<f32>(w + (<usize>(((o + i) * kh + ty) * kw + tap) << 2)));
            packed += 4;
          }
        }
      }
    }
  }
}

/** Elements of one of the strideW parts of a split row. */
// @ts-ignore: decorator
@inline
function phase_length(kw: i32, strideW: i32, ow: i32): i32 {
  return (((ow + TAPS_PIXELS - 1) & -TAPS_PIXELS) + (kw - 1) / strideW + 3) & ~3;
}

/**
 * Elements of a row of the ring, in whole vectors: as many channels as that are then read without crossing cache lines
 * needlessly.
 */
function row_length(kind: i32, inputs: i32, kw: i32, strideW: i32, ow: i32): i32 {
  return kind == DIRECT_TAPS ? phase_length(kw, strideW, ow) * strideW : (((ow - 1) * strideW + kw) * inputs + 3) & ~3;
}

/** Bytes of scratch for conv_direct_f32: where kh rows begin, a row of zeros, the ring. */
export function conv_direct_scratch_size(kind: i32, inputs: i32, kh: i32, kw: i32, strideW: i32, ow: i32): usize {
  return <usize>(((kh + 3) & ~3) + (kh + 1) * row_length(kind, inputs, kw, strideW, ow)) << 2;
}

/**
 * As conv_im2col_f32, for one group, no dilation and kd = 1 (images and depth are one axis); `end` − `begin` rows of
 * the images·oh there are. ow > 0.
 */
export function conv_direct_f32(
  kind: i32, x: usize, packed: usize, bias: usize, residual: usize, y: usize, window: usize, act: i32, alpha: f32,
  beta: f32, begin: i32, end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let h = s.h, w = s.w, oh = s.oh, ow = s.ow, inputs = s.inputs, outputs = s.outputs;
  let xPitch = s.xPitch, yPitch = s.yPitch, residualPitch = s.residualPitch;
  let kh = s.kh, kw = s.kw, strideH = s.strideH, strideW = s.strideW, padH = s.padH, padW = s.padW;
  let run = kw * inputs, rowBytes = <usize>row_length(kind, inputs, kw, strideW, ow) << 2;
  let rows = scratch, zeros = scratch + (((kh + 3) & ~3) << 2), ring = zeros + rowBytes;
  memory.fill(zeros, 0, rowBytes);
  // A row is read from the image where all taps are inside it and adjacent, in one run.
  let direct = kind != DIRECT_TAPS && padW == 0 && (ow - 1) * strideW + kw <= w && (kw == 1 || xPitch == inputs);
  let step = strideW * (direct ? xPitch : inputs) << 2, image = -1, have = 0;
  for (let line = begin; line < end; line++) {
    let now = line / oh, top = (line - now * oh) * strideH - padH;
    if (now != image) {
      image = now;
      have = top;
    }
    have = max(have, top);
    for (let ty = 0; ty < kh; ty++) {
      let iy = top + ty, at = zeros;
      if (<u32>iy < <u32>h) {
        let source = x + (<usize>(image * h + iy) * w * xPitch << 2);
        at = direct ? source : ring + <usize>(iy % kh) * rowBytes;
        if (!direct && iy >= have) {
          if (kind == DIRECT_TAPS) split_row(source, xPitch << 2, w, padW, strideW, phase_length(kw, strideW, ow), at);
          else copy_row(source, xPitch, w, padW, (ow - 1) * strideW + kw, inputs, at);
        }
      }
      store<usize>(rows + (ty << 2), at);
    }
    have = top + kh;
    let pixel = <usize>line * ow, row = y + (pixel * yPitch << 2);
    let residualRow = residual ? residual + (pixel * residualPitch << 2) : 0;
    if (kind == DIRECT_PRODUCTS) {
      for (let ty = 0; ty < kh; ty++) {
        let last = ty == kh - 1;
        gemm_panels(
          load<usize>(rows + (ty << 2)), step, packed + (ty * run << 5), kh * run << 5, run, row, yPitch << 2, ow,
          outputs, ty ? TILE_ADD : TILE_STORE, last ? bias : 0, ty ? 0 : residualRow, residualPitch << 2,
          last ? act : UNARY_NONE, alpha, beta,
        );
      }
      continue;
    }
    if (kind == DIRECT_TILES) {
      row_tiles(
        rows, step, packed, kh, run, row, yPitch << 2, ow, outputs, bias, residualRow, residualPitch << 2,
        act > UNARY_LEAKY_RELU ? UNARY_NONE : act, alpha, beta,
      );
    }
    for (let o = 0; kind != DIRECT_TILES && o < outputs; o += 2) {
      let two = o + 1 < outputs;
      let filter = packed + <usize>o * kh * (kind == DIRECT_DOTS ? vectors_of(run) << 4 : kw << 2);
      let bias0: f32 = bias ? load<f32>(bias + (o << 2)) : 0;
      let bias1: f32 = bias && two ? load<f32>(bias + (o << 2), 4) : 0;
      let pixels = kind == DIRECT_DOTS ? (two ? 4 : 8) : two ? TAPS_PIXELS / 2 : TAPS_PIXELS;
      for (let ox = 0; ox < ow; ox += pixels) {
        let c = row + ((ox * yPitch + o) << 2), r = residual ? residualRow + ((ox * residualPitch + o) << 2) : 0;
        let count = min(ow - ox, pixels);
        let ldc = yPitch << 2, ldr = residualPitch << 2;
        if (kind == DIRECT_DOTS) {
          if (two) dots_4x2(rows, ox * step, step, kh, run, filter, c, ldc, count, bias0, bias1, r, ldr);
          else dots_8x1(rows, ox * step, step, kh, run, filter, c, ldc, count, bias0, r, ldr);
        } else {
          let phase = phase_length(kw, strideW, ow) << 2;
          if (two) taps_16x2(rows, ox << 2, kh, kw, strideW, phase, filter, c, ldc, count, bias0, bias1, r, ldr);
          else taps_32x1(rows, ox << 2, kh, kw, strideW, phase, filter, c, ldc, count, bias0, r, ldr);
        }
      }
    }
    if (act == UNARY_NONE || (kind == DIRECT_TILES && act <= UNARY_LEAKY_RELU)) continue;
    if (yPitch == outputs) {
      unary_f32(act, row, row, ow * outputs, alpha, beta);
    } else {
      for (let ox = 0; ox < ow; ox++) unary_f32(
        act, row + (ox * yPitch << 2), row + (ox * yPitch << 2), outputs, alpha, beta,
      );
    }
  }
}

/** Pixels −pad … width − pad − 1 of a row of `w` pixels, those outside it zero, without the gaps between pixels. */
export function copy_row(source: usize, pitch: i32, w: i32, pad: i32, width: i32, channels: i32, target: usize): void {
  let first = min(max(-pad, 0), w), last = max(min(width - pad, w), first), lead = min(max(first + pad, 0), width);
  let pixelBytes = channels << 2, pitchBytes = pitch << 2, count = last - first;
  memory.fill(target, 0, lead * pixelBytes);
  target += lead * pixelBytes;
  source += first * pitchBytes;
  if (pitch == channels) {
    memory.copy(target, source, count * pixelBytes);
    target += count * pixelBytes;
  } else {
    for (let i = 0; i < count; i++) {
      memory.copy(target, source, pixelBytes);
      target += pixelBytes;
      source += pitchBytes;
    }
  }
  memory.fill(target, 0, (width - lead - count) * pixelBytes);
}

/** Column i·stride + p − pad of a row of `w` single elements to element i of part p. */
function split_row(source: usize, pitch: i32, w: i32, pad: i32, stride: i32, length: i32, target: usize): void {
  for (let p = 0; p < stride; p++) {
    let column = p - pad, first = min(max((stride - 1 - column) / stride, 0), length);
    if (column >= 0) first = 0;
    let count = min(max((w - column - first * stride + stride - 1) / stride, 0), length - first);
    let t = target + (first << 2);
    memory.fill(target, 0, first << 2);
    if (stride == 1 && pitch == 4) {
      memory.copy(t, source + (column + first) * 4, count << 2);
    } else {
      let s = source + (column + first * stride) * pitch;
      for (let i = 0; i < count; i++) {
        store<f32>(t + (i << 2), load<f32>(s));
        s += stride * pitch;
      }
    }
    memory.fill(t + (count << 2), 0, (length - first - count) << 2);
    target += length << 2;
  }
}

/** The lanes of the last vector of a run that the vectors before it do not hold. */
const LAST_LANES: usize = memory.data<i32>([-1, -1, -1, -1, 0, 0, 0, -1, 0, 0, -1, -1, 0, -1, -1, -1]);

/** The sums of the lanes of four vectors. */
// @ts-ignore: decorator
@inline
function sums(c0: v128, c1: v128, c2: v128, c3: v128): v128 {
  let t0 = v128.shuffle<f32>(c0, c1, 0, 4, 1, 5), t1 = v128.shuffle<f32>(c0, c1, 2, 6, 3, 7);
  let t2 = v128.shuffle<f32>(c2, c3, 0, 4, 1, 5), t3 = v128.shuffle<f32>(c2, c3, 2, 6, 3, 7);
  let even = f32x4.add(t0, t1), odd = f32x4.add(t2, t3);
  return f32x4.add(v128.shuffle<f32>(even, odd, 0, 1, 4, 5), v128.shuffle<f32>(even, odd, 2, 3, 6, 7));
}

/** One filter's results at up to four pixels. */
function finish(c: usize, ldc: i32, v: v128, pixels: i32, bias: f32, residual: usize, ldr: i32): void {
  v = f32x4.add(v, f32x4.splat(bias));
  if (pixels >= 4 && ldc == 4 && (!residual || ldr == 4)) {
    v128.store(c, residual ? f32x4.add(v, v128.load(residual)) : v);
    return;
  }
  for (let i = 0; i < min(pixels, 4); i++) {
    let value = f32x4.extract_lane(v, 0);
    store<f32>(c, residual ? value + load<f32>(residual) : value);
    v = v128.shuffle<f32>(v, v, 1, 2, 3, 0);
    c += ldc;
    if (residual) residual += ldr;
  }
}

/** Up to four pixels by two filters. The exits inside a step are never taken (`Exits` in scripts/tiles/text.ts). */
function dots_4x2(
  rows: usize, offset: usize, step: i32, kh: i32, run: i32, b: usize, c: usize, ldc: i32, pixels: i32, bias0: f32,
  bias1: f32, residual: usize, ldr: i32,
): void {
  let last = (pixels - 1) * step, r1 = min(step, last), r2 = min(2 * step, last), r3 = min(3 * step, last);
  let c00 = f32x4.splat(0), c10 = c00, c20 = c00, c30 = c00, c01 = c00, c11 = c00, c21 = c00, c31 = c00;
  let main = (run - 1) >> 2, mask = v128.load(LAST_LANES + ((run & 3) << 4)), back = run & 3 ? (4 - (run & 3)) << 2 : 0;
  for (; kh > 0; kh--) {
    let a = load<usize>(rows) + offset, end = b + (main << 5);
    rows += 4;
    for (; b < end; b += 32, a += 16) {
      let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.load(a);
      c00 = madd(x, b0, c00);
      c01 = madd(x, b1, c01);
      x = v128.load(a + r1);
      c10 = madd(x, b0, c10);
      c11 = madd(x, b1, c11);
      if (b == 1) break;
      x = v128.load(a + r2);
      c20 = madd(x, b0, c20);
      c21 = madd(x, b1, c21);
      x = v128.load(a + r3);
      c30 = madd(x, b0, c30);
      c31 = madd(x, b1, c31);
    }
    a -= back;
    let b0 = v128.load(b), b1 = v128.load(b, 16), x = v128.and(v128.load(a), mask);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.and(v128.load(a + r1), mask);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    if (b == 1) break;
    x = v128.and(v128.load(a + r2), mask);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.and(v128.load(a + r3), mask);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    b += 32;
  }
  finish(c, ldc, sums(c00, c10, c20, c30), pixels, bias0, residual, ldr);
  finish(c + 4, ldc, sums(c01, c11, c21, c31), pixels, bias1, residual ? residual + 4 : 0, ldr);
}

/** Up to eight pixels by one filter. */
function dots_8x1(
  rows: usize, offset: usize, step: i32, kh: i32, run: i32, b: usize, c: usize, ldc: i32, pixels: i32, bias: f32,
  residual: usize, ldr: i32,
): void {
  let last = (pixels - 1) * step;
  let r1 = min(step, last), r2 = min(2 * step, last), r3 = min(3 * step, last), r4 = min(4 * step, last);
  let r5 = min(5 * step, last), r6 = min(6 * step, last), r7 = min(7 * step, last);
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
  let main = (run - 1) >> 2, mask = v128.load(LAST_LANES + ((run & 3) << 4)), back = run & 3 ? (4 - (run & 3)) << 2 : 0;
  for (; kh > 0; kh--) {
    let a = load<usize>(rows) + offset, end = b + (main << 4);
    rows += 4;
    for (; b < end; b += 16, a += 16) {
      let v = v128.load(b);
      c0 = madd(v128.load(a), v, c0);
      c1 = madd(v128.load(a + r1), v, c1);
      c2 = madd(v128.load(a + r2), v, c2);
      c3 = madd(v128.load(a + r3), v, c3);
      if (b == 1) break;
      c4 = madd(v128.load(a + r4), v, c4);
      c5 = madd(v128.load(a + r5), v, c5);
      c6 = madd(v128.load(a + r6), v, c6);
      c7 = madd(v128.load(a + r7), v, c7);
    }
    a -= back;
    let v = v128.load(b);
    c0 = madd(v128.and(v128.load(a), mask), v, c0);
    c1 = madd(v128.and(v128.load(a + r1), mask), v, c1);
    c2 = madd(v128.and(v128.load(a + r2), mask), v, c2);
    c3 = madd(v128.and(v128.load(a + r3), mask), v, c3);
    if (b == 1) break;
    c4 = madd(v128.and(v128.load(a + r4), mask), v, c4);
    c5 = madd(v128.and(v128.load(a + r5), mask), v, c5);
    c6 = madd(v128.and(v128.load(a + r6), mask), v, c6);
    c7 = madd(v128.and(v128.load(a + r7), mask), v, c7);
    b += 16;
  }
  finish(c, ldc, sums(c0, c1, c2, c3), pixels, bias, residual, ldr);
  if (pixels > 4) finish(
    c + 4 * ldc, ldc, sums(c4, c5, c6, c7), pixels - 4, bias, residual ? residual + 4 * ldr : 0, ldr,
  );
}

/** Up to 16 pixels by two filters; `phase` is the distance of the parts of a split row in bytes. */
function taps_16x2(
  rows: usize, offset: usize, kh: i32, kw: i32, strideW: i32, phase: i32, b: usize, c: usize, ldc: i32, pixels: i32,
  bias0: f32, bias1: f32, residual: usize, ldr: i32,
): void {
  let c00 = f32x4.splat(0), c10 = c00, c20 = c00, c30 = c00, c01 = c00, c11 = c00, c21 = c00, c31 = c00;
  for (; kh > 0; kh--) {
    let part = load<usize>(rows) + offset;
    rows += 4;
    for (let p = 0; p < strideW; p++) {
      let a = part;
      for (let t = p; t < kw; t += strideW) {
        let b0 = v128.load32_splat(b), b1 = v128.load32_splat(b, 4), x = v128.load(a);
        c00 = madd(x, b0, c00);
        c01 = madd(x, b1, c01);
        x = v128.load(a, 16);
        c10 = madd(x, b0, c10);
        c11 = madd(x, b1, c11);
        if (b == 1) break;
        x = v128.load(a, 32);
        c20 = madd(x, b0, c20);
        c21 = madd(x, b1, c21);
        x = v128.load(a, 48);
        c30 = madd(x, b0, c30);
        c31 = madd(x, b1, c31);
        a += 4;
        b += 8;
      }
      part += phase;
    }
  }
  for (let left = pixels; left > 0; left -= 4) {
    finish(c, ldc, c00, left, bias0, residual, ldr);
    finish(c + 4, ldc, c01, left, bias1, residual ? residual + 4 : 0, ldr);
    c += 4 * ldc;
    if (residual) residual += 4 * ldr;
    c00 = c10;
    c01 = c11;
    c10 = c20;
    c11 = c21;
    c20 = c30;
    c21 = c31;
  }
}

/** Up to 32 pixels by one filter. */
function taps_32x1(
  rows: usize, offset: usize, kh: i32, kw: i32, strideW: i32, phase: i32, b: usize, c: usize, ldc: i32, pixels: i32,
  bias: f32, residual: usize, ldr: i32,
): void {
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
  for (; kh > 0; kh--) {
    let part = load<usize>(rows) + offset;
    rows += 4;
    for (let p = 0; p < strideW; p++) {
      let a = part;
      for (let t = p; t < kw; t += strideW) {
        let v = v128.load32_splat(b);
        c0 = madd(v128.load(a), v, c0);
        c1 = madd(v128.load(a, 16), v, c1);
        c2 = madd(v128.load(a, 32), v, c2);
        c3 = madd(v128.load(a, 48), v, c3);
        if (b == 1) break;
        c4 = madd(v128.load(a, 64), v, c4);
        c5 = madd(v128.load(a, 80), v, c5);
        c6 = madd(v128.load(a, 96), v, c6);
        c7 = madd(v128.load(a, 112), v, c7);
        a += 4;
        b += 4;
      }
      part += phase;
    }
  }
  for (let left = pixels; left > 0; left -= 4) {
    finish(c, ldc, c0, left, bias, residual, ldr);
    c += 4 * ldc;
    if (residual) residual += 4 * ldr;
    c0 = c1;
    c1 = c2;
    c2 = c3;
    c3 = c4;
    c4 = c5;
    c5 = c6;
    c6 = c7;
  }
}
