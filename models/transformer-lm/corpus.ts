import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  decodeSafetensors,
  encodeSafetensors,
  joinDocuments,
  LanewiseError,
  Tensor,
  Tokenizer,
} from '../../src/train.js'
import { parts, type Part, type TextSource } from './texts.js'

/** Ends every document. */
export const END = '<|endoftext|>'
/** Fills up batches of sequences of different lengths. */
export const PAD = '<|pad|>'
/** Stands after a text whose class is asked for. */
export const CLASS = '<|class|>'

/** A byte-pair encoding of lower-case text, learned from the training part. */
export function trainTokenizer(source: TextSource, vocabularySize: number): Promise<Tokenizer> {
  return Tokenizer.train(source.documents('train'), {
    vocabularySize,
    specialTokens: [END, PAD, CLASS],
    normalizers: ['lowercase'],
  })
}

/** Words as WikiText counts them: what stands between blanks, and the end of each document. */
export function countWords(documents: Iterable<string>): number {
  let words = 0
  for (const document of documents) words += (document.match(/\S+/g)?.length ?? 0) + 1
  return words
}

/** A part of a {@link Corpus}. */
export interface Tokens {
  /** The documents one after another, each ended by {@link END}. */
  readonly ids: Int32Array
  /** How many words they are: what perplexities per word divide by. */
  readonly words: number
}

/** Texts as the numbers of their tokens. */
export class Corpus {
  private constructor(
    readonly tokenizer: Tokenizer,
    /** Where the texts came from. */
    readonly source: string,
    private readonly known: ReadonlyMap<Part, Tokens>,
  ) {}

  /**
   * Tokens of those parts of a source that it has. They are computed once and kept in a file of `cache`; a file of
   * other texts or another tokenizer is not taken.
   *
   * @throws LanewiseError as the source, and `E_EXTERNAL` if it has no part at all.
   */
  static open(source: TextSource, tokenizer: Tokenizer, { cache }: { readonly cache?: string } = {}): Corpus {
    const key = createHash('sha256').update(source.key).update(tokenizer.toJSON()).digest('hex').slice(0, 16)
    const file = cache === undefined ? undefined : join(cache, `tokens-${key}.safetensors`)
    if (file !== undefined && existsSync(file)) {
      const { tensors, metadata } = decodeSafetensors(readFileSync(file), file)
      const known = [...tensors].map(
        ([part, { data }]) => [part as Part, { ids: data as Int32Array, words: Number(metadata.get(part)) }] as const,
      )
      return new Corpus(tokenizer, source.name, new Map(known))
    }
    const known = new Map<Part, Tokens>()
    for (const part of parts) {
      const documents = [...documentsOf(source, part)]
      if (documents.length === 0) continue
      const encoded = documents.map((document) => tokenizer.encode(document, { special: false }))
      known.set(part, { ids: joinDocuments(encoded, tokenizer.idOf(END)), words: countWords(documents) })
    }
    if (known.size === 0) throw new LanewiseError('E_EXTERNAL', `${source.name} has no text`)
    if (cache !== undefined && file !== undefined) {
      mkdirSync(cache, { recursive: true })
      const tensors = [...known].map(([part, { ids }]) => [part, new Tensor('int32', ids, [ids.length])] as const)
      const words = Object.fromEntries([...known].map(([part, tokens]) => [part, String(tokens.words)]))
      writeFileSync(`${file}.new`, encodeSafetensors(tensors, words))
      renameSync(`${file}.new`, file)
    }
    return new Corpus(tokenizer, source.name, known)
  }

  /** Whether the texts have such a part. */
  has(part: Part): boolean {
    return this.known.has(part)
  }

  /** @throws LanewiseError `E_EXTERNAL` if the texts have no such part. */
  part(part: Part): Tokens {
    const tokens = this.known.get(part)
    if (!tokens) throw new LanewiseError('E_EXTERNAL', `${this.source} has no ${part} part`)
    return tokens
  }
}

/** The documents of a part, none if the source does not have it. */
function documentsOf(source: TextSource, part: Part): Iterable<string> {
  try {
    return [...source.documents(part)]
  } catch (error) {
    if (error instanceof LanewiseError && error.code === 'E_EXTERNAL') return []
    throw error
  }
}

/** The tokenizer of a file, or one that is trained on the source and kept there. */
export async function openTokenizer(file: string, source: TextSource, vocabularySize: number): Promise<Tokenizer> {
  if (existsSync(file)) return Tokenizer.fromJSON(readFileSync(file, 'utf8'))
  const tokenizer = await trainTokenizer(source, vocabularySize)
  writeFileSync(file, tokenizer.toJSON())
  return tokenizer
}
