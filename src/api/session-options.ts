import type { Build } from '../../bindings/module.js'
import { env, type LogLevel } from '../core/env.js'
import { LanewiseError } from '../core/errors.js'
import { kindOf, shown } from '../core/options.js'
import type { PassOptions } from '../passes/optimize.js'
import type { ExternalFile } from '../onnx/external-data.js'
import type { Progress } from '../platform/download.js'
import type { ProviderConfig } from './ort-types.js'
import type { InferenceSession } from './session.js'
import type { Tensor } from './tensor.js'
import type { GlobalType } from './tensor-types.js'

/**
 * A file of external data: its path as the model says it with bytes, a Blob or a place to read from; or a place that is
 * also the path.
 */
export type ExternalFileSource =
  | string
  | URL
  | {
      /** The path by which the model names the file. */
      readonly path: string
      /** Its bytes, or where they are read from. */
      readonly data: ExternalFile['data'] | ArrayBufferLike | GlobalType<'Blob'> | string | URL
    }

/** Compiled kernels of both builds; see `supportsRelaxedSimd` for the one that an engine can run. */
export interface WasmModules {
  /** The build with fixed-width SIMD, which every engine with WebAssembly SIMD can run. */
  readonly simd?: WebAssembly.Module
  /** The build with fused multiply-add, for engines with relaxed SIMD. */
  readonly relaxed?: WebAssembly.Module
}

/**
 * How a session is made. Options of onnxruntime-web that mean nothing here are accepted, and ignored with a line in the
 * verbose log.
 */
export interface SessionOptions {
  /** Which build of the kernels: `auto` takes fused multiply-add where the engine has it. Default `auto`. */
  build?: Build | 'auto'
  /**
   * The same bits on every machine, at the price of fused multiply-add: model, options (`memoryLimit` among them) and
   * input decide, nothing else. The bits of one example may still depend on how many others are in its batch, since
   * other kernels are faster for other sizes; with `'batch'` they do not, and small batches are slower. Default false.
   */
  deterministic?: boolean | 'batch'
  /**
   * Results nearest to exact arithmetic (`exact`: no Winograd convolution) or fast ones that stay within single
   * precision (default).
   */
  accuracy?: 'fast' | 'exact'
  /**
   * The most bytes the session may take: weights, intermediate values, scratch, and what lies in JavaScript (strings,
   * sequences …). Default 4 GiB.
   */
  memoryLimit?: number
  /** What happens to feeds that are no input of the model: refused (default, as in onnxruntime), or left out. */
  extraFeeds?: 'refuse' | 'ignore'
  /**
   * Whether `create` plans and packs already what the first run would: for the sizes that the model tells (`true`), or
   * for these shapes of inputs by name, where it leaves sizes open. Default false.
   */
  warmUp?: boolean | Readonly<Record<string, readonly number[]>>
  /**
   * Where the numbers of random operators (RandomNormal, Multinomial …) come from that have no seed of their own:
   * sessions with the same seed draw the same numbers, run after run. Left out: another seed for every session, or 0 if
   * it is `deterministic`.
   */
  seed?: number
  /** Breaks off the making of a session when it fires; `create` then rejects with `E_STATE`. */
  signal?: AbortSignal
  /**
   * The most bytes a model's file may have, downloaded or read, and each file of its `externalData`. Default: 16 MiB
   * more than `memoryLimit`, which its weights must fit.
   */
  downloadLimit?: number
  /** The most milliseconds the download of a model may take. Default: no limit. */
  downloadTimeout?: number
  /**
   * Told how much of a model from the network, a Response, a Blob or a stream has come; of a file on disk nothing is
   * told.
   */
  onProgress?: (progress: Progress) => void
  /**
   * Keeps a model from the network for the next time, where there is a Cache API (pages with https, workers): in the
   * cache of this name (`true`: "lanewise"), large ones in the origin's private file system. It is fetched again when
   * its ETag, or else Last-Modified, is another; without the network what is kept will do. Default false.
   */
  cache?: boolean | string
  /**
   * Another session in whose WebAssembly memory this one works: for many small models that are trusted, since browsers
   * give a page some hundred memories and no more. The `memoryLimit` of the first holds for all of them together; a
   * kernel that fails ends them all. Memory is given back when the last one is released.
   */
  context?: InferenceSession
  /**
   * Compiled kernels, for places that cannot fetch or compile: one build, or both, of which the engine's better one is
   * taken.
   */
  wasmModule?: WebAssembly.Module | WasmModules
  /**
   * Threads to use: a number, or `'auto'` for as many as there are cores, up to eight, and one where memory cannot be
   * shared (a page that is not cross-origin isolated, for example). They never change a bit of a result, and start when
   * there is work that is worth sharing. Default: what `intraOpNumThreads` or `env.wasm.numThreads` say (0 is nothing,
   * as in onnxruntime), else `'auto'`; with several `workers`, 1.
   */
  threads?: number | 'auto'
  /**
   * Whether the session lives in a worker, so that runs do not block the thread that asks for them: the same API,
   * except for what is synchronous. Feeds are copied there (see `RunOptions.transferFeeds`), results come without a
   * copy. `env.wasm.proxy` says the same for all sessions. Default false.
   */
  worker?: boolean
  /**
   * So many workers, each with a session of its own that takes runs in turn: several runs at a time where memory cannot
   * be shared between threads. Weights count as many times. Default 1 with `worker`, else none.
   */
  workers?: number
  /** The least grave messages of this session that are printed; `env.logLevel` by default. */
  logLevel?: LogLevel
  /** Records the time of every node in every run; see `InferenceSession.lastProfile`. */
  profile?: boolean
  /** Switches graph passes off: all (`false`) or by name. */
  passes?: PassOptions
  /** The files that hold the model's external tensors: bytes, Blobs, or where they are read from. */
  externalData?: readonly ExternalFileSource[]
  /** Accept external data files that have other names on the same disk. */
  allowHardLinks?: boolean
  /**
   * Inputs that the session keeps from one run to the next, each with the output that it becomes: hidden states of a
   * stream, caches of keys and values, e.g. `{ past_key: 'present_key', past_value: 'present_value' }`. See
   * {@link InferenceSession.run}, and docs/states.md for how to export a cache that is written where it lies. `'auto'`
   * finds caches by names (`past_key_values.0.key` and `present.0.key`, `past_conv` and `present_conv`); a function is
   * given the names of inputs and outputs.
   */
  states?:
    | 'auto'
    | Readonly<Record<string, string>>
    | ((inputs: readonly string[], outputs: readonly string[]) => Readonly<Record<string, string>>)
  /** Sizes for symbolic dimensions, by name. */
  freeDimensionOverrides?: Readonly<Record<string, number>>
  /** `disabled` is `passes: false`. */
  graphOptimizationLevel?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all'
  /** onnxruntime's name of `profile`. */
  enableProfiling?: boolean
  /** onnxruntime's numbers for `logLevel`: 0 is verbose, 4 fatal. */
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4
  /** onnxruntime's name of `threads`; 0 leaves the number to the library. */
  intraOpNumThreads?: number
  /** Accepted and ignored: everything runs on the CPU. */
  executionProviders?: readonly ProviderConfig[]
  /** Accepted and ignored: nodes run one after the other. */
  interOpNumThreads?: number
  /** Accepted and ignored: intermediate values always share an arena. */
  enableCpuMemArena?: boolean
  /** Accepted and ignored: memory is always planned. */
  enableMemPattern?: boolean
  /** Accepted and ignored: nodes run one after the other. */
  executionMode?: 'sequential' | 'parallel'
  /** Accepted and ignored: no file is written. */
  optimizedModelFilePath?: string
  /** Accepted and ignored: a profile is `InferenceSession.lastProfile`, no file. */
  profileFilePrefix?: string
  /** Accepted as onnxruntime has it, without effect. */
  logId?: string
  /** Accepted and ignored. */
  logVerbosityLevel?: number
  /** Accepted and ignored: outputs are in the memory of the CPU. */
  preferredOutputLocation?: Tensor.DataLocation | { readonly [outputName: string]: Tensor.DataLocation }
  /** Accepted and ignored: every run is planned and repeated anyway. */
  enableGraphCapture?: boolean
  /** Accepted and ignored: settings of onnxruntime's own. */
  extra?: Record<string, unknown>
  /** Whether the model can run is left for the first run to find out: for tools. @internal */
  lenient?: boolean
}

/** How one run is made. */
export interface RunOptions {
  /** Stops the run when it fires; the run then rejects with `E_STATE`. */
  signal?: AbortSignal
  /** Records the time of every node; see `InferenceSession.lastProfile`. */
  profile?: boolean
  /**
   * Of a session in a worker: the buffers of feeds are handed over and not copied; the caller's arrays are empty from
   * then on. Default false.
   */
  transferFeeds?: boolean
  /** Accepted as onnxruntime has it (0 is verbose, 4 fatal), without effect: the session's level holds. */
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4
  /** Accepted as onnxruntime has it, without effect. */
  logVerbosityLevel?: number
  /** Accepted as onnxruntime has it, without effect: `signal` stops a run. */
  terminate?: boolean
  /** Accepted as onnxruntime has it, without effect. */
  tag?: string
  /** Accepted as onnxruntime has it, without effect. */
  extra?: Record<string, unknown>
}

/** Bytes of memory where the options do not say: all that WebAssembly can address. */
export const MEMORY_LIMIT = 2 ** 32

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

const severities = [0, 1, 2, 3, 4]
const levels: readonly LogLevel[] = ['verbose', 'info', 'warning', 'error', 'fatal']

/** What an option may be: one of these, or what the function says yes to, and how to say that. */
type Rule =
  | readonly unknown[]
  | readonly [test: (value: unknown) => boolean, what: string, entry?: (value: unknown) => boolean]

const isBoolean: Rule = [(value) => typeof value === 'boolean', 'true or false']
const isText: Rule = [(value) => typeof value === 'string', 'a string']
const isCount: Rule = [(value) => Number.isInteger(value) && (value as number) >= 0, 'a whole number, 0 or more']
const isList: Rule = [Array.isArray, 'an array']
const isSignal: Rule = [(value) => typeof (value as AbortSignal | null)?.aborted === 'boolean', 'an AbortSignal']
const isRecord: Rule = [(value) => typeof value === 'object' && !Array.isArray(value), 'an object']

function recordOf(test: (value: unknown) => boolean, what: string, or?: (value: unknown) => boolean): Rule {
  return [
    (value) =>
      or?.(value) || (typeof value === 'object' && !Array.isArray(value) && Object.values(value as object).every(test)),
    `an object of ${what}`,
    test,
  ]
}

const sessionRules: { readonly [K in keyof SessionOptions]: Rule } = {
  build: ['auto', 'simd', 'relaxed'],
  deterministic: [false, true, 'batch'],
  accuracy: ['fast', 'exact'],
  memoryLimit: [(value) => typeof value === 'number' && value > 0, 'a positive number of bytes'],
  extraFeeds: ['refuse', 'ignore'],
  warmUp: [(value) => /boolean|object/.test(typeof value), 'true, false or an object of shapes'],
  seed: [Number.isFinite, 'a number'],
  signal: isSignal,
  downloadLimit: [(value) => typeof value === 'number' && value > 0, 'a positive number of bytes'],
  downloadTimeout: [(value) => typeof value === 'number' && value > 0, 'a positive number of milliseconds'],
  onProgress: [(value) => typeof value === 'function', 'a function'],
  cache: [(value) => /boolean|string/.test(typeof value), 'true, false or a name'],
  context: [(value) => typeof (value as InferenceSession).runSync === 'function', 'a session'],
  wasmModule: [(value) => typeof value === 'object', 'a compiled WebAssembly.Module, or { simd, relaxed }'],
  threads: [(value) => value === 'auto' || (Number.isInteger(value) && (value as number) > 0), "'auto' or 1 or more"],
  worker: isBoolean,
  workers: [(value) => Number.isInteger(value) && (value as number) > 0, '1 or more'],
  logLevel: levels,
  profile: isBoolean,
  passes: [(value) => /boolean|object/.test(typeof value), 'true, false or an object of passes'],
  externalData: isList,
  allowHardLinks: isBoolean,
  lenient: isBoolean,
  states: recordOf(
    (value) => typeof value === 'string',
    "output names by input names, or 'auto'",
    (value) => value === 'auto' || typeof value === 'function',
  ),
  freeDimensionOverrides: recordOf((value) => Number.isInteger(value) && (value as number) >= 0, 'sizes by names'),
  graphOptimizationLevel: ['disabled', 'basic', 'extended', 'layout', 'all'],
  enableProfiling: isBoolean,
  logSeverityLevel: severities,
  intraOpNumThreads: isCount,
  executionProviders: [
    (value) =>
      Array.isArray(value) &&
      value.every((one: unknown) => typeof ((one as { name?: unknown } | null)?.name ?? one) === 'string'),
    'an array of names, or of objects with one',
  ],
  interOpNumThreads: isCount,
  enableCpuMemArena: isBoolean,
  enableMemPattern: isBoolean,
  executionMode: ['sequential', 'parallel'],
  optimizedModelFilePath: isText,
  profileFilePrefix: isText,
  logId: isText,
  logVerbosityLevel: isCount,
  preferredOutputLocation: [(value) => /string|object/.test(typeof value), 'a location, or an object of locations'],
  enableGraphCapture: isBoolean,
  extra: isRecord,
}

const runRules: { readonly [K in keyof RunOptions]: Rule } = {
  signal: isSignal,
  profile: isBoolean,
  transferFeeds: isBoolean,
  logSeverityLevel: severities,
  logVerbosityLevel: isCount,
  terminate: isBoolean,
  tag: isText,
  extra: isRecord,
}

/**
 * The options of a session, without those that are null or undefined. @throws LanewiseError `E_VALUE` saying what is
 * allowed.
 */
export function checkSessionOptions(options: SessionOptions | undefined): SessionOptions {
  return check(options, sessionRules)
}

/** The options of a run, likewise. @throws LanewiseError `E_VALUE`. */
export function checkRunOptions(options: RunOptions | undefined): RunOptions {
  return check(options, runRules)
}

function check<T extends object>(options: T | undefined, rules: { readonly [K in keyof T]?: Rule }): T {
  const given: Partial<T> = {}
  if (options === undefined) return given as T
  if (options === null || typeof options !== 'object') throw new LanewiseError('E_VALUE', 'options must be an object')
  for (const name of Object.keys(options) as (keyof T & string)[]) {
    const value = options[name]
    // Code that hands options through often has null for what it does not know.
    if (value === undefined || value === null) continue
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule) {
      const [test, what, entry] = rule
      const free = typeof test === 'function'
      if (!(free ? (test as (value: unknown) => boolean)(value) : (rule as readonly unknown[]).includes(value))) {
        const expected = free ? String(what) : `one of ${rule.map((one) => JSON.stringify(one)).join(', ')}`
        const odd =
          typeof entry === 'function' &&
          Object.entries(value).find(([, one]) => !(entry as (value: unknown) => boolean)(one))
        const actual =
          typeof value === 'object'
            ? kindOf(value) + (odd ? ` with ${odd[0]}: ${shown(odd[1])}` : '')
            : typeof value === 'bigint'
              ? `${value}n`
              : shown(value)
        throw new LanewiseError('E_VALUE', `the option ${name} must be ${expected}, got ${actual}`, {
          expected,
          actual,
        })
      }
    }
    given[name] = value
  }
  return given as T
}

/**
 * How many threads options ask for, or else `env.wasm`; 0 is no number there, as in onnxruntime.
 *
 * @param usual - where neither says anything.
 */
export function threadsOf(
  { threads, intraOpNumThreads }: SessionOptions,
  usual: number | 'auto' = 'auto',
): number | 'auto' {
  return threads ?? (intraOpNumThreads || env.wasm.numThreads || usual)
}

/** The log level an option set asks for, if any. */
export function logLevelOf(options: SessionOptions): LogLevel | undefined {
  return options.logLevel ?? (options.logSeverityLevel === undefined ? undefined : levels[options.logSeverityLevel])
}
