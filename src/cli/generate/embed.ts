import { readFile } from 'node:fs/promises'
import { InferenceSession } from '../../api/session.js'
import { LanewiseError } from '../../core/errors.js'
import { writeNpy } from '../../data/formats/npy.js'
import { embed as embedTokens, type Pooling } from '../../generate/index.js'
import { writeAtomically } from '../../platform/node-files.js'
import { WordPieceTokenizer } from '../../text/index.js'
import { choiceFlag, numberFlag, textFlag, UsageError, type Command } from '../command.js'
import { buildFlag, describeEngine, sessionFlags } from '../load.js'
import { jsonIn, modelIn, numberIn, tokenizerIn, type FolderTokenizer, type Json } from './folder.js'

const PLACES = ['onnx/model.onnx', 'model.onnx', 'onnx/encoder_model.onnx', 'encoder_model.onnx']
/** What a text may be called in a line of JSON. */
const FIELDS = ['text', 'sentence', 'content']
const POOLINGS: readonly Pooling[] = ['mean', 'max', 'cls', 'last']
/** Names in the configuration of Sentence Transformers. */
const poolingModes: Readonly<Record<string, Pooling>> = {
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
  pooling_mode_cls_token: 'cls',
  pooling_mode_lasttoken: 'last',
}

export const embed: Command = {
  name: 'embed',
  summary: 'vectors of texts by a model in a folder as Hugging Face has them',
  usage: 'MODEL_DIR --input FILE --output FILE [options]',
  flags: {
    input: {
      type: 'string',
      value: 'FILE',
      help: '.jsonl (strings, or objects with a field of text) or .txt, a text a line',
    },
    output: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      help: 'a .npy file [texts, size], or .jsonl with "embedding" in each line',
    },
    field: { type: 'string', value: 'NAME', help: `the field of the text in .jsonl (default ${FIELDS.join(', ')})` },
    prefix: { type: 'string', value: 'TEXT', help: 'put before every text, as some models want it ("query: ")' },
    model: { type: 'string', value: 'FILE', help: 'the model within the folder, e.g. onnx/model_quantized.onnx' },
    pooling: {
      type: 'string',
      value: POOLINGS.join('|'),
      help: 'how rows become one (default: what the folder says, else mean)',
    },
    'no-normalize': { type: 'boolean', help: 'leave vectors as long as they are' },
    'max-tokens': { type: 'string', value: 'N', help: 'cut longer texts (default: what the folder says)' },
    batch: { type: 'string', value: 'N', help: 'texts that are run at once (default 32)' },
    build: sessionFlags.build,
  },

  async run({ positionals, flags, print, result }) {
    const [folder] = positionals
    if (positionals.length !== 1 || !folder) throw new UsageError('one folder of a model is needed')
    const [input, output] = [textFlag(flags, 'input'), textFlag(flags, 'output')]
    if (input === undefined) throw new UsageError('--input is missing')
    if (output === undefined || !/\.(npy|jsonl)$/i.test(output))
      throw new UsageError('--output must be a .npy or a .jsonl file')
    const batchSize = numberFlag(flags, 'batch', { least: 1, whole: true })
    const most = numberFlag(flags, 'max-tokens', { least: 1, whole: true }) ?? (await longestOf(folder))
    const pooling = choiceFlag(flags, 'pooling', POOLINGS)
    const items = await readTexts(input, textFlag(flags, 'field'))
    const tokenizer = await tokenizerIn(folder)
    const session = await InferenceSession.create(modelIn(folder, PLACES, textFlag(flags, 'model')), {
      build: buildFlag(flags),
    })
    try {
      const whole = session.outputNames.includes('sentence_embedding')
      const said = whole ? {} : await poolingOf(folder)
      const prefix = textFlag(flags, 'prefix') ?? ''
      const all = items.map(({ text }) => tokenizer.encode(prefix + text))
      const cut = all.map((tokens, i) => shortened(tokens, tokenizer, prefix + items[i].text, most))
      const begun = performance.now()
      const vectors = await embedTokens(session, cut, {
        batchSize,
        pooling: pooling ?? said.pooling,
        normalize: flags['no-normalize'] === true ? false : said.normalize,
        padToken: await padOf(folder, tokenizer),
      })
      const ms = performance.now() - begun
      const size = vectors[0]?.length ?? 0
      const lines = () => vectors.map((vector, i) => JSON.stringify({ ...items[i].id, embedding: [...vector] }) + '\n')
      const bytes = output.toLowerCase().endsWith('.npy')
        ? writeNpy({ dtype: 'float32', shape: [vectors.length, size], data: joined(vectors, size) })
        : new TextEncoder().encode(lines().join(''))
      writeAtomically(output, [bytes])
      const given = cut.reduce((sum, { length }) => sum + length, 0)
      const shorter = cut.filter((tokens, i) => tokens.length < all[i].length).length
      print(
        `${output}: ${vectors.length} vectors of ${size}${shorter > 0 ? `, ${shorter} of texts cut to ${most} tokens` : ''}`,
      )
      print(
        `${describeEngine(session)}: ${given} tokens in ${(ms / 1000).toFixed(2)} s, ${((vectors.length * 1000) / ms).toFixed(1)} texts a second`,
      )
      result({ output, texts: vectors.length, size, tokens: given, cut: shorter, ms })
    } finally {
      await session.release()
    }
  },
}

interface Item {
  readonly text: string
  /** What its line is written with. */
  readonly id: Json
}

/** @throws LanewiseError `E_PARSE` or `E_VALUE` naming the line that is at fault. */
async function readTexts(path: string, field: string | undefined): Promise<Item[]> {
  const lines = (await readFile(path, 'utf8')).split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  const json = /\.(jsonl|ndjson)$/i.test(path)
  const items = lines.map((line, i): Item => {
    const at = `${path}:${i + 1}`
    const text = json ? textOf(line, field, at) : { text: line, id: {} }
    if (text.text.trim() === '') throw new LanewiseError('E_VALUE', `${at}: there is no text`)
    return text
  })
  if (items.length === 0) throw new LanewiseError('E_VALUE', `${path} has no texts`)
  return items
}

function textOf(line: string, field: string | undefined, at: string): Item {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `${at}: this is no JSON: ${(cause as Error).message}`, { cause })
  }
  if (typeof value === 'string') return { text: value, id: {} }
  const record = (typeof value === 'object' && value !== null ? value : {}) as Json
  const text = (field === undefined ? FIELDS : [field])
    .map((name) => record[name])
    .find((one) => typeof one === 'string')
  if (text === undefined)
    throw new LanewiseError(
      'E_VALUE',
      `${at}: it has no text in ${field ?? FIELDS.join(', ')}${field ? '' : ': --field says where it is'}`,
    )
  return { text, id: record.id === undefined ? {} : { id: record.id } }
}

/**
 * A text's tokens, the last of its own left out where they are too many: what the model expects around a text stays.
 */
function shortened(
  tokens: Int32Array<ArrayBuffer>,
  tokenizer: FolderTokenizer,
  text: string,
  most: number,
): Int32Array<ArrayBuffer> {
  if (tokens.length <= most) return tokens
  const own = 'idOf' in tokenizer ? tokenizer.encode(text, { template: false }) : tokens
  const around = tokens.length - own.length
  let before = 0
  while (before < around && !own.every((token, i) => token === tokens[before + i])) before++
  const kept = Math.max(0, most - around)
  return Int32Array.from([
    ...tokens.subarray(0, before),
    ...own.subarray(0, kept),
    ...tokens.subarray(before + own.length),
  ])
}

/** How many tokens the model takes, as far as the folder says. */
async function longestOf(folder: string): Promise<number> {
  const said = await numberIn(folder, ['sentence_bert_config.json'], 'max_seq_length')
  const tokenizer = await numberIn(folder, ['tokenizer_config.json'], 'model_max_length')
  const model = await numberIn(folder, ['config.json'], 'max_position_embeddings')
  return said ?? Math.min(tokenizer ?? Infinity, model ?? Infinity)
}

/**
 * What Sentence Transformers' modules do after the model. @throws LanewiseError `E_UNSUPPORTED` for modules beside
 * pooling and normalisation.
 */
async function poolingOf(folder: string): Promise<{ pooling?: Pooling; normalize?: boolean }> {
  const modules = (await jsonIn(folder, 'modules.json')) as readonly Json[] | undefined
  const types = Array.isArray(modules)
    ? modules.map(
        ({ type }) =>
          String((type as string | undefined) ?? '')
            .split('.')
            .at(-1) ?? '',
      )
    : []
  const strange = types.find((type) => !['Transformer', 'Pooling', 'Normalize'].includes(type))
  if (strange !== undefined)
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `${folder} has a module ${strange}: only pooling and normalisation are done here`,
    )
  const config = await jsonIn(folder, '1_Pooling', 'config.json')
  const modes = Object.keys(config ?? {}).filter((name) => name.startsWith('pooling_mode_') && config?.[name] === true)
  if (modes.length > 1 || modes.some((mode) => !Object.hasOwn(poolingModes, mode)))
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `the pooling ${modes.join(' and ')} is not supported: one of ${Object.keys(poolingModes).join(', ')} is`,
    )
  return {
    pooling: modes.length === 1 ? poolingModes[modes[0]] : undefined,
    normalize: types.length > 0 ? types.includes('Normalize') : undefined,
  }
}

/** The token that fills texts up: as it is called in BERT's vocabularies, or as the configuration says. */
async function padOf(folder: string, tokenizer: FolderTokenizer): Promise<number> {
  const said = await numberIn(folder, ['config.json'], 'pad_token_id')
  if (said !== undefined) return said
  return tokenizer instanceof WordPieceTokenizer && tokenizer.tokens.includes('[PAD]') ? tokenizer.idOf('[PAD]') : 0
}

function joined(vectors: readonly Float32Array[], size: number): Float32Array<ArrayBuffer> {
  const all = new Float32Array(vectors.length * size)
  vectors.forEach((vector, i) => all.set(vector, i * size))
  return all
}
