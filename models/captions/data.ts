import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFeatures, type FeatureCache } from '../../src/cli/captions/feature-cache.js'
import { FeatureNetwork, pooledPlaces } from '../../src/cli/captions/features.js'
import { captionFile, featureModel, sharedPath } from '../../src/cli/captions/find.js'
import { pictureFiles } from '../../src/cli/captions/pictures.js'
import { onlyExample } from '../../src/data/dataset.js'
import {
  captionTokens,
  CaptionVocabulary,
  checkParts,
  DataLoader,
  LanewiseError,
  LengthBucketSampler,
  padSequences,
  readCaptions,
  readPictureList,
  Tensor,
  type Dataset,
  type Fields,
  type TaskData,
} from '../../src/train.js'

/** Features of pictures beside the words that are said of them. */
export interface CaptionData extends TaskData {
  readonly vocabulary: CaptionVocabulary
  /** Numbers known of each place. */
  readonly channels: number
  readonly metadata: Readonly<Record<string, string>>
}

/** Features of pictures and, as numbers into `right`, what people say of them: what is learned by reward. */
export interface PictureData extends CaptionData {
  /** What is said of each picture, those of the training first: all words, however long. */
  readonly right: readonly (readonly Int32Array<ArrayBuffer>[])[]
  /** How many of them are of the training. */
  readonly learned: number
}

/** A picture, maybe mirrored. */
interface Shown {
  readonly picture: number
  readonly mirrored: boolean
}

/** An example: a picture and one caption. */
interface Example extends Shown {
  readonly tokens: ArrayLike<number>
}

/** Pictures by their features. A batch has `features` float32 [N, places, channels]. */
abstract class Features<E extends Shown> implements Dataset {
  readonly length: number
  private readonly places: number
  private readonly channels: number
  private readonly groups: readonly (readonly number[])[] | undefined

  /** @param grid - to pool the places to so many rows and columns. */
  constructor(
    private readonly cache: FeatureCache,
    protected readonly examples: readonly E[],
    grid: number | undefined,
  ) {
    this.length = examples.length
    const [, places, channels] = cache.fields.features.dims
    this.channels = channels
    const side = Math.sqrt(places)
    this.groups = grid === undefined || grid === side ? undefined : pooledPlaces(side, grid)
    this.places = this.groups?.length ?? places
  }

  get(index: number): Fields {
    return onlyExample(this.batch([index]))
  }

  batch(indices: ArrayLike<number>): Fields {
    const { places, channels } = this
    const chosen = Array.from(indices, (index) => this.examples[index])
    const features = new Float32Array(chosen.length * places * channels)
    chosen.forEach((example, i) =>
      this.write(example, features.subarray(i * places * channels, (i + 1) * places * channels)),
    )
    return { features: new Tensor('float32', features, [chosen.length, places, channels]), ...this.beside(chosen) }
  }

  /** The other fields of a batch. */
  protected abstract beside(chosen: readonly E[]): Fields

  private write({ picture, mirrored }: Shown, out: Float32Array): void {
    const { fields } = this.cache
    const codes = (mirrored ? fields.mirrored : fields.features).data as Uint8Array
    const scale = Number((mirrored ? fields.mirroredScale : fields.scale).data[picture])
    const size = codes.length / this.cache.names.length
    const own = codes.subarray(picture * size, (picture + 1) * size)
    const { groups, channels } = this
    if (!groups) {
      for (let i = 0; i < size; i++) out[i] = own[i] * scale
      return
    }
    for (const [place, group] of groups.entries()) {
      const factor = scale / group.length
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (const from of group) sum += own[from * channels + c]
        out[place * channels + c] = sum * factor
      }
    }
  }
}

/**
 * With captions: `tokens` int32 [N, T] from `<START>` on and `label` int32 [N, T], the same one word later up to
 * `<END>`; both are filled up with `<NULL>`.
 */
class CaptionedFeatures extends Features<Example> {
  static override readonly name: string = 'CaptionedFeatures'

  get lengths(): Int32Array {
    return Int32Array.from(this.examples, ({ tokens }) => tokens.length)
  }

  protected override beside(chosen: readonly Example[]): Fields {
    const { padding, start, end } = captionTokens
    const filled = (rows: readonly (readonly number[])[]) => padSequences(rows, { value: padding }).tokens
    return {
      tokens: filled(chosen.map(({ tokens }) => [start, ...Array.from(tokens)])),
      label: filled(chosen.map(({ tokens }) => [...Array.from(tokens), end])),
    }
  }
}

/** With the numbers of the pictures, `picture` int32 [N], counted from a first one. */
class NumberedFeatures extends Features<Shown> {
  static override readonly name: string = 'NumberedFeatures'

  constructor(
    cache: FeatureCache,
    pictures: readonly Shown[],
    grid: number | undefined,
    private readonly first: number,
  ) {
    super(cache, pictures, grid)
  }

  protected override beside(chosen: readonly Shown[]): Fields {
    const numbers = Int32Array.from(chosen, ({ picture }) => this.first + picture)
    return { picture: new Tensor('int32', numbers, [chosen.length]) }
  }
}

/** Which data, and what of it. */
export interface FlickrOptions {
  /** The folder that `--data` names; by default `../shared/data/flickr8k`. */
  readonly from: string | undefined
  readonly seed: number
  readonly batchSize: number
  /** Rows and columns of places; 7 (as the network gives them) by default. */
  readonly grid?: number
  /** Learn from mirrored pictures, too: an epoch then has every caption twice. */
  readonly mirrored?: boolean
  /** Longer captions are cut; 20 words by default. */
  readonly most?: number
  /** Where features are kept; `runs/captions` by default. */
  readonly cache?: string
}

/** Names of the lists of the published split. */
const lists = {
  train: ['Flickr_8k.trainImages.txt', 'trainImages.txt'],
  val: ['Flickr_8k.devImages.txt', 'devImages.txt', 'Flickr_8k.valImages.txt'],
  test: ['Flickr_8k.testImages.txt', 'testImages.txt'],
} as const

/** Pictures of both parts with features and captions. */
async function flickrFeatures({
  from,
  mirrored = false,
  cache = join('runs', 'captions'),
  grid,
}: Omit<FlickrOptions, 'seed' | 'batchSize'>) {
  const folder = from ?? sharedPath('data', 'flickr8k')
  if (folder === undefined)
    throw new LanewiseError(
      'E_EXTERNAL',
      'there are no captions: name a folder with Flickr8k by --data, or train captions/scenes, which draws its pictures',
    )
  const captioned = await readCaptions(captionFile(folder))
  const parts = await partsOf(folder, captioned)
  const captions = new Map(captioned.map((picture) => [picture.file, picture.captions]))
  const network = await FeatureNetwork.load(featureModel())
  mkdirSync(cache, { recursive: true })
  const featuresOf = async (part: 'train' | 'val') => {
    const wanted = new Set(parts[part])
    return cacheFeatures(
      network,
      pictureFiles(folder, (name) => wanted.has(name)),
      join(cache, `${part}.features`),
      { mirrored: mirrored && part === 'train', progress: process.stderr, total: wanted.size },
    )
  }
  const [train, val] = [await featuresOf('train'), await featuresOf('val')]
  await network.release()
  report('train', parts.train, train, captions)
  report('val', parts.val, val, captions)
  const said = (cached: FeatureCache) => cached.names.map((name) => captions.get(name) ?? [])
  const vocabulary = CaptionVocabulary.of(said(train).flat())
  const shown = (picture: number): Shown[] =>
    (mirrored ? [false, true] : [false]).map((mirror) => ({ picture, mirrored: mirror }))
  return {
    train: { cache: train, said: said(train) },
    val: { cache: val, said: said(val) },
    vocabulary,
    /** A picture of the training, in the ways it is shown. */
    shown,
    about: {
      source: `${train.names.length} pictures of ${folder}, measured on ${val.names.length}`,
      vocabulary,
      channels: train.fields.features.dims[2],
      metadata: {
        vocabulary: JSON.stringify(vocabulary.tokens),
        features: JSON.stringify({
          side: network.side,
          value: network.value,
          print: network.print,
          grid: grid ?? Math.sqrt(train.fields.features.dims[1]),
        }),
      },
    },
  }
}

/** Flickr8k with features: the training part to learn from, one caption of each development picture to measure by. */
export async function flickrData(options: FlickrOptions): Promise<CaptionData> {
  const { seed, batchSize, grid, most = 20 } = options
  const { train, val, vocabulary, shown, about } = await flickrFeatures(options)
  const encode = (caption: string) => vocabulary.encode(caption).subarray(0, most)
  const examples = train.said.flatMap((list, picture) =>
    list.flatMap((caption) => shown(picture).map((one): Example => ({ ...one, tokens: encode(caption) }))),
  )
  const measured = val.said.flatMap((list, picture) =>
    list.slice(0, 1).map((caption): Example => ({ picture, mirrored: false, tokens: encode(caption) })),
  )
  const dataset = new CaptionedFeatures(train.cache, examples, grid)
  return {
    ...about,
    train: new DataLoader(dataset, { batchSize, seed, sampler: new LengthBucketSampler(dataset.lengths, batchSize) }),
    validation: new DataLoader(new CaptionedFeatures(val.cache, measured, grid), { batchSize: 100 }),
  }
}

/**
 * The same pictures without captions in the batches: a captioner says what it sees, and all that people say of a
 * picture is what it is judged by.
 */
export async function flickrPictures(options: FlickrOptions): Promise<PictureData> {
  const { seed, batchSize, grid } = options
  const { train, val, vocabulary, shown, about } = await flickrFeatures(options)
  const withCaptions = ({ said }: { readonly said: readonly (readonly string[])[] }) =>
    [...said.keys()].filter((picture) => said[picture].length > 0)
  const learned = train.said.length
  return {
    ...about,
    right: [...train.said, ...val.said].map((list) => list.map((caption) => vocabulary.encode(caption))),
    learned,
    train: new DataLoader(new NumberedFeatures(train.cache, withCaptions(train).flatMap(shown), grid, 0), {
      batchSize,
      seed,
      shuffle: true,
    }),
    validation: new DataLoader(
      new NumberedFeatures(
        val.cache,
        withCaptions(val).map((picture) => ({ picture, mirrored: false })),
        grid,
        learned,
      ),
      { batchSize: 100 },
    ),
  }
}

type Parts = Record<'train' | 'val' | 'test', string[]>

async function partsOf(folder: string, captioned: Awaited<ReturnType<typeof readCaptions>>): Promise<Parts> {
  const parts: Parts = { train: [], val: [], test: [] }
  if (captioned.some(({ part }) => part !== undefined)) {
    for (const { file, part } of captioned)
      if (part === 'train' || part === 'val' || part === 'test') parts[part].push(file)
  } else
    for (const [part, names] of Object.entries(lists)) {
      const found = names.map((name) => join(folder, name)).find(existsSync)
      if (found !== undefined) parts[part as keyof Parts] = await readPictureList(found)
    }
  if (parts.train.length === 0 || parts.val.length === 0)
    throw new LanewiseError(
      'E_EXTERNAL',
      `${folder} does not say which pictures are for training: it lacks ${lists.train[0]} or ${lists.val[0]}`,
    )
  checkParts(parts)
  return parts
}

/** Says what is missing, counted. @throws LanewiseError `E_VALUE` if nothing is left. */
function report(
  part: string,
  names: readonly string[],
  cache: FeatureCache,
  captions: ReadonlyMap<string, readonly string[]>,
): void {
  const there = new Set(cache.names)
  const lacking = names.filter((name) => !there.has(name))
  const silent = cache.names.filter((name) => !captions.has(name))
  if (cache.skipped.length > 0)
    console.warn(`${part}: ${cache.skipped.length} pictures cannot be decoded, the first: ${cache.skipped[0].reason}`)
  if (lacking.length > cache.skipped.length)
    console.warn(`${part}: ${lacking.length - cache.skipped.length} pictures are missing, the first: ${lacking[0]}`)
  if (silent.length > 0) console.warn(`${part}: ${silent.length} pictures have no captions, the first: ${silent[0]}`)
  if (silent.length === cache.names.length)
    throw new LanewiseError('E_VALUE', `${part}: none of ${cache.names.length} pictures has captions`)
}
