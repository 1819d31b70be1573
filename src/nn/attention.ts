import { checkArguments } from '../core/arguments.js'
import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { Attention, Expand, RandomAttention } from '../autograd/operators.js'
import { LanewiseError, present } from '../core/errors.js'
import { hostFrom } from '../core/host.js'
import { Shape } from '../ops/movement/constant.js'
import { And } from '../ops/elementwise/logic.js'
import { Not } from '../ops/elementwise/unary.js'
import type { AttentionCache } from './attention-cache.js'
import { expectSize } from './expect.js'
import * as F from './functional.js'
import { checkMasks } from './functional/common.js'
import { xavierUniform, zeros } from './init.js'
import { Linear } from './linear.js'
import { Module } from './module.js'

const secondAxis = { start: 1, end: 2 }

/** Objects that attributes are checked in once. */
function attributesOf(heads: number, causal: number, dropout: number) {
  const plain = { q_num_heads: heads, kv_num_heads: heads, is_causal: causal }
  return { plain, dropping: { ...plain, dropout } }
}

const maskKinds = { attnMask: 'tensor', keyPaddingMask: 'tensor', isCausal: 'boolean', cache: 'any' } as const

/** What attention may look at. Masks are PyTorch's: true means *not* to look there. */
export interface AttentionMasks {
  /**
   * [queries, keys], or what broadcasts to [batch, heads, queries, keys]: bool (true is hidden), or float32, which is
   * added to the scores.
   */
  readonly attnMask?: Variable
  /** [batch, keys], bool: true for keys that are padding. */
  readonly keyPaddingMask?: Variable
  /** Whether a query sees keys up to its own place only. */
  readonly isCausal?: boolean
  /**
   * What is remembered of the positions before. A layer that attends to its own sequence (key is query) appends the new
   * ones, and masks are over all keys, those before first; one that attends to another remembers what it has made of
   * that.
   */
  readonly cache?: AttentionCache
}

/** Sizes of a {@link MultiheadAttention}, and what it drops. */
export interface MultiheadAttentionOptions {
  /** Share of the scores that are dropped in training, 0 to 1; 0 by default. */
  readonly dropout?: number
  /** Whether the projections have biases. Default true. */
  readonly bias?: boolean
  /** Size of the vectors that keys are made of; `embedDim` by default. */
  readonly kdim?: number
  /** Size of the vectors that values are made of; `embedDim` by default. */
  readonly vdim?: number
  /** Size of a head's values; `embedDim / numHeads` by default. */
  readonly valueHeadDim?: number
  /** Whether the batch is the first axis; as in PyTorch it is the second by default. */
  readonly batchFirst?: boolean
  /** Where the parameters lie; {@link Device.current} by default. */
  readonly device?: Device
}

/**
 * Scaled dot-product attention of several heads (Vaswani et al., 2017). Where all three projections have PyTorch's
 * usual sizes their weights are one `in_proj_weight` [3·embedDim, embedDim], else `q_proj_weight`, `k_proj_weight` and
 * `v_proj_weight`; then `in_proj_bias`, `out_proj.weight` and `out_proj.bias`.
 *
 * It applies ONNX's Attention, which keeps no scores, nor a mask of those that are dropped in training.
 *
 * @throws LanewiseError `E_VALUE` if the heads do not divide `embedDim`.
 */
export class MultiheadAttention extends Module {
  /** The projections of queries, keys and values in one [3·embedDim, embedDim]; undefined where their sizes differ. */
  readonly in_proj_weight: Parameter | undefined
  /** The projection of queries, where there is no `in_proj_weight`. */
  readonly q_proj_weight: Parameter | undefined
  /** The projection of keys, where there is no `in_proj_weight`. */
  readonly k_proj_weight: Parameter | undefined
  /** The projection of values, where there is no `in_proj_weight`. */
  readonly v_proj_weight: Parameter | undefined
  /** The biases of queries, keys and values, one after the other; undefined without `bias`. */
  readonly in_proj_bias: Parameter | undefined
  /** What is applied to the values of all heads together. */
  readonly out_proj: Linear
  /** Whether the batch is the first axis rather than the second. */
  readonly batchFirst: boolean
  private readonly p: number
  /** Elements of the vectors of queries, keys and values. */
  private readonly sizes: readonly number[]
  /** Elements of all heads' values. */
  private readonly valueDim: number
  private readonly heads: ReturnType<typeof attributesOf>
  private readonly causal: ReturnType<typeof attributesOf>

  constructor(
    /** Size of the vectors of queries and of the result. */
    readonly embedDim: number,
    /** How many heads share `embedDim`. */
    readonly numHeads: number,
    options: MultiheadAttentionOptions = {},
  ) {
    checkArguments(new.target.name, { embedDim, numHeads, options }, 'size', 'size', {
      dropout: 'share',
      bias: 'boolean',
      kdim: 'size',
      vdim: 'size',
      valueHeadDim: 'size',
      batchFirst: 'boolean',
      device: 'device',
    })
    const {
      dropout = 0,
      bias = true,
      kdim = embedDim,
      vdim = embedDim,
      valueHeadDim,
      batchFirst = false,
      device,
    } = options

    super(device)
    if (embedDim % numHeads !== 0)
      throw new LanewiseError('E_VALUE', `${numHeads} heads do not divide ${embedDim} elements`)
    this.valueDim = (valueHeadDim ?? embedDim / numHeads) * numHeads
    this.batchFirst = batchFirst
    this.p = dropout
    this.sizes = [embedDim, kdim, vdim]
    this.heads = attributesOf(numHeads, 0, dropout)
    this.causal = attributesOf(numHeads, 1, dropout)
    if (kdim === embedDim && vdim === embedDim && this.valueDim === embedDim) {
      this.in_proj_weight = this.parameter([3 * embedDim, embedDim], xavierUniform())
    } else {
      this.q_proj_weight = this.parameter([embedDim, embedDim], xavierUniform())
      this.k_proj_weight = this.parameter([embedDim, kdim], xavierUniform())
      this.v_proj_weight = this.parameter([this.valueDim, vdim], xavierUniform())
    }
    this.in_proj_bias = bias ? this.parameter([2 * embedDim + this.valueDim], zeros) : undefined
    this.out_proj = new Linear(this.valueDim, embedDim, { bias, device: this.device })
    if (this.out_proj.bias) this.out_proj.bias.assign(new Float32Array(embedDim))
  }

  /**
   * @param query - [queries, batch, embedDim], with `batchFirst` [batch, queries, embedDim].
   * @param key - likewise, [keys, batch, kdim]; the queries by default.
   * @param value - likewise, [keys, batch, vdim]; the keys by default.
   * @returns of the shape of the queries.
   */
  forward(query: Variable, key: Variable = query, value: Variable = key, masks: AttentionMasks = {}): Variable {
    checkArguments(this.constructor.name, { query, key, value, masks }, 'tensor', 'tensor', 'tensor', maskKinds)
    const { attnMask, keyPaddingMask, isCausal = false, cache } = masks
    for (const [i, x] of [query, key, value].entries())
      if (x.shape.length === 3) expectSize(this, x, 2, this.sizes[i], 'features')
    const own = query === key
    const dropping = this.training && this.p > 0
    if (cache && dropping)
      throw new LanewiseError('E_STATE', 'a cache is for a model that does not drop: eval() it').at(
        'Attention',
        this.device.place,
      )
    const [q, k, v] = this.projections(
      ...this.batchesFirst(query, key, value),
      own && key === value,
      own ? undefined : cache,
    )
    const mask = this.mask(attnMask, keyPaddingMask, q)
    if (!(cache && own)) checkMasks(k.shape[1], attnMask, keyPaddingMask)
    if (cache && own) {
      const heads = this.numHeads
      return this.projected(cache.attend(this, { q, k, v, mask, heads, causal: isCausal }))
    }
    const attributes = isCausal ? this.causal : this.heads
    const attended = apply(
      this.device,
      dropping ? RandomAttention : Attention,
      [q, k, v, mask],
      dropping ? attributes.dropping : attributes.plain,
    )[0]
    return this.projected(attended)
  }

  private projected(attended: Variable): Variable {
    const result = this.out_proj.call(attended)
    return this.batchFirst ? result : F.transpose(result, [1, 0, 2])
  }

  private batchesFirst(...tensors: readonly [Variable, Variable, Variable]): [Variable, Variable, Variable] {
    const turned = new Map<Variable, Variable>()
    return tensors.map((tensor) => {
      if (tensor.shape.length !== 3)
        throw new LanewiseError('E_SHAPE', `attention takes tensors of three axes, got ${tensor.describe()}`)
      if (this.batchFirst) return tensor
      const known = turned.get(tensor) ?? F.transpose(tensor, [1, 0, 2])
      turned.set(tensor, known)
      return known
    }) as [Variable, Variable, Variable]
  }

  private projections(q: Variable, k: Variable, v: Variable, same: boolean, cache?: AttentionCache): Variable[] {
    const { embedDim: e, valueDim, in_proj_weight: all, in_proj_bias: bias } = this
    // All three of the same vectors are one product.
    if (all && same) return F.split(F.linear(q, all, bias), [e, e, e], 2)
    const weights = all
      ? F.split(all, [e, e, e], 0)
      : [this.q_proj_weight, this.k_proj_weight, this.v_proj_weight].map((weight) => present(weight, 'weight'))
    const biases = bias && F.split(bias, [e, e, valueDim], 0)
    const of = (x: Variable, i: number) => F.linear(x, weights[i], biases?.[i])
    if (cache) return [of(q, 0), ...cache.remember(this, () => [of(k, 1), of(v, 2)])]
    return [q, k, v].map(of)
  }

  /** ONNX's mask: true where a query may look, or what is added. */
  private mask(attnMask: Variable | undefined, padding: Variable | undefined, q: Variable): Variable | undefined {
    const allowed = padding && F.unsqueeze(apply(this.device, Not, [padding])[0], [1, 2])
    if (!attnMask) return allowed && this.device.trace ? this.perQuery(allowed, q) : allowed
    if (attnMask.dtype !== 'bool') return allowed ? F.where(allowed, attnMask, this.scalar(-Infinity)) : attnMask
    const seen = apply(this.device, Not, [attnMask])[0]
    return allowed ? apply(this.device, And, [seen, allowed])[0] : seen
  }

  /** Written into a graph, a mask has a row for every query: onnxruntime does not broadcast that axis. */
  private perQuery(allowed: Variable, q: Variable): Variable {
    const { device } = this
    const one = device.constant(hostFrom('int64', [1], [1]))
    const [queries] = apply(device, Shape, [q], secondAxis)
    return apply(device, Expand, [allowed, F.concat([one, one, queries, one])])[0]
  }

  private scalar(value: number): Variable {
    return this.device.constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) })
  }
}

/**
 * Attention by a small network instead of a product (Bahdanau, Cho & Bengio, 2015), as decoders that caption pictures
 * use: scores are energy · tanh(query_layer(query) + key_layer(key)).
 */
export class AdditiveAttention extends Module {
  /** Takes queries to [..., hiddenDim]. */
  readonly query_layer: Linear
  /** Takes keys to [..., hiddenDim]. */
  readonly key_layer: Linear
  /** Takes [..., hiddenDim] to one score. */
  readonly energy: Linear

  /** @param hiddenDim - the size of the space in which queries and keys meet. */
  constructor(
    /** Size of a query. */
    readonly queryDim: number,
    /** Size of a key. */
    readonly keyDim: number,
    readonly hiddenDim: number,
    options: { readonly device?: Device } = {},
  ) {
    checkArguments(new.target.name, { queryDim, keyDim, hiddenDim, options }, 'size', 'size', 'size', {
      device: 'device',
    })
    const { device } = options

    super(device)
    this.query_layer = new Linear(queryDim, hiddenDim, { device: this.device })
    this.key_layer = new Linear(keyDim, hiddenDim, { bias: false, device: this.device })
    this.energy = new Linear(hiddenDim, 1, { bias: false, device: this.device })
  }

  /**
   * @param query - [batch, queryDim]. @param keys - [batch, keys, keyDim].
   * @param keyPaddingMask - [batch, keys], bool: true for keys that are padding. At least one key of each example must
   *   not be.
   * @returns the weighted sum of the keys [batch, keyDim], and the weights [batch, keys].
   */
  forward(query: Variable, keys: Variable, keyPaddingMask?: Variable): [context: Variable, weights: Variable] {
    const met = F.tanh(F.add(F.unsqueeze(this.query_layer.call(query), [1]), this.key_layer.call(keys)))
    let scores = F.squeeze(this.energy.call(met), [2])
    if (keyPaddingMask)
      scores = F.where(
        keyPaddingMask,
        this.device.constant({ dtype: 'float32', shape: [], data: Float32Array.of(-1e30) }),
        scores,
      )
    const weights = F.softmax(scores)
    return [F.squeeze(F.matmul(F.unsqueeze(weights, [1]), keys), [1]), weights]
  }
}
