import { bytesOfBase64 } from './base64.js'
import { supportsRelaxedSimd, type Build } from './module.js'
// Written by npm run build:wasm.
import { relaxed, simd } from './quantized-wasm.js'

const modules: Partial<Record<Build, WebAssembly.Module>> = {}

const bytesOf = (build: Build): Uint8Array<ArrayBuffer> => bytesOfBase64(build === 'relaxed' ? relaxed : simd)

/**
 * The kernels of operators that few models have, most of them quantised ones, which travel in the JavaScript of their
 * operators: no file more that has to be found.
 */
export function quantizedKernels(build: Build): WebAssembly.Module {
  return (modules[build] ??= new WebAssembly.Module(bytesOf(build)))
}

/** Compiles them where there is time: before Chrome 115 a page must not compile more than 4 kB at once. */
export async function prepareQuantizedKernels(): Promise<void> {
  const build = supportsRelaxedSimd() ? 'relaxed' : 'simd'
  modules[build] ??= await WebAssembly.compile(bytesOf(build))
}
