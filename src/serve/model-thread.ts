import { parentPort } from 'node:worker_threads'
import { LanewiseError, present } from '../core/errors.js'
import type { TypedArray } from '../core/dtype.js'
import { handedOver, joined, rowsOf, separated, takesBatches, type Tensors } from '../api/worker/batches.js'
import {
  isSentError,
  sentError,
  type Batch,
  type BatchResult,
  type FromThread,
  type ModelThread,
  type SentError,
  type ToModelThread,
} from './messages.js'
import { PlainSession, type RequestRunner, type SharedOptions } from './session.js'

/**
 * The thread of one session: runs the batches that it is sent, one after the other.
 *
 * @param open - makes the session; the bench puts other engines there.
 */
export async function runModelThread(
  { model, options, batches: known, answerLimit = Infinity }: ModelThread,
  open: (model: string, options: SharedOptions) => Promise<RequestRunner> = PlainSession.open,
): Promise<void> {
  const port = present(parentPort ?? undefined, 'port: this runs in a thread')
  const post = (message: FromThread<BatchResult>, transfer: readonly ArrayBuffer[] = []) =>
    port.postMessage(message, [...transfer])
  try {
    const session = await open(model, options)
    const batches = known ?? (await takesBatches(session))
    port.on('message', ({ id, batch }: ToModelThread) => {
      void runBatch(session, batch, answerLimit).then((result) =>
        post(
          { id, result, bytes: session.bytes },
          result.results.flatMap((each) => (isSentError(each) ? [] : handedOver(each))),
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
async function runBatch(session: RequestRunner, batch: Batch, limit: number): Promise<BatchResult> {
  const begun = performance.now()
  const results = await resultsOf(session, batch, limit)
  return { results, ms: performance.now() - begun }
}

async function resultsOf(
  session: RequestRunner,
  { requests, outputs, joined: together }: Batch,
  limit: number,
): Promise<BatchResult['results']> {
  const alone = async (request: Tensors): Promise<Tensors | SentError> => {
    try {
      return owned(await session.run(request, outputs), limit)
    } catch (error) {
      return sentError(error)
    }
  }
  if (together && requests.length > 1) {
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

/**
 * Two outputs may be views of one memory, and what is a constant of the model must not be sent away. @throws
 * LanewiseError `E_BUDGET` before anything is copied.
 */
function owned(tensors: Tensors, limit: number): Tensors {
  const bytes = Object.values(tensors).reduce(
    (sum, { data }) => sum + (ArrayBuffer.isView(data) ? data.byteLength : data.length),
    0,
  )
  if (bytes > limit)
    throw new LanewiseError('E_BUDGET', `the answer has ${bytes} bytes, at most ${limit} are possible`, {
      expected: `<= ${limit}`,
      actual: String(bytes),
    })
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() as TypedArray }]),
  )
}
