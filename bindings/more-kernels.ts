import type { Build, Kernels } from './module.js'

let source: ((build: Build) => WebAssembly.Module) | undefined

/**
 * Makes kernels known that are no part of the builds. They have no data of their own, so that they can work in the
 * memory of a build.
 */
export function registerKernels(module: (build: Build) => WebAssembly.Module): void {
  source = module
}

/** Those kernels for a memory; none if none are known. */
export function moreKernels(build: Build, memory: WebAssembly.Memory): Partial<Kernels> {
  return source ? new WebAssembly.Instance(source(build), { env: { memory } }).exports : {}
}
