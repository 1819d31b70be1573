// Vectors of heads on their way into an attention: to another place, turned by the angles of their positions (Su et
// al., "RoFormer", 2021), after what a cache of keys or values already holds.
//
// Sizes and strides, in elements, come in a table of i32 (HEADS_* in codes.ts). With `ends` (int32 per example, or 0),
// to which KV_CACHE_ADD is added, an example's last vector is at its end; without, its first is at 0. Positions count
// from there, unless `positions` (int32 per example and vector) has them. The range [begin, end) is over examples ×
// heads.
import {
  KV_CACHE_ADD, KV_CACHE_CAPACITY, KV_CACHE_HEADS, KV_CACHE_INTERLEAVED, KV_CACHE_PAIRS, KV_CACHE_PAST,
  KV_CACHE_POSITIONS, KV_CACHE_ROWS, KV_CACHE_SIZE, KV_CACHE_X, KV_CACHE_Y,
} from "../abi/codes";
import { load_some, madd, nmadd, store_some } from "../lib/simd";

// @ts-ignore: decorator
@inline
function entry(table: usize, index: i32): i32 {
  return load<i32>(table + ((<usize>index) << 2));
}

/** Where the first vector of an example stands. */
function first_of(ends: usize, table: usize, b: i32): i32 {
  return ends ? max(load<i32>(ends + ((<usize>b) << 2)) + entry(table, KV_CACHE_ADD) - entry(table, KV_CACHE_ROWS), 0)
    : 0;
}

/** Turns the first 2 · pairs elements, pairs being neighbours or `pairs` apart; copies the others. */
function rotate(x: usize, y: usize, size: i32, pairs: i32, interleaved: i32, cos: usize, sin: usize): void {
  if (interleaved) {
    for (let i = 0; i < pairs; i++, x += 8, y += 8, cos += 4, sin += 4) {
      const a = load<f32>(x), b = load<f32>(x, 4), c = load<f32>(cos), s = load<f32>(sin);
      store<f32>(y, a * c - b * s);
      store<f32>(y, a * s + b * c, 4);
    }
  } else {
    const half = <usize>pairs << 2;
    for (let n = pairs; n > 0; n -= 4, x += 16, y += 16, cos += 16, sin += 16) {
      const a = load_some(x, n), b = load_some(x + half, n), c = load_some(cos, n), s = load_some(sin, n);
      store_some(y, nmadd(b, s, f32x4.mul(a, c)), n);
      store_some(y + half, madd(a, s, f32x4.mul(b, c)), n);
    }
    // The loop may have gone past the end of the first half.
    const over = <usize>(((pairs + 3) & -4) - pairs) << 2;
    x += half - over;
    y += half - over;
  }
  memory.copy(y, x, <usize>(size - 2 * pairs) << 2);
}

/**
 * y ← x turned (as it is, with KV_CACHE_PAIRS 0). With KV_CACHE_CAPACITY y is a cache [batch, heads, capacity, size],
 * and vectors go where they stand in it, as far as it reaches; before them comes what `past` holds ([batch, heads,
 * KV_CACHE_PAST, size], or 0), after them zeros. If `past` is y, nothing but the new vectors is touched. Positions
 * beyond the tables count as their last.
 */
export function kv_cache_place_f32(
  x: usize, past: usize, y: usize, cos: usize, sin: usize, positions: usize, ends: usize, table: usize, begin: i32,
  end: i32,
): void {
  const heads = entry(table, KV_CACHE_HEADS), rows = entry(table, KV_CACHE_ROWS), size = entry(table, KV_CACHE_SIZE);
  const pairs = entry(table, KV_CACHE_PAIRS);
  const capacity = entry(table, KV_CACHE_CAPACITY), most = entry(table, KV_CACHE_POSITIONS) - 1;
  const interleaved = entry(table, KV_CACHE_INTERLEAVED);
  const bytes = <usize>size << 2;
  for (let index = begin; index < end; index++) {
    const b = index / heads, h = index % heads, first = first_of(ends, table, b);
    const from = x + (<usize>b * entry(table, KV_CACHE_X) + <usize>h * entry(table, KV_CACHE_X + 1) << 2);
    const to = y + (<usize>b * entry(table, KV_CACHE_Y) + <usize>h * entry(table, KV_CACHE_Y + 1) << 2);
    const shift = capacity ? first : 0, count = capacity ? max(min(rows, capacity - first), 0) : rows;
    if (capacity && past != y) {
      const had = past ? min(first, entry(table, KV_CACHE_PAST)) : 0;
      if (had > 0) memory.copy(to, past + <usize>(index * entry(table, KV_CACHE_PAST)) * bytes, <usize>had * bytes);
      memory.fill(to + <usize>had * bytes, 0, <usize>(shift - had) * bytes);
      memory.fill(to + <usize>(shift + count) * bytes, 0, <usize>(capacity - shift - count) * bytes);
    }
    for (let i = 0; i < count; i++) {
      const source = from + (<usize>i * entry(table, KV_CACHE_X + 2) << 2);
      const target = to + (<usize>(i + shift) * entry(table, KV_CACHE_Y + 2) << 2);
      if (pairs == 0) {
        memory.copy(target, source, bytes);
        continue;
      }
      const at = positions ? load<i32>(positions + (<usize>(b * rows + i) << 2)) : first + i;
      const angles = <usize>(min(at, most) * pairs) << 2;
      rotate(source, target, size, pairs, interleaved, cos + angles, sin + angles);
    }
  }
}
