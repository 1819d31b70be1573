// Winograd's F(2×2, 3×3) on 8-bit integers, channels-last: 16 products of 16 bits in the place of 36, and exact.
// Filters are transformed by twice their usual matrix, so that everything stays whole: sums are four times the
// convolution's, and wrap around at 2^32, which the last step, a division by four, allows up to WINOGRAD_INPUTS
// channels.
import { INTEGER_BYTES } from "../abi/codes";
import { q8_sums_5x8 } from "../generated/integer-tiles";
import { window_at } from "../lib/window";
import { copy_line } from "./dot";
import { INR, integer_column, integer_finish } from "../lib/epilogue";
import { centred } from "./tile";

/** Bytes that transformed pixels of one pass may take, and the least and most tiles of it. */
const PASS: i32 = 65536;
const LEAST: i32 = 20;
const MOST: i32 = 60;

/** Bytes of packed filters, without the sums at their end, that only say nothing is to be taken off. */
export function winograd_q8_packed_size(inputs: i32, outputs: i32): usize {
  return <usize>((outputs + INR - 1) & -INR) * ((inputs + 1) >> 1) << 6;
}

/**
 * Filters w[outputs, inputs, 3, 3] as G·w·Gᵀ with twice the usual G: panels of eight filters, of 16 positions, of pairs
 * of inputs. Elements less their zero points are below 2^8, and the results below 2^12.
 */
export function winograd_pack_q8(
  w: usize, isSigned: i32, zero: usize, zeroStep: i32, outputs: i32, inputs: i32, packed: usize,
): void {
  let pairs = (inputs + 1) >> 1, width = (outputs + INR - 1) & -INR;
  memory.fill(packed, 0, winograd_q8_packed_size(inputs, outputs) + (width << 2));
  for (let o = 0; o < outputs; o++) {
    let panel = packed + (<usize>(o >> 3) * pairs << 9) + ((o & 7) << 2), from = zero ? zero + o * zeroStep : 0;
    for (let i = 0; i < inputs; i++) {
      let source = w + <usize>(o * inputs + i) * 9, target = panel + (<usize>(i >> 1) << 5) + ((i & 1) << 1);
      for (let r = 0; r < 4; r++) {
        let a = row_of(source, 0, r, isSigned, from), b = row_of(source, 1, r, isSigned, from);
        let c = row_of(source, 2, r, isSigned, from);
        let at = target + (<usize>r * pairs << 7), step = <usize>pairs << 5;
        store<i16>(at, <i16>(2 * a));
        store<i16>(at + step, <i16>(a + b + c));
        store<i16>(at + 2 * step, <i16>(a - b + c));
        store<i16>(at + 3 * step, <i16>(2 * c));
      }
    }
  }
}

/** Row r of twice G, times column `column` of a filter. */
function row_of(w: usize, column: i32, r: i32, isSigned: i32, zero: usize): i32 {
  let a = centred(w + column, isSigned, zero), b = centred(w + column + 3, isSigned, zero);
  let c = centred(w + column + 6, isSigned, zero);
  if (r == 0) return 2 * a;
  if (r == 3) return 2 * c;
  return r == 1 ? a + b + c : a - b + c;
}

/** Tiles of one pass. */
// @ts-ignore: decorator
@inline
function pass_tiles(inputs: i32): i32 {
  return max(min(PASS / (inputs << 5), MOST), LEAST) / 5 * 5;
}

/** Bytes of one position of a pass: what the last vector of a pixel writes too much comes before the next one's. */
// @ts-ignore: decorator
@inline
function position_bytes(tiles: i32, inputs: i32): usize {
  return <usize>tiles * ((inputs + 1) >> 1 << 2) + 16;
}

/** Bytes of scratch for rows of `ow` outputs. */
export function winograd_q8_scratch_size(inputs: i32, ow: i32): usize {
  let tiles = pass_tiles(inputs);
  return (position_bytes(tiles, inputs) << 4) + (<usize>tiles << 9) + <usize>((ow + 3) & ~1) * inputs * 4 + 16;
}

/**
 * y[n, oh, ow, outputs] of x[n, h, w, inputs] by a kernel of 3×3 that moves by one, for the rows [begin, end) of the
 * n·⌈oh/2⌉ rows of tiles. The epilogue must be one whose left side has the zero point 0: it is taken off here.
 */
export function winograd_q8(
  x: usize, xSigned: i32, xZero: usize, packed: usize, epilogue: usize, mode: i32, y: usize, window: usize, begin: i32,
  end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let h = s.h, w = s.w, oh = s.oh, ow = s.ow, inputs = s.inputs, outputs = s.outputs, pitch = s.xPitch;
  let wide = (ow + 1) >> 1, high = (oh + 1) >> 1, width = (wide << 1) + 2, rowBytes = width * inputs;
  let shift = mode == INTEGER_BYTES ? 0 : 2, ldy = s.yPitch << shift, most = pass_tiles(inputs);
  let lda = (inputs + 1) >> 1 << 2, position = position_bytes(most, inputs), sums = scratch + (position << 4);
  let band = sums + (<usize>most << 9), flip = xSigned ? 0x80 : 0, pad = (xZero ? <i32>load<u8>(xZero) : 0) ^ flip;
  let panel = <usize>lda << 7, row = <usize>((outputs + INR - 1) & -INR) << 2, last = end * wide, copied = -1;
  for (let first = begin * wide; first < last; first += most) {
    let tiles = min(most, last - first);
    for (let t = 0; t < tiles; t++) {
      let line = (first + t) / wide, n = line / high, tx = first + t - line * wide;
      if (line != copied) {
        let image = x + <usize>n * h * w * pitch, top = (line - n * high) * 2 - s.padH;
        for (let i = 0; i < 4; i++) {
          copy_line(image, top + i, h, w, pitch, inputs, s.padW, width, pad, flip, band + <usize>i * rowBytes);
        }
        copied = line;
      }
      transform(band + <usize>(tx << 1) * inputs, rowBytes, inputs, pad, scratch + t * lda, position);
    }
    for (let j = 0, b = packed; j < outputs; j += INR) {
      for (let p = 0; p < 16; p++) {
        q8_sums_5x8(scratch + p * position, lda, b, lda >> 2, sums + (p << 5), tiles);
        b += <usize>lda << 3;
      }
      let column = integer_column(epilogue, j);
      let line = first / wide, tx = first - line * wide;
      for (let t = 0; t < tiles; line++, tx = 0) {
        let n = line / high, oy = (line - n * high) << 1, count = min(tiles - t, wide - tx);
        let target = y + (<usize>(n * oh + oy) * ow + (tx << 1)) * ldy + (<usize>j << shift);
        for (let i = 0; i < count; i++, t++, tx++, target += ldy << 1) {
          finish_tile(
            sums + (<usize>t << 9), epilogue, column, row, mode, target, ldy, ow * ldy, oy + 1 < oh, tx * 2 + 1 < ow,
            outputs - j,
          );
        }
      }
    }
  }
}

/** Bᵀ·d·B of one tile, eight channels at a time. */
function transform(d: usize, rowBytes: i32, inputs: i32, zero: i32, target: usize, position: usize): void {
  let zeros = i16x8.splat(<i16>zero), d1 = d + rowBytes, d2 = d1 + rowBytes, d3 = d2 + rowBytes;
  for (let c = 0; c < inputs; c += 8) {
    let q = target, a = c, b = c + inputs, e = b + inputs, f = e + inputs;
    for (let r = 0; r < 4; r++) {
      // Row r of Bᵀ·d: the difference or the sum of two rows.
      let p: usize, o: usize;
      if (r == 0) p = d, o = d2;
      else if (r == 1) p = d1, o = d2;
      else if (r == 2) p = d2, o = d1;
      else p = d1, o = d3;
      let v0 = v128.load8x8_u(p + a), v1 = v128.load8x8_u(p + b), v2 = v128.load8x8_u(p + e);
      let v3 = v128.load8x8_u(p + f);
      let w0 = v128.load8x8_u(o + a), w1 = v128.load8x8_u(o + b), w2 = v128.load8x8_u(o + e);
      let w3 = v128.load8x8_u(o + f);
      if (r == 1) {
        // Of a sum the zero point is taken off twice.
        let twice = i16x8.add(zeros, zeros);
        v0 = i16x8.sub(i16x8.add(v0, w0), twice);
        v1 = i16x8.sub(i16x8.add(v1, w1), twice);
        v2 = i16x8.sub(i16x8.add(v2, w2), twice);
        v3 = i16x8.sub(i16x8.add(v3, w3), twice);
      } else {
        v0 = i16x8.sub(v0, w0);
        v1 = i16x8.sub(v1, w1);
        v2 = i16x8.sub(v2, w2);
        v3 = i16x8.sub(v3, w3);
      }
      v128.store(q, i16x8.sub(v0, v2));
      v128.store(q + position, i16x8.add(v1, v2));
      v128.store(q + 2 * position, i16x8.sub(v2, v1));
      v128.store(q + 3 * position, i16x8.sub(v1, v3));
      q += position << 2;
    }
    target += 16;
  }
}

// @ts-ignore: decorator
@inline
function sum(a: v128, b: v128, c: v128): v128 {
  return i32x4.add(i32x4.add(a, b), c);
}

// @ts-ignore: decorator
@inline
function rest(a: v128, b: v128, c: v128): v128 {
  return i32x4.sub(i32x4.sub(a, b), c);
}

/** Aᵀ·m·A, divided by four, and the bias: four pixels of eight filters, of those that there are. */
function finish_tile(
  m: usize, epilogue: usize, column: usize, row: usize, mode: i32, y: usize, ldy: i32, line: i32, below: bool,
  right: bool, columns: i32,
): void {
  let a = v128.load(m), b = v128.load(m, 32), c = v128.load(m, 64), d = v128.load(m, 96);
  let y00 = sum(a, b, c), y01 = rest(b, c, d);
  a = v128.load(m, 16), b = v128.load(m, 48), c = v128.load(m, 80), d = v128.load(m, 112);
  let z00 = sum(a, b, c), z01 = rest(b, c, d);
  a = v128.load(m, 128), b = v128.load(m, 160), c = v128.load(m, 192), d = v128.load(m, 224);
  let y10 = sum(a, b, c), y11 = rest(b, c, d);
  a = v128.load(m, 144), b = v128.load(m, 176), c = v128.load(m, 208), d = v128.load(m, 240);
  let z10 = sum(a, b, c), z11 = rest(b, c, d);
  y00 = i32x4.add(y00, y10), y01 = i32x4.add(y01, y11), z00 = i32x4.add(z00, z10), z01 = i32x4.add(z01, z11);
  a = v128.load(m, 256), b = v128.load(m, 288), c = v128.load(m, 320), d = v128.load(m, 352);
  let s = sum(a, b, c), t = rest(b, c, d);
  y00 = i32x4.add(y00, s), y01 = i32x4.add(y01, t), y10 = i32x4.sub(y10, s), y11 = i32x4.sub(y11, t);
  a = v128.load(m, 272), b = v128.load(m, 304), c = v128.load(m, 336), d = v128.load(m, 368);
  s = sum(a, b, c), t = rest(b, c, d);
  z00 = i32x4.add(z00, s), z01 = i32x4.add(z01, t), z10 = i32x4.sub(z10, s), z11 = i32x4.sub(z11, t);
  store_pixel(y00, z00, y, epilogue, column, row, mode, columns);
  if (right) store_pixel(y01, z01, y + ldy, epilogue, column, row, mode, columns);
  if (!below) return;
  a = v128.load(m, 384), b = v128.load(m, 416), c = v128.load(m, 448), d = v128.load(m, 480);
  y10 = i32x4.sub(y10, sum(a, b, c)), y11 = i32x4.sub(y11, rest(b, c, d));
  a = v128.load(m, 400), b = v128.load(m, 432), c = v128.load(m, 464), d = v128.load(m, 496);
  z10 = i32x4.sub(z10, sum(a, b, c)), z11 = i32x4.sub(z11, rest(b, c, d));
  store_pixel(y10, z10, y + line, epilogue, column, row, mode, columns);
  if (right) store_pixel(y11, z11, y + line + ldy, epilogue, column, row, mode, columns);
}

// @ts-ignore: decorator
@inline
function store_pixel(
  c0: v128, c1: v128, y: usize, epilogue: usize, column: usize, row: usize, mode: i32, columns: i32,
): void {
  c0 = i32x4.add(v128.load(column), i32x4.shr_s(c0, 2));
  c1 = i32x4.add(v128.load(column, 16), i32x4.shr_s(c1, 2));
  integer_finish(y, c0, c1, epilogue, column, row, mode, columns);
}
