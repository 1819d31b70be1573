import { checkArguments } from '../core/arguments.js'
import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import { inOrder } from '../autograd/eager.js'
import { Variable, type Parameter } from '../autograd/variable.js'
import { Add, Attention } from '../autograd/operators.js'
import { LanewiseError } from '../core/errors.js'
import { hostFrom, hostZeros } from '../core/host.js'
import { identityOrder } from '../core/layout.js'
import { Range, Shape } from '../ops/movement/constant.js'
import * as F from './functional.js'
import type { Module } from './module.js'

/** What a layer wants to know of its queries by the keys and values before, and by new ones. @internal */
export interface Attended {
  /** [batch, queries, heads · size]. */
  readonly q: Variable
  /** [batch, queries, heads · size]: new ones. */
  readonly k: Variable
  /** [batch, queries, heads · valueSize]: new ones. */
  readonly v: Variable
  /** ONNX's mask: true where a query may look, or what is added to the scores. */
  readonly mask: Variable | undefined
  readonly heads: number
  readonly causal: boolean
}

/**
 * What attention remembers of the positions before, so that a sequence is continued without computing it again. Pass it
 * as `cache` of the masks: a layer that attends to its own sequence appends what is new, one that attends to another
 * (an encoder's output) projects that once.
 */
export abstract class AttentionCache {
  /**
   * Where the next position stands: a number for all sequences of a batch; or int64 tensors: [] or [batch], where each
   * begins, or [batch, length], where each position stands.
   */
  abstract get offset(): number | Variable

  /** Attention by all keys and values so far. @returns [batch, queries, heads · valueSize]. @internal */
  abstract attend(layer: Module, attended: Attended): Variable

  /** Keys and values of another sequence. @internal */
  abstract remember(layer: Module, make: () => [key: Variable, value: Variable]): [key: Variable, value: Variable]
}

/** What one layer has of the sequence before. */
interface Rows {
  /** [batch, heads, capacity, size]: rows from `length` on mean nothing. */
  readonly key: Parameter
  readonly value: Parameter
  readonly length: number
}

/**
 * The cache of a model that is applied step by step, on its device: it lasts from one step of the device to the next.
 * Room grows as it is needed.
 *
 * @example
 * import { Device, Embedding, KeyValueCache, Linear, Module, MultiheadAttention, Tensor } from 'lanewise/train'
 * import type { AttentionMasks, Variable } from 'lanewise/train'
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
 * const device = await Device.create({ seed: 1 })
 * const model = new LanguageModel().eval()
 * const cache = new KeyValueCache()
 * const ids = (tokens: number[]) => device.tensor(new Tensor('int64', tokens, [1, tokens.length]))
 * device.noGrad(() => {
 *   device.step(() => model.call(ids([5, 17, 3]), { isCausal: true, cache })) // the prompt
 *   device.step(() => model.call(ids([42]), { isCausal: true, cache })) // the next token
 * })
 * console.log(cache.length) // 4
 * cache.dispose()
 */
export class KeyValueCache extends AttentionCache {
  private readonly rows = new Map<Module, Rows>()
  private readonly other = new Map<Module, readonly [Parameter, Parameter]>()

  /**
   * @param maxLength - the most positions that it takes; without it there is no limit but memory.
   * @throws LanewiseError `E_VALUE` for a length that is no whole number from 1.
   */
  constructor(readonly maxLength = Infinity) {
    checkArguments(new.target.name, { maxLength }, 'number?')

    super()
    if (!(maxLength >= 1) || (maxLength !== Infinity && !Number.isInteger(maxLength)))
      throw new LanewiseError('E_VALUE', `a cache cannot have ${maxLength} positions`)
  }

  /**
   * How many positions it has.
   *
   * @throws LanewiseError `E_STATE` if a call broke off between two layers, of which one knows more than the other:
   *   {@link truncate} it.
   */
  get length(): number {
    const lengths = new Set([...this.rows.values()].map(({ length }) => length))
    if (lengths.size > 1)
      throw new LanewiseError(
        'E_STATE',
        `layers have seen ${[...lengths].join(' and ')} positions: a call broke off between them; truncate() the cache`,
      )
    return lengths.values().next().value ?? 0
  }

  override get offset(): number {
    return this.length
  }

  /** Forgets what comes after the first `length` positions. @throws LanewiseError `E_VALUE` if a layer has fewer. */
  truncate(length: number): void {
    for (const rows of this.rows.values())
      if (!(Number.isInteger(length) && length >= 0 && length <= rows.length))
        throw new LanewiseError('E_VALUE', `a cache of ${rows.length} positions cannot be cut to ${length}`)
    for (const [layer, rows] of this.rows) this.rows.set(layer, { ...rows, length })
  }

  /**
   * Makes sequence i of the batch a copy of what was sequence `from[i]`: the survivors of a beam search. The batch may
   * become larger or smaller.
   *
   * @throws LanewiseError `E_VALUE` for a sequence that is not there.
   */
  reorder(from: readonly number[]): void {
    for (const [layer, { key, value, length }] of this.rows)
      this.rows.set(layer, { key: pick(key, from), value: pick(value, from), length })
    for (const [layer, [key, value]] of this.other) this.other.set(layer, [pick(key, from), pick(value, from)])
  }

  /** Forgets everything, and frees its memory. It can be used again. */
  clear(): void {
    for (const { key, value } of this.rows.values()) for (const tensor of [key, value]) tensor.dispose()
    for (const pair of this.other.values()) for (const tensor of pair) tensor.dispose()
    this.rows.clear()
    this.other.clear()
  }

  /** The same as {@link clear}. */
  dispose(): void {
    this.clear()
  }

  /** @internal */
  override attend(layer: Module, { q, k, v, mask, heads, causal }: Attended): Variable {
    const { device } = q
    this.check(device)
    const before = this.rows.get(layer)
    const [batch, added] = k.shape
    const length = (before?.length ?? 0) + added
    if (before && before.key.shape[0] !== batch)
      throw new LanewiseError(
        'E_SHAPE',
        `the cache has ${before.key.shape[0]} sequences, not ${batch}: ${k.describe()}`,
      )
    if (length > this.maxLength)
      throw new LanewiseError(
        'E_VALUE',
        `the cache has ${this.maxLength - (before?.length ?? 0)} of ${this.maxLength} positions left, not ${added}`,
        { expected: `<= ${this.maxLength}`, actual: String(length) },
      )
    const room = before?.key.shape[2] ?? 0
    const capacity = length <= room ? room : Math.min(Math.max(length, 2 * room, 16), this.maxLength)
    const key = this.appended(before?.key, before?.length ?? 0, k, heads, capacity)
    const value = this.appended(before?.value, before?.length ?? 0, v, heads, capacity)
    this.rows.set(layer, { key, value, length })
    const used = device.constant(hostFrom('int64', [batch], new Array<number>(batch).fill(length)))
    const attributes = causal ? { is_causal: 1 } : {}
    return withoutHeads(
      apply(device, Attention, [withHeads(q, heads), key, value, mask, undefined, undefined, used], attributes)[0],
    )
  }

  /** @internal */
  override remember(layer: Module, make: () => [Variable, Variable]): [Variable, Variable] {
    this.check(layer.device)
    let known = this.other.get(layer)
    if (!known) {
      const [key, value] = make().map((made) => {
        const kept = layer.device.parameter(hostZeros('float32', made.shape), { buffer: true })
        kept.copyFrom(made)
        return kept
      })
      this.other.set(layer, (known = [key, value]))
    }
    return [...known]
  }

  private check(device: Device): void {
    if (device.trace)
      throw new LanewiseError(
        'E_STATE',
        'a KeyValueCache is no part of a graph: toDecoderGraph writes one with a cache',
      )
    if (device.gradEnabled)
      throw new LanewiseError('E_STATE', 'no gradient goes through a cache: use it within device.noGrad()')
  }

  /** The new rows after those before, in memory that has room for `capacity`. */
  private appended(
    before: Parameter | undefined,
    length: number,
    x: Variable,
    heads: number,
    capacity: number,
  ): Parameter {
    const { device } = x
    const [batch, added, width] = x.shape
    const size = width / heads
    let to: Parameter
    if (before && before.shape[2] >= capacity) to = before
    else {
      to = device.parameter(hostZeros('float32', [batch, heads, capacity, size]), { buffer: true })
      if (before)
        copyRows(before, to, { groups: batch * heads, rows: length, from: before.shape[2], to: capacity, size })
      before?.dispose()
    }
    const source = inOrder(device, x.placed, identityOrder(3))
    const floats = new Float32Array(device.context.memory.buffer)
    const [from, into] = [device.addressOf(source) / 4, device.addressOf(to.placed) / 4]
    for (let b = 0; b < batch; b++)
      for (let t = 0; t < added; t++)
        for (let h = 0; h < heads; h++) {
          const at = from + ((b * added + t) * heads + h) * size
          floats.copyWithin(into + ((b * heads + h) * capacity + length + t) * size, at, at + size)
        }
    to.changed()
    return to
  }
}

/** The first rows of every group. */
function copyRows(
  source: Parameter,
  target: Parameter,
  { groups, rows, from, to, size }: { groups: number; rows: number; from: number; to: number; size: number },
): void {
  const { device } = source
  const floats = new Float32Array(device.context.memory.buffer)
  const [a, b] = [device.addressOf(source.placed) / 4, device.addressOf(target.placed) / 4]
  for (let group = 0; group < groups; group++) {
    const at = a + group * from * size
    floats.copyWithin(b + group * to * size, at, at + rows * size)
  }
}

/** Entries of the first axis, copied; the tensor they were in is freed. */
function pick(tensor: Parameter, from: readonly number[]): Parameter {
  const { device } = tensor
  const [batch, ...rest] = tensor.shape
  const wrong = from.find((index) => !(Number.isInteger(index) && index >= 0 && index < batch))
  if (wrong !== undefined) throw new LanewiseError('E_VALUE', `there is no sequence ${wrong} among ${batch}`)
  const to = device.parameter(hostZeros('float32', [from.length, ...rest]), { buffer: true })
  const stride = tensor.size / Math.max(batch, 1)
  const floats = new Float32Array(device.context.memory.buffer)
  const [a, b] = [device.addressOf(tensor.placed) / 4, device.addressOf(to.placed) / 4]
  from.forEach((index, i) => floats.copyWithin(b + i * stride, a + index * stride, a + (index + 1) * stride))
  tensor.dispose()
  return to
}

/** [batch, length, heads · size] as [batch, heads, length, size]. @internal */
export function withHeads(x: Variable, heads: number): Variable {
  return F.transpose(F.reshape(x, [0, 0, heads, -1]), [0, 2, 1, 3])
}

/** [batch, heads, length, size] as [batch, length, heads · size]. @internal */
export function withoutHeads(x: Variable): Variable {
  return F.reshape(F.transpose(x, [0, 2, 1, 3]), [0, 0, -1])
}

const axes = [0, 1].map((axis) => ({ start: axis, end: axis + 1 }))

/**
 * Where the positions of a sequence stand, as rows of a table of positions: what a model looks up that learns its own.
 * The length stays free in an exported graph.
 *
 * @param x - [batch, length, …], or by `axis` 0 [length, batch, …].
 * @param offset - where the sequence begins, or a cache that holds what is before it.
 * @returns int64 [1, length] or [batch, length].
 */
export function positionsOf(x: Variable, offset: number | Variable | AttentionCache = 0, axis: 0 | 1 = 1): Variable {
  checkArguments('positionsOf', { x, offset, axis }, 'tensor', 'any', 'number?')

  const { device } = x
  const from = offset instanceof AttentionCache ? offset.offset : offset
  if (from instanceof Variable && from.shape.length === 2) return from
  const one = (value: number) => device.constant(hostFrom('int64', [], [value]))
  const [length] = apply(device, Shape, [x], axes[axis])
  const [places] = apply(device, Range, [one(0), F.squeeze(length, [0]), one(1)])
  const begun = from instanceof Variable ? from : from > 0 ? one(from) : undefined
  const row = F.unsqueeze(places, [0])
  if (!begun) return row
  return apply(device, Add, [begun.shape.length === 0 ? begun : F.unsqueeze(begun, [1]), row])[0]
}
