import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  AdamW,
  batchField,
  cosine,
  DataLoader,
  LanewiseError,
  LengthBucketSampler,
  SequenceDataset,
  Tensor,
  warmup,
  type TaskData,
  type TaskRecipe,
  type Tokenizer,
} from '../../src/train.js'
import type { InferenceSession } from '../../src/node.js'
import { ClassificationTransformer, type Pooling } from './classification.js'
import { CLASS, PAD, trainTokenizer } from './corpus.js'
import {
  classifierFolder,
  exportClassifier,
  LABELS,
  LANGUAGE_MODEL,
  loadLanguageModel,
  readTokenizer,
  TOKENIZER,
} from './files.js'
import type { TransformerConfig } from './model.js'
import { drawReviews, loadReviews, readReviews, type Review, type ReviewSet } from './reviews.js'

/** Texts that are measured at once. */
const MEASURED = 50

/** What a fine-tuning is made with. */
export interface Finetuning {
  readonly set: ReviewSet
  /** Texts to learn from; all by default. */
  readonly size?: number
  /** Whether the body begins with random weights instead of those of the language model. */
  readonly scratch?: boolean
  readonly seed?: number
  readonly epochs?: number
  readonly batchSize?: number
  readonly pooling?: Pooling
  /** The most tokens of a text while learning; measured are as many as the model has positions. */
  readonly length?: number
  readonly dropout?: number
  readonly lr?: number
  /** The language model's file, and its tokenizer's. */
  readonly languageModel?: string
  readonly tokenizer?: string
}

/** The beginning of a text as tokens, so that all fit. */
export function encodeReview(tokenizer: Tokenizer, text: string, most: number, pooling: Pooling): Int32Array {
  const ids = tokenizer.encode(text, { special: false, template: false })
  if (pooling !== 'class') return ids.length === 0 ? Int32Array.of(tokenizer.idOf(PAD)) : ids.subarray(0, most)
  return Int32Array.of(...ids.subarray(0, most - 1), tokenizer.idOf(CLASS))
}

/** Texts of about one length together. */
function batchesOf(
  reviews: readonly Review[],
  tokenizer: Tokenizer,
  { most, pooling, batchSize, seed }: { most: number; pooling: Pooling; batchSize: number; seed?: number },
): DataLoader {
  const sequences = reviews.map(({ text }) => encodeReview(tokenizer, text, most, pooling))
  const labels = { label: reviews.map(({ label }) => label) }
  const pad = { value: tokenizer.idOf(PAD) }
  if (seed === undefined) {
    // What is measured comes in the order of its length, so that little is filled up.
    const order = sequences.map((_, i) => i).sort((a, b) => sequences[a].length - sequences[b].length || a - b)
    const sorted = new SequenceDataset(
      order.map((i) => sequences[i]),
      { label: order.map((i) => labels.label[i]) },
      pad,
    )
    return new DataLoader(sorted, { batchSize })
  }
  const dataset = new SequenceDataset(sequences, labels, pad)
  return new DataLoader(dataset, {
    batchSize,
    seed,
    sampler: new LengthBucketSampler(dataset.lengths, batchSize),
  })
}

/** A file in the folder of another. */
const beside = (file: string, name: string) => join(dirname(file), name)

interface ReviewData extends TaskData {
  readonly tokenizer: Tokenizer
}

/** Passes over so many texts: small sets are seen often, large ones a few times. */
export function epochsFor(size: number): number {
  return size <= 64 ? 20 : size <= 256 ? 15 : size <= 1024 ? 10 : 3
}

/** The shape of a model that begins with random weights when there is no language model to take it from. */
const small: Omit<TransformerConfig, 'vocabulary'> = { dim: 64, heads: 4, layers: 2, maxLength: 256 }

/** A recipe that fine-tunes the language model to tell good reviews from bad ones. */
export function finetuneRecipe(options: Finetuning): TaskRecipe<ClassificationTransformer, ReviewData> {
  const {
    set,
    size,
    scratch = false,
    seed = 1,
    batchSize = size !== undefined && size <= 256 ? 8 : 16,
    pooling = 'mean',
    length = 256,
    dropout = 0.1,
    lr = 5e-4,
    languageModel = LANGUAGE_MODEL,
    tokenizer: tokenizerFile = beside(languageModel, 'tokenizer.json'),
  } = options
  const { epochs = epochsFor(size ?? Infinity) } = options
  return {
    title: `Fine-tuned on ${size ?? 'all'} texts of ${set}${scratch ? ', without pre-training' : ''}`,
    seed,
    epochs,
    batchSize,
    async data(context) {
      const { name, train, validation } = loadReviews(set, context.from)
      const chosen = size === undefined ? train : drawReviews(train, size, context.seed)
      const tokenizer =
        set !== 'grammar' || options.languageModel !== undefined
          ? readTokenizer(tokenizerFile)
          : await trainTokenizer({ name, key: name, documents: () => train.map(({ text }) => text) }, 400)
      const most = 512
      return {
        tokenizer,
        train: batchesOf(chosen, tokenizer, {
          most: length,
          pooling,
          batchSize: context.batchSize,
          seed: context.seed,
        }),
        validation: batchesOf(validation, tokenizer, { most, pooling, batchSize: MEASURED }),
        source: `${chosen.length} texts of ${name}`,
        classes: LABELS,
      }
    },
    async model({ tokenizer }) {
      const head = { classes: LABELS.length, pooling, classToken: tokenizer.idOf(CLASS), headDropout: dropout }
      if (set === 'grammar' && options.languageModel === undefined)
        return new ClassificationTransformer({ ...small, vocabulary: tokenizer.size, dropout }, head)
      if (!existsSync(languageModel))
        throw new LanewiseError('E_EXTERNAL', `${languageModel} is not there: train transformer-lm/pretrain first`)
      const lm = await loadLanguageModel(languageModel, tokenizer)
      // The same shape, other weights.
      return scratch
        ? new ClassificationTransformer({ ...lm.config, dropout }, head)
        : ClassificationTransformer.from(lm, { ...head, dropout })
    },
    optimizer: (model) => new AdamW(model.parameters(), { lr, weightDecay: 0.01 }),
    schedule: (steps) => {
      const warm = Math.max(1, Math.round(steps / 10))
      return warmup(warm, cosine(Math.max(1, steps - warm)), 0.01)
    },
    task: {
      output: (model, batch) =>
        (model as ClassificationTransformer).call(batchField(batch, 'tokens'), batchField(batch, 'mask')),
    },
    fit: { clipNorm: 1 },
    files: (model, { tokenizer, source }) => ({
      'classifier.onnx': exportClassifier(model, { tokenizer, format: 'int8', metadata: { data: source } }),
      ...classifierFolder(model, { tokenizer, format: 'int8' }),
    }),
    evaluate: (session, { data, count, file }) => evaluateClassifier(session, { data, count, set, file }),
  }
}

/** What {@link classifyTexts} says of a text. */
export interface Judgement {
  /** Of each class. */
  readonly probabilities: readonly number[]
}

/** Texts judged by an exported classifier. @param pooling - that of the model: whether texts end with a token for their class. */
export async function classifyTexts(
  session: InferenceSession,
  tokenizer: Tokenizer,
  texts: readonly string[],
  { most = 512, pooling = 'mean' }: { readonly most?: number; readonly pooling?: Pooling } = {},
): Promise<Judgement[]> {
  const reviews = texts.map((text) => encodeReview(tokenizer, text, most, pooling))
  const order = reviews.map((_, i) => i).sort((a, b) => reviews[a].length - reviews[b].length)
  const judged: Judgement[] = []
  for (let start = 0; start < order.length; start += MEASURED) {
    const places = order.slice(start, start + MEASURED)
    const dataset = new SequenceDataset(
      places.map((i) => reviews[i]),
      {},
      { value: tokenizer.idOf(PAD) },
    )
    const { tokens, mask } = dataset.batch(places.map((_, i) => i))
    const { logits } = await session.run({ input_ids: asInt64(tokens), attention_mask: asInt64(mask) })
    const scores = logits.data as Float32Array
    const classes = logits.dims[1]
    places.forEach((place, i) => {
      const row = [...scores.subarray(i * classes, (i + 1) * classes)]
      const most = Math.max(...row)
      const powers = row.map((score) => Math.exp(score - most))
      const sum = powers.reduce((a, b) => a + b, 0)
      judged[place] = { probabilities: powers.map((power) => power / sum) }
    })
  }
  return judged
}

function asInt64({ data, dims }: Tensor): Tensor {
  return new Tensor('int64', BigInt64Array.from(data as Int32Array, BigInt), dims)
}

/** The share of texts that a classifier judges rightly: of a file, or of the part of a set that it did not learn from. */
async function evaluateClassifier(
  session: InferenceSession,
  { data, count, set, file }: { data?: string; count?: number; set: ReviewSet; file?: string },
) {
  const own = file === undefined ? TOKENIZER : beside(file, 'tokenizer.json')
  const tokenizer = readTokenizer(existsSync(own) ? own : TOKENIZER)
  const reviews = data === undefined ? loadReviews(set).validation : readReviews(data)
  const chosen = reviews.slice(0, count)
  const { pooling } = JSON.parse(session.metadata.get('head') ?? '{}') as { pooling?: Pooling }
  const { maxLength } = JSON.parse(session.metadata.get('config') ?? '{}') as { maxLength?: number }
  const judged = await classifyTexts(
    session,
    tokenizer,
    chosen.map(({ text }) => text),
    { pooling, most: maxLength },
  )
  const confusion = LABELS.map(() => LABELS.map(() => 0))
  judged.forEach(({ probabilities }, i) => {
    confusion[chosen[i].label][probabilities.indexOf(Math.max(...probabilities))]++
  })
  const right = confusion.reduce((sum, row, i) => sum + row[i], 0)
  const accuracy = right / chosen.length
  return {
    lines: [
      `${data ?? set}: ${(100 * accuracy).toFixed(2)} % of ${chosen.length} texts judged rightly`,
      ...confusion.map((row, i) => `  ${LABELS[i]}: ${row.map((n, c) => `${n} taken for ${LABELS[c]}`).join(', ')}`),
    ],
    figures: { data: data ?? set, accuracy, count: chosen.length, right, confusion },
  }
}
