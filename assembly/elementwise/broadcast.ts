// Walks the axes of a broadcast. A kernel with two or three inputs is written for one innermost row; this calls it row
// by row.
//
// A descriptor is a table of i32: `rank` sizes, outermost first, then `rank` strides of the first input, of the second
// and, where there is one, of the third, counted in elements; 0 repeats an axis. The caller merges axes that can be
// merged, so that the innermost is as long as possible. The output is contiguous.

/** y[i] = f(a[i·strideA], b[i·strideB]) for `n` elements. */
export type Row2 = (a: usize, strideA: i32, b: usize, strideB: i32, y: usize, n: i32) => void;

/**
 * The same for `rows` rows, y's one after the other, the operands' stepA and stepB elements apart: a call per row would
 * cost more than a short row.
 */
export type Rows2 = (
  a: usize, strideA: i32, stepA: i32, b: usize, strideB: i32, stepB: i32, y: usize, n: i32, rows: i32,
) => void;

/** The same with three inputs, the first of one byte per element. */
export type Row3 = (c: usize, strideC: i32, a: usize, strideA: i32, b: usize, strideB: i32, y: usize, n: i32) => void;

// @ts-ignore: decorator
@inline
function entry(table: usize, i: i32): i32 {
  return load<i32>(table + ((<usize>i) << 2));
}

/** Bytes that a number of elements takes, which may be negative. */
// @ts-ignore: decorator
@inline
function bytes(elements: i32, shift: i32): usize {
  return <usize>(elements << shift);
}

function inner_elements(table: usize, rank: i32, axis: i32): i32 {
  let n: i32 = 1;
  for (let i = axis + 1; i < rank; i++) n *= entry(table, i);
  return n;
}

function step2(
  row: Row2, table: usize, rank: i32, axis: i32, a: usize, b: usize, y: usize, shiftIn: i32, shiftOut: i32, begin: i32,
  end: i32,
): usize {
  const strideA = entry(table, rank + axis);
  const strideB = entry(table, 2 * rank + axis);
  a += bytes(begin * strideA, shiftIn);
  b += bytes(begin * strideB, shiftIn);
  if (axis == rank - 1) {
    row(a, strideA, b, strideB, y, end - begin);
    return y + bytes(end - begin, shiftOut);
  }
  const size = entry(table, axis + 1);
  for (let i = begin; i < end; i++) {
    y = step2(row, table, rank, axis + 1, a, b, y, shiftIn, shiftOut, 0, size);
    a += bytes(strideA, shiftIn);
    b += bytes(strideB, shiftIn);
  }
  return y;
}

/**
 * Runs a row function over indices [begin, end) of axis 0; elements have 1 << shiftIn and 1 << shiftOut bytes. `rank` ≥
 * 1.
 */
export function walk2(
  row: Row2, table: usize, rank: i32, a: usize, b: usize, y: usize, shiftIn: i32, shiftOut: i32, begin: i32, end: i32,
): void {
  y += bytes(begin * inner_elements(table, rank, 0), shiftOut);
  step2(row, table, rank, 0, a, b, y, shiftIn, shiftOut, begin, end);
}

function step2_rows(
  rows: Rows2, table: usize, rank: i32, axis: i32, a: usize, b: usize, y: usize, begin: i32, end: i32,
): usize {
  const stepA = entry(table, rank + axis);
  const stepB = entry(table, 2 * rank + axis);
  a += bytes(begin * stepA, 2);
  b += bytes(begin * stepB, 2);
  const size = entry(table, axis + 1);
  if (axis == rank - 2) {
    rows(a, entry(table, 2 * rank - 1), stepA, b, entry(table, 3 * rank - 1), stepB, y, size, end - begin);
    return y + bytes((end - begin) * size, 2);
  }
  for (let i = begin; i < end; i++) {
    y = step2_rows(rows, table, rank, axis + 1, a, b, y, 0, size);
    a += bytes(stepA, 2);
    b += bytes(stepB, 2);
  }
  return y;
}

/** As walk2, for elements of four bytes. */
export function walk2_rows(
  rows: Rows2, table: usize, rank: i32, a: usize, b: usize, y: usize, begin: i32, end: i32,
): void {
  y += bytes(begin * inner_elements(table, rank, 0), 2);
  if (rank == 1) {
    const strideA = entry(table, 1);
    const strideB = entry(table, 2);
    rows(a + bytes(begin * strideA, 2), strideA, 0, b + bytes(begin * strideB, 2), strideB, 0, y, end - begin, 1);
  } else {
    step2_rows(rows, table, rank, 0, a, b, y, begin, end);
  }
}

function step3(
  row: Row3, table: usize, rank: i32, axis: i32, c: usize, a: usize, b: usize, y: usize, shift: i32, begin: i32,
  end: i32,
): usize {
  const strideC = entry(table, rank + axis);
  const strideA = entry(table, 2 * rank + axis);
  const strideB = entry(table, 3 * rank + axis);
  c += <usize>(begin * strideC);
  a += bytes(begin * strideA, shift);
  b += bytes(begin * strideB, shift);
  if (axis == rank - 1) {
    row(c, strideC, a, strideA, b, strideB, y, end - begin);
    return y + bytes(end - begin, shift);
  }
  const size = entry(table, axis + 1);
  for (let i = begin; i < end; i++) {
    y = step3(row, table, rank, axis + 1, c, a, b, y, shift, 0, size);
    c += <usize>strideC;
    a += bytes(strideA, shift);
    b += bytes(strideB, shift);
  }
  return y;
}

/** `walk2` for a condition and two inputs of the output's element size. */
export function walk3(
  row: Row3, table: usize, rank: i32, c: usize, a: usize, b: usize, y: usize, shift: i32, begin: i32, end: i32,
): void {
  y += bytes(begin * inner_elements(table, rank, 0), shift);
  step3(row, table, rank, 0, c, a, b, y, shift, begin, end);
}
