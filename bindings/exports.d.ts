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
   * assembly/quant/dequantize_linear
   * @param x `usize`
   * @param y `usize`
   * @param scale `usize`
   * @param zero `usize`
   * @param signed `i32`
   * @param outer `i32`
   * @param channels `i32`
   * @param inner `i32`
   */
  export function dequantize_linear(x: number, y: number, scale: number, zero: number, signed: number, outer: number, channels: number, inner: number): void;
  /**
   * assembly/quant/quantize_linear
   * @param x `usize`
   * @param y `usize`
   * @param scale `usize`
   * @param zero `usize`
   * @param signed `i32`
   * @param outer `i32`
   * @param channels `i32`
   * @param inner `i32`
   */
  export function quantize_linear(x: number, y: number, scale: number, zero: number, signed: number, outer: number, channels: number, inner: number): void;
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
