import { checkArguments } from '../core/arguments.js'
import { BpeModel } from './bpe.js'
import { splitter, trainBpe, type BpeTables, type BpeTraining } from './bpe-trainer.js'
import { bytesOfToken, gpt2Pattern, tokenOfBytes } from './byte-level.js'
import { parseTokenizerJson, tokenizerJson } from './tokenizer-json.js'
import { VocabularyTokenizer } from './vocabulary-tokenizer.js'

/** What is done to a text before it is cut. */
export type Normalizer = 'lowercase' | 'NFC' | 'NFD' | 'NFKC' | 'NFKD'

/** Everything that decides how a {@link Tokenizer} works. */
export interface TokenizerOptions extends BpeTables {
  /** Tokens that are found in a text as they are written, and that `decode` can leave out. */
  readonly specialTokens?: readonly string[]
  /** Where a text is cut first: a regular expression with the flags g and u. */
  readonly pattern?: string
  /** Changes of a text before it is cut, in order; none by default. */
  readonly normalizers?: readonly Normalizer[]
  /** Puts a blank before a text that begins with none, so that its first word is a word like others. */
  readonly addPrefixSpace?: boolean
  /** Special tokens that `encode` puts before and after every text. */
  readonly before?: readonly string[]
  /** Special tokens that `encode` puts after every text. */
  readonly after?: readonly string[]
  /** A word that is a token as a whole is that token, whatever merges would make of it (`ignore_merges`). */
  readonly wholeWords?: boolean
}

/** How {@link Tokenizer.train} makes a tokenizer. */
export interface TrainTokenizerOptions extends Omit<BpeTraining, 'normalize'> {
  /** Changes of a text before it is cut, in order; none by default. */
  readonly normalizers?: readonly Normalizer[]
  /** Puts a blank before a text that begins with none. */
  readonly addPrefixSpace?: boolean
  /** Special tokens that `encode` puts before every text. */
  readonly before?: readonly string[]
  /** Special tokens that `encode` puts after every text. */
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
 * Byte-level byte-pair encoding: text to the numbers of tokens and back, trained here or read from Hugging Face's
 * `tokenizer.json`. No text is out of vocabulary, and `decode(encode(text))` is the text (where nothing is normalised).
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
export class Tokenizer extends VocabularyTokenizer {
  static override readonly name = 'Tokenizer'
  private readonly model: BpeModel
  private readonly cut: (text: string) => string[]
  private readonly encoder = new TextEncoder()

  /**
   * @throws LanewiseError `E_VALUE` for tables that contradict themselves, or special tokens that the vocabulary lacks.
   */
  constructor(
    /** What it was made of: JSON, to make it again. */
    readonly options: TokenizerOptions,
  ) {
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
    super(options)
    this.model = new BpeModel(options, this.numbers, options.wholeWords ?? false)
    this.cut = splitter(options.pattern ?? gpt2Pattern)
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

  /**
   * A tokenizer from the text, or the parsed contents, of a `tokenizer.json`. @throws LanewiseError `E_PARSE`;
   * `E_UNSUPPORTED` for other models than byte-level BPE.
   */
  static fromJSON(json: string | object): Tokenizer {
    checkArguments('Tokenizer.fromJSON', { json }, 'string|object')
    return new Tokenizer(parseTokenizerJson(json))
  }

  /** The `tokenizer.json` that Hugging Face's libraries load, as text. */
  toJSON(): string {
    return tokenizerJson(this.options)
  }

  protected encodePlain(text: string): ArrayLike<number>[] {
    const { normalizers = [], addPrefixSpace = false } = this.options
    return this.cut(prefixed(normalized(text, normalizers), addPrefixSpace)).map((word) =>
      this.model.encode(word, (piece) => tokenOfBytes(this.encoder.encode(piece))),
    )
  }

  protected joined(tokens: readonly string[]): string {
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
    return tokens.map((token) => utf8.decode(this.spelled(token), { stream: true })).join('') + utf8.decode()
  }

  /**
   * The bytes of a token; those of its spelling where it is special. @throws LanewiseError `E_VALUE` for a number that
   * is no token's.
   */
  bytesOf(number: number): Uint8Array {
    return this.spelled(this.tokenAt(number))
  }

  private spelled(token: string): Uint8Array {
    return (this.special.has(token) ? undefined : bytesOfToken(token)) ?? this.encoder.encode(token)
  }
}

/**
 * Text from tokens that come one by one: a character whose bytes are spread over several tokens comes with the last of
 * them.
 */
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
