// Sampling images at arbitrary places.
import { PADDING_BORDER, PADDING_ZEROS } from "../abi/codes";
import { madd } from "../lib/simd";

/**
 * Linear interpolation of x [batch, depth, height, width, channels] at the points of grid [batch, points, axes] (x, y
 * and, if `axes` is 3, z, in [-1, 1]; x alone if it is 1); y is [batch, points, channels]. Works on [begin, end) of all
 * batch · points points. A place that is NaN is outside.
 */
export function grid_sample_linear_f32(
  x: usize, grid: usize, y: usize, axes: i32, depth: i32, height: i32, width: i32, channels: i32, points: i32,
  aligned: i32, padding: i32, begin: i32, end: i32,
): void {
  const run = <usize>channels << 2;
  const rowBytes = <usize>width * run;
  const planeBytes = <usize>height * rowBytes;
  const imageBytes = <usize>depth * planeBytes;
  grid += (<usize>begin * axes) << 2;
  let to = y + <usize>begin * run;
  for (let point = begin; point < end; point++) {
    const image = x + <usize>(point / points) * imageBytes;
    const px = place(load<f32>(grid), width, aligned, padding);
    const py: f32 = axes > 1 ? place(load<f32>(grid, 4), height, aligned, padding) : 0;
    const pz: f32 = axes == 3 ? place(load<f32>(grid, 8), depth, aligned, padding) : 0;
    grid += <usize>axes << 2;
    const x0 = floor(px);
    const y0 = floor(py);
    const wx = px - x0;
    const wy = py - y0;
    if (axes == 2 && x0 >= 0 && y0 >= 0 && x0 < <f32>(width - 1) && y0 < <f32>(height - 1)) {
      const a = image + <usize>y0 * rowBytes + <usize>x0 * run;
      mix(a, a + run, a + rowBytes, a + rowBytes + run, to, run, wx, wy);
    } else {
      memory.fill(to, 0, run);
      const z0 = floor(pz);
      const wz = pz - z0;
      for (let dz: f32 = 0; dz < (axes == 3 ? <f32>2 : <f32>1); dz += 1) {
        const z = axes == 3 ? tap(z0 + dz, depth, padding) : 0;
        const weightZ: f32 = axes < 3 ? 1 : dz == 0 ? <f32>1 - wz : wz;
        for (let dy: f32 = 0; dy < (axes > 1 ? <f32>2 : <f32>1); dy += 1) {
          const row = tap(y0 + dy, height, padding);
          const weightY = weightZ * (dy == 0 ? <f32>1 - wy : wy);
          for (let dx: f32 = 0; dx < 2; dx += 1) {
            const col = tap(x0 + dx, width, padding);
            if (z < 0 || row < 0 || col < 0) continue;
            add_scaled(
              image + <usize>z * planeBytes + <usize>row * rowBytes + <usize>col * run, to, run,
              weightY * (dx == 0 ? <f32>1 - wx : wx),
            );
          }
        }
      }
    }
    to += run;
  }
}

/** A coordinate in [-1, 1] as a place among `size` elements. */
// @ts-ignore: decorator
@inline
function place(coordinate: f32, size: i32, aligned: i32, padding: i32): f32 {
  const last = <f32>(size - 1);
  const at: f32 = aligned ? (coordinate + <f32>1) * <f32>0.5 * last
    : ((coordinate + <f32>1) * <f32>size - <f32>1) * <f32>0.5;
  if (padding == PADDING_ZEROS) return at;
  if (padding == PADDING_BORDER) return min<f32>(max<f32>(at, 0), last);
  return aligned ? reflect(at, 0, last) : reflect(at, -0.5, last + 0.5);
}

/** `at` folded back into [low, high] as often as it takes. */
function reflect(at: f32, low: f32, high: f32): f32 {
  const range = high - low;
  if (range == 0) return low;
  if (at >= low && at <= high) return at;
  const below = at < low;
  const beyond = below ? low - at : at - high;
  const folds = floor(beyond / range);
  const rest = beyond - folds * range;
  const even = floor(folds * 0.5) * 2 == folds;
  return below == even ? low + rest : high - rest;
}

/**
 * The element of a tap, or -1 if it lies outside and counts as zero. A place that had to be folded back has its
 * neighbours at the border.
 */
// @ts-ignore: decorator
@inline
function tap(at: f32, size: i32, padding: i32): i32 {
  const last = <f32>(size - 1);
  if (at >= 0 && at <= last) return <i32>at;
  if (padding == PADDING_ZEROS || at != at) return -1;
  return at < 0 ? 0 : size - 1;
}

function mix(a: usize, b: usize, c: usize, d: usize, to: usize, run: usize, wx: f32, wy: f32): void {
  const right = f32x4.splat(wx);
  const left = f32x4.splat(<f32>1 - wx);
  const lower = f32x4.splat(wy);
  const upper = f32x4.splat(<f32>1 - wy);
  const run4 = run & ~15;
  let k: usize = 0;
  for (; k < run4; k += 16) {
    const top = madd(right, v128.load(b + k), f32x4.mul(left, v128.load(a + k)));
    const bottom = madd(right, v128.load(d + k), f32x4.mul(left, v128.load(c + k)));
    v128.store(to + k, madd(lower, bottom, f32x4.mul(upper, top)));
  }
  for (; k < run; k += 4) {
    const top = (<f32>1 - wx) * load<f32>(a + k) + wx * load<f32>(b + k);
    const bottom = (<f32>1 - wx) * load<f32>(c + k) + wx * load<f32>(d + k);
    store<f32>(to + k, (<f32>1 - wy) * top + wy * bottom);
  }
}

function add_scaled(x: usize, y: usize, run: usize, weight: f32): void {
  const run4 = run & ~15;
  let k: usize = 0;
  for (; k < run4; k += 16) v128.store(y + k, madd(f32x4.splat(weight), v128.load(x + k), v128.load(y + k)));
  for (; k < run; k += 4) store<f32>(y + k, load<f32>(y + k) + weight * load<f32>(x + k));
}
