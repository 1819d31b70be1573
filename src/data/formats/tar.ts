import { checkArguments } from '../../core/arguments.js'
import { LanewiseError } from '../../core/errors.js'
import { readPieces } from '../../platform/node-files.js'
import { gunzipPieces, isGzip } from './gzip.js'

/** A file in an archive. */
export interface TarEntry {
  /** Its path in the archive. */
  readonly name: string
  /** What is in it. */
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Which files of an archive are wanted, and how large they may be. */
export interface TarOptions {
  /** Others are passed over without being kept. By default all files. */
  readonly wanted?: (name: string, size: number) => boolean
  /** The most bytes of a wanted file; 2^28 by default. */
  readonly limit?: number
}

const BLOCK = 512
const LIMIT = 2 ** 28
/** Names and other remarks about the next file take no more. */
const REMARK_LIMIT = 2 ** 20

/**
 * Files of a tar archive, plain or packed with gzip, one after the other as they stream by: nothing is unpacked to
 * disk, and one wanted file at a time is in memory. POSIX ustar and pax, and GNU's long names
 * (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06).
 *
 * @param source - a path, or the bytes in pieces.
 * @param what - the archive's name, for messages.
 * @throws LanewiseError `E_EXTERNAL` if it cannot be read, `E_PARSE` saying after which file it is damaged or cut off,
 *   `E_BUDGET` for a wanted file beyond the limit.
 */
export async function* tarEntries(
  source: string | AsyncIterable<Uint8Array>,
  options: TarOptions = {},
  what = typeof source === 'string' ? source : 'archive',
): AsyncGenerator<TarEntry, void, void> {
  checkArguments(
    'tarEntries',
    { source, options, what },
    'string|iterable',
    { wanted: 'function', limit: 'number' },
    'string?',
  )
  const { wanted = () => true, limit = LIMIT } = options

  const input = new Blocks(unpacked(typeof source === 'string' ? readPieces(source) : source), what)
  let remarkName: string | undefined
  for (;;) {
    const header = await input.take(BLOCK, true)
    // Two empty blocks end an archive; many writers leave out the second, some both.
    if (!header || header.every((byte) => byte === 0)) return
    const { name, size, type } = parsed(header, input)
    input.after = remarkName ?? name
    const padded = size + ((BLOCK - (size % BLOCK)) % BLOCK)
    if (type === 'L' || type === 'x' || type === 'g') {
      if (size > REMARK_LIMIT) input.fail(`a remark of ${size} bytes`)
      const remark = await input.need(padded)
      const text = new TextDecoder().decode(remark.subarray(0, size))
      if (type === 'L') remarkName = text.replace(/\0.*$/s, '')
      else if (type === 'x') remarkName = paxPath(text) ?? remarkName
      continue
    }
    const full = remarkName ?? name
    remarkName = undefined
    if ((type === '0' || type === '\0' || type === '7') && wanted(full, size)) {
      if (size > limit)
        throw new LanewiseError('E_BUDGET', `${what}: ${full} has ${size} bytes`, { expected: `<= ${limit}` })
      const bytes = (await input.need(padded)).slice(0, size)
      yield { name: full, bytes }
    } else await input.skip(padded)
  }
}

/** `path` among the records "LENGTH KEY=VALUE\n" of a pax header. */
function paxPath(text: string): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(text)?.[1]
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function parsed(header: Uint8Array, input: Blocks): { name: string; size: number; type: string } {
  const text = (from: number, length: number) =>
    decoder.decode(header.subarray(from, from + length)).replace(/\0.*$/s, '')
  let sum = 8 * 32
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]
  if (parseInt(text(148, 8).trim(), 8) !== sum)
    input.fail('the checksum of a header is wrong: this is no tar archive, or it is damaged')
  // GNU writes large sizes in base 256, marked by the first bit.
  const size =
    header[124] & 0x80
      ? header.subarray(125, 136).reduce((value, byte) => value * 256 + byte, 0)
      : parseInt(text(124, 12).trim() || '0', 8)
  if (!Number.isSafeInteger(size) || size < 0) input.fail('the size of a file is no number')
  const prefix = text(257, 5) === 'ustar' ? text(345, 155) : ''
  const name = text(0, 100)
  return { name: prefix ? `${prefix}/${name}` : name, size, type: String.fromCharCode(header[156]) }
}

/** Pieces of any size as they are asked for. */
class Blocks {
  /** The last file whose header was read: where damage is. */
  after: string | undefined
  private readonly pieces: AsyncIterator<Uint8Array>
  private current: Uint8Array = new Uint8Array(0)

  constructor(
    pieces: AsyncIterable<Uint8Array>,
    private readonly what: string,
  ) {
    this.pieces = pieces[Symbol.asyncIterator]()
  }

  fail(reason: string, cause?: unknown): never {
    const where = this.after === undefined ? 'at its beginning' : `after ${this.after}`
    throw new LanewiseError('E_PARSE', `${this.what}, ${where}: ${reason}`, { cause })
  }

  async need(count: number): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.take(count, false)) ?? this.fail('the archive is cut off')
  }

  /** Undefined at the end, if that may be there. */
  async take(count: number, mayEnd: boolean): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const out = new Uint8Array(count)
    const got = await this.pass(count, (piece, at) => out.set(piece, at))
    if (got === count) return out
    return mayEnd && got === 0 ? undefined : this.fail('the archive is cut off')
  }

  async skip(count: number): Promise<void> {
    if ((await this.pass(count, () => undefined)) < count) this.fail('the archive is cut off')
  }

  private async pass(count: number, use: (piece: Uint8Array, at: number) => void): Promise<number> {
    let at = 0
    while (at < count) {
      if (this.current.length === 0) {
        const next = await this.more()
        if (!next) break
        this.current = next
      }
      const piece = this.current.subarray(0, count - at)
      use(piece, at)
      at += piece.length
      this.current = this.current.subarray(piece.length)
    }
    return at
  }

  private async more(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.pieces.next()
      return done ? undefined : value
    } catch (cause) {
      if (cause instanceof LanewiseError) throw cause
      return this.fail(`the gzip data is damaged or cut off (${(cause as Error).message})`, cause)
    }
  }
}

async function* unpacked(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const iterator = pieces[Symbol.asyncIterator]()
  const first = await iterator.next()
  async function* all() {
    if (first.done) return
    yield first.value
    for (;;) {
      const next = await iterator.next()
      if (next.done) return
      yield next.value
    }
  }
  if (first.done || !isGzip(first.value)) yield* all()
  else yield* gunzipPieces(all())
}
