let strict: TextDecoder | undefined
let loose: TextDecoder | undefined

/**
 * Text of UTF-8, a mark at its beginning kept. The scope of an audio worklet has no TextDecoder: there it is read as an
 * address with escapes is.
 *
 * @param fatal - whether to throw at bytes that are not UTF-8, rather than to write the sign for something unknown.
 */
export function textOf(bytes: Uint8Array, fatal = true): string {
  if (globalThis.TextDecoder) {
    const decoder = fatal ? (strict ??= newDecoder(true)) : (loose ??= newDecoder(false))
    return decoder.decode(bytes)
  }
  let escaped = ''
  for (const byte of bytes) escaped += `%${(byte + 256).toString(16).slice(1)}`
  try {
    return decodeURIComponent(escaped)
  } catch (error) {
    if (fatal) throw error
    return decodeURIComponent(escaped.replace(/%[89a-f]./g, '%ef%bf%bd'))
  }
}

function newDecoder(fatal: boolean): TextDecoder {
  return new TextDecoder('utf-8', { fatal, ignoreBOM: true })
}
