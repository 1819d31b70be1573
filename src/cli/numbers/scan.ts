import type { Box } from '../../data/picture-labels.js'
import type { Picture } from '../../data/picture.js'
import { READ_BATCH, type NumberReader, type Reading } from './reader.js'

/** A number that was found in a photograph. */
export interface Found {
  readonly box: Box
  readonly reading: Reading
  /**
   * How many windows around the place agree, weighted by how sure they are, those within it that see a part of the
   * number included.
   */
  readonly votes: number
}

/** Heights of windows as shares of the photograph's, from the largest; widths by their heights. */
const SCALES = [1, 0.7, 0.5, 0.35, 0.25, 0.18, 0.125, 0.09]
const ASPECTS = [0.7, 1.1, 1.7]
/** Windows move by this share of their size. */
const STEP = 0.25
/** Smaller windows have too few pixels to read. */
const LEAST = 14
// What follows was chosen on a third of pictures 1–128 of svhn-real without their boxes.
/** Readings less certain than this are noise. */
const LEAST_PROBABILITY = 0.6
/**
 * Windows that see a part of a number count for it up to this share of those that see the whole, each group of them.
 */
const MOST_SUPPORT = 0.5
/** Windows that overlap less see different things. */
const SAME_PLACE = 0.2
const MOST_FOUND = 5

/** The windows of a photograph, as boxes around digits (the reader adds its margin). */
export function windowsOf(width: number, height: number, margin: number, least = 0): Box[] {
  const boxes: Box[] = []
  for (const scale of SCALES.filter((one) => one >= least)) {
    for (const aspect of ASPECTS) {
      const [high, wide] = [height * scale, height * scale * aspect]
      if (high < LEAST || wide < LEAST / 2 || wide > width) continue
      for (const top of places(height, high)) {
        for (const left of places(width, wide)) {
          const [w, h] = [wide / (1 + margin), high / (1 + margin)]
          boxes.push({ left: left + (wide - w) / 2, top: top + (high - h) / 2, width: w, height: h })
        }
      }
    }
  }
  return boxes
}

/** Evenly spread from one end to the other, at most {@link STEP} of the size apart. */
function places(whole: number, size: number): number[] {
  const count = Math.max(1, Math.ceil((whole - size) / (STEP * size)) + 1)
  return Array.from({ length: count }, (_, i) =>
    count === 1 ? (whole - size) / 2 : (i * (whole - size)) / (count - 1),
  )
}

/** How a photograph is searched. */
export interface ScanOptions {
  /** The height of the smallest windows, as a share of the photograph's: most windows are small. All by default. */
  readonly least?: number
  /** Told after each batch which share of the windows has been read. */
  readonly onProgress?: (share: number) => void
}

/**
 * Looks for numbers in a whole grey photograph: the reader reads windows of several scales and shapes, and windows that
 * overlap vote. The best first.
 */
export async function scan(
  reader: NumberReader,
  picture: Picture,
  { least, onProgress }: ScanOptions = {},
): Promise<Found[]> {
  const boxes = windowsOf(picture.width, picture.height, reader.margin, least)
  const seen: Seen[] = []
  for (let start = 0; start < boxes.length; start += READ_BATCH) {
    const some = boxes.slice(start, start + READ_BATCH)
    const readings = await reader.read(some.map((box) => reader.crop(picture, box)))
    readings.forEach((reading, i) => void seen.push({ box: some[i], reading }))
    onProgress?.(seen.length / boxes.length)
  }
  return voted(seen)
}

/** A window, and what was read in it. */
export type Seen = Omit<Found, 'votes'>

/**
 * The numbers that windows agree on, the best first. A digit fills many windows and is read in all of them, a whole
 * number fits few: so what is read within a number's box and is a part of it counts for the number, too, and votes
 * count by the length.
 */
export function voted(seen: readonly Seen[]): Found[] {
  const groups: { box: Box; reading: Reading; number: string; own: number }[] = []
  const sure = seen
    .filter(({ reading }) => reading.probability >= LEAST_PROBABILITY)
    .sort((a, b) => b.reading.probability - a.reading.probability)
  for (const { box, reading } of sure) {
    const { number, probability } = reading
    if (number === undefined || number === '') continue
    const same = groups.find((other) => other.number === number && overlap(other.box, box) > SAME_PLACE)
    if (same) same.own += probability ** 2
    else groups.push({ box, reading, number, own: probability ** 2 })
  }
  const found = groups.map(({ box, reading, number, own }): Found => {
    const support = groups
      .filter((part) => part.number.length < number.length && number.includes(part.number) && within(part.box, box))
      .reduce((sum, part) => sum + Math.min(part.own, MOST_SUPPORT * own), 0)
    return { box, reading, votes: (own + support) * number.length }
  })
  found.sort((a, b) => b.votes - a.votes)
  // Another reading of the same place, or of a part of it, with fewer votes, is a mistake.
  const kept: Found[] = []
  for (const one of found)
    if (kept.every(({ box }) => overlap(box, one.box) < SAME_PLACE && !within(one.box, box))) kept.push(one)
  return kept.slice(0, MOST_FOUND)
}

function common(a: Box, b: Box): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left)
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top)
  return width <= 0 || height <= 0 ? 0 : width * height
}

/** Whether more than half of a box is in another. */
function within(part: Box, whole: Box): boolean {
  return common(part, whole) > 0.5 * part.width * part.height
}

/** Common area by that of both together. */
function overlap(a: Box, b: Box): number {
  const both = common(a, b)
  return both / (a.width * a.height + b.width * b.height - both)
}
