import { LanewiseError } from '../../core/errors.js'

/** True for the first bytes of a gzip file (RFC 1952, 2.3.1). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * Unpacks gzip.
 *
 * @param limit - the most bytes that may come out: a small file can stand for a huge one.
 * @throws LanewiseError `E_PARSE` if the bytes are damaged or cut off, `E_BUDGET` beyond the limit.
 */
export function gunzip(bytes: Uint8Array, what: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  return unpacked('gzip', bytes, what, limit)
}

/** Unpacks zlib's format (RFC 1950). Errors as {@link gunzip}. */
export function inflated(bytes: Uint8Array, what: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  return unpacked('deflate', bytes, what, limit)
}

/**
 * Unpacks gzip as it streams by. @throws whatever the pieces throw, and a TypeError if the data are damaged or cut off.
 */
export async function* gunzipPieces(pieces: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  // An error of the source must come out as such, not as one of gzip.
  let failure: unknown
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await pieces.next()
        if (done) controller.close()
        else controller.enqueue(value as Uint8Array<ArrayBuffer>)
      } catch (error) {
        failure = error
        controller.error(error)
      }
    },
  })
  const reader = source.pipeThrough(new DecompressionStream('gzip')).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } catch (error) {
    throw failure ?? error
  } finally {
    await reader.cancel().catch(() => undefined)
    await pieces.return?.()
  }
}

async function unpacked(
  format: 'gzip' | 'deflate',
  bytes: Uint8Array,
  what: string,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream(format))
    .getReader()
  const pieces: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      length += value.length
      if (length > limit) {
        await reader.cancel()
        throw new LanewiseError('E_BUDGET', `${what} unpacks to more than ${limit} bytes`, { expected: `<= ${limit}` })
      }
      pieces.push(value)
    }
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    throw new LanewiseError('E_PARSE', `${what}: the ${format} data is damaged (${(cause as Error).message})`, {
      cause,
    })
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
