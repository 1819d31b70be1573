// Interpolation. Which elements are mixed, and with which weights, is in tables that depend on sizes only.
import { madd } from "../lib/simd";

/**
 * One axis: y[o, i, :] = Σ_t w[i, t] · x[o, index[i, t], :] over `taps` taps, for the outer slabs [begin, end) of x [*, size, inner] and
 * y [*, outSize, inner].
 */
export function resize_axis_f32(
  x: usize, y: usize, index: usize, weight: usize, taps: i32, size: i32, outSize: i32, inner: i32, begin: i32, end: i32,
): void {
  const run = <usize>inner << 2;
  const run4 = run & ~15;
  for (let o = begin; o < end; o++) {
    const from = x + <usize>o * size * run;
    let to = y + <usize>o * outSize * run;
    let table = 0;
    for (let i = 0; i < outSize; i++) {
      let c: usize = 0;
      for (; c < run4; c += 16) {
        let sum = f32x4.splat(0);
        for (let t = table; t < table + (taps << 2); t += 4) {
          sum = madd(v128.load32_splat(weight + t), v128.load(from + load<usize>(index + t) * run + c), sum);
        }
        v128.store(to + c, sum);
      }
      for (; c < run; c += 4) {
        let sum: f32 = 0;
        for (let t = table; t < table + (taps << 2); t += 4) {
          sum += load<f32>(weight + t) * load<f32>(from + load<usize>(index + t) * run + c);
        }
        store<f32>(to + c, sum);
      }
      table += taps << 2;
      to += run;
    }
  }
}

/**
 * Two neighbouring axes, two taps each: x [*, *, width, inner] to y [*, outHeight, outWidth, inner], for the rows [begin, end) of all rows of y.
 * `slab` is the elements of x per outer index. Tables hold pairs. `scratch` holds `width` floats; only used where `inner` is 1.
 */
export function resize_bilinear_f32(
  x: usize, y: usize, rowIndex: usize, rowWeight: usize, colIndex: usize, colWeight: usize,
  slab: i32, width: i32, outHeight: i32, outWidth: i32, inner: i32, scratch: usize, begin: i32, end: i32,
): void {
  const run = <usize>inner << 2;
  const run4 = run & ~15;
  if (inner == 1) {
    bilinear_rows(x, y, rowIndex, rowWeight, colIndex, colWeight, slab, width, outHeight, outWidth, scratch, begin, end);
    return;
  }
  for (let row = begin; row < end; row++) {
    const i = <usize>(row % outHeight) << 3;
    const from = x + ((<usize>(row / outHeight) * slab) << 2);
    const top = from + load<usize>(rowIndex + i) * width * run;
    const bottom = from + load<usize>(rowIndex + i + 4) * width * run;
    const upper = load<f32>(rowWeight + i);
    const lower = load<f32>(rowWeight + i + 4);
    const upper4 = f32x4.splat(upper);
    const lower4 = f32x4.splat(lower);
    let to = y + <usize>row * outWidth * run;
    const last = <usize>outWidth << 3;
    for (let j: usize = 0; j < last; j += 8) {
      const l = load<usize>(colIndex + j) * run;
      const r = load<usize>(colIndex + j + 4) * run;
      const left = load<f32>(colWeight + j);
      const right = load<f32>(colWeight + j + 4);
      let c: usize = 0;
      if (run4 > 0) {
        const left4 = f32x4.splat(left);
        const right4 = f32x4.splat(right);
        for (; c < run4; c += 16) {
          const a = madd(right4, v128.load(top + r + c), f32x4.mul(left4, v128.load(top + l + c)));
          const b = madd(right4, v128.load(bottom + r + c), f32x4.mul(left4, v128.load(bottom + l + c)));
          v128.store(to + c, madd(lower4, b, f32x4.mul(upper4, a)));
        }
      }
      for (; c < run; c += 4) {
        const a = left * load<f32>(top + l + c) + right * load<f32>(top + r + c);
        const b = left * load<f32>(bottom + l + c) + right * load<f32>(bottom + r + c);
        store<f32>(to + c, upper * a + lower * b);
      }
      to += run;
    }
  }
}

/** The same with nothing inside the columns: a row between two rows first, four at a time, then its columns. */
function bilinear_rows(
  x: usize, y: usize, rowIndex: usize, rowWeight: usize, colIndex: usize, colWeight: usize,
  slab: i32, width: i32, outHeight: i32, outWidth: i32, scratch: usize, begin: i32, end: i32,
): void {
  const bytes = <usize>width << 2;
  const bytes4 = bytes & ~15;
  const last = <usize>outWidth << 2;
  const last4 = last & ~15;
  for (let row = begin; row < end; row++) {
    const i = <usize>(row % outHeight) << 3;
    const from = x + ((<usize>(row / outHeight) * slab) << 2);
    const top = from + load<usize>(rowIndex + i) * bytes;
    const bottom = from + load<usize>(rowIndex + i + 4) * bytes;
    const upper = load<f32>(rowWeight + i);
    const lower = load<f32>(rowWeight + i + 4);
    let c: usize = 0;
    for (; c < bytes4; c += 16) {
      v128.store(scratch + c, madd(f32x4.splat(lower), v128.load(bottom + c), f32x4.mul(f32x4.splat(upper), v128.load(top + c))));
    }
    for (; c < bytes; c += 4) store<f32>(scratch + c, upper * load<f32>(top + c) + lower * load<f32>(bottom + c));
    const to = y + <usize>row * last;
    let j: usize = 0;
    for (; j < last4; j += 16) {
      const index = colIndex + 2 * j;
      const w0 = v128.load(colWeight + 2 * j);
      const w1 = v128.load(colWeight + 2 * j, 16);
      // Left and right neighbours of two columns each; then the products of pairs are added.
      let a = v128.load32_zero(scratch + (load<usize>(index) << 2));
      a = v128.load_lane<f32>(scratch + (load<usize>(index, 4) << 2), a, 1);
      a = v128.load_lane<f32>(scratch + (load<usize>(index, 8) << 2), a, 2);
      a = v128.load_lane<f32>(scratch + (load<usize>(index, 12) << 2), a, 3);
      let b = v128.load32_zero(scratch + (load<usize>(index, 16) << 2));
      b = v128.load_lane<f32>(scratch + (load<usize>(index, 20) << 2), b, 1);
      b = v128.load_lane<f32>(scratch + (load<usize>(index, 24) << 2), b, 2);
      b = v128.load_lane<f32>(scratch + (load<usize>(index, 28) << 2), b, 3);
      a = f32x4.mul(a, w0);
      b = f32x4.mul(b, w1);
      v128.store(to + j, f32x4.add(v128.shuffle<f32>(a, b, 0, 2, 4, 6), v128.shuffle<f32>(a, b, 1, 3, 5, 7)));
    }
    for (; j < last; j += 4) {
      const left = load<f32>(scratch + (load<usize>(colIndex + 2 * j) << 2));
      const right = load<f32>(scratch + (load<usize>(colIndex + 2 * j, 4) << 2));
      store<f32>(to + j, load<f32>(colWeight + 2 * j) * left + load<f32>(colWeight + 2 * j, 4) * right);
    }
  }
}
