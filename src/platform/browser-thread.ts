// Threads in browsers: workers from a file, since blobs are refused by many pages' security policies. This much a
// session in a worker has, too.
import type { ThreadHost } from './platform.js'

export const startThread: ThreadHost['startThread'] =
  typeof Worker === 'undefined'
    ? undefined
    : (ended) => {
        const worker = new Worker(new URL('./thread.js', import.meta.url), { type: 'module', name: 'lanewise' })
        worker.onerror = () => ended()
        return { post: (message) => worker.postMessage(message), end: () => worker.terminate() }
      }

/** A session in a worker starts no others: a bundler would go round in circles. */
export const startSession: ThreadHost['startSession'] = undefined

export function maySleep(): boolean {
  return !('document' in globalThis) && 'importScripts' in globalThis
}

export function cores(): number {
  return (typeof navigator === 'undefined' ? undefined : navigator.hardwareConcurrency) ?? 1
}
