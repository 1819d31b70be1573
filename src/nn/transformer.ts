import { checkArguments } from '../core/arguments.js'
import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { Slice } from '../autograd/operators.js'
import { LanewiseError } from '../core/errors.js'
import { cos, exp, log, sin } from '../core/scalar-functions.js'
import { Shape } from '../ops/movement/constant.js'
import { hostFrom } from '../core/host.js'
import { AttentionCache, positionsOf } from './attention-cache.js'
import { MultiheadAttention, type AttentionMasks } from './attention.js'
import * as F from './functional.js'
import { normal, type Initializer } from './init.js'
import { Dropout, Linear } from './linear.js'
import { Module } from './module.js'
import { LayerNorm } from './norm.js'

/** Sizes of a transformer layer, where it normalises and what it drops. */
export interface TransformerLayerOptions {
  /** Size of the hidden layer; 2048 by default. */
  readonly dimFeedforward?: number
  /** Share of the elements that are dropped in training, 0 to 1; 0.1 by default. */
  readonly dropout?: number
  /** The hidden layer's function; `relu` by default. */
  readonly activation?: 'relu' | 'gelu'
  /** What variances are raised by; 1e-5 by default. */
  readonly layerNormEps?: number
  /** Whether the batch is the first axis; as in PyTorch it is the second by default. */
  readonly batchFirst?: boolean
  /** Whether each part normalises what it takes rather than what it has added to. */
  readonly normFirst?: boolean
  /** Where the parameters lie; {@link Device.current} by default. */
  readonly device?: Device
}

/** What both kinds of layers end with. */
abstract class TransformerLayer extends Module {
  /** Attention of the sequence to itself. */
  readonly self_attn: MultiheadAttention
  /** From `dModel` to the hidden layer. */
  readonly linear1: Linear
  /** On the hidden layer. */
  readonly dropout: Dropout
  /** From the hidden layer back to `dModel`. */
  readonly linear2: Linear
  /** Of the attention's part. */
  readonly norm1: LayerNorm
  /** Of the second part: the hidden layer, or in a decoder the attention to the memory. */
  readonly norm2: LayerNorm
  /** On what attention adds. */
  readonly dropout1: Dropout
  /** On what the second part adds. */
  readonly dropout2: Dropout
  /** Whether each part normalises what it takes rather than what it has added to. */
  readonly normFirst: boolean
  private readonly activation: (x: Variable) => Variable

  constructor(
    /** Size of the vectors of the sequence. */
    readonly dModel: number,
    /** How many heads attention has. */
    readonly nhead: number,
    options: TransformerLayerOptions = {},
  ) {
    checkArguments(new.target.name, { dModel, nhead, options }, 'size', 'size', {
      dimFeedforward: 'size',
      dropout: 'share',
      activation: 'string',
      layerNormEps: 'amount',
      batchFirst: 'boolean',
      normFirst: 'boolean',
      device: 'device',
    })
    const {
      dimFeedforward = 2048,
      dropout = 0.1,
      activation = 'relu',
      layerNormEps: eps = 1e-5,
      batchFirst = false,
      normFirst = false,
      device,
    } = options

    super(device)
    const on = { device: this.device }
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, ...on })
    this.linear1 = new Linear(dModel, dimFeedforward, on)
    this.dropout = new Dropout(dropout, on)
    this.linear2 = new Linear(dimFeedforward, dModel, on)
    this.norm1 = new LayerNorm(dModel, { eps, ...on })
    this.norm2 = new LayerNorm(dModel, { eps, ...on })
    this.dropout1 = new Dropout(dropout, on)
    this.dropout2 = new Dropout(dropout, on)
    this.normFirst = normFirst
    this.activation = activation === 'relu' ? F.relu : F.gelu
  }

  protected feedForward(x: Variable): Variable {
    return this.linear2.call(this.dropout.call(this.activation(this.linear1.call(x))))
  }

  /** x plus what `part` makes of it, normalised before or after. */
  protected residual(x: Variable, norm: LayerNorm, drop: Dropout, part: (x: Variable) => Variable): Variable {
    return this.normFirst ? F.add(x, drop.call(part(norm.call(x)))) : norm.call(F.add(x, drop.call(part(x))))
  }
}

/**
 * Self-attention and a network of two layers, each with a residual and a normalisation (Vaswani et al., 2017), under
 * PyTorch's names.
 */
export class TransformerEncoderLayer extends TransformerLayer {
  /** @param src - [length, batch, dModel], with `batchFirst` [batch, length, dModel]. */
  forward(src: Variable, masks: AttentionMasks = {}): Variable {
    const attended = this.residual(src, this.norm1, this.dropout1, (x) => this.self_attn.call(x, x, x, masks))
    return this.residual(attended, this.norm2, this.dropout2, (x) => this.feedForward(x))
  }
}

/** A layer that also attends to an encoder's output. */
export class TransformerDecoderLayer extends TransformerLayer {
  /** Attention to the encoder's output. */
  readonly multihead_attn: MultiheadAttention
  /** Of the hidden layer's part. */
  readonly norm3: LayerNorm
  /** On what the hidden layer adds. */
  readonly dropout3: Dropout

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options)
    const { dropout = 0.1, layerNormEps: eps = 1e-5, batchFirst = false } = options
    const { device } = this
    this.multihead_attn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, device })
    this.norm3 = new LayerNorm(dModel, { eps, device })
    this.dropout3 = new Dropout(dropout, { device })
  }

  /** @param memory - the encoder's output. @param masks - its cache keeps what is made of the memory, too. */
  forward(tgt: Variable, memory: Variable, masks: AttentionMasks = {}, memoryMasks: AttentionMasks = {}): Variable {
    const own = this.residual(tgt, this.norm1, this.dropout1, (x) => this.self_attn.call(x, x, x, masks))
    const attended = this.residual(own, this.norm2, this.dropout2, (x) =>
      this.multihead_attn.call(x, memory, memory, { cache: masks.cache, ...memoryMasks }),
    )
    return this.residual(attended, this.norm3, this.dropout3, (x) => this.feedForward(x))
  }
}

/** Layers one after the other, and a last normalisation if there is one. */
export class TransformerEncoder extends Module {
  /** The layers, in the order in which they are applied. */
  readonly layers: readonly TransformerEncoderLayer[]
  /** The normalisation after the last layer, if there is one. */
  readonly norm: LayerNorm | undefined

  /**
   * @param layers - each its own, not copies: `Array.from({ length: 6 }, () => new TransformerEncoderLayer(512, 8))`.
   */
  constructor(layers: readonly TransformerEncoderLayer[], options: { readonly norm?: LayerNorm } = {}) {
    checkArguments(new.target.name, { layers, options }, 'list', { norm: 'module' })
    const { norm } = options

    super(layers[0]?.device)
    this.layers = layers
    this.norm = norm
  }

  forward(src: Variable, masks: AttentionMasks = {}): Variable {
    const encoded = this.layers.reduce((x, layer) => layer.call(x, masks), src)
    return this.norm ? this.norm.call(encoded) : encoded
  }
}

/** {@link TransformerEncoder} of layers that attend to an encoder's output. */
export class TransformerDecoder extends Module {
  /** The layers, in the order in which they are applied. */
  readonly layers: readonly TransformerDecoderLayer[]
  /** The normalisation after the last layer, if there is one. */
  readonly norm: LayerNorm | undefined

  constructor(layers: readonly TransformerDecoderLayer[], options: { readonly norm?: LayerNorm } = {}) {
    checkArguments(new.target.name, { layers, options }, 'list', { norm: 'module' })
    const { norm } = options

    super(layers[0]?.device)
    this.layers = layers
    this.norm = norm
  }

  forward(tgt: Variable, memory: Variable, masks: AttentionMasks = {}, memoryMasks: AttentionMasks = {}): Variable {
    const decoded = this.layers.reduce((x, layer) => layer.call(x, memory, masks, memoryMasks), tgt)
    return this.norm ? this.norm.call(decoded) : decoded
  }
}

/** How many places a {@link PositionalEncoding} knows, and whether they are learned. */
export interface PositionalEncodingOptions {
  /** How many places there are at most; 5000 by default. */
  readonly maxLength?: number
  /** Vectors that are learned instead of sines and cosines. */
  readonly learned?: boolean
  /** Share of the elements that are dropped in training, 0 to 1; 0.1 by default. */
  readonly dropout?: number
  /** Whether the batch is the first axis; as in PyTorch it is the second by default. */
  readonly batchFirst?: boolean
  /** Where the parameters lie; {@link Device.current} by default. */
  readonly device?: Device
}

/** pe[t, 2i] = sin(t / 10000^(2i/size)), pe[t, 2i + 1] the cosine (Vaswani et al., 2017, section 3.5). */
export const sinusoids: Initializer = (shape) => {
  checkArguments('sinusoids', { shape }, 'numbers')
  const [length, size] = shape
  const step = log(10000) / size
  return Float32Array.from({ length: length * size }, (_, at) => {
    const [position, i] = [Math.floor(at / size), at % size]
    const angle = position * exp(-step * (i - (i % 2)))
    return i % 2 === 0 ? sin(angle) : cos(angle)
  })
}

/**
 * Adds to each vector of a sequence one that belongs to its place. `pe` is [maxLength, dModel]: part of the state,
 * learned or not.
 */
export class PositionalEncoding extends Module {
  /** A vector for each place: [maxLength, dModel]. */
  readonly pe: Parameter
  /** What is applied to the sum. */
  readonly drop: Dropout
  /** Whether the batch is the first axis rather than the second. */
  readonly batchFirst: boolean

  constructor(
    /** Size of the vectors of the sequence. */
    readonly dModel: number,
    options: PositionalEncodingOptions = {},
  ) {
    checkArguments(new.target.name, { dModel, options }, 'size', {
      maxLength: 'size',
      learned: 'boolean',
      dropout: 'share',
      batchFirst: 'boolean',
      device: 'device',
    })
    const { maxLength = 5000, learned = false, dropout = 0.1, batchFirst = false, device } = options

    super(device)
    this.pe = learned
      ? this.parameter([maxLength, dModel], normal(0, 0.02))
      : this.buffer([maxLength, dModel], sinusoids)
    this.drop = new Dropout(dropout, { device: this.device })
    this.batchFirst = batchFirst
  }

  /**
   * @param x - [length, batch, dModel], with `batchFirst` [batch, length, dModel].
   * @param offset - where the sequence begins: a number, an int64 tensor [] or [batch], the places themselves as int64
   *   [batch, length], or the cache that holds what is before it.
   * @throws LanewiseError `E_SHAPE` beyond `maxLength`; `E_VALUE` for a place that is not known.
   */
  forward(x: Variable, offset: number | Variable | AttentionCache = 0): Variable {
    if (!(offset instanceof AttentionCache))
      checkArguments(this.constructor.name, { x, offset }, 'tensor', 'number|tensor')
    const { device, pe } = this
    const axis = this.batchFirst ? 1 : 0
    const from = offset instanceof AttentionCache ? offset.offset : offset
    const begin = typeof from === 'number' ? from : 0
    if (!(Number.isInteger(begin) && begin >= 0))
      throw new LanewiseError('E_VALUE', `a sequence cannot begin at ${begin}`)
    if (begin + x.shape[axis] > pe.shape[0])
      throw new LanewiseError(
        'E_SHAPE',
        `a sequence of ${begin + x.shape[axis]} is longer than the ${pe.shape[0]} places that are known`,
      )
    if (from !== 0) {
      const rows = F.embedding(positionsOf(x, from, axis), pe)
      return this.drop.call(F.add(x, this.batchFirst ? rows : F.transpose(rows, [1, 0, 2])))
    }
    const index = (value: number) => device.constant(hostFrom('int64', [1], [value]))
    // The length is asked of the tensor so that it stays free in an exported graph.
    const [length] = apply(device, Shape, [x], lengthOf[axis])
    const [places] = apply(device, Slice, [pe, index(0), length, index(0)])
    return this.drop.call(F.add(x, this.batchFirst ? places : F.unsqueeze(places, [1])))
  }
}

const lengthOf = [
  { start: 0, end: 1 },
  { start: 1, end: 2 },
]
