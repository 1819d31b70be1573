import type { Context } from '../../bindings/context.js'
import type { DType, NumericDType } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import type { Shape } from '../core/shape.js'
import type { Value } from '../ir/graph.js'
import { Placed } from '../plan/placed.js'
import type { Source } from '../plan/plan-state.js'
import type { States } from '../plan/states.js'
import { resolve } from '../plan/weights.js'
import type { Tensor } from './tensor.js'
import { checkTensor } from './value.js'

type DataTypeMap = Tensor.DataTypeMap

/**
 * An input or an output of a session where it lies in WebAssembly memory, so that nothing has to be copied. What an
 * input holds stays until it is written again. An output is what the last run has made, from its end to the beginning
 * of the next.
 */
export class BoundTensor<T extends DType = DType> {
  private view: unknown
  private seen: unknown
  private buffer: unknown
  private at = -1

  /** @param find - where it is now; throws where it is nowhere. @internal */
  constructor(
    /** Its name in the model. */
    readonly name: string,
    private readonly context: Context,
    private readonly find: () => Placed | HostTensor,
  ) {}

  /** The type of the elements. @throws LanewiseError `E_STATE` as {@link data}. */
  get type(): T {
    return this.find().dtype as T
  }

  /** Sizes of the axes. @throws LanewiseError `E_STATE` as {@link data}. */
  get dims(): Shape {
    return this.find().shape
  }

  /**
   * The elements, in an array as a {@link Tensor} of this type has; types of fewer than eight bits take a byte for
   * each. Take it anew for each use, that costs nothing: when memory grows (in the first run for some shapes) the
   * arrays over it from before are left empty.
   *
   * @throws LanewiseError `E_STATE` after release; for an input that has been bound again since; for an output if the
   *   last run did not make it.
   */
  get data(): T extends keyof DataTypeMap ? DataTypeMap[T] : DataTypeMap[keyof DataTypeMap] {
    const { context } = this
    context.check()
    const source = this.find()
    const { buffer } = context.memory
    const at = source instanceof Placed ? resolve(source.at) : 0
    if (this.seen !== source || this.buffer !== buffer || this.at !== at) {
      // A constant of the model is not the caller's to change.
      this.view =
        source instanceof Placed ? context.view(source.dtype as NumericDType, at, source.size) : source.data.slice()
      Object.assign(this, { seen: source, buffer, at })
    }
    return this.view as never
  }
}

/**
 * Gives an input a place of its own.
 *
 * @throws LanewiseError as `InferenceSession.input` says.
 */
export function bindInput<T extends DType>(
  name: string,
  value: Value | undefined,
  dims: readonly number[] | undefined,
  { context, kept }: { readonly context: Context; readonly kept: States },
): BoundTensor<T> {
  if (!value || kept.has(value))
    throw new LanewiseError('E_TENSOR', `there is no input "${name}" to bind`, { tensor: name })
  const { declared } = value
  const dtype = declared?.kind === 'tensor' ? declared.dtype : undefined
  if (!dtype || dtype === 'string')
    throw new LanewiseError('E_UNSUPPORTED', `"${name}" holds no numbers and cannot be bound`, { tensor: name })
  const shape: readonly unknown[] = Array.from(dims ?? declared?.shape ?? [NaN])
  if (!shape.every((size): size is number => Number.isSafeInteger(size) && (size as number) >= 0))
    throw new LanewiseError('E_VALUE', `the sizes of "${name}" are not known: give dims`, { tensor: name })
  const type = { dtype, shape }
  checkTensor(name, type, declared)
  const placed = kept.bind(value, type)
  return new BoundTensor(name, context, () => {
    if (kept.boundTo(value) === placed) return placed
    throw new LanewiseError('E_STATE', `the input "${name}" has been bound again`, { tensor: name })
  })
}

/** Where the last run has left a value. @throws LanewiseError as `InferenceSession.output` says. */
export function placeOf(left: Source | undefined, name: string): Placed | HostTensor {
  if (!left)
    throw new LanewiseError('E_STATE', `the last run has not made "${name}", or there was none`, { tensor: name })
  if ('placed' in left) return left.placed
  if ('known' in left) return left.known
  throw new LanewiseError('E_UNSUPPORTED', `"${name}" does not lie in WebAssembly memory`, { tensor: name })
}
