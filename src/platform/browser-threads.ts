// Threads in a page, and sessions in workers. In the worker of a session browser-thread.ts stands for this.
import type { ThreadHost } from './platform.js'

export { cores, maySleep, startThread } from './browser-thread.js'

export const startSession: ThreadHost['startSession'] =
  typeof Worker === 'undefined'
    ? undefined
    : (heard, ended) => {
        const worker = new Worker(new URL('../../dist/session-worker.js', import.meta.url), {
          type: 'module',
          name: 'lanewise session',
        })
        worker.onmessage = ({ data }) => heard(data)
        worker.onmessageerror = () => ended('a message could not be read')
        worker.onerror = ({ message }) => ended(message)
        return {
          post: (message, transfer) => worker.postMessage(message, [...transfer]),
          busy: () => undefined,
          end: () => worker.terminate(),
        }
      }
