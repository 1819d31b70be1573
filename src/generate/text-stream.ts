import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { generate, type GenerateOptions, type GenerationEnd } from './generate.js'
import type { GenerationSession } from './session-tensors.js'

/** What is asked of a tokenizer: those of "lanewise/train" are some. */
export interface TextTokenizer {
  /** The numbers of a text's tokens. */
  encode(text: string): ArrayLike<number>
  /** The text of tokens, without the special ones where `skipSpecial` is true. */
  decode(tokens: ArrayLike<number>, options?: { readonly skipSpecial?: boolean }): string
}

/** What stands for a character whose bytes are not all there. */
const INCOMPLETE = '\uFFFD'
/** How many tokens before the first are looked at. */
const CONTEXT = 8

/**
 * Text of tokens that come one by one, by any tokenizer: what a token adds is what is new in the text of the last
 * tokens together, so that blanks between words come where they belong; a character that is spread over several tokens
 * comes with the last of them.
 *
 * @example
 * import { TextStream } from 'lanewise/generate'
 *
 * const words = ['Hello', 'world', '!']
 * const tokenizer = {
 *   encode: (text: string) => text.split(' ').map((word) => words.indexOf(word)),
 *   decode: (tokens: ArrayLike<number>) => Array.from(tokens, (token) => words[token]).join(' '),
 * }
 * const stream = new TextStream(tokenizer)
 * console.log([stream.push(0), stream.push(1), stream.push(2), stream.end()].join('|')) // Hello| world| !|
 */
export class TextStream {
  private tokens: number[]
  /** How many of the tokens have been shown. */
  private shown: number

  /**
   * @param before - tokens that stand before and are shown already: whether the first one begins with a blank may
   *   depend on them.
   */
  constructor(
    private readonly tokenizer: Pick<TextTokenizer, 'decode'>,
    before: ArrayLike<number> = [],
  ) {
    checkArguments(new.target.name, { tokenizer, before }, 'object', 'list|bytes')
    this.tokens = Array.from(before).slice(-CONTEXT)
    this.shown = this.tokens.length
  }

  /** What a token adds to the text: nothing as long as a character is not whole. Special tokens add nothing. */
  push(token: number): string {
    this.tokens.push(token)
    const { before, whole } = this.texts()
    if (whole.length <= before.length || whole.endsWith(INCOMPLETE)) return ''
    // Those that were shown before this one are what the next stands behind.
    this.tokens = this.tokens.slice(this.shown)
    this.shown = this.tokens.length
    return whole.slice(before.length)
  }

  /** What is left: U+FFFD for the beginning of a character that never was completed. */
  end(): string {
    const { before, whole } = this.texts()
    this.tokens = []
    this.shown = 0
    return whole.slice(before.length)
  }

  private texts(): { before: string; whole: string } {
    const decode = (tokens: readonly number[]) => this.tokenizer.decode(tokens, { skipSpecial: true })
    return { before: decode(this.tokens.slice(0, this.shown)), whole: decode(this.tokens) }
  }
}

/** What {@link generateText} takes. */
export interface GenerateTextOptions extends GenerateOptions {
  /**
   * Texts that end the text and are no part of it. What may be the beginning of one is held back until that is clear.
   */
  readonly stopTexts?: readonly string[]
}

/** What {@link generateText} has made. */
export interface GeneratedText {
  /** The new text, without the prompt. */
  readonly text: string
  /** The numbers of the new tokens, without the prompt's. */
  readonly tokens: readonly number[]
  /** Why it ended: by `stop` or one of `stopTexts`, or because `maxTokens` or the room was reached. */
  readonly end: GenerationEnd
}

/**
 * Continues a text by a model and its tokenizer, and gives what is new piece by piece.
 *
 * @param prompt - the text so far, or its tokens.
 * @returns pieces of text, none of them empty; at the end all of it, without the prompt.
 * @throws LanewiseError as {@link generate}; `E_VALUE` for an empty text in `stopTexts`.
 *
 * @example
 * import { exportModel, GraphBuilder, InferenceSession, Tensor } from 'lanewise'
 * import { generateText } from 'lanewise/generate'
 *
 * // Instead of a trained model: scores of five words, of which the one after the last is the highest.
 * const words = ['one', 'two', 'three', 'four', 'five']
 * const g = new GraphBuilder('counter')
 * const next = new Float32Array(25).map((_, i) => (i % 5 === (Math.floor(i / 5) + 1) % 5 ? 9 : 0))
 * const table = g.constant('table', new Tensor('float32', next, [5, 5]))
 * g.output(g.op('Gather', [table, g.input('input_ids', 'int64', [1, 'N'])]), 'logits')
 * const session = await InferenceSession.create(exportModel(g))
 *
 * const tokenizer = {
 *   encode: (text: string) => text.split(' ').map((word) => words.indexOf(word)),
 *   decode: (tokens: ArrayLike<number>) => Array.from(tokens, (token) => words[token]).join(' '),
 * }
 * let text = ''
 * const options = { maxTokens: 9, stopTexts: ['five'] }
 * for await (const piece of generateText(session, tokenizer, 'one', options)) text += piece
 * console.log(text) // two three four
 */
export async function* generateText(
  session: GenerationSession,
  tokenizer: TextTokenizer,
  prompt: string | ArrayLike<number>,
  options: GenerateTextOptions = {},
): AsyncGenerator<string, GeneratedText, void> {
  checkArguments('generateText', { session, tokenizer }, 'session', 'object')
  if (typeof prompt !== 'string') checkArguments('generateText', { prompt }, 'list|bytes')
  const { stopTexts = [], ...rest } = options
  checkArguments('generateText', { stopTexts }, 'strings')
  if (stopTexts.includes('')) throw new LanewiseError('E_VALUE', 'stopTexts: an empty text is everywhere')
  const given = typeof prompt === 'string' ? tokenizer.encode(prompt) : prompt
  const stream = new TextStream(tokenizer, given)
  const iterator = generate(session, given, rest)
  const tokens: number[] = []
  let text = ''
  let held = ''
  for (;;) {
    const { value, done } = await iterator.next()
    held += done ? stream.end() : stream.push(value)
    if (!done) tokens.push(value)
    const at = firstAt(held, stopTexts)
    const ready = at ?? (done ? held.length : held.length - begunLength(held, stopTexts))
    const piece = held.slice(0, ready)
    held = held.slice(ready)
    text += piece
    if (piece !== '') yield piece
    if (at !== undefined) {
      await iterator.return('stop')
      return { text, tokens, end: 'stop' }
    }
    if (done) return { text, tokens, end: value }
  }
}

/** Where the first of several texts begins; undefined if none is there. */
function firstAt(text: string, wanted: readonly string[]): number | undefined {
  const places = wanted.map((one) => text.indexOf(one)).filter((at) => at >= 0)
  return places.length > 0 ? Math.min(...places) : undefined
}

/** How many characters at the end may be the beginning of one of several texts. */
function begunLength(text: string, wanted: readonly string[]): number {
  let most = 0
  for (const one of wanted)
    for (let length = Math.min(one.length - 1, text.length); length > most; length--)
      if (text.endsWith(one.slice(0, length))) most = length
  return most
}
