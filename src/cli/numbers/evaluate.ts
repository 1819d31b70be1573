import { decodePicture, type Picture } from '../../data/picture.js'
import { readPictureLabels } from '../../data/picture-labels.js'
import { LanewiseError } from '../../core/errors.js'
import { tableLines } from '../../core/table.js'
import { readBytes } from '../../platform/node-files.js'
import { MOST_DIGITS, type NumberReader, type Reading } from './reader.js'

/** How well numbers were read. */
export interface ReadingReport {
  /** What was read. */
  readonly set: string
  readonly count: number
  /** Share of the numbers of which the length and every digit are right. */
  readonly sequenceAccuracy: number
  /** Share of the digits that were read at their places. */
  readonly digitAccuracy: number
  readonly byLength: Readonly<Record<string, { readonly count: number; readonly accuracy: number }>>
  /** Numbers of more than five digits, which were left out. */
  readonly tooLong: number
  /** confusion[truth][answer] of the lengths 0 … 5; answers have one place more, for numbers that were refused. */
  readonly lengths: readonly (readonly number[])[]
  /** confusion[truth][answer] of digits in numbers whose length was right. */
  readonly digits: readonly (readonly number[])[]
  readonly wrong: readonly { readonly name: string; readonly truth: string; readonly answer: string | undefined }[]
}

/** Adds up readings. */
export class ReadingScore {
  private count = 0
  private right = 0
  private digitCount = 0
  private digitsRight = 0
  private tooLong = 0
  private readonly byLength = Array.from({ length: MOST_DIGITS + 1 }, () => ({ count: 0, right: 0 }))
  private readonly lengths = Array.from({ length: MOST_DIGITS + 1 }, () => new Array<number>(MOST_DIGITS + 2).fill(0))
  private readonly digits = Array.from({ length: 10 }, () => new Array<number>(10).fill(0))
  private readonly wrong: { name: string; truth: string; answer: string | undefined }[] = []

  add(name: string, truth: string, { number }: Pick<Reading, 'number'>): void {
    if (truth.length > MOST_DIGITS) {
      this.tooLong++
      return
    }
    const row = this.byLength[truth.length]
    this.count++
    row.count++
    this.lengths[truth.length][number?.length ?? MOST_DIGITS + 1]++
    for (const [i, digit] of [...truth].entries()) {
      this.digitCount++
      this.digitsRight += Number(number?.[i] === digit)
      if (number?.length === truth.length) this.digits[Number(digit)][Number(number[i])]++
    }
    if (number === truth) {
      this.right++
      row.right++
    } else this.wrong.push({ name, truth, answer: number })
  }

  report(set: string): ReadingReport {
    const share = (right: number, count: number) => (count === 0 ? 0 : right / count)
    return {
      set,
      count: this.count,
      sequenceAccuracy: share(this.right, this.count),
      digitAccuracy: share(this.digitsRight, this.digitCount),
      byLength: Object.fromEntries(
        this.byLength.flatMap(({ count, right }, length) =>
          count === 0 ? [] : [[String(length), { count, accuracy: share(right, count) }]],
        ),
      ),
      tooLong: this.tooLong,
      lengths: this.lengths,
      digits: this.digits,
      wrong: this.wrong,
    }
  }
}

/**
 * Reads the pictures of a folder with a list of labels (see `readPictureLabels`), cut by their boxes.
 *
 * @param rows - only these of the list, from 1.
 * @throws LanewiseError `E_PARSE` for a label that is no number, and as the list and the pictures say.
 */
export async function evaluateFolder(
  reader: NumberReader,
  folder: string,
  rows?: readonly [first: number, last: number],
): Promise<ReadingReport> {
  const score = new ReadingScore()
  let waiting: { name: string; truth: string; crop: Picture }[] = []
  const flush = async () => {
    const readings = await reader.read(waiting.map(({ crop }) => crop))
    readings.forEach((reading, i) => score.add(waiting[i].name, waiting[i].truth, reading))
    waiting = []
  }
  const list = await readPictureLabels(folder)
  const [first, last] = rows ?? [1, list.length]
  if (first < 1 || last < first || last > list.length)
    throw new LanewiseError('E_VALUE', `${folder} has the rows 1–${list.length}, not ${first}–${last}`)
  for (const { file, path, label, box } of list.slice(first - 1, last)) {
    if (!/^\d*$/.test(label))
      throw new LanewiseError('E_PARSE', `${folder}: the label of ${file} is no number: ${JSON.stringify(label)}`)
    const picture = await decodePicture(await readBytes(path), 1, path)
    const whole = { left: 0, top: 0, width: picture.width, height: picture.height }
    if (
      box &&
      (box.left + box.width <= 0 || box.top + box.height <= 0 || box.left >= picture.width || box.top >= picture.height)
    )
      throw new LanewiseError(
        'E_PARSE',
        `${folder}: the box of ${file} is outside of its ${picture.width} × ${picture.height} pixels`,
      )
    waiting.push({ name: file, truth: label, crop: reader.crop(picture, box ?? whole) })
    if (waiting.length >= 128) await flush()
  }
  await flush()
  return score.report(rows ? `${folder}, rows ${first}–${last}` : folder)
}

/** The report for people. */
export function reportLines({
  set,
  count,
  sequenceAccuracy,
  digitAccuracy,
  byLength,
  tooLong,
  lengths,
  wrong,
}: ReadingReport): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`
  return [
    `${set}: ${percent(sequenceAccuracy)} of ${count} numbers right, ${percent(digitAccuracy)} of their digits${tooLong > 0 ? `; ${tooLong} of more than ${MOST_DIGITS} digits left out` : ''}`,
    '',
    ...tableLines(
      [
        { title: 'digits' },
        { title: 'numbers', right: true },
        { title: 'right', right: true },
        ...[...Array.from({ length: MOST_DIGITS + 1 }, (_, i) => String(i)), 'more'].map((title) => ({
          title: `read as ${title}`,
          right: true,
        })),
      ],
      Object.entries(byLength).map(([length, row]) => [
        length,
        String(row.count),
        percent(row.accuracy),
        ...lengths[Number(length)].map((n) => (n > 0 ? String(n) : '·')),
      ]),
    ),
    ...(wrong.length > 0
      ? [
          '',
          `wrong: ${wrong
            .slice(0, 12)
            .map(({ name, truth, answer }) => `${name} ${truth} → ${answer ?? 'more'}`)
            .join(', ')}${wrong.length > 12 ? ', …' : ''}`,
        ]
      : []),
  ]
}
