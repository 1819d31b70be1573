import { once } from 'node:events'
import { createServer, STATUS_CODES, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { LanewiseError } from '../core/errors.js'
import { reasonOf } from '../platform/node-files.js'
import { loadOptional } from '../platform/optional.js'
import { createApp, type Site } from './app.js'
import { createMetrics } from './metrics.js'
import { Models } from './models.js'
import { checkServeOptions, MAX_MS, SERVER_PACKAGES, type ServeOptions } from './options.js'
import { Turns } from './turns.js'

/**
 * Milliseconds that a connection is kept for the next request: longer than proxies keep theirs (60 s), so that it is
 * never ended while one is on its way. Node's own 5 s also end connections whose next request has come already, when
 * the process has not been given time for so long.
 */
const KEEP_ALIVE = 75_000
/** Milliseconds between two looks for connections that take too long, at most. */
const CONNECTION_LOOK = 5000
/** Connections that are open at a time. */
const MAX_CONNECTIONS = 4096

/** Milliseconds in which clients have to read the last answers. */
const LAST_ANSWERS = 5000
/** Milliseconds between two looks for connections that are done, at the end. */
const IDLE_LOOK = 50

/** A server that runs. */
export interface ModelServer {
  /** Where it is reached, e.g. `http://127.0.0.1:8080`. */
  readonly url: string
  /** The port that it listens at. */
  readonly port: number
  /** The models by their names. */
  readonly models: readonly ServedModelInfo[]
  /** Finishes what it took, answers what still comes by 503, and ends. */
  close(): Promise<void>
}

/** A model of a server. */
export interface ServedModelInfo {
  /** The name under which requests ask for it. */
  readonly name: string
  /** The model's file. */
  readonly file: string
  /** Whether requests are run together, as one batch. */
  readonly batches: boolean
}

/**
 * Serves models over HTTP by the Open Inference Protocol, version 2 (docs/guides/serving.md). It listens at once and is
 * ready when all of them are loaded; then this resolves. Needs the packages hono, @hono/node-server and prom-client.
 *
 * @example
 * import { serve } from 'lanewise/serve'
 *
 * const server = await serve({ models: ['model.onnx'], port: 0, threads: 1 })
 * const answer = await fetch(`${server.url}/v2/models/model`)
 * console.log((await answer.json()).platform) // onnx_onnxv1
 * await server.close()
 *
 * @throws LanewiseError `E_UNSUPPORTED` if a package is missing, `E_VALUE` for an option or two models of one name,
 *   `E_EXTERNAL` if a file or folder is not there or the port is taken; what loading a model throws.
 */
export async function serve(options: ServeOptions): Promise<ModelServer> {
  const checked = checkServeOptions(options)
  const { getRequestListener } = await loadOptional<typeof import('@hono/node-server')>(
    '@hono/node-server',
    'a server',
    SERVER_PACKAGES,
  )
  const metrics = await createMetrics(
    () => models,
    () => site.held,
  )
  const { threads, timeout, poll, maxBatch, maxDelay, maxQueue, build, deterministic, memoryLimit } = checked
  const models = new Models(
    checked.models,
    checked.folder,
    {
      threads,
      answerLimit: checked.heldLimit,
      timeout,
      poll,
      maxBatch,
      maxDelay,
      maxQueue,
      session: { build, memoryLimit, deterministic: deterministic && 'batch' },
    },
    metrics,
  )
  const site: Site = { options: checked, models, metrics, turns: new Turns(), held: 0, closing: false }
  const app = await createApp(site)
  const listener = getRequestListener(app.fetch, {
    // The types of the globals stay those of Node.
    overrideGlobalObjects: false,
    // What is refused before there is a request for the app: a host or a target that is none.
    errorHandler: (error) => {
      const refused = error instanceof Error && error.name === 'RequestError'
      return Response.json({ error: refused ? error.message : 'internal error' }, { status: refused ? 400 : 500 })
    },
  })
  const server = createServer(
    {
      // Node's own refusal of a request without a host says nothing.
      requireHostHeader: false,
      requestTimeout: checked.requestTimeout,
      headersTimeout: checked.requestTimeout,
      keepAliveTimeout: KEEP_ALIVE,
      connectionsCheckingInterval: Math.min(CONNECTION_LOOK, checked.requestTimeout),
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  )
  answerBrokenRequests(server)
  // Ends connections on which nothing goes: of clients that do not read their answers, too.
  server.setTimeout(Math.min(timeout + checked.requestTimeout, MAX_MS))
  server.maxConnections = MAX_CONNECTIONS
  // Before the models are there: whoever looks after it sees that it lives, and is not ready.
  await listening(server, checked.port, checked.host)
  const running = runningServer(server, site)
  try {
    await models.open()
  } catch (error) {
    await running.close()
    throw error
  }
  return running
}

const brokenStatus = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
])

/** What is no HTTP, or ends too late, is answered as all other errors are. */
function answerBrokenRequests(server: Server): void {
  const answers = new WeakMap<Duplex, ServerResponse>()
  server.on('request', (incoming, outgoing) => answers.set(incoming.socket, outgoing))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const answer = answers.get(socket)
    // In the middle of an answer there is no place for another.
    const midway = answer?.headersSent === true && !answer.writableFinished
    if (!socket.writable || midway || error.code === 'ECONNRESET') return void socket.destroy()
    const status = brokenStatus.get(error.code ?? '') ?? 400
    const body = JSON.stringify({ error: `the request cannot be read: ${error.message}` })
    const lines = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ]
    socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
  })
}

async function listening(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new LanewiseError('E_EXTERNAL', `cannot listen at ${host}:${port}: ${reasonOf(cause)}`, { cause })
  }
}

function runningServer(server: Server, site: Site): ModelServer {
  const { address, port, family } = server.address() as AddressInfo
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    site.closing = true
    const ended = once(server, 'close')
    server.close()
    // Connections whose last answer is out would else be kept for the next request.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK)
    await site.models.close()
    // Node takes those for busy on which nothing was ever asked.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    // All answers are given: who does not read them by then is not waited for.
    const timer = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS)
    await ended
    clearTimeout(timer)
    clearInterval(idle)
  }
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    port,
    get models() {
      return [...site.models].map(({ name, file, batches }) => ({ name, file, batches }))
    },
    close: () => (closed ??= close()),
  }
}
