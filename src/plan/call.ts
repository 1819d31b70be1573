/** A kernel as a recorded call sees it, whose arguments were checked when they were written down. */
export type Kernel = (...args: number[]) => unknown

/**
 * What makes calls, by their number of arguments. A call holds its own arguments and nothing else: plans that are kept
 * hold thousands of calls.
 */
const binders: readonly ((f: Kernel, ...args: number[]) => () => void)[] = [
  (f) => () => void f(),
  (f, a) => () => void f(a),
  (f, a, b) => () => void f(a, b),
  (f, a, b, c) => () => void f(a, b, c),
  (f, a, b, c, d) => () => void f(a, b, c, d),
  (f, a, b, c, d, e) => () => void f(a, b, c, d, e),
  (f, a, b, c, d, e, g) => () => void f(a, b, c, d, e, g),
  (f, a, b, c, d, e, g, h) => () => void f(a, b, c, d, e, g, h),
  (f, a, b, c, d, e, g, h, i) => () => void f(a, b, c, d, e, g, h, i),
  (f, a, b, c, d, e, g, h, i, j) => () => void f(a, b, c, d, e, g, h, i, j),
  (f, a, b, c, d, e, g, h, i, j, k) => () => void f(a, b, c, d, e, g, h, i, j, k),
  (f, a, b, c, d, e, g, h, i, j, k, l) => () => void f(a, b, c, d, e, g, h, i, j, k, l),
  (f, a, b, c, d, e, g, h, i, j, k, l, m) => () => void f(a, b, c, d, e, g, h, i, j, k, l, m),
  (f, a, b, c, d, e, g, h, i, j, k, l, m, n) => () => void f(a, b, c, d, e, g, h, i, j, k, l, m, n),
  (f, a, b, c, d, e, g, h, i, j, k, l, m, n, o) => () => void f(a, b, c, d, e, g, h, i, j, k, l, m, n, o),
  (f, a, b, c, d, e, g, h, i, j, k, l, m, n, o, p) => () => void f(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p),
  (f, a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q) => () => void f(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q),
]

/**
 * A call with constant arguments. A plan is a list of these: with the arity spelled out the engine calls WebAssembly
 * directly, without building an argument list on every run.
 */
export function bindCall(f: Kernel, args: readonly number[]): () => void {
  const bind = binders[args.length] as (typeof binders)[number] | undefined
  if (bind) return bind(f, ...args)
  // Kernels with more arguments than this (convolutions) do enough work for a spread not to matter.
  const all = [...args]
  return () => void f(...all)
}
