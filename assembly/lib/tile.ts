// What the register tiles (assembly/generated, written by scripts/tiles.ts) begin and end with: their sizes, the bias,
// and what happens to sums before they are stored.
import { UNARY_LEAKY_RELU, UNARY_NONE } from "../abi/codes";
import { load_some, store_some } from "./lanes";

/** Columns of one packed panel of B. */
export const NR: i32 = 8;
/**
 * Rows of the main tile: twelve accumulators fit beside their operands only where multiply-add needs no register of its
 * own.
 */
export const MR: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

export const TILE_STORE: i32 = 0;
export const TILE_ADD: i32 = 1;

// @ts-ignore: decorator
@inline
function activate(v: v128, act: i32, low: v128, high: v128): v128 {
  // pmax(v, low) is v < low ? low : v, so a NaN in v stays.
  if (act == UNARY_LEAKY_RELU) return v128.bitselect(f32x4.mul(v, low), v, f32x4.lt(v, f32x4.splat(0)));
  return f32x4.pmin(f32x4.pmax(v, low), high);
}

// @ts-ignore: decorator
@inline
export function finish_full(
  c: usize, v0: v128, v1: v128, mode: i32, bias0: v128, bias1: v128, residual: usize, act: i32, low: v128, high: v128,
): void {
  if (mode == TILE_ADD) {
    v0 = f32x4.add(v128.load(c), v0);
    v1 = f32x4.add(v128.load(c, 16), v1);
  }
  v0 = f32x4.add(v0, bias0);
  v1 = f32x4.add(v1, bias1);
  if (residual) {
    v0 = f32x4.add(v0, v128.load(residual));
    v1 = f32x4.add(v1, v128.load(residual, 16));
  }
  if (act != UNARY_NONE) {
    v0 = activate(v0, act, low, high);
    v1 = activate(v1, act, low, high);
  }
  v128.store(c, v0);
  v128.store(c, v1, 16);
}

/** One vector of a tile that has fewer than NR columns. */
// @ts-ignore: decorator
@inline
export function finish_lanes(
  c: usize, v: v128, columns: i32, mode: i32, bias: v128, residual: usize, act: i32, low: v128, high: v128,
): void {
  if (mode == TILE_ADD) v = f32x4.add(columns < 4 ? load_some(c, columns) : v128.load(c), v);
  v = f32x4.add(v, bias);
  if (residual) v = f32x4.add(v, columns < 4 ? load_some(residual, columns) : v128.load(residual));
  if (act != UNARY_NONE) v = activate(v, act, low, high);
  if (columns < 4) store_some(c, v, columns);
  else v128.store(c, v);
}

// @ts-ignore: decorator
@inline
export function load_bias(bias: usize, columns: i32): v128 {
  if (!bias || columns <= 0) return f32x4.splat(0);
  return columns < 4 ? load_some(bias, columns) : v128.load(bias);
}

/** Stores eight sums, or adds them to what is there. */
// @ts-ignore: decorator
@inline
export function finish_sums(c: usize, v0: v128, v1: v128, columns: i32, mode: i32): void {
  let none = f32x4.splat(0);
  if (columns >= NR) {
    if (mode == TILE_ADD) {
      v0 = f32x4.add(v128.load(c), v0);
      v1 = f32x4.add(v128.load(c, 16), v1);
    }
    v128.store(c, v0);
    v128.store(c, v1, 16);
    return;
  }
  finish_lanes(c, v0, columns, mode, none, 0, UNARY_NONE, none, none);
  if (columns > 4) finish_lanes(c + 16, v1, columns - 4, mode, none, 0, UNARY_NONE, none, none);
}

/** Stores a row; returns where the next one is. */
// @ts-ignore: decorator
@inline
export function put_row(c: usize, ldc: i32, v0: v128, v1: v128, add: bool): usize {
  v128.store(c, add ? f32x4.add(v128.load(c), v0) : v0);
  v128.store(c, add ? f32x4.add(v128.load(c, 16), v1) : v1, 16);
  return c + ldc;
}

/** Four floats, or the `count` there are. */
// @ts-ignore: decorator
@inline
export function lanes(p: usize, count: i32): v128 {
  return count == 4 ? v128.load(p) : load_some(p, count);
}

/** C += sum in the first `columns` lanes. */
// @ts-ignore: decorator
@inline
export function add_to(c: usize, sum: v128, columns: i32): void {
  if (columns >= 4) v128.store(c, f32x4.add(v128.load(c), sum));
  else if (columns > 0) store_some(c, f32x4.add(load_some(c, columns), sum), columns);
}
