import { LanewiseError } from '../src/core/errors.js'
import type { Strict } from './address.js'
import type { instantiate } from './exports.js'
import type { instantiate as instantiateQuantized } from './quantized-exports.js'
import type { instantiate as instantiateTraining } from './train-exports.js'

/**
 * `simd`: fixed-width SIMD, the same bits on every machine. `relaxed`: fused multiply-add, whose bits may differ
 * between machines.
 */
export type Build = 'simd' | 'relaxed'

/**
 * Kernels that only quantised models need: a module of their own, which comes with the operators that call them
 * (quantized.ts).
 */
type QuantizedKernels = Checked<Awaited<ReturnType<typeof instantiateQuantized>>>

type Checked<Exports> = { readonly [K in keyof Exports]: Strict<Exports[K]> }

/** The raw exports of a build, and of what comes with rare operators: addresses and numbers in, nothing checked. */
export type Kernels = Checked<Awaited<ReturnType<typeof instantiate>>> & QuantizedKernels
export type KernelName = Extract<keyof Kernels, string>

/** What the training builds export: the kernels of inference, and gradients, losses and optimisers. */
export type TrainKernels = Checked<Awaited<ReturnType<typeof instantiateTraining>>> & QuantizedKernels
export type TrainKernelName = Extract<keyof TrainKernels, string>

/** Which list of exports: what an inference may call, or everything. */
export type KernelSet = 'inference' | 'train'

/** How the bytes of a build are found. */
export type WasmSource = (build: Build) => Promise<BufferSource | Response>

// (module (func (param v128 v128 v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))))
export const RELAXED_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2,
  253, 133, 2, 11,
])
// (module (func (result v128) (v128.const i32x4 0 0 0 0)))
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0, 253, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 11,
])

/** Whether this engine knows the relaxed SIMD instructions. */
export function supportsRelaxedSimd(): boolean {
  return WebAssembly.validate(RELAXED_PROBE)
}

/**
 * The build to use for an option.
 *
 * @throws LanewiseError `E_UNSUPPORTED` if the engine cannot run what was asked for.
 */
export function chooseBuild(option: Build | 'auto', deterministic: boolean): Build {
  if (!WebAssembly.validate(SIMD_PROBE)) {
    throw new LanewiseError(
      'E_UNSUPPORTED',
      'this engine has no WebAssembly SIMD (Node 16.4, Chrome 91, Firefox 89, Safari 16.4 and later have)',
    )
  }
  if (option === 'relaxed') {
    if (deterministic)
      throw new LanewiseError('E_VALUE', 'deterministic needs the simd build; relaxed results differ between machines')
    if (!supportsRelaxedSimd())
      throw new LanewiseError('E_UNSUPPORTED', 'this engine has no relaxed SIMD; use build "auto" or "simd"')
    return 'relaxed'
  }
  return option === 'auto' && !deterministic && supportsRelaxedSimd() ? 'relaxed' : 'simd'
}

const compiled = new Map<string, Promise<WebAssembly.Module>>()
const ready = new Map<string, WebAssembly.Module>()

/** The compiled module of a build: compiled once per process and place it is read from, whoever asks. */
export function loadModule(
  build: Build,
  source: WasmSource,
  set: KernelSet = 'inference',
  key = `${set}-${build}`,
): Promise<WebAssembly.Module> {
  let module = compiled.get(key)
  if (!module) {
    module = source(build).then(compile)
    compiled.set(key, module)
    // A failed download may be tried again.
    module.then(
      (made) => ready.set(key, made),
      () => compiled.delete(key),
    )
  }
  return module
}

/**
 * The compiled module of a build without waiting for it: one that there is already, or of bytes that can be had at
 * once; undefined if there are none.
 */
export function loadModuleNow(build: Build, source?: (build: Build) => BufferSource): WebAssembly.Module | undefined {
  const key = `inference-${build}`
  let module = ready.get(key)
  if (!module && source) ready.set(key, (module = new WebAssembly.Module(source(build))))
  return module ?? ready.get(`${key}-threads`)
}

/** Whether a module is a build with threads, whose memory has to be shared. */
export function isThreaded(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.exports(module).some(({ name }) => name === 'share_call')
}

async function compile(bytes: BufferSource | Response): Promise<WebAssembly.Module> {
  try {
    return await (isResponse(bytes) ? WebAssembly.compileStreaming(bytes) : WebAssembly.compile(bytes))
  } catch (cause) {
    throw new LanewiseError('E_STATE', `the kernels could not be compiled: ${(cause as Error).message}`, { cause })
  }
}

/** Not by `instanceof`: in Node the mere mention of `Response` loads its whole HTTP client, a third of a cold start. */
function isResponse(bytes: BufferSource | Response): bytes is Response {
  return 'headers' in bytes
}
