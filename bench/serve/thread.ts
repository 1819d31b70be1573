// The threads of a server of the bench: as src/serve-thread.ts, with the engine that the environment names.
import { workerData } from 'node:worker_threads'
import '../../src/node.js'
import type { ModelThread } from '../../src/serve/messages.js'
import { runModelThread } from '../../src/serve/model-thread.js'
import { OrtRunner } from './ort-runner.js'

const data = workerData as ModelThread
const engine = process.env.LANEWISE_BENCH_ENGINE
if (engine === 'onnxruntime-web' || engine === 'onnxruntime-node')
  await runModelThread(data, (model) => OrtRunner.open(engine, model))
else await runModelThread(data)
