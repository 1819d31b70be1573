import { LanewiseError } from '../../core/errors.js'
import { hostTensor, type HostTensor } from '../../core/host.js'
import { placeBytes } from '../../core/host-memory.js'
import { broadcastShapes, formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { floats, int, ints, required, string, strings } from '../../ir/attributes.js'
import { broadcastOffsets } from '../shared/broadcast-offsets.js'
import { defineOp } from '../../ir/op.js'
import { Pieces, splitAt, STRETCH } from './pieces.js'
import { fullMatcher } from './regex.js'

function stringsOf(tensor: HostTensor): readonly string[] {
  if (tensor.dtype !== 'string')
    throw new LanewiseError('E_TENSOR', `strings are needed, got ${tensor.dtype}`, {
      expected: 'string',
      actual: tensor.dtype,
    })
  return tensor.data as string[]
}

export const StringConcat = defineOp({
  name: 'StringConcat',
  arity: 2,
  attributes: {},
  infer: ({ inputs: [a, b] }) => [{ dtype: 'string', shape: broadcastShapes(a.shape, b.shape) }],
  compute({ inputs: [a, b], outputs: [{ shape }] }) {
    const [left, right] = [stringsOf(a), stringsOf(b)]
    const rightOf = broadcastOffsets(b.shape, shape)
    return [
      hostTensor(
        'string',
        shape,
        broadcastOffsets(a.shape, shape).map((at, i) => left[at] + right[rightOf[i]]),
      ),
    ]
  },
})

/** Parts of every string along a new last axis, padded with '', and how many there are. */
export const StringSplit = defineOp({
  name: 'StringSplit',
  arity: 1,
  outputs: 2,
  attributes: { delimiter: string(''), maxsplit: int() },
  *work({ attributes: { delimiter, maxsplit = Infinity }, inputs: [x], room }) {
    const pieces = new Pieces(room)
    const most = maxsplit < 0 ? Infinity : maxsplit
    const parts: string[][] = []
    for (const text of stringsOf(x)) {
      pieces.begin()
      yield* delimiter === '' ? splitAtSpaces(text, most, pieces) : splitAt(text, delimiter, most, pieces)
      parts.push(pieces.list)
      yield
    }
    const width = parts.reduce((largest, { length }) => Math.max(largest, length), 0)
    pieces.reserve(placeBytes(parts.length * width))
    const data = new Array<string>(parts.length * width).fill('')
    parts.forEach((list, row) => list.forEach((part, column) => (data[row * width + column] = part)))
    const counts = BigInt64Array.from(parts, ({ length }) => BigInt(length))
    return [hostTensor('string', [...x.shape, width], data), hostTensor('int64', x.shape, counts)]
  },
})

/** As Python's split without a delimiter: at runs of white space, none at the ends. */
function* splitAtSpaces(text: string, most: number, pieces: Pieces): Generator<undefined, void> {
  let start = -1
  for (let at = 0, splits = 0; at < text.length; at++) {
    if (at % STRETCH === STRETCH - 1) yield
    const space = isSpace(text.charCodeAt(at))
    if (space && start >= 0) {
      pieces.push(text.slice(start, at))
      start = -1
      splits++
    } else if (!space && start < 0) {
      if (splits >= most) return pieces.push(text.slice(at).trimEnd())
      start = at
    }
  }
  if (start >= 0) pieces.push(text.slice(start))
}

/** White space as `\s` and `trim` have it. */
function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || (code > 127 && /\s/.test(String.fromCharCode(code)))
}

export const StringNormalizer = defineOp({
  name: 'StringNormalizer',
  arity: 1,
  attributes: {
    case_change_action: string('NONE'),
    is_case_sensitive: int(0),
    locale: string(''),
    stopwords: strings([]),
  },
  *work({ attributes: { case_change_action: action, is_case_sensitive: sensitive, locale, stopwords }, inputs: [x] }) {
    const { shape } = x
    if (shape.length > 2 || shape.length < 1 || (shape.length === 2 && shape[0] !== 1))
      throw new LanewiseError('E_SHAPE', `the input must be [C] or [1, C], got ${formatShape(shape)}`)
    if (!['NONE', 'LOWER', 'UPPER'].includes(action))
      throw new LanewiseError('E_VALUE', `case_change_action "${action}" is not known`)
    const languages = languagesOf(locale)
    const lower = (text: string) => text.toLocaleLowerCase(languages)
    const unwanted = new Set(sensitive ? stopwords : stopwords.map(lower))
    const data: string[] = []
    for (const text of stringsOf(x)) {
      yield
      if (unwanted.has(sensitive ? text : lower(text))) continue
      data.push(action === 'LOWER' ? lower(text) : action === 'UPPER' ? text.toLocaleUpperCase(languages) : text)
    }
    if (data.length === 0) data.push('')
    return [hostTensor('string', shape.length === 1 ? [data.length] : [1, data.length], data)]
  },
})

/** "en_US.UTF-8" as JavaScript writes languages; what is not one leaves Unicode's own rules. */
function languagesOf(locale: string): string[] {
  try {
    return Intl.getCanonicalLocales(locale.split('.')[0].replace('_', '-'))
  } catch {
    return ['und']
  }
}

export const RegexFullMatch = defineOp({
  name: 'RegexFullMatch',
  arity: 1,
  attributes: { pattern: required(string()) },
  infer: ({ inputs: [x] }) => [{ dtype: 'bool', shape: x.shape }],
  *work({ attributes: { pattern }, inputs: [x] }) {
    const matches = fullMatcher(pattern)
    const texts = stringsOf(x)
    const data = new Uint8Array(texts.length)
    for (let i = 0; i < texts.length; i++) data[i] = (yield* matches(texts[i])) ? 1 : 0
    return [hostTensor('bool', x.shape, data)]
  },
})

/** The n-grams of a pool by their elements: a tree whose leaves say which one it is. */
interface Gram {
  readonly next: Map<string | bigint, Gram>
  id?: number
}

interface Vectorizer {
  readonly min_gram_length: number
  readonly max_gram_length: number
  readonly max_skip_count: number
  readonly mode: string
  readonly ngram_counts: readonly number[]
  readonly ngram_indexes: readonly number[]
  readonly pool_int64s: readonly number[] | undefined
  readonly pool_strings: readonly string[] | undefined
  readonly weights: readonly number[] | undefined
}

function poolOf({
  ngram_counts: counts,
  ngram_indexes: indexes,
  pool_int64s,
  pool_strings,
  max_gram_length: longest,
  min_gram_length: shortest,
}: Vectorizer): Gram {
  const pool: readonly (string | bigint)[] = pool_strings ?? (pool_int64s ?? []).map(BigInt)
  const root: Gram = { next: new Map() }
  let id = 0
  counts.forEach((start, k) => {
    const length = k + 1
    const end = counts[k + 1] ?? pool.length
    if (!(start >= 0 && start <= end && end <= pool.length) || (end - start) % length !== 0)
      throw new LanewiseError('E_VALUE', `ngram_counts ${formatShape(counts)} do not fit a pool of ${pool.length}`)
    for (let at = start; at < end; at += length, id++) {
      if (length < shortest || length > longest) continue
      let gram = root
      for (const item of pool.slice(at, at + length)) {
        let next = gram.next.get(item)
        if (!next) gram.next.set(item, (next = { next: new Map() }))
        gram = next
      }
      gram.id = id
    }
  })
  if (indexes.length !== id) throw new LanewiseError('E_VALUE', `${indexes.length} ngram_indexes for a pool of ${id}`)
  return root
}

/** Counts n-grams, their elements up to max_skip_count apart. */
export const TfIdfVectorizer = defineOp({
  name: 'TfIdfVectorizer',
  arity: 1,
  attributes: {
    max_gram_length: required(int()),
    max_skip_count: required(int()),
    min_gram_length: required(int()),
    mode: required(string()),
    ngram_counts: required(ints()),
    ngram_indexes: required(ints()),
    pool_int64s: ints(),
    pool_strings: strings(),
    weights: floats(),
  },
  infer: ({ attributes, inputs: [x] }) => [{ dtype: 'float32', shape: [...rowsOf(x.shape), widthOf(attributes)] }],
  *work({ attributes, inputs: [x], outputs: [{ shape }] }) {
    const {
      min_gram_length: shortest,
      max_gram_length: longest,
      max_skip_count: skips,
      mode,
      ngram_indexes: indexes,
      weights,
    } = attributes
    if (!['TF', 'IDF', 'TFIDF'].includes(mode)) throw new LanewiseError('E_VALUE', `mode "${mode}" is not known`)
    if (!(shortest >= 1 && longest >= shortest && skips >= 0))
      throw new LanewiseError('E_VALUE', `grams of ${shortest} to ${longest} with ${skips} skips`)
    if (weights && weights.length !== indexes.length)
      throw new LanewiseError('E_VALUE', `${weights.length} weights for ${indexes.length} n-grams`)
    const root = poolOf(attributes)
    const items = Array.from(x.data as ArrayLike<string | bigint | number>, (item) =>
      typeof item === 'number' ? BigInt(item) : item,
    )
    const columns = x.shape.at(-1) ?? 1
    const width = widthOf(attributes)
    const result = new Float32Array(sizeOf(shape))
    let looked = 0
    for (let row = 0; row * columns < items.length; row++) {
      const end = (row + 1) * columns
      for (let step = 1; step <= Math.min(skips + 1, columns); step++) {
        for (let start = row * columns; start < end; start++) {
          let gram: Gram | undefined = root
          for (let length = 1, at = start; length <= longest && at < end; length++, at += step) {
            if (++looked % STRETCH === 0) yield
            gram = gram.next.get(items[at])
            if (!gram) break
            // One element is the same with any skip.
            if (gram.id !== undefined && (length > 1 || step === 1)) result[row * width + indexes[gram.id]] += 1
          }
        }
      }
    }
    if (mode === 'TF') return [hostTensor('float32', shape, result)]
    for (let id = 0; id < indexes.length; id++) {
      const weight = weights?.[id] ?? 1
      for (let at = indexes[id]; at < result.length; at += width) {
        if (++looked % STRETCH === 0) yield
        result[at] = mode === 'IDF' ? (result[at] > 0 ? weight : 0) : result[at] * weight
      }
    }
    return [hostTensor('float32', shape, result)]
  },
})

function rowsOf(shape: Shape): number[] {
  if (shape.length > 2) throw new LanewiseError('E_SHAPE', `the input must be [C] or [N, C], got ${formatShape(shape)}`)
  return shape.length === 2 ? [shape[0]] : []
}

function widthOf({ ngram_indexes: indexes }: Vectorizer): number {
  if (indexes.some((index) => index < 0)) throw new LanewiseError('E_VALUE', 'ngram_indexes must not be negative')
  return indexes.reduce((largest, index) => Math.max(largest, index), -1) + 1
}
