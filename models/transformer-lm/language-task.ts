import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  batchField,
  DataLoader,
  ParallelSampler,
  RandomSampler,
  TokenDataset,
  type Fields,
  type Metric,
  type Task,
  type TaskData,
  type TaskRecipe,
  type Tokenizer,
  type Variable,
} from '../../src/train.js'
import { Corpus, openTokenizer } from './corpus.js'
import { exportLanguageModel, languageModelFolder, loadLanguageModel, TOKENIZER } from './files.js'
import { TransformerLM, type TransformerConfig } from './model.js'
import { grammarText } from './grammar.js'
import { isWikiText, textFiles, unlabelledReviews, wikiText, type TextSource } from './texts.js'

/** Where tokens are kept from one run to the next. */
export const CACHE = 'data/transformer-lm'
/** Tokens that there are at most, unless a training says another number: as many as the committed tokenizer has. */
const VOCABULARY = 4096
/** Windows of the validation part that are measured while a run goes on. */
const MEASURED = 64

/**
 * The next token, from all before it. What the model makes of a batch is the loss itself: scores of the whole
 * vocabulary are made in pieces only.
 */
export const languageTask: Partial<Task> = {
  label: undefined,
  output: (model, batch) => (model as TransformerLM).loss(batchField(batch, 'input'), batchField(batch, 'target')),
  loss: (loss) => loss as Variable,
}

/** exp of the mean loss; per word, if so many tokens are a word. */
function perplexityOf(tokensPerWord = () => 1): Metric {
  return {
    higherIsBetter: false,
    start() {
      let [sum, count] = [0, 0]
      return {
        update(output, batch) {
          const { size } = batchField(batch, 'target')
          sum += (output as Variable).item() * size
          count += size
        },
        value: () => (count === 0 ? NaN : Math.exp((sum / count) * tokensPerWord())),
      }
    },
  }
}

/** What a language model is trained on. */
export interface LanguageData extends TaskData {
  readonly corpus: Corpus
}

const reviewsFile = () => join(process.env.LANEWISE_SHARED ?? '../shared', 'data', 'imdb', 'unsup.txt.gz')

/** The tokenizer of the committed models for the texts that they were trained on, one of its own for others. */
function tokenizerOf(source: TextSource, vocabulary: number): Promise<Tokenizer> {
  const own = source.name === reviewsFile() && vocabulary === VOCABULARY
  const file = own ? TOKENIZER : join(CACHE, `tokenizer-${source.key}-${vocabulary}.json`)
  return openTokenizer(file, source, vocabulary)
}

/** The texts that `--data` names; else the reviews of the shared folder; without them a generated language. */
export function languageSource(from: string | undefined): TextSource {
  const path = from ?? reviewsFile()
  if (from === undefined && !existsSync(path)) return grammarText()
  if (path.endsWith('unsup.txt.gz') && existsSync(path)) return unlabelledReviews(path)
  return isWikiText(path) ? wikiText(path) : textFiles(path)
}

/** A training of a language model. */
export interface LanguageTraining extends Pick<
  TaskRecipe<TransformerLM>,
  'title' | 'seed' | 'batchSize' | 'optimizer' | 'schedule' | 'fit'
> {
  /** Tokens of a sequence. */
  readonly length: number
  readonly steps: number
  /** Tokens that a tokenizer trained for this learns at most; 4096 by default. */
  readonly vocabulary?: number
  readonly model: Omit<TransformerConfig, 'vocabulary'>
  /** The file of a language model to go on with, instead of random weights. */
  readonly from?: string
}

/** A recipe for language models. */
export function languageRecipe(training: LanguageTraining): TaskRecipe<TransformerLM, LanguageData> {
  const {
    title,
    seed,
    batchSize,
    optimizer,
    schedule,
    fit,
    length,
    steps,
    model,
    vocabulary = VOCABULARY,
    from,
  } = training
  let tokensPerWord = 1
  return {
    title,
    seed,
    // Windows begin anywhere: an epoch is the whole run.
    epochs: 1,
    batchSize,
    async data(context) {
      const source = languageSource(context.from)
      mkdirSync(CACHE, { recursive: true })
      const tokenizer = await tokenizerOf(source, vocabulary)
      const corpus = Corpus.open(source, tokenizer, { cache: CACHE })
      const windows = new TokenDataset(corpus.part('train').ids, { length, stride: 1 })
      const validation = corpus.part('validation')
      tokensPerWord = validation.ids.length / validation.words
      const measured = new TokenDataset(validation.ids.subarray(0, MEASURED * length + 1), { length })
      return {
        corpus,
        train: new DataLoader(windows, {
          batchSize: context.batchSize,
          seed: context.seed,
          sampler: new RandomSampler(windows.length, { replacement: true, count: steps * context.batchSize }),
        }),
        validation: new DataLoader(measured, {
          batchSize: context.batchSize,
          sampler: new ParallelSampler(measured.length, Math.min(context.batchSize, measured.length)),
        }) as AsyncIterable<Fields>,
        source: corpus.source,
      }
    },
    model: ({ corpus: { tokenizer } }) =>
      from === undefined
        ? new TransformerLM({ ...model, vocabulary: tokenizer.size })
        : loadLanguageModel(from, tokenizer),
    optimizer,
    schedule,
    task: languageTask,
    metrics: { perplexity: perplexityOf(), perWordPerplexity: perplexityOf(() => tokensPerWord) },
    measure: 'perplexity',
    fit,
    files: (network, { corpus: { tokenizer, source } }) => ({
      'lm.onnx': exportLanguageModel(network, {
        tokenizer,
        cache: 'session',
        format: 'int8',
        metadata: { title, data: source, length: String(length) },
      }),
      ...languageModelFolder(network, { tokenizer, format: 'int8' }),
    }),
  }
}
