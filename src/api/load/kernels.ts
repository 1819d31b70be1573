import { chooseBuild, loadModule, loadModuleNow, type Build } from '../../../bindings/module.js'
import { env } from '../../core/env.js'
import { LanewiseError } from '../../core/errors.js'
import { tagOf } from '../../core/realm.js'
import { platform } from '../../platform/platform.js'
import { lateParts } from '../late-parts.js'
import type { SessionOptions, WasmModules } from '../session-options.js'

/**
 * The compiled kernels for a session: those of the option `wasmModule`, or from where `env.wasm` says, or from this
 * package.
 *
 * @throws LanewiseError `E_STATE` if they cannot be had, `E_EXTERNAL` if the network fails, `E_UNSUPPORTED` if the
 *   engine cannot run what is asked for.
 */
export async function loadKernels(options: SessionOptions): Promise<WebAssembly.Module> {
  const { build = 'auto', deterministic = false, wasmModule } = options
  const chosen: Build = chooseBuild(build, deterministic !== false)
  // What most apps never need comes when it is needed.
  const special = lateParts.specialKernels
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

/**
 * The same without waiting: those of the option `wasmModule`, or that another session has loaded, or that the platform
 * has at hand (Node, `lanewise/inline`).
 *
 * @throws LanewiseError `E_STATE` if there are none, `E_VALUE` if the build that is wanted is not in `wasmModule`.
 */
export function kernelsNow({ build = 'auto', deterministic = false, wasmModule }: SessionOptions): WebAssembly.Module {
  const chosen = chooseBuild(build, deterministic !== false)
  const { [chosen]: ofBuild } = (wasmModule ?? {}) as WasmModules
  const given = tagOf(wasmModule) === 'WebAssembly.Module' ? (wasmModule as WebAssembly.Module) : ofBuild
  if (wasmModule && tagOf(given) !== 'WebAssembly.Module')
    throw new LanewiseError('E_VALUE', `wasmModule must have ${chosen} kernels`)
  const module = given ?? loadModuleNow(chosen, platform().wasmNow)
  if (module) return module
  throw new LanewiseError('E_STATE', `the kernels (${chosen}) are not here yet: give createSync the option wasmModule`)
}
