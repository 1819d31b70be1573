// Copying elements that a table or a tensor of indices names. Indices have been checked before: a kernel cannot report.
import { move } from "../lib/copy";

/**
 * y[o, j, :] = x[o, i_j, :] for `outer` slabs of `axis` rows of `run` bytes and `count` indices of 4 or 8 bytes; a
 * negative index counts from the end.
 */
export function gather(
  x: usize, y: usize, indices: usize, indexBytes: i32, outer: i32, axis: i32, count: i32, run: i32,
): void {
  const slab = <usize>axis * run;
  for (let o = 0; o < outer; o++) {
    let at = indices;
    for (let j = 0; j < count; j++) {
      // Little-endian: the low half of an int64 that is in range is its value.
      let i = load<i32>(at);
      if (i < 0) i += axis;
      const from = x + <usize>i * run;
      if (run == 4) store<u32>(y, load<u32>(from));
      else move(from, y, run);
      y += run;
      at += indexBytes;
    }
    x += slab;
  }
}

/**
 * y[i₀, …, iₖ] = x[a₀(i₀) + … + aₖ(iₖ)] for runs of `run` bytes: nearest-neighbour resizing, and gathering along
 * several axes at once. `table` holds the sizes of y's `rank` axes and then each axis's list of offsets into x, in
 * bytes (i32). y is dense.
 */
export function table_copy(x: usize, y: usize, table: usize, rank: i32, run: i32): void {
  slab(x, y, table, table + (<usize>rank << 2), rank, run);
}

/** The innermost `rank` axes; returns the place in y after what it wrote. */
function slab(x: usize, y: usize, sizes: usize, offsets: usize, rank: i32, run: i32): usize {
  const size = load<usize>(sizes);
  if (rank == 1) {
    for (let i: usize = 0; i < size; i++) {
      const from = x + load<i32>(offsets + (i << 2));
      if (run == 4) store<u32>(y, load<u32>(from));
      else move(from, y, run);
      y += run;
    }
    return y;
  }
  const inner = offsets + (size << 2);
  let start = y;
  let before: i32 = 0;
  for (let i: usize = 0; i < size; i++) {
    const offset = load<i32>(offsets + (i << 2));
    const bytes = y - start;
    // An enlarged row repeats: the copy that is in the cache is the nearer one.
    if (i > 0 && offset == before) memory.copy(y, start, bytes);
    start = y;
    if (i > 0 && offset == before) y += bytes;
    else y = slab(x + offset, y, sizes + 4, inner, rank - 1, run);
    before = offset;
  }
  return y;
}

/**
 * y[i₀, …, iₖ, :] = x[j, :] for `count` tuples j of `depth` indices of 4 or 8 bytes: runs of `run` bytes, one after the
 * other. `table` holds the sizes of y's axes that are indexed, and their strides in bytes (i32). A negative index
 * counts from the end.
 */
export function scatter(
  x: usize, y: usize, indices: usize, indexBytes: i32, count: i32, depth: i32, table: usize, run: i32,
): void {
  const strides = table + (<usize>depth << 2);
  for (; count > 0; count--) {
    let to = y;
    for (let axis: usize = 0; axis < <usize>depth; axis++) {
      let i = load<i32>(indices);
      if (i < 0) i += load<i32>(table + (axis << 2));
      to += <usize>i * load<i32>(strides + (axis << 2));
      indices += indexBytes;
    }
    move(x, to, run);
    x += run;
  }
}
