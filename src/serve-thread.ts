// The program of the threads of "lanewise/serve".
import { workerData } from 'node:worker_threads'
import './node.js'
import type { ModelThread } from './serve/messages.js'
import { runModelThread } from './serve/model-thread.js'

await runModelThread(workerData as ModelThread)
