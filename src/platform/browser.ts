import { LanewiseError } from '../core/errors.js'
import { download } from './download.js'
import type { Platform } from './platform.js'
import { wasmFile } from './wasm-files.js'

/** Browsers and edge runtimes: everything is fetched. */
export const browserPlatform: Platform = {
  async wasm(build) {
    return browserPlatform.readKernels(wasmFile(build))
  },

  async readKernels(file, integrity) {
    const fail = (place: unknown, reason: string, cause?: unknown): never => {
      const code = cause && /^https?:/.test(String(place)) ? 'E_EXTERNAL' : 'E_STATE'
      throw new LanewiseError(code, `the kernels at ${String(place)} cannot be fetched: ${reason}`, { cause })
    }
    // Vite 7's development server puts the JavaScript of packages into a folder of its own, and leaves their other
    // files where they are.
    const place = String(file).replace('.vite/deps/', 'lanewise/dist/')
    const response = await fetch(place, integrity ? { integrity } : undefined).catch((cause: Error) =>
      fail(place, cause.message, cause),
    )
    const type = response.headers.get('content-type') ?? ''
    if (!response.ok) fail(response.url, `HTTP ${response.status}`)
    if (/^text.html/.test(type)) fail(response.url, 'a web page came back')
    // Streaming compilation insists on the right content type; a server that does not know .wasm must not break us.
    return type === 'application/wasm' ? response : response.arrayBuffer()
  },

  readModel: download,

  threads: () => import('./browser-threads.js'),

  oneThread() {
    if (typeof SharedArrayBuffer === 'undefined' || globalThis.crossOriginIsolated === false)
      return 'the page is not cross-origin isolated (headers COOP and COEP)'
    if (typeof Worker === 'undefined') return 'there are no workers here'
    return navigator.hardwareConcurrency > 1 ? undefined : 'there is one core'
  },
}
