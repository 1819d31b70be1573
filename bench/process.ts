// What every program of the bench does with its process.
import { createRequire } from 'node:module'
import type { Options } from './options.js'

/**
 * A package that the types of this repository know nothing of: not a literal in import(), for that it would have to be
 * installed for the type check.
 */
export async function load<T>(name: string): Promise<T> {
  const module = (await import(name)) as T & { default?: T }
  return { ...module.default, ...module }
}

export function versionOf(packageName: string): string {
  const require = createRequire(import.meta.url)
  const path = require.resolve(packageName).replace(/(node_modules\/(@[^/]+\/)?[^/]+)\/.*/, '$1/package.json')
  return (require(path) as { version: string }).version
}

/** The options a program was started with, with the process made ready for them, and the file for its results. */
export function begin(): { readonly options: Options; readonly resultFile: string } {
  const [, , text, resultFile] = process.argv
  const options = JSON.parse(text) as Options
  // onnxruntime-web defines a Worker in Node, on whose account jax-js would take to threads, and to a shared memory in
  // mid-run.
  if (options.threads === 1) Object.defineProperty(globalThis, 'Worker', { get: () => undefined, set: () => {} })
  if (options.clock === 'cpu') {
    // For everybody in the process, so that the times a session's profile gives are of the same kind.
    const now = (): number => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    }
    Object.defineProperty(performance, 'now', { value: now })
  }
  return { options, resultFile }
}
