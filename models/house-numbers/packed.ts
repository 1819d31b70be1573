import {
  DataLoader,
  LanewiseError,
  mapped,
  MixedDataset,
  openCache,
  randomSplit,
  Tensor,
  type Dataset,
  type Fields,
} from '../../src/train.js'
import { HEADS } from './generate.js'

/** Share of a packed set that is kept to validate with. */
const KEPT = 0.05

/** Crops of real pictures: to learn from, in an order of their own each time, and to validate with. */
export interface PackedNumbers {
  readonly train: DataLoader
  readonly validation: Dataset
  readonly source: string
}

/**
 * Reads what `lanewise data svhn --to FILE` packed, in one read.
 *
 * @param length - how many examples a run takes; the set is passed through as often as that needs.
 * @throws LanewiseError `E_SHAPE` if the crops have another size than the reader, and as `openCache` does.
 */
export async function packedNumbers(
  file: string,
  side: number,
  { length, batchSize, seed }: { readonly length: number; readonly batchSize: number; readonly seed: number },
): Promise<PackedNumbers> {
  const { dataset, metadata } = await openCache(file)
  const shapes = ['image', 'label'].map((name) => dataset.fields[name]?.dims.slice(1).join('×') ?? 'none')
  const wanted = [`1×${side}×${side}`, String(HEADS)]
  if (shapes.join() !== wanted.join() || dataset.fields.image.type !== 'uint8')
    throw new LanewiseError(
      'E_SHAPE',
      `${file}: this reader takes crops of ${side}×${side} and ${HEADS} labels each: pack the set with --side ${side}`,
      { expected: `image uint8 ${wanted[0]}, label ${wanted[1]}`, actual: `image ${shapes[0]}, label ${shapes[1]}` },
    )
  const greys = mapped(dataset, ({ image, label }): Fields => {
    const data = new Float32Array(image.data as Uint8Array)
    for (let i = 0; i < data.length; i++) data[i] /= 255
    return { image: new Tensor('float32', data, image.dims), label }
  })
  const [train, validation] = randomSplit(greys, [1 - KEPT, KEPT], seed)
  return {
    train: new DataLoader(new MixedDataset([train], { length }), { batchSize, shuffle: true, seed, dropLast: true }),
    validation,
    source: `${dataset.length} crops of ${metadata.get('sources') ?? file}`,
  }
}
