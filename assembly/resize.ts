// Interpolation. Which elements are mixed, and with which weights, is in tables that depend on sizes only.
import { madd } from "./simd";

/**
 * One axis: y[o, i, :] = Σ_t w[i, t] · x[o, index[i, t], :] over `taps` taps, for the outer slabs [begin, end) of x [*, size, inner] and
 * y [*, outSize, inner].
 */
export function resize_axis(
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
 * `slab` is the elements of x per outer index. Tables hold pairs.
 */
export function resize_bilinear(
  x: usize, y: usize, rowIndex: usize, rowWeight: usize, colIndex: usize, colWeight: usize,
  slab: i32, width: i32, outHeight: i32, outWidth: i32, inner: i32, begin: i32, end: i32,
): void {
  const run = <usize>inner << 2;
  const run4 = run & ~15;
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
