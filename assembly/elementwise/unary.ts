// Functions of one float32 element, by the UNARY_ codes of codes.ts. One loop per code: the function's vector body is a
// method of a small class that `map` is compiled for, so that body and tail share one copy.
import {
  UNARY_NONE, UNARY_RELU, UNARY_CLIP, UNARY_LEAKY_RELU, UNARY_SIGMOID, UNARY_TANH, UNARY_HARD_SIGMOID, UNARY_HARD_SWISH,
  UNARY_SILU, UNARY_GELU, UNARY_GELU_TANH, UNARY_ELU, UNARY_SELU, UNARY_SOFTPLUS, UNARY_SOFTSIGN, UNARY_MISH,
  UNARY_CELU, UNARY_THRESHOLDED_RELU, UNARY_SHRINK, UNARY_EXP, UNARY_LOG, UNARY_ERF, UNARY_SQRT, UNARY_RECIPROCAL,
  UNARY_ABS, UNARY_NEG, UNARY_FLOOR, UNARY_CEIL, UNARY_ROUND, UNARY_SIGN, UNARY_SIN, UNARY_COS, UNARY_AFFINE,
  UNARY_SQUARE, UNARY_GRID,
} from "../abi/codes";
import {
  constant, erf, exp, exp_bounded, exp_near, expm1_negative, far, load_some, log, log1p_unit, madd, sigmoid, store_some,
  tanh,
} from "../lib/simd";
import { trig } from "./trig";
import { evaluate } from "./unary-f64";

// @ts-ignore: decorator
@inline
function zero(): v128 {
  return f32x4.splat(0);
}

const COMMON: usize = memory.data<f32>([
  1, 0.5, 2, 0.16666666666666666, 0.7071067811865476, 0.044715, 0.7978845608028654, 30,
]);

// @ts-ignore: decorator
@inline
function one(): v128 {
  return constant(COMMON, 0);
}

/**
 * A function of four lanes and two splatted scalars. The classes carry no state: `map` calls them on a null pointer.
 */
@unmanaged class Relu {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.pmax(x, zero()); }
}
@unmanaged class Clip {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.pmin(f32x4.pmax(x, a), b); }
}
@unmanaged class LeakyRelu {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return v128.bitselect(f32x4.mul(x, a), x, f32x4.lt(x, zero())); }
}
@unmanaged class Sigmoid {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return sigmoid(x); }
}
@unmanaged class Tanh {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return tanh(x); }
}
@unmanaged class HardSigmoid {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.pmin(f32x4.pmax(madd(x, a, b), zero()), one()); }
}
@unmanaged class HardSwish {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    const gate = madd(x, constant(COMMON, 3), constant(COMMON, 1));
    return f32x4.mul(x, f32x4.pmin(f32x4.pmax(gate, zero()), one()));
  }
}
@unmanaged class Silu {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.mul(x, sigmoid(f32x4.mul(x, a))); }
}
@unmanaged class Gelu {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    const half = f32x4.mul(x, constant(COMMON, 1));
    return madd(half, erf(f32x4.mul(x, constant(COMMON, 4))), half);
  }
}
@unmanaged class GeluTanh {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    const cube = f32x4.mul(f32x4.mul(x, x), x);
    const half = f32x4.mul(x, constant(COMMON, 1));
    const inner = f32x4.mul(madd(cube, constant(COMMON, 5), x), constant(COMMON, 6)); // √(2/π)
    return madd(half, tanh(inner), half);
  }
}
@unmanaged class Elu {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    return v128.bitselect(f32x4.mul(expm1_negative(f32x4.pmin(x, zero())), a), x, f32x4.lt(x, zero()));
  }
}
@unmanaged class Selu {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.mul(b, changetype<Elu>(0).of(x, a, b)); }
}
@unmanaged class Celu {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    return v128.bitselect(f32x4.mul(expm1_negative(f32x4.pmin(f32x4.div(x, a), zero())), a), x, f32x4.lt(x, zero()));
  }
}
/** With a < 0 the exponential is taken of positive numbers. */
@unmanaged class CeluNegative {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    const e = f32x4.mul(f32x4.sub(exp(f32x4.div(x, a)), one()), a);
    return f32x4.add(f32x4.pmax(x, zero()), f32x4.pmin(e, zero()));
  }
}
@unmanaged class Softplus {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    const e = exp_bounded(v128.or(x, f32x4.splat(-0.0)));
    return f32x4.add(f32x4.pmax(x, zero()), log1p_unit(e));
  }
}
@unmanaged class Softsign {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.div(x, f32x4.add(f32x4.abs(x), one())); }
}
/** x·tanh(log(1 + e)) with e = eˣ is x·w/(w + 2), w = e·(e + 2); beyond 30 the fraction is 1. */
@unmanaged class Mish {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    const two = constant(COMMON, 2);
    const e = exp_bounded(f32x4.pmin(x, constant(COMMON, 7)));
    const w = f32x4.mul(e, f32x4.add(e, two));
    return f32x4.mul(x, f32x4.div(w, f32x4.add(w, two)));
  }
}
@unmanaged class ThresholdedRelu {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return v128.and(x, f32x4.gt(x, a)); }
}
@unmanaged class Shrink {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    const below = v128.and(f32x4.add(x, b), f32x4.lt(x, f32x4.neg(a)));
    return v128.bitselect(below, v128.and(f32x4.sub(x, b), f32x4.gt(x, a)), f32x4.lt(x, f32x4.neg(a)));
  }
}
@unmanaged class Exp {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return exp(x); }
}
@unmanaged class Log {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return log(x); }
}
@unmanaged class Erf {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return erf(x); }
}
@unmanaged class Sqrt {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.sqrt(x); }
}
@unmanaged class Reciprocal {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.div(one(), x); }
}
@unmanaged class Abs {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.abs(x); }
}
@unmanaged class Neg {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.neg(x); }
}
@unmanaged class Floor {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.floor(x); }
}
@unmanaged class Ceil {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.ceil(x); }
}
@unmanaged class Round {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.nearest(x); }
}
/** ±1 with the sign of x; zeros and NaN as they are. */
@unmanaged class Sign {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    const unit = v128.or(v128.and(x, f32x4.splat(-0.0)), one());
    return v128.bitselect(unit, x, f32x4.gt(f32x4.abs(x), zero()));
  }
}
@unmanaged class Sin {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return trig(x, 0); }
}
@unmanaged class Cos {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return trig(x, 1); }
}
@unmanaged class Affine {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return madd(x, a, b); }
}
@unmanaged class Square {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.mul(x, x); }
}

type Loop = (x: usize, y: usize, n: i32, a: f32, b: f32) => void;

function map<F>(x: usize, y: usize, n: i32, scalarA: f32, scalarB: f32): void {
  const f = changetype<F>(0);
  const a = f32x4.splat(scalarA);
  const b = f32x4.splat(scalarB);
  while (n > 0) {
    // @ts-ignore: of is resolved when map is compiled for a class
    const v = f.of(load_some(x, n), a, b);
    store_some(y, v, n);
    x += 16;
    y += 16;
    n -= 4;
  }
}

/** `map` for functions of many operations: two vectors at a time, since one alone waits for its own chain of them. */
function map_pairs<F>(x: usize, y: usize, n: i32, scalarA: f32, scalarB: f32): void {
  const f = changetype<F>(0);
  const a = f32x4.splat(scalarA);
  const b = f32x4.splat(scalarB);
  const end = x + ((<usize>(n & ~7)) << 2);
  while (x < end) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    // @ts-ignore: of is resolved when map_pairs is compiled for a class
    const y0 = f.of(x0, a, b);
    // @ts-ignore: see above
    const y1 = f.of(x1, a, b);
    v128.store(y, y0);
    v128.store(y, y1, 16);
    x += 32;
    y += 32;
  }
  map<F>(x, y, n & 7, scalarA, scalarB);
}

/** `map_pairs<Exp>` in whose common case there is nothing to clamp. */
function map_exp(x: usize, y: usize, n: i32, a: f32, b: f32): void {
  for (; n >= 8; n -= 8) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    let y0: v128, y1: v128;
    if (far(x0, x1)) {
      y0 = exp(x0);
      y1 = exp(x1);
    } else {
      y0 = exp_near(x0);
      y1 = exp_near(x1);
    }
    v128.store(y, y0);
    v128.store(y, y1, 16);
    x += 32;
    y += 32;
  }
  map<Exp>(x, y, n, a, b);
}

// @ts-ignore: decorator
@inline
function grid(x: v128, a: v128, low: v128, high: v128): v128 {
  const q = f32x4.nearest(f32x4.div(x, a));
  return f32x4.mul(v128.and(f32x4.pmin(f32x4.pmax(q, low), high), f32x4.eq(q, q)), a);
}

/** Not by `map`: what the bounds are made of would be computed for every vector. */
function map_grid(x: usize, y: usize, n: i32, scale: f32, shift: f32): void {
  const a = f32x4.splat(scale);
  const low = f32x4.splat(0 - shift);
  const high = f32x4.splat(255 - shift);
  for (; n >= 8; n -= 8) {
    const y0 = grid(v128.load(x), a, low, high);
    const y1 = grid(v128.load(x, 16), a, low, high);
    v128.store(y, y0);
    v128.store(y, y1, 16);
    x += 32;
    y += 32;
  }
  for (; n > 0; n -= 4) {
    store_some(y, grid(load_some(x, n), a, low, high), n);
    x += 16;
    y += 16;
  }
}

/** The rare ones: computed in float64 and rounded once. */
function map_scalar(code: i32, x: usize, y: usize, n: i32): void {
  for (let i: i32 = 0; i < n; i++) {
    const at = (<usize>i) << 2;
    store<f32>(y + at, <f32>evaluate(code, load<f32>(x + at), 0, 0));
  }
}

/**
 * y[i] = f(x[i]) for the function of a UNARY_ code; `a` and `b` as codes.ts says. x may equal y; otherwise they must
 * not overlap.
 */
export function unary_f32(code: i32, x: usize, y: usize, n: i32, a: f32, b: f32): void {
  // Through a function value, so that the optimiser cannot pull the loops into one function: V8 then keeps the
  // constants that several loops share on the stack, and every loop takes 1.5 to 3 times as long.
  let f: Loop = (x, y, n, a, b) => map<Relu>(x, y, n, a, b);
  switch (code) {
    case UNARY_NONE:
      if (x != y) memory.copy(y, x, (<usize>n) << 2);
      return;
    case UNARY_RELU: break;
    case UNARY_CLIP: f = (x, y, n, a, b) => map<Clip>(x, y, n, a, b); break;
    case UNARY_LEAKY_RELU: f = (x, y, n, a, b) => map<LeakyRelu>(x, y, n, a, b); break;
    case UNARY_SIGMOID: f = (x, y, n, a, b) => map_pairs<Sigmoid>(x, y, n, a, b); break;
    case UNARY_TANH: f = (x, y, n, a, b) => map_pairs<Tanh>(x, y, n, a, b); break;
    case UNARY_HARD_SIGMOID: f = (x, y, n, a, b) => map<HardSigmoid>(x, y, n, a, b); break;
    case UNARY_HARD_SWISH: f = (x, y, n, a, b) => map<HardSwish>(x, y, n, a, b); break;
    case UNARY_SILU: f = (x, y, n, a, b) => map_pairs<Silu>(x, y, n, a, b); break;
    case UNARY_GELU: f = (x, y, n, a, b) => map_pairs<Gelu>(x, y, n, a, b); break;
    case UNARY_GELU_TANH: f = (x, y, n, a, b) => map_pairs<GeluTanh>(x, y, n, a, b); break;
    case UNARY_ELU: f = (x, y, n, a, b) => map_pairs<Elu>(x, y, n, a, b); break;
    case UNARY_SELU: f = (x, y, n, a, b) => map<Selu>(x, y, n, a, b); break;
    case UNARY_SOFTPLUS: f = (x, y, n, a, b) => map_pairs<Softplus>(x, y, n, a, b); break;
    case UNARY_SOFTSIGN: f = (x, y, n, a, b) => map<Softsign>(x, y, n, a, b); break;
    case UNARY_MISH: f = (x, y, n, a, b) => map_pairs<Mish>(x, y, n, a, b); break;
    case UNARY_CELU:
      if (a > 0) f = (x, y, n, a, b) => map<Celu>(x, y, n, a, b);
      else f = (x, y, n, a, b) => map<CeluNegative>(x, y, n, a, b);
      break;
    case UNARY_THRESHOLDED_RELU: f = (x, y, n, a, b) => map<ThresholdedRelu>(x, y, n, a, b); break;
    case UNARY_SHRINK: f = (x, y, n, a, b) => map<Shrink>(x, y, n, a, b); break;
    case UNARY_EXP: f = map_exp; break;
    case UNARY_LOG: f = (x, y, n, a, b) => map_pairs<Log>(x, y, n, a, b); break;
    case UNARY_ERF: f = (x, y, n, a, b) => map_pairs<Erf>(x, y, n, a, b); break;
    case UNARY_SQRT: f = (x, y, n, a, b) => map<Sqrt>(x, y, n, a, b); break;
    case UNARY_RECIPROCAL: f = (x, y, n, a, b) => map<Reciprocal>(x, y, n, a, b); break;
    case UNARY_ABS: f = (x, y, n, a, b) => map<Abs>(x, y, n, a, b); break;
    case UNARY_NEG: f = (x, y, n, a, b) => map<Neg>(x, y, n, a, b); break;
    case UNARY_FLOOR: f = (x, y, n, a, b) => map<Floor>(x, y, n, a, b); break;
    case UNARY_CEIL: f = (x, y, n, a, b) => map<Ceil>(x, y, n, a, b); break;
    case UNARY_ROUND: f = (x, y, n, a, b) => map<Round>(x, y, n, a, b); break;
    case UNARY_SIGN: f = (x, y, n, a, b) => map<Sign>(x, y, n, a, b); break;
    case UNARY_SIN: f = (x, y, n, a, b) => map<Sin>(x, y, n, a, b); break;
    case UNARY_COS: f = (x, y, n, a, b) => map<Cos>(x, y, n, a, b); break;
    case UNARY_AFFINE: f = (x, y, n, a, b) => map<Affine>(x, y, n, a, b); break;
    case UNARY_SQUARE: f = (x, y, n, a, b) => map<Square>(x, y, n, a, b); break;
    case UNARY_GRID: f = map_grid; break;
    default:
      map_scalar(code, x, y, n);
      return;
  }
  f(x, y, n, a, b);
}
