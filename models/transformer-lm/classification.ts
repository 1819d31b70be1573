import { Dropout, F, Linear, Module, type Variable } from '../../src/train.js'
import { TransformerBody, type TransformerConfig, type TransformerLM } from './model.js'

/**
 * Which of a text's vectors its class is read from: that of the last token, the mean of all, or that of a token which
 * stands there for it.
 */
export type Pooling = 'last' | 'mean' | 'class'

/** What a {@link ClassificationTransformer} has beside its body. */
export interface ClassificationOptions {
  readonly classes: number
  readonly pooling?: Pooling
  /** The number of the token that `pooling: 'class'` looks for. */
  readonly classToken?: number
  /** Dropped of what the last layer takes. */
  readonly headDropout?: number
}

/**
 * Embeddings, positions and blocks of a language model, with a linear layer that tells classes apart (Radford et al.,
 * 2018).
 */
export class ClassificationTransformer extends Module {
  readonly body: TransformerBody
  readonly head: Linear
  readonly options: Required<ClassificationOptions>
  private readonly drop: Dropout

  constructor(
    config: TransformerConfig,
    { classes, pooling = 'last', classToken = 0, headDropout = 0 }: ClassificationOptions,
  ) {
    super()
    this.options = { classes, pooling, classToken, headDropout }
    this.body = new TransformerBody(config)
    const { device } = this
    this.drop = new Dropout(headDropout, { device })
    this.head = new Linear(this.body.config.dim, classes, { device })
  }

  /** One whose body begins with the weights of a language model. @param dropout - that of the new model's blocks. */
  static from(
    lm: TransformerLM,
    options: ClassificationOptions & { readonly dropout?: number },
  ): ClassificationTransformer {
    const model = new ClassificationTransformer({ ...lm.config, dropout: options.dropout ?? 0 }, options)
    model.body.loadStateDict(lm.body.stateDict())
    return model
  }

  /**
   * @param ids - int32 or int64 [batch, length]; shorter texts are filled up at their end.
   * @param mask - [batch, length]: 0 where there is no token.
   * @returns scores [batch, classes].
   */
  forward(ids: Variable, mask: Variable): Variable {
    return this.judged(this.body.call(ids), ids, mask)
  }

  /**
   * The scores of texts whose tokens' vectors [batch, length, dim] are given: what gradients by the input are taken of.
   */
  scoresOf(vectors: Variable, ids: Variable, mask: Variable): Variable {
    return this.judged(this.body.contextual(vectors), ids, mask)
  }

  private judged(hidden: Variable, ids: Variable, mask: Variable): Variable {
    // No token sees those after it: what fills up changes nothing before it.
    const pooled = F.squeeze(F.matmul(F.unsqueeze(this.shares(ids, mask), [1]), hidden), [1])
    return this.head.call(this.drop.call(pooled))
  }

  /** How much of each position is taken: [batch, length]. */
  private shares(ids: Variable, mask: Variable): Variable {
    const { pooling, classToken } = this.options
    const there = F.cast(mask, 'float32')
    if (pooling === 'class') return F.mul(F.cast(F.eq(ids, classToken), 'float32'), there)
    const count = F.sum(there, [1], true)
    if (pooling === 'mean') return F.div(there, F.clip(count, 1))
    return F.mul(F.cast(F.eq(F.cumsum(there, 1), count), 'float32'), there)
  }
}
