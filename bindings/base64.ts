import { LanewiseError } from '../src/core/errors.js'

/**
 * Kernels that a JavaScript file holds as text.
 *
 * @throws LanewiseError `E_STATE` if the file is not as it was published.
 */
export function bytesOfBase64(base64: string): Uint8Array<ArrayBuffer> {
  const text = decoded(base64)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

function decoded(base64: string): string {
  try {
    return atob(base64)
  } catch (cause) {
    throw new LanewiseError(
      'E_STATE',
      'the kernels in this JavaScript file are damaged: its text was changed after it was built. Install the package again, and let tools leave long strings as they are',
      { cause },
    )
  }
}
