import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { readBytes } from '../platform/node-files.js'
import { csvRows } from './formats/csv.js'

/** A picture with what people said of it. */
export interface CaptionedPicture {
  /** The file's name, without folders. */
  readonly file: string
  /** What people said of it, as it is written. */
  readonly captions: readonly string[]
  /** The part that the list puts it into, where it says so: "train", "val", "test". */
  readonly part?: string
}

/**
 * Captions in one of the forms in which they are published, told apart by what the file holds:
 * - `Flickr8k.token.txt` (Hodosh et al., 2013): lines `FILE#NUMBER<tab>caption`;
 * - `captions.txt`: CSV with a header that names the columns `image` and `caption`;
 * - Karpathy's `dataset_flickr8k.json` (Karpathy & Fei-Fei, 2015):
 *   `{ images: [{ filename, split, sentences: [{ raw }] }] }`.
 *
 * @returns pictures in the order in which the file first names them.
 * @throws LanewiseError `E_EXTERNAL` if the file cannot be read, `E_PARSE` with the line or the picture for what is
 *   none of these, `E_VALUE` if it has no captions.
 */
export async function readCaptions(path: string): Promise<CaptionedPicture[]> {
  checkArguments('readCaptions', { path }, 'string')
  return parseCaptions(await readBytes(path), path)
}

/** As {@link readCaptions}, of a file's bytes. @param what - its name, for messages. */
export async function parseCaptions(bytes: Uint8Array, what = 'captions'): Promise<CaptionedPicture[]> {
  checkArguments('parseCaptions', { bytes, what }, 'bytes', 'string')
  const text = decodedText(bytes, what)
  const pictures = /^\s*\{/.test(text)
    ? fromJson(text, what)
    : /^[^\n]*#\d+\t/.test(text)
      ? fromLines(text, what)
      : await fromCsv(text, what)
  if (pictures.length === 0) throw new LanewiseError('E_VALUE', `${what} has no captions`)
  return pictures
}

/** Names of pictures, one a line, as in `Flickr_8k.trainImages.txt`. @throws LanewiseError as {@link readCaptions}. */
export async function readPictureList(path: string): Promise<string[]> {
  checkArguments('readPictureList', { path }, 'string')
  const names = decodedText(await readBytes(path), path)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (names.length === 0) throw new LanewiseError('E_VALUE', `${path} names no pictures`)
  return names
}

/**
 * Refuses parts of a data set that overlap.
 *
 * @param parts - names of pictures by the name of their part.
 * @throws LanewiseError `E_VALUE` counting the pictures that are in two parts, and naming one.
 */
export function checkParts(parts: Readonly<Record<string, readonly string[]>>): void {
  checkArguments('checkParts', { parts }, 'object')
  const partOf = new Map<string, string>()
  const twice: string[] = []
  for (const [part, names] of Object.entries(parts)) {
    checkArguments('checkParts', { [part]: names }, 'list')
    for (const name of new Set(names)) {
      const other = partOf.get(name)
      if (other === undefined) partOf.set(name, part)
      else twice.push(`${name} in "${other}" and "${part}"`)
    }
  }
  if (twice.length > 0)
    throw new LanewiseError(
      'E_VALUE',
      `${twice.length} ${twice.length === 1 ? 'picture is' : 'pictures are'} in two parts of the data: ${twice[0]}`,
    )
}

/**
 * The words of a caption as captioning counts them (Karpathy & Fei-Fei, 2015): lower case, punctuation left out, parted
 * at blanks.
 *
 * @example
 * import { captionWords } from 'lanewise/train'
 *
 * console.log(captionWords("A boy 's T-shirt , red .")) // [ 'a', 'boy', 's', 'tshirt', 'red' ]
 */
export function captionWords(caption: string): string[] {
  checkArguments('captionWords', { caption }, 'string')
  return caption
    .toLowerCase()
    .replace(/[\p{P}\p{S}]/gu, '')
    .split(/\s+/)
    .filter((word) => word !== '')
}

/** Numbers of the tokens that are no words. */
export const captionTokens = { padding: 0, start: 1, end: 2, unknown: 3 } as const

const special = ['<NULL>', '<START>', '<END>', '<UNK>']

/**
 * The words that captions are made of, by number; the first four are `<NULL>` (padding), `<START>`, `<END>` and `<UNK>`
 * (see {@link captionTokens}).
 */
export class CaptionVocabulary {
  static readonly name: string = 'CaptionVocabulary'
  private readonly numbers: ReadonlyMap<string, number>

  /**
   * @param tokens - by their number. @throws LanewiseError `E_VALUE` if a word stands there twice, or the first four
   *   are not those.
   */
  constructor(readonly tokens: readonly string[]) {
    checkArguments(new.target.name, { tokens }, 'list')
    this.numbers = new Map(tokens.map((token, i) => [token, i]))
    if (this.numbers.size !== tokens.length || special.some((token, i) => tokens[i] !== token))
      throw new LanewiseError(
        'E_VALUE',
        `a vocabulary of captions begins with ${special.join(', ')} and has each word once`,
      )
  }

  /** The words of captions, the most frequent first. @param least - how often a word must be there; 5 by default. */
  static of(captions: Iterable<string>, options: { readonly least?: number } = {}): CaptionVocabulary {
    checkArguments('CaptionVocabulary.of', { captions, options }, 'iterable', { least: 'number' })
    const { least = 5 } = options
    const counts = new Map<string, number>()
    for (const caption of captions)
      for (const word of captionWords(caption)) counts.set(word, (counts.get(word) ?? 0) + 1)
    const words = [...counts].filter(([, count]) => count >= least)
    words.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    return new CaptionVocabulary([...special, ...words.map(([word]) => word)])
  }

  /** How many tokens there are, the special ones included. */
  get size(): number {
    return this.tokens.length
  }

  /** The numbers of a caption's words, without start and end. */
  encode(caption: string): Int32Array<ArrayBuffer> {
    return Int32Array.from(captionWords(caption), (word) => this.numbers.get(word) ?? captionTokens.unknown)
  }

  /**
   * Words with blanks between them, up to the end. @throws LanewiseError `E_VALUE` for a number that is none of the
   * vocabulary's.
   */
  decode(numbers: ArrayLike<number>): string {
    checkArguments('decode', { numbers }, 'list|bytes')
    const words: string[] = []
    for (const number of Array.from(numbers)) {
      if (number === captionTokens.end) break
      if (!(number in this.tokens))
        throw new LanewiseError('E_VALUE', `${number} is no token of a vocabulary of ${this.size}`)
      if (number === captionTokens.unknown || number >= special.length) words.push(this.tokens[number])
    }
    return words.join(' ')
  }
}

function decodedText(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `${what} is not UTF-8`, { cause })
  }
}

/** Collects captions by picture. */
class Collected {
  private readonly pictures = new Map<string, { file: string; captions: string[]; part?: string }>()

  add(file: string, caption: string): void {
    const name = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)
    const picture = this.pictures.get(name)
    if (picture) picture.captions.push(caption)
    else this.pictures.set(name, { file: name, captions: [caption] })
  }

  list(): CaptionedPicture[] {
    return [...this.pictures.values()]
  }
}

function fromLines(text: string, what: string): CaptionedPicture[] {
  const found = new Collected()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue
    const [, file, caption] = /^(.+)#\d+\t(.*)$/.exec(line) ?? []
    if (file === undefined || caption.trim() === '')
      throw new LanewiseError('E_PARSE', `${what}, line ${i + 1}: expected is FILE#NUMBER<tab>caption`)
    found.add(file, caption.trim())
  }
  return found.list()
}

async function fromCsv(text: string, what: string): Promise<CaptionedPicture[]> {
  const found = new Collected()
  let columns: { file: number; caption: number } | undefined
  let row = 0
  for await (const cells of csvRows(text)) {
    row++
    if (!columns) {
      const names = cells.map((cell) =>
        cell
          .replace(/^\ufeff/, '')
          .trim()
          .toLowerCase(),
      )
      columns = { file: names.indexOf('image'), caption: names.indexOf('caption') }
      if (columns.file < 0 || columns.caption < 0)
        throw new LanewiseError(
          'E_PARSE',
          `${what}: these are no captions; known are lines FILE#NUMBER<tab>caption, CSV with columns "image" and "caption", and Karpathy's JSON`,
        )
      continue
    }
    // Published files leave commas in captions without quotes, in the last column.
    const caption =
      columns.caption === cells.length - 1 || columns.caption < columns.file
        ? cells[columns.caption]
        : cells.slice(columns.caption).join(',')
    const file = cells[columns.file]
    if (!file || !caption?.trim())
      throw new LanewiseError('E_PARSE', `${what}, row ${row}: it lacks a picture or a caption`)
    found.add(file, caption.trim())
  }
  return found.list()
}

function fromJson(text: string, what: string): CaptionedPicture[] {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `${what} is no JSON: ${(cause as Error).message}`, { cause })
  }
  const { images } = json as { images?: unknown }
  if (!Array.isArray(images)) throw new LanewiseError('E_PARSE', `${what} has no list "images"`)
  return (images as unknown[]).map((entry, i) => {
    const { filename, split, sentences } = (entry ?? {}) as Record<string, unknown>
    const captions = Array.isArray(sentences)
      ? sentences.map((sentence) => (sentence as { raw?: unknown } | null)?.raw)
      : []
    if (
      typeof filename !== 'string' ||
      captions.length === 0 ||
      !captions.every((caption) => typeof caption === 'string')
    )
      throw new LanewiseError('E_PARSE', `${what}: image ${i} lacks "filename" or "sentences" with "raw"`)
    return {
      file: filename,
      captions: captions.map((caption) => caption.trim()),
      ...(typeof split === 'string' && { part: split === 'restval' ? 'train' : split }),
    }
  })
}
