import { readFileSync } from 'node:fs'
import { Context } from '../../bindings/context.js'
import { supportsRelaxed, type Build } from '../../bindings/module.js'

const modules = new Map<Build, WebAssembly.Module>()

/** NaN as any float type, far from 0 as any integer: what is read without having been written shows in a result. */
const CANARY = 0x7ff87ff8
const POISONED_PAGES = 16

/** A fresh context over a build of the kernels. Its first megabytes are full of canaries, as if another model had been there before. */
export function makeContext(build: Build = 'simd', limit?: number): Context {
  let module = modules.get(build)
  if (!module) {
    module = new WebAssembly.Module(readFileSync(new URL(`../../dist/wasm/inference-${build}.wasm`, import.meta.url)))
    modules.set(build, module)
  }
  const context = new Context(module, limit)
  context.memory.grow(POISONED_PAGES)
  const start = (context.kernels.heap_base() + 3) & ~3
  new Uint32Array(context.memory.buffer, start, (context.memory.buffer.byteLength - start) >> 2).fill(CANARY)
  return context
}

/** The builds this engine can run. */
export const builds: readonly Build[] = supportsRelaxed() ? ['simd', 'relaxed'] : ['simd']
