import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import opentype from 'opentype.js'
import { decodePicture, LanewiseError, loadMnistPart, Random, resizedPicture, type Picture } from '../../src/train.js'
import { distanceGlyph, filled, FINE_ROWS, flattened, MARGIN, ROWS, type Glyph } from './shapes.js'

/** Digits of one hand: for each digit its glyphs. A number is written with one of them. */
export interface Face {
  readonly name: string
  readonly digits: readonly (readonly Glyph[])[]
}

/** Which half of the world: what tests are made of is never seen in training. */
export type Part = 'train' | 'test'

// Open fonts, as npm packages of Fontsource (https://fontsource.org), all under the SIL Open Font License or
// Apache-2.0.
const families: Readonly<Record<Part, readonly string[]>> = {
  train: [
    ...['roboto', 'arimo', 'tinos', 'oswald', 'bebas-neue', 'anton', 'lato', 'montserrat', 'merriweather'],
    ...['roboto-slab', 'playfair-display', 'arvo', 'cinzel', 'abril-fatface', 'josefin-sans', 'poiret-one', 'lobster'],
    ...['dancing-script', 'barlow', 'barlow-condensed', 'alfa-slab-one', 'righteous', 'stardos-stencil'],
    ...['patrick-hand', 'courier-prime', 'archivo-black', 'league-gothic', 'bitter', 'crete-round', 'kaushan-script'],
    'teko',
  ],
  test: [
    ...['inter', 'rokkitt', 'fjalla-one', 'libre-baskerville', 'cabin', 'saira-condensed', 'yeseva-one'],
    'philosopher',
  ],
}
const WEIGHTS = [400, 500, 700, 900]

/** The digits of open fonts in several weights. */
export async function fontFaces(part: Part): Promise<Face[]> {
  const { resolve } = createRequire(import.meta.url)
  const faces: Face[] = []
  for (const family of families[part]) {
    const folder = join(dirname(resolve(`@fontsource/${family}/package.json`)), 'files')
    for (const weight of WEIGHTS) {
      const file = join(folder, `${family}-latin-${weight}-normal.woff`)
      if (!existsSync(file)) continue
      const bytes = await readFile(file)
      const font = opentype.parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
      const digits = Array.from({ length: 10 }, (_, digit) => {
        const ink = filled(flattened(font.charToGlyph(String(digit)).getPath(0, 0, 1000).commands), FINE_ROWS)
        return ink ? [distanceGlyph(digit, ink)] : []
      })
      if (digits.every((glyphs) => glyphs.length > 0)) faces.push({ name: `${family} ${weight}`, digits })
    }
  }
  return faces
}

/** Where shared data are: `$LANEWISE_SHARED/data` or `../shared/data`. */
export function sharedFolder(name: string): string | undefined {
  const folder = join(process.env.LANEWISE_SHARED ?? '../shared', 'data', name)
  return existsSync(folder) ? folder : undefined
}

/**
 * MNIST's digits, `count` of each; undefined if the files are not there. Those of the test part are from its test file.
 */
export async function handwrittenFace(part: Part, count: number): Promise<Face | undefined> {
  const folder = sharedFolder('mnist')
  if (folder === undefined) return undefined
  const set = await loadMnistPart(folder, part)
  const digits: Glyph[][] = Array.from({ length: 10 }, () => [])
  for (let i = 0; i < set.length && digits.some((list) => list.length < count); i++) {
    const { image, label } = set.get(i)
    const digit = Number(label.data[0])
    if (digits[digit].length >= count) continue
    const glyph = writtenGlyph(digit, image.data as Float32Array, set.width, set.height)
    if (glyph) digits[digit].push(glyph)
  }
  return { name: 'MNIST', digits }
}

/** The ink's box of a grey picture, 1 being ink, as a distance map. */
function writtenGlyph(digit: number, data: Float32Array, width: number, height: number): Glyph | undefined {
  const at = (x: number, y: number) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : data[y * width + x])
  let [left, top, right, bottom] = [width, height, -1, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (at(x, y) < 0.5) continue
      ;[left, right] = [Math.min(left, x), Math.max(right, x)]
      ;[top, bottom] = [Math.min(top, y), Math.max(bottom, y)]
    }
  }
  if (bottom - top < 8) return undefined
  const scale = FINE_ROWS / (bottom - top + 1)
  const columns = Math.round((right - left + 1) * scale)
  const ink = new Uint8Array(columns * FINE_ROWS)
  for (let y = 0; y < FINE_ROWS; y++) {
    for (let x = 0; x < columns; x++) {
      const [u, v] = [left + (x + 0.5) / scale - 0.5, top + (y + 0.5) / scale - 0.5]
      const [i, k] = [Math.floor(u), Math.floor(v)]
      const [s, t] = [u - i, v - k]
      const value =
        (1 - t) * ((1 - s) * at(i, k) + s * at(i + 1, k)) + t * ((1 - s) * at(i, k + 1) + s * at(i + 1, k + 1))
      ink[y * columns + x] = Number(value >= 0.5)
    }
  }
  return distanceGlyph(digit, { width: columns, height: FINE_ROWS, data: ink })
}

/**
 * Digits cut from photographs of streets (Chars74K) and of counters; those that are there. One picture in five is for
 * tests.
 */
export async function photographedFaces(part: Part): Promise<Face[]> {
  const faces: Face[] = []
  for (const [name, files] of [
    ['Chars74K', await charsFiles()],
    ['counters', await meterFiles()],
  ] as const) {
    const digits: Glyph[][] = Array.from({ length: 10 }, () => [])
    for (const { path, digit, number } of files) {
      if ((number % 5 === 0) !== (part === 'test')) continue
      const picture = await pictureIn(path)
      const glyph = picture && coverGlyph(digit, picture)
      if (glyph) digits[digit].push(glyph)
    }
    if (digits.every((list) => list.length > 0)) faces.push({ name, digits })
  }
  return faces
}

/** Some files of the collection are of another format than their names say. */
async function pictureIn(path: string): Promise<Picture | undefined> {
  try {
    return await decodePicture(await readFile(path), 1, path)
  } catch (error) {
    if (error instanceof LanewiseError && error.code === 'E_PARSE') return undefined
    throw error
  }
}

interface DigitFile {
  readonly path: string
  readonly digit: number
  readonly number: number
}

async function charsFiles(): Promise<DigitFile[]> {
  const root = sharedFolder('chars74k-digits')
  if (root === undefined) return []
  const files: DigitFile[] = []
  for (const quality of ['GoodImg', 'BadImag']) {
    for (let digit = 0; digit < 10; digit++) {
      const folder = join(root, 'Img', quality, 'Bmp', `Sample${String(digit + 1).padStart(3, '0')}`)
      const names = (await readdir(folder)).filter((name) => name.endsWith('.png')).sort()
      files.push(...names.map((name, number) => ({ path: join(folder, name), digit, number })))
    }
  }
  return files
}

async function meterFiles(): Promise<DigitFile[]> {
  const root = sharedFolder('meter-digits')
  if (root === undefined) return []
  const names = (await readdir(root)).filter((name) => /^[0-9].*\.(jpe?g|png)$/i.test(name)).sort()
  return names.map((name, number) => ({ path: join(root, name), digit: Number(name[0]), number }))
}

/**
 * A digit in a photograph as a cover map: 0 is the grey of the ground around it and 1 that of the ink, whichever is
 * darker. Undefined where the two cannot be told apart.
 */
function coverGlyph(digit: number, picture: Picture): Glyph | undefined {
  const aspect = picture.width / picture.height
  if (picture.height < 12 || aspect > 1.6) return undefined
  const columns = Math.max(4, Math.round(ROWS * aspect))
  const { data } = resizedPicture(picture, columns, ROWS)
  const edge: number[] = []
  for (let y = 0; y < ROWS; y++)
    for (let x = 0; x < columns; x++)
      if (x < 2 || y < 2 || x >= columns - 2 || y >= ROWS - 2) edge.push(data[y * columns + x])
  const quantile = (values: readonly number[], share: number) =>
    [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))]
  const ground = quantile(edge, 0.5)
  const all = [...data]
  const [low, high] = [quantile(all, 0.05), quantile(all, 0.95)]
  const ink = high - ground > ground - low ? high : low
  if (Math.abs(ink - ground) < 0.08) return undefined
  const wide = columns + 2 * MARGIN
  const rows = ROWS + 2 * MARGIN
  const cover = new Float32Array(wide * rows)
  for (let y = 0; y < ROWS; y++) {
    for (let x = 0; x < columns; x++) {
      // Towards the edge the photograph's own ground fades into the new one.
      const fade = Math.min(1, (Math.min(x, y, columns - 1 - x, ROWS - 1 - y) + 0.5) / 2.5)
      const value = (data[y * columns + x] - ground) / (ink - ground)
      cover[(y + MARGIN) * wide + x + MARGIN] = fade * Math.min(1.3, Math.max(-0.5, value))
    }
  }
  return { digit, kind: 'cover', aspect, columns: wide, rows, data: cover }
}

/** A place for each glyph list to draw one from. */
export function glyphOf(face: Face, digit: number, random: Random): Glyph {
  const glyphs = face.digits[digit]
  return glyphs[random.integer(glyphs.length)]
}
