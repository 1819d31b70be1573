// Depthwise convolution of 8-bit integers, channels-last, one filter per channel. Rows of the image are copied once
// into a ring, with their padding, so that the edges need no tests. Two taps at a time: their bytes are
// widened and interleaved, so that one i32x4.dot_i16x8_s adds both products of four channels. Two pixels share the
// loads of the filters.
import { INTEGER_BYTES } from "../abi/codes";
import { INR, integer_column, integer_finish } from "../lib/epilogue";
import { centred } from "./tile";
import { window_at } from "../lib/window";

/** Bytes of scratch: the ring of rows, what a load may reach beyond it, and the taps' places. */
export function depthwise_q8_scratch_size(
  channels: i32, ow: i32, kh: i32, kw: i32, strideW: i32, dilationH: i32, dilationW: i32,
): usize {
  let width = (ow - 1) * strideW + (kw - 1) * dilationW + 1;
  return (<usize>((kh - 1) * dilationH + 1) * width * channels + 16 & ~3) + ((kh * kw + 1) << 2);
}

/** Filters [channels, taps] as blocks of eight channels of pairs of taps; the sums at the end (gemm_q8_packed_size). */
export function depthwise_pack_q8(
  w: usize, isSigned: i32, zero: usize, zeroStep: i32, channels: i32, taps: i32, packed: usize,
): void {
  let pairs = (taps + 1) >> 1, width = (channels + INR - 1) & -INR, sums = packed + (<usize>width * pairs << 2);
  memory.fill(packed, 0, <usize>width * (pairs + 1) << 2);
  for (let c = 0; c < channels; c++) {
    let target = packed + (<usize>(c >> 3) * pairs << 5) + ((c & 7) << 2), sum = 0;
    for (let t = 0; t < taps; t++) {
      let value = centred(w + <usize>c * taps + t, isSigned, zero ? zero + c * zeroStep : 0);
      store<i16>(target + (<usize>(t >> 1) << 5) + ((t & 1) << 1), <i16>value);
      sum += value;
    }
    store<i32>(sums + (<usize>c << 2), sum);
  }
}

/** y[n, oh, ow, channels] of x[n, h, w, channels] for the rows [begin, end) of n·oh; see conv_im2col_q8. */
export function depthwise_q8(
  x: usize, xSigned: i32, xZero: usize, packed: usize, epilogue: usize, mode: i32, y: usize, window: usize, begin: i32,
  end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let h = s.h, w = s.w, oh = s.oh, ow = s.ow, channels = s.groups, kh = s.kh, kw = s.kw, strideH = s.strideH;
  let strideW = s.strideW;
  let dilationH = s.dilationH, dilationW = s.dilationW, padH = s.padH, padW = s.padW;
  let taps = kh * kw, pairs = (taps + 1) >> 1, ring = (kh - 1) * dilationH + 1;
  let width = (ow - 1) * strideW + (kw - 1) * dilationW + 1;
  let rowBytes = width * channels, places = scratch + (<usize>ring * rowBytes + 16 & ~3);
  let shift = mode == INTEGER_BYTES ? 0 : 2;
  let flip: u8 = xSigned ? 0x80 : 0, pad = (xZero ? load<u8>(xZero) : 0);
  let epilogueRow = <usize>((channels + INR - 1) & -INR) << 2;
  let loaded = 0, image = -1;
  for (let line = begin; line < end; line++) {
    let n = line / oh, top = (line - n * oh) * strideH;
    if (n != image) {
      image = n;
      loaded = top;
    }
    // Rows are counted from the first row of padding.
    for (loaded = max(loaded, top); loaded < top + ring; loaded++) {
      copy_row(
        x + <usize>n * h * w * channels, loaded - padH, h, w * channels, padW * channels, pad, flip,
        scratch + (loaded % ring) * rowBytes, rowBytes,
      );
    }
    for (let t = 0, ky = 0; ky < kh; ky++) {
      let row = scratch + ((top + ky * dilationH) % ring) * rowBytes;
      for (let kx = 0; kx < kw; kx++) store<usize>(places + (t++ << 2), row + kx * dilationW * channels);
    }
    // The partner of the last tap of an odd number has the filter 0.
    if (taps & 1) store<usize>(places + (taps << 2), load<usize>(places));
    let target = y + (<usize>line * ow * channels << shift), step = strideW * channels, offset: usize = 0, ox = 0;
    for (; ox + 2 <= ow; ox += 2) {
      pixels(2, places, offset, step, packed, pairs, channels, epilogue, epilogueRow, mode, target, channels << shift);
      offset += 2 * step;
      target += <usize>channels << (shift + 1);
    }
    if (ox < ow) pixels(1, places, offset, step, packed, pairs, channels, epilogue, epilogueRow, mode, target, 0);
  }
}

/** Every channel of one or two (`count`, a constant) pixels. */
// @ts-ignore: decorator
@inline
function pixels(
  count: i32, places: usize, offset: usize, step: i32, packed: usize, pairs: i32, channels: i32, epilogue: usize,
  epilogueRow: usize, mode: i32, target: usize, next: i32,
): void {
  let shift = mode == INTEGER_BYTES ? 0 : 2, last = places + (<usize>pairs << 3);
  for (let c = 0; c < channels; c += INR) {
    let column = integer_column(epilogue, c), at = offset + c;
    let a0 = v128.load(column), a1 = v128.load(column, 16), b0 = a0, b1 = a1;
    for (let p = places; p < last; p += 8) {
      let s = load<usize>(p) + at, t = load<usize>(p, 4) + at, w0 = v128.load(packed), w1 = v128.load(packed, 16);
      let u = v128.load8x8_u(s), v = v128.load8x8_u(t);
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.shuffle<i16>(u, v, 0, 8, 1, 9, 2, 10, 3, 11), w0));
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.shuffle<i16>(u, v, 4, 12, 5, 13, 6, 14, 7, 15), w1));
      if (count > 1) {
        u = v128.load8x8_u(s + step);
        v = v128.load8x8_u(t + step);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.shuffle<i16>(u, v, 0, 8, 1, 9, 2, 10, 3, 11), w0));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.shuffle<i16>(u, v, 4, 12, 5, 13, 6, 14, 7, 15), w1));
      }
      packed += 32;
    }
    let y = target + (<usize>c << shift);
    integer_finish(y, a0, a1, epilogue, column, epilogueRow, mode, channels - c);
    if (count > 1) integer_finish(y + next, b0, b1, epilogue, column, epilogueRow, mode, channels - c);
  }
}

/**
 * Row `iy` of an image with `left` bytes of padding before it and as many after it as make `bytes`, `flip` flipped in
 * each.
 */
function copy_row(
  image: usize, iy: i32, h: i32, length: i32, left: i32, pad: u8, flip: u8, target: usize, bytes: i32,
): void {
  if (<u32>iy >= <u32>h) {
    memory.fill(target, pad ^ flip, bytes);
    return;
  }
  left = min(left, bytes);
  let inside = min(length, bytes - left);
  memory.fill(target, pad ^ flip, left);
  let source = image + <usize>iy * length, to = target + left, i = 0;
  for (let flips = i8x16.splat(flip); i + 16 <= inside; i += 16) v128.store(
    to + i, v128.xor(v128.load(source + i), flips),
  );
  for (; i < inside; i++) store<u8>(to + i, load<u8>(source + i) ^ flip);
  memory.fill(to + inside, pad ^ flip, bytes - left - inside);
}
