// Masks of keys as ONNX Runtime's attention operators have them, made into what is added to scores.

/**
 * y [batch, rows, keys] ← 0 where a mask (int32) lets a key be seen, `filter` where not. With `bounds` 1 the mask holds
 * how many keys each example has; with 2 the ends of all examples and then their first keys. With 0 it holds a number
 * for each key, above 0 if that is seen, whose examples and rows are so many elements apart; a row distance of 0
 * repeats a row.
 */
export function key_mask_f32(
  mask: usize, bounds: i32, exampleStride: i32, rowStride: i32, y: usize, filter: f32, batch: i32, rows: i32, keys: i32,
): void {
  for (let b = 0; b < batch; b++) {
    let first = 0, last = 0;
    if (bounds) {
      last = load<i32>(mask + ((<usize>b) << 2));
      if (bounds == 2) first = load<i32>(mask + ((<usize>(batch + b)) << 2));
    }
    for (let i = 0; i < rows; i++) {
      const row = mask + (<usize>b * exampleStride + <usize>i * rowStride << 2);
      for (let j = 0; j < keys; j++, y += 4) {
        const seen = bounds ? j >= first && j < last : load<i32>(row + ((<usize>j) << 2)) > 0;
        store<f32>(y, seen ? 0 : filter);
      }
    }
  }
}
