import { LanewiseError, type ErrorCode } from '../core/errors.js'

/** How a model is fetched. */
export interface ReadOptions {
  /** Breaks it off. */
  readonly signal?: AbortSignal
  /** The most milliseconds that it may take. */
  readonly timeout?: number
  /** The most bytes that it may have. */
  readonly limit?: number
}

/**
 * The bytes of a model behind a URL.
 *
 * @throws LanewiseError `E_PARSE` if there is no such file, `E_EXTERNAL` if it breaks off, is not whole or takes too long, `E_BUDGET` over the limit,
 *   `E_STATE` if the signal fires.
 */
export async function download(
  location: string | URL,
  { signal, timeout, limit = Infinity }: ReadOptions = {},
): Promise<Uint8Array> {
  const fail = (code: ErrorCode, reason: string, cause?: unknown): never => {
    throw new LanewiseError(code, `the model ${String(location)} cannot be fetched: ${reason}`, { cause })
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
  let begun = false
  try {
    if (signal?.aborted) stop()
    const response = await fetch(location, { signal: controller.signal })
    if (!response.ok) fail('E_PARSE', `HTTP ${response.status}`)
    begun = true
    // Of a body that is unpacked on the way, the header says the size on the wire.
    const header = response.headers.get('content-encoding') ? null : response.headers.get('content-length')
    const size = header === null ? undefined : Number(header)
    const bytes = await bodyOf(response, size, limit, () => fail('E_BUDGET', `it has more than ${limit} bytes`))
    if (size !== undefined && bytes.length !== size) fail('E_EXTERNAL', `${bytes.length} of ${size} bytes came`)
    return bytes
  } catch (error) {
    stop()
    if (signal?.aborted)
      throw new LanewiseError('E_STATE', 'loading the model was aborted', { cause: signal.reason as unknown })
    if (late) fail('E_EXTERNAL', `it took longer than ${timeout} ms`)
    if (error instanceof LanewiseError) throw error
    return fail(begun ? 'E_EXTERNAL' : 'E_PARSE', (error as Error).message, error)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

/** The bytes of a response; never more of them than allowed are taken in. */
async function bodyOf(
  { body }: Response,
  size: number | undefined,
  limit: number,
  tooLong: () => never,
): Promise<Uint8Array> {
  if ((size ?? 0) > limit) tooLong()
  let bytes = new Uint8Array(size ?? 0)
  let length = 0
  const reader = body?.getReader()
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true }
    if (done) return bytes.subarray(0, length)
    const end = length + value.length
    if (end > limit) tooLong()
    if (end > bytes.length) {
      const more = new Uint8Array(Math.max(end, 2 * bytes.length))
      more.set(bytes)
      bytes = more
    }
    bytes.set(value, length)
    length = end
  }
}
