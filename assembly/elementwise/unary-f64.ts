// Functions of one float64 element, by the UNARY_ codes of codes.ts, and the rare functions of float32 ones. One
// element at a time, through AssemblyScript's own ports of musl's functions: they are compiled into the module, so that
// results do not depend on an engine's Math.
import {
  UNARY_ABS, UNARY_ACOS, UNARY_ACOSH, UNARY_AFFINE, UNARY_ASIN, UNARY_ASINH, UNARY_ATAN, UNARY_ATANH, UNARY_CEIL,
  UNARY_CELU, UNARY_CLIP, UNARY_COS, UNARY_COSH, UNARY_ELU, UNARY_ERF, UNARY_EXP, UNARY_FLOOR, UNARY_GELU,
  UNARY_GELU_TANH, UNARY_HARD_SIGMOID, UNARY_HARD_SWISH, UNARY_LEAKY_RELU, UNARY_LOG, UNARY_MISH, UNARY_NEG, UNARY_NONE,
  UNARY_RECIPROCAL, UNARY_RELU, UNARY_ROUND, UNARY_SELU, UNARY_SHRINK, UNARY_SIGMOID, UNARY_SIGN, UNARY_SILU, UNARY_SIN,
  UNARY_SINH, UNARY_SOFTPLUS, UNARY_SOFTSIGN, UNARY_SQRT, UNARY_SQUARE, UNARY_TAN, UNARY_TANH, UNARY_THRESHOLDED_RELU,
} from "../abi/codes";

/** min(max(x, low), high), NaN for NaN. */
// @ts-ignore: decorator
@inline
function clamp(x: f64, low: f64, high: f64): f64 {
  const raised = x < low ? low : x;
  return raised > high ? high : raised;
}

// @ts-ignore: decorator
@inline
function sigmoid(x: f64): f64 {
  return 1 / (1 + NativeMath.exp(-x));
}

/**
 * erf to about 1e−15: its Maclaurin series (Abramowitz and Stegun 7.1.6) below 2.5, the continued fraction of erfc
 * (7.1.14) above.
 */
function erf(x: f64): f64 {
  const a = abs<f64>(x);
  if (a > 6) return copysign<f64>(1, x);
  const gauss = NativeMath.exp(-a * a);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * a * a) / <f64>(2 * n + 1);
      sum += term;
    }
    return copysign<f64>(1.1283791670955126 * gauss * sum, x); // 2/√π
  }
  let fraction: f64 = 0;
  for (let k = 60; k > 0; k--) fraction = (<f64>k * 0.5) / (a + fraction);
  return x != x ? x : copysign<f64>(1 - gauss / (1.7724538509055159 * (a + fraction)), x); // √π
}

/** f(x) for the function of a UNARY_ code. */
export function evaluate(code: i32, x: f64, a: f64, b: f64): f64 {
  switch (code) {
    case UNARY_NONE: return x;
    case UNARY_RELU: return x < 0 ? 0 : x;
    case UNARY_CLIP: return clamp(x, a, b);
    case UNARY_LEAKY_RELU: return x < 0 ? a * x : x;
    case UNARY_SIGMOID: return sigmoid(x);
    case UNARY_TANH: return NativeMath.tanh(x);
    case UNARY_HARD_SIGMOID: return clamp(a * x + b, 0, 1);
    case UNARY_HARD_SWISH: return x * clamp(x / 6 + 0.5, 0, 1);
    case UNARY_SILU: return x * sigmoid(a * x);
    case UNARY_GELU: return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
    case UNARY_GELU_TANH: return 0.5 * x * (1 + NativeMath.tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case UNARY_ELU: return x < 0 ? a * NativeMath.expm1(x) : x;
    case UNARY_SELU: return b * (x < 0 ? a * NativeMath.expm1(x) : x);
    case UNARY_SOFTPLUS: return (x > 0 ? x : x != x ? x : 0) + NativeMath.log1p(NativeMath.exp(-abs<f64>(x)));
    case UNARY_SOFTSIGN: return x / (1 + abs<f64>(x));
    case UNARY_MISH: return x * NativeMath.tanh((x > 0 ? x : x != x ? x : 0)
      + NativeMath.log1p(NativeMath.exp(-abs<f64>(x))));
    case UNARY_CELU: return max<f64>(0, x) + min<f64>(0, a * NativeMath.expm1(x / a));
    case UNARY_THRESHOLDED_RELU: return x > a ? x : 0;
    case UNARY_SHRINK: return x < -a ? x + b : x > a ? x - b : 0;
    case UNARY_EXP: return NativeMath.exp(x);
    case UNARY_LOG: return NativeMath.log(x);
    case UNARY_ERF: return erf(x);
    case UNARY_SQRT: return sqrt<f64>(x);
    case UNARY_RECIPROCAL: return 1 / x;
    case UNARY_ABS: return abs<f64>(x);
    case UNARY_NEG: return -x;
    case UNARY_FLOOR: return floor<f64>(x);
    case UNARY_CEIL: return ceil<f64>(x);
    case UNARY_ROUND: return nearest<f64>(x);
    case UNARY_SIGN: return x > 0 ? 1 : x < 0 ? -1 : x;
    case UNARY_SIN: return NativeMath.sin(x);
    case UNARY_COS: return NativeMath.cos(x);
    case UNARY_TAN: return NativeMath.tan(x);
    case UNARY_ASIN: return NativeMath.asin(x);
    case UNARY_ACOS: return NativeMath.acos(x);
    case UNARY_ATAN: return NativeMath.atan(x);
    case UNARY_SINH: return NativeMath.sinh(x);
    case UNARY_COSH: return NativeMath.cosh(x);
    case UNARY_ASINH: return NativeMath.asinh(x);
    case UNARY_ACOSH: return NativeMath.acosh(x);
    case UNARY_ATANH: return NativeMath.atanh(x);
    case UNARY_AFFINE: return a * x + b;
    case UNARY_SQUARE: return x * x;
    default: return unreachable();
  }
}

/** y[i] = f(x[i]) for the function of a UNARY_ code. x may equal y. */
export function unary_f64(code: i32, x: usize, y: usize, n: i32, a: f32, b: f32): void {
  for (let i: i32 = 0; i < n; i++) {
    const at = (<usize>i) << 3;
    store<f64>(y + at, evaluate(code, load<f64>(x + at), a, b));
  }
}
