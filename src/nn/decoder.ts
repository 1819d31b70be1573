import { checkArguments } from '../core/arguments.js'
import { apply } from '../autograd/apply.js'
import { Variable } from '../autograd/variable.js'
import { Attention } from '../autograd/operators.js'
import { LanewiseError } from '../core/errors.js'
import { hostZeros } from '../core/host.js'
import type { Graph } from '../ir/graph.js'
import { TensorScatter } from '../ops/movement/scatter.js'
import { Shape } from '../ops/movement/constant.js'
import { AttentionCache, withHeads, withoutHeads, type Attended } from './attention-cache.js'
import type { AttentionMasks } from './attention.js'
import { toGraph, type InputSpec } from './export.js'
import * as F from './functional.js'
import { evaluating, Module } from './module.js'

/**
 * A model that continues sequences: its last argument are masks, which it hands to its attention, with the cache to its
 * positions.
 */
export type DecoderModel = Module & {
  /**
   * @param inputs - int64 [batch, length], what else the model takes, and {@link AttentionMasks}. @returns scores
   *   [batch, length, vocabulary].
   */
  forward(...inputs: never[]): Variable
}

/** How a decoder is written. */
export interface DecoderGraphOptions {
  /**
   * `past`: keys and values go in as `past_key_values.N.key` and `.value` [batch, heads, past, size] and come out
   * longer by what is new, as `present.N.key` and `.value`: Hugging Face's names, with `attention_mask` [batch, past +
   * length] and `position_ids` [batch, length]. Sizes are named as their exporter does ("batch_size",
   * "past_sequence_length"): by these names transformers.js knows how large an empty past is. `session`: they have room
   * for `maxLength` positions and are written in place, from `write_indices` [batch] on, if the session keeps them
   * (docs/states.md).
   */
  readonly cache: 'past' | 'session'
  /** The positions that a cache of a session has room for, prompt and answer together. */
  readonly maxLength?: number
  /**
   * What the model takes between the ids and the masks: an encoder's output, for instance. A free size called "batch"
   * is that of the ids.
   */
  readonly inputs?: readonly InputSpec[]
  /** Name of the graph. */
  readonly name?: string
}

/** Sizes of the keys and values of one layer, in the order in which layers are applied. */
interface LayerSizes {
  readonly heads: number
  readonly keySize: number
  readonly valueSize: number
}

/** Names of sizes: those of the other kind are Hugging Face's. */
const sizeNames = {
  session: { batch: 'batch', length: 'length', past: 'past', total: 'past + length' },
  past: {
    batch: 'batch_size',
    length: 'sequence_length',
    past: 'past_sequence_length',
    total: 'past_sequence_length + sequence_length',
  },
} as const
/** Sizes that a graph is tried with: all different, so that none is taken for another. */
const TRIED = { batch: 2, length: 3, past: 4 }

/**
 * The graph of a decoder that is applied step by step: `input_ids` [batch, length] and what is remembered in, `logits`
 * [batch, length, vocabulary] and what is to be remembered out. The first run takes the prompt, each other the next
 * token; `generate` of "lanewise/generate" does that, and with `cache: 'past'` so do clients of Hugging Face's models.
 * The model is applied in evaluation mode and sees no position after its own.
 *
 * @example
 * import { Device, Embedding, exportModel, Linear, Module, MultiheadAttention, toDecoderGraph } from 'lanewise/train'
 * import type { AttentionMasks, Variable } from 'lanewise/train'
 * import { writeFileSync } from 'node:fs'
 *
 * class LanguageModel extends Module {
 *   tokens = new Embedding(100, 32)
 *   attention = new MultiheadAttention(32, 4, { batchFirst: true })
 *   scores = new Linear(32, 100)
 *   forward(ids: Variable, masks: AttentionMasks = { isCausal: true }): Variable {
 *     const x = this.tokens.call(ids)
 *     return this.scores.call(this.attention.call(x, x, x, masks))
 *   }
 * }
 *
 * await Device.create({ seed: 1 })
 * const graph = toDecoderGraph(new LanguageModel(), { cache: 'session', maxLength: 512 })
 * writeFileSync('lm.onnx', exportModel(graph))
 * console.log(graph.inputs.map(({ name }) => name))
 * @throws LanewiseError `E_VALUE` without `maxLength` for a cache of a session, and for a model that gives the cache to
 *   no layer; what `toGraph` throws.
 */
export function toDecoderGraph(model: DecoderModel, options: DecoderGraphOptions): Graph {
  checkArguments('toDecoderGraph', { model, options }, 'module', {
    cache: 'string',
    maxLength: 'number',
    inputs: 'list',
    name: 'string',
  })

  const { cache, maxLength, inputs = [], name = 'decoder' } = options
  if (cache === 'session' && !(Number.isInteger(maxLength) && Number(maxLength) >= 1))
    throw new LanewiseError('E_VALUE', `a cache of a session needs room: maxLength is ${maxLength}`)
  const layers = layersOf(model, inputs)
  const names = sizeNames[cache]
  const batch = (size: number) => ({ name: names.batch, size })
  const length = cache === 'session' ? Number(maxLength) : { name: names.past, size: TRIED.past }
  const kept = layers.flatMap(({ heads, keySize, valueSize }, i): InputSpec[] => [
    { name: `past_key_values.${i}.key`, shape: [batch(TRIED.batch), heads, length, keySize] },
    { name: `past_key_values.${i}.value`, shape: [batch(TRIED.batch), heads, length, valueSize] },
  ])
  const sequence = {
    name: names.length,
    size: cache === 'session' ? Math.min(TRIED.length, Number(maxLength)) : TRIED.length,
  }
  const places: InputSpec[] =
    cache === 'session'
      ? [{ name: 'write_indices', dtype: 'int64', shape: [batch(TRIED.batch)] }]
      : [
          {
            name: 'attention_mask',
            dtype: 'int64',
            shape: [batch(TRIED.batch), { name: names.total, size: TRIED.past + TRIED.length }],
          },
          { name: 'position_ids', dtype: 'int64', shape: [batch(TRIED.batch), sequence] },
        ]
  const step = new DecoderStep(model, cache, inputs.length, places.length)
  const ids: InputSpec = { name: 'input_ids', dtype: 'int64', shape: [batch(TRIED.batch), sequence] }
  // What the model takes beside the ids has their batch.
  const others = inputs.map((spec) => ({
    ...spec,
    shape: spec.shape.map((size) => (typeof size === 'object' && size.name === 'batch' ? batch(size.size) : size)),
  }))
  return toGraph(step, [ids, ...others, ...places, ...kept], {
    name,
    outputs: ['logits', ...kept.map((spec) => spec.name.replace('past_key_values', 'present'))],
  })
}

/** Finds out which layers attend to their own sequence by applying the model once. */
function layersOf(model: DecoderModel, inputs: readonly InputSpec[]): LayerSizes[] {
  const finder = new LayerFinder()
  const { device } = model
  evaluating(model, () =>
    device.step(() =>
      device.noGrad(() => {
        const others = inputs.map(({ dtype = 'float32', shape }) =>
          device.tensor(
            hostZeros(
              dtype,
              shape.map((size) => (typeof size === 'number' ? size : size.size)),
            ),
          ),
        )
        const first = inputs.flatMap(({ shape }) => shape.filter((size) => typeof size === 'object'))
        const examples = first.find((size) => size.name === 'batch')?.size ?? TRIED.batch
        const ids = device.tensor(hostZeros('int64', [examples, 1]))
        const masks: AttentionMasks = { isCausal: true, cache: finder }
        model.call(...([ids, ...others, masks] as never[]))
      }),
    ),
  )
  if (finder.layers.size === 0)
    throw new LanewiseError(
      'E_VALUE',
      `${model.constructor.name} gives the cache of its masks to no layer that attends to its own sequence`,
    )
  return [...finder.layers.values()]
}

/** Sees which layers would append. */
class LayerFinder extends AttentionCache {
  readonly layers = new Map<Module, LayerSizes>()

  override get offset(): number {
    return 0
  }

  override attend(layer: Module, { q, k, v, mask, heads, causal }: Attended): Variable {
    if (this.layers.has(layer))
      throw new LanewiseError('E_UNSUPPORTED', 'a layer that is applied twice in a step cannot be written with a cache')
    this.layers.set(layer, { heads, keySize: k.shape[2] / heads, valueSize: v.shape[2] / heads })
    return apply(q.device, Attention, [q, k, v, mask], headsOf(heads, causal))[0]
  }

  override remember(_: Module, make: () => [Variable, Variable]): [Variable, Variable] {
    return make()
  }
}

function headsOf(heads: number, causal: boolean) {
  return { q_num_heads: heads, kv_num_heads: heads, is_causal: Number(causal) }
}

/** What was remembered as inputs of a graph, and what is to be as its outputs. */
abstract class GraphCache extends AttentionCache {
  readonly present: Variable[] = []

  constructor(protected readonly past: readonly Variable[]) {
    super()
  }

  protected next(): [key: Variable, value: Variable] {
    const at = this.present.length
    return [this.past[at], this.past[at + 1]]
  }

  /** What other sequences are projected to is made again in every run. */
  override remember(_: Module, make: () => [Variable, Variable]): [Variable, Variable] {
    return make()
  }
}

/** Keys and values that grow. */
class PastCache extends GraphCache {
  constructor(
    past: readonly Variable[],
    /** [batch, length]. */
    override readonly offset: Variable,
  ) {
    super(past)
  }

  override attend(_: Module, { q, k, v, mask, heads, causal }: Attended): Variable {
    const inputs = [q, k, v, mask, ...this.next()]
    const [attended, key, value] = apply(q.device, Attention, inputs, headsOf(heads, causal), 3)
    this.present.push(key, value)
    return attended
  }
}

/** Keys and values with room, written where they belong. */
class SessionCache extends GraphCache {
  private used: Variable | undefined

  constructor(
    past: readonly Variable[],
    /** [batch]. */
    override readonly offset: Variable,
  ) {
    super(past)
  }

  override attend(_: Module, { q, k, v, mask, heads, causal }: Attended): Variable {
    const { device } = q
    const [pastKey, pastValue] = this.next()
    // One of all layers: how many rows are in use, those of this run included.
    this.used ??= F.add(this.offset, apply(device, Shape, [q], { start: 1, end: 2 })[0])
    const written = (cache: Variable, x: Variable) =>
      apply(device, TensorScatter, [cache, withHeads(x, heads), this.offset], { axis: 2 })[0]
    const [key, value] = [written(pastKey, k), written(pastValue, v)]
    this.present.push(key, value)
    const inputs = [withHeads(q, heads), key, value, mask, undefined, undefined, this.used]
    return withoutHeads(apply(device, Attention, inputs, { is_causal: Number(causal) })[0])
  }
}

/** A model with its cache as inputs and outputs. */
class DecoderStep extends Module {
  /** Parameters are called as the model calls them. @internal */
  static readonly unnamed: readonly string[] = ['model']

  constructor(
    readonly model: DecoderModel,
    private readonly kind: DecoderGraphOptions['cache'],
    private readonly others: number,
    private readonly places: number,
  ) {
    super(model.device)
  }

  forward(ids: Variable, ...rest: Variable[]): Variable[] {
    const inputs = rest.slice(0, this.others)
    const places = rest.slice(this.others, this.others + this.places)
    const past = rest.slice(this.others + this.places)
    const cache = this.kind === 'past' ? new PastCache(past, places[1]) : new SessionCache(past, places[0])
    const masks: AttentionMasks = {
      isCausal: true,
      cache,
      ...(this.kind === 'past' && { keyPaddingMask: F.eq(places[0], 0) }),
    }
    const scores = this.model.call(...([ids, ...inputs, masks] as never[])) as Variable
    return [scores, ...cache.present]
  }
}
