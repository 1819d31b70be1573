import { stringBytes } from '../../core/host-memory.js'
import type { Room } from '../../ir/op.js'

/** Work between two places where it may be broken off, in characters or items looked at. */
export const STRETCH = 2 ** 15

/** Collects parts of strings while there is room for them. */
export class Pieces {
  list: string[] = []
  private bytes = 0
  private unasked = 0

  constructor(private readonly room: Room | undefined) {}

  begin(): void {
    this.list = []
  }

  push(part: string): void {
    this.list.push(part)
    const bytes = stringBytes([part])
    this.bytes += bytes
    this.unasked += bytes
    if (this.unasked > STRETCH) this.reserve(0)
  }

  /** @throws LanewiseError `E_BUDGET` if there is no room for the parts so far and so much more. */
  reserve(bytes: number): void {
    this.unasked = 0
    this.room?.reserve(0, this.bytes + bytes)
  }
}

/**
 * As Python's split at a delimiter: after `most` splits the rest is the last part. Linear in the text, whatever the
 * delimiter (Knuth, Morris, Pratt, 1977).
 */
export function* splitAt(text: string, delimiter: string, most: number, pieces: Pieces): Generator<undefined, void> {
  const { length } = delimiter
  const borders = new Int32Array(length + 1)
  for (let i = 1, border = 0; i < length; borders[++i] = border) {
    while (border > 0 && delimiter[i] !== delimiter[border]) border = borders[border]
    if (delimiter[i] === delimiter[border]) border++
  }
  let start = 0
  for (let at = 0, matched = 0, splits = 0; at < text.length && splits < most; at++) {
    if (at % STRETCH === STRETCH - 1) yield
    const code = text.charCodeAt(at)
    while (matched > 0 && code !== delimiter.charCodeAt(matched)) matched = borders[matched]
    if (code === delimiter.charCodeAt(matched)) matched++
    if (matched < length) continue
    pieces.push(text.slice(start, at + 1 - length))
    start = at + 1
    matched = 0
    splits++
  }
  pieces.push(text.slice(start))
}
