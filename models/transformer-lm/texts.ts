import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { LanewiseError } from '../../src/train.js'

/** The three parts of a body of text. */
export type Part = 'train' | 'validation' | 'test'
export const parts: readonly Part[] = ['train', 'validation', 'test']

/** Documents to learn from and to be measured on. */
export interface TextSource {
  /** One line for people. */
  readonly name: string
  /** Changes when the texts do. */
  readonly key: string
  /**
   * The documents of a part. @throws LanewiseError `E_EXTERNAL` if there is no such part, `E_PARSE` for bytes that are
   * no UTF-8.
   */
  documents(part: Part): Iterable<string>
}

/**
 * A file of text, unpacked if it is gzip.
 *
 * @throws LanewiseError `E_EXTERNAL` if it cannot be read, `E_PARSE` if it is damaged or no UTF-8.
 */
export function readText(path: string, encoding: 'utf-8' | 'latin1' = 'utf-8'): string {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw new LanewiseError('E_EXTERNAL', `${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes)
    } catch (cause) {
      throw new LanewiseError('E_PARSE', `${path} is a damaged gzip file`, { cause })
    }
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `${path} is not UTF-8`, { cause })
  }
}

/** Lines that are not blank, without the ends of lines of any system. */
export function linesOf(text: string): string[] {
  return text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== '')
}

/** A review as plain text: breaks of lines are HTML in the files. */
export function plainReview(text: string): string {
  return text.replace(/\s*(?:<br\s*\/?>\s*)+/gi, '\n').trim()
}

function keyOf(...what: readonly (string | number)[]): string {
  return createHash('sha256').update(what.join('\0')).digest('hex').slice(0, 16)
}

/** How a file or a folder of texts is read. */
export interface TextOptions {
  /** What a document is: a line, or a whole file. */
  readonly document?: 'line' | 'file'
  /** Documents at the end that are the validation part; a fiftieth by default. */
  readonly validation?: number
  /** Documents before those that are the test part; none by default. */
  readonly test?: number
  /** What is done to a document first. */
  readonly clean?: (document: string) => string
}

/**
 * A text file, or every `.txt`, `.tokens` and `.md` file of a folder in the order of their names, gzip or not; the last
 * documents are to be measured on.
 *
 * @throws LanewiseError `E_EXTERNAL` if there is nothing to read.
 */
export function textFiles(path: string, options: TextOptions = {}): TextSource {
  const { document = 'line', clean = (text: string) => text } = options
  if (!existsSync(path)) throw new LanewiseError('E_EXTERNAL', `${path} is not there`)
  const files = statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((name) => /\.(txt|tokens|md)(\.gz)?$/.test(name))
        .sort()
        .map((name) => join(path, name))
    : [path]
  if (files.length === 0)
    throw new LanewiseError('E_EXTERNAL', `${path} has no text files (.txt, .tokens, .md, also .gz)`)
  let known: string[] | undefined
  const all = () =>
    (known ??= files.flatMap((file) => (document === 'line' ? linesOf(readText(file)) : [readText(file)])).map(clean))
  return {
    name: path,
    key: keyOf(
      document,
      String(clean),
      options.validation ?? '',
      options.test ?? 0,
      ...files.flatMap((file) => [basename(file), statSync(file).size]),
    ),
    documents(part) {
      const { length } = all()
      const validation = options.validation ?? Math.ceil(length / 50)
      const end = Math.max(0, length - validation)
      const middle = Math.max(0, end - (options.test ?? 0))
      if (part === 'train') return all().slice(0, middle)
      return part === 'test' ? all().slice(middle, end) : all().slice(end)
    },
  }
}

const wikiNames: Record<Part, string> = {
  train: 'wiki.train.tokens',
  validation: 'wiki.valid.tokens',
  test: 'wiki.test.tokens',
}

/** Whether a folder holds parts of WikiText. */
export function isWikiText(folder: string): boolean {
  return parts.some((part) => existsSync(join(folder, wikiNames[part])))
}

/**
 * WikiText as it is published (Merity et al., 2016): `wiki.train.tokens`, `wiki.valid.tokens`, `wiki.test.tokens`. A
 * document is an article; its headings are lines such as `= = Title = =`.
 *
 * @throws LanewiseError `E_EXTERNAL` if none of the files is there.
 */
export function wikiText(folder: string): TextSource {
  const path = (part: Part) => join(folder, wikiNames[part])
  const there = parts.filter((part) => existsSync(path(part)))
  if (there.length === 0)
    throw new LanewiseError('E_EXTERNAL', `${folder} has none of ${parts.map((part) => wikiNames[part]).join(', ')}`)
  return {
    name: `${folder} (${there.join(', ')})`,
    key: keyOf('wikitext', ...there.flatMap((part) => [part, statSync(path(part)).size])),
    *documents(part) {
      let article: string[] = []
      for (const line of linesOf(readText(path(part)))) {
        const title = /^ ?= [^=].* = ?$/.test(line) && !line.trim().startsWith('= =')
        if (title && article.length > 0) {
          yield article.join('\n')
          article = []
        }
        article.push(line.trim())
      }
      if (article.length > 0) yield article.join('\n')
    },
  }
}

/**
 * The 50,000 unlabelled reviews of IMDB (Maas et al., 2011), one a line; the last 1,000 are the validation part, the
 * 1,000 before them the test part.
 */
export function unlabelledReviews(path: string): TextSource {
  return textFiles(path, { validation: 1000, test: 1000, clean: plainReview })
}
