declare namespace __AdaptedExports {
  /**
   * assembly/gather/gather
   * @param x `usize`
   * @param y `usize`
   * @param indices `usize`
   * @param indexBytes `i32`
   * @param outer `i32`
   * @param axis `i32`
   * @param count `i32`
   * @param run `i32`
   */
  export function gather(x: number, y: number, indices: number, indexBytes: number, outer: number, axis: number, count: number, run: number): void;
  /**
   * assembly/gather/table_copy
   * @param x `usize`
   * @param y `usize`
   * @param table `usize`
   * @param rank `i32`
   * @param run `i32`
   */
  export function table_copy(x: number, y: number, table: number, rank: number, run: number): void;
  /**
   * assembly/memory/heap_base
   * @returns `usize`
   */
  export function heap_base(): number;
  /**
   * assembly/memory/is_relaxed
   * @returns `i32`
   */
  export function is_relaxed(): number;
  /**
   * assembly/resize/resize_axis
   * @param x `usize`
   * @param y `usize`
   * @param index `usize`
   * @param weight `usize`
   * @param taps `i32`
   * @param size `i32`
   * @param outSize `i32`
   * @param inner `i32`
   * @param begin `i32`
   * @param end `i32`
   */
  export function resize_axis(x: number, y: number, index: number, weight: number, taps: number, size: number, outSize: number, inner: number, begin: number, end: number): void;
  /**
   * assembly/resize/resize_bilinear
   * @param x `usize`
   * @param y `usize`
   * @param rowIndex `usize`
   * @param rowWeight `usize`
   * @param colIndex `usize`
   * @param colWeight `usize`
   * @param slab `i32`
   * @param width `i32`
   * @param outHeight `i32`
   * @param outWidth `i32`
   * @param inner `i32`
   * @param begin `i32`
   * @param end `i32`
   */
  export function resize_bilinear(x: number, y: number, rowIndex: number, rowWeight: number, colIndex: number, colWeight: number, slab: number, width: number, outHeight: number, outWidth: number, inner: number, begin: number, end: number): void;
  /**
   * assembly/transpose/strided_copy
   * @param x `usize`
   * @param y `usize`
   * @param table `usize`
   * @param rank `i32`
   * @param bytes `i32`
   */
  export function strided_copy(x: number, y: number, table: number, rank: number, bytes: number): void;
  /**
   * assembly/transpose/transpose_2d
   * @param x `usize`
   * @param y `usize`
   * @param batch `i32`
   * @param rows `i32`
   * @param cols `i32`
   * @param bytes `i32`
   */
  export function transpose_2d(x: number, y: number, batch: number, rows: number, cols: number, bytes: number): void;
}
/** Instantiates the compiled WebAssembly module with the given imports. */
export declare function instantiate(module: WebAssembly.Module, imports: {
}): Promise<typeof __AdaptedExports>;
