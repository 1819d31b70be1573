// Byte-level text (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019): every byte of UTF-8 is
// shown as one printable character, so that any text is made of 256 symbols and nothing is out of vocabulary.

/**
 * How GPT-2 cuts a text before pairs are merged: contractions, words and numbers with the blank before them, runs of
 * other marks, and blanks. A token never reaches across such a cut.
 */
export const gpt2Pattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

/**
 * The character that shows a byte: itself where it is printable and no blank, else the next free one from U+0100 on.
 */
export const characterOfByte: readonly string[] = makeCharacters()

const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  characterOfByte.map((character, byte) => [character, byte]),
)

function makeCharacters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff)
  let free = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : free++))
}

/** The bytes that a token's characters show; undefined if one of them shows none. */
export function bytesOfToken(token: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCharacter.get(token[i])
    if (byte === undefined) return undefined
    bytes[i] = byte
  }
  return bytes
}

/** The characters that show bytes. */
export function tokenOfBytes(bytes: Uint8Array): string {
  let token = ''
  for (const byte of bytes) token += characterOfByte[byte]
  return token
}
