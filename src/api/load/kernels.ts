import { chooseBuild, loadModule, type Build } from '../../../bindings/module.js'
import { env } from '../../core/env.js'
import { platform } from '../../platform/platform.js'
import type { SessionOptions } from '../session-options.js'

/**
 * The compiled kernels for a session: those of the option `wasmModule`, or from where `env.wasm` says, or from this package.
 *
 * @throws LanewiseError `E_STATE` if they cannot be had, `E_EXTERNAL` if the network fails, `E_UNSUPPORTED` if the engine cannot run what is asked for.
 */
export async function loadKernels(options: SessionOptions): Promise<WebAssembly.Module> {
  const { build = 'auto', deterministic = false, wasmModule } = options
  const chosen: Build = chooseBuild(build, deterministic !== false)
  // What most apps never need comes when it is needed.
  const special = () => import('./special-kernels.js')
  try {
    const { wasmBinary, wasmPaths, integrity } = env.wasm
    return (
      ((wasmModule ?? wasmBinary ?? wasmPaths ?? integrity) &&
        (await (await special()).specialKernels(chosen, wasmModule))) ||
      (await loadModule(chosen, platform().wasm))
    )
  } catch (error) {
    throw await special().then(
      ({ explained }) => explained(error, `inference-${chosen}.wasm`),
      () => error,
    )
  }
}
