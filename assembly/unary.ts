// Functions of one float32 element, by the UNARY_ codes of codes.ts. One loop per code: the function's vector body is a
// method of a small class that `map` is compiled for, so that body and tail share one copy.
import {
  UNARY_NONE, UNARY_RELU, UNARY_CLIP, UNARY_LEAKY_RELU, UNARY_SIGMOID, UNARY_TANH, UNARY_HARD_SIGMOID, UNARY_HARD_SWISH,
  UNARY_SILU, UNARY_GELU, UNARY_GELU_TANH, UNARY_ELU, UNARY_SELU, UNARY_SOFTPLUS, UNARY_SOFTSIGN, UNARY_MISH, UNARY_CELU,
  UNARY_THRESHOLDED_RELU, UNARY_SHRINK, UNARY_EXP, UNARY_LOG, UNARY_ERF, UNARY_SQRT, UNARY_RECIPROCAL, UNARY_ABS,
  UNARY_NEG, UNARY_FLOOR, UNARY_CEIL, UNARY_ROUND, UNARY_SIGN, UNARY_SIN, UNARY_COS, UNARY_TAN, UNARY_ASIN, UNARY_ACOS,
  UNARY_ATAN, UNARY_SINH, UNARY_COSH, UNARY_ASINH, UNARY_ACOSH, UNARY_ATANH, UNARY_AFFINE, UNARY_SQUARE,
} from "./codes";
import { erf, exp, exp_bounded, expm1_negative, load_tail, log, log1p_unit, madd, sigmoid, store_tail, tanh } from "./simd";

// @ts-ignore: decorator
@inline
function zero(): v128 {
  return f32x4.splat(0);
}

// @ts-ignore: decorator
@inline
function one(): v128 {
  return f32x4.splat(1);
}

/** A function of four lanes and two splatted scalars. The classes carry no state: `map` calls them on a null pointer. */
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
    const gate = madd(x, f32x4.splat(1.0 / 6.0), f32x4.splat(0.5));
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
    const half = f32x4.mul(x, f32x4.splat(0.5));
    return madd(half, erf(f32x4.mul(x, f32x4.splat(Mathf.SQRT1_2))), half);
  }
}
@unmanaged class GeluTanh {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 {
    const cube = f32x4.mul(f32x4.mul(x, x), x);
    const half = f32x4.mul(x, f32x4.splat(0.5));
    const inner = f32x4.mul(madd(cube, f32x4.splat(0.044715), x), f32x4.splat(0.7978845608028654)); // √(2/π)
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
    const two = f32x4.splat(2);
    const e = exp_bounded(f32x4.pmin(x, f32x4.splat(30)));
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
@unmanaged class Affine {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return madd(x, a, b); }
}
@unmanaged class Square {
  // @ts-ignore: decorator
  @inline of(x: v128, a: v128, b: v128): v128 { return f32x4.mul(x, x); }
}

function map<F>(x: usize, y: usize, n: i32, scalarA: f32, scalarB: f32): void {
  const f = changetype<F>(0);
  const a = f32x4.splat(scalarA);
  const b = f32x4.splat(scalarB);
  while (n > 0) {
    // @ts-ignore: of is resolved when map is compiled for a class
    const v = f.of(n >= 4 ? v128.load(x) : load_tail(x, n), a, b);
    if (n >= 4) v128.store(y, v);
    else store_tail(y, v, n);
    x += 16;
    y += 16;
    n -= 4;
  }
}

/**
 * The rare ones, one element at a time: AssemblyScript's own ports of musl's float32 functions, which compute in float64
 * and round once; they are compiled into the module, so that no engine's Math decides a bit.
 */
function map_scalar(code: i32, x: usize, y: usize, n: i32): void {
  for (let i: i32 = 0; i < n; i++) {
    const v = load<f32>(x + ((<usize>i) << 2));
    let r: f32 = 0;
    switch (code) {
      case UNARY_SIN: r = Mathf.sin(v); break;
      case UNARY_COS: r = Mathf.cos(v); break;
      case UNARY_TAN: r = Mathf.tan(v); break;
      case UNARY_ASIN: r = Mathf.asin(v); break;
      case UNARY_ACOS: r = Mathf.acos(v); break;
      case UNARY_ATAN: r = Mathf.atan(v); break;
      case UNARY_SINH: r = Mathf.sinh(v); break;
      case UNARY_COSH: r = Mathf.cosh(v); break;
      case UNARY_ASINH: r = Mathf.asinh(v); break;
      case UNARY_ACOSH: r = Mathf.acosh(v); break;
      case UNARY_ATANH: r = Mathf.atanh(v); break;
      default: unreachable();
    }
    store<f32>(y + ((<usize>i) << 2), r);
  }
}

/** y[i] = f(x[i]) for the function of a UNARY_ code; `a` and `b` as codes.ts says. x may equal y; otherwise they must not overlap. */
export function unary_f32(code: i32, x: usize, y: usize, n: i32, a: f32, b: f32): void {
  switch (code) {
    case UNARY_NONE: if (x != y) memory.copy(y, x, (<usize>n) << 2); break;
    case UNARY_RELU: map<Relu>(x, y, n, a, b); break;
    case UNARY_CLIP: map<Clip>(x, y, n, a, b); break;
    case UNARY_LEAKY_RELU: map<LeakyRelu>(x, y, n, a, b); break;
    case UNARY_SIGMOID: map<Sigmoid>(x, y, n, a, b); break;
    case UNARY_TANH: map<Tanh>(x, y, n, a, b); break;
    case UNARY_HARD_SIGMOID: map<HardSigmoid>(x, y, n, a, b); break;
    case UNARY_HARD_SWISH: map<HardSwish>(x, y, n, a, b); break;
    case UNARY_SILU: map<Silu>(x, y, n, a, b); break;
    case UNARY_GELU: map<Gelu>(x, y, n, a, b); break;
    case UNARY_GELU_TANH: map<GeluTanh>(x, y, n, a, b); break;
    case UNARY_ELU: map<Elu>(x, y, n, a, b); break;
    case UNARY_SELU: map<Selu>(x, y, n, a, b); break;
    case UNARY_SOFTPLUS: map<Softplus>(x, y, n, a, b); break;
    case UNARY_SOFTSIGN: map<Softsign>(x, y, n, a, b); break;
    case UNARY_MISH: map<Mish>(x, y, n, a, b); break;
    case UNARY_CELU:
      if (a > 0) map<Celu>(x, y, n, a, b);
      else map<CeluNegative>(x, y, n, a, b);
      break;
    case UNARY_THRESHOLDED_RELU: map<ThresholdedRelu>(x, y, n, a, b); break;
    case UNARY_SHRINK: map<Shrink>(x, y, n, a, b); break;
    case UNARY_EXP: map<Exp>(x, y, n, a, b); break;
    case UNARY_LOG: map<Log>(x, y, n, a, b); break;
    case UNARY_ERF: map<Erf>(x, y, n, a, b); break;
    case UNARY_SQRT: map<Sqrt>(x, y, n, a, b); break;
    case UNARY_RECIPROCAL: map<Reciprocal>(x, y, n, a, b); break;
    case UNARY_ABS: map<Abs>(x, y, n, a, b); break;
    case UNARY_NEG: map<Neg>(x, y, n, a, b); break;
    case UNARY_FLOOR: map<Floor>(x, y, n, a, b); break;
    case UNARY_CEIL: map<Ceil>(x, y, n, a, b); break;
    case UNARY_ROUND: map<Round>(x, y, n, a, b); break;
    case UNARY_SIGN: map<Sign>(x, y, n, a, b); break;
    case UNARY_AFFINE: map<Affine>(x, y, n, a, b); break;
    case UNARY_SQUARE: map<Square>(x, y, n, a, b); break;
    default: map_scalar(code, x, y, n); break;
  }
}
