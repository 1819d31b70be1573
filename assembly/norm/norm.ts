// Normalisations. Variances are taken in a second pass over the centred elements, not as E[x²] − E[x]², which cancels.
import { Plain, Square, SquareOfDifference, sum_column, sum_columns, sum_of } from "../reduce/reduce";
import { load_some, madd, store_some } from "../lib/simd";

/** y[i] = (x[i] − mean)·invstd·scale[i] + bias[i]; scale or bias 0 where there is none. */
function normalize_row(x: usize, scale: usize, bias: usize, y: usize, n: i32, mean: f32, invstd: f32): void {
  const m = f32x4.splat(mean);
  const s = f32x4.splat(invstd);
  let factor = f32x4.splat(1);
  let addend = f32x4.splat(0);
  if (scale && bias) {
    for (; n >= 8; n -= 8, x += 32, y += 32, scale += 32, bias += 32) {
      v128.store(y, madd(f32x4.mul(f32x4.sub(v128.load(x), m), s), v128.load(scale), v128.load(bias)));
      v128.store(y, madd(f32x4.mul(f32x4.sub(v128.load(x, 16), m), s), v128.load(scale, 16), v128.load(bias, 16)), 16);
    }
  } else if (scale) {
    for (; n >= 8; n -= 8, x += 32, y += 32, scale += 32) {
      v128.store(y, madd(f32x4.mul(f32x4.sub(v128.load(x), m), s), v128.load(scale), addend));
      v128.store(y, madd(f32x4.mul(f32x4.sub(v128.load(x, 16), m), s), v128.load(scale, 16), addend), 16);
    }
  }
  for (; n > 0; n -= 4) {
    if (scale) {
      factor = load_some(scale, n);
      scale += 16;
    }
    if (bias) {
      addend = load_some(bias, n);
      bias += 16;
    }
    store_some(y, madd(f32x4.mul(f32x4.sub(load_some(x, n), m), s), factor, addend), n);
    x += 16;
    y += 16;
  }
}

/** sum = x + residual + shift; no shift if that is 0. */
function add_row(x: usize, residual: usize, shift: usize, sum: usize, n: i32): void {
  if (shift) {
    for (; n >= 8; n -= 8, x += 32, residual += 32, shift += 32, sum += 32) {
      v128.store(sum, f32x4.add(f32x4.add(v128.load(x), v128.load(residual)), v128.load(shift)));
      v128.store(sum, f32x4.add(f32x4.add(v128.load(x, 16), v128.load(residual, 16)), v128.load(shift, 16)), 16);
    }
  } else {
    for (; n >= 8; n -= 8, x += 32, residual += 32, sum += 32) {
      v128.store(sum, f32x4.add(v128.load(x), v128.load(residual)));
      v128.store(sum, f32x4.add(v128.load(x, 16), v128.load(residual, 16)), 16);
    }
  }
  for (; n > 0; n -= 4) {
    let v = f32x4.add(load_some(x, n), load_some(residual, n));
    if (shift) {
      v = f32x4.add(v, load_some(shift, n));
      shift += 16;
    }
    store_some(sum, v, n);
    x += 16;
    residual += 16;
    sum += 16;
  }
}

/**
 * Layer normalisation (Ba, Kiros, Hinton, 2016) of rows [begin, end) of `columns` elements:
 * y = (x − mean)/√(variance + epsilon)·scale + bias.
 *
 * Any of `residual` (added to x first), `shift` (a row added with a residual), `sum` (where x + residual + shift is
 * stored), `bias`, `mean` and `invstd` (one per row) may be 0. y may equal x.
 */
export function layer_norm_f32(
  x: usize, residual: usize, shift: usize, sum: usize, scale: usize, bias: usize, y: usize, mean: usize, invstd: usize,
  columns: i32, epsilon: f32, begin: i32, end: i32,
): void {
  for (let r = begin; r < end; r++) {
    const offset = (<usize>r * <usize>columns) << 2;
    let from = x + offset;
    if (residual) {
      const to = sum ? sum + offset : y + offset;
      add_row(from, residual + offset, shift, to, columns);
      from = to;
    }
    const average = sum_of<Plain>(from, columns, 0) / <f32>columns;
    const variance = sum_of<SquareOfDifference>(from, columns, average) / <f32>columns;
    const inverse = <f32>1 / sqrt<f32>(variance + epsilon);
    if (mean) store<f32>(mean + ((<usize>r) << 2), average);
    if (invstd) store<f32>(invstd + ((<usize>r) << 2), inverse);
    normalize_row(from, scale, bias, y + offset, columns, average, inverse);
  }
}

/** RMS normalisation (Zhang, Sennrich, 2019): y = x/√(mean of x² + epsilon)·scale. Arguments as for layer_norm_f32. */
export function rms_norm_f32(
  x: usize, residual: usize, shift: usize, sum: usize, scale: usize, y: usize, invstd: usize, columns: i32,
  epsilon: f32, begin: i32, end: i32,
): void {
  for (let r = begin; r < end; r++) {
    const offset = (<usize>r * <usize>columns) << 2;
    let from = x + offset;
    if (residual) {
      const to = sum ? sum + offset : y + offset;
      add_row(from, residual + offset, shift, to, columns);
      from = to;
    }
    const inverse = <f32>1 / sqrt<f32>(sum_of<Square>(from, columns, 0) / <f32>columns + epsilon);
    if (invstd) store<f32>(invstd + ((<usize>r) << 2), inverse);
    normalize_row(from, scale, 0, y + offset, columns, 0, inverse);
  }
}

/** y[i] = (x[i] − mean)·a + b: centred first, since with a small variance a is large and mean·a would cancel badly. */
function affine_row(x: usize, y: usize, n: i32, mean: f32, a: f32, b: f32): void {
  const center = f32x4.splat(mean);
  const factor = f32x4.splat(a);
  const addend = f32x4.splat(b);
  for (; n > 0; n -= 4) {
    store_some(y, madd(f32x4.sub(load_some(x, n), center), factor, addend), n);
    x += 16;
    y += 16;
  }
}

/**
 * Group normalisation (Wu, He, 2018) of x [batch, channels, spatial] in that order, for groups [begin, end) of the
 * batch·groups there are; with one group per channel it is instance normalisation. `scale` and `bias` per channel.
 */
export function group_norm_f32(
  x: usize, scale: usize, bias: usize, y: usize, channels: i32, groups: i32, spatial: i32, epsilon: f32, begin: i32,
  end: i32,
): void {
  const depth = channels / groups;
  const n = depth * spatial;
  for (let g = begin; g < end; g++) {
    const offset = (<usize>g * <usize>n) << 2;
    const mean = sum_of<Plain>(x + offset, n, 0) / <f32>n;
    const variance = sum_of<SquareOfDifference>(x + offset, n, mean) / <f32>n;
    const invstd = <f32>1 / sqrt<f32>(variance + epsilon);
    for (let c: i32 = 0; c < depth; c++) {
      const channel = (<usize>((g % groups) * depth + c)) << 2;
      const a = invstd * load<f32>(scale + channel);
      const row = offset + ((<usize>c * <usize>spatial) << 2);
      affine_row(x + row, y + row, spatial, mean, a, load<f32>(bias + channel));
    }
  }
}

/** Bytes of scratch for group_norm_last_f32. */
export function group_norm_last_scratch_size(channels: i32): i32 {
  return channels * 8;
}

/** Replaces per-channel sums by the average over each group. */
function share_in_groups(sums: usize, channels: i32, groups: i32, spatial: i32): void {
  const depth = channels / groups;
  for (let g: i32 = 0; g < groups; g++) {
    const at = sums + ((<usize>(g * depth)) << 2);
    const average = sum_of<Plain>(at, depth, 0) / <f32>(depth * spatial);
    for (let c: i32 = 0; c < depth; c++) store<f32>(at + ((<usize>c) << 2), average);
  }
}

/** group_norm_f32 for x [batch, spatial, channels], for batch entries [begin, end). */
export function group_norm_last_f32(
  x: usize, scale: usize, bias: usize, y: usize, channels: i32, groups: i32, spatial: i32, epsilon: f32, begin: i32,
  end: i32, scratch: usize,
): void {
  const stride = (<usize>channels) << 2;
  const means = scratch;
  const factors = scratch + stride;
  for (let b = begin; b < end; b++) {
    const offset = <usize>b * <usize>spatial * stride;
    const wide = channels & ~15;
    for (let c: i32 = 0; c < wide; c += 16) {
      const lane = (<usize>c) << 2;
      sum_columns<Plain>(x + offset + lane, spatial, stride, means + lane, 0);
    }
    for (let c = wide; c < channels; c += 4) {
      const lane = (<usize>c) << 2;
      store_some(
        means + lane, sum_column<Plain>(x + offset + lane, spatial, stride, channels - c, f32x4.splat(0)), channels - c,
      );
    }
    share_in_groups(means, channels, groups, spatial);
    for (let c: i32 = 0; c < wide; c += 16) {
      const lane = (<usize>c) << 2;
      sum_columns<SquareOfDifference>(x + offset + lane, spatial, stride, factors + lane, means + lane);
    }
    for (let c = wide; c < channels; c += 4) {
      const lane = (<usize>c) << 2;
      const mean = load_some(means + lane, channels - c);
      const sum = sum_column<SquareOfDifference>(x + offset + lane, spatial, stride, channels - c, mean);
      store_some(factors + lane, sum, channels - c);
    }
    share_in_groups(factors, channels, groups, spatial);
    for (let c: i32 = 0; c < channels; c++) {
      const lane = (<usize>c) << 2;
      store<f32>(factors + lane, load<f32>(scale + lane) / sqrt<f32>(load<f32>(factors + lane) + epsilon));
    }
    let at = offset;
    for (let r: i32 = 0; r < spatial; r++) {
      let lane: usize = 0;
      for (let left = channels; left > 0; left -= 4) {
        const centred = f32x4.sub(load_some(x + at + lane, left), load_some(means + lane, left));
        const v = madd(centred, load_some(factors + lane, left), load_some(bias + lane, left));
        store_some(y + at + lane, v, left);
        lane += 16;
      }
      at += stride;
    }
  }
}

/** y = x·factor[c] + addend[c] for rows [begin, end) of x [rows, channels]. */
export function affine_channels_last_f32(
  x: usize, factor: usize, addend: usize, y: usize, channels: i32, begin: i32, end: i32,
): void {
  for (let r = begin; r < end; r++) {
    let at = (<usize>r * <usize>channels) << 2;
    let lane: usize = 0;
    for (let left = channels; left > 0; left -= 4) {
      store_some(
        y + at, madd(load_some(x + at, left), load_some(factor + lane, left), load_some(addend + lane, left)), left,
      );
      at += 16;
      lane += 16;
    }
  }
}

/** y = x·factor[c] + addend[c] for planes [begin, end) of the batch·channels of x [batch, channels, spatial]. */
export function affine_channels_first_f32(
  x: usize, factor: usize, addend: usize, y: usize, channels: i32, spatial: i32, begin: i32, end: i32,
): void {
  for (let p = begin; p < end; p++) {
    const offset = (<usize>p * <usize>spatial) << 2;
    const channel = (<usize>(p % channels)) << 2;
    affine_row(x + offset, y + offset, spatial, 0, load<f32>(factor + channel), load<f32>(addend + channel));
  }
}

/** Batch normalisation as an affine function: factor = scale/√(variance + epsilon), addend = bias − mean·factor. */
export function batch_norm_coefficients_f32(
  scale: usize, bias: usize, mean: usize, variance: usize, factor: usize, addend: usize, channels: i32, epsilon: f32,
): void {
  for (let c: i32 = 0; c < channels; c++) {
    const lane = (<usize>c) << 2;
    const a = load<f32>(scale + lane) / sqrt<f32>(load<f32>(variance + lane) + epsilon);
    const b = load<f32>(bias + lane) - load<f32>(mean + lane) * a;
    store<f32>(factor + lane, a);
    store<f32>(addend + lane, b);
  }
}
