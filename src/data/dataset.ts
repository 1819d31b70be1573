import { checkArguments } from '../core/arguments.js'
import { makeData, type TypedArray } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { Random } from '../core/random.js'
import { formatShape, sameShape, sizeOf } from '../core/shape.js'
import { Tensor, toHost } from '../api/tensor.js'

/** One example, or a batch of them: tensors by the name of what they are, e.g. `{ image, label }`. */
export type Fields = Readonly<Record<string, Tensor>>

/** Examples that can be had in any order. */
export interface Dataset<S = Fields> {
  /** How many examples there are. */
  readonly length: number
  /** The example at a place in [0, length). @throws LanewiseError `E_VALUE` outside. */
  get(index: number): S | Promise<S>
  /** Several examples at once as a batch, where that is cheaper than one by one. */
  batch?(indices: ArrayLike<number>): Fields
}

/**
 * Examples that come one after the other: from a file or a network, more than memory holds, maybe without an end that
 * is known.
 */
export interface StreamDataset<S = Fields> {
  /** Examples from the first on. The same epoch must give the same examples, or a run cannot be resumed. */
  stream(epoch: number): AsyncIterable<S> | Iterable<S>
}

export function isStream<S>(data: Dataset<S> | StreamDataset<S>): data is StreamDataset<S> {
  return 'stream' in data
}

/** @throws LanewiseError `E_VALUE` unless the index is a whole number in [0, length). */
export function checkIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new LanewiseError('E_VALUE', `there is no example ${index} among ${length}`, {
      expected: `[0, ${length - 1}]`,
      actual: String(index),
    })
  }
}

/**
 * Tensors whose first axis counts the examples.
 *
 * @example
 * import { Tensor, TensorDataset } from 'lanewise/train'
 *
 * const pixels = new Float32Array(3 * 784)
 * const labels = [7, 2, 1]
 * const data = new TensorDataset({
 *   image: new Tensor(pixels, [3, 1, 28, 28]),
 *   label: new Tensor('int64', labels, [3]),
 * })
 * console.log(data.length, data.get(0).image.dims)
 */
export class TensorDataset implements Dataset {
  /** How many examples there are. */
  readonly length: number

  /**
   * @throws LanewiseError `E_SHAPE` if the tensors do not have the same number of examples; `E_UNSUPPORTED` for types
   *   that share bytes.
   */
  constructor(
    /** All examples: tensors whose first axis counts them. */
    readonly fields: Fields,
  ) {
    checkArguments(new.target.name, { fields }, 'object')
    const entries = Object.entries(fields)
    if (entries.length === 0) throw new LanewiseError('E_SHAPE', 'a dataset needs at least one tensor')
    checkFields(new.target.name, fields)
    this.length = entries[0][1].dims[0]
    for (const [name, { dims, type }] of entries) {
      if (dims.length === 0)
        throw new LanewiseError('E_SHAPE', `"${name}" is a scalar: its first axis must count the examples`, {
          tensor: name,
        })
      if (dims[0] !== this.length) {
        const [first] = entries[0]
        throw new LanewiseError('E_SHAPE', `"${name}" has ${dims[0]} examples, "${first}" has ${this.length}`, {
          tensor: name,
          expected: String(this.length),
          actual: String(dims[0]),
        })
      }
      if (/int[24]$|e2m1$|^complex/.test(type))
        throw new LanewiseError('E_UNSUPPORTED', `examples of type ${type} are not supported`, {
          tensor: name,
          actual: type,
        })
    }
  }

  /** The example at an index; its tensors are views of the dataset's. */
  get(index: number): Fields {
    checkIndex(index, this.length)
    return mapFields(this.fields, ({ type, dims, data }) => {
      const size = sizeOf(dims.slice(1))
      const row = Array.isArray(data)
        ? data.slice(index * size, (index + 1) * size)
        : data.subarray(index * size, (index + 1) * size)
      return new Tensor(type, row, dims.slice(1))
    })
  }

  batch(indices: ArrayLike<number>): Fields {
    for (let i = 0; i < indices.length; i++) checkIndex(indices[i], this.length)
    return mapFields(this.fields, (tensor, name) => {
      const { dtype, data } = toHost(tensor, name)
      const size = sizeOf(tensor.dims.slice(1))
      const dims = [indices.length, ...tensor.dims.slice(1)]
      if (Array.isArray(data))
        return new Tensor(
          'string',
          Array.from(indices, (index) => data.slice(index * size, (index + 1) * size)).flat(),
          dims,
        )
      const rows = makeData(dtype, indices.length * size) as Float32Array
      for (let i = 0; i < indices.length; i++)
        rows.set((data as Float32Array).subarray(indices[i] * size, (indices[i] + 1) * size), i * size)
      return new Tensor(dtype, rows, dims)
    })
  }
}

/** Some examples of another dataset, in the order of the indices. */
export class Subset<S> implements Dataset<S> {
  /** How many examples there are. */
  readonly length: number
  readonly batch?: (indices: ArrayLike<number>) => Fields

  /** @throws LanewiseError `E_VALUE` for an index that the dataset does not have. */
  constructor(
    /** The dataset that the examples are of. */
    readonly dataset: Dataset<S>,
    /** Their places in it, in this dataset's order. */
    readonly indices: ArrayLike<number>,
  ) {
    checkArguments(new.target.name, { dataset, indices }, 'dataset', 'list|bytes')

    this.length = indices.length
    for (let i = 0; i < indices.length; i++) checkIndex(indices[i], dataset.length)
    const batch = dataset.batch?.bind(dataset)
    if (batch) this.batch = (places) => batch(Array.from(places, (place) => this.place(place)))
  }

  get(index: number): S | Promise<S> {
    return this.dataset.get(this.place(index))
  }

  private place(index: number): number {
    checkIndex(index, this.length)
    return this.indices[index]
  }
}

/** Datasets one after the other. */
export class ConcatDataset<S> implements Dataset<S> {
  /** How many examples there are. */
  readonly length: number

  constructor(
    /** The datasets, in order. */
    readonly parts: readonly Dataset<S>[],
  ) {
    checkArguments(new.target.name, { parts }, 'list')

    this.length = parts.reduce((sum, part) => sum + part.length, 0)
  }

  get(index: number): S | Promise<S> {
    checkIndex(index, this.length)
    let rest = index
    for (const part of this.parts) {
      if (rest < part.length) return part.get(rest)
      rest -= part.length
    }
    throw new LanewiseError('E_STATE', 'a dataset became shorter')
  }
}

/**
 * A dataset whose examples go through a function when they are asked for. What should vary with the epoch belongs into
 * the loader's `transform`.
 */
export function mapped<S, T>(dataset: Dataset<S>, change: (example: S, index: number) => T | Promise<T>): Dataset<T> {
  checkArguments('mapped', { dataset, change }, 'dataset', 'function')

  return {
    length: dataset.length,
    get(index) {
      const example = dataset.get(index)
      return example instanceof Promise ? example.then((it) => change(it, index)) : change(example, index)
    },
  }
}

/**
 * Parts of a dataset that have no example in common, drawn at random: a training and a validation part, say.
 *
 * @param parts - whole numbers of examples that add up to the length, or shares that add up to 1.
 * @throws LanewiseError `E_VALUE` if they do not.
 */
export function randomSplit<S>(dataset: Dataset<S>, parts: readonly number[], seed: number): Subset<S>[] {
  checkArguments('randomSplit', { dataset, parts, seed }, 'dataset', 'numbers', 'number')

  const counts = countsOf(parts, dataset.length)
  const order = new Random(seed).permutation(dataset.length)
  let start = 0
  return counts.map((count) => new Subset(dataset, order.slice(start, (start += count))))
}

function countsOf(parts: readonly number[], length: number): number[] {
  const sum = parts.reduce((a, b) => a + b, 0)
  const fine = parts.length > 0 && parts.every((part) => part >= 0)
  if (fine && parts.every(Number.isInteger) && sum === length) return [...parts]
  if (!fine || Math.abs(sum - 1) > 1e-9) {
    throw new LanewiseError(
      'E_VALUE',
      `parts must be numbers of examples that add up to ${length} or shares that add up to 1, got ${parts.join(' + ')}`,
      { expected: String(length), actual: String(sum) },
    )
  }
  // What rounding down leaves over goes to the first part, which is the training part by custom.
  const counts = parts.map((share) => Math.floor(share * length + 1e-9))
  counts[0] += length - counts.reduce((a, b) => a + b, 0)
  return counts
}

/** @throws LanewiseError `E_VALUE` for what is not tensors by name. @internal */
export function checkFields(what: string, fields: Fields): void {
  checkArguments(what, { fields }, 'object')
  for (const name in fields) checkArguments(what, { [name]: fields[name] }, 'Tensor')
}

/**
 * Puts examples on top of each other: every field gets a first axis that counts them.
 *
 * @throws LanewiseError `E_SHAPE` if fields differ in name, type or shape.
 */
export function stack(examples: readonly Fields[]): Fields {
  checkArguments('stack', { examples }, 'list')
  for (const example of examples) checkFields('stack', example)
  if (examples.length === 0) throw new LanewiseError('E_SHAPE', 'a batch needs at least one example')
  const names = Object.keys(examples[0])
  for (const example of examples) {
    const own = Object.keys(example)
    if (own.length !== names.length || !names.every((name) => Object.hasOwn(example, name))) {
      throw new LanewiseError(
        'E_SHAPE',
        `examples of one batch have different fields: ${names.join(', ')} and ${own.join(', ')}`,
      )
    }
  }
  return mapFields(examples[0], ({ type, dims }, name) => {
    const size = sizeOf(dims)
    const rows = examples.map((example) => example[name])
    for (const row of rows) {
      if (row.type !== type || !sameShape(row.dims, dims)) {
        throw new LanewiseError(
          'E_SHAPE',
          `"${name}" is ${type}${formatShape(dims)} in one example of a batch and ${row.type}${formatShape(row.dims)} in another`,
          {
            tensor: name,
            expected: `${type}${formatShape(dims)}`,
            actual: `${row.type}${formatShape(row.dims)}`,
          },
        )
      }
    }
    const shape = [rows.length, ...dims]
    if (type === 'string')
      return new Tensor(
        'string',
        rows.flatMap((row) => row.data as string[]),
        shape,
      )
    const data = makeData(type, rows.length * size) as TypedArray
    rows.forEach((row, i) =>
      (data as Float32Array).set(toHost(row, name).data as Float32Array, (i * data.length) / rows.length),
    )
    return new Tensor(type, data, shape)
  })
}

/** Applies a function to every field. */
/** The example of a batch of one: without the first axis. */
export function onlyExample(batch: Fields): Fields {
  return mapFields(batch, (tensor) => tensor.reshape(tensor.dims.slice(1)))
}

function mapFields(fields: Fields, change: (tensor: Tensor, name: string) => Tensor): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, tensor]) => [name, change(tensor, name)]))
}

/** The field of that name. @throws LanewiseError `E_VALUE` if the example has none. */
export function fieldOf(fields: Fields, name: string): Tensor {
  if (Object.hasOwn(fields, name)) return fields[name]
  throw new LanewiseError('E_VALUE', `there is no field "${name}", only ${Object.keys(fields).join(', ')}`, {
    tensor: name,
  })
}
