// Threads in browsers: workers from a file, since blobs are refused by many pages' security policies.
import type { ThreadHost } from './platform.js'

export const startThread: ThreadHost['startThread'] =
  typeof Worker === 'undefined'
    ? undefined
    : (ended) => {
        const worker = new Worker(new URL('./thread.js', import.meta.url), { type: 'module', name: 'lanewise' })
        worker.onerror = () => ended()
        return { post: (message) => worker.postMessage(message), end: () => worker.terminate() }
      }

export function maySleep(): boolean {
  return !('document' in globalThis) && 'importScripts' in globalThis
}

export function cores(): number {
  return (typeof navigator === 'undefined' ? undefined : navigator.hardwareConcurrency) ?? 1
}
