import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  AdamW,
  batchField,
  cosine,
  DataLoader,
  LanewiseError,
  LengthBucketSampler,
  Random,
  SequenceDataset,
  Tensor,
  warmup,
  type Module,
  type ParameterGroup,
  type TaskData,
  type TaskRecipe,
  type Tokenizer,
} from '../../src/train.js'
import { loadGraph, type InferenceSession } from '../../src/node.js'
import { ClassificationTransformer, type Pooling } from './classification.js'
import { CLASS, PAD, trainTokenizer } from './corpus.js'
import {
  checkTokenizer,
  classifierFolder,
  exportClassifier,
  LABELS,
  LANGUAGE_MODEL,
  loadLanguageModel,
  readTokenizer,
  TOKENIZER,
  trainedLength,
} from './files.js'
import type { TransformerConfig } from './model.js'
import {
  drawReviews,
  loadReviews,
  loadReviewSets,
  readReviews,
  reviewSets,
  type Review,
  type ReviewSet,
} from './reviews.js'

/** Texts that are measured at once. */
const MEASURED = 50

/** What a fine-tuning is made with. */
export interface Finetuning {
  readonly sets: readonly ReviewSet[]
  /** Texts to learn from; all by default. */
  readonly size?: number
  /** Whether the body begins with random weights instead of those of the language model. */
  readonly scratch?: boolean
  readonly seed?: number
  /** How often each text is learned from. */
  readonly passes?: number
  readonly batchSize?: number
  readonly pooling?: Pooling
  /** The most tokens of a text while learning: of a longer one, each pass takes another window. */
  readonly length?: number
  readonly dropout?: number
  /** Of the last block and the head; blocks before it learn more slowly. */
  readonly lr?: number
  /** The language model's file, and its tokenizer's. */
  readonly languageModel?: string
  readonly tokenizer?: string
}

/** A text as tokens. @param pooling - `class`: ended by the token that its class is read from. */
export function encodeReview(tokenizer: Tokenizer, text: string, pooling: Pooling): Int32Array {
  const ids = tokenizer.encode(text, { special: false, template: false })
  if (pooling === 'class') return Int32Array.of(...ids, tokenizer.idOf(CLASS))
  return ids.length === 0 ? Int32Array.of(tokenizer.idOf(PAD)) : ids
}

/** A stretch of a text's tokens that begins at `start`; that of a class token keeps it. */
function stretchOf(ids: Int32Array, start: number, length: number, pooling: Pooling): Int32Array {
  if (pooling !== 'class' || start + length >= ids.length) return ids.subarray(start, start + length)
  return Int32Array.of(...ids.subarray(start, start + length - 1), ids[ids.length - 1])
}

/** A text in as few windows of about one length as it needs, one after another. */
export function windowsOf(ids: Int32Array, most: number, pooling: Pooling): Int32Array[] {
  if (ids.length <= most) return [ids]
  // The class token is added to each.
  const [count, room] = pooling === 'class' ? [ids.length - 1, most - 1] : [ids.length, most]
  const windows = Math.ceil(count / room)
  return Array.from({ length: windows }, (_, i) => {
    const [start, end] = [i, i + 1].map((place) => Math.round((place * count) / windows))
    return stretchOf(ids, start, end - start + (ids.length - count), pooling)
  })
}

/** One window of a text to learn from: every other time its end, where reviewers say what they mean; else any. */
function drawWindow(ids: Int32Array, most: number, pooling: Pooling, random: Random): Int32Array {
  if (ids.length <= most) return ids
  const last = ids.length - most
  const [end, anywhere] = [random.uniform() < 0.5, random.integer(last + 1)]
  return stretchOf(ids, end ? last : anywhere, most, pooling)
}

/** Texts to learn from, in an order by seed, those of about one length together. */
function trainingBatches(
  reviews: readonly Review[],
  tokenizer: Tokenizer,
  options: { most: number; pooling: Pooling; batchSize: number; seed: number; passes: number },
): DataLoader {
  const { most, pooling, batchSize, seed, passes } = options
  const encoded = reviews.map(({ text }) => encodeReview(tokenizer, text, pooling))
  const all = Array.from({ length: passes }, (_, pass) =>
    encoded.map((ids, i) => drawWindow(ids, most, pooling, Random.at(seed, pass * encoded.length + i))),
  )
  const labels = reviews.map(({ label }) => label)
  const dataset = new SequenceDataset(all.flat(), { label: all.flatMap(() => labels) }, { value: tokenizer.idOf(PAD) })
  return new DataLoader(dataset, { batchSize, seed, sampler: new LengthBucketSampler(dataset.lengths, batchSize) })
}

/**
 * The ends of texts, to be measured on while a run goes on: in the order of their lengths, so that little is filled up.
 */
function validationBatches(
  reviews: readonly Review[],
  tokenizer: Tokenizer,
  { most, pooling }: { most: number; pooling: Pooling },
): DataLoader {
  const rows = reviews.map(({ text, label }) => {
    const ids = encodeReview(tokenizer, text, pooling)
    return { ids: stretchOf(ids, Math.max(0, ids.length - most), most, pooling), label }
  })
  rows.sort((a, b) => a.ids.length - b.ids.length)
  const sorted = new SequenceDataset(
    rows.map(({ ids }) => ids),
    { label: rows.map(({ label }) => label) },
    { value: tokenizer.idOf(PAD) },
  )
  return new DataLoader(sorted, { batchSize: MEASURED })
}

/** A file in the folder of another. */
const beside = (file: string, name: string) => join(dirname(file), name)

interface ReviewData extends TaskData {
  readonly tokenizer: Tokenizer
  /** The most tokens that the model is ever given at once. */
  readonly known: number
}

/** Passes over so many texts: small sets are seen often, large ones a few times. */
export function passesFor(size: number): number {
  return size <= 64 ? 20 : size <= 256 ? 10 : size <= 1024 ? 6 : 2
}

/** How much slower a block of a pre-trained body learns than the one after it (Howard & Ruder, 2018). */
const DECAY = 0.85

/**
 * Parameters in groups: what is nearer to the text learns more slowly if it was pre-trained; what shifts and scales is
 * not pulled to zero.
 */
function groupsOf(model: ClassificationTransformer, lr: number, scratch: boolean): ParameterGroup[] {
  const { body, head } = model
  const { layers } = body.blocks
  const slower = (steps: number) => (scratch ? lr : lr * DECAY ** steps)
  const parts: [Module, number][] = [
    [head, slower(0)],
    ...layers.map((layer, i) => [layer, slower(layers.length - 1 - i)] as [Module, number]),
  ]
  const named = new Set(parts.flatMap(([part]) => part.parameters()))
  const rest = model.parameters().filter((parameter) => !named.has(parameter))
  return [...parts.map(([part, rate]) => [part.parameters(), rate] as const), [rest, slower(layers.length)] as const]
    .flatMap(([params, rate]) => [
      { params: params.filter(({ shape }) => shape.length > 1), lr: rate },
      { params: params.filter(({ shape }) => shape.length <= 1), lr: rate, weightDecay: 0 },
    ])
    .filter(({ params }) => params.length > 0)
}

/** The shape of a model that begins with random weights when there is no language model to take it from. */
const small: Omit<TransformerConfig, 'vocabulary'> = { dim: 64, heads: 4, layers: 2, maxLength: 256 }

/** A recipe that fine-tunes the language model to tell good reviews from bad ones. */
export function finetuneRecipe(options: Finetuning): TaskRecipe<ClassificationTransformer, ReviewData> {
  const {
    sets,
    size,
    scratch = false,
    seed = 1,
    batchSize = size !== undefined && size <= 256 ? 8 : 16,
    pooling = 'mean',
    length = 128,
    dropout = 0.1,
    lr = 5e-4,
    languageModel = LANGUAGE_MODEL,
    tokenizer: tokenizerFile = beside(languageModel, 'tokenizer.json'),
  } = options
  const { passes = passesFor(size ?? Infinity) } = options
  const generated = sets.includes('grammar') && options.languageModel === undefined
  if (generated && sets.length > 1)
    throw new LanewiseError('E_VALUE', 'the generated language has tokens of its own: it goes with no other texts')
  return {
    title: `Fine-tuned on ${size ?? 'all'} texts of ${sets.join(' and ')}${scratch ? ', without pre-training' : ''}`,
    seed,
    // The passes are within it: to measure after each would take longer than to learn from a few texts.
    epochs: 1,
    batchSize,
    async data(context) {
      const { name, train, validation } = loadReviewSets(sets, context.from)
      const chosen = size === undefined ? train : drawReviews(train, size, context.seed)
      const tokenizer = generated
        ? await trainTokenizer({ name, key: name, documents: () => train.map(({ text }) => text) }, 400)
        : readTokenizer(tokenizerFile)
      const known = generated ? small.maxLength : await lengthOf(languageModel)
      const most = Math.min(length, known)
      return {
        tokenizer,
        known,
        train: trainingBatches(chosen, tokenizer, {
          most,
          pooling,
          batchSize: context.batchSize,
          seed: context.seed,
          passes,
        }),
        validation: validationBatches(validation, tokenizer, { most: known, pooling }),
        source: `${chosen.length} texts of ${name}`,
        classes: LABELS,
      }
    },
    async model({ tokenizer }) {
      const head = { classes: LABELS.length, pooling, classToken: tokenizer.idOf(CLASS), headDropout: dropout }
      if (generated) return new ClassificationTransformer({ ...small, vocabulary: tokenizer.size, dropout }, head)
      const lm = await loadLanguageModel(languageModel, tokenizer)
      // The same shape, other weights.
      return scratch
        ? new ClassificationTransformer({ ...lm.config, dropout }, head)
        : ClassificationTransformer.from(lm, { ...head, dropout })
    },
    optimizer: (model) => new AdamW(groupsOf(model, lr, scratch || generated), { lr, weightDecay: 0.01 }),
    schedule: (steps) => {
      const warm = Math.max(1, Math.round(steps / 10))
      return warmup(warm, cosine(Math.max(1, steps - warm)), 0.01)
    },
    task: {
      output: (model, batch) =>
        (model as ClassificationTransformer).call(batchField(batch, 'tokens'), batchField(batch, 'mask')),
    },
    fit: { clipNorm: 1 },
    files: (model, { tokenizer, source, known }) => {
      const metadata = { data: source, length: String(known) }
      return {
        'classifier.onnx': exportClassifier(model, { tokenizer, format: 'int8', metadata }),
        ...classifierFolder(model, { tokenizer, format: 'int8', metadata }),
      }
    },
    evaluate: (session, { data, count, file }) => evaluateClassifier(session, { data, count, sets, file }),
  }
}

/**
 * How long the texts were that a language model was trained with. @throws LanewiseError `E_EXTERNAL` if the file is not
 * there.
 */
async function lengthOf(languageModel: string): Promise<number> {
  if (!existsSync(languageModel))
    throw new LanewiseError('E_EXTERNAL', `${languageModel} is not there: train transformer-lm/pretrain first`)
  return trainedLength((await loadGraph(languageModel)).metadata)
}

/** What {@link classifyTexts} says of a text. */
export interface Judgement {
  /** Of each class. */
  readonly probabilities: readonly number[]
}

/**
 * Texts judged by an exported classifier. A longer text than `most` tokens is judged in windows, whose scores count by
 * their lengths.
 *
 * @param pooling - that of the model: whether texts end with a token for their class.
 */
export async function classifyTexts(
  session: InferenceSession,
  tokenizer: Tokenizer,
  texts: readonly string[],
  { most = 256, pooling = 'mean' }: { readonly most?: number; readonly pooling?: Pooling } = {},
): Promise<Judgement[]> {
  const windows = texts.flatMap((text, place) =>
    windowsOf(encodeReview(tokenizer, text, pooling), most, pooling).map((ids) => ({ ids, place })),
  )
  windows.sort((a, b) => a.ids.length - b.ids.length)
  const sums = texts.map((): number[] => [])
  for (let start = 0; start < windows.length; start += MEASURED) {
    const rows = windows.slice(start, start + MEASURED)
    const dataset = new SequenceDataset(
      rows.map(({ ids }) => ids),
      {},
      { value: tokenizer.idOf(PAD) },
    )
    const { tokens, mask } = dataset.batch(rows.map((_, i) => i))
    const { logits } = await session.run({ input_ids: asInt64(tokens), attention_mask: asInt64(mask) })
    const scores = logits.data as Float32Array
    const classes = logits.dims[1]
    rows.forEach(({ ids, place }, i) => {
      for (let c = 0; c < classes; c++) sums[place][c] = (sums[place][c] ?? 0) + ids.length * scores[i * classes + c]
    })
  }
  const lengths = texts.map(() => 0)
  for (const { ids, place } of windows) lengths[place] += ids.length
  return sums.map((row, place) => ({ probabilities: softmax(row.map((sum) => sum / lengths[place])) }))
}

function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - most))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}

function asInt64({ data, dims }: Tensor): Tensor {
  return new Tensor('int64', BigInt64Array.from(data as Int32Array, BigInt), dims)
}

/**
 * Texts to measure a classifier on: all of a file; of a set, by its name or folder, the part that is not learned from.
 */
function reviewsToMeasure(
  data: string | undefined,
  sets: readonly ReviewSet[],
): { name: string; reviews: readonly Review[] } {
  if (data === undefined) {
    const { name, validation } = loadReviewSets(sets)
    return { name, reviews: validation }
  }
  const known = existsSync(data) ? undefined : reviewSets.find((set) => set === data)
  if (known === undefined && !(existsSync(data) && statSync(data).isDirectory()))
    return { name: data, reviews: readReviews(data) }
  const { name, validation } = known === undefined ? loadReviews('imdb', data) : loadReviews(known)
  return { name, reviews: validation }
}

/** The share of texts that a classifier judges rightly. */
async function evaluateClassifier(
  session: InferenceSession,
  { data, count, sets, file }: { data?: string; count?: number; sets: readonly ReviewSet[]; file?: string },
) {
  const own = file === undefined ? TOKENIZER : beside(file, 'tokenizer.json')
  const tokenizer = readTokenizer(existsSync(own) ? own : TOKENIZER)
  const { metadata } = session
  checkTokenizer(JSON.parse(metadata.get('config') ?? '{}') as TransformerConfig, tokenizer, metadata.get('tokens'))
  const { name, reviews } = reviewsToMeasure(data, sets)
  const chosen = reviews.slice(0, count)
  const { pooling } = JSON.parse(metadata.get('head') ?? '{}') as { pooling?: Pooling }
  const judged = await classifyTexts(
    session,
    tokenizer,
    chosen.map(({ text }) => text),
    { pooling, most: trainedLength(metadata) },
  )
  const confusion = LABELS.map(() => LABELS.map(() => 0))
  judged.forEach(({ probabilities }, i) => {
    confusion[chosen[i].label][probabilities.indexOf(Math.max(...probabilities))]++
  })
  const right = confusion.reduce((sum, row, i) => sum + row[i], 0)
  const accuracy = right / chosen.length
  return {
    lines: [
      `${name}: ${(100 * accuracy).toFixed(2)} % of ${chosen.length} texts judged rightly`,
      ...confusion.map((row, i) => `  ${LABELS[i]}: ${row.map((n, c) => `${n} taken for ${LABELS[c]}`).join(', ')}`),
    ],
    figures: { data: name, accuracy, count: chosen.length, right, confusion },
  }
}
