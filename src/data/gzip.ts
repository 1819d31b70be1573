import { LanewiseError } from '../core/errors.js'

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
export async function gunzip(bytes: Uint8Array, what: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'))
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
    throw new LanewiseError('E_PARSE', `${what}: the gzip data is damaged (${(cause as Error).message})`, { cause })
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
