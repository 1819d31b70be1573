declare namespace __AdaptedExports {
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
