import { parentPort } from 'node:worker_threads'
import { LanewiseError, present } from '../core/errors.js'
import type { TypedArray } from '../core/dtype.js'
import { handedOver, joined, rowsOf, separated, type Tensors } from './batch.js'
import {
  isSentError,
  sentError,
  type Batch,
  type BatchResult,
  type FromThread,
  type ModelThread,
  type ToModelThread,
} from './messages.js'
import { PlainSession } from './session.js'

/** The thread of one session: runs the batches that it is sent, one after the other. */
export async function runModelThread({ model, options, batches: known }: ModelThread): Promise<void> {
  const port = present(parentPort ?? undefined, 'port: this runs in a thread')
  const post = (message: FromThread<BatchResult>, transfer: readonly ArrayBuffer[] = []) =>
    port.postMessage(message, [...transfer])
  try {
    const session = await PlainSession.open(model, options)
    const batches = known ?? (await session.takesBatches())
    port.on('message', ({ id, batch }: ToModelThread) => {
      void runBatch(session, batch).then((result) =>
        post(
          { id, result, bytes: session.bytes },
          result.flatMap((each) => (isSentError(each) ? [] : handedOver(each))),
        ),
      )
    })
    post({ ready: { description: session.description, batches } })
  } catch (error) {
    post({ failed: sentError(error) })
    port.close()
  }
}

/** What one request brings must not fail another: if they fail together, each is run alone. */
async function runBatch(session: PlainSession, { requests, outputs }: Batch): Promise<BatchResult> {
  const alone = async (request: Tensors): Promise<BatchResult[number]> => {
    try {
      return owned(await session.run(request, outputs))
    } catch (error) {
      return sentError(error)
    }
  }
  if (requests.length > 1) {
    try {
      return separated(
        await session.run(joined(requests), outputs),
        requests.map((request) => present(rowsOf(request), 'rows')),
      )
    } catch (error) {
      if (!(error instanceof LanewiseError)) return requests.map(() => sentError(error))
    }
  }
  const results = []
  for (const request of requests) results.push(await alone(request))
  return results
}

/** Two outputs may be views of one memory, and what is a constant of the model must not be sent away. */
function owned(tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() as TypedArray }]),
  )
}
