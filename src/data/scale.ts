import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { formatShape, sizeOf } from '../core/shape.js'
import { Tensor } from '../api/tensor.js'
import { fieldOf, isStream, type Dataset, type Fields, type StreamDataset } from './dataset.js'

/**
 * What shares one shift and factor: each element of an example for itself, all elements of a channel (the example's
 * first axis), or all.
 */
export type ScaleBy = 'feature' | 'channel' | 'all'

/** What a scaler has learned; JSON. */
export interface ScalerState {
  /** Whether to mean 0 and variance 1, or to the range from 0 to 1. */
  readonly kind: 'standard' | 'min-max'
  /** What shares one shift and factor. */
  readonly by: ScaleBy
  /** Shape of an example. */
  readonly dims: readonly number[]
  /** Subtracted from what shares it. */
  readonly shift: readonly number[]
  /** What the difference is multiplied by. */
  readonly factor: readonly number[]
}

/**
 * Moves and stretches features: y = (x − shift) · factor. Shift and factor are fitted to examples, which must be those
 * of the training part: what is known of validation and test data must not enter a model. Applied before
 * {@link Scaler.fit}, it throws.
 */
abstract class Scaler {
  protected abstract readonly kind: ScalerState['kind']
  private fitted: Omit<ScalerState, 'kind' | 'by'> | undefined

  constructor(
    /** What shares one shift and factor; each element of an example by default. */
    readonly by: ScaleBy = 'feature',
  ) {
    checkArguments(new.target.name, { by }, 'string?')
  }

  /**
   * Fits to the examples of the training part.
   *
   * @param field - the field that holds the features, float32 or an integer type.
   * @throws LanewiseError `E_SHAPE` if shapes differ, `E_VALUE` without an example or for a value that is not finite.
   */
  async fit(training: Dataset | StreamDataset, field: string): Promise<this> {
    let dims: readonly number[] | undefined
    let groups: Groups | undefined
    for await (const example of examplesOf(training)) {
      const tensor = fieldOf(example, field)
      dims ??= tensor.dims
      if (formatShape(dims) !== formatShape(tensor.dims))
        throw new LanewiseError(
          'E_SHAPE',
          `"${field}" is ${formatShape(dims)} in one example and ${formatShape(tensor.dims)} in another`,
          { tensor: field },
        )
      groups ??= new Groups(groupCount(this.by, dims))
      groups.add(numbersOf(tensor, field))
    }
    if (!dims || !groups || groups.count === 0)
      throw new LanewiseError('E_VALUE', 'a scaler cannot be fitted to no examples')
    if (
      groups.lows.some(
        (low, i) => !Number.isFinite(low) || !Number.isFinite(groups.highs[i]) || Number.isNaN(groups.means[i]),
      )
    ) {
      throw new LanewiseError('E_VALUE', `"${field}" holds values that are not finite`, { tensor: field })
    }
    this.fitted = { dims: [...dims], ...this.measure(groups) }
    return this
  }

  protected abstract measure(groups: Groups): { shift: number[]; factor: number[] }

  /**
   * The same tensor, scaled, as float32: one example or a batch. @throws LanewiseError `E_STATE` before fit, `E_SHAPE`
   * for another shape.
   */
  transform(tensor: Tensor): Tensor {
    return this.apply(tensor, (x, shift, factor) => (x - shift) * factor)
  }

  /** Undoes {@link transform}, up to rounding. */
  inverse(tensor: Tensor): Tensor {
    return this.apply(tensor, (y, shift, factor) => y / factor + shift)
  }

  /** What was fitted, as JSON: for a checkpoint or a model's metadata. */
  toJSON(): ScalerState {
    return { kind: this.kind, by: this.by, ...this.needed() }
  }

  /** Takes what {@link toJSON} gave. @throws LanewiseError `E_STATE` if it is of another kind. */
  restore(state: ScalerState): this {
    const groups = groupCount(state.by, state.dims)
    const { kind, by, dims, shift, factor } = state
    if (
      kind !== this.kind ||
      by !== this.by ||
      shift.length !== groups ||
      factor.length !== groups ||
      ![...shift, ...factor].every(Number.isFinite)
    ) {
      throw new LanewiseError('E_STATE', `this is no state of a ${this.kind} scaler by ${this.by}`)
    }
    this.fitted = { dims: [...dims], shift: [...shift], factor: [...factor] }
    return this
  }

  private needed(): Omit<ScalerState, 'kind' | 'by'> {
    if (!this.fitted) throw new LanewiseError('E_STATE', 'a scaler must be fitted to the training part first')
    return this.fitted
  }

  private apply(tensor: Tensor, change: (x: number, shift: number, factor: number) => number): Tensor {
    const { dims, shift, factor } = this.needed()
    const own = tensor.dims.slice(tensor.dims.length - dims.length)
    if (tensor.dims.length > dims.length + 1 || formatShape(own) !== formatShape(dims)) {
      throw new LanewiseError(
        'E_SHAPE',
        `the scaler was fitted to examples of shape ${formatShape(dims)}, got ${formatShape(tensor.dims)}`,
        { expected: formatShape(dims), actual: formatShape(tensor.dims) },
      )
    }
    const numbers = numbersOf(tensor, 'tensor')
    const size = sizeOf(dims)
    const run = size / shift.length
    const data = new Float32Array(numbers.length)
    for (let i = 0; i < numbers.length; i++) {
      const group = Math.floor((i % size) / run)
      data[i] = change(numbers[i], shift[group], factor[group])
    }
    return new Tensor('float32', data, tensor.dims)
  }
}

/** Mean 0 and variance 1 (of the population). A feature that never varies is only moved. */
export class StandardScaler extends Scaler {
  protected readonly kind = 'standard'

  protected measure({ means, squares, count }: Groups): { shift: number[]; factor: number[] } {
    const factor = Array.from(squares, (square, i) => {
      const deviation = Math.sqrt(square / count)
      // What rounding makes of a constant is no variation.
      return deviation > 1e-12 * Math.abs(means[i]) ? 1 / deviation : 1
    })
    return { shift: [...means], factor }
  }
}

/**
 * From 0 for the smallest to 1 for the largest value of the training part; values of other parts may lie outside. A
 * feature that never varies becomes 0.
 */
export class MinMaxScaler extends Scaler {
  protected readonly kind = 'min-max'

  protected measure({ lows, highs }: Groups): { shift: number[]; factor: number[] } {
    return { shift: [...lows], factor: Array.from(highs, (high, i) => (high > lows[i] ? 1 / (high - lows[i]) : 1)) }
  }
}

/**
 * Running mean and sum of squared differences (Welford 1962; merged over the elements of a group), smallest and
 * largest.
 */
class Groups {
  /** Values per group so far. */
  count = 0
  readonly means: Float64Array
  readonly squares: Float64Array
  readonly lows: Float64Array
  readonly highs: Float64Array

  constructor(readonly groups: number) {
    this.means = new Float64Array(groups)
    this.squares = new Float64Array(groups)
    this.lows = new Float64Array(groups).fill(Infinity)
    this.highs = new Float64Array(groups).fill(-Infinity)
  }

  add(values: ArrayLike<number>): void {
    const run = values.length / this.groups
    for (let group = 0; group < this.groups; group++) {
      let count = this.count
      for (let i = group * run; i < (group + 1) * run; i++) {
        const x = values[i]
        const before = x - this.means[group]
        this.means[group] += before / ++count
        this.squares[group] += before * (x - this.means[group])
        if (x < this.lows[group]) this.lows[group] = x
        if (x > this.highs[group]) this.highs[group] = x
      }
    }
    this.count += run
  }
}

function groupCount(by: ScaleBy, dims: readonly number[]): number {
  if (by === 'all') return 1
  return by === 'channel' ? (dims[0] ?? 1) : sizeOf(dims)
}

async function* examplesOf(data: Dataset | StreamDataset): AsyncGenerator<Fields, void, void> {
  if (isStream(data)) yield* data.stream(0)
  else for (let i = 0; i < data.length; i++) yield data.get(i)
}

function numbersOf({ type, data }: Tensor, name: string): ArrayLike<number> {
  if (['float32', 'float64', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'bool'].includes(type))
    return data as Float32Array
  throw new LanewiseError('E_UNSUPPORTED', `features of type ${type} are not supported`, { tensor: name, actual: type })
}
