import { loadGraph } from '../../api/graph/model-graph.js'
import { InferenceSession } from '../../api/session.js'
import { Tensor } from '../../api/tensor.js'
import { LanewiseError } from '../../core/errors.js'
import { captionTokens, CaptionVocabulary } from '../../data/captions.js'
import { planesOf, resizedPicture, type Picture } from '../../data/picture.js'
import { beamSearch } from '../../generate/beam-search.js'
import { generate } from '../../generate/generate.js'
import type { SamplingOptions } from '../../generate/sampling.js'
import { exportModel } from '../../onnx/export-any.js'
import { FeatureNetwork, pooledFeatures } from './features.js'

/** Longer captions are no captions. */
const MOST_WORDS = 30
/**
 * Of the searches with 3 sequences that were tried on 300 development pictures of Flickr8k: BLEU-4 20.4 with 0 and with
 * 0.4, 20.2 with 0.7 and with 1 (of the file before: 18.0, 18.0, 17.9, 17.5).
 */
const LENGTH_PENALTY = 0.4

/** How a picture is described. */
export interface DescribeOptions {
  /** Sequences that the search follows; 1 takes the likeliest word each time. 3 by default. */
  readonly beams?: number
  /** As for `beamSearch`; 0.4 by default. */
  readonly lengthPenalty?: number
  /** Draws words instead of searching. */
  readonly sampling?: Pick<SamplingOptions, 'temperature' | 'topK' | 'topP' | 'seed'>
}

/** A caption that was found. */
export interface FoundCaption {
  readonly caption: string
  readonly tokens: readonly number[]
  /** The logarithm of its probability. */
  readonly logProbability: number
}

/** A word of a caption, and where it was seen. */
export interface SeenWord {
  readonly word: string
  readonly probability: number
  /** The share of each place, rows from the top; none for a captioner without attention. */
  readonly places: Float32Array | undefined
}

/** Whether a file is a captioner. */
export async function isCaptioner(file: string): Promise<boolean> {
  if (!file.endsWith('.onnx')) return false
  return (await loadGraph(file)).metadata.get('task') === 'captions'
}

/** States before the first word. */
type Begun = Readonly<Record<string, Tensor>>

/**
 * A captioner as a file: what it is told of a picture, its vocabulary and its two parts (the first state, and a step
 * for each word). A captioner of features needs the network that makes them.
 */
export class PictureCaptioner {
  static readonly name: string = 'PictureCaptioner'

  private constructor(
    readonly title: string,
    readonly vocabulary: CaptionVocabulary,
    /** Rows and columns of the places that it is told of. */
    readonly grid: number,
    private readonly first: InferenceSession,
    private readonly step: InferenceSession,
    private readonly features: FeatureNetwork | undefined,
    /** The side of its pictures, if it sees them itself. */
    private readonly side: number,
    /** What is to be said of the features' network, if it is another one than that of the training. */
    readonly warning: string | undefined,
  ) {}

  /**
   * @param file - a path, or the bytes of a file.
   * @param options - `features`: where the ONNX file of MobileNetV2 is, or its bytes; asked for only by captioners of
   *   photographs.
   * @throws LanewiseError `E_VALUE` for a file that is no captioner, `E_EXTERNAL` if the network of the features is not
   *   there.
   */
  static async load(
    source: string | Uint8Array,
    {
      features,
      build,
    }: { readonly features?: () => string | Uint8Array; readonly build?: 'simd' | 'relaxed' | 'auto' } = {},
  ): Promise<PictureCaptioner> {
    const file = typeof source === 'string' ? source : 'the file'
    const graph = await loadGraph(source)
    const { metadata } = graph
    const about = <T>(name: string): T | undefined => {
      const text = metadata.get(name)
      try {
        return text === undefined ? undefined : (JSON.parse(text) as T)
      } catch (cause) {
        throw new LanewiseError('E_PARSE', `${file}: its "${name}" is no JSON`, { cause })
      }
    }
    const words = about<string[]>('vocabulary')
    if (metadata.get('task') !== 'captions' || !words)
      throw new LanewiseError('E_VALUE', `${file} is no captioner: it has no vocabulary`)
    const vocabulary = new CaptionVocabulary(words)
    const names = graph.outputs.map(({ name }) => name)
    const begin = graph.extract(names.filter((name) => name.startsWith('first_')))
    const step = graph.extract(names.filter((name) => !name.startsWith('first_')))
    const states = Object.fromEntries(
      names.filter((name) => name.startsWith('next_')).map((name) => [name.slice('next_'.length), name]),
    )
    const seen = about<{ side: number; grid: number }>('picture')
    const told = about<{ side: number; grid: number; value: string; print: string }>('features')
    const grid = seen?.grid ?? told?.grid
    if (grid === undefined)
      throw new LanewiseError('E_VALUE', `${file} does not say what it is told of a picture: "features" or "picture"`)
    if (told && !features)
      throw new LanewiseError(
        'E_EXTERNAL',
        `${file} describes photographs by what MobileNetV2 sees in them: its ONNX file is needed`,
      )
    const network = told && features && (await FeatureNetwork.load(features(), { side: told.side }))
    return new PictureCaptioner(
      metadata.get('title') ?? graph.name,
      vocabulary,
      grid,
      await InferenceSession.create(exportModel(begin), { build }),
      await InferenceSession.create(exportModel(step), { build, states }),
      network,
      seen?.side ?? 0,
      told && network && told.print !== network.print
        ? `${file} was trained with features of another network: captions may be worse`
        : undefined,
    )
  }

  /** Whether it needs no network of features. */
  get seesPictures(): boolean {
    return this.features === undefined
  }

  get build(): string {
    return this.step.build
  }

  /** What is known of pictures before the first word, of each by itself. */
  async begin(pictures: readonly Picture[]): Promise<Begun[]> {
    const inputs = this.features
      ? (await this.features.of(pictures)).map((features) => {
          const { data, channels } = pooledFeatures(features, this.grid)
          return new Tensor('float32', data, [1, this.grid ** 2, channels])
        })
      : pictures.map((picture) => {
          const { data } = resizedPicture(picture, this.side, this.side)
          return new Tensor('float32', planesOf(data, 3), [1, 3, this.side, this.side])
        })
    const begun: Begun[] = []
    for (const input of inputs) begun.push(await this.beginWith(input))
    return begun
  }

  /** As {@link begin}, of what it is told of one picture: features [1, places, channels], or the picture. */
  async beginWith(input: Tensor): Promise<Begun> {
    const results = await this.first.run({ [this.first.inputNames[0]]: input })
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name.slice('first_'.length), tensor]))
  }

  /** Captions of a picture, the best first. */
  async describe(
    begun: Begun,
    { beams = 3, lengthPenalty = LENGTH_PENALTY, sampling }: DescribeOptions = {},
  ): Promise<FoundCaption[]> {
    const { padding, start, end, unknown } = captionTokens
    const common = {
      feeds: this.fed(begun),
      stop: end,
      maxTokens: MOST_WORDS,
      adjust(scores: Float32Array) {
        for (const token of [padding, start, unknown]) scores[token] = -Infinity
      },
    }
    if (beams > 1 && !sampling) {
      const found = await beamSearch(this.step, [start], { ...common, beams, lengthPenalty })
      return found.map(({ tokens, logProbability }) => ({
        caption: this.vocabulary.decode(tokens),
        tokens,
        logProbability,
      }))
    }
    const tokens: number[] = []
    let logProbability = 0
    const onToken = ({ probability }: { readonly probability: number }) =>
      void (logProbability += Math.log(probability))
    for await (const token of generate(this.step, [start], { ...common, ...sampling, onToken })) tokens.push(token)
    return [{ caption: this.vocabulary.decode(tokens), tokens, logProbability }]
  }

  /** Word by word, how likely each was and where the captioner looked. */
  async look(begun: Begun, tokens: readonly number[]): Promise<SeenWord[]> {
    const words: SeenWord[] = []
    const attends = this.step.outputNames.includes('weights')
    let last: number = captionTokens.start
    let states: Record<string, Tensor> = this.fed(begun)
    const fixed: Record<string, Tensor> = this.step.inputNames.includes('places') ? { places: begun.places } : {}
    for (const token of tokens) {
      const feeds = { input_ids: new Tensor('int64', BigInt64Array.of(BigInt(last)), [1, 1]), ...fixed, ...states }
      const results = await this.step.run(feeds, attends ? ['logits', 'weights'] : ['logits'])
      states = {}
      words.push({
        word: this.vocabulary.tokens[token],
        probability: probabilityOf(results.logits.data as Float32Array, token),
        places: attends ? Float32Array.from(results.weights.data as Float32Array) : undefined,
      })
      last = token
    }
    return words
  }

  async release(): Promise<void> {
    for (const session of [this.first, this.step]) await session.release()
    await this.features?.release()
  }

  private fed(begun: Begun): Record<string, Tensor> {
    return Object.fromEntries(Object.entries(begun).filter(([name]) => this.step.inputNames.includes(name)))
  }
}

function probabilityOf(scores: Float32Array, token: number): number {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity)
  let sum = 0
  for (const score of scores) sum += Math.exp(score - most)
  return Math.exp(scores[token] - most) / sum
}
