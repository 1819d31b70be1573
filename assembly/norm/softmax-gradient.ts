// Gradients of softmax and its relatives over the middle axis of [outer, axis, inner], and cross-entropy fused with
// them.
import { exp_bounded, load_some, log, store_some, sum_lanes } from "../lib/simd";
import { ExpOfDifference, log_one, max_column, max_of, sum_column, sum_of } from "../reduce/reduce";

/** dx = y·(dy − Σ y·dy), for outer indices [begin, end). dx may equal dy. */
export function softmax_gradient_f32(
  y: usize, dy: usize, dx: usize, axis: i32, inner: i32, begin: i32, end: i32,
): void {
  const stride = <usize>inner << 2;
  for (let o = begin; o < end; o++) {
    const base = <usize>o * <usize>axis * stride;
    if (inner == 1) {
      let sums = f32x4.splat(0);
      for (let k: i32 = 0; k < axis; k += 4) {
        const at = base + (<usize>k << 2);
        sums = f32x4.add(sums, f32x4.mul(load_some(y + at, axis - k), load_some(dy + at, axis - k)));
      }
      const sum = f32x4.splat(sum_lanes(sums));
      for (let k: i32 = 0; k < axis; k += 4) {
        const at = base + (<usize>k << 2);
        store_some(
          dx + at, f32x4.mul(load_some(y + at, axis - k), f32x4.sub(load_some(dy + at, axis - k), sum)), axis - k,
        );
      }
      continue;
    }
    for (let i: i32 = 0; i < inner; i += 4) {
      const column = base + (<usize>i << 2);
      let sum = f32x4.splat(0);
      for (let k: i32 = 0; k < axis; k++) {
        const at = column + <usize>k * stride;
        sum = f32x4.add(sum, f32x4.mul(load_some(y + at, inner - i), load_some(dy + at, inner - i)));
      }
      for (let k: i32 = 0; k < axis; k++) {
        const at = column + <usize>k * stride;
        store_some(
          dx + at, f32x4.mul(load_some(y + at, inner - i), f32x4.sub(load_some(dy + at, inner - i), sum)), inner - i,
        );
      }
    }
  }
}

/** y is a logarithm of softmax: dx = dy − eʸ·Σ dy. dx may equal dy. */
export function log_softmax_gradient_f32(
  y: usize, dy: usize, dx: usize, axis: i32, inner: i32, begin: i32, end: i32,
): void {
  const stride = <usize>inner << 2;
  for (let o = begin; o < end; o++) {
    const base = <usize>o * <usize>axis * stride;
    if (inner == 1) {
      let sums = f32x4.splat(0);
      for (let k: i32 = 0; k < axis; k += 4) sums = f32x4.add(sums, load_some(dy + base + (<usize>k << 2), axis - k));
      const sum = f32x4.splat(sum_lanes(sums));
      for (let k: i32 = 0; k < axis; k += 4) {
        const at = base + (<usize>k << 2);
        store_some(
          dx + at, f32x4.sub(load_some(dy + at, axis - k), f32x4.mul(exp_bounded(load_some(y + at, axis - k)), sum)),
          axis - k,
        );
      }
      continue;
    }
    for (let i: i32 = 0; i < inner; i += 4) {
      const column = base + (<usize>i << 2);
      let sum = f32x4.splat(0);
      for (let k: i32 = 0; k < axis; k++) sum = f32x4.add(sum, load_some(dy + column + <usize>k * stride, inner - i));
      for (let k: i32 = 0; k < axis; k++) {
        const at = column + <usize>k * stride;
        store_some(
          dx + at, f32x4.sub(load_some(dy + at, inner - i), f32x4.mul(exp_bounded(load_some(y + at, inner - i)), sum)),
          inner - i,
        );
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function target_of(targets: usize, bytes: i32, i: i32): i64 {
  const at = targets + <usize>i * <usize>bytes;
  return bytes == 8 ? load<i64>(at) : <i64>load<i32>(at);
}

/**
 * losses[o, i] = −w[t]·log softmax(x[o, :, i])[t], t = targets[o, i]; `logs[o, i]` keeps log Σ eˣ for the gradient. An
 * ignored target has loss 0. `weights` may be 0. Writes the sum of the weights of the targets that count to `total`.
 */
export function cross_entropy_f32(
  x: usize, targets: usize, targetBytes: i32, weights: usize, ignored: i32, losses: usize, logs: usize, total: usize,
  classes: i32, inner: i32, begin: i32, end: i32,
): void {
  const stride = <usize>inner << 2;
  let weight: f64 = 0;
  for (let o = begin; o < end; o++) {
    const base = x + <usize>o * <usize>classes * stride;
    const row = o * inner;
    if (inner == 1) {
      const largest = max_of(base, classes);
      store<f32>(logs + (<usize>row << 2), largest + log_one(sum_of<ExpOfDifference>(base, classes, largest)));
    } else {
      for (let i: i32 = 0; i < inner; i += 4) {
        const at = base + (<usize>i << 2);
        const largest = max_column(at, classes, stride, inner - i);
        const sum = sum_column<ExpOfDifference>(at, classes, stride, inner - i, largest);
        store_some(logs + (<usize>(row + i) << 2), f32x4.add(largest, log(sum)), inner - i);
      }
    }
    for (let i: i32 = 0; i < inner; i++) {
      const t = target_of(targets, targetBytes, row + i);
      const place = <usize>(row + i) << 2;
      if (t == ignored) {
        store<f32>(losses + place, 0);
        continue;
      }
      const w: f32 = weights ? load<f32>(weights + (<usize>t << 2)) : 1;
      store<f32>(losses + place, w * (load<f32>(logs + place) - load<f32>(base + <usize>t * stride + (<usize>i << 2))));
      weight += w;
    }
  }
  store<f32>(total, <f32>weight);
}

/**
 * dx[o, c, i] = g·w[t]·(softmax(x)[o, c, i] − [c = t]) with what cross_entropy_f32 kept; g is the element of `dy` for
 * the target, or, with `dyStride` 0, its only element.
 */
export function cross_entropy_gradient_f32(
  x: usize, targets: usize, targetBytes: i32, weights: usize, ignored: i32, logs: usize, dy: usize, dyStride: i32,
  dx: usize, classes: i32, inner: i32, begin: i32, end: i32,
): void {
  const stride = <usize>inner << 2;
  for (let o = begin; o < end; o++) {
    const offset = <usize>o * <usize>classes * stride;
    for (let i: i32 = 0; i < inner; i++) {
      const row = o * inner + i;
      const t = target_of(targets, targetBytes, row);
      const at = offset + (<usize>i << 2);
      let g: f32 = 0;
      if (t != ignored) {
        g = load<f32>(dy + (<usize>(row * dyStride) << 2));
        if (weights) g *= load<f32>(weights + (<usize>t << 2));
      }
      const shift = f32x4.splat(load<f32>(logs + (<usize>row << 2)));
      const factor = f32x4.splat(g);
      if (inner == 1) {
        for (let c: i32 = 0; c < classes; c += 4) {
          const p = at + (<usize>c << 2);
          store_some(
            dx + p, f32x4.mul(factor, exp_bounded(f32x4.sub(load_some(x + p, classes - c), shift))), classes - c,
          );
        }
      } else {
        for (let c: i32 = 0; c < classes; c++) {
          const p = at + <usize>c * stride;
          const e = exp_bounded(f32x4.sub(v128.load32_splat(x + p), shift));
          v128.store_lane<f32>(dx + p, f32x4.mul(factor, e), 0);
        }
      }
      if (t != ignored) {
        const p = dx + at + <usize>t * stride;
        store<f32>(p, load<f32>(p) - g);
      }
    }
  }
}
