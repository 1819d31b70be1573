import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { readBytes } from '../platform/node-files.js'
import { loadOptional } from '../platform/optional.js'
import { Tensor } from '../api/tensor.js'
import { digitNames } from './digits.js'
import { ImageSet } from './image-set.js'
import { matVersion, readMat } from './formats/mat5.js'
import { decodePicture, type Picture } from './picture.js'
import type { Box } from './picture-labels.js'
import { tarEntries } from './formats/tar.js'

// The Street View House Numbers (Netzer et al., "Reading digits in natural images with unsupervised feature learning",
// 2011; for non-commercial use): format 1 is an archive of PNGs with digitStruct.mat, format 2 a MAT file of single
// digits. In both a label of 10 is the digit 0.

/** What digitStruct.mat says of a picture. */
export interface DigitStruct {
  /** The picture's name in the archive. */
  readonly file: string
  /** The digits, from the left. */
  readonly number: string
  /** Each digit's box, from the left. */
  readonly boxes: readonly Box[]
}

/** A picture of format 1 with its labels. */
export interface SvhnNumber extends DigitStruct {
  /** The smallest rectangle around all digits. */
  readonly box: Box
  /** The picture itself. */
  readonly picture: Picture
}

type H5 = typeof import('h5wasm')

/** Fields of a digit's box. */
const FIELDS = ['label', 'left', 'top', 'width', 'height'] as const
let files = 0

/**
 * Reads `digitStruct.mat` of SVHN's format 1, a MAT file of version 7.3, which is HDF5 (read by the package h5wasm).
 *
 * @param what - the file's name, for messages.
 * @throws LanewiseError `E_UNSUPPORTED` if h5wasm is not installed or the file is of version 5; `E_PARSE` saying what
 *   is not as it must be.
 */
export async function readDigitStruct(bytes: Uint8Array, what = 'digitStruct.mat'): Promise<DigitStruct[]> {
  checkArguments('readDigitStruct', { bytes, what }, 'bytes', 'string?')

  if (matVersion(bytes) === '5.0')
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `${what}: this MAT file is of version 5, as SVHN's format 2 is; digitStruct.mat of format 1 is of version 7.3 (HDF5)`,
      { expected: 'MATLAB 7.3 MAT-file', actual: 'MATLAB 5.0 MAT-file' },
    )
  const h5 = await loadOptional<H5>('h5wasm', "reading SVHN's digitStruct.mat")
  const { FS } = await h5.ready
  const path = `/digit-struct-${files++}.mat`
  FS.writeFile(path, bytes)
  try {
    return structsIn(h5, path, what)
  } finally {
    FS.unlink(path)
  }
}

function structsIn(h5: H5, path: string, what: string): DigitStruct[] {
  const fail = (reason: string, cause?: unknown): never => {
    throw new LanewiseError('E_PARSE', `${what}: ${reason}`, { cause })
  }
  let file: InstanceType<H5['File']>
  try {
    file = new h5.File(path, 'r')
    if (file.file_id < 0) fail('this is no HDF5 file, or it is cut off')
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    return fail(`this is no HDF5 file, or it is cut off (${(cause as Error).message})`, cause)
  }
  try {
    const references = (name: string) => {
      const set = file.get(`digitStruct/${name}`)
      if (!(set instanceof h5.Dataset)) return fail(`there is no digitStruct/${name}`)
      return listOf(set.value)
    }
    const [names, boxes] = [references('name'), references('bbox')]
    if (names.length !== boxes.length) fail(`${names.length} names but ${boxes.length} boxes`)
    return names.map((reference, i) => {
      const where = `picture ${i + 1} of ${names.length}`
      const follow = (value: unknown): unknown =>
        value instanceof h5.Reference ? file.dereference(value) : fail(`${where}: a name or box is no reference`)
      const name = follow(reference)
      const group = follow(boxes[i])
      if (!(name instanceof h5.Dataset) || !(group instanceof h5.Group))
        return fail(`${where}: its name or box is not there`)
      const columns = FIELDS.map((field) => {
        const set = group.get(field)
        if (!(set instanceof h5.Dataset)) return fail(`${where}: its boxes have no "${field}"`)
        // One digit is a number, several are references to numbers.
        return listOf(set.value).map((value) => {
          const one = value instanceof h5.Reference ? follow(value) : undefined
          const number = Number(one instanceof h5.Dataset ? listOf(one.value)[0] : value)
          return Number.isFinite(number) ? number : fail(`${where}: "${field}" is no number`)
        })
      })
      const [labels, lefts, tops, widths, heights] = columns
      if (columns.some((column) => column.length !== labels.length))
        fail(`${where}: its boxes have different numbers of fields`)
      if (labels.some((label) => !Number.isInteger(label) || label < 0 || label > 10))
        fail(`${where}: a label is none of 1 … 10`)
      return {
        file: String.fromCharCode(...listOf(name.value).map(Number)),
        number: labels.map((label) => String(label % 10)).join(''),
        boxes: labels.map((_, k) => ({ left: lefts[k], top: tops[k], width: widths[k], height: heights[k] })),
      }
    })
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    return fail(`it is damaged (${(cause as Error).message})`, cause)
  } finally {
    file.close()
  }
}

/** The values of a dataset in one list. */
function listOf(value: unknown): unknown[] {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return (value as unknown[]).flat()
  return ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<unknown>) : [value]
}

/**
 * The pictures of SVHN's format 1, out of `train.tar.gz`, `test.tar.gz` or `extra.tar.gz` as it is: the archive streams
 * by twice (for digitStruct.mat, which may be at its end, and for the pictures), and nothing is unpacked to disk.
 *
 * @throws LanewiseError `E_PARSE` for an archive that is damaged or cut off, pictures without labels or labels without
 *   pictures; `E_EXTERNAL` if there is no file.
 */
export async function* svhnNumbers(archive: string, channels: 1 | 3 = 1): AsyncGenerator<SvhnNumber, void, void> {
  checkArguments('svhnNumbers', { archive, channels }, 'string', 'number?')

  const isStruct = (name: string) => /(^|\/)digitStruct\.mat$/.test(name)
  const entries = tarEntries(archive, { wanted: isStruct, limit: 2 ** 30 })
  const { value: entry } = await entries.next()
  await entries.return()
  if (!entry)
    throw new LanewiseError(
      'E_PARSE',
      `${archive}: there is no digitStruct.mat: this is not SVHN's format 1, or it is cut off`,
    )
  const structs = await readDigitStruct(entry.bytes, `${archive}: ${entry.name}`)
  const left = new Map(structs.map((struct) => [struct.file, struct]))
  for await (const { name, bytes } of tarEntries(archive, { wanted: (entry) => /\.png$/i.test(entry) })) {
    const file = name.replace(/^.*\//, '')
    const struct = left.get(file)
    if (!struct) throw new LanewiseError('E_PARSE', `${archive}: digitStruct.mat has no label for ${name}`)
    left.delete(file)
    const picture = await decodePicture(bytes, channels, `${archive}: ${name}`)
    const box = around(struct.boxes)
    if (
      !box ||
      box.left >= picture.width ||
      box.top >= picture.height ||
      box.left + box.width <= 0 ||
      box.top + box.height <= 0
    )
      throw new LanewiseError(
        'E_PARSE',
        `${archive}: the boxes of ${name} are not within its ${picture.width} × ${picture.height} pixels`,
      )
    yield { ...struct, box, picture }
  }
  if (left.size > 0) {
    const [first] = left.keys()
    throw new LanewiseError(
      'E_PARSE',
      `${archive}: ${left.size} pictures that digitStruct.mat names are not there, ${first} among them`,
    )
  }
}

function around(boxes: readonly Box[]): Box | undefined {
  const fine = boxes.filter(({ width, height }) => width > 0 && height > 0)
  if (fine.length === 0) return undefined
  const [left, top] = [Math.min(...fine.map((box) => box.left)), Math.min(...fine.map((box) => box.top))]
  return {
    left,
    top,
    width: Math.max(...fine.map((box) => box.left + box.width)) - left,
    height: Math.max(...fine.map((box) => box.top + box.height)) - top,
  }
}

const SIDE = 32

/**
 * Single digits of SVHN's format 2 (`train_32x32.mat`, a MAT file of version 5) as grey pictures (ITU-R BT.601), 0
 * … 255.
 *
 * @throws LanewiseError `E_PARSE` for a file that is damaged or has not `X` 32×32×3×N and `y` N×1, `E_UNSUPPORTED` for
 *   one of version 7.3.
 */
export async function loadSvhnDigits(path: string): Promise<ImageSet> {
  checkArguments('loadSvhnDigits', { path }, 'string')

  const arrays = await readMat(await readBytes(path), path)
  const [x, y] = [arrays.get('X'), arrays.get('y')]
  const count = x?.dims[0] ?? 0
  if (!x || !y || x.type !== 'uint8' || x.dims.join() !== [count, 3, SIDE, SIDE].join() || y.size !== count) {
    const shown = [...arrays].map(([name, { type, dims }]) => `${name} ${type} ${[...dims].reverse().join('×')}`)
    throw new LanewiseError(
      'E_PARSE',
      `${path}: SVHN's format 2 has X uint8 32×32×3×N and y N×1, here are ${shown.join(', ') || 'no arrays'}`,
    )
  }
  const area = SIDE * SIDE
  const pixels = x.data as Uint8Array
  const grey = new Uint8Array(count * area)
  for (let i = 0; i < count; i++) {
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        // The first axis, which runs fastest, counts rows.
        const at = i * 3 * area + column * SIDE + row
        grey[i * area + row * SIDE + column] = Math.round(
          0.299 * pixels[at] + 0.587 * pixels[at + area] + 0.114 * pixels[at + 2 * area],
        )
      }
    }
  }
  const labels = Uint8Array.from(y.data as ArrayLike<number>, (label) => {
    if (!Number.isInteger(label) || label < 0 || label > 10)
      throw new LanewiseError('E_PARSE', `${path}: a label is ${label}, none of 1 … 10`)
    return label % 10
  })
  return new ImageSet(new Tensor('uint8', grey, [count, SIDE, SIDE]), new Tensor('uint8', labels, [count]), digitNames)
}
