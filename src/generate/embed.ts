import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber } from '../core/options.js'
import { Pace, throwIfAborted } from '../core/pace.js'
import { checkedText } from './generate.js'
import { floatsOf, integerTensor, type GenerationSession, type SessionTensor } from './session-tensors.js'

/** How the rows of a text's tokens become one. */
export type Pooling = 'mean' | 'max' | 'cls' | 'last'

/** What {@link embed} takes. */
export interface EmbeddingOptions {
  /** The mean of a text's tokens (default), their largest, the first (`cls`) or the last token's row. */
  readonly pooling?: Pooling
  /**
   * Whether a vector is divided by its length, so that the product of two is the cosine of their angle. Default true.
   */
  readonly normalize?: boolean
  /** How many texts are run at once; 32 by default. Those of like length go together. */
  readonly batchSize?: number
  /** The token that fills up shorter texts, which the mask hides; 0 by default. */
  readonly padToken?: number
  /**
   * The output that is read: vectors [texts, size], or rows [texts, tokens, size] to be pooled. Default:
   * "sentence_embedding", "last_hidden_state", "token_embeddings", or the only one.
   */
  readonly output?: string
  /** Breaks it off between batches. */
  readonly signal?: AbortSignal
}

const poolings: readonly Pooling[] = ['mean', 'max', 'cls', 'last']
const usualOutputs = ['sentence_embedding', 'last_hidden_state', 'token_embeddings']

/** Inputs that a model of texts may take; each by the lengths of a batch's texts, to which all are filled up. */
const textInputs: Readonly<Record<string, (length: number, place: number) => number>> = {
  attention_mask: (length, place) => Number(place < length),
  token_type_ids: () => 0,
  position_ids: (_, place) => place,
}

/**
 * Vectors of texts by a model in Hugging Face's layout (`input_ids`, `attention_mask`, perhaps `token_type_ids`):
 * similar texts have similar ones.
 *
 * @param texts - the tokens of each text, those that the model expects around it included; at least one token each.
 * @returns a vector for each text, in their order.
 * @throws LanewiseError `E_VALUE` for options that do not exist or make no sense, texts without tokens, a model that
 *   takes or makes something else; `E_STATE` when the signal fires.
 *
 * @example
 * import { exportModel, GraphBuilder, InferenceSession, Tensor } from 'lanewise'
 * import { embed } from 'lanewise/generate'
 *
 * // Instead of a trained model: a row of two numbers for each of three tokens.
 * const g = new GraphBuilder('rows')
 * const [ids, mask] = ['input_ids', 'attention_mask'].map((name) => g.input(name, 'int64', ['texts', 'tokens']))
 * const rows = g.op('Gather', [g.constant('table', new Tensor('float32', [1, 0, 0, 1, 3, 4], [3, 2])), ids])
 * const last = g.constant('last', new Tensor('int64', [2], [1]))
 * const seen = g.op('Unsqueeze', [g.op('Cast', [mask], { to: 'float32' }), last])
 * g.output(g.op('Mul', [rows, seen]), 'last_hidden_state')
 *
 * const session = await InferenceSession.create(exportModel(g))
 * const [first, second] = await embed(session, [[0, 1], [2]])
 * console.log(Array.from(first, (x) => x.toFixed(3)).join()) // 0.707,0.707
 * console.log(Array.from(second, (x) => x.toFixed(3)).join()) // 0.600,0.800
 */
export async function embed(
  session: GenerationSession,
  texts: readonly ArrayLike<number>[],
  options: EmbeddingOptions = {},
): Promise<Float32Array<ArrayBuffer>[]> {
  checkArguments('embed', { session, texts, options }, 'session', 'list', {
    pooling: 'string',
    normalize: 'boolean',
    batchSize: 'number',
    padToken: 'number',
    output: 'string',
    signal: 'object',
  })
  const { pooling = 'mean', normalize = true, batchSize = 32, padToken = 0, signal } = options
  if (!poolings.includes(pooling))
    throw new LanewiseError('E_VALUE', `pooling must be one of ${poolings.join(', ')}, got "${String(pooling)}"`)
  checkNumber('batchSize', batchSize, { least: 1, whole: true })
  checkNumber('padToken', padToken, { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true })
  const tokens = texts.map((text) => checkedText(text, 'a text without tokens has no vector'))
  const output = outputOf(session, options.output)
  const strange = session.inputNames.filter((name) => name !== 'input_ids' && !Object.hasOwn(textInputs, name))
  if (strange.length > 0 || !session.inputNames.includes('input_ids'))
    throw new LanewiseError(
      'E_VALUE',
      `a model of texts takes input_ids, ${Object.keys(textInputs).join(', ')}: this one takes ${session.inputNames.join(', ')}`,
      { tensor: strange[0] },
    )
  // Texts of like length waste the least on what fills them up.
  const order = [...tokens.keys()].sort((a, b) => tokens[a].length - tokens[b].length || a - b)
  const vectors: Float32Array<ArrayBuffer>[] = []
  const pace = new Pace()
  for (let from = 0; from < order.length; from += batchSize) {
    if (signal) throwIfAborted(signal, 'embedding')
    const places = order.slice(from, from + batchSize)
    const batch = places.map((place) => tokens[place])
    const feeds = feedsOf(session, batch, padToken)
    const results = await session.run(feeds as never, [output] as never)
    const made = pooled(results[output], batch, pooling, output)
    made.forEach((vector, i) => (vectors[places[i]] = normalize ? ofLengthOne(vector) : vector))
    await pace.turn()
  }
  return vectors
}

function outputOf({ outputNames }: GenerationSession, given: string | undefined): string {
  if (given !== undefined) {
    if (outputNames.includes(given)) return given
    throw new LanewiseError('E_VALUE', `the model has no output "${given}": it has ${outputNames.join(', ')}`)
  }
  const found = usualOutputs.find((name) => outputNames.includes(name))
  if (found !== undefined) return found
  if (outputNames.length === 1) return outputNames[0]
  throw new LanewiseError(
    'E_VALUE',
    `which output has the vectors? It has ${outputNames.join(', ')}: say it by "output"`,
  )
}

function feedsOf(
  session: GenerationSession,
  batch: readonly (readonly number[])[],
  padToken: number,
): Record<string, SessionTensor> {
  const width = Math.max(...batch.map((text) => text.length))
  const feeds: Record<string, SessionTensor> = {}
  for (const { name, type = 'int64', shape } of session.inputMetadata) {
    const make = Object.hasOwn(textInputs, name) ? textInputs[name] : undefined
    const values = batch.flatMap((text) =>
      Array.from({ length: width }, (_, i) => (make ? make(text.length, i) : i < text.length ? text[i] : padToken)),
    )
    // Without a mask nothing says which tokens count.
    if (
      name === 'input_ids' &&
      batch.some((text) => text.length !== width) &&
      !session.inputNames.includes('attention_mask')
    )
      throw new LanewiseError('E_VALUE', 'the model has no attention_mask: texts of several lengths need batchSize 1')
    feeds[name] = integerTensor(name, type, values, [batch.length, width], shape)
  }
  return feeds
}

function pooled(
  tensor: SessionTensor,
  batch: readonly (readonly number[])[],
  pooling: Pooling,
  name: string,
): Float32Array<ArrayBuffer>[] {
  const { dims } = tensor
  const data = floatsOf(tensor)
  const size = dims.at(-1) ?? 0
  const rows = dims.length === 3 ? dims[1] : 1
  if (dims[0] !== batch.length || size === 0 || (dims.length !== 2 && dims.length !== 3))
    throw new LanewiseError('E_SHAPE', `"${name}" [${dims.join(',')}] has no vectors for ${batch.length} texts`, {
      tensor: name,
      expected: `[${batch.length},size] or [${batch.length},tokens,size]`,
      actual: `[${dims.join(',')}]`,
    })
  return batch.map(({ length }, text) => {
    const row = (i: number) => data.subarray((text * rows + i) * size, (text * rows + i + 1) * size)
    if (dims.length === 2) return row(0).slice()
    const count = Math.min(length, rows)
    if (pooling === 'cls') return row(0).slice()
    if (pooling === 'last') return row(count - 1).slice()
    const sums = Float64Array.from(row(0))
    for (let i = 1; i < count; i++)
      row(i).forEach((value, j) => (sums[j] = pooling === 'max' ? Math.max(sums[j], value) : sums[j] + value))
    return Float32Array.from(sums, (sum) => (pooling === 'max' ? sum : sum / count))
  })
}

/** Nothing has no direction and stays as it is. */
function ofLengthOne(vector: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  let sum = 0
  for (const value of vector) sum += value * value
  const length = Math.sqrt(sum)
  return length > 0 ? vector.map((value) => value / length) : vector
}
