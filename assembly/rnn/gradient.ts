// One step back through the cells of rnn.ts: from the gradient of a step's state to those of its gates before their
// functions, which are written over the gates. Rows of `hidden` floats (gates: as many times as there are) follow one
// another. `dy` is the gradient of the state as an output (0: none), `dh` what came back from the step after.
import { load_some, sigmoid, store_some, tanh } from "../lib/simd";
import { UNARY_RELU, UNARY_TANH } from "../abi/codes";

// @ts-ignore: decorator
@inline
function one(): v128 {
  return f32x4.splat(1);
}

/** x·(1 − x): the slope of a sigmoid whose value is x. */
// @ts-ignore: decorator
@inline
function logistic(x: v128): v128 {
  return f32x4.mul(x, f32x4.sub(one(), x));
}

// @ts-ignore: decorator
@inline
function sum_of(dy: usize, dh: usize, n: i32): v128 {
  const after = load_some(dh, n);
  return dy ? f32x4.add(after, load_some(dy, n)) : after;
}

/**
 * One row of lstm_gradient_f32; the gates i, f, o and the candidate lie as lstm_cell (rnn.ts) has them, f `forget`
 * gates from the beginning.
 */
export function lstm_cell_gradient(
  g: usize, c: usize, before: usize, dy: usize, dh: usize, dc: usize, hidden: i32, forget: i32,
): void {
  const gate = <usize>hidden << 2, toForget = gate * forget, toOutput = 3 * gate - toForget;
  for (let j = 0; j < hidden; j += 4) {
    const n = hidden - j;
    const at = <usize>j << 2;
    const pi = g + at, po = pi + toOutput, pf = pi + toForget, pc = pi + 3 * gate;
    const i = load_some(pi, n), o = load_some(po, n), f = load_some(pf, n), candidate = load_some(pc, n);
    const t = tanh(load_some(c + at, n));
    const d = sum_of(dy ? dy + at : 0, dh + at, n);
    const cell = f32x4.add(load_some(dc + at, n), f32x4.mul(f32x4.mul(d, o), f32x4.sub(one(), f32x4.mul(t, t))));
    store_some(pi, f32x4.mul(f32x4.mul(cell, candidate), logistic(i)), n);
    store_some(po, f32x4.mul(f32x4.mul(d, t), logistic(o)), n);
    const old = before ? load_some(before + at, n) : f32x4.splat(0);
    store_some(pf, f32x4.mul(f32x4.mul(cell, old), logistic(f)), n);
    store_some(pc, f32x4.mul(f32x4.mul(cell, i), f32x4.sub(one(), f32x4.mul(candidate, candidate))), n);
    store_some(dc + at, f32x4.mul(cell, f), n);
  }
}

/**
 * Gates i, o, f, c̃ as lstm_f32 leaves them; `c` and `before` the cells after and before (0: zeros). `dc` becomes the
 * gradient of the cells before.
 */
export function lstm_gradient_f32(
  g: usize, c: usize, before: usize, dy: usize, dh: usize, dc: usize, rows: i32, hidden: i32,
): void {
  const gate = <usize>hidden << 2;
  for (let row = 0; row < rows; row++) {
    lstm_cell_gradient(g, c, before, dy, dh, dc, hidden, 2);
    g += gate << 2;
    c += gate;
    if (before) before += gate;
    if (dy) dy += gate;
    dh += gate;
    dc += gate;
  }
}

/**
 * Gates z and r in `zr`, the candidate in `candidate`, as gru_f32 leaves them; `h` the state before (0: zeros),
 * `product` the candidate's product with it (`after` reset) or room for the gradient of r ∘ h. z, r and candidate
 * become gradients, `product` (if `after`) too; `direct` becomes dh ∘ z. Without `after` the gradient of r is made by
 * gru_reset_gradient_f32, once the candidate's has been multiplied by its weights.
 */
export function gru_gradient_f32(
  zr: usize, candidate: usize, h: usize, product: usize, after: i32, dy: usize, dh: usize, direct: usize, rows: i32,
  hidden: i32,
): void {
  const gate = <usize>hidden << 2;
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < hidden; j += 4) {
      const n = hidden - j;
      const at = <usize>j << 2;
      const z = load_some(zr + at, n), r = load_some(zr + gate + at, n), c = load_some(candidate + at, n);
      const old = h ? load_some(h + at, n) : f32x4.splat(0);
      const d = sum_of(dy ? dy + at : 0, dh + at, n);
      const dc = f32x4.mul(f32x4.mul(d, f32x4.sub(one(), z)), f32x4.sub(one(), f32x4.mul(c, c)));
      store_some(zr + at, f32x4.mul(f32x4.mul(d, f32x4.sub(old, c)), logistic(z)), n);
      store_some(candidate + at, dc, n);
      store_some(direct + at, f32x4.mul(d, z), n);
      if (after) {
        const p = load_some(product + at, n);
        store_some(zr + gate + at, f32x4.mul(f32x4.mul(dc, p), logistic(r)), n);
        store_some(product + at, f32x4.mul(dc, r), n);
      }
    }
    zr += gate << 1;
    candidate += gate;
    if (h) h += gate;
    product += gate;
    if (dy) dy += gate;
    dh += gate;
    direct += gate;
  }
}

/**
 * From the gradient of r ∘ h, in `product`: that of r before its function; `direct` += that ∘ r; `product` becomes r ∘
 * h.
 */
export function gru_reset_gradient_f32(
  zr: usize, h: usize, product: usize, direct: usize, rows: i32, hidden: i32,
): void {
  const gate = <usize>hidden << 2;
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < hidden; j += 4) {
      const n = hidden - j;
      const at = <usize>j << 2;
      const r = load_some(zr + gate + at, n);
      const d = load_some(product + at, n);
      const old = h ? load_some(h + at, n) : f32x4.splat(0);
      store_some(zr + gate + at, f32x4.mul(f32x4.mul(d, old), logistic(r)), n);
      store_some(direct + at, f32x4.add(load_some(direct + at, n), f32x4.mul(d, r)), n);
      store_some(product + at, f32x4.mul(r, old), n);
    }
    zr += gate << 1;
    if (h) h += gate;
    product += gate;
    direct += gate;
  }
}

/** The gradient before the function of a UNARY_ code (tanh, relu or none) from the state y = f(x), into `g`. */
export function rnn_gradient_f32(act: i32, y: usize, dy: usize, dh: usize, g: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    const d = sum_of(dy, dh, n);
    const v = load_some(y, n);
    if (act == UNARY_TANH) store_some(g, f32x4.mul(d, f32x4.sub(one(), f32x4.mul(v, v))), n);
    else if (act == UNARY_RELU) store_some(g, v128.and(d, f32x4.gt(v, f32x4.splat(0))), n);
    else store_some(g, d, n);
    y += 16;
    if (dy) dy += 16;
    dh += 16;
    g += 16;
  }
}

/**
 * Rows of a step `t` that is past the end of their sequence become those of `from`, or (0) zeros: `lengths` are int32.
 */
export function rows_beyond_f32(lengths: usize, t: i32, from: usize, to: usize, rows: i32, n: i32): void {
  const bytes = <usize>n << 2;
  for (let row = 0; row < rows; row++, lengths += 4, to += bytes) {
    if (t >= load<i32>(lengths)) {
      if (from) memory.copy(to, from, bytes);
      else memory.fill(to, 0, bytes);
    }
    if (from) from += bytes;
  }
}

/**
 * The functions of an LSTM's step whose gates see the cells through peepholes `p` (i, o, f: three rows of `hidden`):
 * products with inputs and states in `g` become the gates, `c` the cells after those in `before` (0: zeros), `h` the
 * states.
 */
export function lstm_peephole_f32(g: usize, before: usize, p: usize, c: usize, h: usize, rows: i32, hidden: i32): void {
  const gate = <usize>hidden << 2;
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < hidden; j += 4) {
      const n = hidden - j, at = <usize>j << 2;
      const pi = g + at, po = pi + gate, pf = po + gate, pc = pf + gate;
      const old = before ? load_some(before + at, n) : f32x4.splat(0);
      const i = sigmoid(f32x4.add(load_some(pi, n), f32x4.mul(load_some(p + at, n), old)));
      const f = sigmoid(f32x4.add(load_some(pf, n), f32x4.mul(load_some(p + 2 * gate + at, n), old)));
      const candidate = tanh(load_some(pc, n));
      const cell = f32x4.add(f32x4.mul(f, old), f32x4.mul(i, candidate));
      const o = sigmoid(f32x4.add(load_some(po, n), f32x4.mul(load_some(p + gate + at, n), cell)));
      store_some(pi, i, n);
      store_some(po, o, n);
      store_some(pf, f, n);
      store_some(pc, candidate, n);
      store_some(c + at, cell, n);
      store_some(h + at, f32x4.mul(o, tanh(cell)), n);
    }
    g += gate << 2;
    if (before) before += gate;
    c += gate;
    h += gate;
  }
}

/** lstm_gradient_f32 with peepholes, whose gradients are added to `dp`. */
export function lstm_peephole_gradient_f32(
  g: usize, c: usize, before: usize, p: usize, dp: usize, dy: usize, dh: usize, dc: usize, rows: i32, hidden: i32,
  lengths: usize, t: i32,
): void {
  const gate = <usize>hidden << 2;
  for (let row = 0; row < rows; row++) {
    const seen = !lengths || t < load<i32>(lengths + (<usize>row << 2));
    for (let j = 0; seen && j < hidden; j += 4) {
      const n = hidden - j, at = <usize>j << 2;
      const pi = g + at, po = pi + gate, pf = po + gate, pc = pf + gate;
      const i = load_some(pi, n), o = load_some(po, n), f = load_some(pf, n), candidate = load_some(pc, n);
      const now = load_some(c + at, n), old = before ? load_some(before + at, n) : f32x4.splat(0);
      const squashed = tanh(now), d = sum_of(dy ? dy + at : 0, dh + at, n);
      const out = f32x4.mul(f32x4.mul(d, squashed), logistic(o));
      const through = f32x4.mul(f32x4.mul(d, o), f32x4.sub(one(), f32x4.mul(squashed, squashed)));
      const cell = f32x4.add(f32x4.add(load_some(dc + at, n), through), f32x4.mul(out, load_some(p + gate + at, n)));
      const input = f32x4.mul(f32x4.mul(cell, candidate), logistic(i));
      const forget = f32x4.mul(f32x4.mul(cell, old), logistic(f));
      store_some(pi, input, n);
      store_some(po, out, n);
      store_some(pf, forget, n);
      store_some(pc, f32x4.mul(f32x4.mul(cell, i), f32x4.sub(one(), f32x4.mul(candidate, candidate))), n);
      const peeped = f32x4.add(
        f32x4.mul(input, load_some(p + at, n)), f32x4.mul(forget, load_some(p + 2 * gate + at, n)),
      );
      store_some(dc + at, f32x4.add(f32x4.mul(cell, f), peeped), n);
      if (!dp) continue;
      add_some(dp + at, f32x4.mul(input, old), n);
      add_some(dp + gate + at, f32x4.mul(out, now), n);
      add_some(dp + 2 * gate + at, f32x4.mul(forget, old), n);
    }
    g += gate << 2;
    c += gate;
    if (before) before += gate;
    if (dy) dy += gate;
    dh += gate;
    dc += gate;
  }
}

// @ts-ignore: decorator
@inline
function add_some(to: usize, x: v128, n: i32): void {
  store_some(to, f32x4.add(load_some(to, n), x), n);
}
