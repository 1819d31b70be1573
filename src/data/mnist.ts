import { kindOf } from '../core/options.js'
import { tagOf } from '../core/realm.js'
import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { fileExists, filePath, readBytes } from '../platform/node-files.js'
import type { Tensor } from '../api/tensor.js'
import { digitNames } from './digits.js'
import { readIdx } from './formats/idx.js'
import { ImageSet } from './image-set.js'

/** Data sets in the format of MNIST. */
export type MnistName = 'mnist' | 'fashion-mnist' | 'notmnist' | 'digits'
/** The part of a set to learn from, or to test with. */
export type MnistPart = 'train' | 'test'

interface Known {
  readonly classes: readonly string[]
  /** Pictures in each part; not given where collections of that name differ. */
  readonly counts?: Readonly<Record<MnistPart, number>>
}

/**
 * MNIST (LeCun et al. 1998), Fashion-MNIST (Xiao et al. 2017), notMNIST (Bulatov 2011), and digits that are drawn here.
 */
export const mnistSets: Readonly<Record<MnistName, Known>> = {
  mnist: { classes: digitNames, counts: { train: 60_000, test: 10_000 } },
  'fashion-mnist': {
    classes: ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
    counts: { train: 60_000, test: 10_000 },
  },
  notmnist: { classes: Array.from('ABCDEFGHIJ') },
  digits: { classes: digitNames },
}

/** Where the files are: a folder, the URL of one, or the paths or URLs of the files themselves. */
export type MnistSource = string | URL | readonly (string | URL)[]

const SIDE = 28
/** More than the largest of the files, which has 47 million bytes, could ever need. */
const LIMIT = 2 ** 28

/** The name that a file has everywhere, without ".gz": of the pictures or the labels of a part. */
export function mnistFile(part: MnistPart, what: 'images' | 'labels'): string {
  return `${part === 'train' ? 'train' : 't10k'}-${what}-${what === 'images' ? 'idx3' : 'idx1'}-ubyte`
}

/**
 * Both parts of MNIST or of a set in its form.
 *
 * @throws LanewiseError as {@link loadMnistPart}.
 */
export async function loadMnist(
  from: MnistSource,
  name: MnistName = 'mnist',
): Promise<{ train: ImageSet; test: ImageSet }> {
  checkSource('loadMnist', from)
  checkArguments('loadMnist', { from, name }, 'any', 'string')
  return { train: await loadMnistPart(from, 'train', name), test: await loadMnistPart(from, 'test', name) }
}

/**
 * One part: the pictures and labels of two IDX files, plain or packed with gzip.
 *
 * @throws LanewiseError `E_EXTERNAL` if a file cannot be had, `E_PARSE` if it is no IDX file, `E_TENSOR` if it does not
 *   hold what the set of that name holds.
 */
export async function loadMnistPart(from: MnistSource, part: MnistPart, name: MnistName = 'mnist'): Promise<ImageSet> {
  checkSource('loadMnistPart', from)
  checkArguments('loadMnistPart', { from, part, name }, 'any', 'string', 'string')
  const images = await idxFile(from, mnistFile(part, 'images'))
  const labels = await idxFile(from, mnistFile(part, 'labels'))
  const { classes, counts } = mnistSets[name]
  const set = new ImageSet(images, labels, classes)
  if (set.height !== SIDE || set.width !== SIDE) {
    throw new LanewiseError(
      'E_TENSOR',
      `the pictures of ${name} have ${SIDE}×${SIDE} pixels, these have ${set.height}×${set.width}`,
      { expected: `[${SIDE},${SIDE}]`, actual: `[${set.height},${set.width}]` },
    )
  }
  if (counts && set.length !== counts[part]) {
    throw new LanewiseError(
      'E_TENSOR',
      `the ${part} part of ${name} has ${counts[part]} pictures, this has ${set.length}; of the set "digits" (--set digits) there are as many as were drawn`,
      { expected: String(counts[part]), actual: String(set.length) },
    )
  }
  return set
}

function checkSource(what: string, from: unknown): void {
  const given = Array.isArray(from) ? (from as readonly unknown[]) : [from]
  for (const one of given)
    if (typeof one !== 'string' && tagOf(one) !== 'URL')
      throw new LanewiseError(
        'E_VALUE',
        `${what} takes a folder, or the paths or URLs of its files, got ${kindOf(one)}`,
      )
}

async function idxFile(from: MnistSource, name: string): Promise<Tensor> {
  const { bytes, location } = await find(from, name)
  return readIdx(bytes, location, LIMIT)
}

/** Names under which a file is passed on: packed or not, and with a dot where unpackers have put one. */
function spellings(name: string): string[] {
  const dotted = name.replace('-idx', '.idx')
  return [`${name}.gz`, name, `${dotted}.gz`, dotted]
}

async function find(from: MnistSource, name: string): Promise<{ bytes: Uint8Array; location: string }> {
  const base = Array.isArray(from) ? undefined : String(from).replace(/\/+$/, '')
  const candidates =
    base === undefined
      ? (from as readonly (string | URL)[])
          .map(String)
          .filter((location) => spellings(name).some((spelling) => location.replace(/[?#].*$/, '').endsWith(spelling)))
      : spellings(name).map((spelling) => `${base}/${spelling}`)
  for (const location of candidates) {
    const path = filePath(location)
    if (path !== undefined) {
      if (fileExists(path)) return { bytes: await readBytes(path), location }
      continue
    }
    const bytes = await download(location)
    if (bytes) return { bytes, location }
  }
  throw new LanewiseError(
    'E_EXTERNAL',
    `there is no ${name} (or ${name}.gz) in ${base === undefined ? 'the list of files' : JSON.stringify(base)}`,
  )
}

/** Undefined if there is nothing under that name. */
async function download(location: string): Promise<Uint8Array | undefined> {
  let response: Response
  let bytes: Uint8Array
  try {
    response = await fetch(location)
    bytes = new Uint8Array(await response.arrayBuffer())
  } catch (cause) {
    throw new LanewiseError('E_EXTERNAL', `${location} cannot be fetched: ${(cause as Error).message}`, { cause })
  }
  if (response.status === 404) return undefined
  if (!response.ok) throw new LanewiseError('E_EXTERNAL', `${location} cannot be fetched: HTTP ${response.status}`)
  return bytes
}
