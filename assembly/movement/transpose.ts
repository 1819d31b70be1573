// Moving elements into another order of axes. Elements are moved, not looked at: one kernel per element size.
import { move } from "../lib/copy";

/**
 * y[b, c, r] = x[b, r, c] for `batch` matrices of rows × cols elements of `bytes` bytes.
 * Channels-first ↔ channels-last is this with rows = C, cols = H·W.
 */
export function transpose_2d(x: usize, y: usize, batch: i32, rows: i32, cols: i32, bytes: i32): void {
  const step = <usize>rows * cols * bytes;
  for (let b = 0; b < batch; b++) {
    matrixOf(x, y, rows, cols, <usize>cols * bytes, <usize>rows * bytes, bytes);
    x += step;
    y += step;
  }
}

/** One matrix, its rows `xs` bytes apart in x and its columns `ys` bytes apart in y. */
function matrixOf(x: usize, y: usize, rows: usize, cols: usize, xs: usize, ys: usize, bytes: i32): void {
  if (bytes == 4) matrix32(x, y, rows, cols, xs, ys);
  else if (bytes == 1) matrix8(x, y, rows, cols, xs, ys);
  else if (bytes == 2) matrix<u16>(x, y, rows, cols, xs, ys);
  else if (bytes == 8) matrix<u64>(x, y, rows, cols, xs, ys);
  else matrix<v128>(x, y, rows, cols, xs, ys);
}

function matrix<T>(x: usize, y: usize, rows: usize, cols: usize, xs: usize, ys: usize): void {
  // Square blocks keep both the rows that are read and the rows that are written in the cache.
  for (let r0: usize = 0; r0 < rows; r0 += 16) {
    const count = min<usize>(16, rows - r0);
    for (let c: usize = 0; c < cols; c++) {
      let p = x + r0 * xs + c * sizeof<T>();
      let q = y + c * ys + r0 * sizeof<T>();
      for (let r: usize = 0; r < count; r++) {
        store<T>(q, load<T>(p));
        p += xs;
        q += sizeof<T>();
      }
    }
  }
}

/** Blocks of 8 × 8 bytes in three rounds of interleaving; what is left byte by byte. */
function matrix8(x: usize, y: usize, rows: usize, cols: usize, xs: usize, ys: usize): void {
  const rows8 = rows & ~7;
  const cols8 = cols & ~7;
  for (let c0: usize = 0; c0 < cols8; c0 += 64) {
    const c1 = min(c0 + 64, cols8);
    for (let r: usize = 0; r < rows8; r += 8) {
      for (let c = c0; c < c1; c += 8) {
        const p = x + r * xs + c;
        const a0 = pairs(p, xs);
        const a1 = pairs(p + 2 * xs, xs);
        const a2 = pairs(p + 4 * xs, xs);
        const a3 = pairs(p + 6 * xs, xs);
        const b0 = v128.shuffle<i16>(a0, a1, 0, 8, 1, 9, 2, 10, 3, 11);
        const b1 = v128.shuffle<i16>(a0, a1, 4, 12, 5, 13, 6, 14, 7, 15);
        const b2 = v128.shuffle<i16>(a2, a3, 0, 8, 1, 9, 2, 10, 3, 11);
        const b3 = v128.shuffle<i16>(a2, a3, 4, 12, 5, 13, 6, 14, 7, 15);
        const q = y + c * ys + r;
        put_two(q, ys, v128.shuffle<i32>(b0, b2, 0, 4, 1, 5));
        put_two(q + 2 * ys, ys, v128.shuffle<i32>(b0, b2, 2, 6, 3, 7));
        put_two(q + 4 * ys, ys, v128.shuffle<i32>(b1, b3, 0, 4, 1, 5));
        put_two(q + 6 * ys, ys, v128.shuffle<i32>(b1, b3, 2, 6, 3, 7));
      }
    }
  }
  if (rows8 < rows) matrix<u8>(x + rows8 * xs, y + rows8, rows - rows8, cols8, xs, ys);
  if (cols8 < cols) matrix<u8>(x + cols8, y + cols8 * ys, rows, cols - cols8, xs, ys);
}

/** Eight bytes of a row and of the next, in turns. */
// @ts-ignore: decorator
@inline
function pairs(p: usize, xs: usize): v128 {
  return v128.shuffle<i8>(
    v128.load64_zero(p), v128.load64_zero(p + xs), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23,
  );
}

// @ts-ignore: decorator
@inline
function put_two(q: usize, ys: usize, columns: v128): void {
  v128.store64_lane(q, columns, 0);
  v128.store64_lane(q + ys, columns, 1);
}

function matrix32(x: usize, y: usize, rows: usize, cols: usize, xs: usize, ys: usize): void {
  const rows4 = rows & ~3;
  const cols4 = cols & ~3;
  if (rows == 3 && ys == 12) {
    interleave_3(x, xs, y, cols);
    return;
  }
  // Bands of 16 columns: each line of x that is touched is used up before the next band.
  for (let c0: usize = 0; c0 < cols4; c0 += 16) {
    const c1 = min(c0 + 16, cols4);
    for (let r: usize = 0; r < rows4; r += 4) {
      for (let c = c0; c < c1; c += 4) {
        const p = x + r * xs + (c << 2);
        const a0 = v128.load(p);
        const a1 = v128.load(p + xs);
        const a2 = v128.load(p + 2 * xs);
        const a3 = v128.load(p + 3 * xs);
        const b0 = v128.shuffle<i32>(a0, a1, 0, 4, 1, 5);
        const b1 = v128.shuffle<i32>(a0, a1, 2, 6, 3, 7);
        const b2 = v128.shuffle<i32>(a2, a3, 0, 4, 1, 5);
        const b3 = v128.shuffle<i32>(a2, a3, 2, 6, 3, 7);
        const q = y + c * ys + (r << 2);
        v128.store(q, v128.shuffle<i64>(b0, b2, 0, 2));
        v128.store(q + ys, v128.shuffle<i64>(b0, b2, 1, 3));
        v128.store(q + 2 * ys, v128.shuffle<i64>(b1, b3, 0, 2));
        v128.store(q + 3 * ys, v128.shuffle<i64>(b1, b3, 1, 3));
      }
    }
  }
  for (let r = rows4; r < rows; r++) {
    for (let c: usize = 0; c < cols4; c++) store<u32>(y + c * ys + (r << 2), load<u32>(x + r * xs + (c << 2)));
  }
  for (let c = cols4; c < cols; c++) {
    const q = y + c * ys;
    for (let r: usize = 0; r < rows; r++) store<u32>(q + (r << 2), load<u32>(x + r * xs + (c << 2)));
  }
}

/** Three planes `plane` bytes apart → their elements in turn: the colours of an image. */
function interleave_3(x: usize, plane: usize, y: usize, count: usize): void {
  const end = y + count * 12;
  for (; y + 48 <= end; y += 48) {
    const r = v128.load(x);
    const g = v128.load(x + plane);
    const b = v128.load(x + 2 * plane);
    x += 16;
    v128.store(y, v128.shuffle<i32>(v128.shuffle<i32>(r, g, 0, 4, 1, 5), b, 0, 1, 4, 2));
    v128.store(y, v128.shuffle<i32>(v128.shuffle<i32>(g, b, 1, 5, 2, 6), r, 0, 1, 6, 2), 16);
    v128.store(y, v128.shuffle<i32>(v128.shuffle<i32>(r, g, 3, 7, 3, 7), b, 6, 0, 1, 7), 32);
  }
  for (; y < end; y += 12) {
    store<u32>(y, load<u32>(x));
    store<u32>(y, load<u32>(x + plane), 4);
    store<u32>(y, load<u32>(x + 2 * plane), 8);
    x += 4;
  }
}

/**
 * Copies elements of `bytes` bytes (1, 2, 4, 8, 16) from one strided view to another. `table` holds, for `rank` >= 2
 * axes, their sizes, then their strides in x, then their strides in y, in bytes (i32; strides in x may be 0 or
 * negative). Transpose, Slice, Concat, Expand, Tile and the borders of Pad are all this.
 */
export function strided_copy(x: usize, y: usize, table: usize, rank: i32, bytes: i32): void {
  nest(x, y, table, <usize>rank << 2, rank, bytes);
}

/** The innermost `left` axes, whose sizes begin at `table`. Recursion depth is the rank. */
function nest(x: usize, y: usize, table: usize, list: usize, left: i32, bytes: i32): void {
  const size = load<usize>(table);
  const xs = load<usize>(table + list);
  const ys = load<usize>(table + 2 * list);
  if (left == 2) {
    plane(
      x, y, size, load<usize>(table + 4), xs, load<usize>(table + list + 4), ys, load<usize>(table + 2 * list + 4),
      bytes,
    );
    return;
  }
  for (let i: usize = 0; i < size; i++) {
    nest(x, y, table + 4, list, left - 1, bytes);
    x += xs;
    y += ys;
  }
}

/** Two axes: `xs` and `ys` are the strides of the outer one, `xi` and `yi` those of the inner one. */
function plane(
  x: usize, y: usize, size: usize, inner: usize, xs: usize, xi: usize, ys: usize, yi: usize, bytes: i32,
): void {
  if (yi == <usize>bytes) {
    if (xi == <usize>bytes) {
      const run = inner * bytes;
      for (let i: usize = 0; i < size; i++) {
        move(x, y, run);
        x += xs;
        y += ys;
      }
      return;
    }
    if (xi == 0) {
      for (let i: usize = 0; i < size; i++) {
        fill(y, x, inner, bytes);
        x += xs;
        y += ys;
      }
      return;
    }
    if (xs == <usize>bytes) {
      matrixOf(x, y, inner, size, xi, ys, bytes);
      return;
    }
  }
  if (bytes == 4) grid<u32>(x, y, size, inner, xs, xi, ys, yi);
  else if (bytes == 1) grid<u8>(x, y, size, inner, xs, xi, ys, yi);
  else if (bytes == 2) grid<u16>(x, y, size, inner, xs, xi, ys, yi);
  else if (bytes == 8) grid<u64>(x, y, size, inner, xs, xi, ys, yi);
  else grid<v128>(x, y, size, inner, xs, xi, ys, yi);
}

function grid<T>(x: usize, y: usize, size: usize, inner: usize, xs: usize, xi: usize, ys: usize, yi: usize): void {
  for (let i: usize = 0; i < size; i++) {
    let p = x;
    let q = y;
    for (let j: usize = 0; j < inner; j++) {
      store<T>(q, load<T>(p));
      p += xi;
      q += yi;
    }
    x += xs;
    y += ys;
  }
}

/** `count` times the one element at x. */
function fill(y: usize, x: usize, count: usize, bytes: i32): void {
  let v: v128;
  if (bytes == 4) v = v128.load32_splat(x);
  else if (bytes == 1) v = v128.load8_splat(x);
  else if (bytes == 2) v = v128.load16_splat(x);
  else if (bytes == 8) v = v128.load64_splat(x);
  else v = v128.load(x);
  let left = count * bytes;
  for (; left >= 16; left -= 16) {
    v128.store(y, v);
    y += 16;
  }
  // Element sizes are powers of two: what is left is a multiple of the size, and the vector repeats with it.
  for (; left > 0; left -= bytes) {
    if (bytes == 4) v128.store_lane<u32>(y, v, 0);
    else if (bytes == 1) v128.store_lane<u8>(y, v, 0);
    else if (bytes == 2) v128.store_lane<u16>(y, v, 0);
    else v128.store_lane<u64>(y, v, 0);
    y += bytes;
  }
}
