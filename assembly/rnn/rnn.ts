// Recurrent layers over a whole sequence. The products with the inputs of all steps are one matrix product that comes
// before (gemm.ts); here `g` holds them, biases included: a row of gates × hidden per step and example, the gates in
// ONNX's order. A step adds the products with the state of the step before to its row and applies the cell's functions.
//
// Sizes and strides, in elements, come as a table: `gStep`, `yStep` from one step to the next, `gRow`, `yRow`,
// `stateRow` from one example to the next. `packed` weights are Rᵀ [hidden, gates · hidden] by gemm_pack_f32, or, if
// `wide`, in panels of WIDE columns: for one example, and a hidden size of which WIDE is a divisor. `h0` (and `c0`) may
// be 0: zeros. y is where a step's state is read from as well, so it must be there even if nobody wants it. `lengths`
// (int32 per example, checked by the caller; or 0) end sequences early: what follows in y is zero. With `reverse` a
// sequence is read from its end. The range [begin, end) is over the examples; every element is summed in the same order
// however many there are.
import { UNARY_NONE, UNARY_SIGMOID, UNARY_TANH } from "../abi/codes";
import { gemm_panels } from "../matmul/gemm-tile";
import { TILE_ADD } from "../lib/tile";
import { row_by_wide_panel } from "../generated/gemv-tiles";
import { gemv_packed_f32, WIDE } from "../matmul/gemv";
import { load_some, madd, nmadd, sigmoid, store_some, tanh } from "../lib/simd";
import { unary_f32 } from "../elementwise/unary";

/** Sizes and strides of a recurrent layer, as a table of i32 in memory: RNN_* of codes.ts. */
// @ts-ignore: decorator
@unmanaged
class Recurrence {
  gStep: i32;
  gRow: i32;
  /** Of the initial and final states. */
  stateRow: i32;
  yStep: i32;
  yRow: i32;
  steps: i32;
  hidden: i32;
  wide: i32;
  reverse: i32;
  /** GRU: linear_before_reset. */
  after: i32;
}

function check_recurrence(s: Recurrence, begin: i32, end: i32): void {
  assert(0 <= begin && begin <= end, "range");
  assert(s.steps >= 0 && s.hidden >= 0, "sizes");
  assert(!s.wide || (end - begin <= 1 && s.hidden % WIDE == 0), "wide panels are for one example");
}

/** Up to this many examples a product is bound by reading the weights (see gemv.ts). */
const VECTOR_ROWS: i32 = 3;

/** Columns of weights in narrow panels that are taken at once. */
const BLOCK: i32 = 256;

/**
 * c[rows, n] += a[rows, k] · B. Weights that just fit the second-level cache, or just do not, are read in turn from
 * either end: what was read last is still there.
 */
function accumulate(
  a: usize, lda: i32, packed: usize, wide: i32, c: usize, ldc: i32, rows: i32, k: i32, n: i32, backward: bool,
): void {
  const step = wide ? WIDE : BLOCK, last = (n - 1) / step * step;
  for (let i = 0; i < n; i += step) {
    const j = backward ? last - i : i, columns = min(n - j, step);
    const from = packed + (<usize>j * k << 2), to = c + (j << 2);
    if (wide) row_by_wide_panel(a, from, k, to);
    else if (rows > VECTOR_ROWS) gemm_panels(
      a, lda << 2, from, k << 5, k, to, ldc << 2, rows, columns, TILE_ADD, 0, 0, 0, UNARY_NONE, 0, 0,
    );
    else gemv_packed_f32(a, lda, from, 0, to, ldc, to, ldc, rows, k, 0, columns, UNARY_NONE, 0, 0);
  }
}

/** Rows of n floats, or of zeros where there is no source. */
function copy_rows(from: usize, to: usize, fromRow: i32, toRow: i32, rows: i32, n: i32): void {
  for (let i = 0; i < rows; i++) {
    const target = to + (<usize>i * toRow << 2);
    if (from) memory.copy(target, from + (<usize>i * fromRow << 2), n << 2);
    else memory.fill(target, 0, n << 2);
  }
}

/** What every cell does with the state of the last step, and with the steps after an early end. */
function finish(
  y: usize, yStep: i32, yRow: i32, h0: usize, hn: usize, sRow: i32, rows: i32, hidden: i32, done: i32, steps: i32,
  reverse: i32,
): void {
  if (hn) {
    if (done > 0) copy_rows(y + (<usize>(reverse ? 0 : done - 1) * yStep << 2), hn, yRow, sRow, rows, hidden);
    else copy_rows(h0, hn, sRow, sRow, rows, hidden);
  }
  for (let t = done; t < steps; t++) copy_rows(0, y + (<usize>t * yStep << 2), 0, yRow, rows, hidden);
}

/**
 * Gates of n units, i first and the candidate c last, f `forget` gates from the beginning (2 in ONNX's order i, o, f,
 * c; 1 in i, f, o, c): C = f ∘ C + i ∘ c, H = o ∘ tanh C. The gates are left as the functions made them. In two loops:
 * in one over all of it a unit waits for its chain of two tanh, which takes twice as long.
 */
export function lstm_cell(g: usize, c: usize, h: usize, n: i32, forget: i32): void {
  const gate = <usize>n << 2, toForget = gate * forget;
  for (let i = g, cell = c, left = n; left > 0; left -= 4, i += 16, cell += 16) {
    const f = i + toForget, candidate = i + 3 * gate;
    const x = sigmoid(load_some(i, left));
    store_some(i, x, left);
    const y = tanh(load_some(candidate, left));
    store_some(candidate, y, left);
    const z = sigmoid(load_some(f, left));
    store_some(f, z, left);
    store_some(cell, madd(z, load_some(cell, left), f32x4.mul(x, y)), left);
  }
  for (let o = g + 3 * gate - toForget; n > 0; n -= 4, o += 16, c += 16, h += 16) {
    const x = sigmoid(load_some(o, n));
    store_some(o, x, n);
    store_some(h, f32x4.mul(x, tanh(load_some(c, n))), n);
  }
}

/** x ← x ∘ y */
function multiply(x: usize, y: usize, n: i32): void {
  for (; n > 0; n -= 4, x += 16, y += 16) store_some(x, f32x4.mul(load_some(x, n), load_some(y, n)), n);
}

/** LSTM without peepholes, with the usual functions. `c` is where the cells live: the final ones, when it is done. */
export function lstm_f32(
  g: usize, packed: usize, h0: usize, c0: usize, y: usize, hn: usize, c: usize, lengths: usize, table: usize,
  begin: i32, end: i32,
): void {
  const s = changetype<Recurrence>(table);
  const gStep = s.gStep, gRow = s.gRow, sRow = s.stateRow, yStep = s.yStep, yRow = s.yRow;
  const steps = s.steps, hidden = s.hidden, wide = s.wide, reverse = s.reverse;
  if (!ASC_NO_ASSERT) check_recurrence(s, begin, end);
  const rows = lengths ? 1 : end - begin;
  const n = hidden * 4;
  for (let row = begin; row < end; row += rows) {
    const state = <usize>row * sRow << 2;
    const gates = g + (<usize>row * gRow << 2);
    const target = y + (<usize>row * yRow << 2);
    const cells = c + state;
    const start = h0 ? h0 + state : 0;
    const done = lengths ? load<i32>(lengths + (<usize>row << 2)) : steps;
    copy_rows(c0 ? c0 + state : 0, cells, sRow, sRow, rows, hidden);
    let h = start, hRow = sRow;
    for (let i = 0; i < done; i++) {
      const t = <usize>(reverse ? done - 1 - i : i);
      const gt = gates + (t * gStep << 2), yt = target + (t * yStep << 2);
      if (h) accumulate(h, hRow, packed, wide, gt, gRow, rows, hidden, n, (i & 1) != 0);
      for (let b = 0; b < rows; b++) {
        lstm_cell(
          gt + (<usize>b * gRow << 2), cells + (<usize>b * sRow << 2), yt + (<usize>b * yRow << 2), hidden, 2,
        );
      }
      h = yt;
      hRow = yRow;
    }
    finish(target, yStep, yRow, start, hn ? hn + state : 0, sRow, rows, hidden, done, steps, reverse);
  }
}

/** z ← sigmoid z, and what the candidate's product is made of: `reset` ← sigmoid r ∘ h. */
function gru_gates(zr: usize, h: usize, reset: usize, n: i32): void {
  unary_f32(UNARY_SIGMOID, zr, zr, 2 * n, 0, 0);
  if (!h) return;
  memory.copy(reset, h, n << 2);
  multiply(reset, zr + (n << 2), n);
}

/** z ← sigmoid z, candidate ← candidate + sigmoid r ∘ product */
function gru_gates_after(zr: usize, candidate: usize, product: usize, n: i32): void {
  unary_f32(UNARY_SIGMOID, zr, zr, 2 * n, 0, 0);
  for (let r = zr + (n << 2); n > 0; n -= 4, r += 16, candidate += 16, product += 16) {
    store_some(candidate, madd(load_some(r, n), load_some(product, n), load_some(candidate, n)), n);
  }
}

/** H = (1 − z) ∘ tanh candidate + z ∘ h */
function gru_mix(z: usize, candidate: usize, h: usize, y: usize, n: i32): void {
  unary_f32(UNARY_TANH, candidate, candidate, n, 0, 0);
  for (let at: usize = 0; n > 0; n -= 4, at += 16) {
    const update = load_some(z + at, n), next = load_some(candidate + at, n);
    const mixed = nmadd(update, next, next);
    store_some(y + at, h ? madd(update, load_some(h + at, n), mixed) : mixed, n);
  }
}

/**
 * GRU with the usual functions. Products, weights and inputs of the gates z and r are apart from the candidate's: `g`
 * and `packed` have rows of 2 · hidden, `gh` and `packedH` of hidden. `after` is linear_before_reset, in which case
 * `biasH` (or 0) is the bias of the candidate's product. `scratch` has room for hidden floats per example of the whole
 * batch.
 */
export function gru_f32(
  g: usize, gh: usize, packed: usize, packedH: usize, biasH: usize, h0: usize, y: usize, hn: usize, lengths: usize,
  table: usize, begin: i32, end: i32, scratch: usize,
): void {
  const s = changetype<Recurrence>(table);
  const gStep = s.gStep, gRow = s.gRow, sRow = s.stateRow, yStep = s.yStep, yRow = s.yRow;
  const steps = s.steps, hidden = s.hidden, wide = s.wide, reverse = s.reverse;
  if (!ASC_NO_ASSERT) check_recurrence(s, begin, end);
  const after = s.after;
  const rows = lengths ? 1 : end - begin;
  for (let row = begin; row < end; row += rows) {
    const state = <usize>row * sRow << 2;
    const target = y + (<usize>row * yRow << 2);
    const start = h0 ? h0 + state : 0;
    const part = scratch + (<usize>row * hidden << 2);
    const done = lengths ? load<i32>(lengths + (<usize>row << 2)) : steps;
    let h = start, hRow = sRow;
    for (let i = 0; i < done; i++) {
      const t = <usize>(reverse ? done - 1 - i : i);
      const at = t * gStep + <usize>row * gRow;
      const zr = g + (at << 3), candidate = gh + (at << 2), yt = target + (t * yStep << 2);
      const backward = (i & 1) != 0;
      if (h) accumulate(h, hRow, packed, wide, zr, 2 * gRow, rows, hidden, 2 * hidden, backward);
      if (after) {
        copy_rows(biasH, part, 0, hidden, rows, hidden);
        if (h) accumulate(h, hRow, packedH, wide, part, hidden, rows, hidden, hidden, backward);
      }
      for (let b = 0; b < rows; b++) {
        const from = h ? h + (<usize>b * hRow << 2) : 0;
        const gates = zr + (<usize>b * gRow << 3), product = part + (<usize>b * hidden << 2);
        if (after) gru_gates_after(gates, candidate + (<usize>b * gRow << 2), product, hidden);
        else gru_gates(gates, from, product, hidden);
      }
      if (!after && h) accumulate(part, hidden, packedH, wide, candidate, gRow, rows, hidden, hidden, backward);
      for (let b = 0; b < rows; b++) {
        const from = h ? h + (<usize>b * hRow << 2) : 0;
        gru_mix(
          zr + (<usize>b * gRow << 3), candidate + (<usize>b * gRow << 2), from, yt + (<usize>b * yRow << 2), hidden,
        );
      }
      h = yt;
      hRow = yRow;
    }
    finish(target, yStep, yRow, start, hn ? hn + state : 0, sRow, rows, hidden, done, steps, reverse);
  }
}

/** H = f(g + H · Rᵀ) for the function of a UNARY_ code. */
export function rnn_f32(
  g: usize, packed: usize, h0: usize, y: usize, hn: usize, lengths: usize, table: usize, act: i32, begin: i32, end: i32,
): void {
  const s = changetype<Recurrence>(table);
  const gStep = s.gStep, gRow = s.gRow, sRow = s.stateRow, yStep = s.yStep, yRow = s.yRow;
  const steps = s.steps, hidden = s.hidden, wide = s.wide, reverse = s.reverse;
  if (!ASC_NO_ASSERT) check_recurrence(s, begin, end);
  const rows = lengths ? 1 : end - begin;
  for (let row = begin; row < end; row += rows) {
    const state = <usize>row * sRow << 2;
    const gates = g + (<usize>row * gRow << 2);
    const target = y + (<usize>row * yRow << 2);
    const start = h0 ? h0 + state : 0;
    const done = lengths ? load<i32>(lengths + (<usize>row << 2)) : steps;
    let h = start, hRow = sRow;
    for (let i = 0; i < done; i++) {
      const t = <usize>(reverse ? done - 1 - i : i);
      const gt = gates + (t * gStep << 2), yt = target + (t * yStep << 2);
      if (h) accumulate(h, hRow, packed, wide, gt, gRow, rows, hidden, hidden, (i & 1) != 0);
      for (let b = 0; b < rows; b++) unary_f32(
        act, gt + (<usize>b * gRow << 2), yt + (<usize>b * yRow << 2), hidden, 0, 0,
      );
      h = yt;
      hRow = yRow;
    }
    finish(target, yStep, yRow, start, hn ? hn + state : 0, sRow, rows, hidden, done, steps, reverse);
  }
}
