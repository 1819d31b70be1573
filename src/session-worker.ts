// The program of the worker of a session in a page.
import { sessionWorker } from './api/worker/session-worker.js'
import './browser.js'

const scope = globalThis as unknown as {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  onmessage: ((event: { readonly data: Parameters<ReturnType<typeof sessionWorker>>[0] }) => void) | null
}
const hear = sessionWorker((message, transfer) => scope.postMessage(message, transfer))
scope.onmessage = ({ data }) => hear(data)
