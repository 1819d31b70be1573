// What only sessions with several threads load.
import { Context } from '../../bindings/context.js'
import { chooseBuild, isThreaded, loadModule, type Build, type KernelSet } from '../../bindings/module.js'
import { env, log, type LogLevel } from '../core/env.js'
import { platform } from '../platform/platform.js'
import { threadedWasmFile } from '../platform/threaded-wasm-files.js'
import { attachThreads, threadsFor } from '../platform/threads.js'
import { logLevelOf, type SessionOptions } from './session-options.js'

type KernelOptions = Pick<SessionOptions, 'wasmModule' | 'build' | 'deterministic' | 'logLevel' | 'logSeverityLevel'>

/**
 * What makes the memory and kernels of a session or a device with threads; where there is to be only one, why.
 *
 * @param wanted - of `auto` nothing is thrown: what it cannot have it does without.
 * @throws LanewiseError `E_STATE` if the kernels cannot be had.
 */
export async function contextWithThreads(
  wanted: number | 'auto',
  options: KernelOptions,
  set: KernelSet = 'inference',
): Promise<((limit: number) => Context) | string> {
  const { wasmModule, build = 'auto', deterministic = false } = options
  const alone = (why: string, level: LogLevel = wanted === 'auto' ? 'verbose' : 'info'): string => {
    log(level, `one thread is used: ${why}`, logLevelOf(options))
    return why
  }
  const { wasmBinary, integrity, wasmPaths } = env.wasm
  const oneFile = wanted === 'auto' && typeof wasmPaths === 'object'
  if (wasmModule ?? (set === 'inference' ? (wasmBinary ?? integrity ?? (oneFile || undefined)) : undefined)) {
    return alone('the kernels that are given are for one')
  }
  const host = await platform().threads?.()
  const count = threadsFor(wanted, host)
  if (!host || typeof count === 'string') return alone(String(count))
  const chosen = chooseBuild(build, deterministic !== false)
  let module: WebAssembly.Module
  try {
    module = await threadedKernels(set, chosen)
  } catch (error) {
    if (wanted !== 'auto') throw error
    return alone((error as Error).message, 'info')
  }
  return (limit) => {
    const context = new Context(module, limit, true)
    // Nobody has asked for these: a model whose calls are all too small to be shared starts none.
    attachThreads(context, module, count, host, wanted === 'auto')
    return context
  }
}

/** From the folder that `env.wasm.wasmPaths` names, or else from this package. */
async function threadedKernels(set: KernelSet, build: Build): Promise<WebAssembly.Module> {
  const { wasmPaths } = env.wasm
  const load = (place: string | URL, key = String(place)) =>
    loadModule(build, () => platform().readKernels(place), set, key)
  if (set === 'inference' && typeof wasmPaths === 'string') {
    try {
      const module = await load(`${wasmPaths}inference-${build}-threads.wasm`)
      if (isThreaded(module)) return module
    } catch {
      // A folder of onnxruntime's, say.
    }
  }
  return load(threadedWasmFile(set, build), `${set}-${build}-threads`)
}
