// The gradient of an interpolation: what resize_axis_f32 gathers, scattered by the same tables.
import { load_some, madd, store_some } from "../lib/simd";

/**
 * dx[o, index[i, t], :] += w[i, t] · dy[o, i, :], from zero, for the outer slabs [begin, end); arguments as
 * resize_axis_f32.
 */
export function resize_axis_gradient_f32(
  dy: usize, dx: usize, index: usize, weight: usize, taps: i32, size: i32, outSize: i32, inner: i32, begin: i32,
  end: i32,
): void {
  const run = <usize>inner << 2;
  for (let o = begin; o < end; o++) {
    const to = dx + <usize>o * size * run;
    let from = dy + <usize>o * outSize * run;
    memory.fill(to, 0, <usize>size * run);
    for (let i = 0; i < outSize * taps; i++) {
      const w = v128.load32_splat(weight + (<usize>i << 2));
      let p = to + load<usize>(index + (<usize>i << 2)) * run, q = from;
      for (let left = inner; left > 0; left -= 4) {
        store_some(p, madd(w, load_some(q, left), load_some(p, left)), left);
        p += 16;
        q += 16;
      }
      if ((i + 1) % taps == 0) from += run;
    }
  }
}
