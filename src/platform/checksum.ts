import { Sha256 } from './node-files.js'

/** SHA-256 of bytes of any length, or of a text in UTF-8: 64 hexadecimal digits. */
export function sha256Of(content: Uint8Array | string): string {
  const hash = new Sha256()
  hash.update(typeof content === 'string' ? new TextEncoder().encode(content) : content)
  return hash.hex()
}
