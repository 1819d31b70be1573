// Convolution 3×3, 4×4 and 5×5 at stride 1 by Winograd's F(m×m, r×r): per block of tiles, input transform → (m+r−1)²
// matrix products [tiles, inputs] · [inputs, outputs] → output transform with bias, residual and activation. F(4, 3)
// and F(3, 4) do a quarter of the multiplications of the direct method, F(2, 3) four ninths, F(2, 5) nine
// twenty-fifths. Where each one pays, and their errors: docs/performance/winograd.md.
import { UNARY_CLIP, UNARY_LEAKY_RELU, UNARY_NONE, UNARY_RELU } from "../abi/codes";
import { gemm_panels } from "../matmul/gemm-tile";
import { MR, NR, TILE_STORE } from "../lib/tile";
import { load_some } from "../lib/simd";
import { unary_f32 } from "../elementwise/unary";
import { input_4, input_6, output_4, output_6, TEMP } from "./winograd-transform";
import { window_at } from "../lib/window";

/**
 * Bytes of transformed tiles (inputs and products) that a block may have, unless it has fewer than MIN_TILES: it should
 * stay in the second-level cache, but not read the filters too often. */
const BLOCK: i32 = 320 << 10;
const MAX_TILES: i32 = 96;
const MIN_TILES: i32 = 48;
/** Bytes of filters packed for m = 4 that few third-level caches hold, and the tiles for which they are too many. */
const HUGE: i64 = 32 << 20;
const FEW_TILES: i64 = 9;
/** Bytes of sixteen channels of one tile's window. */
export const STAGE: i32 = 36 * 64;
/** Distance of the matrices beyond their size, so that equal elements of them do not share a cache set. */
export const SKEW: i32 = 64;

// @ts-ignore: decorator
@inline
export function round_up(n: i32, multiple: i32): i32 {
  return (n + multiple - 1) / multiple * multiple;
}

/**
 * Which m is fastest for an r×r convolution at stride 1 (4 or 2; 3 for r = 4), or 0 for the direct method. From the
 * table in docs/performance/winograd.md: above 16 channels the number of multiplications decides, below that the
 * transforms weigh more, and with fewer than four tiles the matrix products have too few rows. Bits depend on the
 * choice, so it looks at sizes only.
 */
export function winograd_choice(r: i32, n: i32, inputs: i32, outputs: i32, oh: i32, ow: i32): i32 {
  let tiles4 = <i64>tiles_of(4, n, oh, ow), tiles2 = <i64>tiles_of(2, n, oh, ow), direct = <i64>r * r * n * oh * ow;
  let channels = min(inputs, outputs);
  if (tiles2 < 4) return 0;
  // Parts of the direct products, in twentieths.
  if (r == 5) {
    return channels >= 8 && 36 * 20 * tiles2 <= direct * (channels < 16 ? 8 : channels < 24 ? 12 : 15) ? 2 : 0;
  }
  if (r == 4) {
    let products = 36 * 20 * <i64>tiles_of(3, n, oh, ow);
    return channels >= 8 && products <= direct * (channels < 16 ? 8 : channels < 24 ? 12 : 15) ? 3 : 0;
  }
  if (channels < 8) {
    // Three to seven channels gain only where the direct method has few filters to spread its gathering over.
    return channels >= 3 && outputs <= (ASC_FEATURE_RELAXED_SIMD ? 32 : 64) && tiles4 >= 16 && tiles4 * 48 < direct ? 4
      : 0;
  }
  let products4 = 36 * max(tiles4, 4), products2 = 16 * tiles2;
  if (min(products4, products2) * 4 > direct * (channels < 24 ? 2 : 3)) return 0;
  // Reading so many filters for so few tiles takes longer than the products.
  if (<i64>inputs * outputs * 144 > HUGE && tiles4 <= FEW_TILES && products2 * 4 <= direct * 3) return 2;
  return products4 < products2 ? 4 : 2;
}

// @ts-ignore: decorator
@inline
export function tiles_of(m: i32, n: i32, oh: i32, ow: i32): i32 {
  return n * ((oh + m - 1) / m) * ((ow + m - 1) / m);
}

/** Tiles of one block, all blocks about equal. */
function block_tiles(size: i32, tiles: i32, inputs: i32, outputs: i32): i32 {
  let most = BLOCK / (size * size * (inputs + outputs) << 2);
  most = min(max(most, MIN_TILES), MAX_TILES);
  let blocks = max((tiles + most - 1) / most, 1);
  return round_up((tiles + blocks - 1) / blocks, MR);
}

/** Number of blocks: what winograd_f32's [begin, end) runs over. */
export function winograd_blocks(m: i32, r: i32, n: i32, oh: i32, ow: i32, inputs: i32, outputs: i32): i32 {
  let tiles = tiles_of(m, n, oh, ow);
  if (!tiles) return 0;
  let block = block_tiles(m + r - 1, tiles, inputs, outputs);
  return (tiles + block - 1) / block;
}

// @ts-ignore: decorator
@inline
function input_plane(tiles: i32, inputs: i32): i32 {
  return (tiles * round_up(inputs, 4) << 2) + SKEW;
}

// @ts-ignore: decorator
@inline
function output_plane(tiles: i32, outputs: i32): i32 {
  return (tiles * round_up(outputs, NR) << 2) + SKEW;
}

// @ts-ignore: decorator
@inline
function filter_plane(inputs: i32, outputs: i32): i32 {
  return (inputs * round_up(outputs, NR) << 2) + SKEW;
}

/** Bytes of scratch that winograd_f32 needs. */
export function winograd_scratch_size(m: i32, r: i32, n: i32, oh: i32, ow: i32, inputs: i32, outputs: i32): i32 {
  let size = m + r - 1, tiles = block_tiles(size, tiles_of(m, n, oh, ow), inputs, outputs);
  return TEMP + STAGE + size * size * (input_plane(tiles, inputs) + output_plane(tiles, outputs));
}

/** Bytes of the packed filters. */
export function winograd_packed_size(m: i32, r: i32, inputs: i32, outputs: i32): i32 {
  return (m + r - 1) * (m + r - 1) * filter_plane(inputs, outputs);
}

/**
 * Rows of G times the r values at `from`, `step` bytes apart, in double precision: two filters in two lanes. `stride`
 * bytes between the results.
 */
// @ts-ignore: decorator
@inline
function filter_column(m: i32, r: i32, from: usize, step: usize, to: usize, stride: usize): void {
  let g0 = v128.load(from), odd = v128.load(from + step), last = v128.load(from + 2 * step), even = f64x2.add(g0, last);
  if (m + r == 5) {
    let half = f64x2.splat(0.5);
    v128.store(to, g0);
    v128.store(to + stride, f64x2.mul(half, f64x2.add(even, odd)));
    v128.store(to + 2 * stride, f64x2.mul(half, f64x2.sub(even, odd)));
    v128.store(to + 3 * stride, last);
    return;
  }
  let sixth = f64x2.splat(-1.0 / 6.0), twenty4 = f64x2.splat(1.0 / 24.0), two = f64x2.splat(2), four = f64x2.splat(4);
  let even2 = f64x2.add(g0, f64x2.mul(four, last)), odd2 = f64x2.mul(two, odd);
  if (r > 3) {
    last = v128.load(from + 3 * step);
    odd = f64x2.add(odd, last);
    odd2 = f64x2.add(odd2, f64x2.mul(f64x2.splat(8), last));
  }
  if (r == 5) {
    last = v128.load(from + 4 * step);
    even = f64x2.add(even, last);
    even2 = f64x2.add(even2, f64x2.mul(f64x2.splat(16), last));
  }
  v128.store(to, f64x2.mul(f64x2.splat(0.25), g0));
  v128.store(to + stride, f64x2.mul(sixth, f64x2.add(even, odd)));
  v128.store(to + 2 * stride, f64x2.mul(sixth, f64x2.sub(even, odd)));
  v128.store(to + 3 * stride, f64x2.mul(twenty4, f64x2.add(even2, odd2)));
  v128.store(to + 4 * stride, f64x2.mul(twenty4, f64x2.sub(even2, odd2)));
  v128.store(to + 5 * stride, last);
}

/** Bytes of scratch that winograd_pack_f32 needs. */
export function winograd_pack_scratch_size(): i32 {
  return 1024;
}

/**
 * ONNX filters [outputs, inputs, r, r] → G g Gᵀ in float64, rounded once, as (m+r−1)² matrices in panels of NR outputs
 * (see gemm-tile.ts). [begin, end) runs over ⌈outputs / 8⌉ panels: several short calls let an engine replace its first,
 * slow code on the way.
 */
export function winograd_pack_f32(
  m: i32, r: i32, w: usize, inputs: i32, outputs: i32, packed: usize, scratch: usize, begin: i32, end: i32,
): void {
  let plane = filter_plane(inputs, outputs), size = m + r - 1, taps = r * r, width = r << 4, rows = scratch + 480;
  let column = scratch + 880;
  packed += <usize>begin * inputs * NR << 2;
  for (let o = begin * NR; o < min(end * NR, outputs); o += NR) {
    for (let c = 0; c < inputs; c++) {
      for (let pair = o; pair < o + NR; pair += 2) {
        let first = w + (<usize>(pair * inputs + c) * taps << 2), second = first + (<usize>inputs * taps << 2);
        for (let k = 0; k < taps; k++) {
          let g0 = pair < outputs ? load<f32>(first + (k << 2)) : 0;
          let g1 = pair + 1 < outputs ? load<f32>(second + (k << 2)) : 0;
          v128.store(rows + (k << 4), f64x2.replace_lane(f64x2.splat(g0), 1, g1));
        }
        // Columns of g first: `scratch` gets (G g).
        for (let j = 0; j < width; j += 16) filter_column(m, r, rows + j, width, scratch + j, width);
        let to = packed;
        for (let i = 0; i < size; i++) {
          filter_column(m, r, scratch + i * width, 16, column, 16);
          for (let j = 0; j < size; j++) {
            v128.store_lane<f64>(to + (pair - o << 2), f32x4.demote_f64x2_zero(v128.load(column + (j << 4))), 0);
            to += plane;
          }
        }
      }
      packed += NR << 2;
    }
  }
}

/** Copies `channels` ≤ 16 channels of a tile's window to `stage`, where pixels outside the image are already zero. */
function stage_window(
  x: usize, xRow: i32, xPixel: i32, stage: usize, size: i32, i0: i32, i1: i32, j0: i32, j1: i32, channels: i32,
): void {
  for (let i = i0; i < i1; i++) {
    let from = x + i * xRow + j0 * xPixel, to = stage + (i * size + j0 << 6), last = stage + (i * size + j1 << 6);
    for (; to < last; to += 64, from += xPixel) {
      if (channels >= 16) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
        v128.store(to, v128.load(from, 32), 32);
        v128.store(to, v128.load(from, 48), 48);
      } else {
        for (let c = 0; c < channels; c += 4) v128.store(to + (c << 2), load_some(from + (c << 2), channels - c));
      }
    }
  }
}

/**
 * Bᵀ d B of `channels` channels of `count` tiles from number `first` on: row `row` · t of the matrices at `v`. Tiles
 * that see padding go through a zeroed copy, and so do pixels a multiple of 1024 bytes apart, which would share a cache
 * set. `scratch` has TEMP + STAGE bytes.
 */
export function transform_tiles(
  m: i32, size: i32, x: usize, px: i32, height: i32, width: i32, channels: i32, tall: i32, wide: i32, top: i32,
  left: i32, first: i32, count: i32, v: usize, row: i32, plane: i32, scratch: usize,
): void {
  let stage = scratch + TEMP, line = width * px;
  for (let index = first; index < first + count; index++) {
    let y = index / wide, image = y / tall;
    let i = (y - image * tall) * m - top, j = (index - y * wide) * m - left;
    let from = x + image * height * line + i * line + j * px;
    let i0 = max(-i, 0), i1 = min(height - i, size), j0 = max(-j, 0), j1 = min(width - j, size);
    let c = 0;
    if (i0 == 0 && i1 == size && j0 == 0 && j1 == size && (px & 1023) != 0) {
      c = channels & ~3;
      if (size == 6) input_6(from, line, px, v, plane, c >> 2, scratch);
      else input_4(from, line, px, v, plane, c >> 2, scratch);
    }
    if (c < channels) {
      memory.fill(stage, 0, STAGE);
      for (; c < channels; c += 16) {
        let some = min(channels - c, 16), blocks = (some + 3) >> 2;
        stage_window(from + (c << 2), line, px, stage, size, i0, i1, j0, j1, some);
        if (size == 6) input_6(stage, 6 * 64, 64, v + (c << 2), plane, blocks, scratch);
        else input_4(stage, 4 * 64, 64, v + (c << 2), plane, blocks, scratch);
      }
    }
    v += row;
  }
}

/**
 * x[n, height, width, inputs] → y[n, oh, ow, outputs] with filters from winograd_pack_f32 for the same m and r;
 * y = act(conv + bias + residual), `bias` and `residual` may be 0 and the residual may be y. Pitches are the floats
 * between pixels. Padding below and to the right follows from oh and ow. [begin, end) runs over winograd_blocks.
 */
export function winograd_f32(
  m: i32, x: usize, packed: usize, bias: usize, residual: usize, y: usize, window: usize, act: i32, a: f32, b: f32,
  begin: i32, end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let n = s.images, height = s.h, width = s.w, oh = s.oh, ow = s.ow, inputs = s.inputs, outputs = s.outputs;
  let top = s.padH, left = s.padW;
  let xPitch = s.xPitch, yPitch = s.yPitch, residualPitch = s.residualPitch, r = s.kw;
  let size = m + r - 1, tall = (oh + m - 1) / m, wide = (ow + m - 1) / m, all = tiles_of(m, n, oh, ow);
  let tiles = block_tiles(size, all, inputs, outputs);
  let inPlane = input_plane(tiles, inputs), outPlane = output_plane(tiles, outputs);
  let filters = filter_plane(inputs, outputs);
  let inRow = round_up(inputs, 4) << 2, outRow = round_up(outputs, NR) << 2, panel = inputs * NR << 2;
  let temp = scratch, v = temp + TEMP + STAGE, products = v + size * size * inPlane;
  let xPixel = xPitch << 2, yPixel = yPitch << 2, yRow = ow * yPixel;
  let rPixel = residualPitch << 2, rRow = ow * rPixel;

  let later = act > UNARY_LEAKY_RELU ? act : UNARY_NONE, low = a, high = b;
  if (later != UNARY_NONE) act = UNARY_NONE;
  if (act == UNARY_RELU) {
    act = UNARY_CLIP;
    low = 0;
    high = <f32>Infinity;
  }

  for (let block = begin; block < end; block++) {
    let first = block * tiles, count = min(tiles, all - first);

    transform_tiles(
      m, size, x, xPixel, height, width, inputs, tall, wide, top, left, first, count, v, inRow, inPlane, temp,
    );

    for (let p = 0; p < size * size; p++) {
      gemm_panels(
        v + p * inPlane, inRow, packed + p * filters, panel, inputs, products + p * outPlane, outRow, count,
        round_up(outputs, NR), TILE_STORE, 0, 0, 0, UNARY_NONE, 0, 0,
      );
    }

    for (let t = 0; t < count; t++) {
      let index = first + t, row = index / wide, image = row / tall;
      let i = (row - image * tall) * m, j = (index - row * wide) * m, pixel = (image * oh + i) * ow + j;
      let to = y + pixel * yPixel, add = residual ? residual + pixel * rPixel : 0, rows = min(oh - i, m);
      let columns = min(ow - j, m);
      let from = products + t * outRow;
      if (size == 6) {
        output_6(
          m, from, outPlane, outputs, temp, bias, add, rRow, rPixel, to, yRow, yPixel, rows, columns, act, low, high,
        );
      } else {
        output_4(
          from, outPlane, outputs, temp, bias, add, rRow, rPixel, to, yRow, yPixel, rows, columns, act, low, high,
        );
      }
      if (later != UNARY_NONE) {
        for (let k = 0; k < rows; k++, to += yRow) {
          if (yPitch == outputs) {
            unary_f32(later, to, to, columns * outputs, a, b);
          } else {
            for (let l = 0; l < columns; l++) unary_f32(later, to + l * yPixel, to + l * yPixel, outputs, a, b);
          }
        }
      }
    }
  }
}
