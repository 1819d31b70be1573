import { LanewiseError } from '../src/core/errors.js'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/**
 * Kernels that a JavaScript file holds as text.
 *
 * @throws LanewiseError `E_STATE` if the file is not as it was published.
 */
export function bytesOfBase64(base64: string): Uint8Array<ArrayBuffer> {
  try {
    if (!('atob' in globalThis)) return byHand(base64)
    const text = atob(base64)
    const bytes = new Uint8Array(text.length)
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
    return bytes
  } catch (cause) {
    throw new LanewiseError(
      'E_STATE',
      'the kernels in this JavaScript file are damaged: its text was changed after it was built. Install the package again, and let tools leave long strings as they are',
      { cause },
    )
  }
}

/** The scope of an audio worklet has no `atob`. */
function byHand(base64: string): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(128).fill(64)
  for (let i = 0; i < ALPHABET.length; i++) values[ALPHABET.charCodeAt(i)] = i
  const end = base64.replace(/={1,2}$/, '').length
  if (end % 4 === 1) throw new Error('a letter is missing')
  const bytes = new Uint8Array(Math.floor((3 * end) / 4))
  for (let i = 0, word = 0, bits = 0, at = 0; i < end; i++) {
    const value = values[base64.charCodeAt(i)]
    if (!(value < 64)) throw new Error(`letter ${i} is none of base64`)
    word = (word << 6) | value
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = word >> bits
  }
  return bytes
}
