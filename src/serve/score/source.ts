import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { LanewiseError } from '../../core/errors.js'
import { csvRows } from '../../data/formats/csv.js'
import { readNpyHead } from '../../data/formats/npy.js'
import { readNpz } from '../../data/formats/npz.js'
import type { ImageOptions } from '../../data/image-tensor.js'
import { sha256Of } from '../../platform/checksum.js'
import { readBytes, reasonOf } from '../../platform/node-files.js'

/** What is scored, cut into shards: everything that a worker needs to find the items of one. */
export type Source =
  | {
      readonly kind: 'pictures'
      readonly folder: string
      readonly items: number
      /** Of the list of names, which the store has under {@link NAMES}. */
      readonly sha256: string
      readonly picture: ImageOptions
    }
  | { readonly kind: 'npy' | 'npz'; readonly file: string; readonly items: number; readonly sha256: string }
  | {
      readonly kind: 'jsonl' | 'csv'
      readonly file: string
      readonly items: number
      readonly sha256: string
      readonly bytes: number
      /** Where the rows of each shard begin, in bytes, and where the last ends. */
      readonly cuts: readonly number[]
      /** The line of the file that each shard begins with, from 1. */
      readonly lines: readonly number[]
      /** Of CSV: the names of the columns. */
      readonly columns?: readonly string[]
    }

/** The object with the names of the pictures. */
export const NAMES = 'names.json'
const PICTURES = /\.(png|jpe?g|webp|gif|avif|tiff?)$/i

/**
 * Lays down what belongs to each shard.
 *
 * @param header - whether the first row of a CSV file names its columns; undefined: it does, unless all of it are
 *   numbers.
 * @returns the source, and the names of pictures.
 * @throws LanewiseError `E_EXTERNAL` if it cannot be read, `E_VALUE` if it is of no kind that is known, empty, or a
 *   table of which it is not clear whether its first row is one.
 */
export async function cutSource(
  input: string,
  shardSize: number,
  picture: ImageOptions,
  header?: boolean,
): Promise<{ source: Source; names?: readonly string[] }> {
  const folder = await isFolder(input)
  const kind = folder ? 'pictures' : extname(input).toLowerCase()
  if (kind === 'pictures') {
    const names = (await picturesIn(input)).sort()
    if (names.length === 0) throw new LanewiseError('E_VALUE', `there are no pictures in ${input}`)
    const sha256 = sha256Of(JSON.stringify(names))
    return { source: { kind, folder: input, items: names.length, sha256, picture }, names }
  }
  if (kind === '.npy' || kind === '.npz') {
    const items = kind === '.npy' ? readNpyHead(input).shape.at(0) : await rowsOfNpz(input)
    if (items === undefined || items === 0) throw new LanewiseError('E_VALUE', `${input} has no rows`)
    const hash = createHash('sha256')
    for await (const piece of createReadStream(input, { highWaterMark: 2 ** 20 })) hash.update(piece as Buffer)
    return { source: { kind: kind === '.npy' ? 'npy' : 'npz', file: input, items, sha256: hash.digest('hex') } }
  }
  if (kind === '.jsonl' || kind === '.ndjson' || kind === '.csv')
    return { source: await cutText(input, kind === '.csv' ? 'csv' : 'jsonl', shardSize, header) }
  throw new LanewiseError('E_VALUE', `${input} is neither a folder of pictures nor .npy, .npz, .jsonl or .csv`)
}

/**
 * The pictures in a folder and those below it. Hidden files are none: thumbnails, and what other systems leave beside a
 * file. A folder that links lead to, too, is looked into once, under the name without a link if it has one: links to a
 * folder above would else never end.
 */
async function picturesIn(root: string): Promise<string[]> {
  const names: string[] = []
  const seen = new Set<string>()
  const linked: string[] = []
  const look = async (folder: string): Promise<void> => {
    const place = await realpath(join(root, folder))
    if (seen.has(place)) return
    seen.add(place)
    for (const entry of (await readdir(place, { withFileTypes: true })).sort(byName)) {
      if (entry.name.startsWith('.')) continue
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) await look(name)
      else if (entry.isFile()) names.push(name)
      else if (entry.isSymbolicLink()) {
        const target = await stat(join(place, entry.name)).catch(() => undefined)
        if (target?.isDirectory()) linked.push(name)
        else if (target?.isFile()) names.push(name)
      }
    }
  }
  try {
    await look('')
    for (const folder of linked) await look(folder)
  } catch (cause) {
    throw new LanewiseError('E_EXTERNAL', `cannot list ${JSON.stringify(root)}: ${reasonOf(cause)}`, { cause })
  }
  return names.filter((name) => PICTURES.test(name))
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : 1
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    throw new LanewiseError('E_EXTERNAL', `cannot read "${path}": ${reasonOf(cause)}`, { cause })
  }
}

async function rowsOfNpz(file: string): Promise<number> {
  const rows = Array.from(readNpz(await readBytes(file), file), ([name, read]) => ({ name, rows: read().shape.at(0) }))
  const [first] = rows
  const other = rows.find((each) => each.rows !== first.rows)
  if (other || first?.rows === undefined)
    throw new LanewiseError('E_VALUE', `${file}: the arrays must have the same number of rows on their first axis`)
  return first.rows
}

const [QUOTE, NEWLINE, RETURN, SPACE, TAB] = [0x22, 0x0a, 0x0d, 0x20, 0x09]
/** A row longer than this is a quotation mark that is never closed, or no text. */
const MAX_ROW = 2 ** 28

/**
 * Tells where the rows of a text end, byte by byte: at line ends, in CSV those outside of quotation marks. Blank lines
 * are no rows.
 */
class RowScanner {
  private quoted = false
  private blank = true

  constructor(private readonly csv: boolean) {}

  /** Whether a row ends with this byte. */
  ends(byte: number): boolean {
    if (byte === NEWLINE && !this.quoted) {
      const row = !this.blank
      this.blank = true
      return row
    }
    if (this.csv && byte === QUOTE) this.quoted = !this.quoted
    if (byte !== RETURN && byte !== NEWLINE && (this.csv || (byte !== SPACE && byte !== TAB))) this.blank = false
    return false
  }

  /** Whether a row is left at the end of the text. */
  get open(): boolean {
    return !this.blank
  }
}

/** Numbers of a table: in decimal digits, or none that those can write. */
export const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i
export const SPECIAL = /^([-+]?Infinity|NaN)$/i

function isNumber(cell: string): boolean {
  return DECIMAL.test(cell.trim()) || SPECIAL.test(cell.trim())
}

async function cutText(
  file: string,
  kind: 'jsonl' | 'csv',
  shardSize: number,
  header: boolean | undefined,
): Promise<Source> {
  const scanner = new RowScanner(kind === 'csv')
  const hash = createHash('sha256')
  const cuts: number[] = []
  const lines: number[] = []
  // The first row of a table, as long as it has not ended.
  let head: Buffer | undefined = kind === 'csv' ? Buffer.alloc(0) : undefined
  let columns: readonly string[] | undefined
  let items = 0
  let begin = 0
  let bytes = 0
  let line = 1
  const cut = (at: number, atLine: number): void => {
    cuts.push(at)
    lines.push(atLine)
  }
  const row = (): void => {
    if (++items % shardSize === 0) cut(begin, line)
  }
  const firstRow = async (text: Buffer): Promise<void> => {
    const cells = await cellsOf(text)
    columns = header === false ? cells.map((_, i) => String(i)) : cells
    head = undefined
    if (header === undefined && cells.every(isNumber) && !cells.every((cell, i) => cell.trim() === String(i)))
      throw new LanewiseError(
        'E_VALUE',
        `the first row of ${file} is numbers: say whether it has the names of the columns (--header yes) or is a row like the others (--header no)`,
      )
    if (header !== false) return cut(begin, line)
    cut(0, 1)
    row()
  }
  if (!head) cut(0, 1)
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) {
    const piece = chunk as Buffer
    hash.update(piece)
    let from = 0
    for (let i = 0; i < piece.length; i++) {
      if (piece[i] === NEWLINE) line++
      if (!scanner.ends(piece[i])) continue
      begin = bytes + i + 1
      if (head) await firstRow(Buffer.concat([head, piece.subarray(from, i + 1)]))
      else row()
      from = i + 1
    }
    if (head) head = Buffer.concat([head, piece.subarray(from)])
    bytes += piece.length
    if (bytes - begin > MAX_ROW)
      throw new LanewiseError('E_BUDGET', `${file}: a row has more than ${MAX_ROW} bytes`, {
        expected: `<= ${MAX_ROW}`,
      })
  }
  if (scanner.open) {
    begin = bytes
    if (head) await firstRow(head)
    else items++
  }
  if (items === 0) throw new LanewiseError('E_VALUE', `${file} has no rows`)
  if (cuts.length === Math.ceil(items / shardSize)) cuts.push(bytes)
  else cuts[cuts.length - 1] = bytes
  return { kind, file, items, sha256: hash.digest('hex'), bytes, cuts, lines, columns }
}

/** The cells of a row. @throws LanewiseError `E_PARSE` if it is none. */
export async function cellsOf(row: Buffer): Promise<readonly string[]> {
  const { value } = await csvRows(row).next()
  return value ?? []
}

/**
 * The rows of a part of a text, each with its line end, and the lines where they begin. @param line - where the part
 * begins.
 */
export function rowsOfText(text: Buffer, csv: boolean, line: number): { text: Buffer; line: number }[] {
  const scanner = new RowScanner(csv)
  const rows: { text: Buffer; line: number }[] = []
  let from = 0
  let begin = line
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== NEWLINE && text[i] !== QUOTE && scanner.open) continue
    if (text[i] === NEWLINE) line++
    const ended = scanner.ends(text[i])
    if (ended) {
      rows.push({ text: text.subarray(from, i + 1), line: begin })
      from = i + 1
    }
    // Blank lines before a row count, and are no part of it.
    if (!scanner.open) begin = line
  }
  if (scanner.open) rows.push({ text: text.subarray(from), line: begin })
  return rows
}

/** The path of a picture. */
export function pictureFile(folder: string, name: string): string {
  return join(folder, ...name.split('/'))
}
