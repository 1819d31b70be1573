// The gradient of a 3×3, 4×4 or 5×5 convolution at stride 1 by its filters, in Winograd's domain: since
// Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, it is Gᵀ[Σ over tiles of (Bᵀ d B) ⊙ (A dY Aᵀ)]G, that is 36 sums of outer products
// (inputs by outputs, as gemm-tn.ts makes them) between three cheap transforms. F(4, 3) and F(3, 4) do a quarter of the
// multiplications of the direct method, F(2, 5) nine twenty-fifths.
import { NR, TILE_ADD, TILE_STORE } from "../lib/tile";
import { gemm_tn_panels } from "../matmul/gemm-tn";
import { load_some, madd, store_some } from "../lib/simd";
import { round_up, SKEW, STAGE, tiles_of, transform_tiles } from "./winograd";
import { TEMP } from "./winograd-transform";
import { window_at } from "../lib/window";

/** Tiles summed in registers at a time. */
const TILES: i32 = 48;

// @ts-ignore: decorator
@inline
function block_tiles(tiles: i32): i32 {
  let blocks = max((tiles + TILES - 1) / TILES, 1);
  return (tiles + blocks - 1) / blocks;
}

// @ts-ignore: decorator
@inline
function plane_of(rows: i32, columns: i32): i32 {
  return (rows * columns << 2) + SKEW;
}

/** Bytes of scratch that winograd_weight_gradient_f32 needs for `inputs` rows. */
export function winograd_weight_gradient_scratch_size(
  m: i32, n: i32, inputs: i32, outputs: i32, oh: i32, ow: i32,
): usize {
  let tiles = block_tiles(tiles_of(m, n, oh, ow));
  let planes = plane_of(tiles, round_up(inputs, 4)) + plane_of(tiles, round_up(outputs, NR)) + plane_of(
    inputs, outputs,
  );
  return <usize>(TEMP + STAGE + 64) + <usize>36 * planes;
}

/**
 * dw[r·r, inputs, outputs] = Σ over all pixels of x[pixel + tap, input]·dy[pixel, output], for inputs [begin, end):
 * F(4, 3), F(3, 4) or F(2, 5). Sizes as winograd_f32's; there are pixels.
 */
export function winograd_weight_gradient_f32(
  m: i32, x: usize, dy: usize, dw: usize, window: usize, begin: i32, end: i32, scratch: usize,
): void {
  const s = window_at(window);
  let n = s.images, height = s.h, width = s.w, oh = s.oh, ow = s.ow, inputs = s.inputs, outputs = s.outputs;
  let top = s.padH, left = s.padW;
  let xPitch = s.xPitch, yPitch = s.yPitch, r = s.kw;
  let tall = (oh + m - 1) / m, wide = (ow + m - 1) / m, all = tiles_of(m, n, oh, ow), tiles = block_tiles(all);
  let rows = end - begin;
  let vRow = round_up(rows, 4) << 2, vPlane = plane_of(tiles, vRow >> 2);
  let dPlane = plane_of(tiles, round_up(outputs, NR));
  let v = scratch + TEMP + STAGE, d = v + 36 * vPlane, u = d + 36 * dPlane, uPlane = plane_of(rows, outputs);
  x += begin << 2;
  for (let first = 0; first < all; first += tiles) {
    let count = min(tiles, all - first);
    transform_tiles(
      m, 6, x, xPitch << 2, height, width, rows, tall, wide, top, left, first, count, v, vRow, vPlane, scratch,
    );
    spread_tiles(m, dy, yPitch << 2, oh, ow, outputs, tall, wide, first, count, d, dPlane, scratch);
    for (let p = 0; p < 36; p++) {
      gemm_tn_panels(
        v + p * vPlane, vRow, d + p * dPlane, count, u + p * uPlane, outputs << 2, rows, outputs,
        first ? TILE_ADD : TILE_STORE,
      );
    }
  }
  for (let i = begin; i < end; i++) {
    gather_filters(r, u, uPlane, outputs, scratch, dw + (<usize>i * outputs << 2), inputs * outputs << 2);
    u += outputs << 2;
  }
}

/** A times m values: six, `stride` bytes apart. */
// @ts-ignore: decorator
@inline
function spread(m: i32, d0: v128, d1: v128, d2: v128, d3: v128, to: usize, stride: i32): void {
  let even = d0, odd = d1, even2 = d0, odd2 = f32x4.add(d1, d1), last = d1;
  if (m > 2) {
    even = f32x4.add(d0, d2);
    even2 = madd(f32x4.splat(4), d2, d0);
    last = d2;
  }
  if (m == 4) {
    odd = f32x4.add(d1, d3);
    odd2 = madd(f32x4.splat(8), d3, odd2);
    last = d3;
  }
  v128.store(to, d0);
  to += stride;
  v128.store(to, f32x4.add(even, odd));
  to += stride;
  v128.store(to, f32x4.sub(even, odd));
  to += stride;
  v128.store(to, f32x4.add(even2, odd2));
  to += stride;
  v128.store(to, f32x4.sub(even2, odd2));
  to += stride;
  v128.store(to, last);
}

// @ts-ignore: decorator
@inline
function load_if(inside: bool, at: usize, lanes: i32): v128 {
  return inside ? load_some(at, lanes) : f32x4.splat(0);
}

/** A dY Aᵀ of `count` tiles: 36 matrices [tiles, outputs], packed in panels of NR columns as gemm-tn.ts reads them. */
function spread_tiles(
  m: i32, dy: usize, px: i32, oh: i32, ow: i32, outputs: i32, tall: i32, wide: i32, first: i32, count: i32, d: usize,
  plane: i32, temp: usize,
): void {
  let line = ow * px;
  for (let index = first; index < first + count; index++) {
    let y = index / wide, image = y / tall, i = (y - image * tall) * m, j = (index - y * wide) * m;
    let from = dy + (image * oh + i) * line + j * px, rows = min(oh - i, m), columns = min(ow - j, m), to = d;
    for (let lanes = outputs; lanes > 0; lanes -= 4) {
      for (let k = 0; k < m; k++) {
        let q = from + k * px, inside = k < columns;
        let d0 = load_if(inside, q, lanes), d1 = load_if(inside && rows > 1, q + line, lanes), d2 = d0, d3 = d0;
        if (m > 2) d2 = load_if(inside && rows > 2, q + 2 * line, lanes);
        if (m > 3) d3 = load_if(inside && rows > 3, q + 3 * line, lanes);
        spread(m, d0, d1, d2, d3, temp + (k << 4), 64);
      }
      for (let t = temp, q = to; t < temp + 384; t += 64, q += 6 * plane) {
        spread(m, v128.load(t), v128.load(t, 16), v128.load(t, 32), v128.load(t, 48), q, plane);
      }
      from += 16;
      // The other half of the panel, or the next panel.
      to += to - d & 16 ? <usize>((count << 5) - 16) : 16;
    }
    d += NR << 2;
  }
}

/** Gᵀ times six values `step` bytes apart: r values, `stride` bytes apart, of which `lanes` lanes are stored. */
// @ts-ignore: decorator
@inline
function gather(r: i32, from: usize, step: i32, to: usize, stride: i32, lanes: i32): void {
  let u0 = v128.load(from), u1 = v128.load(from + step), u2 = v128.load(from + 2 * step);
  let u3 = v128.load(from + 3 * step), u4 = v128.load(from + 4 * step), u5 = v128.load(from + 5 * step);
  let sixth = f32x4.splat(1.0 / 6.0), sum = f32x4.mul(sixth, f32x4.add(u1, u2));
  let difference = f32x4.mul(sixth, f32x4.sub(u2, u1));
  let sum2 = f32x4.mul(sixth, f32x4.add(u3, u4)), difference2 = f32x4.mul(sixth, f32x4.sub(u3, u4));
  let quarter = f32x4.splat(0.25);
  store_some(to, f32x4.sub(madd(quarter, sum2, f32x4.mul(quarter, u0)), sum), lanes);
  store_some(to + stride, madd(f32x4.splat(0.5), difference2, difference), lanes);
  let third = f32x4.sub(sum2, sum);
  if (r == 3) {
    store_some(to + 2 * stride, f32x4.add(third, u5), lanes);
    return;
  }
  store_some(to + 2 * stride, third, lanes);
  let fourth = madd(f32x4.splat(2), difference2, difference);
  if (r == 4) {
    store_some(to + 3 * stride, f32x4.add(fourth, u5), lanes);
    return;
  }
  store_some(to + 3 * stride, fourth, lanes);
  store_some(to + 4 * stride, f32x4.add(madd(f32x4.splat(4), sum2, f32x4.neg(sum)), u5), lanes);
}

/** Gᵀ u G of the filters from one input to all outputs; `tap` bytes between the taps of the result. */
function gather_filters(r: i32, u: usize, plane: i32, outputs: i32, temp: usize, dw: usize, tap: i32): void {
  for (let lanes = outputs; lanes > 0; lanes -= 4) {
    for (let j = 0; j < 6; j++) gather(r, u + j * plane, 6 * plane, temp + (j << 4), 96, 4);
    for (let k = 0, t = temp, to = dw; k < r; k++, t += 96, to += r * tap) gather(r, t, 16, to, tap, lanes);
    u += 16;
    dw += 16;
  }
}
