import type { Build } from '../../bindings/module.js'

/**
 * Where the kernels of a training build are; apart from those of inference, so that an app which only runs models does
 * not ship them.
 */
export function trainWasmFile(build: Build): URL {
  return build === 'relaxed'
    ? new URL('../../dist/wasm/train-relaxed.wasm', import.meta.url)
    : new URL('../../dist/wasm/train-simd.wasm', import.meta.url)
}
