// Updates of parameters by their gradients, one pass over memory each.
import { load_some, store_some } from "../lib/simd";

/** Σ x², in float64 and in the order of memory. */
export function sum_squares_f32(x: usize, n: i32, y: usize): void {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  for (; n > 0; n -= 4) {
    const v = load_some(x, n);
    const low = f64x2.promote_low_f32x4(v);
    const high = f64x2.promote_low_f32x4(i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    s0 = f64x2.add(s0, f64x2.mul(low, low));
    s1 = f64x2.add(s1, f64x2.mul(high, high));
    x += 16;
  }
  const s = f64x2.add(s0, s1);
  store<f64>(y, f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1));
}

/** x[i] = x[i]·scale. */
export function scale_f32(x: usize, n: i32, scale: f32): void {
  const factor = f32x4.splat(scale);
  for (; n > 0; n -= 4) {
    store_some(x, f32x4.mul(load_some(x, n), factor), n);
    x += 16;
  }
}

/**
 * Gradient descent with momentum (Sutskever et al., "On the importance of initialization and momentum in deep
 * learning", 2013), as PyTorch writes it: g += decay·p; v = momentum·v + (1 − dampening)·g; p −= rate·(nesterov ? g +
 * momentum·v : v). `v` may be 0; `first`: v begins as g.
 */
export function sgd_f32(
  p: usize, g: usize, v: usize, n: i32, rate: f32, decay: f32, momentum: f32, dampening: f32, nesterov: i32, first: i32,
): void {
  const lr = f32x4.splat(rate);
  const wd = f32x4.splat(decay);
  const mu = f32x4.splat(momentum);
  const share = f32x4.splat(1 - dampening);
  for (; n > 0; n -= 4) {
    const x = load_some(p, n);
    let d = f32x4.add(load_some(g, n), f32x4.mul(wd, x));
    if (v) {
      const speed = first ? d : f32x4.add(f32x4.mul(mu, load_some(v, n)), f32x4.mul(share, d));
      store_some(v, speed, n);
      d = nesterov ? f32x4.add(d, f32x4.mul(mu, speed)) : speed;
      v += 16;
    }
    store_some(p, f32x4.sub(x, f32x4.mul(lr, d)), n);
    p += 16;
    g += 16;
  }
}

/**
 * Adam (Kingma & Ba, 2015), and with `decoupled` AdamW (Loshchilov & Hutter, 2019). `c1` and `c2` are 1 − β₁ᵗ and 1 −
 * β₂ᵗ. With `most` (or 0) steps are by the largest second moment there was (AMSGrad: Reddi, Kale & Kumar, 2018).
 */
export function adam_f32(
  p: usize, g: usize, m: usize, v: usize, most: usize, n: i32, rate: f32, beta1: f32, beta2: f32, epsilon: f32,
  decay: f32, decoupled: i32, c1: f32, c2: f32,
): void {
  const b1 = f32x4.splat(beta1);
  const b2 = f32x4.splat(beta2);
  const r1 = f32x4.splat(1 - beta1);
  const r2 = f32x4.splat(1 - beta2);
  const step = f32x4.splat(rate / c1);
  const root = f32x4.splat(sqrt<f32>(c2));
  const eps = f32x4.splat(epsilon);
  const wd = f32x4.splat(decoupled ? 0 : decay);
  const shrink = f32x4.splat(decoupled ? 1 - rate * decay : 1);
  for (; n > 0; n -= 4) {
    const x = load_some(p, n);
    const d = f32x4.add(load_some(g, n), f32x4.mul(wd, x));
    const first = f32x4.add(f32x4.mul(b1, load_some(m, n)), f32x4.mul(r1, d));
    const second = f32x4.add(f32x4.mul(b2, load_some(v, n)), f32x4.mul(r2, f32x4.mul(d, d)));
    store_some(m, first, n);
    store_some(v, second, n);
    let largest = second;
    if (most) {
      largest = f32x4.max(second, load_some(most, n));
      store_some(most, largest, n);
      most += 16;
    }
    const width = f32x4.add(f32x4.div(f32x4.sqrt(largest), root), eps);
    store_some(p, f32x4.sub(f32x4.mul(x, shrink), f32x4.div(f32x4.mul(step, first), width)), n);
    p += 16;
    g += 16;
    m += 16;
    v += 16;
  }
}

/** Adagrad (Duchi et al., 2011): s += g²; p −= rate·g/(√s + ε). */
export function adagrad_f32(p: usize, g: usize, s: usize, n: i32, rate: f32, epsilon: f32, decay: f32): void {
  const lr = f32x4.splat(rate);
  const eps = f32x4.splat(epsilon);
  const wd = f32x4.splat(decay);
  for (; n > 0; n -= 4) {
    const x = load_some(p, n);
    const d = f32x4.add(load_some(g, n), f32x4.mul(wd, x));
    const sum = f32x4.add(load_some(s, n), f32x4.mul(d, d));
    store_some(s, sum, n);
    store_some(p, f32x4.sub(x, f32x4.div(f32x4.mul(lr, d), f32x4.add(f32x4.sqrt(sum), eps))), n);
    p += 16;
    g += 16;
    s += 16;
  }
}

/**
 * RMSprop (Tieleman & Hinton, 2012): s = α·s + (1 − α)·g²; with `v` a momentum on g/(√s + ε); with `mean` the variance
 * around the mean.
 */
export function rmsprop_f32(
  p: usize, g: usize, s: usize, v: usize, mean: usize, n: i32, rate: f32, alpha: f32, epsilon: f32, decay: f32,
  momentum: f32,
): void {
  const lr = f32x4.splat(rate);
  const keep = f32x4.splat(alpha);
  const share = f32x4.splat(1 - alpha);
  const eps = f32x4.splat(epsilon);
  const wd = f32x4.splat(decay);
  const mu = f32x4.splat(momentum);
  for (; n > 0; n -= 4) {
    const x = load_some(p, n);
    const d = f32x4.add(load_some(g, n), f32x4.mul(wd, x));
    const square = f32x4.add(f32x4.mul(keep, load_some(s, n)), f32x4.mul(share, f32x4.mul(d, d)));
    store_some(s, square, n);
    let variance = square;
    if (mean) {
      const average = f32x4.add(f32x4.mul(keep, load_some(mean, n)), f32x4.mul(share, d));
      store_some(mean, average, n);
      variance = f32x4.max(f32x4.sub(square, f32x4.mul(average, average)), f32x4.splat(0));
      mean += 16;
    }
    let step = f32x4.div(d, f32x4.add(f32x4.sqrt(variance), eps));
    if (v) {
      step = f32x4.add(f32x4.mul(mu, load_some(v, n)), step);
      store_some(v, step, n);
      v += 16;
    }
    store_some(p, f32x4.sub(x, f32x4.mul(lr, step)), n);
    p += 16;
    g += 16;
    s += 16;
  }
}
