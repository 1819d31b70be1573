import { Context } from '../../bindings/context.js'
import { chooseBuild, loadModule, type Build } from '../../bindings/module.js'
import { checkArguments } from '../core/arguments.js'
import { env } from '../core/env.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber } from '../core/options.js'
import { platform } from '../platform/platform.js'
import { trainWasmFile } from '../platform/train-wasm-files.js'

/** What a `Device` is made with. */
export interface DeviceOptions {
  /** Which build of the kernels; `auto` takes fused multiply-add where the engine has it. */
  readonly build?: Build | 'auto'
  /** The same bits on every machine: the `simd` build. */
  readonly deterministic?: boolean
  /** The most bytes of memory for parameters, gradients and steps together. */
  readonly memoryLimit?: number
  /** `exact` avoids algorithms that trade accuracy for speed (Winograd). */
  readonly accuracy?: 'fast' | 'exact'
  /**
   * Where the device's generator of random numbers begins; 0 by default. Nothing random happens in training that does
   * not come from it.
   */
  readonly seed?: number
  /** A compiled training build, where nothing may be compiled at run time. */
  readonly wasmModule?: WebAssembly.Module
  /**
   * Threads to use: a number, or `'auto'` for as many as there are cores, up to eight, and one where memory cannot be
   * shared. They never change a bit of a result. Default: what `env.wasm.numThreads` says, else `'auto'`.
   */
  readonly threads?: number | 'auto'
}

/**
 * The kernels of training in a memory of their own, with threads where there are any.
 *
 * @throws LanewiseError `E_VALUE` for options that make no sense, `E_UNSUPPORTED` if the engine cannot run the build.
 */
export async function contextFor(options: DeviceOptions): Promise<Context> {
  checkArguments(
    'Device.create',
    { options },
    {
      build: 'string',
      deterministic: 'boolean',
      memoryLimit: 'number',
      accuracy: 'string',
      seed: 'number',
      wasmModule: 'object',
      threads: 'number|string',
    },
  )

  const { build = 'auto', deterministic = false, memoryLimit = 2 ** 32 } = options
  for (const [name, choices] of [
    ['build', ['auto', 'simd', 'relaxed']],
    ['accuracy', ['fast', 'exact']],
  ] as const) {
    const chosen: string | undefined = options[name]
    if (chosen !== undefined && !(choices as readonly string[]).includes(chosen))
      throw new LanewiseError('E_VALUE', `${name} must be ${choices.join(' or ')}, got ${chosen}`)
  }
  if (options.threads !== undefined && options.threads !== 'auto')
    checkNumber('threads', options.threads, { least: 1, whole: true })
  const threads = options.threads ?? (env.wasm.numThreads || 'auto')
  const alone = threads === 'auto' ? platform().oneThread?.() : undefined
  const shared =
    threads === 1
      ? undefined
      : (alone ?? (await (await import('../api/threads.js')).contextWithThreads(threads, options, 'train')))
  const load = () =>
    loadModule(chooseBuild(build, deterministic), (chosen) => platform().readKernels(trainWasmFile(chosen)), 'train')
  return typeof shared === 'function'
    ? shared(memoryLimit)
    : new Context(options.wasmModule ?? (await load()), memoryLimit, false, shared)
}
