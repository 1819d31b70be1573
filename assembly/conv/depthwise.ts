// Depthwise convolution, channels-last.
//
// Thirty-two channels at a time, the input rows under the kernel are copied into a ring of zero-padded rows.
// That one copy removes every edge case from the arithmetic, makes the pixel distance a constant (all offsets become
// immediates), and avoids the cache-set conflicts of pixel pitches like 512 or 1024 floats, where direct reading falls
// to a third of the speed (docs/performance/depthwise.md).
import { DEPTHWISE_LINES, DEPTHWISE_RING, UNARY_CLIP, UNARY_NONE, UNARY_RELU } from "../abi/codes";
import { tile_3x1, tile_3x2, tile_3x2_lines, tile_5x1, tile_5x2, tile_any } from "../generated/depthwise-tiles";
import { load_some, store_some } from "../lib/simd";
import { unary_f32 } from "../elementwise/unary";
import { window_at } from "../lib/window";

/**
 * Output pixels of one register tile. Seven accumulators leave room for five weights; common widths are multiples of 7.
 */
const TILE: i32 = 7;
/** Channels of one group, and the bytes of a pixel in the ring. */
const GROUP: i32 = 32;
const PIXEL: i32 = 128;

// @ts-ignore: decorator
@inline
function ring_width(ow: i32, kw: i32, sw: i32, dw: i32): i32 {
  return ((ow + TILE - 1) / TILE * TILE - 1) * sw + (kw - 1) * dw + 1;
}

/** Bytes of scratch that depthwise_f32 needs. */
export function depthwise_scratch_size(channels: i32, ow: i32, kh: i32, kw: i32, sw: i32, dh: i32, dw: i32): i32 {
  return (((kh - 1) * dh + 1) * ring_width(ow, kw, sw, dw) + (ow + TILE - 1) / TILE * TILE) * PIXEL
    + ((channels + 3 & ~3) << 2);
}

/** Floats of the packed weights of `channels` output channels. */
export function depthwise_packed_size(channels: i32, taps: i32): i32 {
  return ((channels + 3) & ~3) * taps;
}

/**
 * ONNX weights [channels, 1, kh, kw] with taps = kh·kw, to blocks of four channels, each [taps][4]; channels past the
 * end are zero.
 */
export function depthwise_pack_f32(w: usize, channels: i32, taps: i32, packed: usize): void {
  for (let c = 0; c < channels; c += 4) {
    for (let t = 0; t < taps; t++) {
      for (let lane = 0; lane < 4; lane++) {
        store<f32>(packed, c + lane < channels ? load<f32>(w + (((c + lane) * taps + t) << 2)) : 0);
        packed += 4;
      }
    }
  }
}

/** `n` pixels of `channels` (≤ GROUP) channels from `x` into a ring row. */
function copy_row(x: usize, pitch: i32, row: usize, n: i32, channels: i32): void {
  if (channels == GROUP) {
    for (; n > 0; n--) {
      v128.store(row, v128.load(x));
      v128.store(row, v128.load(x, 16), 16);
      v128.store(row, v128.load(x, 32), 32);
      v128.store(row, v128.load(x, 48), 48);
      v128.store(row, v128.load(x, 64), 64);
      v128.store(row, v128.load(x, 80), 80);
      v128.store(row, v128.load(x, 96), 96);
      v128.store(row, v128.load(x, 112), 112);
      row += PIXEL;
      x += pitch;
    }
    return;
  }
  for (; n > 0; n--) {
    let c = 0;
    for (; c + 4 <= channels; c += 4) v128.store(row + (c << 2), v128.load(x + (c << 2)));
    if (c < channels) v128.store(row + (c << 2), load_some(x + (c << 2), channels - c));
    row += PIXEL;
    x += pitch;
  }
}

/** The same where each input channel feeds `multiplier` output channels, of which the row's first is `first`. */
function spread_row(x: usize, pitch: i32, row: usize, n: i32, channels: i32, first: i32, multiplier: i32): void {
  for (; n > 0; n--) {
    for (let c = 0; c < channels; c++) store<f32>(row + (c << 2), load<f32>(x + ((first + c) / multiplier << 2)));
    row += PIXEL;
    x += pitch;
  }
}

/** A row of results that could not go straight to the output: residual, activation, exact channels. */
function finish_row(
  row: usize, n: i32, channels: i32, residual: usize, residualPitch: i32, y: usize, pitch: i32, act: i32, a: f32,
  b: f32,
): void {
  let tail = channels & 3, whole = channels - tail;
  if (residual) {
    for (let i = 0; i < n; i++) {
      let to = row + i * PIXEL, from = residual + i * residualPitch, stop = from + (whole << 2);
      for (; from < stop; from += 16, to += 16) v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
      if (tail) v128.store(to, f32x4.add(v128.load(to), load_some(from, tail)));
    }
  }
  if (act != UNARY_NONE) unary_f32(act, row, row, n * GROUP, a, b);
  for (let i = 0; i < n; i++) {
    let from = row + i * PIXEL, to = y + i * pitch, stop = to + (whole << 2);
    for (; to < stop; from += 16, to += 16) v128.store(to, v128.load(from));
    if (tail) store_some(to, v128.load(from), tail);
  }
}

/**
 * x[n, height, width, channels / multiplier] → y[n, oh, ow, channels]; `w` from depthwise_pack_f32; `bias` and
 * `residual` (shaped like y) may be 0. y = act(conv + bias + residual). Pitches are the floats between pixels. Padding
 * below and to the right follows from oh and ow. [begin, end) runs over n·oh output rows. `way` is one of DEPTHWISE_*;
 * all give the same bits. IMAGE and LINES take kernels 3 wide at stride 1 or 2, not dilated, one filter per channel, a
 * multiple of 4 channels and an epilogue without residual or functions; LINES stride 2 and a multiple of 16 channels.
 */
export function depthwise_f32(
  way: i32, x: usize, w: usize, bias: usize, residual: usize, y: usize, window: usize, act: i32, a: f32, b: f32,
  begin: i32, end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let height = s.h, width = s.w, oh = s.oh, ow = s.ow, multiplier = s.outputs, channels = s.groups * multiplier;
  let kh = s.kh, kw = s.kw, sh = s.strideH, sw = s.strideW, dh = s.dilationH, dw = s.dilationW, top = s.padH;
  let left = s.padW;
  let kind = dw != 1 ? 0 : kw == 3 ? (sw == 1 ? 1 : sw == 2 ? 2 : 0) : kw == 5 ? (sw == 1 ? 3 : sw == 2 ? 4 : 0) : 0;
  let xPixel = s.xPitch << 2, yPixel = s.yPitch << 2, residualPixel = s.residualPitch << 2;

  // Simple epilogues happen at the tile's store, the others in a staged row.
  let simple = act <= UNARY_CLIP && !residual;
  let low: f32 = act == UNARY_RELU ? 0 : a, high: f32 = act == UNARY_CLIP ? b : <f32>Infinity;
  if (act == UNARY_NONE || !simple) low = -<f32>Infinity;
  if (!simple) high = <f32>Infinity;

  // Output columns [inner, outer), whole tiles of them, see no padding: those can be read where they lie.
  let inner = max((left + sw - 1) / sw + TILE - 1, 0) / TILE * TILE, outer = inner;
  if (way != DEPTHWISE_RING) {
    if (!ASC_NO_ASSERT) {
      assert((kind == 1 || kind == 2) && simple && multiplier == 1 && (channels & 3) == 0, "cannot be read as it lies");
      assert(way != DEPTHWISE_LINES || (sw == 2 && (channels & 15) == 0), "no whole cache lines");
    }
    let seen = min((width + left - 3) / sw + 1, ow) - inner;
    if (seen >= 2 * TILE) outer += seen / TILE * TILE;
  }

  // The scratch begins with the biases, in whole blocks.
  let biases = scratch, wBlock = kh * kw << 4;
  scratch += (channels + 3 & ~3) << 2;
  memory.fill(biases, 0, scratch - biases);
  if (bias) memory.copy(biases, bias, channels << 2);

  while (begin < end) {
    let image = begin / oh, first = begin - image * oh, last = min(oh, end - image * oh);
    let xImage = x + image * height * width * xPixel, yImage = y + image * oh * ow * yPixel;

    if (inner < outer) {
      for (let o = first; o < last; o++) {
        let base = o * sh - top;
        let k0 = base < 0 ? min((dh - 1 - base) / dh, kh) : 0, k1 = min(max((height - base + dh - 1) / dh, k0), kh);
        let p = xImage + ((base + k0 * dh) * width + inner * sw - left) * xPixel;
        let t = yImage + (o * ow + inner) * yPixel;
        let down = dh * width * xPixel, blocks = channels >> 2;
        if (way == DEPTHWISE_LINES) {
          // An odd output at the end is computed with the one before it once more.
          for (let j = inner; j < outer; j += 2) {
            let at = min(j, outer - 2) - inner;
            tile_3x2_lines(
              p + 2 * at * xPixel, xPixel, down, w + k0 * 48, k1 - k0, blocks, wBlock, biases, t + at * yPixel, yPixel,
              low, high,
            );
          }
          continue;
        }
        for (let j = inner; j < outer; j += TILE) {
          if (sw == 1) tile_3x1(
            p, xPixel, down, usize.MAX_VALUE, 0, w + k0 * 48, k1 - k0, blocks, wBlock, biases, t, yPixel, TILE, low,
            high,
          );
          else tile_3x2(
            p, xPixel, down, usize.MAX_VALUE, 0, w + k0 * 48, k1 - k0, blocks, wBlock, biases, t, yPixel, TILE, low,
            high,
          );
          p += TILE * sw * xPixel;
          t += TILE * yPixel;
        }
      }
    }

    // What is left: the columns at both ends, or all of them.
    for (let j0 = 0; j0 < ow; j0 = outer) {
      let j1 = j0 < inner && inner < outer ? inner : ow;
      if (j0 > 0 && j0 >= ow) break;
      let rows = (kh - 1) * dh + 1, columns = ring_width(j1 - j0, kw, sw, dw), rowBytes = columns * PIXEL;
      let size = rows * rowBytes, ring = scratch, ringEnd = ring + size;
      let staged = ringEnd;
      // The columns of a ring row that hold input; the others stay zero.
      let start = left - j0 * sw, inside = min(max(start, 0), columns), skipped = max(-start, 0);
      let copied = max(min(width - skipped, columns - inside), 0);
      for (let c = 0, group = 0; c < channels; c += group) {
        // Channels past the last multiple of four are a group of their own: only that one cannot be stored in whole
        // vectors.
        group = min(channels - c, GROUP);
        if (group > 4) group &= ~3;
        let blocks = (group + 3) >> 2, whole = simple && (group & 3) == 0;
        memory.fill(ring, 0, size);
        // Rows are numbered from the top padding on; row r lives in slot r mod `rows` of the ring.
        let next = first * sh;
        for (let o = first; o < last; o++) {
          let base = o * sh;
          if (next < base) next = base;
          for (; next < base + rows; next++) {
            let row = ring + next % rows * rowBytes, source = next - top;
            if (source < 0 || source >= height) {
              memory.fill(row, 0, rowBytes);
            } else {
              row += inside * PIXEL;
              let from = xImage + (source * width + skipped) * xPixel;
              if (multiplier == 1) copy_row(from + (c << 2), xPixel, row, copied, group);
              else spread_row(from, xPixel, row, copied, group, c, multiplier);
            }
          }
          let slot = ring + base % rows * rowBytes, out = o * ow + j0;
          let yRow = yImage + out * yPixel + (c << 2), target = whole ? yRow : staged, pitch = whole ? yPixel : PIXEL;
          for (let j = 0; j < j1 - j0; j += TILE) {
            tile(
              kind, slot + j * sw * PIXEL, PIXEL, dh * rowBytes, ringEnd, size, w + (c * kh * kw << 2), kh, blocks,
              wBlock, biases + (c << 2), target + j * pitch, pitch, min(j1 - j0 - j, TILE), low, high, kw, sw * PIXEL,
              dw * PIXEL,
            );
          }
          if (!whole) {
            let r = residual ? residual + (image * oh * ow + out) * residualPixel + (c << 2) : 0;
            finish_row(staged, j1 - j0, group, r, residualPixel, yRow, yPixel, act, a, b);
          }
        }
      }
      if (j1 == ow) break;
    }
    begin = image * oh + last;
  }
}

/** One tile by the function for its kernel width and stride. */
// @ts-ignore: decorator
@inline
function tile(
  kind: i32, p: usize, px: i32, down: i32, end: usize, size: i32, w: usize, kh: i32, blocks: i32, wBlock: i32,
  bias: usize, y: usize, pitch: i32, n: i32, low: f32, high: f32, kw: i32, step: i32, right: i32,
): void {
  if (kind == 1) tile_3x1(p, px, down, end, size, w, kh, blocks, wBlock, bias, y, pitch, n, low, high);
  else if (kind == 2) tile_3x2(p, px, down, end, size, w, kh, blocks, wBlock, bias, y, pitch, n, low, high);
  else if (kind == 3) tile_5x1(p, px, down, end, size, w, kh, blocks, wBlock, bias, y, pitch, n, low, high);
  else if (kind == 4) tile_5x2(p, px, down, end, size, w, kh, blocks, wBlock, bias, y, pitch, n, low, high);
  else tile_any(p, down, end, size, w, kh, blocks, wBlock, bias, y, pitch, n, low, high, kw, step, right);
}
