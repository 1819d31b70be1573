// The program of the worker of a session in Node.
import { parentPort } from 'node:worker_threads'
import { sessionWorker } from './api/worker/session-worker.js'
import { present } from './core/errors.js'
import './node.js'

const port = present(parentPort ?? undefined, 'thread that has started this one')
port.on(
  'message',
  sessionWorker((message, transfer) => port.postMessage(message, transfer)),
)
