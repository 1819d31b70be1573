import type { Build } from '../../bindings/module.js'

// Literal URLs, so that every bundler sees that these files belong to the program. The build rewrites them for dist/.
const files: Readonly<Record<Build, URL>> = {
  simd: new URL('../../dist/wasm/inference-simd.wasm', import.meta.url),
  relaxed: new URL('../../dist/wasm/inference-relaxed.wasm', import.meta.url),
}

/** Where the kernels of a build are. */
export function wasmFile(build: Build): URL {
  return files[build]
}
