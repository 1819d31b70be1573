import { loadModule, type Build } from '../../bindings/module.js'
import { env, log } from '../core/env.js'
import { platform } from '../platform/platform.js'

/** A folder or a file of onnxruntime's: code that was written for it says so, and nothing of ours can be there. */
const ONNXRUNTIME = /onnxruntime|ort-wasm/

/**
 * The compiled kernels of a build: from where `env.wasm` says, or else from this package.
 *
 * @throws LanewiseError `E_STATE` if they cannot be had.
 */
export async function loadKernels(build: Build): Promise<WebAssembly.Module> {
  const { wasmBinary, wasmPaths } = env.wasm
  const given = wasmBinary && ours(await WebAssembly.compile(wasmBinary as BufferSource).catch(() => undefined))
  if (given) return given
  const place =
    typeof wasmPaths === 'object'
      ? wasmPaths.wasm && (wasmPaths.wasm as URL | string).toString()
      : wasmPaths && `${wasmPaths}inference-${build}.wasm`
  if (place && !ONNXRUNTIME.test(place)) {
    try {
      const found = ours(await loadModule(build, () => platform().readKernels(place), 'inference', place))
      if (found) return found
      log('warning', `env.wasm.wasmPaths: ${place} holds no kernels of Lanewise; the package's own are used`)
    } catch (error) {
      log('warning', `env.wasm.wasmPaths: ${(error as Error).message}; the package's own kernels are used`)
    }
  }
  return loadModule(build, platform().wasm)
}

function ours(module: WebAssembly.Module | undefined): WebAssembly.Module | undefined {
  return module && WebAssembly.Module.exports(module).some(({ name }) => name === 'is_relaxed') ? module : undefined
}
