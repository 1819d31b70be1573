import { createRequire } from 'node:module'

type Builtins = {
  'node:crypto': typeof import('node:crypto')
  'node:os': typeof import('node:os')
  'node:worker_threads': typeof import('node:worker_threads')
  'node:zlib': typeof import('node:zlib')
}

/**
 * A module of Node when it is needed: an import of these four takes about 15 ms of the start of a program that may
 * never use them.
 */
export function builtin<N extends keyof Builtins>(name: N): Builtins[N] {
  // Runtimes that only resemble Node may lack the former.
  const found: unknown = process.getBuiltinModule?.(name) ?? createRequire(`${process.cwd()}/`)(name)
  return found as Builtins[N]
}
