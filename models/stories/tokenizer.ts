import { LanewiseError } from '../../src/node.js'

/** Opens a sequence; is not text. */
export const BEGIN = 1

/**
 * Reads the pieces of llama2.c's tokenizer file: after the length of the longest, a float32 score, an int32 length and
 * the bytes of each.
 *
 * @returns the bytes of every token.
 * @throws LanewiseError `E_PARSE` if the file ends within a token.
 */
export function readPieces(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const pieces: Uint8Array[] = []
  for (let at = 4; at < file.length;) {
    const length = at + 8 <= file.length ? view.getInt32(at + 4, true) : -1
    if (length < 0 || at + 8 + length > file.length)
      throw new LanewiseError('E_PARSE', `token ${pieces.length} is cut off`)
    const bytes = file.subarray(at + 8, at + 8 + length)
    // A token of one byte that no piece covers is spelled <0x0A>.
    const [, byte] = /^<0x([0-9A-F]{2})>$/.exec(new TextDecoder().decode(bytes)) ?? []
    pieces.push(byte === undefined ? bytes : Uint8Array.of(parseInt(byte, 16)))
    at += 8 + length
  }
  return pieces
}

/**
 * The text of tokens; a word at its beginning has a space before it like any other.
 *
 * @throws LanewiseError `E_VALUE` for a token that has no piece.
 */
export function decode(pieces: readonly Uint8Array[], tokens: readonly number[]): string {
  const bytes: number[] = []
  for (const token of tokens) {
    if (token === BEGIN) continue
    if (!(token in pieces))
      throw new LanewiseError('E_VALUE', `there is no token ${token}`, {
        expected: `0 to ${pieces.length - 1}`,
        actual: String(token),
      })
    bytes.push(...pieces[token])
  }
  return new TextDecoder().decode(Uint8Array.from(bytes))
}
