import type { Build } from '../../bindings/module.js'

/**
 * Where the kernels of a build are. The URLs are literal, so that every bundler sees that these files belong to the
 * program (the build rewrites them for dist/), and made only when asked for, since some edge runtimes have no
 * `import.meta.url`.
 */
export function wasmFile(build: Build): URL {
  return build === 'relaxed'
    ? new URL('../../dist/wasm/inference-relaxed.wasm', import.meta.url)
    : new URL('../../dist/wasm/inference-simd.wasm', import.meta.url)
}
