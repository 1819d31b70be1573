import type { Device } from '../../src/autograd/device.js'
import type { Variable } from '../../src/autograd/variable.js'
import type { AttentionMasks } from '../../src/nn/attention.js'
import { Embedding, Linear } from '../../src/nn/linear.js'
import { Module } from '../../src/nn/module.js'
import { LayerNorm } from '../../src/nn/norm.js'
import { PositionalEncoding, TransformerEncoder, TransformerEncoderLayer } from '../../src/nn/transformer.js'

/** A decoder-only transformer that is small enough for tests, with weights that prefer some tokens clearly. */
export class TinyLanguageModel extends Module {
  readonly tokens: Embedding
  readonly positions: PositionalEncoding
  readonly body: TransformerEncoder
  readonly head: Linear

  constructor(
    readonly vocabulary: number,
    device: Device,
    { learned = false, normFirst = true, maxLength = 40 } = {},
  ) {
    super(device)
    this.tokens = new Embedding(vocabulary, 16, { device })
    this.positions = new PositionalEncoding(16, { batchFirst: true, learned, maxLength, device })
    const layer = () => new TransformerEncoderLayer(16, 4, { batchFirst: true, dimFeedforward: 32, normFirst, device })
    this.body = new TransformerEncoder([layer(), layer()], { norm: new LayerNorm(16, { device }) })
    this.head = new Linear(16, vocabulary, { device })
    const weights = this.head.weight.data() as Float32Array
    this.head.weight.assign(weights.map((weight) => weight * 6))
  }

  forward(ids: Variable, masks: AttentionMasks = { isCausal: true }): Variable {
    const x = this.positions.call(this.tokens.call(ids), masks.cache)
    return this.head.call(this.body.call(x, masks))
  }
}
