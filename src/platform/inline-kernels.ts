import { bytesOfBase64 } from '../../bindings/base64.js'
import type { Build } from '../../bindings/module.js'
// The build puts the files here as base64 (scripts/build-js.ts).
import relaxed from '../../dist/wasm/inference-relaxed.wasm'
import simd from '../../dist/wasm/inference-simd.wasm'

/** The kernels out of the JavaScript itself; of the two builds only the one that is asked for is decoded. */
export function inlineKernels(build: Build): Uint8Array<ArrayBuffer> {
  return bytesOfBase64(build === 'relaxed' ? relaxed : simd)
}
