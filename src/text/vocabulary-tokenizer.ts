import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'

/** The tokens of a {@link VocabularyTokenizer}, and where those stand that a text does not spell. */
export interface Vocabulary {
  readonly tokens: readonly string[]
  /** Tokens that are found in a text as they are written, and that `decode` can leave out. */
  readonly specialTokens?: readonly string[]
  /** Special tokens that `encode` puts before and after every text. */
  readonly before?: readonly string[]
  readonly after?: readonly string[]
}

/**
 * What the tokenizers of a `tokenizer.json` share: numbered tokens, special ones among them. How a plain text is cut is
 * the matter of each.
 */
export abstract class VocabularyTokenizer {
  /** Every token by its number, as `tokenizer.json` spells it. */
  readonly tokens: readonly string[]
  protected readonly numbers: ReadonlyMap<string, number>
  protected readonly special: ReadonlySet<string>
  private readonly specialPattern: RegExp | undefined
  private readonly before: readonly number[]
  private readonly after: readonly number[]

  /** @throws LanewiseError `E_VALUE` for a token that is there twice, or special ones that are not among the tokens. */
  protected constructor({ tokens, specialTokens = [], before = [], after = [] }: Vocabulary) {
    this.tokens = tokens
    this.numbers = new Map(tokens.map((token, number) => [token, number]))
    if (this.numbers.size !== tokens.length) throw new LanewiseError('E_VALUE', 'a vocabulary has a token twice')
    this.special = new Set(specialTokens)
    for (const token of specialTokens) this.idOf(token)
    this.before = before.map((token) => this.idOf(token))
    this.after = after.map((token) => this.idOf(token))
    // The longest first: one special token may begin as another does.
    const spelled = [...specialTokens]
      .sort((a, b) => b.length - a.length)
      .map((token) => token.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
    this.specialPattern = spelled.length > 0 ? new RegExp(spelled.join('|'), 'gu') : undefined
  }

  /** The numbers of a text without special tokens, which is not empty, in as many parts as it comes in. */
  protected abstract encodePlain(text: string): readonly ArrayLike<number>[]

  /** The text of tokens. */
  protected abstract joined(tokens: readonly string[]): string

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
   * @param options - `special: false` reads special tokens in the text as plain text (do so with text of strangers);
   * `template: false` leaves out the tokens that stand before and after every text.
   */
  encode(
    text: string,
    options: { readonly special?: boolean; readonly template?: boolean } = {},
  ): Int32Array<ArrayBuffer> {
    checkArguments('encode', { text, options }, 'string', { special: 'boolean', template: 'boolean' })
    const { special = true, template = true } = options
    const parts: ArrayLike<number>[] = []
    const plain = (piece: string): void => {
      if (piece !== '') for (const part of this.encodePlain(piece)) parts.push(part)
    }
    if (template) parts.push(this.before)
    let end = 0
    if (special && this.specialPattern) {
      for (const match of text.matchAll(this.specialPattern)) {
        plain(text.slice(end, match.index))
        parts.push([this.idOf(match[0])])
        end = match.index + match[0].length
      }
    }
    plain(text.slice(end))
    if (template) parts.push(this.after)
    const result = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      result.set(part, at)
      at += part.length
    }
    return result
  }

  /**
   * The text of tokens. What is not in them is not in it: bytes that are no UTF-8 (a character cut in the middle) are
   * shown as U+FFFD, blanks stand where the kind of tokenizer puts them.
   *
   * @param options - `skipSpecial: true` leaves special tokens out.
   * @throws LanewiseError `E_VALUE` for a number that is no token's.
   */
  decode(numbers: ArrayLike<number>, options: { readonly skipSpecial?: boolean } = {}): string {
    checkArguments('decode', { numbers, options }, 'list|bytes', { skipSpecial: 'boolean' })
    const tokens = Array.from(numbers, (number) => this.tokenAt(number))
    return this.joined(options.skipSpecial ? tokens.filter((token) => !this.special.has(token)) : tokens)
  }

  /** Whether a number is that of a special token. @throws LanewiseError `E_VALUE` for a number that is no token's. */
  isSpecial(number: number): boolean {
    return this.special.has(this.tokenAt(number))
  }

  protected tokenAt(number: number): string {
    const token = this.tokens[number] as string | undefined
    if (token === undefined) {
      throw new LanewiseError('E_VALUE', `there is no token ${number} among ${this.size}`, {
        expected: `[0, ${this.size - 1}]`,
        actual: String(number),
      })
    }
    return token
  }
}
