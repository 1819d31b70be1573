import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { LanewiseError } from '../core/errors.js'
import { download } from './download.js'
import { nodeExternalData } from './node-external.js'
import { filePath, readBytes, readNow } from './node-files.js'
import type { Platform } from './platform.js'
import { wasmFile } from './wasm-files.js'

/** Node, Bun and Deno: files are files. */
export const nodePlatform: Platform = {
  async wasm(build) {
    return nodePlatform.readKernels(wasmFile(build))
  },

  wasmNow: (build) => readFileSync(wasmFile(build)),

  async readKernels(file) {
    const path = filePath(file)
    if (path === undefined) return (await download(file)) as BufferSource
    // Small, and needed before anything else can happen: a trip through the thread pool would only take longer.
    return readFileSync(path)
  },

  readModel(location, options) {
    const path = filePath(location)
    return path === undefined
      ? download(location, options)
      : readBytes(path, options?.limit, 'E_PARSE', options?.what ?? 'the model')
  },

  openPrepared(location) {
    const path = filePath(location)
    if (!path?.endsWith('.lw')) return undefined
    try {
      const size = readNow(path, (_, bytes) => bytes)
      return { size, read: (from, into) => readNow(path, (read) => read(into, from)) }
    } catch {
      // Who reads it whole says what is wrong with it.
      return undefined
    }
  },

  threads: () => import('./node-threads.js'),

  externalData(location, options) {
    const path = filePath(location)
    if (path === undefined)
      throw new LanewiseError(
        'E_EXTERNAL',
        'a model from the network cannot bring external files along: pass externalData',
      )
    return nodeExternalData(dirname(path), options)
  },
}
