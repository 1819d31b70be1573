// Derivatives of the functions of unary.ts, by the same codes: dx = dy · f′, from whichever of x and y = f(x) makes it
// cheap.
import * as codes from "../abi/codes";
import { erf, exp_bounded, load_some, sigmoid, store_some, tanh } from "../lib/simd";
import { trig } from "./trig";

// @ts-ignore: decorator
@inline
function one(): v128 {
  return f32x4.splat(1);
}

// @ts-ignore: decorator
@inline
function square(x: v128): v128 {
  return f32x4.mul(x, x);
}

// @ts-ignore: decorator
@inline
function exp_of(x: v128): v128 {
  return exp_bounded(f32x4.pmax(f32x4.pmin(x, f32x4.splat(-0.0)), f32x4.splat(-100)));
}

// At corners, and of NaN, derivatives are those of PyTorch: models trained there and here step alike.

/** A derivative of four lanes; stateless, called on a null pointer as in unary.ts. */
@unmanaged class Relu {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return v128.andnot(one(), f32x4.le(x, f32x4.splat(0))); }
}
@unmanaged class Clip {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return v128.and(one(), v128.and(f32x4.ge(x, a), f32x4.le(x, b)));
  }
}
/** Between the bounds, which do not count; NaN is between. */
@unmanaged class Hardtanh {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return v128.andnot(one(), v128.or(f32x4.le(x, a), f32x4.ge(x, b)));
  }
}
@unmanaged class LeakyRelu {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return v128.bitselect(one(), a, f32x4.gt(x, f32x4.splat(0))); }
}
@unmanaged class Sigmoid {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.sub(y, square(y)); }
}
@unmanaged class Tanh {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.sub(one(), square(y)); }
}
@unmanaged class HardSigmoid {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return v128.and(a, v128.and(f32x4.gt(y, f32x4.splat(0)), f32x4.lt(y, one())));
  }
}
@unmanaged class HardSwish {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    const middle = f32x4.add(f32x4.div(x, f32x4.splat(3)), f32x4.splat(0.5));
    const upper = v128.bitselect(middle, one(), f32x4.le(x, f32x4.splat(3)));
    return v128.andnot(upper, f32x4.lt(x, f32x4.splat(-3)));
  }
}
/** s + a·x·s·(1 − s), s = sigmoid(a·x). */
@unmanaged class Silu {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    const z = f32x4.mul(a, x);
    const s = sigmoid(z);
    return f32x4.add(s, f32x4.mul(z, f32x4.sub(s, square(s))));
  }
}
/** Φ(x) + x·φ(x). */
@unmanaged class Gelu {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    const phi = f32x4.mul(f32x4.add(one(), erf(f32x4.mul(x, f32x4.splat(0.7071067811865476)))), f32x4.splat(0.5));
    const density = f32x4.mul(exp_of(f32x4.mul(square(x), f32x4.splat(-0.5))), f32x4.splat(0.3989422804014327));
    return f32x4.add(phi, f32x4.mul(x, density));
  }
}
@unmanaged class GeluTanh {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    const c = f32x4.splat(0.7978845608028654);
    const cubic = f32x4.mul(square(x), f32x4.splat(0.044715));
    const t = tanh(f32x4.mul(f32x4.mul(x, c), f32x4.add(one(), cubic)));
    const slope = f32x4.mul(c, f32x4.add(one(), f32x4.mul(cubic, f32x4.splat(3))));
    const half = f32x4.splat(0.5);
    return f32x4.mul(half, f32x4.add(f32x4.add(one(), t), f32x4.mul(f32x4.mul(x, slope), f32x4.sub(one(), square(t)))));
  }
}
@unmanaged class Elu {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return v128.bitselect(f32x4.add(y, a), one(), f32x4.le(x, f32x4.splat(0)));
  }
}
@unmanaged class Selu {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return v128.bitselect(f32x4.add(y, f32x4.mul(a, b)), b, f32x4.le(x, f32x4.splat(0)));
  }
}
@unmanaged class Softplus {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return sigmoid(x); }
}
@unmanaged class Softsign {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return f32x4.div(one(), square(f32x4.add(one(), f32x4.abs(x))));
  }
}
/** With t = tanh(softplus(x)) = w/(w + 2), w = eˣ·(eˣ + 2): t + x·sigmoid(x)·(1 − t²). */
@unmanaged class Mish {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    const two = f32x4.splat(2);
    const e = exp_bounded(f32x4.pmin(x, f32x4.splat(30)));
    const w = f32x4.mul(e, f32x4.add(e, two));
    const t = f32x4.div(w, f32x4.add(w, two));
    return f32x4.add(t, f32x4.mul(f32x4.mul(x, sigmoid(x)), f32x4.sub(one(), square(t))));
  }
}
@unmanaged class Celu {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return v128.bitselect(f32x4.add(f32x4.div(y, a), one()), one(), f32x4.lt(x, f32x4.splat(0)));
  }
}
@unmanaged class Threshold {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return v128.and(one(), f32x4.gt(x, a)); }
}
@unmanaged class Shrink {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return v128.and(one(), f32x4.gt(f32x4.abs(x), a)); }
}
@unmanaged class Result {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return y; }
}
@unmanaged class Log {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.div(one(), x); }
}
@unmanaged class Erf {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return f32x4.mul(exp_of(f32x4.neg(square(x))), f32x4.splat(1.1283791670955126));
  }
}
@unmanaged class Sqrt {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.div(f32x4.splat(0.5), y); }
}
@unmanaged class Reciprocal {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.neg(square(y)); }
}
@unmanaged class Abs {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    const sign = v128.or(v128.and(x, f32x4.splat(-0.0)), one());
    return v128.and(sign, v128.or(f32x4.gt(x, f32x4.splat(0)), f32x4.lt(x, f32x4.splat(0))));
  }
}
@unmanaged class Neg {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.splat(-1); }
}
@unmanaged class Zero {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.splat(0); }
}
@unmanaged class Sin {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return trig(x, 1); }
}
@unmanaged class Cos {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.neg(trig(x, 0)); }
}
@unmanaged class Tan {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.add(one(), square(y)); }
}
@unmanaged class Asin {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return f32x4.div(one(), f32x4.sqrt(f32x4.sub(one(), square(x))));
  }
}
@unmanaged class Acos {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return f32x4.div(f32x4.splat(-1), f32x4.sqrt(f32x4.sub(one(), square(x))));
  }
}
@unmanaged class Atan {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.div(one(), f32x4.add(one(), square(x))); }
}
/** cosh x = √(1 + sinh² x), and sinh x = ±√(cosh² x − 1). */
@unmanaged class Sinh {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.sqrt(f32x4.add(one(), square(y))); }
}
@unmanaged class Cosh {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    const root = f32x4.sqrt(f32x4.mul(f32x4.sub(y, one()), f32x4.add(y, one())));
    return v128.or(root, v128.and(x, f32x4.splat(-0.0)));
  }
}
@unmanaged class Asinh {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return f32x4.div(one(), f32x4.sqrt(f32x4.add(square(x), one())));
  }
}
@unmanaged class Acosh {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 {
    return f32x4.div(one(), f32x4.sqrt(f32x4.sub(square(x), one())));
  }
}
@unmanaged class Atanh {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.div(one(), f32x4.sub(one(), square(x))); }
}
@unmanaged class Affine {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return a; }
}
@unmanaged class Square {
  // @ts-ignore: decorator
  @inline of(x: v128, y: v128, a: v128, b: v128): v128 { return f32x4.add(x, x); }
}

type Loop = (x: usize, y: usize, dy: usize, dx: usize, n: i32, a: f32, b: f32) => void;

function map<F>(x: usize, y: usize, dy: usize, dx: usize, n: i32, scalarA: f32, scalarB: f32): void {
  const f = changetype<F>(0);
  const a = f32x4.splat(scalarA);
  const b = f32x4.splat(scalarB);
  for (; n >= 4; n -= 4) {
    // @ts-ignore: of is resolved when map is compiled for a class
    const slope = f.of(v128.load(x), v128.load(y), a, b);
    v128.store(dx, f32x4.mul(v128.load(dy), slope));
    x += 16;
    y += 16;
    dy += 16;
    dx += 16;
  }
  if (n > 0) {
    // @ts-ignore: see above
    const slope = f.of(load_some(x, n), load_some(y, n), a, b);
    store_some(dx, f32x4.mul(load_some(dy, n), slope), n);
  }
}

/**
 * dx[i] = dy[i] · f′(x[i]) for the function of a UNARY_ code, y = f(x); `a` and `b` as codes.ts says. dx may equal dy.
 */
export function unary_gradient_f32(code: i32, x: usize, y: usize, dy: usize, dx: usize, n: i32, a: f32, b: f32): void {
  // Through a function value: see unary_f32.
  let f: Loop = (x, y, dy, dx, n, a, b) => map<Relu>(x, y, dy, dx, n, a, b);
  switch (code) {
    case codes.UNARY_RELU:
      // y is positive where x is, and `map` reads both: one of them will do.
      x = y;
      break;
    case codes.UNARY_CLIP: f = (x, y, dy, dx, n, a, b) => map<Clip>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_HARDTANH: f = (x, y, dy, dx, n, a, b) => map<Hardtanh>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_LEAKY_RELU: f = (x, y, dy, dx, n, a, b) => map<LeakyRelu>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SIGMOID: f = (x, y, dy, dx, n, a, b) => map<Sigmoid>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_TANH: f = (x, y, dy, dx, n, a, b) => map<Tanh>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_HARD_SIGMOID: f = (x, y, dy, dx, n, a, b) => map<HardSigmoid>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_HARD_SWISH: f = (x, y, dy, dx, n, a, b) => map<HardSwish>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SILU: f = (x, y, dy, dx, n, a, b) => map<Silu>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_GELU: f = (x, y, dy, dx, n, a, b) => map<Gelu>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_GELU_TANH: f = (x, y, dy, dx, n, a, b) => map<GeluTanh>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_ELU: f = (x, y, dy, dx, n, a, b) => map<Elu>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SELU: f = (x, y, dy, dx, n, a, b) => map<Selu>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SOFTPLUS: f = (x, y, dy, dx, n, a, b) => map<Softplus>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SOFTSIGN: f = (x, y, dy, dx, n, a, b) => map<Softsign>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_MISH: f = (x, y, dy, dx, n, a, b) => map<Mish>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_CELU: f = (x, y, dy, dx, n, a, b) => map<Celu>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_THRESHOLDED_RELU: f = (x, y, dy, dx, n, a, b) => map<Threshold>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SHRINK: f = (x, y, dy, dx, n, a, b) => map<Shrink>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_EXP: f = (x, y, dy, dx, n, a, b) => map<Result>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_LOG: f = (x, y, dy, dx, n, a, b) => map<Log>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_ERF: f = (x, y, dy, dx, n, a, b) => map<Erf>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SQRT: f = (x, y, dy, dx, n, a, b) => map<Sqrt>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_RECIPROCAL: f = (x, y, dy, dx, n, a, b) => map<Reciprocal>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_ABS: f = (x, y, dy, dx, n, a, b) => map<Abs>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_NEG: f = (x, y, dy, dx, n, a, b) => map<Neg>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_FLOOR:
    case codes.UNARY_CEIL:
    case codes.UNARY_ROUND:
    case codes.UNARY_SIGN: f = (x, y, dy, dx, n, a, b) => map<Zero>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SIN: f = (x, y, dy, dx, n, a, b) => map<Sin>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_COS: f = (x, y, dy, dx, n, a, b) => map<Cos>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_TAN: f = (x, y, dy, dx, n, a, b) => map<Tan>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_ASIN: f = (x, y, dy, dx, n, a, b) => map<Asin>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_ACOS: f = (x, y, dy, dx, n, a, b) => map<Acos>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_ATAN: f = (x, y, dy, dx, n, a, b) => map<Atan>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SINH: f = (x, y, dy, dx, n, a, b) => map<Sinh>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_COSH: f = (x, y, dy, dx, n, a, b) => map<Cosh>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_ASINH: f = (x, y, dy, dx, n, a, b) => map<Asinh>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_ACOSH: f = (x, y, dy, dx, n, a, b) => map<Acosh>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_ATANH: f = (x, y, dy, dx, n, a, b) => map<Atanh>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_AFFINE: f = (x, y, dy, dx, n, a, b) => map<Affine>(x, y, dy, dx, n, a, b); break;
    case codes.UNARY_SQUARE: f = (x, y, dy, dx, n, a, b) => map<Square>(x, y, dy, dx, n, a, b); break;
    default: f = (x, y, dy, dx, n, a, b) => map<Zero>(x, y, dy, dx, n, a, b); break;
  }
  f(x, y, dy, dx, n, a, b);
}
