import { readFileSync } from 'node:fs'
import { Context } from '../../bindings/context.js'
import { supportsRelaxed, type Build } from '../../bindings/module.js'

const modules = new Map<Build, WebAssembly.Module>()

/** A fresh context over a build of the kernels. */
export function makeContext(build: Build = 'simd', limit?: number): Context {
  let module = modules.get(build)
  if (!module) {
    module = new WebAssembly.Module(readFileSync(new URL(`../../dist/wasm/inference-${build}.wasm`, import.meta.url)))
    modules.set(build, module)
  }
  return new Context(module, limit)
}

/** The builds this engine can run. */
export const builds: readonly Build[] = supportsRelaxed() ? ['simd', 'relaxed'] : ['simd']
