import { decodePicture } from '../../data/picture.js'
import type { Box } from '../../data/picture-labels.js'
import { LanewiseError } from '../../core/errors.js'
import { readBytes, writeAtomically } from '../../platform/node-files.js'
import { numbersFlag, textFlag, UsageError, type Invocation } from '../command.js'
import { describeEngine } from '../load.js'
import { loadReader } from './load-reader.js'
import { scan, type Found } from './scan.js'
import { barLines, halfBlocks, page, readingHtml } from './show.js'

/** Reads the number in a photograph: in a box, or wherever it is. */
export async function predictNumber(
  file: string,
  photograph: string,
  { flags, print, draw, result }: Invocation,
): Promise<void> {
  const given = numbersFlag(flags, 'box')
  if (given && given.length !== 4) throw new UsageError(`--box is left,top,width,height, got ${given.length} numbers`)
  const picture = await decodePicture(await readBytes(photograph), 1, photograph)
  const reader = await loadReader(file, flags)
  const box: Box | undefined = given && { left: given[0], top: given[1], width: given[2], height: given[3] }
  if (box && !(box.width > 0 && box.height > 0)) throw new UsageError(`--box has no area: ${given?.join(',')}`)
  if (
    box &&
    (box.left >= picture.width || box.top >= picture.height || box.left + box.width <= 0 || box.top + box.height <= 0)
  )
    throw new LanewiseError(
      'E_VALUE',
      `the box is outside of the ${picture.width} × ${picture.height} pixels of ${photograph}`,
    )
  const found: Found[] = box
    ? (await reader.read([reader.crop(picture, box)])).map((reading) => ({ box, reading, votes: reading.probability }))
    : await scan(reader, picture)
  print(`${describeEngine(reader.session)}; ${reader.title}`)
  if (found.length === 0) print('no number was found')
  const parts: string[] = []
  for (const { box: place, reading, votes } of found) {
    const crop = reader.crop(picture, place)
    const where = [place.left, place.top, place.width, place.height].map(Math.round).join(',')
    print()
    const bars = barLines(reading)
    halfBlocks(crop).forEach((line, i) => draw(line, bars[i]))
    print(`box ${where}${box ? '' : `, votes ${votes.toFixed(1)}`}`)
    parts.push(`<h2>Box ${where}</h2>${await readingHtml(crop, reading)}`)
  }
  const html = textFlag(flags, 'html')
  if (html !== undefined) {
    const text = page(`Numbers in ${photograph}`, parts.join('\n') || '<p>No number was found.</p>')
    writeAtomically(html, [new TextEncoder().encode(text)])
    print(html)
  }
  result({
    model: file,
    picture: photograph,
    found: found.map(({ box: place, reading, votes }) => ({
      number: reading.number ?? null,
      probability: reading.probability,
      box: place,
      votes,
      length: reading.length,
      digits: reading.digits,
    })),
    ...(html !== undefined && { html }),
  })
  await reader.session.release()
}
