// Moving elements into another order of axes. Elements are moved, not looked at: one kernel per element size.

/**
 * y[b, c, r] = x[b, r, c] for `batch` matrices of rows × cols elements of `bytes` bytes.
 * Channels-first ↔ channels-last is this with rows = C, cols = H·W.
 */
export function transpose_2d(x: usize, y: usize, batch: i32, rows: i32, cols: i32, bytes: i32): void {
  const step = <usize>rows * cols * bytes;
  for (let b = 0; b < batch; b++) {
    if (bytes == 4) matrix32(x, y, rows, cols);
    else if (bytes == 1) matrix<u8>(x, y, rows, cols);
    else if (bytes == 2) matrix<u16>(x, y, rows, cols);
    else matrix<u64>(x, y, rows, cols);
    x += step;
    y += step;
  }
}

function matrix<T>(x: usize, y: usize, rows: i32, cols: i32): void {
  // Square blocks keep both the rows that are read and the rows that are written in the cache.
  for (let r0 = 0; r0 < rows; r0 += 16) {
    const r1 = min(r0 + 16, rows);
    for (let c = 0; c < cols; c++) {
      for (let r = r0; r < r1; r++) {
        store<T>(y + (<usize>c * rows + r) * sizeof<T>(), load<T>(x + (<usize>r * cols + c) * sizeof<T>()));
      }
    }
  }
}

function matrix32(x: usize, y: usize, rows: i32, cols: i32): void {
  const rows4 = rows & ~3;
  const cols4 = cols & ~3;
  const xs = <usize>cols << 2;
  const ys = <usize>rows << 2;
  // Bands of 16 columns: each line of x that is touched is used up before the next band.
  for (let c0 = 0; c0 < cols4; c0 += 16) {
    const c1 = min(c0 + 16, cols4);
    for (let r = 0; r < rows4; r += 4) {
      for (let c = c0; c < c1; c += 4) {
        const p = x + <usize>r * xs + (<usize>c << 2);
        const a0 = v128.load(p);
        const a1 = v128.load(p + xs);
        const a2 = v128.load(p + 2 * xs);
        const a3 = v128.load(p + 3 * xs);
        const b0 = v128.shuffle<i32>(a0, a1, 0, 4, 1, 5);
        const b1 = v128.shuffle<i32>(a0, a1, 2, 6, 3, 7);
        const b2 = v128.shuffle<i32>(a2, a3, 0, 4, 1, 5);
        const b3 = v128.shuffle<i32>(a2, a3, 2, 6, 3, 7);
        const q = y + <usize>c * ys + (<usize>r << 2);
        v128.store(q, v128.shuffle<i64>(b0, b2, 0, 2));
        v128.store(q + ys, v128.shuffle<i64>(b0, b2, 1, 3));
        v128.store(q + 2 * ys, v128.shuffle<i64>(b1, b3, 0, 2));
        v128.store(q + 3 * ys, v128.shuffle<i64>(b1, b3, 1, 3));
      }
    }
  }
  for (let r = rows4; r < rows; r++) {
    for (let c = 0; c < cols4; c++) store<u32>(y + <usize>c * ys + (<usize>r << 2), load<u32>(x + <usize>r * xs + (<usize>c << 2)));
  }
  for (let c = cols4; c < cols; c++) {
    const q = y + <usize>c * ys;
    for (let r = 0; r < rows; r++) store<u32>(q + (<usize>r << 2), load<u32>(x + <usize>r * xs + (<usize>c << 2)));
  }
}

/**
 * y, dense with `rank` axes, from x read with strides: `table` holds the sizes of y's axes and then x's stride for each, in elements (i32;
 * a stride may be 0 or negative). Transpose, Slice, Expand and Tile are all this.
 */
export function strided_copy(x: usize, y: usize, table: usize, rank: i32, bytes: i32): void {
  if (bytes == 4) copy<u32>(x, y, table, rank);
  else if (bytes == 1) copy<u8>(x, y, table, rank);
  else if (bytes == 2) copy<u16>(x, y, table, rank);
  else copy<u64>(x, y, table, rank);
}

function copy<T>(x: usize, y: usize, table: usize, rank: i32): void {
  if (rank == 0) {
    store<T>(y, load<T>(x));
    return;
  }
  const size = load<i32>(table);
  const stride = <isize>load<i32>(table + (<usize>rank << 2)) * <isize>sizeof<T>();
  axis<T>(x, y, table, table + (<usize>rank << 2), rank, size, stride);
}

/** One axis and all inside it; returns the place in y after what it wrote. Recursion depth is the rank. */
function axis<T>(x: usize, y: usize, sizes: usize, strides: usize, rank: i32, size: i32, stride: isize): usize {
  if (rank == 1) {
    if (stride == sizeof<T>()) {
      const bytes = <usize>size * sizeof<T>();
      memory.copy(y, x, bytes);
      return y + bytes;
    }
    for (let i = 0; i < size; i++) {
      store<T>(y, load<T>(x));
      x += stride;
      y += sizeof<T>();
    }
    return y;
  }
  const innerSize = load<i32>(sizes + 4);
  const innerStride = <isize>load<i32>(strides + 4) * <isize>sizeof<T>();
  for (let i = 0; i < size; i++) {
    y = axis<T>(x, y, sizes + 4, strides + 4, rank - 1, innerSize, innerStride);
    x += stride;
  }
  return y;
}
