import type { Build } from '../../bindings/module.js'
import type { LogLevel } from '../core/env.js'
import type { PassOptions } from '../passes/optimize.js'
import type { ExternalFile } from '../onnx/external-data.js'

/** How a session is made. Options of onnxruntime-web that mean nothing here are accepted, and ignored with a line in the verbose log. */
export interface SessionOptions {
  /** Which build of the kernels: `auto` takes fused multiply-add where the engine has it. Default `auto`. */
  readonly build?: Build | 'auto'
  /** The same bits on every machine, at the price of fused multiply-add. Default false. */
  readonly deterministic?: boolean
  /** Results nearest to exact arithmetic (`exact`: no Winograd convolution) or fast ones that stay within single precision (default). */
  readonly accuracy?: 'fast' | 'exact'
  /** The most bytes of WebAssembly memory the session may take: weights, intermediate values and scratch. Default 4 GiB. */
  readonly memoryLimit?: number
  /**
   * Where the numbers of random operators (RandomNormal, Multinomial …) come from that have no seed of their own: sessions with the same seed draw
   * the same numbers, run after run. Left out: another seed for every session, or 0 if it is `deterministic`.
   */
  readonly seed?: number
  /** A compiled build of the kernels, for places that cannot fetch or compile. */
  readonly wasmModule?: WebAssembly.Module
  /** Threads to use; there is one. */
  readonly threads?: number
  readonly logLevel?: LogLevel
  /** Records the time of every node in every run; see `InferenceSession.lastProfile`. */
  readonly profile?: boolean
  /** Switches graph passes off: all (`false`) or by name. */
  readonly passes?: PassOptions
  /** The files that hold the model's external tensors, as bytes. */
  readonly externalData?: readonly ExternalFile[]
  /** Accept external data files that have other names on the same disk. */
  readonly allowHardLinks?: boolean
  /**
   * Inputs that the session keeps from one run to the next, each with the output that it becomes: hidden states of a stream, caches of keys and
   * values, e.g. `{ past_key: 'present_key', past_value: 'present_value' }`. See {@link InferenceSession.run}, and docs/states.md for how to export a
   * cache that is written where it lies.
   */
  readonly states?: Readonly<Record<string, string>>
  /** Sizes for symbolic dimensions, by name. */
  readonly freeDimensionOverrides?: Readonly<Record<string, number>>
  /** `disabled` is `passes: false`. */
  readonly graphOptimizationLevel?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all'
  readonly enableProfiling?: boolean
  readonly logSeverityLevel?: 0 | 1 | 2 | 3 | 4
  readonly intraOpNumThreads?: number
  readonly executionProviders?: readonly unknown[]
  readonly interOpNumThreads?: number
  readonly enableCpuMemArena?: boolean
  readonly enableMemPattern?: boolean
  readonly executionMode?: 'sequential' | 'parallel'
  readonly optimizedModelFilePath?: string
  readonly profileFilePrefix?: string
  readonly logId?: string
  readonly logVerbosityLevel?: number
  readonly preferredOutputLocation?: unknown
  readonly enableGraphCapture?: boolean
  readonly extra?: Readonly<Record<string, unknown>>
}

/** How one run is made. */
export interface RunOptions {
  /** Stops the run when it fires; the run then rejects with `E_STATE`. */
  readonly signal?: AbortSignal
  /** Records the time of every node; see `InferenceSession.lastProfile`. */
  readonly profile?: boolean
  readonly logSeverityLevel?: 0 | 1 | 2 | 3 | 4
  readonly logVerbosityLevel?: number
  readonly terminate?: boolean
  readonly tag?: string
  readonly extra?: Readonly<Record<string, unknown>>
}

/** Options of onnxruntime-web that have no meaning here. */
export const ignoredOptions: readonly (keyof SessionOptions)[] = [
  'executionProviders',
  'interOpNumThreads',
  'enableCpuMemArena',
  'enableMemPattern',
  'executionMode',
  'optimizedModelFilePath',
  'profileFilePrefix',
  'logVerbosityLevel',
  'preferredOutputLocation',
  'enableGraphCapture',
  'extra',
]

const severities: readonly LogLevel[] = ['verbose', 'info', 'warning', 'error', 'fatal']

/** The log level an option set asks for, if any. */
export function logLevelOf(options: SessionOptions): LogLevel | undefined {
  return options.logLevel ?? (options.logSeverityLevel === undefined ? undefined : severities[options.logSeverityLevel])
}
