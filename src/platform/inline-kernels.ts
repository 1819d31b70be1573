import type { WasmSource } from '../../bindings/module.js'
// The build puts the files here as base64 (scripts/build-js.ts).
import relaxed from '../../dist/wasm/inference-relaxed.wasm'
import simd from '../../dist/wasm/inference-simd.wasm'

/** The kernels out of the JavaScript itself; of the two builds only the one that is asked for is decoded. */
export const inlineKernels: WasmSource = (build) => {
  const text = atob(build === 'relaxed' ? relaxed : simd)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return Promise.resolve(bytes)
}
