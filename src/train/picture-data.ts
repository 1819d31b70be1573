import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { randomSplit, type Dataset } from '../data/dataset.js'
import { generateDigits } from '../data/digits.js'
import { loadMnist, loadMnistPart, mnistSets, type MnistName } from '../data/mnist.js'
import { LanewiseError } from '../core/errors.js'
import type { Recipe } from './recipe.js'

/** The parts of a set and where they came from. */
export interface PictureData {
  readonly train: Dataset
  readonly test: Dataset
  readonly classes: readonly string[]
  readonly source: string
}

/** Digits that are drawn when MNIST is not there. */
const DRAWN = { train: 20_000, test: 2_000 }
/**
 * The pictures of a set: from the folder or URL that is given; else from `data/NAME`, `$LANEWISE_SHARED/data/NAME` or `../shared/data/NAME`; else, for
 * MNIST, digits that are drawn.
 *
 * @throws LanewiseError `E_EXTERNAL` if there are none.
 */
export async function pictureData(
  name: MnistName,
  { from, split, seed = 1 }: { readonly from?: string; readonly split?: Recipe['split']; readonly seed?: number } = {},
): Promise<PictureData> {
  const { classes } = mnistSets[name]
  const source =
    from ?? [join('data', name), join(process.env.LANEWISE_SHARED ?? '../shared', 'data', name)].find(existsSync)
  if (source === undefined) {
    if (name !== 'mnist')
      throw new LanewiseError(
        'E_EXTERNAL',
        `there is no data/${name}: fetch it with "lanewise data ${name} --from FOLDER|URL", or say where it is with --data`,
      )
    return {
      train: generateDigits(DRAWN.train, 2 * seed),
      test: generateDigits(DRAWN.test, 2 * seed + 1),
      classes,
      source: 'drawn digits',
    }
  }
  if (split) {
    const all = await loadMnistPart(source, 'test', name)
    const [train, test] = randomSplit(all, split, seed)
    return { train, test, classes, source }
  }
  return { ...(await loadMnist(source, name)), classes, source }
}
