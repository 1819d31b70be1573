import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import {
  AdamW,
  DataLoader,
  LanewiseError,
  GraphModule,
  MixedDataset,
  cosine,
  type TaskRecipe,
} from '../../src/train.js'
import { GeneratedNumbers, loadWorld } from './generate.js'
import { sharedFolder } from './glyphs.js'
import { readerBest, type Reader } from './networks.js'
import { RealNumbers } from './real.js'
import { generatedData, readerRecipe } from './task.js'

const STEPS = 300
const SIDE = 48
/** Rows of svhn-real's list that may be trained with; the others are for tests. */
const ROWS = [1, 128] as const

const base = readerRecipe({
  title: 'House numbers: reader-best, fine-tuned with 128 real pictures',
  seed: 2,
  batchSize: 64,
  side: SIDE,
  steps: STEPS,
  model: readerBest,
  optimizer: (model) => new AdamW(model.parameters(), { lr: 0.0005, weightDecay: 0.01 }),
  schedule: (steps) => cosine(steps, 0.01),
  fit: { ema: 0.99, evaluateEvery: 300, clipNorm: 5 },
})

/**
 * One real picture beside two generated ones; begins with the weights of reader-best.onnx, or of the ONNX file that
 * `$LANEWISE_BASE` names.
 */
export default {
  ...base,
  async data({ batchSize, seed, from }) {
    const folder = from ?? sharedFolder('svhn-real')
    if (folder === undefined)
      throw new LanewiseError(
        'E_EXTERNAL',
        'there are no real pictures: --data says where a folder of pictures with labels is',
      )
    const pictures = STEPS * batchSize
    const { validation, source } = await generatedData(SIDE, { pictures, batchSize })
    const mixed = new MixedDataset(
      [
        new GeneratedNumbers(await loadWorld('train'), SIDE, pictures, 10 + seed, {
          evenLengths: 0.1,
          empty: 0.02,
          tooLong: 0.01,
        }),
        await RealNumbers.open(folder, SIDE, { rows: ROWS, length: pictures, seed: 20 + seed }),
      ],
      { weights: [2, 1], length: pictures },
    )
    return {
      train: new DataLoader(mixed, { batchSize, shuffle: true, seed, dropLast: true }),
      validation,
      source: `${source}; real pictures ${ROWS.join('–')} of ${folder.replace(/^.*\//, '')}`,
    }
  },
  async model() {
    const network = readerBest()
    const file = process.env.LANEWISE_BASE ?? fileURLToPath(new URL('reader-best.onnx', import.meta.url))
    await loadReader(network, await readFile(file))
    return network
  },
} satisfies TaskRecipe<Reader>

/** Gives a network the weights of an exported reader, which keep their names in the file. */
async function loadReader(network: Reader, bytes: Uint8Array): Promise<void> {
  const imported = await GraphModule.from(bytes)
  const weights = [...imported.stateDict()].map(([name, tensor]) => [name.replace(/^network\./, ''), tensor] as const)
  network.loadStateDict(new Map(weights))
  imported.dispose()
}
