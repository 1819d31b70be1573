// Products and convolutions of bytes, channels-last, by the dot product of four bytes with four
// (i32x4.relaxed_dot_i8x16_i7x16_add_s), where the engine's is exact for all bytes (dot_kind_q8).
//
// Nothing is gathered: the elements under an output pixel are segments (a row of taps, or a tap), which lie as far from
// the pixel's first tap as those of every other pixel. Rows with padding, or whose bits have to be flipped, are copied
// first, a band of them at a time; others are read where they are.
import { INTEGER_BYTES } from "../abi/codes";
import { q8_dot_1x8, q8_dot_5x8 } from "../generated/dot-tiles";
import { is_pointwise, window_at } from "../lib/window";
import { dot_bytes } from "../lib/dot-bytes";
import { INR, integer_column } from "../lib/epilogue";
import { centred } from "./tile";

/** Rows of a tile. */
const ROWS: i32 = 5;
/** Bytes of a band, roughly, and the most pixels of it: they stay in the first-level cache beside a panel. */
const BAND: i32 = 24576;
const PIXELS: i32 = 480;

/**
 * What the engine takes the second operand of its dot product for, if the sums are exact whatever the bytes are: 1 for
 * numbers 0 … 255, 2 for numbers −128 … 127; 0 if sums of two products may be cut to 16 bits. The specification leaves
 * the choice to the engine, but has it make the same one throughout a program. `low` is −128, `high` 127: arguments, so
 * that no compiler computes this.
 */
export function dot_kind_q8(low: i32, high: i32): i32 {
  const zero = i32x4.splat(0), lows = i8x16.splat(<i8>low), highs = i8x16.splat(<i8>high);
  const ones = i8x16.splat(<i8>(low + high));
  const p = i32x4.extract_lane(dot_bytes(lows, lows, zero), 0);
  const q = i32x4.extract_lane(dot_bytes(highs, ones, zero), 1);
  const r = i32x4.extract_lane(dot_bytes(lows, ones, zero), 2);
  if (p == -65536 && q == 129540 && r == -130560) return 1;
  return p == 65536 && q == -508 && r == 512 ? 2 : 0;
}

/** Bytes of a packed right side of `segments` segments of `run` elements and n columns, without the column sums. */
export function dot_q8_panels_size(segments: i32, run: i32, n: i32): usize {
  return <usize>((n + INR - 1) & -INR) * segments * ((run + 3) & ~3);
}

/**
 * Packs bytes w[j·columnStep + o·outerStep + i·innerStep], 0 ≤ o < outer, 0 ≤ i < inner, of n columns: panels of eight
 * columns of four elements along k each, `together` of the outer ones in a segment; the column sums come behind. An
 * element less its zero point must fit a signed byte. Zero points stand `zeroStep` apart; `zero` 0 is none.
 */
export function gemm_pack_dot_q8(
  w: usize, isSigned: i32, zero: usize, zeroStep: i32, n: i32, outer: i32, inner: i32, together: i32, columnStep: i32,
  outerStep: i32, innerStep: i32, packed: usize,
): void {
  let segments = outer / together, run = (together * inner + 3) & ~3, panel = <usize>segments * run << 3;
  let sums = packed + dot_q8_panels_size(segments, together * inner, n);
  for (let j = 0; j < n; j += INR) {
    memory.fill(packed, 0, panel);
    memory.fill(sums, 0, INR << 2);
    for (let c = 0; c < min(n - j, INR); c++) {
      let source = w + <usize>(j + c) * columnStep, from = zero ? zero + (j + c) * zeroStep : 0, sum = 0;
      for (let o = 0; o < outer; o++) {
        let p = (o / together) * run + (o % together) * inner;
        for (let i = 0; i < inner; i++, p++) {
          let value = centred(source + <usize>o * outerStep + i * innerStep, isSigned, from);
          store<i8>(packed + (<usize>(p >> 2) << 5) + (c << 2) + (p & 3), <i8>value);
          sum += value;
        }
      }
      store<i32>(sums + (c << 2), sum);
    }
    packed += panel;
    sums += INR << 2;
  }
}

/** Rows of y of a band. */
// @ts-ignore: decorator
@inline
function band_rows(rowBytes: i32, oh: i32, ow: i32, reach: i32, strideH: i32): i32 {
  let rows = (BAND / max(rowBytes, 1) - reach) / strideH + 1;
  return max(min(min(rows, oh), PIXELS / ow), 1);
}

/** Pixels of a strip of a pointwise convolution. */
// @ts-ignore: decorator
@inline
function strip_pixels(inputs: i32): i32 {
  return max(min(BAND / inputs, PIXELS) / ROWS, 4) * ROWS;
}

/** Bytes of scratch of conv_dot_q8; `pointwise` as is_pointwise says. */
export function conv_dot_q8_scratch_size(
  pointwise: i32, inputs: i32, oh: i32, ow: i32, kh: i32, kw: i32, strideH: i32, strideW: i32, dilationH: i32,
  dilationW: i32,
): usize {
  let places = <usize>(kh * kw + ROWS) << 2;
  if (pointwise) {
    let pixels = strip_pixels(inputs);
    return places + (<usize>pixels << 2) + <usize>pixels * ((inputs + 3) & ~3) + 16;
  }
  let reach = (kh - 1) * dilationH + 1, rowBytes = row_bytes(ow, kw, strideW, dilationW, inputs);
  let rows = band_rows(rowBytes, oh, ow, reach, strideH);
  return places + (<usize>rows * ow << 2) + <usize>((rows - 1) * strideH + reach) * rowBytes + 16;
}

// @ts-ignore: decorator
@inline
function row_bytes(ow: i32, kw: i32, strideW: i32, dilationW: i32, inputs: i32): i32 {
  return ((ow - 1) * strideW + (kw - 1) * dilationW + 1) * inputs;
}

/**
 * y[n, oh, ow, outputs] of x[n, h, w, inputs] for the rows [begin, end) of the n·oh rows of the output (those of a
 * pointwise convolution may have a depth). `flip` is flipped in every byte of x, so that the engine takes it for what
 * the epilogue counts; taps outside the image are x's zero point (`xZero`, an address or 0). `mode` is an INTEGER_*
 * code.
 */
export function conv_dot_q8(
  x: usize, flip: i32, xZero: usize, packed: usize, epilogue: usize, mode: i32, y: usize, window: usize, begin: i32,
  end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let h = s.h, w = s.w, oh = s.oh, ow = s.ow, inputs = s.inputs, outputs = s.outputs, kh = s.kh, kw = s.kw;
  let strideH = s.strideH, strideW = s.strideW, dilationH = s.dilationH, dilationW = s.dilationW;
  let padH = s.padH, padW = s.padW, xPitch = s.xPitch;
  let shift = mode == INTEGER_BYTES ? 0 : 2, ldy = s.yPitch << shift;
  let together = dilationW == 1 ? kw : 1, segments = kh * kw / together, run = (together * inputs + 3) & ~3;
  let segs = scratch, places = segs + (<usize>segments << 2);
  if (is_pointwise(s)) {
    store<i32>(segs, 0);
    let strip = strip_pixels(inputs), copy = flip != 0 || (inputs & 3) != 0, pitch = copy ? run : xPitch;
    let band = places + (<usize>(strip + ROWS) << 2), last = end * ow;
    places_of(places, min(strip, last - begin * ow), 1, pitch, 0);
    for (let pixel = begin * ow; pixel < last; pixel += strip) {
      let pixels = min(strip, last - pixel), from = x + <usize>pixel * xPitch;
      if (pixels < strip) places_of(places, pixels, 1, pitch, 0);
      if (copy && xPitch == inputs && run == inputs) flipped(from, pixels * inputs, flip, band);
      else if (copy) for (let i = 0; i < pixels; i++) flipped(from + i * xPitch, inputs, flip, band + i * pitch);
      panels(
        copy ? band : from, places, pixels, segs, segments, run, packed, epilogue, outputs, mode,
        y + <usize>pixel * ldy, ldy,
      );
    }
    return;
  }
  let reach = (kh - 1) * dilationH + 1, width = (ow - 1) * strideW + (kw - 1) * dilationW + 1;
  let inside = padH == 0 && padW == 0 && (oh - 1) * strideH + reach <= h && width <= w;
  let copy = flip != 0 || !inside || (run != together * inputs) || (together > 1 && xPitch != inputs);
  let pitch = copy ? inputs : xPitch, rowBytes = copy ? width * inputs : w * xPitch;
  let rows = band_rows(width * inputs, oh, ow, reach, strideH), pad = (xZero ? <i32>load<u8>(xZero) : 0) ^ flip;
  for (let i = 0; i < segments; i++) {
    let ky = together > 1 ? i : i / kw, kx = together > 1 ? 0 : i - ky * kw;
    store<i32>(segs + (i << 2), ky * dilationH * rowBytes + kx * dilationW * pitch);
  }
  let band = places + (<usize>(rows * ow + ROWS) << 2);
  for (let line = begin; line < end;) {
    let n = line / oh, oy = line - n * oh, count = min(min(rows, oh - oy), end - line);
    let image = x + <usize>n * h * w * xPitch, from = band, top = oy * strideH - padH;
    places_of(places, ow, count, strideW * pitch, strideH * rowBytes);
    if (copy) {
      for (let i = 0; i < (count - 1) * strideH + reach; i++) {
        copy_line(image, top + i, h, w, xPitch, inputs, padW, width, pad, flip, band + <usize>i * rowBytes);
      }
    } else {
      from = image + <usize>top * rowBytes;
    }
    panels(
      from, places, count * ow, segs, segments, run, packed, epilogue, outputs, mode,
      y + <usize>line * ow * ldy, ldy,
    );
    line += count;
  }
}

/** Every panel of columns for some pixels. */
function panels(
  base: usize, places: usize, pixels: i32, segs: usize, segments: i32, run: i32, packed: usize, epilogue: usize,
  n: i32, mode: i32, y: usize, ldy: i32,
): void {
  let row = <usize>((n + INR - 1) & -INR) << 2, shift = mode == INTEGER_BYTES ? 0 : 2, bytes = run << 3;
  let segsEnd = segs + (<usize>segments << 2);
  for (let j = 0; j < n; j += INR) {
    let yi = y + (<usize>j << shift), column = integer_column(epilogue, j);
    if (pixels == 1) {
      q8_dot_1x8(base, places, segs, segsEnd, packed, bytes, epilogue, column, row, mode, yi, ldy, 1, n - j);
    } else {
      q8_dot_5x8(base, places, segs, segsEnd, packed, bytes, epilogue, column, row, mode, yi, ldy, pixels, n - j);
    }
    packed += <usize>segments * bytes;
  }
}

/** Where the first taps of pixels are: `rows` rows of `columns`. What a tile takes beyond them repeats the last one. */
function places_of(places: usize, columns: i32, rows: i32, step: i32, rowStep: i32): void {
  let place = 0;
  for (let i = 0; i < rows; i++) {
    place = i * rowStep;
    for (let k = 0; k < columns; k++) {
      store<i32>(places, place);
      places += 4;
      place += step;
    }
  }
  for (let i = 1; i < ROWS; i++) {
    store<i32>(places, place - step);
    places += 4;
  }
}

/** Row `iy` of an image with `left` pixels of padding before it, and as many after it as make `width`. */
export function copy_line(
  image: usize, iy: i32, h: i32, w: i32, pitch: i32, inputs: i32, left: i32, width: i32, pad: i32, flip: i32,
  target: usize,
): void {
  if (<u32>iy >= <u32>h) {
    memory.fill(target, <u8>pad, <usize>width * inputs);
    return;
  }
  left = min(left, width);
  let pixels = min(w, width - left), source = image + <usize>iy * w * pitch;
  memory.fill(target, <u8>pad, <usize>left * inputs);
  target += <usize>left * inputs;
  if (pitch == inputs) flipped(source, pixels * inputs, flip, target);
  else for (let i = 0; i < pixels; i++) flipped(source + i * pitch, inputs, flip, target + i * inputs);
  memory.fill(target + <usize>pixels * inputs, <u8>pad, <usize>(width - left - pixels) * inputs);
}

/** Bytes with `flip` flipped in each. */
// @ts-ignore: decorator
@inline
function flipped(source: usize, count: i32, flip: i32, target: usize): void {
  let flips = i8x16.splat(<i8>flip), i = 0;
  for (; i + 16 <= count; i += 16) v128.store(target + i, v128.xor(v128.load(source + i), flips));
  for (; i < count; i++) store<u8>(target + i, load<u8>(source + i) ^ <u8>flip);
}
