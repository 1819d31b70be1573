// What only sessions with several threads load.
import { Context } from '../../bindings/context.js'
import { chooseBuild, loadModule, type Build, type KernelSet } from '../../bindings/module.js'
import { env, log } from '../core/env.js'
import { platform } from '../platform/platform.js'
import { threadedWasmFile } from '../platform/threaded-wasm-files.js'
import { attachThreads, threadsFor } from '../platform/threads.js'
import { logLevelOf, type SessionOptions } from './session-options.js'

/**
 * The memory and kernels of a session or a device with threads; undefined where there is to be only one.
 *
 * @throws LanewiseError `E_STATE` if the kernels cannot be had.
 */
export async function contextWithThreads(
  wanted: number | 'auto',
  options: Pick<SessionOptions, 'wasmModule' | 'build' | 'deterministic' | 'logLevel' | 'logSeverityLevel'>,
  limit: number,
  set: KernelSet = 'inference',
): Promise<Context | undefined> {
  const { wasmModule, build = 'auto', deterministic = false } = options
  const level = logLevelOf(options)
  if (wasmModule ?? (set === 'inference' ? (env.wasm.wasmBinary ?? env.wasm.integrity) : undefined)) {
    log('info', 'one thread is used: the kernels that are given are for one', level)
    return undefined
  }
  const host = await platform().threads?.()
  const count = threadsFor(wanted, host, level)
  if (!host || count < 2) return undefined
  const module = await threadedKernels(set, chooseBuild(build, deterministic !== false))
  const context = new Context(module, limit, true)
  attachThreads(context, module, count, host)
  return context
}

/** From the folder that `env.wasm.wasmPaths` names, or else from this package. */
async function threadedKernels(set: KernelSet, build: Build): Promise<WebAssembly.Module> {
  const { wasmPaths } = env.wasm
  const load = (place: string | URL) => loadModule(build, () => platform().readKernels(place), set, String(place))
  if (set === 'inference' && typeof wasmPaths === 'string') {
    try {
      const module = await load(`${wasmPaths}inference-${build}-threads.wasm`)
      if (WebAssembly.Module.exports(module).some(({ name }) => name === 'share_call')) return module
    } catch {
      // A folder of onnxruntime's, say.
    }
  }
  return load(threadedWasmFile(set, build))
}
