/** How much the library says on the console. */
export type LogLevel = 'verbose' | 'info' | 'warning' | 'error' | 'fatal'

/**
 * Settings of the whole process, in onnxruntime-web's shape so that code written for it runs unchanged. Of `wasm`,
 * `wasmPaths` and `wasmBinary` say where the kernels are; what belongs to other backends is accepted and ignored.
 */

export interface Env {
  /** The least grave messages that are printed; `warning` by default. */
  logLevel?: LogLevel
  /** Prints everything, whatever `logLevel` says. Default false. */
  debug?: boolean
  /** Accepted and ignored. */
  trace?: boolean
  /** `common` is the version of onnxruntime whose API this is. */
  readonly versions: {
    readonly lanewise: string
    readonly common: string
    readonly web?: string
    readonly node?: string
    readonly 'react-native'?: string
  }
  /** Where the kernels are and how many threads there may be. */
  readonly wasm: Env.WebAssemblyFlags
  /** Accepted and ignored: there is no such backend. */
  readonly webgl: Env.WebGLFlags
  /** Accepted and ignored: there is no such backend. */
  readonly webgpu: Env.WebGpuFlags
  [name: string]: unknown
}

// oxlint-disable-next-line typescript/no-namespace -- the form of onnxruntime-common's types
export declare namespace Env {
  type WasmPathPrefix = string
  interface WasmFilePaths {
    /** A file of kernels, of whichever build. */
    wasm?: string | { readonly href: string }
    mjs?: string | { readonly href: string }
  }
  type WasmPrefixOrFilePaths = WasmPathPrefix | WasmFilePaths
  interface WebAssemblyFlags {
    numThreads?: number
    simd?: boolean | 'fixed' | 'relaxed'
    trace?: boolean
    initTimeout?: number
    /**
     * Where the kernels are: what stands before `inference-simd.wasm` and `inference-relaxed.wasm`, or the address of
     * one of them. If no kernels of this version are found there (a folder of onnxruntime's, say), those of the package
     * are used.
     */
    wasmPaths?: WasmPrefixOrFilePaths
    /** The bytes of a build of the kernels; others are ignored. */
    wasmBinary?: ArrayBufferLike | Uint8Array
    /**
     * What the files of kernels must be, as subresource integrity has it (`sha384-…`), by build. Checked where they are
     * fetched.
     */
    integrity?: { readonly simd?: string; readonly relaxed?: string }
    proxy?: boolean
  }
  interface WebGLFlags {
    contextId?: 'webgl' | 'webgl2'
    matmulMaxBatchSize?: number
    textureCacheMode?: 'initializerOnly' | 'full'
    pack?: boolean
    async?: boolean
    [name: string]: unknown
  }
  interface WebGpuFlags {
    profilingMode?: 'off' | 'default'
    profiling: { mode?: 'off' | 'default'; ondata?: (data: object) => void }
    powerPreference?: 'low-power' | 'high-performance'
    forceFallbackAdapter?: boolean
    validateInputContent?: boolean
    [name: string]: unknown
  }
}

export const VERSION = '0.1.0'

/** Settings of the library as a whole, under the names of onnxruntime-web. */
export const env: Env = {
  logLevel: 'warning',
  debug: false,
  versions: { lanewise: VERSION, common: '1.30.0' },
  wasm: {},
  webgl: {},
  webgpu: { profiling: {} },
}

const levels: readonly LogLevel[] = ['verbose', 'info', 'warning', 'error', 'fatal']

/** Says something on the console if the level asks for it. */
export function log(
  level: LogLevel,
  message: string,
  threshold: LogLevel = env.debug ? 'verbose' : (env.logLevel ?? 'warning'),
): void {
  if (levels.indexOf(level) < levels.indexOf(threshold)) return
  if (level === 'verbose' || level === 'info') console.log(`lanewise: ${message}`)
  else if (level === 'warning') console.warn(`lanewise: ${message}`)
  else console.error(`lanewise: ${message}`)
}
