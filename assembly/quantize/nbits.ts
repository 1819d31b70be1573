// Products with weights of 2, 4 or 8 bits, quantised in blocks along k (MatMulNBits of ONNX Runtime): the weights stay
// packed and are taken apart in registers.
//
// Packed weights are groups of sixteen columns. A group holds block after block: sixteen scales, sixteen zero points
// (int32, only if there are any; else they are half of the range), then rows of sixteen words. A word has the next
// 32 / bits weights of one column, the first in its lowest bits. In words of bytes the uppermost bit is flipped: their
// last byte, read as a signed number at the top of the word, is the weight less 128.
//
// Weights of 2 and 4 bits are multiplied as integers: 32 elements of x at a time (fewer where a block is shorter) are
// made whole numbers of 23 bits, up to 2^22, whose error is that of a float's last bit. Their products are exact: the
// numbers are cut into two parts to multiply 16-bit lanes, or, in the relaxed build where that pays (`dots`),
// into three bytes. `i32x4.relaxed_dot_i8x16_i7x16_add_s` is exact, too, since weights are at most 15. So all ways give
// the same bits. With `coarse` elements of x are bytes (accuracy_level 4).
//
// Weights of 8 bits become floats: they are masked where they stand and converted, by which they are powers of two too
// large, and elements of x are as much too small, which is exact.
import {
  add_2_bits, add_2_bits_coarse, add_2_bits_coarse_dots, add_2_bits_dots, add_4_bits, add_4_bits_coarse,
  add_4_bits_coarse_dots, add_4_bits_dots,
} from "../generated/nbits-tiles";
import { madd, nmadd, store_some } from "../lib/lanes";
import { lanes } from "../lib/tile";

/** Columns of a group. */
const COLUMNS: i32 = 16;
const ROW: i32 = COLUMNS << 2;
/** Beyond these magnitudes elements of x would not survive being scaled, or their sums would overflow. */
const SMALL: f32 = 8.673617379884035e-19, LARGE: f32 = 7.922816251426434e28;
/** Elements that share a scale as integers, and the largest of them. */
const SHARED: i32 = 32;
const WHOLE: f32 = 4194304;
const COARSE: f32 = 127;

/** What describes a product, as a table of i32 in memory. */
// @ts-ignore: decorator
@unmanaged
class Weights {
  /** Rows of x. */
  m: i32;
  k: i32;
  n: i32;
  bits: i32;
  /** Words of a block. */
  words: i32;
  /** Whether zero points are packed. */
  zeros: i32;
  /** Whether elements of x may be bytes. */
  coarse: i32;
  /** Whether products are of bytes: relaxed build. */
  dots: i32;
}

/** Whether products are of bytes. */
// @ts-ignore: decorator
@inline
function by_dots(s: Weights): i32 {
  return ASC_FEATURE_RELAXED_SIMD ? s.dots : 0;
}

/** Blocks of `words` words that hold the k weights of a column. */
// @ts-ignore: decorator
@inline
function blocks_of(k: i32, bits: i32, words: i32): i32 {
  let size = words * (32 / bits);
  return (k + size - 1) / size;
}

/** The most words that divide a block and hold no more than SHARED elements. */
function shared_words(bits: i32, words: i32): i32 {
  let unit = min(SHARED * bits >> 5, words);
  while (words % unit) unit--;
  return unit;
}

/** Bytes of one row of x as it is prepared: elements in up to three parts, and two numbers for each word. */
// @ts-ignore: decorator
@inline
function row_size(k: i32, bits: i32, words: i32): i32 {
  return blocks_of(k, bits, words) * words * (32 / bits * 4 + 8);
}

/** Bytes of scratch for gemv_nbits_f32: m rows of x, for each whether it could be prepared, zero points, sums. */
export function gemv_nbits_scratch_size(m: i32, k: i32, bits: i32, words: i32): usize {
  return <usize>m * (row_size(k, bits, words) + 4) + 2 * ROW;
}

/** Whether magnitudes up to `largest` can be scaled. */
function scalable(largest: v128): bool {
  // No comparison holds for NaN.
  if (!i32x4.all_true(f32x4.lt(largest, f32x4.splat(LARGE)))) return false;
  return (
    v128.any_true(f32x4.gt(largest, f32x4.splat(SMALL))) || i32x4.all_true(f32x4.eq(largest, f32x4.splat(0)))
  );
}

/** Four of the `left` elements that there are, 0 after the last. */
// @ts-ignore: decorator
@inline
function elements(x: usize, left: i32): v128 {
  if (left >= 4) return v128.load(x);
  return left > 0 ? lanes(x, left) : f32x4.splat(0);
}

/** For bytes: the elements, smaller by as much as their weights are too large; for each word its sum and its start. */
function prepare_floats(x: usize, k: i32, words: i32, target: usize): bool {
  let factors = f32x4(1, 1 / 256, 1 / 65536, 1 / 16777216), largest = f32x4.splat(0);
  for (; words > 0; words--) {
    let v = elements(x, k), sum = f32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
    largest = f32x4.max(largest, f32x4.abs(v));
    v128.store(target, f32x4.mul(v, factors));
    store<f32>(target, f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1), 16);
    store<f32>(target, 128 * f32x4.extract_lane(v, 3), 20);
    x += 16;
    target += 24;
    k -= 4;
  }
  return scalable(largest);
}

/** The power of two that is not below x. */
// @ts-ignore: decorator
@inline
function power_above(x: f32): f32 {
  return reinterpret<f32>((reinterpret<i32>(x) + 0x7fffff) & 0x7f800000);
}

/**
 * For 2 and 4 bits: units of `unit` words that begin with their scale and the sum of their integers; then, word by
 * word, the integers in the order and the parts in which the tiles take them.
 */
function prepare_integers(
  x: usize, k: i32, bits: i32, words: i32, unit: i32, coarse: i32, dots: i32, target: usize,
): bool {
  let each = 32 / bits, count = unit * each, all = f32x4.splat(0);
  for (let w = 0; w < words; w += unit) {
    let largest = f32x4.splat(0);
    for (let i = 0; i < count; i += 4) largest = f32x4.max(largest, f32x4.abs(elements(x + (i << 2), k - i)));
    all = f32x4.max(all, largest);
    largest = f32x4.max(largest, v128.shuffle<i32>(largest, largest, 2, 3, 0, 1));
    let most = max<f32>(max<f32>(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)), SMALL);
    let scale: f32 = coarse ? most / COARSE : power_above(most) / WHOLE, factor: f32 = 1 / scale, sum = 0;
    store<f32>(target, scale);
    let at = target + 8;
    for (let u = 0; u < unit; u++) {
      for (let i = 0; i < each; i++) {
        let value = i < k ? i32x4.extract_lane(
          i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.splat(load<f32>(x + (i << 2)) * factor))), 0,
        ) : 0;
        sum += value;
        if (dots) {
          // Plane t of the word's bytes has the weights t, t + 8 / bits, …
          let planes = 8 / bits, byte = i / planes, t = i - byte * planes;
          if (coarse) {
            store<i8>(at + (t << 2) + byte, <i8>value);
          } else {
            let low = <i32><i8>value, rest = (value - low) >> 8, middle = <i32><i8>rest, to = at + t * 12 + byte;
            store<i8>(to, <i8>low);
            store<i8>(to, <i8>middle, 4);
            store<i8>(to, <i8>((rest - middle) >> 8), 8);
          }
        } else {
          let planes = 16 / bits, lane = i / planes, t = i - lane * planes;
          if (coarse) {
            store<i16>(at + (t << 2) + (lane << 1), <i16>value);
          } else {
            let low = (value << 20) >> 20, to = at + (t << 3) + (lane << 1);
            store<i16>(to, <i16>low);
            store<i16>(to, <i16>((value - low) >> 12), 4);
          }
        }
      }
      x += each << 2;
      k -= each;
      at += word_bytes(each, coarse, dots);
    }
    store<i32>(target, sum, 4);
    target = at;
  }
  return scalable(all);
}

/** Bytes of the integers of one word of `each` weights. */
// @ts-ignore: decorator
@inline
function word_bytes(each: i32, coarse: i32, dots: i32): i32 {
  if (dots) return coarse ? each : 3 * each;
  return coarse ? each << 1 : each << 2;
}

/**
 * y[m, n] = x[m, k] · W[k, n] + bias[n], all dense, for the groups of columns [begin, end). `bias` may be 0 (none);
 * sizes come as a table (Weights).
 */
export function gemv_nbits_f32(
  x: usize, packed: usize, bias: usize, y: usize, table: usize, begin: i32, end: i32, scratch: usize,
): void {
  const s = changetype<Weights>(table);
  let m = s.m, k = s.k, n = s.n, bits = s.bits, words = s.words, zeros = s.zeros, coarse = s.coarse;
  let dots = by_dots(s), most = (1 << bits) - 1;
  let blocks = blocks_of(k, bits, words), unit = shared_words(bits, words), size = row_size(k, bits, words);
  let fits = scratch + <usize>m * size, half = fits + (m << 2), row = half + ROW;
  for (let i = 0; i < m; i++) {
    let from = x + (<usize>i * k << 2), to = scratch + <usize>i * size;
    store<i32>(fits + (i << 2), bits == 8
      ? prepare_floats(from, k, blocks * words, to)
      : prepare_integers(from, k, bits, blocks * words, unit, coarse, dots, to));
  }
  for (let i = 0; i < ROW; i += 16) v128.store(half + i, i32x4.splat(1 << (bits - 1)));
  let group = blocks * ((zeros ? 2 : 1) + words) * ROW;
  packed += <usize>begin * group;
  for (let j = begin * COLUMNS; j < end * COLUMNS; j += COLUMNS) {
    for (let i = 0; i < m; i++) {
      let from = scratch + <usize>i * size;
      memory.fill(row, 0, ROW);
      if (!load<i32>(fits + (i << 2))) {
        add_any(x + (<usize>i * k << 2), k, packed, zeros, half, blocks, words, bits, row);
      } else if (bits == 8) {
        add_bytes(from, packed, zeros, half, blocks, words, most, row);
      } else if (ASC_FEATURE_RELAXED_SIMD && dots) {
        if (bits == 4) {
          if (coarse) add_4_bits_coarse_dots(from, packed, zeros, blocks, words, unit, most, row);
          else add_4_bits_dots(from, packed, zeros, blocks, words, unit, most, row);
        } else if (coarse) {
          add_2_bits_coarse_dots(from, packed, zeros, blocks, words, unit, most, row);
        } else {
          add_2_bits_dots(from, packed, zeros, blocks, words, unit, most, row);
        }
      } else if (bits == 4) {
        if (coarse) add_4_bits_coarse(from, packed, zeros, blocks, words, unit, most, row);
        else add_4_bits(from, packed, zeros, blocks, words, unit, most, row);
      } else if (coarse) {
        add_2_bits_coarse(from, packed, zeros, blocks, words, unit, most, row);
      } else {
        add_2_bits(from, packed, zeros, blocks, words, unit, most, row);
      }
      for (let c = j; c < n && c < j + COLUMNS; c += 4) {
        let v = v128.load(row + (c - j << 2)), left = min(n - c, 4);
        if (bias) v = f32x4.add(v, lanes(bias + (c << 2), left));
        store_some(y + (<usize>i * n + c << 2), v, left);
      }
    }
    packed += group;
  }
}

/** row[16] += x · W of a group of weights of 8 bits; `most` is 255: constants are made anew at every use (V8 13.6). */
function add_bytes(
  x: usize, p: usize, zeros: i32, half: usize, blocks: i32, words: i32, most: i32, row: usize,
): void {
  let m0 = i32x4.splat(most), m1 = i32x4.splat(most << 8), m2 = i32x4.splat(most << 16), m3 = i32x4.splat(most << 24);
  for (let b = 0; b < blocks; b++) {
    let scales = p, zero = zeros ? p + ROW : half, a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
    p += zeros ? 2 * ROW : ROW;
    for (let w = 0; w < words; w++) {
      let s = v128.load32_splat(x, 16), e = v128.load32_splat(x, 20);
      a0 = f32x4.add(a0, nmadd(s, f32x4.convert_i32x4_s(v128.load(zero)), e));
      a1 = f32x4.add(a1, nmadd(s, f32x4.convert_i32x4_s(v128.load(zero, 16)), e));
      a2 = f32x4.add(a2, nmadd(s, f32x4.convert_i32x4_s(v128.load(zero, 32)), e));
      a3 = f32x4.add(a3, nmadd(s, f32x4.convert_i32x4_s(v128.load(zero, 48)), e));
      if (x == 1) break;
      let v0 = v128.load(p), v1 = v128.load(p, 16), v2 = v128.load(p, 32), v3 = v128.load(p, 48);
      p += ROW;
      e = v128.load32_splat(x);
      a0 = madd(e, f32x4.convert_i32x4_s(v128.and(v0, m0)), a0);
      a1 = madd(e, f32x4.convert_i32x4_s(v128.and(v1, m0)), a1);
      a2 = madd(e, f32x4.convert_i32x4_s(v128.and(v2, m0)), a2);
      a3 = madd(e, f32x4.convert_i32x4_s(v128.and(v3, m0)), a3);
      if (x == 2) break;
      e = v128.load32_splat(x, 4);
      a0 = madd(e, f32x4.convert_i32x4_s(v128.and(v0, m1)), a0);
      a1 = madd(e, f32x4.convert_i32x4_s(v128.and(v1, m1)), a1);
      a2 = madd(e, f32x4.convert_i32x4_s(v128.and(v2, m1)), a2);
      a3 = madd(e, f32x4.convert_i32x4_s(v128.and(v3, m1)), a3);
      if (x == 3) break;
      e = v128.load32_splat(x, 8);
      a0 = madd(e, f32x4.convert_i32x4_s(v128.and(v0, m2)), a0);
      a1 = madd(e, f32x4.convert_i32x4_s(v128.and(v1, m2)), a1);
      a2 = madd(e, f32x4.convert_i32x4_s(v128.and(v2, m2)), a2);
      a3 = madd(e, f32x4.convert_i32x4_s(v128.and(v3, m2)), a3);
      if (x == 4) break;
      e = v128.load32_splat(x, 12);
      a0 = madd(e, f32x4.convert_i32x4_s(v128.and(v0, m3)), a0);
      a1 = madd(e, f32x4.convert_i32x4_s(v128.and(v1, m3)), a1);
      a2 = madd(e, f32x4.convert_i32x4_s(v128.and(v2, m3)), a2);
      a3 = madd(e, f32x4.convert_i32x4_s(v128.and(v3, m3)), a3);
      x += 24;
    }
    v128.store(row, madd(v128.load(scales), a0, v128.load(row)));
    v128.store(row, madd(v128.load(scales, 16), a1, v128.load(row, 16)), 16);
    v128.store(row, madd(v128.load(scales, 32), a2, v128.load(row, 32)), 32);
    v128.store(row, madd(v128.load(scales, 48), a3, v128.load(row, 48)), 48);
  }
}

/** Four weights, the i-th of four words: (q − zero) · scale. */
// @ts-ignore: decorator
@inline
function weights(word: usize, bits: i32, flip: v128, shift: i32, mask: v128, zero: usize, scale: usize): v128 {
  let q = v128.and(i32x4.shr_u(v128.xor(v128.load(word), flip), shift), mask);
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(q, v128.load(zero))), v128.load(scale));
}

/** The same for any x, whose elements are multiplied as they are: slower. */
function add_any(
  x: usize, k: i32, p: usize, zeros: i32, half: usize, blocks: i32, words: i32, bits: i32, row: usize,
): void {
  let mask = i32x4.splat((1 << bits) - 1), flip = i32x4.splat(bits == 8 ? 1 << 31 : 0);
  for (let b = 0; b < blocks; b++) {
    let scale = p, zero = zeros ? p + ROW : half;
    p += zeros ? 2 * ROW : ROW;
    for (let w = 0; w < words; w++) {
      for (let shift = 0; shift < 32 && k > 0; shift += bits) {
        let e = v128.load32_splat(x);
        for (let c = 0; c < ROW; c += 16) {
          let v = f32x4.mul(e, weights(p + c, bits, flip, shift, mask, zero + c, scale + c));
          v128.store(row + c, f32x4.add(v128.load(row + c), v));
        }
        x += 4;
        k--;
      }
      p += ROW;
    }
  }
}

/**
 * The weights of the groups [begin, end) as floats, packed in panels of eight columns as gemm_f32 reads them.
 * `half` is sixteen times half of the range.
 */
export function gemm_nbits_unpack_f32(
  packed: usize, table: usize, half: usize, y: usize, begin: i32, end: i32,
): void {
  const s = changetype<Weights>(table);
  let k = s.k, bits = s.bits, words = s.words, zeros = s.zeros;
  let blocks = blocks_of(k, bits, words), panel = <usize>k << 5;
  let mask = i32x4.splat((1 << bits) - 1), flip = i32x4.splat(bits == 8 ? 1 << 31 : 0);
  packed += <usize>begin * blocks * ((zeros ? 2 : 1) + words) * ROW;
  y += 2 * panel * begin;
  for (let group = begin; group < end; group++) {
    let left = k, to = y;
    for (let b = 0; b < blocks; b++) {
      let scale = packed, zero = zeros ? packed + ROW : half;
      packed += zeros ? 2 * ROW : ROW;
      for (let w = 0; w < words; w++) {
        for (let shift = 0; shift < 32 && left > 0; shift += bits) {
          v128.store(to, weights(packed, bits, flip, shift, mask, zero, scale));
          v128.store(to, weights(packed + 16, bits, flip, shift, mask, zero + 16, scale + 16), 16);
          let next = to + panel;
          v128.store(next, weights(packed + 32, bits, flip, shift, mask, zero + 32, scale + 32));
          v128.store(next, weights(packed + 48, bits, flip, shift, mask, zero + 48, scale + 48), 16);
          to += 32;
          left--;
        }
        packed += ROW;
      }
    }
    y += 2 * panel;
  }
}
