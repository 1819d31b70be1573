// Gradients of normalisations, and what they need of the forward pass.
//
// Batch, instance and group normalisation share three kernels over x [batch, spatial, channels]: statistics, sums, and
// an affine function of x and dy per batch entry and channel (batch normalisation is the case of one entry with as many
// groups as channels). Layer and RMS normalisation work along rows.
import { Plain, SquareOfDifference, sum_column, sum_columns, sum_of } from "../reduce/reduce";
import { load_some, madd, store_some, sum_lanes } from "../lib/simd";

/**
 * Mean and 1/√(variance + epsilon) of every group of channels of batch entries [begin, end), written for each of its
 * channels: `mean` and `invstd` [batch, channels]. `variance` [batch, channels] gets the variance, unless it is 0.
 */
export function norm_statistics_f32(
  x: usize, mean: usize, invstd: usize, variance: usize, channels: i32, groups: i32, spatial: i32, epsilon: f32,
  begin: i32, end: i32,
): void {
  const stride = <usize>channels << 2;
  const depth = channels / groups;
  for (let b = begin; b < end; b++) {
    const from = x + <usize>b * <usize>spatial * stride;
    const means = mean + <usize>b * stride;
    const inverses = invstd + <usize>b * stride;
    const wide = channels & ~15;
    for (let c: i32 = 0; c < wide; c += 16) {
      const lane = <usize>c << 2;
      sum_columns<Plain>(from + lane, spatial, stride, means + lane, 0);
    }
    for (let c = wide; c < channels; c += 4) {
      const lane = <usize>c << 2;
      store_some(
        means + lane, sum_column<Plain>(from + lane, spatial, stride, channels - c, f32x4.splat(0)), channels - c,
      );
    }
    share(means, depth, groups, spatial);
    for (let c: i32 = 0; c < wide; c += 16) {
      const lane = <usize>c << 2;
      sum_columns<SquareOfDifference>(from + lane, spatial, stride, inverses + lane, means + lane);
    }
    for (let c = wide; c < channels; c += 4) {
      const lane = <usize>c << 2;
      const center = load_some(means + lane, channels - c);
      store_some(
        inverses + lane, sum_column<SquareOfDifference>(from + lane, spatial, stride, channels - c, center),
        channels - c,
      );
    }
    share(inverses, depth, groups, spatial);
    for (let c: i32 = 0; c < channels; c++) {
      const lane = <usize>c << 2;
      const v = load<f32>(inverses + lane);
      if (variance) store<f32>(variance + <usize>b * stride + lane, v);
      store<f32>(inverses + lane, <f32>1 / sqrt<f32>(v + epsilon));
    }
  }
}

/** Replaces the sums of channels by the mean over their group. */
function share(sums: usize, depth: i32, groups: i32, spatial: i32): void {
  for (let g: i32 = 0; g < groups; g++) {
    const at = sums + (<usize>(g * depth) << 2);
    const mean = sum_of<Plain>(at, depth, 0) / <f32>(depth * spatial);
    for (let c: i32 = 0; c < depth; c++) store<f32>(at + (<usize>c << 2), mean);
  }
}

/**
 * Rows that are added up before their sum is added to the total: the rounding error grows with this plus the number of
 * such stretches.
 */
const STRETCH: i32 = 128;

/**
 * sums[batch, channels] = Σ dy and products[batch, channels] = Σ dy·(x − mean)·invstd over the spatial axis of x and dy
 * [batch, spatial, channels], for batch entries [begin, end). With `byRow`, mean and invstd are [batch, spatial] and
 * `mean` may be 0 (layer and RMS normalisation), else they are [batch, channels].
 */
export function norm_sums_f32(
  x: usize, dy: usize, mean: usize, invstd: usize, sums: usize, products: usize, channels: i32, spatial: i32,
  byRow: i32, begin: i32, end: i32,
): void {
  const stride = <usize>channels << 2;
  const none = f32x4.splat(0);
  for (let b = begin; b < end; b++) {
    const offset = <usize>b * <usize>spatial * stride;
    const entry = <usize>b * stride;
    memory.fill(sums + entry, 0, stride);
    memory.fill(products + entry, 0, stride);
    for (let first: i32 = 0; first < spatial; first += STRETCH) {
      const count = min(spatial - first, STRETCH);
      for (let c: i32 = 0; c < channels; c += 4) {
        const lanes = channels - c;
        const lane = <usize>c << 2;
        let at = offset + <usize>first * stride + lane;
        let sum = none, product = none;
        if (byRow) {
          let row = <usize>(b * spatial + first) << 2;
          for (let r: i32 = 0; r < count; r++) {
            const g = load_some(dy + at, lanes);
            let v = load_some(x + at, lanes);
            if (mean) v = f32x4.sub(v, v128.load32_splat(mean + row));
            sum = f32x4.add(sum, g);
            product = madd(f32x4.mul(v, v128.load32_splat(invstd + row)), g, product);
            at += stride;
            row += 4;
          }
        } else {
          const center = load_some(mean + entry + lane, lanes);
          if (lanes >= 4) {
            for (let r: i32 = 0; r < count; r++) {
              const g = v128.load(dy + at);
              sum = f32x4.add(sum, g);
              product = madd(f32x4.sub(v128.load(x + at), center), g, product);
              at += stride;
            }
          } else {
            for (let r: i32 = 0; r < count; r++) {
              const g = load_some(dy + at, lanes);
              sum = f32x4.add(sum, g);
              product = madd(f32x4.sub(load_some(x + at, lanes), center), g, product);
              at += stride;
            }
          }
          product = f32x4.mul(product, load_some(invstd + entry + lane, lanes));
        }
        store_some(sums + entry + lane, f32x4.add(load_some(sums + entry + lane, lanes), sum), lanes);
        store_some(products + entry + lane, f32x4.add(load_some(products + entry + lane, lanes), product), lanes);
      }
    }
  }
}

/**
 * From the sums of norm_sums_f32, the coefficients of dx = a·dy + b·(x − mean) + c, each [batch, channels], for batch
 * entries [begin, end): with m₁ and m₂ the means of scale·dy and scale·dy·x̂ over a group, dx = invstd·(scale·dy − m₁ −
 * x̂·m₂). a, b and c may not be the sums.
 */
export function norm_coefficients_f32(
  scale: usize, invstd: usize, sums: usize, products: usize, a: usize, b: usize, c: usize, channels: i32, groups: i32,
  spatial: i32, begin: i32, end: i32,
): void {
  const depth = channels / groups;
  for (let entry = begin; entry < end; entry++) {
    for (let g: i32 = 0; g < groups; g++) {
      const channel = <usize>(g * depth) << 2;
      const first = (<usize>entry * <usize>channels << 2) + channel;
      let m1: f32 = 0, m2: f32 = 0;
      for (let i: i32 = 0; i < depth; i++) {
        const at = <usize>i << 2;
        const factor = load<f32>(scale + channel + at);
        m1 += factor * load<f32>(sums + first + at);
        m2 += factor * load<f32>(products + first + at);
      }
      m1 /= <f32>(depth * spatial);
      m2 /= <f32>(depth * spatial);
      for (let i: i32 = 0; i < depth; i++) {
        const at = first + (<usize>i << 2);
        const inverse = load<f32>(invstd + at);
        store<f32>(a + at, inverse * load<f32>(scale + channel + (<usize>i << 2)));
        store<f32>(b + at, -inverse * inverse * m2);
        store<f32>(c + at, -inverse * m1);
      }
    }
  }
}

/**
 * dx = a·dy + b·(x − mean) + c for batch entries [begin, end) of x, dy, dx [batch, spatial, channels] and coefficients
 * [batch, channels]. `dy` may be 0, and then `a`, too: the forward pass of a normalisation.
 */
export function norm_apply_f32(
  x: usize, dy: usize, mean: usize, a: usize, b: usize, c: usize, dx: usize, channels: i32, spatial: i32, begin: i32,
  end: i32,
): void {
  const stride = <usize>channels << 2;
  for (let entry = begin; entry < end; entry++) {
    const coefficient = <usize>entry * stride;
    let at = <usize>entry * <usize>spatial * stride;
    for (let r: i32 = 0; r < spatial; r++) {
      let lane = coefficient;
      for (let left = channels; left > 0; left -= 4) {
        let v = madd(
          f32x4.sub(load_some(x + at, left), load_some(mean + lane, left)), load_some(b + lane, left),
          load_some(c + lane, left),
        );
        if (dy) v = madd(load_some(dy + at, left), load_some(a + lane, left), v);
        store_some(dx + at, v, left);
        at += 16;
        lane += 16;
      }
      at -= (<usize>(channels + 3) >> 2 << 4) - stride;
    }
  }
}

/**
 * The gradient of layer_norm_f32 (or, with `mean` 0, of rms_norm_f32) by x: with g = scale·dy, invstd·(g − mean of g −
 * x̂·mean of g·x̂), the mean of g only where a mean was taken off. `dmean` and `dinvstd` are the gradients by the
 * statistics themselves, or 0. Rows [begin, end).
 */
export function layer_norm_gradient_f32(
  x: usize, dy: usize, scale: usize, mean: usize, invstd: usize, dmean: usize, dinvstd: usize, dx: usize, columns: i32,
  begin: i32, end: i32,
): void {
  for (let r = begin; r < end; r++) {
    const offset = <usize>r * <usize>columns << 2;
    const center = f32x4.splat(mean ? load<f32>(mean + (<usize>r << 2)) : 0);
    const inverse = load<f32>(invstd + (<usize>r << 2));
    let sum = f32x4.splat(0), product = sum;
    let at = offset, s = scale;
    for (let left = columns; left > 0; left -= 4) {
      const g = f32x4.mul(load_some(dy + at, left), load_some(s, left));
      sum = f32x4.add(sum, g);
      product = madd(f32x4.sub(load_some(x + at, left), center), g, product);
      at += 16;
      s += 16;
    }
    const m1 = mean ? sum_lanes(sum) / <f32>columns : 0;
    const m2 = sum_lanes(product) * inverse / <f32>columns;
    let slope = -inverse * inverse * m2, addend = -inverse * m1;
    if (dmean) addend += load<f32>(dmean + (<usize>r << 2)) / <f32>columns;
    if (dinvstd) slope -= load<f32>(dinvstd + (<usize>r << 2)) * inverse * inverse * inverse / <f32>columns;
    const a = f32x4.splat(inverse), b = f32x4.splat(slope), c = f32x4.splat(addend);
    at = offset;
    s = scale;
    for (let left = columns; left > 0; left -= 4) {
      const g = f32x4.mul(load_some(dy + at, left), load_some(s, left));
      store_some(dx + at, madd(g, a, madd(f32x4.sub(load_some(x + at, left), center), b, c)), left);
      at += 16;
      s += 16;
    }
  }
}
