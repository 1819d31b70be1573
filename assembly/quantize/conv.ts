// Convolution of 8-bit integers, channels-last, of any kernel, stride, dilation and padding, in one to three
// dimensions, one group: as in im2col.ts a matrix product whose left side is gathered a few pixels at a time, here also
// widened to 16 bits (tile.ts). A matrix product is a convolution with one tap over rows of one pixel.
import { INTEGER_BYTES } from "../abi/codes";
import { IMR, integer_panels } from "./tile";
import { is_pointwise, window_at } from "../lib/window";

/** Pixels gathered at a time, and the number of elements of each up to which they stay in the first-level cache. */
const STRIP: i32 = IMR * 4;
const STRIP_K: i32 = 640;

// @ts-ignore: decorator
@inline
function strip_rows(k: i32): i32 {
  return k > STRIP_K ? STRIP >> 1 : STRIP;
}

/** Bytes of scratch for windows of k elements: a strip, and what a vector may reach beyond it. */
export function conv_im2col_q8_scratch_size(k: i32): usize {
  return (<usize>strip_rows(k) * ((k + 1) & ~1) << 1) + 32;
}

/**
 * y[n, od, oh, ow, outputs] of x[n, d, h, w, inputs] for the rows [begin, end) of the n·od·oh rows of the output.
 * `mode` is an INTEGER_* code; taps outside the image are x's zero point (`xZero`, an address or 0).
 */
export function conv_im2col_q8(
  x: usize, xSigned: i32, xZero: usize, packed: usize, epilogue: usize, mode: i32, y: usize, window: usize, begin: i32,
  end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let d = s.d, h = s.h, w = s.w, od = s.od, oh = s.oh, ow = s.ow, inputs = s.inputs, outputs = s.outputs;
  let xPitch = s.xPitch, yPitch = s.yPitch;
  let kd = s.kd, kh = s.kh, kw = s.kw, strideD = s.strideD, strideH = s.strideH, strideW = s.strideW;
  let dilationD = s.dilationD, dilationH = s.dilationH, dilationW = s.dilationW, padD = s.padD, padH = s.padH;
  let padW = s.padW;
  let k = kd * kh * kw * inputs, pairs = (k + 1) >> 1, lda = pairs << 2, strip = strip_rows(k);
  let flip = xSigned ? 0x80 : 0, pad = (xZero ? <i32>load<u8>(xZero) : 0) ^ flip;
  let shift = mode == INTEGER_BYTES ? 0 : 2, first = begin * ow, pixels = end * ow, images = od * oh;
  let rowBytes = w * xPitch;
  let plain = is_pointwise(s);
  let joined = dilationW == 1 && xPitch == inputs;
  for (let pixel = first; pixel < pixels; pixel += strip) {
    let rows = min(pixels - pixel, strip);
    if (plain && joined && (inputs & 1) == 0) {
      widen(scratch, x + <usize>pixel * inputs, rows * inputs, flip, x + <usize>(pixel + rows) * inputs);
    } else if (plain) {
      for (let i = 0; i < rows; i++) widen(scratch + i * lda, x + <usize>(pixel + i) * xPitch, inputs, flip, 0);
    } else {
      let line = pixel / ow, ox = pixel - line * ow;
      for (let i = 0; i < rows; line++) {
        let image = line / images, rest = line - image * images, oz = rest / oh, oy = rest - oz * oh;
        let source = x + <usize>image * d * h * rowBytes, z = oz * strideD - padD, iy = oy * strideH - padH;
        for (; i < rows && ox < ow; i++) {
          gather(
            source, rowBytes, xPitch, d, h, w, inputs, kd, kh, kw, dilationD, dilationH, dilationW, z, iy,
            ox * strideW - padW, joined, flip, pad, scratch + i * lda,
          );
          ox++;
        }
        ox = 0;
      }
    }
    integer_panels(
      scratch, lda, packed, pairs, epilogue, outputs, mode, y + (<usize>pixel * yPitch << shift), yPitch << shift, rows,
    );
  }
}

/**
 * The elements under one output pixel whose first tap is at (z, y, x) of the image: depth tap, row tap, column tap,
 * channel.
 */
function gather(
  source: usize, rowBytes: i32, pitch: i32, d: i32, h: i32, w: i32, inputs: i32, kd: i32, kh: i32, kw: i32,
  dilationD: i32, dilationH: i32, dilationW: i32, z: i32, y: i32, x: i32, joined: bool, flip: i32, pad: i32,
  target: usize,
): void {
  let run = kw * inputs, end = source + <usize>d * h * rowBytes;
  if (joined && kd == 1 && run <= 16 && x >= 0 && x + kw <= w && <u32>z < <u32>d) {
    // First layers: a row of taps is one vector.
    let flips = i8x16.splat(<i8>flip), pads = i16x8.splat(<i16>pad);
    let line = source + <usize>z * h * rowBytes + x * inputs;
    for (let ty = 0; ty < kh; ty++) {
      let iy = y + ty * dilationH, p = line + iy * rowBytes;
      if (<u32>iy >= <u32>h) {
        v128.store(target, pads);
        v128.store(target, pads, 16);
      } else if (p + 16 > end) {
        widen(target, p, run, flip, end);
      } else {
        let v = v128.xor(v128.load(p), flips);
        v128.store(target, i16x8.extend_low_i8x16_u(v));
        v128.store(target, i16x8.extend_high_i8x16_u(v), 16);
      }
      target += run << 1;
    }
    return;
  }
  for (let tz = 0; tz < kd; tz++) {
    let iz = z + tz * dilationD;
    for (let ty = 0; ty < kh; ty++) {
      let iy = y + ty * dilationH;
      if (<u32>iz >= <u32>d || <u32>iy >= <u32>h) {
        fill(target, run, pad);
      } else {
        let line = source + <usize>(iz * h + iy) * rowBytes;
        if (joined) {
          let start = x * inputs, low = min(max(-start, 0), run), high = max(min(w * inputs - start, run), low);
          if (low > 0) fill(target, low, pad);
          widen(target + (low << 1), line + start + low, high - low, flip, end);
          if (high < run) fill(target + (high << 1), run - high, pad);
        } else {
          for (let tx = 0, ix = x, t = target; tx < kw; tx++) {
            if (<u32>ix < <u32>w) widen(t, line + ix * pitch, inputs, flip, end);
            else fill(t, inputs, pad);
            ix += dilationW;
            t += inputs << 1;
          }
        }
      }
      target += run << 1;
    }
  }
}

/**
 * Bytes as 16-bit numbers, `flip` flipped in each. Nothing is read at or beyond `end`; up to seven numbers are written
 * beyond `count`, where what comes next is written later.
 */
function widen(target: usize, source: usize, count: i32, flip: i32, end: usize): void {
  let flips = i8x16.splat(<i8>flip);
  for (; count >= 16; count -= 16) {
    let v = v128.xor(v128.load(source), flips);
    v128.store(target, i16x8.extend_low_i8x16_u(v));
    v128.store(target, i16x8.extend_high_i8x16_u(v), 16);
    source += 16;
    target += 32;
  }
  for (; count >= 8 || (count > 0 && source + 8 <= end); count -= 8) {
    v128.store(target, i16x8.extend_low_i8x16_u(v128.xor(v128.load64_zero(source), flips)));
    source += 8;
    target += 16;
  }
  for (; count > 0; count--) {
    store<u16>(target, load<u8>(source) ^ <u8>flip);
    source++;
    target += 2;
  }
}

// @ts-ignore: decorator
@inline
function fill(target: usize, count: i32, value: i32): void {
  for (; count > 0; count--) {
    store<u16>(target, <u16>value);
    target += 2;
  }
}
