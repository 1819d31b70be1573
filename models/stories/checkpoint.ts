import { LanewiseError } from '../../src/node.js'

/** Sizes of a Llama-like model (Touvron et al., "LLaMA", 2023; grouped heads: Ainslie et al., "GQA", 2023). */
export interface StoriesConfig {
  /** Elements of a token's vector. */
  readonly dim: number
  /** Elements between the two products of a feed-forward block. */
  readonly hiddenDim: number
  readonly layers: number
  /** Heads of queries. */
  readonly heads: number
  /** Heads of keys and values, each shared by `heads / kvHeads` heads of queries. */
  readonly kvHeads: number
  readonly vocabulary: number
  /** The most tokens of a sequence: positions that have rotation angles. */
  readonly length: number
}

/** The matrices of one layer, [out, in] in row-major order, and its two norms' weights. */
export interface LayerWeights {
  readonly attentionNorm: Float32Array
  readonly query: Float32Array
  readonly key: Float32Array
  readonly value: Float32Array
  readonly output: Float32Array
  readonly feedForwardNorm: Float32Array
  readonly gate: Float32Array
  readonly down: Float32Array
  readonly up: Float32Array
}

/** The weights of a model. All are views of the file where its alignment allows. */
export interface Checkpoint {
  readonly config: StoriesConfig
  /** [vocabulary, dim] */
  readonly embedding: Float32Array
  readonly layers: readonly LayerWeights[]
  readonly norm: Float32Array
  /**
   * [length, dim / heads / 2]: cosines and sines of the rotation of each pair of elements (Su et al., "RoFormer",
   * 2021).
   */
  readonly cosines: Float32Array
  readonly sines: Float32Array
  /** [vocabulary, dim]: the embedding itself where the file shares it. */
  readonly classifier: Float32Array
}

const HEADER_BYTES = 28
/** More than any model of this format has; products of so many stay whole numbers. */
const LARGEST = 1 << 20

/**
 * Reads the flat format of llama2.c (version 0): seven int32 of sizes, then float32 arrays, each with all layers after
 * one another. A negative vocabulary says that the classifier is not the embedding.
 *
 * @throws LanewiseError `E_PARSE` if the sizes make no model or the file's length is not theirs.
 */
export function readCheckpoint(file: Uint8Array): Checkpoint {
  if (file.byteLength < HEADER_BYTES)
    throw new LanewiseError(
      'E_PARSE',
      `a checkpoint has a header of ${HEADER_BYTES} bytes, the file has ${file.byteLength}`,
    )
  const header = new DataView(file.buffer, file.byteOffset, HEADER_BYTES)
  const [dim, hiddenDim, layers, heads, kvHeads, words, length] = Array.from({ length: 7 }, (_, i) =>
    header.getInt32(4 * i, true),
  )
  const vocabulary = Math.abs(words)
  const config: StoriesConfig = { dim, hiddenDim, layers, heads, kvHeads, vocabulary, length }
  for (const [name, size] of Object.entries(config) as [string, number][]) {
    if (!(size > 0 && size <= LARGEST))
      throw new LanewiseError('E_PARSE', `${name} is ${size}`, { expected: `1 to ${LARGEST}`, actual: String(size) })
  }
  if (dim % heads !== 0 || heads % kvHeads !== 0 || (dim / heads) % 2 !== 0) {
    throw new LanewiseError(
      'E_PARSE',
      `${heads} heads of queries and ${kvHeads} of keys do not divide vectors of ${dim} into pairs`,
    )
  }
  const size = dim / heads
  const kvDim = kvHeads * size
  const shared = words > 0
  const perLayer = 2 * dim + 2 * dim * dim + 2 * kvDim * dim + 3 * hiddenDim * dim
  const floats = vocabulary * dim * (shared ? 1 : 2) + layers * perLayer + dim + length * size
  if (file.byteLength !== HEADER_BYTES + 4 * floats) {
    throw new LanewiseError('E_PARSE', 'the length of the file does not follow from its header', {
      expected: String(HEADER_BYTES + 4 * floats),
      actual: String(file.byteLength),
    })
  }
  // Views need an offset that floats can have.
  const bytes = (file.byteOffset + HEADER_BYTES) % 4 === 0 ? file : file.slice()
  let at = bytes.byteOffset + HEADER_BYTES
  const take = (count: number): Float32Array => {
    const array = new Float32Array(bytes.buffer as ArrayBuffer, at, count)
    at += 4 * count
    return array
  }
  const each = (count: number): Float32Array[] => Array.from({ length: layers }, () => take(count))
  const embedding = take(vocabulary * dim)
  const attentionNorm = each(dim)
  const [query, key, value, output] = [dim, kvDim, kvDim, dim].map((rows) => each(rows * dim))
  const feedForwardNorm = each(dim)
  const [gate, down, up] = [0, 1, 2].map(() => each(hiddenDim * dim))
  const norm = take(dim)
  const [cosines, sines] = [take((length * size) / 2), take((length * size) / 2)]
  const classifier = shared ? embedding : take(vocabulary * dim)
  const all = { attentionNorm, query, key, value, output, feedForwardNorm, gate, down, up }
  const layer = (i: number) =>
    Object.fromEntries(Object.entries(all).map(([name, arrays]) => [name, arrays[i]])) as unknown as LayerWeights
  return {
    config,
    embedding,
    layers: Array.from({ length: layers }, (_, i) => layer(i)),
    norm,
    cosines,
    sines,
    classifier,
  }
}
