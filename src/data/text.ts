import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { Tensor } from '../api/tensor.js'
import { checkIndex, type Dataset, type Fields, type StreamDataset } from './dataset.js'

/** How text becomes tokens: whole characters (code points), or words and the marks between them. */
export type TextUnit = 'character' | 'word'

const splitters: Record<TextUnit, (text: string) => string[]> = {
  character: (text) => Array.from(text),
  // Letters with digits, single line ends, and each other mark for itself; blanks only part.
  word: (text) => text.match(/[\p{L}\p{M}\p{N}_]+(?:['’][\p{L}\p{M}]+)*|\n|[^\s]/gu) ?? [],
}

/** The tokens a model knows, by number. Number 0 stands for all that it does not know. */
export class Vocabulary {
  static readonly name: string = 'Vocabulary'
  private readonly numbers: ReadonlyMap<string, number>

  /**
   * @param tokens - by their number; the first is shown for what is not known. @throws LanewiseError `E_VALUE` if one
   *   stands there twice.
   */
  constructor(
    readonly tokens: readonly string[],
    /** What a token is. */
    readonly unit: TextUnit = 'character',
  ) {
    checkArguments(new.target.name, { tokens, unit }, 'list', 'string?')

    this.numbers = new Map(tokens.map((token, i) => [token, i]))
    if (tokens.length === 0 || this.numbers.size !== tokens.length)
      throw new LanewiseError('E_VALUE', 'a vocabulary needs tokens, each once')
  }

  /**
   * The tokens of a text, the most frequent first (those equally frequent in the order of their characters).
   *
   * @param most - the size of the vocabulary, the unknown token included.
   */
  static of(
    texts: Iterable<string>,
    options: { readonly unit?: TextUnit; readonly most?: number; readonly unknown?: string } = {},
  ): Vocabulary {
    checkArguments('Vocabulary.of', { texts, options }, 'iterable', {
      unit: 'string',
      most: 'number',
      unknown: 'string',
    })
    const { unit = 'character', most = Infinity, unknown = '\ufffd' } = options

    const counts = new Map<string, number>()
    for (const text of texts) for (const token of splitters[unit](text)) counts.set(token, (counts.get(token) ?? 0) + 1)
    counts.delete(unknown)
    const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([token]) => token)
    return new Vocabulary([unknown, ...sorted.slice(0, most - 1)], unit)
  }

  /** How many tokens there are, the one for what is not known included. */
  get size(): number {
    return this.tokens.length
  }

  /** The numbers of a text's tokens; 0 for those that are not known. */
  encode(text: string): Int32Array<ArrayBuffer> {
    return Int32Array.from(splitters[this.unit](text), (token) => this.numbers.get(token) ?? 0)
  }

  /**
   * The text of tokens; words are put together with blanks. @throws LanewiseError `E_VALUE` for a number that is none
   * of the vocabulary's.
   */
  decode(numbers: ArrayLike<number>): string {
    return Array.from(numbers, (number) => {
      checkIndex(number, this.size)
      return this.tokens[number]
    }).join(this.unit === 'word' ? ' ' : '')
  }
}

/** How long examples are that are cut out of a sequence of tokens. */
export interface WindowOptions {
  /** Tokens in an example. */
  readonly length: number
  /** Tokens from the beginning of one example to that of the next; `length` by default. */
  readonly stride?: number
}

function checkWindow({ length, stride = length }: WindowOptions): Required<WindowOptions> {
  for (const value of [length, stride])
    if (!Number.isInteger(value) || value < 1)
      throw new LanewiseError('E_VALUE', `windows need whole numbers from 1, got length ${length} and stride ${stride}`)
  return { length, stride }
}

function windowAt(tokens: Int32Array, start: number, length: number): Fields {
  return {
    input: new Tensor('int32', tokens.slice(start, start + length), [length]),
    target: new Tensor('int32', tokens.slice(start + 1, start + length + 1), [length]),
  }
}

/**
 * Windows of a token sequence for a language model: `input` [length], and as `target` [length] the same one token
 * later; int32.
 */
export class TokenDataset implements Dataset {
  /** How many windows there are. */
  readonly length: number
  private readonly window: Required<WindowOptions>

  /** @throws LanewiseError `E_VALUE` if there are not even tokens for one window. */
  constructor(
    private readonly tokens: Int32Array,
    options: WindowOptions,
  ) {
    checkArguments(new.target.name, { tokens, options }, 'bytes', { length: 'number', stride: 'number' })

    this.window = checkWindow(options)
    this.length = Math.floor((tokens.length - 1 - this.window.length) / this.window.stride) + 1
    if (this.length < 1)
      throw new LanewiseError(
        'E_VALUE',
        `${tokens.length} tokens are too few for a window of ${options.length} and the token after it`,
      )
  }

  get(index: number): Fields {
    checkIndex(index, this.length)
    return windowAt(this.tokens, index * this.window.stride, this.window.length)
  }
}

/**
 * As {@link TokenDataset}, from text that comes in pieces and is never held: only the window is.
 *
 * @param open - gives the text from its beginning, in pieces of UTF-8 or strings. Words are cut at blanks and line
 *   ends, so a piece may end anywhere.
 */
export function textStream(
  open: () => AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  vocabulary: Vocabulary,
  options: WindowOptions,
): StreamDataset {
  checkArguments('textStream', { open, vocabulary, options }, 'function', 'object', {
    length: 'number',
    stride: 'number',
  })

  const { length, stride } = checkWindow(options)
  return {
    async *stream(): AsyncGenerator<Fields, void, void> {
      let held = new Int32Array(0)
      // With a stride beyond the window, tokens between two windows are dropped, maybe before they have come.
      let skip = 0
      for await (const text of wholeWords(open(), vocabulary.unit)) {
        const fresh = vocabulary.encode(text)
        const tokens = new Int32Array(held.length + fresh.length)
        tokens.set(held)
        tokens.set(fresh, held.length)
        let start = skip
        for (; start + length < tokens.length; start += stride) yield windowAt(tokens, start, length)
        const from = Math.min(start, tokens.length)
        held = tokens.slice(from)
        skip = start - from
      }
    },
  }
}

/** Text in pieces that end where a token ends. */
async function* wholeWords(
  pieces: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  unit: TextUnit,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (piece?: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined })
    } catch (cause) {
      throw new LanewiseError('E_PARSE', 'the text is not UTF-8', { cause })
    }
  }
  // Held in parts, so that a word which is as long as the text takes no longer than its characters.
  let held: string[] = []
  const add = (text: string): string | undefined => {
    // Half of a surrogate pair, or of a word, waits for the other half.
    const cut =
      unit === 'character'
        ? text.length - (/[\ud800-\udbff]$/.test(text.slice(-1)) ? 1 : 0)
        : Math.max(text.lastIndexOf(' '), text.lastIndexOf('\n')) + 1
    if (cut === 0) {
      held.push(text)
      return undefined
    }
    const whole = held.join('') + text.slice(0, cut)
    held = [text.slice(cut)]
    return whole
  }
  for await (const piece of pieces) {
    const whole = add(typeof piece === 'string' ? piece : decode(piece))
    if (whole) yield whole
  }
  held.push(decode())
  const rest = held.join('')
  if (rest !== '') yield rest
}
