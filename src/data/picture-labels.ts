import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { fileExists, joinPath, readBytes } from '../platform/node-files.js'
import { csvRows } from './formats/csv.js'

/** A rectangle in pixels. */
export interface Box {
  /** The first column. */
  readonly left: number
  /** The first row. */
  readonly top: number
  /** How many columns there are. */
  readonly width: number
  /** How many rows there are. */
  readonly height: number
}

/** What a list of labels says of a picture. */
export interface PictureLabel {
  /** As the list has it. */
  readonly file: string
  /** Where the file is. */
  readonly path: string
  /** The name of its class. */
  readonly label: string
  /** The part of the picture that is meant; the whole by default. */
  readonly box?: Box
}

const MAX_LIST = 2 ** 28
/** Names under which a list may give the label. */
const LABEL_NAMES = ['label', 'number', 'class', 'text']

/**
 * The list of a folder of pictures: `labels.csv` with a header (`file`, one of `label`, `number`, `class`, `text`, and
 * perhaps `left,top,width,height`), or `labels.json`: rows with the same names, or `{ FILE: row }`; a row may have
 * `boxes` [{ x0, y0, x1, y1 }], of which the common rectangle is taken. Files are looked for in the folder and in its
 * `pictures`.
 *
 * @param list - another name of the list.
 * @throws LanewiseError `E_EXTERNAL` if there is no list or a picture is not there, `E_PARSE` naming the row that is
 *   wrong.
 */
export async function readPictureLabels(folder: string, list?: string): Promise<PictureLabel[]> {
  checkArguments('readPictureLabels', { folder, list }, 'string', 'string?')

  const name = list ?? ['labels.csv', 'labels.json'].find((known) => fileExists(joinPath(folder, known)))
  if (name === undefined)
    throw new LanewiseError(
      'E_EXTERNAL',
      `${folder} has neither labels.csv nor labels.json, which say what its pictures show`,
    )
  const where = joinPath(folder, name)
  const bytes = await readBytes(where, MAX_LIST)
  const rows = name.endsWith('.json') ? jsonRows(bytes, where) : await csvTable(bytes, where)
  if (rows.length === 0) throw new LanewiseError('E_PARSE', `${where}: there are no rows`)
  return rows.map((row, i) => labelOf(row, folder, `${where}, row ${i + 1}`))
}

type Row = Readonly<Record<string, unknown>>

async function csvTable(bytes: Uint8Array, where: string): Promise<Row[]> {
  let header: string[] | undefined
  const rows: Row[] = []
  for await (const cells of csvRows(bytes)) {
    if (!header) {
      header = cells.map((cell) => cell.trim())
      continue
    }
    if (cells.length !== header.length)
      throw new LanewiseError(
        'E_PARSE',
        `${where}, row ${rows.length + 1}: ${cells.length} cells under ${header.length} titles`,
      )
    const titles = header
    rows.push(Object.fromEntries(cells.map((cell, i) => [titles[i], cell.trim()])))
  }
  return rows
}

function jsonRows(bytes: Uint8Array, where: string): Row[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `${where}: this is no JSON (${(cause as Error).message})`, { cause })
  }
  const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value)
  const rows = Array.isArray(parsed)
    ? (parsed as unknown[])
    : isRow(parsed)
      ? Object.entries(parsed).map(([file, row]) => (isRow(row) ? { file, ...row } : { file, label: row }))
      : []
  const wrong = rows.findIndex((row) => !isRow(row))
  if (rows.length === 0 || wrong >= 0)
    throw new LanewiseError('E_PARSE', `${where}: expected is a list of rows, or an object of rows by file`)
  return rows as Row[]
}

function labelOf(row: Row, folder: string, where: string): PictureLabel {
  const fail = (reason: string): never => {
    throw new LanewiseError('E_PARSE', `${where}: ${reason}`)
  }
  const { file } = row
  if (typeof file !== 'string' || file === '') return fail('"file" is missing')
  const key = LABEL_NAMES.find((name) => row[name] !== undefined)
  const label = key === undefined ? undefined : row[key]
  if (typeof label !== 'string' && typeof label !== 'number') return fail(`none of ${LABEL_NAMES.join(', ')} is there`)
  const path = [joinPath(folder, file), joinPath(folder, 'pictures', file)].find(fileExists)
  if (path === undefined)
    throw new LanewiseError('E_EXTERNAL', `${where}: there is no picture ${joinPath(folder, file)}`)
  return { file, path, label: String(label), box: boxOf(row, fail) }
}

function boxOf(row: Row, fail: (reason: string) => never): Box | undefined {
  const sides = ['left', 'top', 'width', 'height']
  const given = sides.filter((side) => row[side] !== undefined && row[side] !== '')
  const { boxes } = row
  if (Array.isArray(boxes) && boxes.length > 0) {
    const corner = (name: string) =>
      (boxes as Row[]).map((box) => (typeof box?.[name] === 'number' ? box[name] : fail(`a box has no "${name}"`)))
    const [left, top] = [Math.min(...corner('x0')), Math.min(...corner('y0'))]
    return checkedBox(
      { left, top, width: Math.max(...corner('x1')) - left, height: Math.max(...corner('y1')) - top },
      fail,
    )
  }
  // A list that gives the size of the whole picture has no left and top.
  if (!given.includes('left') && !given.includes('top')) return undefined
  if (given.length < sides.length) return fail(`a box has left, top, width and height, here are ${given.join(', ')}`)
  const [left, top, width, height] = sides.map((side) => Number(row[side]))
  return checkedBox({ left, top, width, height }, fail)
}

function checkedBox(box: Box, fail: (reason: string) => never): Box {
  const fine = Object.values(box).every(Number.isFinite) && box.width > 0 && box.height > 0
  return fine ? box : fail(`the box ${JSON.stringify(box)} has no area`)
}

/** A rectangle that is larger by a share of its width and height, evenly on all sides. */
export function withMargin(box: Box, share: number): Box {
  checkArguments('withMargin', { box, share }, 'object', 'number')
  const { left, top, width, height } = box

  return {
    left: left - (share / 2) * width,
    top: top - (share / 2) * height,
    width: width * (1 + share),
    height: height * (1 + share),
  }
}
