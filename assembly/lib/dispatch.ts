/**
 * Makes a call of kernel number `kernel` for a part of its range. `a` is where the arguments are, 4 bytes each; the
 * range and the scratch among them are those given here.
 *
 * The body is written by scripts/dispatch.js, a transform of the compiler, from the signatures of the kernels: it is
 * in builds with threads only.
 */
export function dispatch(kernel: i32, a: usize, begin: i32, end: i32, scratch: usize): void {
  unreachable();
}
