import type { Build, KernelSet } from '../../bindings/module.js'

/** Where the kernels of a build with threads are: files of their own, which nothing else loads. */
export function threadedWasmFile(set: KernelSet, build: Build): URL {
  if (set === 'train')
    return build === 'relaxed'
      ? new URL('../../dist/wasm/train-relaxed-threads.wasm', import.meta.url)
      : new URL('../../dist/wasm/train-simd-threads.wasm', import.meta.url)
  return build === 'relaxed'
    ? new URL('../../dist/wasm/inference-relaxed-threads.wasm', import.meta.url)
    : new URL('../../dist/wasm/inference-simd-threads.wasm', import.meta.url)
}
