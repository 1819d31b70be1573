// The gradient of sampling at arbitrary places, for every mode: along each axis a place has up to four taps, each with
// a weight and the slope of that weight by the coordinate; an element's gradient gets dy times the product of its
// weights, a coordinate's gets dy·x times that product with one slope in it.
//
// Places are computed in float64, as the plain version of the operator does it.
import {
  PADDING_BORDER, PADDING_REFLECTION, PADDING_ZEROS, SAMPLE_CUBIC, SAMPLE_LINEAR, SAMPLE_NEAREST,
} from "../abi/codes";
import { accumulate_scaled, dot_f32 } from "../elementwise/accumulate";

/** Bytes of a tap: element (or -1), weight, slope. */
const TAP: usize = 12;
const AXIS: usize = TAP * 4;

/** Bytes of scratch for grid_sample_gradient_f32. */
export function grid_sample_gradient_scratch_size(): usize {
  return AXIS * 3;
}

/**
 * Layouts and sizes are those of grid_sample_linear_f32. dx (0: not wanted) is added to; dgrid (0: not wanted) is
 * written. All of the batch · points points are done at once: they add to the same images.
 */
export function grid_sample_gradient_f32(
  mode: i32, x: usize, grid: usize, dy: usize, dx: usize, dgrid: usize, axes: i32, depth: i32, height: i32, width: i32,
  channels: i32, points: i32, aligned: i32, padding: i32, batch: i32, scratch: usize,
): void {
  const run = <usize>channels << 2, rowBytes = <usize>width * run, planeBytes = <usize>height * rowBytes;
  const imageBytes = <usize>depth * planeBytes;
  const count = mode == SAMPLE_NEAREST ? 1 : mode == SAMPLE_LINEAR ? 2 : 4;
  const xs = scratch, ys = scratch + AXIS, zs = ys + AXIS;
  const rows = axes > 1 ? count : 1, planes = axes > 2 ? count : 1;
  single(ys);
  single(zs);
  for (let point = 0; point < batch * points; point++, grid += <usize>axes << 2, dy += run) {
    const image = <usize>(point / points) * imageBytes;
    taps(mode, load<f32>(grid), width, aligned, padding, xs);
    if (axes > 1) taps(mode, load<f32>(grid, 4), height, aligned, padding, ys);
    if (axes > 2) taps(mode, load<f32>(grid, 8), depth, aligned, padding, zs);
    let sx: f32 = 0, sy: f32 = 0, sz: f32 = 0;
    for (let k = 0; k < planes; k++) {
      const z = zs + <usize>k * TAP, zAt = load<i32>(z), zw = load<f32>(z, 4);
      for (let j = 0; j < rows; j++) {
        const y = ys + <usize>j * TAP, yAt = load<i32>(y), yw = load<f32>(y, 4);
        for (let i = 0; i < count; i++) {
          const tap = xs + <usize>i * TAP, xAt = load<i32>(tap), xw = load<f32>(tap, 4);
          if (xAt < 0 || yAt < 0 || zAt < 0) continue;
          const at = image + <usize>zAt * planeBytes + <usize>yAt * rowBytes + <usize>xAt * run;
          if (dx) accumulate_scaled(dy, dx + at, channels, zw * yw * xw);
          if (!dgrid || mode == SAMPLE_NEAREST) continue;
          const value = dot_f32(dy, x + at, channels);
          sx += value * zw * yw * load<f32>(tap, 8);
          sy += value * zw * xw * load<f32>(y, 8);
          sz += value * yw * xw * load<f32>(z, 8);
        }
      }
    }
    if (!dgrid) continue;
    store<f32>(dgrid, sx);
    if (axes > 1) store<f32>(dgrid, sy, 4);
    if (axes > 2) store<f32>(dgrid, sz, 8);
    dgrid += <usize>axes << 2;
  }
}

/** The one tap of an axis that is not there. */
function single(at: usize): void {
  put(at, 0, 1, 0);
}

// @ts-ignore: decorator
@inline
function put(at: usize, element: i32, weight: f64, slope: f64): void {
  store<i32>(at, element);
  store<f32>(at, <f32>weight, 4);
  store<f32>(at, <f32>slope, 8);
}

/** The taps of a coordinate along an axis. */
function taps(mode: i32, coordinate: f32, size: i32, aligned: i32, padding: i32, to: usize): void {
  const last = <f64>(size - 1), low: f64 = aligned ? 0 : -0.5, high: f64 = aligned ? last : last + 0.5;
  // The slope of the place by the coordinate; it turns at every reflection, and there is none where the place is held
  // at the border.
  let slope: f64 = (aligned ? last : <f64>size) * 0.5;
  let at: f64 = aligned ? (<f64>coordinate + 1) * 0.5 * last : ((<f64>coordinate + 1) * <f64>size - 1) * 0.5;
  if (mode == SAMPLE_NEAREST) at = nearest(at);
  if (padding == PADDING_BORDER) {
    if (mode != SAMPLE_CUBIC && !(at >= 0 && at <= last)) {
      slope = 0;
      at = at > last ? last : 0;
    }
  } else if (padding == PADDING_REFLECTION) {
    if (odd_folds(at, low, high)) slope = -slope;
    if (high == low) slope = 0;
    at = folded(at, low, high);
  }
  const base = floor(at), rest = at - base;
  if (mode == SAMPLE_NEAREST) {
    put(to, inside(nearest(at), size, padding, low, high), 1, 0);
  } else if (mode == SAMPLE_LINEAR) {
    put(to, inside(base, size, padding, low, high), 1 - rest, -slope);
    put(to + TAP, inside(base + 1, size, padding, low, high), rest, slope);
  } else {
    for (let i = 0; i < 4; i++) {
      const d = rest + 1 - <f64>i, from = abs(d);
      put(
        to + <usize>i * TAP, inside(base - 1 + <f64>i, size, padding, low, high), cubic(from),
        (d < 0 ? -slope : slope) * cubic_slope(from),
      );
    }
  }
}

/** The element of a tap, -1 where it counts as zero. */
function inside(at: f64, size: i32, padding: i32, low: f64, high: f64): i32 {
  const last = <f64>(size - 1);
  if (at != at) return -1;
  if (padding == PADDING_BORDER) return <i32>max<f64>(0, min<f64>(at, last));
  const place = padding == PADDING_ZEROS ? at : trunc(folded(at, low, high));
  return place >= 0 && place <= last ? <i32>place : -1;
}

/** x folded back into [low, high] as often as it takes. */
function folded(x: f64, low: f64, high: f64): f64 {
  const range = high - low;
  if (range == 0) return low;
  if (x >= low && x <= high) return x;
  const beyond = x < low ? low - x : x - high, folds = floor(beyond / range), rest = beyond - folds * range;
  return (x < low) == (floor(folds * 0.5) * 2 == folds) ? low + rest : high - rest;
}

/** Whether folding turns the direction around. */
function odd_folds(x: f64, low: f64, high: f64): bool {
  if (high == low || (x >= low && x <= high)) return false;
  const folds = floor((x < low ? low - x : x - high) / (high - low));
  return floor(folds * 0.5) * 2 == folds;
}

/** Keys' cubic convolution with a = −3/4, and its slope, by the distance. */
function cubic(d: f64): f64 {
  return d <= 1 ? (1.25 * d - 2.25) * d * d + 1 : (((d - 5) * d + 8) * d - 4) * -0.75;
}

function cubic_slope(d: f64): f64 {
  return d <= 1 ? (3.75 * d - 4.5) * d : ((3 * d - 10) * d + 8) * -0.75;
}
