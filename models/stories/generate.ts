import { exportModel, InferenceSession, LanewiseError, Tensor } from '../../src/node.js'
import type { SessionOptions } from '../../src/node.js'
import { readCheckpoint, type StoriesConfig } from './checkpoint.js'
import { storiesGraph } from './model.js'

/** Rows of the first buffers; they double as the sequence grows, so that a plan serves many tokens. */
const FIRST_CAPACITY = 64

/** A stories model with the keys and values of one sequence. */
export class Storyteller {
  /** Tokens so far. */
  position = 0
  private buffers: Record<string, Tensor> = {}
  private capacity = 0

  private constructor(
    readonly config: StoriesConfig,
    readonly session: InferenceSession,
  ) {
    this.reserve(FIRST_CAPACITY)
  }

  /**
   * Makes the model of a llama2.c checkpoint.
   *
   * @throws LanewiseError `E_PARSE` for a file that is none.
   */
  static async create(file: Uint8Array, options?: SessionOptions): Promise<Storyteller> {
    const checkpoint = readCheckpoint(file)
    return new Storyteller(
      checkpoint.config,
      await InferenceSession.create(exportModel(storiesGraph(checkpoint)), options),
    )
  }

  /** Rows of the buffers of past keys and values. */
  get rows(): number {
    return this.capacity
  }

  /** Forgets the sequence. */
  reset(): void {
    this.position = 0
  }

  /**
   * Appends tokens to the sequence.
   *
   * @returns logits of what follows each of them, [tokens, vocabulary].
   * @throws LanewiseError `E_VALUE` for a token outside the vocabulary, or if the sequence gets longer than the model
   *   has positions for.
   */
  async append(tokens: readonly number[]): Promise<Tensor> {
    const end = this.position + tokens.length
    if (end > this.config.length)
      throw new LanewiseError('E_VALUE', `a sequence of ${end} tokens`, {
        expected: `at most ${this.config.length} tokens`,
        actual: String(end),
      })
    this.reserve(end)
    const feeds: Record<string, Tensor> = {
      tokens: integers(tokens),
      positions: integers(tokens.map((_, i) => this.position + i)),
      ...this.buffers,
    }
    // Results go where the inputs came from. One more name without a tensor is an output to be made.
    const fetches: Record<string, Tensor | null> = { logits: null }
    for (const [name, tensor] of Object.entries(this.buffers)) fetches[`new_${name}`] = tensor
    const { logits } = await this.session.run(feeds, fetches)
    this.position = end
    return logits
  }

  /**
   * Continues a sequence with the likeliest tokens, one run of the model per token.
   *
   * @param prompt - begins with the token that opens a sequence.
   * @returns `count` tokens that follow the prompt.
   */
  async greedy(prompt: readonly number[], count: number): Promise<number[]> {
    const tokens: number[] = []
    for (let next = prompt; tokens.length < count; next = tokens.slice(-1))
      tokens.push(likeliest(await this.append(next)))
    return tokens
  }

  release(): Promise<void> {
    return this.session.release()
  }

  /** Makes room for a sequence: what is there is kept. */
  private reserve(length: number): void {
    if (length <= this.capacity) return
    let capacity = Math.max(this.capacity, FIRST_CAPACITY)
    while (capacity < length) capacity *= 2
    this.capacity = Math.min(capacity, Math.max(this.config.length, length))
    const { dim, heads, kvHeads, layers } = this.config
    const width = (dim / heads) * kvHeads
    const old = this.buffers
    this.buffers = {}
    for (let i = 0; i < layers; i++) {
      for (const name of [`keys_${i}`, `values_${i}`]) {
        const data = new Float32Array(this.capacity * width)
        if (Object.hasOwn(old, name)) data.set(old[name].data as Float32Array)
        this.buffers[name] = new Tensor('float32', data, [this.capacity, width])
      }
    }
  }
}

/** The place of the largest element of the last row; the first of several. */
function likeliest({ data, dims }: Tensor): number {
  const width = dims[dims.length - 1]
  const row = (data as Float32Array).subarray(data.length - width)
  let best = 0
  for (let i = 1; i < width; i++) if (row[i] > row[best]) best = i
  return best
}

function integers(values: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length])
}
