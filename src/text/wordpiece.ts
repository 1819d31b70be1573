import { checkArguments } from '../core/arguments.js'
import {
  parsedTokenizer,
  recordOf,
  templateOf,
  textOf,
  unsupportedPart,
  vocabularyOf,
  type Json,
} from './tokenizer-json.js'
import { VocabularyTokenizer } from './vocabulary-tokenizer.js'

/** What a text becomes before it is cut, and how it is cut into words. */
type Step = (text: string) => string
type Cut = (text: string) => string[]

/** Words of more characters are unknown, whatever pieces there are (BERT's `max_input_chars_per_word`). */
const LONGEST_WORD = 100

/**
 * The tokenizer of BERT and its kin by Hugging Face's `tokenizer.json`: words, which are tokens (WordLevel) or are cut
 * into the longest pieces that the vocabulary has (WordPiece; Wu et al., 2016). What a word is said with is lost where
 * the file asks for that: capitals, accents, blanks.
 *
 * @example
 * import { WordPieceTokenizer } from 'lanewise/train'
 *
 * const vocab = { '[UNK]': 0, '[CLS]': 1, '[SEP]': 2, play: 3, '##ing': 4, '.': 5 }
 * const tokenizer = WordPieceTokenizer.fromJSON({
 *   normalizer: { type: 'BertNormalizer', lowercase: true },
 *   pre_tokenizer: { type: 'BertPreTokenizer' },
 *   model: { type: 'WordPiece', unk_token: '[UNK]', vocab },
 *   post_processor: { type: 'BertProcessing', cls: ['[CLS]', 1], sep: ['[SEP]', 2] },
 *   decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
 * })
 * const tokens = tokenizer.encode('Playing.')
 * console.log(tokens.join()) // 1,3,4,5,2
 * console.log(tokenizer.decode(tokens, { skipSpecial: true })) // playing.
 */
export class WordPieceTokenizer extends VocabularyTokenizer {
  static override readonly name = 'WordPieceTokenizer'
  private readonly steps: readonly Step[]
  private readonly cut: Cut
  private readonly unknown: number
  /** What a piece within a word begins with; undefined where only whole words are tokens. */
  private readonly prefix: string | undefined
  private readonly longest: number
  private readonly join: (tokens: readonly string[]) => string

  private constructor(file: Json) {
    const model = recordOf(file.model, 'model')
    const { type } = model
    if (type !== 'WordPiece' && type !== 'WordLevel')
      unsupportedPart(`the model ${JSON.stringify(type)}`, 'WordPiece and WordLevel are')
    // Blanks beside a special token are no part of words: whether it takes them makes no difference.
    const vocabulary = vocabularyOf(recordOf(model.vocab, 'model.vocab'), file.added_tokens, true)
    super({ ...vocabulary, ...templateOf(file.post_processor) })
    this.unknown = this.idOf(textOf(model.unk_token ?? '[UNK]', 'model.unk_token'))
    this.prefix =
      type === 'WordPiece' ? textOf(model.continuing_subword_prefix ?? '##', 'continuing_subword_prefix') : undefined
    this.longest = Number(model.max_input_chars_per_word ?? LONGEST_WORD)
    this.steps = stepsOf(file.normalizer)
    this.cut = cutOf(file.pre_tokenizer)
    this.join = joinerOf(file.decoder)
  }

  /**
   * A tokenizer from the text, or the parsed contents, of a `tokenizer.json`.
   *
   * @throws LanewiseError `E_PARSE` for what is none; `E_UNSUPPORTED` naming what it says beyond WordPiece and
   *   WordLevel.
   */
  static fromJSON(json: string | object): WordPieceTokenizer {
    checkArguments('WordPieceTokenizer.fromJSON', { json }, 'string|object')
    return new WordPieceTokenizer(parsedTokenizer(json))
  }

  protected encodePlain(text: string): number[][] {
    const normalized = this.steps.reduce((result, step) => step(result), text)
    const numbers: number[] = []
    for (const word of this.cut(normalized)) this.encodeWord(word, numbers)
    return [numbers]
  }

  private encodeWord(word: string, numbers: number[]): void {
    const { prefix, unknown } = this
    if (prefix === undefined) {
      numbers.push(this.numbers.get(word) ?? unknown)
      return
    }
    const characters = [...word]
    const first = numbers.length
    let from = characters.length > this.longest ? -1 : 0
    while (from >= 0 && from < characters.length) {
      let to = characters.length
      let piece: number | undefined
      for (; to > from && piece === undefined; to--)
        piece = this.numbers.get((from > 0 ? prefix : '') + characters.slice(from, to).join(''))
      if (piece !== undefined) numbers.push(piece)
      from = piece === undefined ? -1 : to + 1
    }
    if (from >= 0) return
    // A word of which a part is unknown is unknown as a whole.
    numbers.length = first
    numbers.push(unknown)
  }

  protected joined(tokens: readonly string[]): string {
    return this.join(tokens)
  }
}

// Each character by itself, as Hugging Face's library has it: the Greek sigma at the end of a word is no other letter
// than elsewhere.
const lowercase: Step = (text) => Array.from(text, (character) => character.toLowerCase()).join('')
const stripAccents: Step = (text) => text.replace(/\p{Mn}/gu, '')

const normalizers: Readonly<Record<string, Step>> = {
  Lowercase: lowercase,
  StripAccents: stripAccents,
  NFC: (text) => text.normalize('NFC'),
  NFD: (text) => text.normalize('NFD'),
  NFKC: (text) => text.normalize('NFKC'),
  NFKD: (text) => text.normalize('NFKD'),
}

/**
 * CJK unified ideographs, their extensions and compatibility forms: each is a word (the blocks that BERT's own
 * tokenizer lists).
 */
const IDEOGRAPHS =
  /[\u{4E00}-\u{9FFF}\u{3400}-\u{4DBF}\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{F900}-\u{FAFF}\u{2F800}-\u{2FA1F}]/gu

function stepsOf(value: unknown): Step[] {
  if (value == null) return []
  const given = recordOf(value, 'normalizer')
  const type = String(given.type)
  if (type === 'Sequence') {
    if (!Array.isArray(given.normalizers)) unsupportedPart('this sequence of normalizers', 'a list is')
    return given.normalizers.flatMap(stepsOf)
  }
  if (type !== 'BertNormalizer') {
    if (!Object.hasOwn(normalizers, type)) unsupportedPart(`the normalizer ${type}`, 'BertNormalizer is')
    return [normalizers[type]]
  }
  const { clean_text: clean, handle_chinese_chars: ideographs, strip_accents: accents, lowercase: lower } = given
  const steps: Step[] = []
  if (clean !== false)
    steps.push((text) => text.replace(/(?![\t\n\r])[\p{C}\uFFFD]/gu, '').replace(/\p{White_Space}/gu, ' '))
  if (ideographs !== false) steps.push((text) => text.replace(IDEOGRAPHS, ' $& '))
  if (accents ?? lower !== false) steps.push(normalizers.NFD, stripAccents)
  if (lower !== false) steps.push(lowercase)
  return steps
}

const cuts: Readonly<Record<string, RegExp>> = {
  // Runs of what is neither blank nor mark, and each mark by itself; ASCII's symbols are marks, too.
  BertPreTokenizer: /[\p{P}$+<=>^`|~]|[^\p{White_Space}\p{P}$+<=>^`|~]+/gu,
  Whitespace:
    /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
  WhitespaceSplit: /\P{White_Space}+/gu,
}

function cutOf(value: unknown): Cut {
  if (value == null) return (text) => (text === '' ? [] : [text])
  const type = String(recordOf(value, 'pre_tokenizer').type)
  if (!Object.hasOwn(cuts, type)) unsupportedPart(`the pre-tokenizer ${type}`, `${Object.keys(cuts).join(', ')} are`)
  return (text) => text.match(cuts[type]) ?? []
}

/** What BERT's marks lose in front of them, and the contractions (`cleanup` of Hugging Face's WordPiece decoder). */
const CLEANED: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
]

function joinerOf(value: unknown): (tokens: readonly string[]) => string {
  if (value == null) return (tokens) => tokens.join(' ')
  const { type, prefix = '##', cleanup = true } = recordOf(value, 'decoder')
  if (type !== 'WordPiece') unsupportedPart(`the decoder ${String(type)}`, 'WordPiece is')
  const inside = String(prefix)
  return (tokens) =>
    tokens
      .map((token, i) => {
        const piece = i === 0 ? token : token.startsWith(inside) ? token.slice(inside.length) : ` ${token}`
        return cleanup === false ? piece : CLEANED.reduce((text, [from, to]) => text.replaceAll(from, to), piece)
      })
      .join('')
}
