// An LSTM that looks at `places` vectors A of each example before every step (K. Xu et al., "Show, Attend and Tell",
// 2015, with scaled products for scores as A. Vaswani et al., 2017): p = softmax(A·h/√H), attended = Σ p_j A_j, gates =
// x·Wᵀ + h·Rᵀ + attended·Uᵀ + b in the order i, f, o, g, c = f ∘ c + i ∘ g, h = o ∘ tanh c.
//
// `saved` holds what the way back needs: gates [steps, batch, 4·hidden], which come in as x·Wᵀ + b, cells and attended
// vectors [steps, batch, hidden] each. `packed` are two matrices by gemm_pack_f32, one after the other: those of h and
// of the attended vectors. The range [begin, end) is over the examples.
import { UNARY_NONE } from "../abi/codes";
import { exp, load_some, madd, store_some, sum_lanes } from "../lib/simd";
import { gemm_f32, gemm_packed_size } from "../matmul/gemm";
import { lstm_cell_gradient } from "./gradient";
import { lstm_cell } from "./rnn";

/** Sizes, as a table of i32 in memory: ATTENTION_LSTM_* of codes.ts. */
// @ts-ignore: decorator
@unmanaged
class AttentionLstm {
  steps: i32;
  batch: i32;
  hidden: i32;
  places: i32;
}

/** Where f lies among the gates i, f, o, g. */
const FORGET: i32 = 1;

/** to[j] = scale·(x · a_j) for `places` rows a_j. */
function dots(x: usize, a: usize, to: usize, hidden: i32, places: i32, scale: f32): void {
  const row = <usize>hidden << 2, whole = <usize>(hidden & ~3) << 2, left = hidden & 3;
  for (; places >= 4; places -= 4, a += 4 * row, to += 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (let i: usize = 0; i < whole; i += 16) {
      const v = v128.load(x + i), p = a + i;
      s0 = madd(v, v128.load(p), s0);
      s1 = madd(v, v128.load(p + row), s1);
      s2 = madd(v, v128.load(p + 2 * row), s2);
      s3 = madd(v, v128.load(p + 3 * row), s3);
    }
    if (left) {
      const v = load_some(x + whole, left), p = a + whole;
      s0 = madd(v, load_some(p, left), s0);
      s1 = madd(v, load_some(p + row, left), s1);
      s2 = madd(v, load_some(p + 2 * row, left), s2);
      s3 = madd(v, load_some(p + 3 * row, left), s3);
    }
    store<f32>(to, scale * sum_lanes(s0));
    store<f32>(to, scale * sum_lanes(s1), 4);
    store<f32>(to, scale * sum_lanes(s2), 8);
    store<f32>(to, scale * sum_lanes(s3), 12);
  }
  for (; places > 0; places--, a += row, to += 4) {
    let s = f32x4.splat(0);
    for (let i: i32 = 0; i < hidden; i += 4) {
      s = madd(load_some(x + (<usize>i << 2), hidden - i), load_some(a + (<usize>i << 2), hidden - i), s);
    }
    store<f32>(to, scale * sum_lanes(s));
  }
}

/** The softmax of `n` numbers in their place. */
function softmax(x: usize, n: i32): void {
  let largest: f32 = -Infinity;
  for (let i = 0; i < n; i++) largest = max(largest, load<f32>(x + (<usize>i << 2)));
  const shift = f32x4.splat(largest);
  let sum: f32 = 0;
  for (let i = 0; i < n; i += 4) {
    const at = x + (<usize>i << 2);
    store_some(at, exp(f32x4.sub(load_some(at, n - i), shift)), n - i);
  }
  for (let i = 0; i < n; i++) sum += load<f32>(x + (<usize>i << 2));
  const scale = f32x4.splat(1 / sum);
  for (let i = 0; i < n; i += 4) {
    const at = x + (<usize>i << 2);
    store_some(at, f32x4.mul(load_some(at, n - i), scale), n - i);
  }
}

/** to = Σ p_j a_j */
function weighted_sum(p: usize, a: usize, to: usize, hidden: i32, places: i32): void {
  const row = <usize>hidden << 2, end = p + (<usize>places << 2);
  for (; hidden >= 16; hidden -= 16, a += 64, to += 64) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (let w = p, q = a; w < end; w += 4, q += row) {
      const v = v128.load32_splat(w);
      s0 = madd(v, v128.load(q), s0);
      s1 = madd(v, v128.load(q, 16), s1);
      s2 = madd(v, v128.load(q, 32), s2);
      s3 = madd(v, v128.load(q, 48), s3);
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
  }
  for (; hidden > 0; hidden -= 4, a += 16, to += 16) {
    let s = f32x4.splat(0);
    for (let w = p, q = a; w < end; w += 4, q += row) s = madd(v128.load32_splat(w), load_some(q, hidden), s);
    store_some(to, s, hidden);
  }
}

/**
 * States y [steps, batch, hidden] and weights p [steps, batch, places] from a [batch, places, hidden] and the states
 * and cells before.
 */
export function attention_lstm_f32(
  saved: usize, packed: usize, a: usize, h0: usize, c0: usize, y: usize, p: usize, table: usize, begin: i32, end: i32,
): void {
  const s = changetype<AttentionLstm>(table);
  const steps = s.steps, batch = s.batch, hidden = s.hidden, places = s.places;
  if (!ASC_NO_ASSERT) assert(0 <= begin && begin <= end && end <= batch && steps >= 0 && places > 0, "sizes");
  const row = <usize>hidden << 2, state = <usize>batch * row;
  const fromAttended = packed + gemm_packed_size(hidden, 4 * hidden);
  const scale: f32 = 1 / sqrt<f32>(<f32>hidden);
  let gates = saved, c = saved + 4 * steps * state, attended = c + steps * state, h = h0, before = c0;
  for (let t = 0; t < steps; t++) {
    for (let n = <usize>begin; n < <usize>end; n++) {
      const weights = p + (n * places << 2), seen = a + n * places * row;
      dots(h + n * row, seen, weights, hidden, places, scale);
      softmax(weights, places);
      weighted_sum(weights, seen, attended + n * row, hidden, places);
    }
    add_product(h, packed, gates, hidden, begin, end);
    add_product(attended, fromAttended, gates, hidden, begin, end);
    for (let n = <usize>begin; n < <usize>end; n++) {
      memory.copy(c + n * row, before + n * row, row);
      lstm_cell(gates + 4 * n * row, c + n * row, y + n * row, hidden, FORGET);
    }
    h = y;
    before = c;
    gates += 4 * state;
    c += state;
    attended += state;
    y += state;
    p += <usize>batch * places << 2;
  }
}

/** gates += x · W */
// @ts-ignore: decorator
@inline
function add_product(x: usize, packed: usize, gates: usize, hidden: i32, begin: i32, end: i32): void {
  const n = 4 * hidden;
  gemm_f32(x, hidden, packed, 0, gates, n, gates, n, hidden, n, begin, end, UNARY_NONE, 0, 0);
}

/** to = gates · W */
// @ts-ignore: decorator
@inline
function product_back(gates: usize, packed: usize, to: usize, hidden: i32, begin: i32, end: i32): void {
  gemm_f32(gates, 4 * hidden, packed, 0, 0, 0, to, hidden, 4 * hidden, hidden, begin, end, UNARY_NONE, 0, 0);
}

/**
 * Back through attention_lstm_f32 from dy (or 0) and the weights' gradient dp (or 0). `before` are the states before
 * every step, `packed` the two matrices of the other direction. The gates in `saved` become their gradients; dh and dc
 * [batch, hidden] come in as the gradients of the last state and cells and go out as those of the first; `da` gets that
 * of a. `scratch` has hidden + places floats for each example of the batch.
 */
export function attention_lstm_gradient_f32(
  saved: usize, packed: usize, a: usize, before: usize, c0: usize, p: usize, dy: usize, dp: usize, dh: usize, dc: usize,
  da: usize, table: usize, begin: i32, end: i32, scratch: usize,
): void {
  const s = changetype<AttentionLstm>(table);
  const steps = s.steps, batch = s.batch, hidden = s.hidden, places = s.places;
  if (!ASC_NO_ASSERT) assert(0 <= begin && begin <= end && end <= batch && steps >= 0 && places > 0, "sizes");
  const row = <usize>hidden << 2, state = <usize>batch * row;
  const fromAttended = packed + gemm_packed_size(4 * hidden, hidden);
  const looks = <usize>places << 2, cells = saved + 4 * steps * state, slopes = scratch + state;
  const scale: f32 = 1 / sqrt<f32>(<f32>hidden);
  memory.fill(da + <usize>begin * places * row, 0, <usize>(end - begin) * places * row);
  for (let t = <usize>steps; t-- > 0;) {
    const gates = saved + 4 * t * state, c = cells + t * state, old = t ? c - state : c0;
    for (let n = <usize>begin; n < <usize>end; n++) {
      const at = n * row;
      lstm_cell_gradient(
        gates + 4 * at, c + at, old + at, dy ? dy + t * state + at : 0, dh + at, dc + at, hidden, FORGET,
      );
    }
    product_back(gates, packed, dh, hidden, begin, end);
    product_back(gates, fromAttended, scratch, hidden, begin, end);
    for (let n = <usize>begin; n < <usize>end; n++) {
      const at = n * row, seen = n * places * row, weights = p + (t * batch + n) * looks, slope = slopes + n * looks;
      dots(scratch + at, a + seen, slope, hidden, places, 1);
      softmax_gradient(weights, slope, dp ? dp + (t * batch + n) * looks : 0, places, scale);
      spread(weights, slope, a + seen, da + seen, scratch + at, before + t * state + at, dh + at, hidden, places);
    }
  }
}

/** slope ← scale·p ∘ (d − Σ p·d) for d = slope + more */
function softmax_gradient(p: usize, slope: usize, more: usize, n: i32, scale: f32): void {
  let sum: f32 = 0;
  for (let i: usize = 0; i < <usize>n << 2; i += 4) {
    if (more) store<f32>(slope + i, load<f32>(slope + i) + load<f32>(more + i));
    sum += load<f32>(p + i) * load<f32>(slope + i);
  }
  for (let i: usize = 0; i < <usize>n << 2; i += 4) {
    store<f32>(slope + i, scale * load<f32>(p + i) * (load<f32>(slope + i) - sum));
  }
}

/** da_j += p_j·dAttended + slope_j·h; dh += Σ slope_j a_j */
function spread(
  p: usize, slope: usize, a: usize, da: usize, attended: usize, h: usize, dh: usize, hidden: i32, places: i32,
): void {
  const row = <usize>hidden << 2, end = <usize>places << 2;
  for (; hidden >= 8; hidden -= 8, a += 32, da += 32, attended += 32, h += 32, dh += 32) {
    const d0 = v128.load(attended), d1 = v128.load(attended, 16), h0 = v128.load(h), h1 = v128.load(h, 16);
    let s0 = v128.load(dh), s1 = v128.load(dh, 16);
    for (let j: usize = 0, from = a, to = da; j < end; j += 4, from += row, to += row) {
      const weight = v128.load32_splat(p + j), ds = v128.load32_splat(slope + j);
      s0 = madd(ds, v128.load(from), s0);
      s1 = madd(ds, v128.load(from, 16), s1);
      v128.store(to, madd(weight, d0, madd(ds, h0, v128.load(to))));
      v128.store(to, madd(weight, d1, madd(ds, h1, v128.load(to, 16))), 16);
    }
    v128.store(dh, s0);
    v128.store(dh, s1, 16);
  }
  for (; hidden > 0; hidden -= 4, a += 16, da += 16, attended += 16, h += 16, dh += 16) {
    const d = load_some(attended, hidden), old = load_some(h, hidden);
    let sum = load_some(dh, hidden);
    for (let j: usize = 0, from = a, to = da; j < end; j += 4, from += row, to += row) {
      const weight = v128.load32_splat(p + j), ds = v128.load32_splat(slope + j);
      sum = madd(ds, load_some(from, hidden), sum);
      store_some(to, madd(weight, d, madd(ds, old, load_some(to, hidden))), hidden);
    }
    store_some(dh, sum, hidden);
  }
}
