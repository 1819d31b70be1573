import { checkArguments } from '../core/arguments.js'
import { makeData, type NumericDType } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { formatShape, sameShape } from '../core/shape.js'
import { checkFields, TensorDataset, type Dataset, type Fields } from '../data/dataset.js'
import { readBytes, writeAtomically } from '../platform/node-files.js'
import { Tensor, toHost } from '../api/tensor.js'
import { decodeSafetensors, safetensorsPieces } from './checkpoints/safetensors.js'

/** Elements that a field begins with; it doubles. */
const FIRST = 2 ** 16

/** A field of all examples so far. */
class Column {
  data: Float32Array
  count = 0

  constructor(
    readonly name: string,
    readonly dtype: NumericDType,
    readonly dims: readonly number[],
    readonly size: number,
  ) {
    this.data = makeData(dtype, Math.max(FIRST, size)) as Float32Array
  }

  add(tensor: Tensor): void {
    const { dtype, data } = toHost(tensor, this.name)
    if (dtype !== this.dtype || !sameShape(tensor.dims, this.dims))
      throw new LanewiseError(
        'E_SHAPE',
        `"${this.name}" is ${this.dtype}${formatShape(this.dims)} in the first example and ${dtype}${formatShape(tensor.dims)} in example ${this.count}`,
        { tensor: this.name },
      )
    const end = (this.count + 1) * this.size
    if (end > this.data.length) {
      const larger = makeData(this.dtype, Math.max(end, 2 * this.data.length)) as Float32Array
      larger.set(this.data)
      this.data = larger
    }
    this.data.set(data as Float32Array, this.count * this.size)
    this.count++
  }

  tensor(): Tensor {
    return new Tensor(this.dtype, this.data.subarray(0, this.count * this.size), [this.count, ...this.dims])
  }
}

async function* examplesOf(
  examples: Dataset | AsyncIterable<Fields> | Iterable<Fields>,
): AsyncGenerator<Fields, void, void> {
  if ('get' in examples) for (let i = 0; i < examples.length; i++) yield await examples.get(i)
  else yield* examples
}

/**
 * Writes examples into one file: what decoding, cutting and scaling made of them, so that the next run begins at once.
 * The file is a safetensors file with a tensor for each field, whose first axis counts the examples; it appears when it
 * is whole.
 *
 * @param metadata - texts that are kept with it.
 * @returns how many examples there are.
 * @throws LanewiseError `E_VALUE` for no examples, `E_SHAPE` if they differ in shape or type, `E_UNSUPPORTED` for
 *   texts.
 */
export async function writeCache(
  path: string,
  examples: Dataset | AsyncIterable<Fields> | Iterable<Fields>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<number> {
  checkArguments('writeCache', { path, examples, metadata }, 'string', 'dataset|iterable', 'texts')
  const columns = new Map<string, Column>()
  let count = 0
  for await (const example of examplesOf(examples)) {
    checkFields('writeCache', example)
    if (count === 0) {
      for (const [name, tensor] of Object.entries(example)) {
        if (tensor.type === 'string')
          throw new LanewiseError('E_UNSUPPORTED', `"${name}" are texts, which a cache does not hold`, { tensor: name })
        columns.set(name, new Column(name, tensor.type, tensor.dims, tensor.size))
      }
    }
    for (const column of columns.values()) {
      if (!Object.hasOwn(example, column.name))
        throw new LanewiseError('E_SHAPE', `example ${count} has no "${column.name}"`, { tensor: column.name })
      column.add(example[column.name])
    }
    count++
  }
  if (count === 0) throw new LanewiseError('E_VALUE', `there are no examples to write to ${path}`)
  const tensors = [...columns.values()].map((column) => [column.name, column.tensor()] as const)
  writeAtomically(path, safetensorsPieces(tensors, { 'lanewise.cache': '1', ...metadata }))
  return count
}

/** Examples of a file that {@link writeCache} wrote, and what is written with them. */
export interface Cache {
  /** The examples. */
  readonly dataset: TensorDataset
  /** What was written with them, by name. */
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Reads a cache in one read. @throws LanewiseError `E_EXTERNAL` if it is not there, `E_PARSE` if it is none, or
 * damaged.
 */
export async function openCache(path: string): Promise<Cache> {
  checkArguments('openCache', { path }, 'string')
  const { tensors, metadata } = decodeSafetensors(await readBytes(path), path)
  if (metadata.get('lanewise.cache') !== '1')
    throw new LanewiseError('E_PARSE', `${path}: this safetensors file is no cache of examples`)
  return { dataset: new TensorDataset(Object.fromEntries(tensors)), metadata }
}
