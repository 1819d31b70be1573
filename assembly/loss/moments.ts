// Updates by moments of the gradient other than Adam's own (optimizer.ts), one pass over memory each.
import { load_some, store_some } from "../lib/simd";

/**
 * m = β₁·m + (1 − β₁)·g; v = β₂·v + (1 − β₂)·g²; p = shrink·p − (byGradient·g + byMean·m) / (√v + ε), or without the
 * division if `adaptive` is 0. g has decay·p added first. NAdam (Dozat, 2016) and RAdam (Liu et al., arXiv:1908.03265)
 * are this with coefficients of their own for each step.
 */
export function moments_f32(
  p: usize, g: usize, m: usize, v: usize, n: i32, beta1: f32, beta2: f32, byGradient: f32, byMean: f32, epsilon: f32,
  decay: f32, shrink: f32, adaptive: i32,
): void {
  const b1 = f32x4.splat(beta1);
  const b2 = f32x4.splat(beta2);
  const r1 = f32x4.splat(1 - beta1);
  const r2 = f32x4.splat(1 - beta2);
  const cg = f32x4.splat(byGradient);
  const cm = f32x4.splat(byMean);
  const eps = f32x4.splat(epsilon);
  const wd = f32x4.splat(decay);
  const keep = f32x4.splat(shrink);
  for (; n > 0; n -= 4) {
    const x = load_some(p, n);
    const d = f32x4.add(load_some(g, n), f32x4.mul(wd, x));
    const first = f32x4.add(f32x4.mul(b1, load_some(m, n)), f32x4.mul(r1, d));
    const second = f32x4.add(f32x4.mul(b2, load_some(v, n)), f32x4.mul(r2, f32x4.mul(d, d)));
    store_some(m, first, n);
    store_some(v, second, n);
    let step = f32x4.add(f32x4.mul(cg, d), f32x4.mul(cm, first));
    if (adaptive) step = f32x4.div(step, f32x4.add(f32x4.sqrt(second), eps));
    store_some(p, f32x4.sub(f32x4.mul(x, keep), step), n);
    p += 16;
    g += 16;
    m += 16;
    v += 16;
  }
}

/** Lion (Chen et al., arXiv:2302.06675): p = shrink·p − rate·sign(β₁·m + (1 − β₁)·g); then m = β₂·m + (1 − β₂)·g. */
export function lion_f32(p: usize, g: usize, m: usize, n: i32, rate: f32, beta1: f32, beta2: f32, shrink: f32): void {
  const b1 = f32x4.splat(beta1);
  const b2 = f32x4.splat(beta2);
  const r1 = f32x4.splat(1 - beta1);
  const r2 = f32x4.splat(1 - beta2);
  const lr = f32x4.splat(rate);
  const keep = f32x4.splat(shrink);
  const zero = f32x4.splat(0);
  for (; n > 0; n -= 4) {
    const d = load_some(g, n);
    const mean = load_some(m, n);
    const way = f32x4.add(f32x4.mul(b1, mean), f32x4.mul(r1, d));
    const up = v128.and(f32x4.gt(way, zero), lr);
    const down = v128.and(f32x4.lt(way, zero), lr);
    store_some(p, f32x4.sub(f32x4.mul(load_some(p, n), keep), f32x4.sub(up, down)), n);
    store_some(m, f32x4.add(f32x4.mul(b2, mean), f32x4.mul(r2, d)), n);
    p += 16;
    g += 16;
    m += 16;
  }
}
