import type { Build } from '../../bindings/module.js'
import { LanewiseError } from '../core/errors.js'
// The build puts the files here as base64 (scripts/build-js.ts).
import relaxed from '../../dist/wasm/inference-relaxed.wasm'
import simd from '../../dist/wasm/inference-simd.wasm'

/** The kernels out of the JavaScript itself; of the two builds only the one that is asked for is decoded. */
export function inlineKernels(build: Build): Uint8Array<ArrayBuffer> {
  const text = decoded(build === 'relaxed' ? relaxed : simd)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** @throws LanewiseError `E_STATE` if the file is not as it was published. */
function decoded(base64: string): string {
  try {
    return atob(base64)
  } catch (cause) {
    throw new LanewiseError(
      'E_STATE',
      'the kernels in this JavaScript file are damaged: its text was changed after it was built. Install the package again, and let tools leave long strings as they are',
      { cause },
    )
  }
}
