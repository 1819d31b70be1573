import { LanewiseError, type ErrorCode } from '../core/errors.js'
import { tagOf } from '../core/realm.js'

/** How a model is fetched. */
export interface ReadOptions {
  /** Breaks it off. */
  readonly signal?: AbortSignal
  /** The most milliseconds that it may take. */
  readonly timeout?: number
  /** The most bytes that it may have. */
  readonly limit?: number
  /** What it is, for errors; the model by default. */
  readonly what?: string
  /** Told how much has come, as it comes. */
  readonly onProgress?: (progress: Progress) => void
}

/** What can be read as a response is. */
export type ResponseLike = Response | Blob | ReadableStream<Uint8Array>

export function isLocation(model: unknown): model is string | URL {
  return typeof model === 'string' || tagOf(model) === 'URL'
}

/** How much of a model has come. */
export interface Progress {
  /** Bytes so far. */
  readonly loaded: number
  /** Bytes in all; undefined if the server does not say. */
  readonly total: number | undefined
}

/**
 * The bytes of a model behind a URL, of a response, or of what may be the body of one.
 *
 * @throws LanewiseError `E_PARSE` if there is no such file or a web page comes in its place, `E_EXTERNAL` if the
 *   network fails, it breaks off, is not whole or takes too long, `E_BUDGET` over the limit, `E_STATE` if the signal
 *   fires or a response has been read before.
 */
export async function download(
  location: string | URL | ResponseLike,
  { signal, timeout, limit = Infinity, onProgress, what = 'the model' }: ReadOptions = {},
): Promise<Uint8Array> {
  const fail = (code: ErrorCode, reason: string, cause?: unknown): never => {
    const whole = isLocation(location) ? String(location) : 'url' in location ? location.url : 'given'
    // A data: URL is as long as the model.
    const place = whole.length > 300 ? `${whole.slice(0, 300)}…` : whole
    throw new LanewiseError(code, `${what} ${place} cannot be fetched: ${reason}`, { cause })
  }
  const controller = new AbortController()
  const stop = () => controller.abort()
  signal?.addEventListener('abort', stop)
  let late = false
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => {
          late = true
          stop()
        }, timeout)
  try {
    if (signal?.aborted) stop()
    const response = isLocation(location)
      ? await fetch(location, { signal: controller.signal })
      : 'headers' in location
        ? location
        : new Response(location)
    if (!response.ok) fail('E_PARSE', `HTTP ${response.status}`)
    if (response.bodyUsed || response.body?.locked) fail('E_STATE', 'it has been read before')
    // Of a body that is unpacked on the way, the header says the size on the wire.
    const header = response.headers.get('content-encoding') ? null : response.headers.get('content-length')
    const size = header === null ? undefined : Number(header)
    const bytes = await bodyOf(
      response,
      size,
      limit,
      () => fail('E_BUDGET', `it has more than ${limit} bytes`),
      onProgress,
      controller.signal,
    )
    if (size !== undefined && bytes.length !== size) fail('E_EXTERNAL', `${bytes.length} of ${size} bytes came`)
    // "<" begins no model.
    if (bytes[0] === 60 && response.headers.get('content-type')?.startsWith('text/html'))
      fail('E_PARSE', 'a web page came back')
    return bytes
  } catch (error) {
    stop()
    if (signal?.aborted)
      throw new LanewiseError('E_STATE', `loading ${what} was aborted`, { cause: signal.reason as unknown })
    if (late) fail('E_EXTERNAL', `it took longer than ${timeout} ms`)
    if (error instanceof LanewiseError) throw error
    return fail('E_EXTERNAL', reasonOf(error as Error), error)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

/** What an error of the network says: Node's own says nothing but "fetch failed", and why is in its cause. */
function reasonOf({ message, cause }: Error): string {
  const { message: why, code } = (cause ?? {}) as { readonly message?: unknown; readonly code?: unknown }
  const more = why || code
  return typeof more === 'string' ? `${message} (${more})` : message
}

/** The bytes of a response; never more of them than allowed are taken in. */
async function bodyOf(
  { body }: Response,
  size: number | undefined,
  limit: number,
  tooLong: () => never,
  onProgress: ReadOptions['onProgress'],
  signal: AbortSignal,
): Promise<Uint8Array> {
  if ((size ?? 0) > limit) tooLong()
  let bytes = new Uint8Array(size ?? 0)
  let length = 0
  const reader = body?.getReader()
  // A response that was given has a download of its own, which this signal does not reach.
  signal.addEventListener('abort', () => void reader?.cancel().catch(() => undefined), { once: true })
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true }
    signal.throwIfAborted()
    if (done) return bytes.subarray(0, length)
    if (!ArrayBuffer.isView(value)) throw new TypeError('the stream holds no bytes')
    const end = length + value.length
    if (end > limit) tooLong()
    if (end > bytes.length) {
      const more = new Uint8Array(Math.max(end, 2 * bytes.length))
      more.set(bytes)
      bytes = more
    }
    bytes.set(value, length)
    length = end
    onProgress?.({ loaded: length, total: size })
  }
}
