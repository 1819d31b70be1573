// The program of the threads of "lanewise/serve".
import { workerData } from 'node:worker_threads'
import './node.js'
import type { ModelThread } from './serve/messages.js'
import { runModelThread } from './serve/model-thread.js'
import { runScoreThread, type ScoreThread } from './serve/score/score-thread.js'

const data = workerData as ModelThread | ScoreThread
if (data.kind === 'model') await runModelThread(data)
else runScoreThread(data)
