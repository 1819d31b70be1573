/** How much the library says on the console. */
export type LogLevel = 'verbose' | 'info' | 'warning' | 'error' | 'fatal'

/**
 * Settings of the whole process, in onnxruntime-web's shape so that code written for it runs unchanged. `wasm` and the other backends' fields are
 * accepted and ignored: there is nothing to find and nothing to start.
 */
export interface Env {
  logLevel: LogLevel
  debug: boolean
  readonly versions: { readonly lanewise: string }
  readonly wasm: Record<string, unknown>
  readonly webgl: Record<string, unknown>
  readonly webgpu: Record<string, unknown>
}

export const VERSION = '0.1.0'

/** Settings of the library as a whole, under the names of onnxruntime-web. */
export const env: Env = {
  logLevel: 'warning',
  debug: false,
  versions: { lanewise: VERSION },
  wasm: {},
  webgl: {},
  webgpu: {},
}

const levels: readonly LogLevel[] = ['verbose', 'info', 'warning', 'error', 'fatal']

/** Says something on the console if the level asks for it. */
export function log(
  level: LogLevel,
  message: string,
  threshold: LogLevel = env.debug ? 'verbose' : env.logLevel,
): void {
  if (levels.indexOf(level) < levels.indexOf(threshold)) return
  if (level === 'verbose' || level === 'info') console.log(`lanewise: ${message}`)
  else if (level === 'warning') console.warn(`lanewise: ${message}`)
  else console.error(`lanewise: ${message}`)
}
