import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { BpeModel } from './bpe.js'
import { splitter, trainBpe, type BpeTables, type BpeTraining } from './bpe-trainer.js'
import { bytesOfToken, gpt2Pattern, tokenOfBytes } from './byte-level.js'
import { parseTokenizerJson, tokenizerJson } from './tokenizer-json.js'

/** What is done to a text before it is cut. */
export type Normalizer = 'lowercase' | 'NFC' | 'NFD' | 'NFKC' | 'NFKD'

/** Everything that decides how a {@link Tokenizer} works. */
export interface TokenizerOptions extends BpeTables {
  /** Tokens that are found in a text as they are written, and that `decode` can leave out. */
  readonly specialTokens?: readonly string[]
  /** Where a text is cut first: a regular expression with the flags g and u. */
  readonly pattern?: string
  readonly normalizers?: readonly Normalizer[]
  /** Puts a blank before a text that begins with none, so that its first word is a word like others. */
  readonly addPrefixSpace?: boolean
  /** Special tokens that `encode` puts before and after every text. */
  readonly before?: readonly string[]
  readonly after?: readonly string[]
  /** A word that is a token as a whole is that token, whatever merges would make of it (`ignore_merges`). */
  readonly wholeWords?: boolean
}

/** How {@link Tokenizer.train} makes a tokenizer. */
export interface TrainTokenizerOptions extends Omit<BpeTraining, 'normalize'> {
  readonly normalizers?: readonly Normalizer[]
  readonly addPrefixSpace?: boolean
  readonly before?: readonly string[]
  readonly after?: readonly string[]
}

const normalize: Record<Normalizer, (text: string) => string> = {
  lowercase: (text) => text.toLowerCase(),
  NFC: (text) => text.normalize('NFC'),
  NFD: (text) => text.normalize('NFD'),
  NFKC: (text) => text.normalize('NFKC'),
  NFKD: (text) => text.normalize('NFKD'),
}

/**
 * Byte-level byte-pair encoding: text to the numbers of tokens and back, trained here or read from Hugging Face's `tokenizer.json`. No text is out of
 * vocabulary, and `decode(encode(text))` is the text (where nothing is normalised).
 *
 * @example
 * import { Tokenizer } from 'lanewise/train'
 * import { writeFile } from 'node:fs/promises'
 *
 * const documents = ['It was the best of times,', 'it was the worst of times.']
 * const tokenizer = await Tokenizer.train(documents, { vocabularySize: 280, specialTokens: ['<|endoftext|>'] })
 * const tokens = tokenizer.encode('It was the best of times')
 * console.log(tokenizer.decode(tokens)) // It was the best of times
 * await writeFile('tokenizer.json', tokenizer.toJSON())
 */
export class Tokenizer {
  static readonly name = 'Tokenizer'
  /** Every token by its number, as `tokenizer.json` spells it: bytes are shown by characters. */
  readonly tokens: readonly string[]
  private readonly numbers: ReadonlyMap<string, number>
  private readonly special: ReadonlyMap<string, number>
  private readonly specialPattern: RegExp | undefined
  private readonly model: BpeModel
  private readonly cut: (text: string) => string[]
  private readonly encoder = new TextEncoder()

  /** @throws LanewiseError `E_VALUE` for tables that contradict themselves, or special tokens that the vocabulary lacks. */
  constructor(readonly options: TokenizerOptions) {
    checkArguments(
      new.target.name,
      { options },
      {
        specialTokens: 'list',
        pattern: 'string',
        normalizers: 'list',
        addPrefixSpace: 'boolean',
        before: 'list',
        after: 'list',
        wholeWords: 'boolean',
        tokens: 'list',
        merges: 'list',
      },
    )

    checkArguments(new.target.name, { tokens: options.tokens, merges: options.merges }, 'list', 'list')
    const { tokens, specialTokens = [], pattern = gpt2Pattern, before = [], after = [] } = options
    this.tokens = tokens
    this.numbers = new Map(tokens.map((token, number) => [token, number]))
    if (this.numbers.size !== tokens.length) throw new LanewiseError('E_VALUE', 'a vocabulary has a token twice')
    this.special = new Map(specialTokens.map((token) => [token, this.idOf(token)]))
    for (const token of [...before, ...after]) this.idOf(token)
    // The longest first: one special token may begin as another does.
    const spelled = [...specialTokens]
      .sort((a, b) => b.length - a.length)
      .map((token) => token.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
    this.specialPattern = spelled.length > 0 ? new RegExp(spelled.join('|'), 'gu') : undefined
    this.model = new BpeModel(options, this.numbers, options.wholeWords ?? false)
    this.cut = splitter(pattern)
  }

  /** A tokenizer trained on texts. @throws LanewiseError `E_VALUE` as `trainBpe` does. */
  static async train(
    texts: Iterable<string> | AsyncIterable<string>,
    options: TrainTokenizerOptions,
  ): Promise<Tokenizer> {
    checkArguments('Tokenizer.train', { texts, options }, 'iterable', {
      normalizers: 'list',
      addPrefixSpace: 'boolean',
      before: 'list',
      after: 'list',
      vocabularySize: 'number',
      minFrequency: 'number',
      specialTokens: 'list',
      pattern: 'string',
    })

    const { normalizers = [], addPrefixSpace = false } = options
    const prepare = (text: string): string => prefixed(normalized(text, normalizers), addPrefixSpace)
    const tables = await trainBpe(texts, { ...options, normalize: prepare })
    const { before, after, specialTokens, pattern } = options
    return new Tokenizer({ before, after, specialTokens, pattern, normalizers, addPrefixSpace, ...tables })
  }

  /** A tokenizer from the text, or the parsed contents, of a `tokenizer.json`. @throws LanewiseError `E_PARSE`; `E_UNSUPPORTED` for other models than byte-level BPE. */
  static fromJSON(json: string | object): Tokenizer {
    checkArguments('Tokenizer.fromJSON', { json }, 'string|object')
    return new Tokenizer(parseTokenizerJson(json))
  }

  /** The `tokenizer.json` that Hugging Face's libraries load, as text. */
  toJSON(): string {
    return tokenizerJson(this.options)
  }

  /** How many tokens there are. */
  get size(): number {
    return this.tokens.length
  }

  /** The number of a token. @throws LanewiseError `E_VALUE` if there is none of that name. */
  idOf(token: string): number {
    const number = this.numbers.get(token)
    if (number === undefined) throw new LanewiseError('E_VALUE', `the vocabulary has no token ${JSON.stringify(token)}`)
    return number
  }

  /**
   * The numbers of a text's tokens.
   *
   * @param options - `special: false` reads special tokens in the text as plain text (do so with text of strangers); `template: false` leaves out the tokens
   * that stand before and after every text.
   */
  encode(
    text: string,
    options: { readonly special?: boolean; readonly template?: boolean } = {},
  ): Int32Array<ArrayBuffer> {
    checkArguments('encode', { text, options }, 'string', { special: 'boolean', template: 'boolean' })
    const { special = true, template = true } = options
    const { before = [], after = [] } = this.options
    const parts: ArrayLike<number>[] = []
    if (template) parts.push(before.map((token) => this.idOf(token)))
    let end = 0
    if (special && this.specialPattern) {
      for (const match of text.matchAll(this.specialPattern)) {
        this.encodePlain(text.slice(end, match.index), parts)
        parts.push([this.idOf(match[0])])
        end = match.index + match[0].length
      }
    }
    this.encodePlain(text.slice(end), parts)
    if (template) parts.push(after.map((token) => this.idOf(token)))
    const result = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      result.set(part, at)
      at += part.length
    }
    return result
  }

  private encodePlain(text: string, parts: ArrayLike<number>[]): void {
    if (text === '') return
    const { normalizers = [], addPrefixSpace = false } = this.options
    for (const word of this.cut(prefixed(normalized(text, normalizers), addPrefixSpace))) {
      parts.push(this.model.encode(word, (piece) => tokenOfBytes(this.encoder.encode(piece))))
    }
  }

  /**
   * The text of tokens. Bytes that are no UTF-8 (a character cut in the middle) are shown as U+FFFD; use {@link Decoder} for tokens that come one by one.
   *
   * @param options - `skipSpecial: true` leaves special tokens out.
   * @throws LanewiseError `E_VALUE` for a number that is no token's.
   */
  decode(numbers: ArrayLike<number>, options: { readonly skipSpecial?: boolean } = {}): string {
    checkArguments('decode', { numbers, options }, 'list|bytes', { skipSpecial: 'boolean' })
    const decoder = new Decoder(this, options)
    let text = ''
    for (let i = 0; i < numbers.length; i++) text += decoder.push(numbers[i])
    return text + decoder.end()
  }

  /** Whether a number is that of a special token. @throws LanewiseError `E_VALUE` for a number that is no token's. */
  isSpecial(number: number): boolean {
    return this.special.has(this.tokenAt(number))
  }

  /** The bytes of a token; those of its spelling where it is special. @throws LanewiseError `E_VALUE` for a number that is no token's. */
  bytesOf(number: number): Uint8Array {
    const token = this.tokenAt(number)
    return (this.special.has(token) ? undefined : bytesOfToken(token)) ?? this.encoder.encode(token)
  }

  private tokenAt(number: number): string {
    const token = this.tokens[number]
    if (token === undefined) {
      throw new LanewiseError('E_VALUE', `there is no token ${number} among ${this.size}`, {
        expected: `[0, ${this.size - 1}]`,
        actual: String(number),
      })
    }
    return token
  }
}

/** Text from tokens that come one by one: a character whose bytes are spread over several tokens comes with the last of them. */
export class Decoder {
  private readonly utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly options: { readonly skipSpecial?: boolean } = {},
  ) {
    checkArguments(new.target.name, { tokenizer, options }, 'object', { skipSpecial: 'boolean' })
  }

  /** What a token adds to the text. @throws LanewiseError `E_VALUE` for a number that is no token's. */
  push(token: number): string {
    if (this.options.skipSpecial && this.tokenizer.isSpecial(token)) return ''
    return this.utf8.decode(this.tokenizer.bytesOf(token), { stream: true })
  }

  /** What is left: U+FFFD for the beginning of a character that never was completed. */
  end(): string {
    return this.utf8.decode()
  }
}

function normalized(text: string, normalizers: readonly Normalizer[]): string {
  return normalizers.reduce((result, name) => normalize[name](result), text)
}

function prefixed(text: string, addPrefixSpace: boolean): string {
  return addPrefixSpace && text !== '' && !text.startsWith(' ') ? ` ${text}` : text
}
