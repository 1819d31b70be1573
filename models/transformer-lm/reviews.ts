import { existsSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LanewiseError, Random } from '../../src/train.js'
import { drawSentences } from './grammar.js'
import { linesOf, plainReview, readText } from './texts.js'

/** A text that was judged: 0 is negative, 1 positive. */
export interface Review {
  readonly text: string
  readonly label: 0 | 1
}

/** Sets of judged texts that are known by name. */
export const reviewSets = ['imdb', 'rt-polarity', 'sst2', 'grammar'] as const
export type ReviewSet = (typeof reviewSets)[number]

/**
 * Texts that were cut into words and marks, as they were written: blanks before marks and within contractions are taken
 * out.
 */
export function joined(text: string): string {
  return text
    .replace(/ (?=[,.!?;:)\]%]|n't\b|'(?:s|re|ve|ll|d|m)\b)/g, '')
    .replace(/([([$]) /g, '$1')
    .trim()
}

function labelOf(value: string, path: string, row: number): 0 | 1 {
  if (value === '0' || value === '1') return Number(value) as 0 | 1
  throw new LanewiseError('E_PARSE', `${path}, row ${row}: the label is ${JSON.stringify(value)}`, {
    expected: '0 or 1',
    actual: value,
  })
}

/**
 * Judged texts of a file, one a line, columns parted by tabs: label, rating, id, text (as IMDB's are); or text, label;
 * or label, text. A line of titles at the beginning is passed over. gzip or not.
 *
 * @throws LanewiseError `E_EXTERNAL` if it cannot be read; `E_PARSE` for what is no UTF-8, and naming the row, for a
 *   label other than 0 and 1 or too few columns.
 */
export function readReviews(path: string): Review[] {
  const lines = linesOf(readText(path))
  const titles = /^(?:label|text|sentence)\t/i.test(lines[0] ?? '')
  const reviews = lines.slice(Number(titles)).map((line, i) => {
    const row = i + 1 + Number(titles)
    const columns = line.split('\t')
    if (columns.length < 2) throw new LanewiseError('E_PARSE', `${path}, row ${row}: there is one column only`)
    if (columns.length >= 4)
      return { text: plainReview(columns.slice(3).join('\t')), label: labelOf(columns[0], path, row) }
    const first = columns[0] === '0' || columns[0] === '1'
    const [text, label] = first ? [columns[1], columns[0]] : [columns[0], columns[1]]
    return { text: plainReview(joined(text)), label: labelOf(label, path, row) }
  })
  if (reviews.length === 0) throw new LanewiseError('E_PARSE', `${path} has no rows`)
  return reviews
}

/** The 10,662 sentences of Pang & Lee (2005): `rt-polarity.neg` and `rt-polarity.pos`, one sentence a line. */
export function readPolarity(folder: string): Review[] {
  const negative = join(folder, 'rt-polarity.neg')
  if (!existsSync(negative)) throw new LanewiseError('E_EXTERNAL', `${negative} is not there`)
  return (['neg', 'pos'] as const).flatMap((ending, label) =>
    linesOf(readText(join(folder, `rt-polarity.${ending}`), 'latin1').replaceAll('\u0085', ' ')).map((line) => ({
      text: joined(line),
      label: label as 0 | 1,
    })),
  )
}

/** Judged texts to learn from and to be measured on. */
export interface ReviewParts {
  readonly name: string
  readonly train: readonly Review[]
  readonly validation: readonly Review[]
}

/** Every tenth of the texts, in an order that never changes, is to be measured on. */
export function splitReviews(name: string, reviews: readonly Review[]): ReviewParts {
  const order = Array.from(Random.at(17, 0).permutation(reviews.length), (i) => reviews[i])
  const count = Math.ceil(reviews.length / 10)
  return { name, train: order.slice(count), validation: order.slice(0, count) }
}

/** Where a set lies in the shared folder, if it does. */
export function sharedReviews(set: ReviewSet): string | undefined {
  const path = join(process.env.LANEWISE_SHARED ?? '../shared', 'data', set)
  return set !== 'grammar' && existsSync(path) ? path : undefined
}

/** Several sets as one, each with a part to learn from and one to be measured on. */
export function loadReviewSets(sets: readonly ReviewSet[], from?: string): ReviewParts {
  const all = sets.map((set) => loadReviews(set, from))
  return {
    name: all.map(({ name }) => name).join(' and '),
    train: all.flatMap(({ train }) => train),
    validation: all.flatMap(({ validation }) => validation),
  }
}

/**
 * A set of judged texts: by its name from the shared folder, from a file or from a folder.
 *
 * @param from - a TSV file, or a folder with `rt-polarity.*`, `train.tsv` or `train.tsv.gz`.
 */
export function loadReviews(set: ReviewSet, from?: string): ReviewParts {
  if (set === 'grammar') {
    return { name: 'a generated language', train: drawSentences(2000, 4), validation: drawSentences(400, 5) }
  }
  const path = from ?? join(process.env.LANEWISE_SHARED ?? '../shared', 'data', set)
  if (!existsSync(path)) throw new LanewiseError('E_EXTERNAL', `${path} is not there`)
  if (!statSync(path).isDirectory()) return splitReviews(path, readReviews(path))
  if (existsSync(join(path, 'rt-polarity.pos'))) return splitReviews(path, readPolarity(path))
  const file = ['train.tsv.gz', 'train.tsv'].map((name) => join(path, name)).find(existsSync)
  if (!file) throw new LanewiseError('E_EXTERNAL', `${path} has neither rt-polarity.pos nor train.tsv`)
  const dev = join(path, 'dev.tsv')
  if (existsSync(dev))
    return { name: `${path} (${basename(file)}, dev.tsv)`, train: readReviews(file), validation: readReviews(dev) }
  return splitReviews(file, readReviews(file))
}

/**
 * So many of the texts, as many of either class (or one more of one), drawn by a seed. @throws LanewiseError `E_VALUE`
 * for more than there are.
 */
export function drawReviews(reviews: readonly Review[], count: number, seed: number): Review[] {
  const order = Array.from(Random.at(seed, count).permutation(reviews.length), (i) => reviews[i])
  const chosen = [0, 1].flatMap((label) =>
    order.filter((review) => review.label === label).slice(0, Math.floor((count + label) / 2)),
  )
  if (chosen.length < count)
    throw new LanewiseError(
      'E_VALUE',
      `${count} texts, half of them of either class, cannot be drawn from ${reviews.length}`,
    )
  return chosen
}
