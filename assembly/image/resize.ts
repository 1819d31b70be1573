// Interpolation. Which elements are mixed, and with which weights, is in tables that depend on sizes only.
import { madd } from "../lib/simd";

/**
 * One axis: y[o, i, :] = Σ_t w[i, t] · x[o, index[i, t], :] over `taps` taps, for the outer slabs [begin, end) of x [*,
 * size, inner] and y [*, outSize, inner].
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
 * Two neighbouring axes, two taps each: x [*, *, width, inner] to y [*, outHeight, outWidth, inner], for the rows
 * [begin, end) of all rows of y. `slab` is the elements of x per outer index. Tables hold pairs. Weights are multiplied
 * first and products added one after the other, none of them fused: so does onnxruntime, and whatever depends on the
 * last bit (the range by which a DynamicQuantizeLinear quantises) agrees with it.
 */
export function resize_bilinear_f32(
  x: usize, y: usize, rowIndex: usize, rowWeight: usize, colIndex: usize, colWeight: usize,
  slab: i32, width: i32, outHeight: i32, outWidth: i32, inner: i32, begin: i32, end: i32,
): void {
  const run = <usize>inner << 2;
  const run4 = run & ~15;
  const last = <usize>outWidth << 3;
  for (let row = begin; row < end; row++) {
    const i = <usize>(row % outHeight) << 3;
    const from = x + ((<usize>(row / outHeight) * slab) << 2);
    const top = from + load<usize>(rowIndex + i) * width * run;
    const bottom = from + load<usize>(rowIndex + i + 4) * width * run;
    const upper = load<f32>(rowWeight + i);
    const lower = load<f32>(rowWeight + i + 4);
    let to = y + <usize>row * outWidth * run;
    let j: usize = 0;
    if (inner == 1) {
      for (; j + 32 <= last; j += 32, to += 16) {
        v128.store(to, four_columns(top, bottom, colIndex + j, colWeight + j, upper, lower));
      }
    }
    for (; j < last; j += 8) {
      const l = load<usize>(colIndex + j) * run;
      const r = load<usize>(colIndex + j + 4) * run;
      const left = load<f32>(colWeight + j);
      const right = load<f32>(colWeight + j + 4);
      const w11 = left * upper, w21 = right * upper, w12 = left * lower, w22 = right * lower;
      let c: usize = 0;
      for (; c < run4; c += 16) {
        const a = f32x4.mul(f32x4.splat(w11), v128.load(top + l + c));
        const b = f32x4.mul(f32x4.splat(w21), v128.load(top + r + c));
        const d = f32x4.mul(f32x4.splat(w12), v128.load(bottom + l + c));
        const e = f32x4.mul(f32x4.splat(w22), v128.load(bottom + r + c));
        v128.store(to + c, f32x4.add(f32x4.add(f32x4.add(a, b), d), e));
      }
      for (; c < run; c += 4) {
        const above = w11 * load<f32>(top + l + c) + w21 * load<f32>(top + r + c);
        store<f32>(to + c, above + w12 * load<f32>(bottom + l + c) + w22 * load<f32>(bottom + r + c));
      }
      to += run;
    }
  }
}

/** Elements of a row that a table of pairs names, the first of each pair or the second. */
// @ts-ignore: decorator
@inline
function picked(row: usize, index: usize): v128 {
  let v = v128.load32_zero(row + (load<usize>(index) << 2));
  v = v128.load_lane<f32>(row + (load<usize>(index, 8) << 2), v, 1);
  v = v128.load_lane<f32>(row + (load<usize>(index, 16) << 2), v, 2);
  return v128.load_lane<f32>(row + (load<usize>(index, 24) << 2), v, 3);
}

/** Four columns with nothing inside them. */
function four_columns(top: usize, bottom: usize, index: usize, weight: usize, upper: f32, lower: f32): v128 {
  const w0 = v128.load(weight), w1 = v128.load(weight, 16), above = f32x4.splat(upper), below = f32x4.splat(lower);
  const left = v128.shuffle<f32>(w0, w1, 0, 2, 4, 6), right = v128.shuffle<f32>(w0, w1, 1, 3, 5, 7);
  const a = f32x4.mul(f32x4.mul(left, above), picked(top, index));
  const b = f32x4.mul(f32x4.mul(right, above), picked(top, index + 4));
  const d = f32x4.mul(f32x4.mul(left, below), picked(bottom, index));
  const e = f32x4.mul(f32x4.mul(right, below), picked(bottom, index + 4));
  return f32x4.add(f32x4.add(f32x4.add(a, b), d), e);
}
