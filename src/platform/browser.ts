import { LanewiseError } from '../core/errors.js'
import { download } from './download.js'
import type { Platform } from './platform.js'
import { wasmFile } from './wasm-files.js'

/** Browsers and edge runtimes: everything is fetched. */
export const browserPlatform: Platform = {
  async wasm(build) {
    return browserPlatform.readKernels(wasmFile(build))
  },

  async readKernels(file) {
    const response = await fetch(file)
    if (!response.ok)
      throw new LanewiseError('E_STATE', `the kernels at ${response.url} cannot be fetched: HTTP ${response.status}`)
    // Streaming compilation insists on the right content type; a server that does not know .wasm must not break us.
    return response.headers.get('content-type') === 'application/wasm' ? response : response.arrayBuffer()
  },

  readModel: download,
}
