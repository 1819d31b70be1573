// Hugging Face's tokenizer.json for byte-level BPE. What it can say beyond that is refused by name, never passed over.
import { LanewiseError } from '../core/errors.js'
import { gpt2Pattern } from './byte-level.js'
import type { Normalizer, TokenizerOptions } from './tokenizer.js'

/** @internal */
export type Json = Readonly<Record<string, unknown>>

const formByType: Readonly<Record<string, Normalizer>> = {
  Lowercase: 'lowercase',
  NFC: 'NFC',
  NFD: 'NFD',
  NFKC: 'NFKC',
  NFKD: 'NFKD',
}

/** The contents of a `tokenizer.json`, as text. */
export function tokenizerJson(options: TokenizerOptions): string {
  const {
    tokens,
    merges,
    specialTokens = [],
    pattern = gpt2Pattern,
    normalizers = [],
    addPrefixSpace = false,
  } = options
  const { before = [], after = [], wholeWords = false } = options
  const numbers = new Map(tokens.map((token, number) => [token, number]))
  const byteLevel = {
    type: 'ByteLevel',
    add_prefix_space: addPrefixSpace,
    trim_offsets: true,
    use_regex: pattern === gpt2Pattern,
  }
  const types = normalizers.map((name) => ({ type: name === 'lowercase' ? 'Lowercase' : name }))
  const split = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
  const piece = (token: string): Json => ({ SpecialToken: { id: token, type_id: 0 } })
  const template = {
    type: 'TemplateProcessing',
    single: [...before.map(piece), { Sequence: { id: 'A', type_id: 0 } }, ...after.map(piece)],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: Object.fromEntries(
      [...new Set([...before, ...after])].map((token) => [
        token,
        { id: token, ids: [numbers.get(token)], tokens: [token] },
      ]),
    ),
  }
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content) => ({
      id: numbers.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: types.length === 0 ? null : types.length === 1 ? types[0] : { type: 'Sequence', normalizers: types },
    pre_tokenizer: byteLevel.use_regex ? byteLevel : { type: 'Sequence', pretokenizers: [split, byteLevel] },
    post_processor: before.length + after.length > 0 ? template : { ...byteLevel, add_prefix_space: true },
    decoder: { ...byteLevel, add_prefix_space: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: wholeWords,
      vocab: Object.fromEntries(numbers),
      merges,
    },
  })
}

/**
 * @throws LanewiseError `E_PARSE` for what is no tokenizer.json, `E_UNSUPPORTED` for what it says beyond byte-level
 *   BPE.
 */
export function parseTokenizerJson(json: string | object): TokenizerOptions {
  const file = parsedTokenizer(json)
  const model = recordOf(file.model, 'model')
  if (model.type !== undefined && model.type !== 'BPE') unsupported(`the model ${JSON.stringify(model.type)}`)
  for (const key of ['unk_token', 'continuing_subword_prefix', 'end_of_word_suffix'] as const) {
    if (model[key] != null && model[key] !== '') unsupported(`model.${key}`)
  }
  if (model.byte_fallback === true) unsupported('byte_fallback (a SentencePiece vocabulary)')
  const { tokens, specialTokens } = vocabularyOf(recordOf(model.vocab, 'model.vocab'), file.added_tokens)
  return {
    tokens,
    specialTokens,
    merges: list(model.merges, 'model.merges').map(mergeOf),
    wholeWords: model.ignore_merges === true,
    normalizers: normalizersOf(file.normalizer),
    ...preTokenizerOf(file.pre_tokenizer),
    ...templateOf(file.post_processor),
  }
}

/** @param beside - whether blanks beside special tokens mean nothing. @internal */
export function vocabularyOf(
  vocab: Json,
  added: unknown,
  beside = false,
): { tokens: string[]; specialTokens: string[] } {
  const tokens: string[] = []
  const put = (token: string, id: unknown): void => {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= 1 << 26)
      bad(`the number of token ${JSON.stringify(token)} is ${String(id)}`)
    const number = id as number
    if (tokens[number] !== undefined && tokens[number] !== token)
      bad(`tokens ${JSON.stringify(tokens[number])} and ${JSON.stringify(token)} have the number ${number}`)
    tokens[number] = token
  }
  for (const [token, id] of Object.entries(vocab)) put(token, id)
  const specialTokens: string[] = []
  for (const entry of added == null ? [] : list(added, 'added_tokens')) {
    const { content, id, lstrip, rstrip, single_word: single } = recordOf(entry, 'an added token')
    if (typeof content !== 'string' || content === '') bad('an added token has no content')
    if ((!beside && (lstrip === true || rstrip === true)) || single === true)
      unsupported(`lstrip, rstrip or single_word of the added token ${JSON.stringify(content)}`)
    put(content, id)
    specialTokens.push(content)
  }
  for (let i = 0; i < tokens.length; i++) if (tokens[i] === undefined) bad(`no token has the number ${i}`)
  return { tokens, specialTokens }
}

function mergeOf(entry: unknown): readonly [string, string] {
  const pair = typeof entry === 'string' ? entry.split(' ') : entry
  if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => typeof part === 'string' && part !== '')) {
    bad(`a merge is ${JSON.stringify(entry)}, not two tokens`)
  }
  return pair as [string, string]
}

function normalizersOf(value: unknown): Normalizer[] {
  if (value == null) return []
  const { type, normalizers } = recordOf(value, 'normalizer')
  if (type === 'Sequence') return list(normalizers, 'normalizer.normalizers').flatMap(normalizersOf)
  const form = formByType[String(type)]
  if (!form || !Object.hasOwn(formByType, String(type))) unsupported(`the normalizer ${String(type)}`)
  return [form]
}

function preTokenizerOf(value: unknown): { pattern: string; addPrefixSpace: boolean } {
  const steps = stepsOf(value)
  const last = steps.at(-1)
  if (last?.type !== 'ByteLevel')
    unsupported(`the pre-tokenizer ${JSON.stringify(last?.type ?? null)}: the last step must be ByteLevel`)
  const level = last
  const splits = steps.slice(0, -1)
  const addPrefixSpace = level.add_prefix_space === true
  if (splits.length === 0) {
    if (level.use_regex === false) return { pattern: String.raw`[\s\S]+`, addPrefixSpace }
    return { pattern: gpt2Pattern, addPrefixSpace }
  }
  const [{ type, pattern, behavior, invert }] = splits
  const regex = (pattern as Json | undefined)?.Regex
  const plain = splits.length === 1 && type === 'Split' && behavior === 'Isolated' && invert !== true
  if (!plain || level.use_regex !== false || typeof regex !== 'string') unsupported('this sequence of pre-tokenizers')
  return { pattern: javaScriptPattern(regex), addPrefixSpace }
}

function stepsOf(value: unknown): Json[] {
  if (value == null) return []
  const step = recordOf(value, 'pre_tokenizer')
  return step.type === 'Sequence' ? list(step.pretokenizers, 'pre_tokenizer.pretokenizers').flatMap(stepsOf) : [step]
}

/**
 * Oniguruma's `(?i:…)` needs an engine that knows modifiers; the contractions it is used for are spelled out instead.
 */
function javaScriptPattern(pattern: string): string {
  return pattern.replace(/\(\?i:([^()]*)\)/g, (_, alternatives: string) => {
    const either = alternatives.replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`)
    return `(?:${either})`
  })
}

/** The special tokens before and after every text. @internal */
export function templateOf(value: unknown): { before: string[]; after: string[] } {
  const result: { before: string[]; after: string[] } = { before: [], after: [] }
  if (value == null) return result
  const post = recordOf(value, 'post_processor')
  const { type, single, processors } = post
  if (type === 'ByteLevel') return result
  if (type === 'Sequence') {
    const parts = list(processors, 'post_processor.processors').map(templateOf)
    return { before: parts.flatMap((part) => part.before), after: parts.flatMap((part) => part.after) }
  }
  if (type === 'BertProcessing' || type === 'RobertaProcessing') {
    const [cls, sep] = [post.cls, post.sep].map((pair) => list(pair, 'a token of the post-processor')[0])
    return { before: [String(cls)], after: [String(sep)] }
  }
  if (type !== 'TemplateProcessing') unsupported(`the post-processor ${String(type)}`)
  let seen = false
  for (const entry of list(single, 'post_processor.single')) {
    const { Sequence, SpecialToken } = recordOf(entry, 'a piece of the template')
    if (Sequence) seen = true
    else
      (seen ? result.after : result.before).push(String(recordOf(SpecialToken, 'a special token of the template').id))
  }
  return result
}

/** @throws LanewiseError `E_PARSE` for text that is no JSON. @internal */
export function parsedTokenizer(json: string | object): Json {
  return typeof json === 'string' ? parsed(json) : (json as Json)
}

function parsed(text: string): Json {
  try {
    return recordOf(JSON.parse(text), 'tokenizer.json')
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    throw new LanewiseError('E_PARSE', 'tokenizer.json is no JSON', { cause })
  }
}

/** An object. @internal */
export function recordOf(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) bad(`${what} is no object`)
  return value as Json
}

/** A text. @internal */
export function textOf(value: unknown, what: string): string {
  if (typeof value !== 'string') bad(`${what} is no text`)
  return value
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) bad(`${what} is no list`)
  return value as unknown[]
}

function bad(reason: string): never {
  throw new LanewiseError('E_PARSE', `this is no tokenizer.json: ${reason}`)
}

function unsupported(what: string): never {
  unsupportedPart(what, 'byte-level BPE is')
}

/** @param instead - what is. @internal */
export function unsupportedPart(what: string, instead: string): never {
  throw new LanewiseError(
    'E_UNSUPPORTED',
    `${what} is not supported: ${instead}; the package @huggingface/tokenizers reads other tokenizers`,
  )
}
