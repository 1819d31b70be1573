import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { loadGraph } from '../../src/node.js'
import {
  compressWeights,
  exportModel,
  LanewiseError,
  Module,
  toDecoderGraph,
  toGraph,
  Tokenizer,
  weightsOf,
  type Variable,
  type WeightFormat,
} from '../../src/train.js'
import { ClassificationTransformer, type ClassificationOptions } from './classification.js'
import { CLASS, END, PAD } from './corpus.js'
import { TransformerLM, type TransformerConfig } from './model.js'

/** Where the trained models lie. */
export const FOLDER = 'models/transformer-lm'
export const LANGUAGE_MODEL = `${FOLDER}/lm.onnx`
export const CLASSIFIER = `${FOLDER}/classifier.onnx`
export const TOKENIZER = `${FOLDER}/tokenizer.json`

/** The names of the classes of reviews. */
export const LABELS = ['negative', 'positive'] as const

/** Files by name. */
export type Files = Readonly<Record<string, Uint8Array | string>>

const fingerprint = (tokenizer: Tokenizer) =>
  createHash('sha256').update(tokenizer.tokens.join('\0')).digest('hex').slice(0, 16)

/** @throws LanewiseError `E_VALUE` if a model was trained with other tokens. */
export function checkTokenizer(
  config: Pick<TransformerConfig, 'vocabulary'>,
  tokenizer: Tokenizer,
  trained?: string,
): void {
  if (tokenizer.size !== config.vocabulary)
    throw new LanewiseError(
      'E_VALUE',
      `the tokenizer has ${tokenizer.size} tokens, the model knows ${config.vocabulary}: they do not belong together`,
      { expected: String(config.vocabulary), actual: String(tokenizer.size) },
    )
  if (trained !== undefined && trained !== fingerprint(tokenizer))
    throw new LanewiseError('E_VALUE', 'the model was trained with the tokens of another tokenizer', {
      expected: trained,
      actual: fingerprint(tokenizer),
    })
}

/** How a language model is written. */
export interface LanguageModelFile {
  readonly tokenizer: Tokenizer
  /** See `toDecoderGraph`. */
  readonly cache: 'session' | 'past'
  readonly format?: WeightFormat
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * The ONNX file of a language model, with its cache. @throws LanewiseError `E_VALUE` for a tokenizer that does not fit.
 */
export function exportLanguageModel(
  model: TransformerLM,
  { tokenizer, cache, format = 'float32', metadata = {} }: LanguageModelFile,
): Uint8Array {
  checkTokenizer(model.config, tokenizer)
  const graph = toDecoderGraph(model, { cache, maxLength: model.config.maxLength, name: 'transformer language model' })
  return exportModel(compressWeights(graph, format), {
    metadata: {
      task: 'language-model',
      config: JSON.stringify(model.config),
      tokens: fingerprint(tokenizer),
      ...metadata,
    },
  })
}

/** How many tokens a model of this kind of file was trained with at once: of places beyond those it knows nothing. */
export function trainedLength(metadata: ReadonlyMap<string, string>): number {
  const { maxLength = 512 } = JSON.parse(metadata.get('config') ?? '{}') as Partial<TransformerConfig>
  return Math.min(Number(metadata.get('length') ?? maxLength), maxLength)
}

/** What a file says of its model, and the weights in it. */
async function read(file: string | Uint8Array, task: string, tokenizer: Tokenizer | undefined) {
  const graph = await loadGraph(file)
  const { metadata } = graph
  if (metadata.get('task') !== task)
    throw new LanewiseError(
      'E_VALUE',
      `${typeof file === 'string' ? file : 'the model'} is no ${task} (its task is ${metadata.get('task') ?? 'not said'})`,
      { expected: task, actual: metadata.get('task') },
    )
  const config = JSON.parse(metadata.get('config') ?? '{}') as TransformerConfig
  if (tokenizer) checkTokenizer(config, tokenizer, metadata.get('tokens'))
  const weights = weightsOf(graph)
  // Sines and cosines are computed; those in the file may have been rounded.
  if (config.positions !== 'learned')
    for (const name of [...weights.keys()]) if (/(^|\.)pe$/.test(name)) weights.delete(name)
  return { config, metadata, weights }
}

/**
 * A language model as a module, from the file that {@link exportLanguageModel} wrote.
 *
 * @throws LanewiseError `E_VALUE` for a file with another kind of model or of another tokenizer.
 */
export async function loadLanguageModel(file: string | Uint8Array, tokenizer?: Tokenizer): Promise<TransformerLM> {
  const { config, weights } = await read(file, 'language-model', tokenizer)
  const model = new TransformerLM(config)
  loadWeights(model, weights)
  return model
}

/** Sets every parameter of a model; what a graph has beside them (constants of its operators) is passed over. */
function loadWeights(model: Module, weights: Awaited<ReturnType<typeof read>>['weights']): void {
  const needed = [...model.namedParameters()].map(([name]) => name)
  const missing = needed.find((name) => !weights.has(name))
  if (missing !== undefined)
    throw new LanewiseError('E_TENSOR', `the file has no "${missing}": it is of another model`, { tensor: missing })
  model.loadStateDict(new Map([...weights].filter(([name]) => needed.includes(name) || /(^|\.)pe$/.test(name))), false)
}

/** A classifier as it is exported: its probabilities are left to who reads the scores. */
class Exported extends Module {
  /** Parameters are called as the model calls them. @internal */
  static readonly unnamed: readonly string[] = ['model']

  constructor(readonly model: ClassificationTransformer) {
    super(model.device)
  }

  forward(ids: Variable, mask: Variable): Variable {
    return this.model.call(ids, mask)
  }
}

/**
 * The ONNX file of a classifier: `input_ids` and `attention_mask` int64 [batch, length] in, `logits` [batch, classes]
 * out.
 */
export function exportClassifier(
  model: ClassificationTransformer,
  { tokenizer, format = 'float32', metadata = {} }: Omit<LanguageModelFile, 'cache'>,
): Uint8Array {
  checkTokenizer(model.body.config, tokenizer)
  const shape = [
    { name: 'batch', size: 2 },
    { name: 'length', size: 3 },
  ]
  const graph = toGraph(
    new Exported(model),
    ['input_ids', 'attention_mask'].map((name) => ({ name, dtype: 'int64', shape })),
    { name: 'transformer classifier', outputs: ['logits'] },
  )
  return exportModel(compressWeights(graph, format), {
    metadata: {
      task: 'text-classification',
      config: JSON.stringify(model.body.config),
      head: JSON.stringify(model.options),
      tokens: fingerprint(tokenizer),
      ...metadata,
    },
  })
}

/** A classifier as a module. Errors as {@link loadLanguageModel}. */
export async function loadClassifier(
  file: string | Uint8Array,
  tokenizer?: Tokenizer,
): Promise<ClassificationTransformer> {
  const { config, metadata, weights } = await read(file, 'text-classification', tokenizer)
  const model = new ClassificationTransformer(config, JSON.parse(metadata.get('head') ?? '{}') as ClassificationOptions)
  loadWeights(model, weights)
  return model
}

/** @throws LanewiseError `E_EXTERNAL` if there is no such file, `E_PARSE` if it is no tokenizer. */
export function readTokenizer(file: string): Tokenizer {
  if (!existsSync(file)) throw new LanewiseError('E_EXTERNAL', `${file} is not there`)
  return Tokenizer.fromJSON(readFileSync(file, 'utf8'))
}

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`

function tokenizerFiles(tokenizer: Tokenizer, maxLength: number): Files {
  return {
    'tokenizer.json': tokenizer.toJSON(),
    'tokenizer_config.json': json({
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: maxLength,
      bos_token: END,
      eos_token: END,
      pad_token: PAD,
      cls_token: CLASS,
      clean_up_tokenization_spaces: false,
    }),
  }
}

/** A folder from which transformers.js generates text: `pipeline('text-generation', FOLDER)`. */
export function languageModelFolder(model: TransformerLM, options: Omit<LanguageModelFile, 'cache'>): Files {
  const { tokenizer } = options
  const { vocabulary, dim, heads, layers, maxLength } = model.config
  const tokens = {
    bos_token_id: tokenizer.idOf(END),
    eos_token_id: tokenizer.idOf(END),
    pad_token_id: tokenizer.idOf(PAD),
  }
  return {
    'config.json': json({
      model_type: 'gpt2',
      architectures: ['GPT2LMHeadModel'],
      vocab_size: vocabulary,
      n_positions: maxLength,
      n_embd: dim,
      n_head: heads,
      n_layer: layers,
      ...tokens,
    }),
    'generation_config.json': json({ ...tokens, max_length: maxLength }),
    ...tokenizerFiles(tokenizer, maxLength),
    'onnx/model.onnx': exportLanguageModel(model, { ...options, cache: 'past' }),
  }
}

/** A folder from which transformers.js classifies texts: `pipeline('text-classification', FOLDER)`. */
export function classifierFolder(
  model: ClassificationTransformer,
  options: Omit<LanguageModelFile, 'cache'>,
  labels: readonly string[] = LABELS,
): Files {
  const { vocabulary, dim, heads, layers, maxLength } = model.body.config
  return {
    'config.json': json({
      // The kind of models with ids and a mask in and scores out.
      model_type: 'distilbert',
      architectures: ['DistilBertForSequenceClassification'],
      vocab_size: vocabulary,
      max_position_embeddings: maxLength,
      dim,
      n_heads: heads,
      n_layers: layers,
      id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
      label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    }),
    // What is longer is cut there.
    ...tokenizerFiles(options.tokenizer, Number(options.metadata?.length ?? maxLength)),
    'onnx/model.onnx': exportClassifier(model, options),
  }
}
