import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bytesOf, datatypeOf } from '../../src/serve/datatypes.js'
import { randomTensor, seeded } from '../../tests/support/random.js'
import { sharedRoot } from '../../tests/support/shared-root.js'
import { denseModel } from '../dense.js'
import type { LoadRequest } from './load.js'
import type { ServedEngine } from './process.js'

/** A server to measure: an engine, and how requests are run. */
export interface Contender {
  readonly label: string
  readonly engine: ServedEngine
  readonly maxBatch: number
}

/** A model, what is asked of it and by how many connections. */
export interface ServeWork {
  readonly name: string
  /** Called as its file. */
  readonly model: { readonly file: string; readonly bytes: Uint8Array }
  readonly input: { readonly name: string; readonly shape: readonly number[] }
  readonly connections: readonly number[]
  readonly contenders: readonly Contender[]
}

const contender = (engine: ServedEngine, maxBatch = 32, label: string = engine): Contender => ({
  label,
  engine,
  maxBatch,
})
const engines = [contender('lanewise'), contender('onnxruntime-node'), contender('onnxruntime-web')]

function* allWorks(): Generator<ServeWork> {
  const connections = [1, 8, 64]
  for (const [name, path, input] of [
    ['mnist', 'mnist-8/model.onnx', { name: 'Input3', shape: [1, 1, 28, 28] }],
    ['SqueezeNet', 'squeezenet-1.0/squeezenet1.0_dc.onnx', { name: 'data', shape: [1, 3, 227, 227] }],
  ] as const) {
    const file = `${sharedRoot}/models/${path}`
    if (existsSync(file))
      yield {
        name,
        model: { file: `${name.toLowerCase()}.onnx`, bytes: readFileSync(file) },
        input,
        connections,
        contenders: engines,
      }
    else console.log(`${name} is left out: there is no ${file}`)
  }
  const together = (name: string, file: string, bytes: Uint8Array, input: ServeWork['input']): ServeWork => ({
    name,
    model: { file, bytes },
    input,
    connections: [64],
    contenders: [
      contender('lanewise', 32, 'lanewise, in batches'),
      contender('lanewise', 1, 'lanewise, each alone'),
      contender('onnxruntime-node', 32, 'onnxruntime-node, in batches'),
      contender('onnxruntime-web', 32, 'onnxruntime-web, in batches'),
    ],
  })
  // Weights that do not fit into a cache: one row after the other reads them all for each.
  const dense = denseModel(21, [1024, 2048, 2048, 256])
  yield together('dense 1024·2048·2048·256', 'dense.onnx', dense, { name: 'x', shape: [1, 1024] })
  const cnn = fileURLToPath(new URL('../../models/mnist/cnn.onnx', import.meta.url))
  yield together('digits CNN', 'cnn.onnx', readFileSync(cnn), { name: 'image', shape: [1, 1, 28, 28] })
}

export function* serveWorks(filter: string): Generator<ServeWork> {
  const wanted = new RegExp(filter, 'i')
  for (const work of allWorks()) if (wanted.test(work.name)) yield work
}

/** A request with a binary tensor, answered by one. */
export function requestOf({ model, input }: ServeWork, seed: number): LoadRequest {
  const tensor = randomTensor(seeded(seed), 'float32', [...input.shape], 0, 1)
  const bytes = bytesOf(tensor)
  const json = JSON.stringify({
    inputs: [
      {
        name: input.name,
        datatype: datatypeOf('float32'),
        shape: input.shape,
        parameters: { binary_data_size: bytes.length },
      },
    ],
    parameters: { binary_data_output: true },
  })
  return {
    path: `/v2/models/${model.file.replace('.onnx', '')}/infer`,
    headers: { 'Inference-Header-Content-Length': String(Buffer.byteLength(json)) },
    body: Buffer.concat([Buffer.from(json), bytes]),
  }
}
