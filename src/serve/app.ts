import { constants as zlib, gunzip, inflate } from 'node:zlib'
import { promisify } from 'node:util'
import type { HttpBindings } from '@hono/node-server'
import type { Context, Hono } from 'hono'
import { log, VERSION } from '../core/env.js'
import { LanewiseError, type ErrorCode } from '../core/errors.js'
import { loadOptional } from '../platform/optional.js'
import type { Metrics } from './metrics.js'
import { VERSION_OF_MODELS, type Models, type ServedModel } from './models.js'
import { jsonLimitOf, SERVER_PACKAGES, type CheckedOptions } from './options.js'
import { pageHtml, pageScript, pageStyle } from './page.js'
import { modelMetadata, readRequest, writeAnswer } from './protocol.js'
import { DeadlinePassed, Overload, type Cancellation } from './queue.js'
import type { Turns } from './turns.js'

/** What the routes work with. */
export interface Site {
  readonly options: CheckedOptions
  readonly models: Models
  readonly metrics: Metrics
  /** Of all requests that are read and answers that are written. */
  readonly turns: Turns
  /** Bytes of bodies that are held, and of answers until their clients have taken them. */
  held: number
  /** It finishes what it has and takes nothing new. */
  closing: boolean
}

type Env = { Bindings: HttpBindings }
type Status = 400 | 403 | 404 | 405 | 413 | 415 | 421 | 500 | 503 | 504

/** An answer that is an error of HTTP. */
class Refusal extends Error {
  constructor(
    readonly status: Status,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
  }
}

const statusOf: Readonly<Record<ErrorCode, Status>> = {
  E_PARSE: 400,
  E_TENSOR: 400,
  E_SHAPE: 400,
  E_VALUE: 400,
  E_UNSUPPORTED: 400,
  E_BUDGET: 413,
  E_EXTERNAL: 500,
  E_GRAPH: 500,
  E_STATE: 500,
}

/** The error as the protocol has it: `{"error": "…"}`, with the code of a LanewiseError beside it. */
function errorAnswer(c: Context<Env>, error: unknown): Response {
  if (error instanceof LanewiseError) return c.json({ error: error.message, code: error.code }, statusOf[error.code])
  if (error instanceof Refusal) return c.json({ error: error.message }, error.status, error.headers)
  if (error instanceof Overload)
    return c.json({ error: error.message }, 503, { 'Retry-After': String(error.retryAfter) })
  if (error instanceof DeadlinePassed) return c.json({ error: error.message }, 504)
  log('error', `a request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return c.json({ error: 'internal error' }, 500)
}

/**
 * The routes of a server.
 *
 * @throws LanewiseError `E_UNSUPPORTED` without the package hono.
 */
export async function createApp(site: Site): Promise<Hono<Env>> {
  const { Hono } = await loadOptional<typeof import('hono')>('hono', 'a server', SERVER_PACKAGES)
  const { secureHeaders } = await loadOptional<typeof import('hono/secure-headers')>(
    'hono/secure-headers',
    'a server',
    SERVER_PACKAGES,
  )
  const { RESPONSE_ALREADY_SENT } = await loadOptional<typeof import('@hono/node-server/utils/response')>(
    '@hono/node-server/utils/response',
    'a server',
    SERVER_PACKAGES,
  )
  const { options, models, metrics } = site
  const app = new Hono<Env>()
  app.onError((error, c) => errorAnswer(c, error))
  app.notFound((c) => c.json({ error: `there is no ${c.req.method} ${c.req.path.slice(0, 200)}` }, 404))

  const hosts = allowedHosts(options)
  app.use(async (c, next) => {
    checkOrigin(c, hosts)
    if (site.closing) c.header('Connection', 'close')
    await next()
  })

  app.get('/v2', (c) => c.json({ name: 'lanewise', version: VERSION, extensions: ['binary_tensor_data'] }))
  app.get('/v2/health/live', (c) => c.json({ live: true }))
  app.get('/v2/health/ready', (c) => {
    const ready = !site.closing && !models.loading && [...models].every(({ queue }) => queue.pool.size > 0)
    return c.json({ ready }, ready ? 200 : 503)
  })
  app.get('/v2/models', (c) => c.json({ models: [...models].map(({ name }) => name) }))

  const modelOf = (c: Context<Env>): ServedModel => {
    const name = c.req.param('name') ?? ''
    const version = c.req.param('version')
    const model = models.get(name)
    if (!model && models.loading) throw new Refusal(503, 'the models are still being loaded', { 'Retry-After': '1' })
    if (!model) throw new Refusal(404, `there is no model ${JSON.stringify(name.slice(0, 200))}`)
    if (version !== undefined && version !== VERSION_OF_MODELS)
      throw new Refusal(404, `the model "${name}" has no version ${JSON.stringify(version.slice(0, 200))}`)
    return model
  }
  const infer = async (c: Context<Env>): Promise<Response> => {
    const begun = performance.now()
    // An unknown name is not a label: anybody could make any number of them.
    const name = models.get(c.req.param('name') ?? '')?.name
    let answer
    try {
      if (site.closing) throw new Refusal(503, 'the server is shutting down', { 'Retry-After': '1' })
      modelOf(c)
      const { pieces, size, headers } = await withBody(c, site, (request) => runModel(c, site, modelOf(c), request))
      // Of one whose client has gone nothing more is heard.
      if (site.closing || c.env.outgoing.destroyed) {
        // Whoever began before the end knows nothing of it.
        answer = c.body(Buffer.concat(pieces), 200, site.closing ? { ...headers, Connection: 'close' } : headers)
      } else {
        // A Response of the standard takes longer than all the rest that is done here.
        const { outgoing } = c.env
        site.held += size
        outgoing.once('close', () => (site.held -= size))
        outgoing.writeHead(200, { ...headers, 'Content-Length': size })
        for (const piece of pieces.slice(0, -1)) outgoing.write(piece)
        outgoing.end(pieces.at(-1))
        answer = RESPONSE_ALREADY_SENT
      }
    } catch (error) {
      answer = errorAnswer(c, error)
    }
    if (name !== undefined) metrics.answered(name, answer.status, (performance.now() - begun) / 1000)
    return answer
  }
  for (const path of ['/v2/models/:name', '/v2/models/:name/versions/:version']) {
    app.get(path, (c) => {
      const { name, description } = modelOf(c)
      return c.json(modelMetadata(name, VERSION_OF_MODELS, description))
    })
    app.get(`${path}/ready`, (c) => {
      const { name, queue } = modelOf(c)
      const ready = !site.closing && queue.pool.size > 0
      return c.json({ name, ready }, ready ? 200 : 503)
    })
    app.post(`${path}/infer`, infer)
  }

  app.get('/metrics', async (c) => c.text(await metrics.text(), 200, { 'Content-Type': metrics.contentType }))

  const secure = secureHeaders({
    contentSecurityPolicy: { defaultSrc: ["'self'"], imgSrc: ["'self'", 'blob:'], frameAncestors: ["'none'"] },
  })
  // Browsers ask for it.
  app.get('/favicon.ico', (c) => c.body(null, 204))
  app.get('/', secure, (c) => c.html(pageHtml))
  app.get('/page.js', secure, (c) => c.body(pageScript, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }))
  app.get('/page.css', secure, (c) => c.body(pageStyle, 200, { 'Content-Type': 'text/css; charset=utf-8' }))

  // What no route above has answered, and has one for another method.
  const known = new Map(app.routes.filter(({ method }) => method !== 'ALL').map(({ path, method }) => [path, method]))
  for (const [path, method] of known)
    app.all(path, (c) =>
      errorAnswer(c, new Refusal(405, `${c.req.method} is not allowed here, ${method} is`, { Allow: method })),
    )
  return app
}

function tooLarge(limit: number): Refusal {
  // What is left of the body is not read.
  return new Refusal(413, `a request may have ${limit} bytes`, { Connection: 'close' })
}

/**
 * A page of another site must not reach a server on this machine by its reader's browser: neither by a plain request
 * (Origin), nor by a name of its own that leads here (Host; DNS rebinding).
 */
function checkOrigin(c: Context<Env>, hosts: ReadonlySet<string> | undefined): void {
  const { host = '', origin } = c.env.incoming.headers
  if (hosts && !hosts.has(host.replace(/:\d+$/, '').toLowerCase()))
    throw new Refusal(421, `this server is not called ${JSON.stringify(host.slice(0, 200))}`)
  if (origin !== undefined && origin.replace(/^https?:\/\//, '') !== host)
    throw new Refusal(403, 'requests of other sites are refused')
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host)
}

function allowedHosts({ host, allowedHosts: given }: CheckedOptions): ReadonlySet<string> | undefined {
  const names = given ?? (isLoopback(host) ? [...LOOPBACK, host] : undefined)
  return names && new Set(names.map((name) => name.toLowerCase()))
}

/** Reads the body if there is room for it. It counts as held until the request is answered. */
async function withBody<T>(c: Context<Env>, site: Site, use: (body: Uint8Array) => Promise<T>): Promise<T> {
  const { bodyLimit, heldLimit } = site.options
  const { incoming } = c.env
  const { 'content-length': length, 'content-encoding': encoding = '' } = incoming.headers
  // "identity" says that it is not packed, and may stand beside another.
  const packed =
    encoding
      .toLowerCase()
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '' && each !== 'identity')
      .join() || undefined
  if (length !== undefined && Number(length) > bodyLimit) {
    await drained(incoming)
    throw tooLarge(bodyLimit)
  }
  // What is packed, or does not say its size, may come to anything up to the limit.
  const room = length === undefined || packed !== undefined ? bodyLimit : Number(length)
  if (site.held + room > heldLimit) {
    await drained(incoming)
    throw new Refusal(503, 'the requests that are held have no room for this one', {
      'Retry-After': '1',
      Connection: 'close',
    })
  }
  site.held += room
  try {
    const body = await whole(incoming, bodyLimit)
    return await use(packed === undefined ? body : await unpacked(body, packed, bodyLimit))
  } finally {
    site.held -= room
  }
}

/**
 * The body as it comes from Node. (Hono's limit of bodies takes in all of what does not say its size before a route can
 * refuse it, and needs a Request of the standard for each.)
 */
function whole(incoming: HttpBindings['incoming'], limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let size = 0
    const take = (piece: Buffer): void => {
      size += piece.length
      if (size <= limit) return void pieces.push(piece)
      pieces.length = 0
      incoming.off('data', take)
      void drained(incoming).then(() => reject(tooLarge(limit)))
    }
    incoming.on('data', take)
    incoming.on('end', () => size > limit || resolve(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)))
    const brokenOff = () => size > limit || reject(new Refusal(400, 'the body broke off'))
    incoming.on('error', brokenOff)
    incoming.on('close', () => incoming.readableEnded || brokenOff())
  })
}

/**
 * Of a body that is refused: the most bytes that are taken and forgotten, and milliseconds of that, in all and of
 * silence.
 */
const [DRAINED, DRAIN_TIME, DRAIN_SILENCE] = [2 ** 28, 5000, 500]

/**
 * Takes what is being sent, within bounds. A client that sends all before it reads would else find its connection
 * broken, and never see why.
 */
function drained(incoming: HttpBindings['incoming']): Promise<void> {
  return new Promise((resolve) => {
    let size = 0
    const done = (): void => {
      for (const timer of timers) clearTimeout(timer)
      incoming.off('data', take).pause()
      resolve()
    }
    const timers = [setTimeout(done, DRAIN_SILENCE), setTimeout(done, DRAIN_TIME)]
    const take = (piece: Buffer): void => {
      size += piece.length
      timers[0].refresh()
      if (size > DRAINED) done()
    }
    incoming.on('data', take).once('end', done).once('close', done).once('error', done)
  })
}

async function unpacked(body: Uint8Array, encoding: string, limit: number): Promise<Uint8Array> {
  const unpack = { gzip: promisify(gunzip), 'x-gzip': promisify(gunzip), deflate: promisify(inflate) }[encoding]
  if (!unpack) throw new Refusal(415, 'the body is packed by neither gzip nor deflate')
  try {
    return await unpack(body, { maxOutputLength: limit, finishFlush: zlib.Z_FINISH })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit)
    throw new Refusal(400, `the body cannot be unpacked: ${(error as Error).message}`)
  }
}

function headerLength(c: Context<Env>): string | undefined {
  const value = c.env.incoming.headers['inference-header-content-length']
  return Array.isArray(value) ? value.join() : value
}

/** Milliseconds for which one request is read, or one answer written, before others have their turn. */
const TURN = 10
/** Bytes of a body that is not begun to be read before its turn. */
const LONG_BODY = 2 ** 18

interface Answer {
  readonly pieces: readonly Uint8Array[]
  readonly size: number
  readonly headers: Readonly<Record<string, string>>
}

async function runModel(c: Context<Env>, site: Site, model: ServedModel, body: Uint8Array): Promise<Answer> {
  const { timeout: longest, heldLimit } = site.options
  const begun = performance.now()
  const cancellation: Cancellation = {}
  const { outgoing } = c.env
  const abort = () => {
    if (!outgoing.writableFinished) cancellation.cancel?.()
  }
  outgoing.once('close', abort)
  let timeout = longest
  let held = 0
  let turn = begun
  const breathe = async (bytes: number, what: 'request' | 'answer', always = false): Promise<void> => {
    held += bytes
    site.held += bytes
    if (what === 'request' && body.length + held > heldLimit)
      throw new LanewiseError(
        'E_BUDGET',
        `the tensors of the request take more than the ${heldLimit} bytes that are held`,
      )
    if (site.held > heldLimit)
      throw new Refusal(503, `what is held has no room for this ${what}`, { 'Retry-After': '1' })
    if (!always && performance.now() - turn < TURN) return
    await site.turns.next()
    turn = performance.now()
    if (outgoing.destroyed) throw new DeadlinePassed('the client has gone')
    if (turn - begun > timeout) throw new DeadlinePassed(`no answer within ${timeout} ms`)
  }
  try {
    if (body.length > LONG_BODY) await breathe(0, 'request', true)
    const { description, batches } = model
    const request = await readRequest(body, headerLength(c), description, batches, (bytes) => breathe(bytes, 'request'))
    timeout = Math.min(request.timeout ?? longest, longest)
    const names = request.outputs.map(({ name }) => name)
    const results = await model.queue.run(request.inputs, names, timeout, cancellation)
    turn = performance.now()
    const {
      pieces,
      size,
      headerLength: jsonBytes,
    } = await writeAnswer(
      { name: model.name, version: VERSION_OF_MODELS },
      request,
      results,
      jsonLimitOf(site.options),
      (bytes) => breathe(bytes, 'answer'),
    )
    if (jsonBytes === undefined) return { pieces, size, headers: { 'Content-Type': 'application/json' } }
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Inference-Header-Content-Length': String(jsonBytes),
    }
    return { pieces, size, headers }
  } finally {
    site.held -= held
    outgoing.off('close', abort)
  }
}
