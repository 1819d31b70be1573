import type { Box } from '../../data/picture-labels.js'
import type { Picture } from '../../data/picture.js'
import { READ_BATCH, type NumberReader, type Reading } from './reader.js'

/** A number that was found in a photograph. */
export interface Found {
  readonly box: Box
  readonly reading: Reading
  /** How many windows around the place agree, weighted by their probabilities. */
  readonly votes: number
}

/** Heights of windows as shares of the photograph's, from the largest; widths by their heights. */
const SCALES = [1, 0.7, 0.5, 0.35, 0.25, 0.18, 0.125, 0.09]
const ASPECTS = [0.7, 1.1, 1.7]
/** Windows move by this share of their size. */
const STEP = 0.25
/** Smaller windows have too few pixels to read. */
const LEAST = 14
/** Readings less certain than this are noise. */
const LEAST_PROBABILITY = 0.4
const MOST_FOUND = 5

/** The windows of a photograph, as boxes around digits (the reader adds its margin). */
export function windowsOf(width: number, height: number, margin: number): Box[] {
  const boxes: Box[] = []
  for (const scale of SCALES) {
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

/**
 * Looks for numbers in a whole grey photograph: the reader reads windows of several scales and shapes, and windows that overlap vote. The best first.
 */
export async function scan(reader: NumberReader, picture: Picture): Promise<Found[]> {
  const boxes = windowsOf(picture.width, picture.height, reader.margin)
  const sure: { box: Box; reading: Reading }[] = []
  for (let start = 0; start < boxes.length; start += READ_BATCH) {
    const some = boxes.slice(start, start + READ_BATCH)
    const readings = await reader.read(some.map((box) => reader.crop(picture, box)))
    readings.forEach((reading, i) => {
      if (reading.number && reading.probability >= LEAST_PROBABILITY) sure.push({ box: some[i], reading })
    })
  }
  sure.sort((a, b) => b.reading.probability - a.reading.probability)
  const found: { box: Box; reading: Reading; votes: number }[] = []
  for (const { box, reading } of sure) {
    const same = found.find((other) => other.reading.number === reading.number && overlap(other.box, box) > 0.2)
    if (same) same.votes += reading.probability
    else found.push({ box, reading, votes: reading.probability })
  }
  found.sort((a, b) => b.votes - a.votes)
  // Another reading of the same place, with fewer votes, is a mistake.
  const kept: Found[] = []
  for (const one of found) if (kept.every((other) => overlap(other.box, one.box) < 0.2)) kept.push(one)
  return kept.slice(0, MOST_FOUND)
}

/** Common area by that of both together. */
function overlap(a: Box, b: Box): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left)
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top)
  if (width <= 0 || height <= 0) return 0
  return (width * height) / (a.width * a.height + b.width * b.height - width * height)
}
