import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { randomSplit, type Dataset } from '../data/dataset.js'
import { generateDigits } from '../data/digits.js'
import { loadMnistPart, mnistSets, type MnistName } from '../data/mnist.js'
import { LanewiseError } from '../core/errors.js'
import type { PictureRecipe } from './recipe.js'

/** Pictures to test a classifier with, and where they came from. */
export interface TestPictures {
  readonly test: Dataset
  readonly classes: readonly string[]
  readonly source: string
}

/** The parts of a set and where they came from. */
export interface PictureData extends TestPictures {
  readonly train: Dataset
}

/** Where pictures are looked for, and which of them are for what. */
export interface PictureOptions {
  /** A folder or URL; else `data/NAME`, `$LANEWISE_SHARED/data/NAME` or `../shared/data/NAME`. */
  readonly from?: string
  /** Shares of the test files for training and for testing, of sets that have no others. */
  readonly split?: PictureRecipe['split']
  readonly seed?: number
}

/** Digits that are drawn when there are no files. */
const DRAWN = { train: 20_000, test: 2_000 }

/** Where the files of a set are; undefined for digits that have to be drawn. */
function sourceOf(name: MnistName, from: string | undefined): string | undefined {
  const source =
    from ?? [join('data', name), join(process.env.LANEWISE_SHARED ?? '../shared', 'data', name)].find(existsSync)
  if (source === undefined && name !== 'mnist' && name !== 'digits')
    throw new LanewiseError(
      'E_EXTERNAL',
      `there is no data/${name}: fetch it with "lanewise data ${name} --from FOLDER|URL", or say where it is with --data`,
    )
  return source
}

/**
 * The pictures of a set to test with; the training files need not be there. For MNIST and `digits` they are drawn where
 * there are no files.
 *
 * @throws LanewiseError `E_EXTERNAL` if there are none.
 */
export async function testPictures(name: MnistName, options: PictureOptions = {}): Promise<TestPictures> {
  const { from, split, seed = 1 } = options
  const { classes } = mnistSets[name]
  const source = sourceOf(name, from)
  if (source === undefined) return { test: generateDigits(DRAWN.test, 2 * seed + 1), classes, source: 'drawn digits' }
  const all = await loadMnistPart(source, 'test', name)
  return { test: split ? randomSplit(all, split, seed)[1] : all, classes, source }
}

/**
 * The pictures of a set to train and to test with, as {@link testPictures} finds them.
 *
 * @throws LanewiseError `E_EXTERNAL` if there are none.
 */
export async function pictureData(name: MnistName, options: PictureOptions = {}): Promise<PictureData> {
  const { from, split, seed = 1 } = options
  const { classes } = mnistSets[name]
  const source = sourceOf(name, from)
  if (source !== undefined && split) {
    const [train, test] = randomSplit(await loadMnistPart(source, 'test', name), split, seed)
    return { train, test, classes, source }
  }
  const train =
    source === undefined ? generateDigits(DRAWN.train, 2 * seed) : await loadMnistPart(source, 'train', name)
  return { train, ...(await testPictures(name, options)) }
}
