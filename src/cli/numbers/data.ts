import { writeCache } from '../../train/dataset-cache.js'
import { Tensor } from '../../api/tensor.js'
import { LanewiseError } from '../../core/errors.js'
import { bytesText } from '../../core/table.js'
import { croppedPicture, decodePicture, resizedPicture, type Picture } from '../../data/picture.js'
import { readPictureLabels, withMargin, type Box } from '../../data/picture-labels.js'
import { svhnNumbers } from '../../data/svhn.js'
import type { Fields } from '../../data/dataset.js'
import { fileSize, readBytes, writeAtomically } from '../../platform/node-files.js'
import { listFlag, numberFlag, textFlag, UsageError, type Invocation } from '../command.js'
import { MOST_DIGITS } from './reader.js'
import { escapeHtml } from '../../core/html.js'
import { page, pngUrl } from './show.js'

/** A picture of a number, wherever it came from. */
interface NumberPicture {
  readonly name: string
  readonly number: string
  readonly box: Box
  readonly picture: Picture
}

/** Numbers of SVHN archives (`.tar`, `.tar.gz`) and of folders with a list of labels, one source after the other. */
async function* numbersOf(sources: readonly string[]): AsyncGenerator<NumberPicture, void, void> {
  for (const source of sources) {
    if (/\.(tar|tgz|tar\.gz)$/.test(source)) {
      for await (const { file, number, box, picture } of svhnNumbers(source))
        yield { name: `${source}: ${file}`, number, box, picture }
      continue
    }
    for (const { file, path, label, box } of await readPictureLabels(source)) {
      if (!/^\d+$/.test(label))
        throw new LanewiseError('E_PARSE', `${source}: the label of ${file} is no number: ${JSON.stringify(label)}`)
      const picture = await decodePicture(await readBytes(path), 1, path)
      yield {
        name: path,
        number: label,
        box: box ?? { left: 0, top: 0, width: picture.width, height: picture.height },
        picture,
      }
    }
  }
}

/** Bits of a picture's print: whether each of 8×8 places is lighter than the one to its right. */
function printOf(crop: Picture): bigint {
  const { data } = resizedPicture(crop, 9, 8)
  let print = 0n
  for (let y = 0; y < 8; y++)
    for (let x = 0; x < 8; x++) print = (print << 1n) | BigInt(data[y * 9 + x] > data[y * 9 + x + 1])
  return print
}

/** Prints that differ in so few of 64 bits, under the same number, are of the same picture. */
const NEAR = 4

/** Finds prints like earlier ones: two that differ in few bits share at least one of their bytes. */
class Prints {
  private readonly byByte = Array.from(
    { length: 8 },
    () => new Map<number, { print: bigint; name: string; number: string }[]>(),
  )

  /** The earlier picture that this one is like, if there is one. */
  add(print: bigint, name: string, number: string): string | undefined {
    const bytes = Array.from({ length: 8 }, (_, i) => Number((print >> BigInt(8 * i)) & 255n))
    for (const [i, byte] of bytes.entries()) {
      const like = this.byByte[i]
        .get(byte)
        ?.find((other) => other.number === number && bitsOf(other.print ^ print) <= NEAR)
      if (like) return like.name
    }
    for (const [i, byte] of bytes.entries()) {
      const list = this.byByte[i].get(byte) ?? []
      list.push({ print, name, number })
      this.byByte[i].set(byte, list)
    }
    return undefined
  }
}

function bitsOf(value: bigint): number {
  let count = 0
  for (let left = value; left > 0n; left &= left - 1n) count++
  return count
}

const SAMPLES = 100

/** Looks at sets of numbers: a report, and a cache of their crops for training. */
export async function numbersData({ positionals, flags, print, result }: Invocation): Promise<void> {
  if (positionals.length > 1) throw new UsageError('archives and folders are given by --from')
  const sources = listFlag(flags, 'from')
  if (sources.length === 0)
    throw new UsageError(
      '--from is missing: an archive of SVHN (train.tar.gz), or a folder of pictures with labels.csv',
    )
  const side = numberFlag(flags, 'side', { least: 8, whole: true }) ?? 48
  const drop = flags['drop-duplicates'] === true
  const to = textFlag(flags, 'to')
  const widths: number[] = []
  const heights: number[] = []
  const lengths = new Array<number>(MOST_DIGITS + 1).fill(0)
  const duplicates: { name: string; of: string }[] = []
  const samples: { crop: Picture; number: string }[] = []
  const prints = new Prints()
  let [count, tooLong, digits, sum, squares, pixels] = [0, 0, 0, 0, 0, 0]
  async function* examples(): AsyncGenerator<Fields, void, void> {
    for await (const { name, number, box, picture } of numbersOf(sources)) {
      if (number.length > MOST_DIGITS) {
        tooLong++
        continue
      }
      const crop = resizedPicture(croppedPicture(picture, withMargin(box, 0.3)), side, side)
      const like = prints.add(printOf(crop), name, number)
      if (like !== undefined) {
        duplicates.push({ name, of: like })
        if (drop) continue
      }
      count++
      digits += number.length
      lengths[number.length]++
      widths.push(box.width)
      heights.push(box.height)
      for (const value of crop.data) {
        sum += value
        squares += value * value
      }
      pixels += crop.data.length
      if (samples.length < SAMPLES) samples.push({ crop, number })
      yield {
        image: new Tensor(
          'uint8',
          Uint8Array.from(crop.data, (value) => Math.round(255 * value)),
          [1, side, side],
        ),
        label: new Tensor(
          'int32',
          Int32Array.from({ length: MOST_DIGITS + 1 }, (_, i) =>
            i === 0 ? number.length : i <= number.length ? Number(number[i - 1]) : -1,
          ),
          [MOST_DIGITS + 1],
        ),
      }
    }
  }
  if (to === undefined) for await (const example of examples()) void example
  else await writeCache(to, examples(), { side: String(side), margin: '0.3', sources: JSON.stringify(sources) })
  if (count === 0)
    throw new LanewiseError('E_VALUE', `there are no numbers of up to ${MOST_DIGITS} digits in ${sources.join(', ')}`)
  const mean = sum / pixels
  const deviation = Math.sqrt(Math.max(0, squares / pixels - mean * mean))
  const figures = {
    sources,
    count,
    tooLong,
    averageDigits: digits / count,
    lengths: Object.fromEntries(lengths.flatMap((n, length) => (n > 0 ? [[length, n]] : []))),
    mean,
    deviation,
    width98: percentile(widths, 0.98),
    height98: percentile(heights, 0.98),
    duplicates: duplicates.length,
    dropped: drop ? duplicates.length : 0,
  }
  print(
    `${count} numbers of ${figures.averageDigits.toFixed(2)} digits; ${tooLong} of more than ${MOST_DIGITS} left out; ${duplicates.length} near-duplicates${drop ? ' dropped' : ''}`,
  )
  print(
    `crops ${side}×${side}: mean ${mean.toFixed(4)}, deviation ${deviation.toFixed(4)}; boxes: 98 % are at most ${figures.width98.toFixed(0)} × ${figures.height98.toFixed(0)} pixels`,
  )
  if (to !== undefined) print(`${to}  ${bytesText(fileSize(to))}`)
  if (flags.report === true) {
    const file = textFlag(flags, 'report-to') ?? 'numbers.html'
    const rows = [
      ['numbers', count],
      [`numbers of more than ${MOST_DIGITS} digits, left out`, tooLong],
      ['digits on average', figures.averageDigits.toFixed(3)],
      [`mean of the pixels of crops ${side}×${side}`, mean.toFixed(4)],
      ['their deviation', deviation.toFixed(4)],
      ['near-duplicates', duplicates.length],
    ]
    const sheet = await Promise.all(
      samples.map(
        async ({ crop, number }) =>
          `<figure><img src="${await pngUrl(crop)}" width="72" height="72" alt=""><figcaption>${number}</figcaption></figure>`,
      ),
    )
    const body = `<p>${escapeHtml(sources.join(', '))}</p>
<table>${rows.map(([name, value]) => `<tr><td>${name}</td><td class="number">${value}</td></tr>`).join('')}</table>
<h2>How many digits</h2>${bars(lengths.map((n, length) => [String(length), n] as const).slice(1))}
<h2>Widths of boxes</h2>${histogram(widths)}
<h2>Heights of boxes</h2>${histogram(heights)}
<h2>Samples</h2>${sheet.join('')}
${
  duplicates.length > 0
    ? `<h2>Near-duplicates</h2><ul>${duplicates
        .slice(0, 200)
        .map(({ name, of }) => `<li>${escapeHtml(name)} is like ${escapeHtml(of)}</li>`)
        .join('')}</ul>`
    : ''
}`
    writeAtomically(file, [new TextEncoder().encode(page('House numbers', body))])
    print(file)
  }
  result({ ...figures, ...(to !== undefined && { cache: to }) })
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]
}

function bars(rows: readonly (readonly [string, number])[]): string {
  const most = Math.max(1, ...rows.map(([, n]) => n))
  return `<table>${rows.map(([name, n]) => `<tr><td>${name}</td><td><span class="bar" style="width:${((24 * n) / most).toFixed(2)}rem"></span></td><td class="number">${n}</td></tr>`).join('')}</table>`
}

/** Up to the 98th percentile in 20 bins, and what is beyond. */
function histogram(values: readonly number[]): string {
  const end = percentile(values, 0.98)
  const bins = new Array<number>(21).fill(0)
  for (const value of values) bins[value > end ? 20 : Math.min(19, Math.floor((20 * value) / end))]++
  const step = end / 20
  return bars(
    bins.map(
      (n, i) =>
        [
          i === 20
            ? `beyond ${end.toFixed(0)} (the 98th percentile)`
            : `${(i * step).toFixed(0)} – ${((i + 1) * step).toFixed(0)}`,
          n,
        ] as const,
    ),
  )
}
