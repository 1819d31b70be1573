import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LanewiseError } from '../core/errors.js'
import { download } from './download.js'
import { nodeExternalData } from './node-external.js'
import type { Platform } from './platform.js'
import { wasmFile } from './wasm-files.js'

/** Node, Bun and Deno: files are files. */
export const nodePlatform: Platform = {
  async wasm(build) {
    return nodePlatform.readKernels(wasmFile(build))
  },

  async readKernels(file) {
    // Small, and needed before anything else can happen: a trip through the thread pool would only take longer.
    return readFileSync(file)
  },

  async readModel(location) {
    const path = pathOf(location)
    if (path === undefined) return download(location)
    try {
      return await readFile(path)
    } catch (cause) {
      throw new LanewiseError(
        'E_PARSE',
        `the model ${JSON.stringify(path)} cannot be read: ${(cause as Error).message}`,
        { cause },
      )
    }
  },

  externalData(location, options) {
    const path = pathOf(location)
    if (path === undefined)
      throw new LanewiseError(
        'E_EXTERNAL',
        'a model from the network cannot bring external files along: pass externalData',
      )
    return nodeExternalData(dirname(path), options)
  },
}

/** The file a location names; undefined if it is on the network. */
function pathOf(location: string | URL): string | undefined {
  const text = String(location)
  if (text.startsWith('file:')) return fileURLToPath(text)
  return /^https?:/.test(text) ? undefined : text
}
