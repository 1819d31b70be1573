import {
  Embedding,
  F,
  init,
  LanewiseError,
  LayerNorm,
  Linear,
  linearCrossEntropy,
  Module,
  PositionalEncoding,
  TransformerEncoder,
  TransformerEncoderLayer,
  type AttentionMasks,
  type Parameter,
  type Variable,
} from '../../src/train.js'

/** Sizes and kinds of the parts of a {@link TransformerLM}. */
export interface TransformerConfig {
  /** Tokens that there are. */
  readonly vocabulary: number
  /** Elements of a token's vector. */
  readonly dim: number
  readonly heads: number
  readonly layers: number
  /** Elements between the two products of the position-wise network; 4 · dim by default. */
  readonly feedForward?: number
  /** The most tokens of a sequence. */
  readonly maxLength: number
  readonly positions?: 'sinusoidal' | 'learned'
  /** Whether a part normalises what it takes ("pre") or what it has added to ("post"). */
  readonly norm?: 'pre' | 'post'
  /** Whether the output layer's weights are the tokens' vectors (Press & Wolf, 2017). */
  readonly tied?: boolean
  /** Whether vectors of tokens are multiplied by √dim (Vaswani et al., 2017, section 3.4). */
  readonly scaled?: boolean
  readonly activation?: 'relu' | 'gelu'
  readonly dropout?: number
}

type Complete = Required<TransformerConfig>

/** A configuration with what was left out. @throws LanewiseError `E_VALUE` for sizes that make no model. */
export function completeConfig(config: TransformerConfig): Complete {
  const complete: Complete = {
    feedForward: 4 * config.dim,
    positions: 'sinusoidal',
    norm: 'pre',
    tied: true,
    scaled: true,
    activation: 'gelu',
    dropout: 0,
    ...config,
  }
  for (const name of ['vocabulary', 'dim', 'heads', 'layers', 'feedForward', 'maxLength'] as const)
    if (!(Number.isSafeInteger(complete[name]) && complete[name] >= 1))
      throw new LanewiseError(
        'E_VALUE',
        `${name} of a transformer must be a whole number from 1, got ${complete[name]}`,
      )
  return complete
}

/** Vectors of tokens, their positions, and the blocks: what a language model and a classifier have in common. */
export class TransformerBody extends Module {
  readonly tokens: Embedding
  readonly positions: PositionalEncoding
  readonly blocks: TransformerEncoder
  readonly config: Complete

  constructor(config: TransformerConfig) {
    super()
    this.config = completeConfig(config)
    const { vocabulary, dim, heads, layers, feedForward, maxLength, positions, norm, activation, dropout } = this.config
    const { device } = this
    // Small: the sum that the blocks add to begins with this vector, which tied scores would otherwise find again in
    // it.
    this.tokens = new Embedding(vocabulary, dim, { device, init: init.normal(0, 0.02) })
    this.positions = new PositionalEncoding(dim, {
      maxLength,
      learned: positions === 'learned',
      dropout,
      batchFirst: true,
      device,
    })
    const normFirst = norm === 'pre'
    this.blocks = new TransformerEncoder(
      Array.from(
        { length: layers },
        () =>
          new TransformerEncoderLayer(dim, heads, {
            dimFeedforward: feedForward,
            dropout,
            activation,
            normFirst,
            batchFirst: true,
            device,
          }),
      ),
      normFirst ? { norm: new LayerNorm(dim, { device }) } : {},
    )
    // Each block adds to the sum that the next one reads: what they add begins small (Radford et al., 2019).
    if (normFirst) for (const { self_attn, linear2 } of this.blocks.layers) scale([self_attn.out_proj, linear2], layers)
  }

  /**
   * @param ids - int32 or int64 [batch, length].
   * @param masks - by default each position sees itself and those before it.
   * @returns [batch, length, dim].
   * @throws LanewiseError `E_SHAPE` for more than `maxLength` positions.
   */
  forward(ids: Variable, masks: AttentionMasks = { isCausal: true }): Variable {
    return this.contextual(this.tokens.call(ids), masks)
  }

  /** What the blocks make of vectors of tokens [batch, length, dim]. */
  contextual(vectors: Variable, masks: AttentionMasks = { isCausal: true }): Variable {
    const { scaled, dim } = this.config
    const x = scaled ? F.mul(vectors, Math.sqrt(dim)) : vectors
    return this.blocks.call(this.positions.call(x, masks.cache), masks)
  }
}

function scale(layers: readonly Linear[], depth: number): void {
  for (const { weight } of layers) {
    const values = weight.data() as Float32Array
    weight.assign(values.map((value) => value / Math.sqrt(2 * depth)))
  }
}

/** A decoder-only transformer that says of every position which token comes next (Radford et al., 2018). */
export class TransformerLM extends Module {
  readonly body: TransformerBody
  /** The output layer; that of a tied model is the tokens' vectors. */
  readonly output: Linear | undefined

  constructor(config: TransformerConfig) {
    super()
    this.body = new TransformerBody(config)
    const { tied, dim, vocabulary } = this.body.config
    this.output = tied ? undefined : new Linear(dim, vocabulary, { device: this.device })
  }

  get config(): Complete {
    return this.body.config
  }

  private get table(): readonly [weight: Parameter, bias: Parameter | undefined] {
    return this.output ? [this.output.weight, this.output.bias] : [this.body.tokens.weight, undefined]
  }

  /** @param ids - [batch, length]. @returns scores of the next token [batch, length, vocabulary]. */
  forward(ids: Variable, masks?: AttentionMasks): Variable {
    return F.linear(this.body.call(ids, masks), ...this.table)
  }

  /**
   * The mean of −log of the next tokens' probabilities; the scores of all positions are never held at once.
   *
   * @param ids - [batch, length]. @param targets - [batch, length]: of each position the token after it.
   * @param ignoreIndex - a target that counts for nothing.
   */
  loss(ids: Variable, targets: Variable, ignoreIndex?: number): Variable {
    return linearCrossEntropy(this.body.call(ids), ...this.table, targets, { ignoreIndex })
  }
}
