/** A kernel as a recorded call sees it, whose arguments were checked when they were written down. */
export type Kernel = (...args: number[]) => unknown

/**
 * A call with constant arguments. A plan is a list of these: with the arity spelled out the engine calls WebAssembly directly, without
 * building an argument list on every run.
 */
export function bindCall(f: Kernel, args: readonly number[]): () => void {
  const [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q] = args
  switch (args.length) {
    case 0:
      return () => void f()
    case 1:
      return () => void f(a)
    case 2:
      return () => void f(a, b)
    case 3:
      return () => void f(a, b, c)
    case 4:
      return () => void f(a, b, c, d)
    case 5:
      return () => void f(a, b, c, d, e)
    case 6:
      return () => void f(a, b, c, d, e, g)
    case 7:
      return () => void f(a, b, c, d, e, g, h)
    case 8:
      return () => void f(a, b, c, d, e, g, h, i)
    case 9:
      return () => void f(a, b, c, d, e, g, h, i, j)
    case 10:
      return () => void f(a, b, c, d, e, g, h, i, j, k)
    case 11:
      return () => void f(a, b, c, d, e, g, h, i, j, k, l)
    case 12:
      return () => void f(a, b, c, d, e, g, h, i, j, k, l, m)
    case 13:
      return () => void f(a, b, c, d, e, g, h, i, j, k, l, m, n)
    case 14:
      return () => void f(a, b, c, d, e, g, h, i, j, k, l, m, n, o)
    case 15:
      return () => void f(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p)
    case 16:
      return () => void f(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q)
    default: {
      // Kernels with more arguments than this (convolutions) do enough work for a spread not to matter.
      const all = [...args]
      return () => void f(...all)
    }
  }
}
