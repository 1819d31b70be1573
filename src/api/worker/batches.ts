// Rows of a batch, put together and taken apart.
import { arrayElements, makeData, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { sameShape } from '../../core/shape.js'
import { randomTensor, uniform } from '../random-tensor.js'

/** Tensors by the names of inputs or outputs. */
export type Tensors = Readonly<Record<string, HostTensor>>

/** Several requests as one: their rows after each other along axis 0. The sizes of the other axes are the same. */
export function joined(parts: readonly Tensors[]): Tensors {
  if (parts.length === 1) return parts[0]
  return Object.fromEntries(
    Object.keys(parts[0]).map((name) => [name, joinedTensor(parts.map((tensors) => tensors[name]))]),
  )
}

function joinedTensor(parts: readonly HostTensor[]): HostTensor {
  const [{ dtype, shape }] = parts
  const rows = parts.reduce((sum, part) => sum + part.shape[0], 0)
  const whole = [rows, ...shape.slice(1)]
  if (dtype === 'string') return { dtype, shape: whole, data: parts.flatMap(({ data }) => data as string[]) }
  const data = makeData(
    dtype,
    parts.reduce((sum, part) => sum + part.data.length, 0) / arrayElements(dtype),
  ) as Float32Array
  let at = 0
  for (const part of parts) {
    data.set(part.data as Float32Array, at)
    at += part.data.length
  }
  return { dtype, shape: whole, data }
}

/**
 * The results of {@link joined} apart again: as many rows to each as it brought. Nothing is shared with the whole.
 *
 * @throws LanewiseError `E_SHAPE` if an output does not have as many rows as went in.
 */
export function separated(results: Tensors, rows: readonly number[]): Tensors[] {
  const total = rows.reduce((sum, count) => sum + count, 0)
  let from = 0
  return rows.map((count) => {
    const mine = Object.entries(results).map(([name, { dtype, shape, data }]): [string, HostTensor] => {
      if (shape[0] !== total)
        throw new LanewiseError('E_SHAPE', `the output "${name}" has ${shape[0]} rows for ${total} in the batch`, {
          tensor: name,
        })
      const each = data.length / total
      return [
        name,
        {
          dtype,
          shape: [count, ...shape.slice(1)],
          data: data.slice(from * each, (from + count) * each),
        },
      ]
    })
    from += count
    return Object.fromEntries(mine)
  })
}

/** Smaller ones are quicker copied than handed over. */
const HANDED_OVER = 2 ** 14

/** The memory of tensors that go to another thread for good; each has its own. */
export function handedOver(tensors: Tensors): ArrayBuffer[] {
  return Object.values(tensors).flatMap(({ data }) =>
    ArrayBuffer.isView(data) && data.byteLength >= HANDED_OVER ? [data.buffer as ArrayBuffer] : [],
  )
}

/** Rows of a request to a model that takes batches. */
export function rowsOf(tensors: Tensors): number | undefined {
  const counts = Object.values(tensors).map(({ shape }) => shape.at(0))
  return counts.every((count) => count === counts[0]) ? counts[0] : undefined
}

/** What has to be the same for two requests to be run as one: the sizes of all axes but the first. */
export function batchKey(tensors: Tensors): string {
  return Object.values(tensors)
    .map(({ shape }) => shape.slice(1).join())
    .join(';')
}

/** Whether two results are the same up to rounding: other sizes of a batch may have other kernels. */
function alike(a: Tensors, b: Tensors): boolean {
  return Object.entries(a).every(([name, { dtype, shape, data }]) => {
    const other = b[name]
    if (other.dtype !== dtype || !sameShape(other.shape, shape)) return false
    if (dtype !== 'float32' && dtype !== 'float64')
      return (data as readonly unknown[]).every((value, i) => value === other.data[i])
    const values = data as Float32Array
    const most = values.reduce((top, value) => (Number.isFinite(value) ? Math.max(top, Math.abs(value)) : top), 0)
    return values.every(
      (value, i) => Object.is(value, other.data[i]) || Math.abs(value - (other.data[i] as number)) <= 1e-4 * most,
    )
  })
}

interface RowType {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly (number | string)[]
}

/** What runs batches, and what it takes and gives. */
export interface BatchRunner {
  readonly description: { readonly inputs: readonly RowType[]; readonly outputs: readonly RowType[] }
  /** @throws LanewiseError for what the inputs are to blame for. */
  run(inputs: Tensors): Promise<Tensors>
}

/**
 * Whether rows may be run as one or apart. What the model declares is not enough (the first axis of a sequence is as
 * free as that of a batch), so that it is tried: each of three rows must give alone what it gives among the others.
 */
export async function takesBatches(runner: BatchRunner): Promise<boolean> {
  const { inputs, outputs } = runner.description
  const free = [...inputs, ...outputs].every(({ shape }) => typeof shape[0] === 'string')
  if (!free || inputs.length === 0) return false
  // Convolutions over pictures of any size need some pixels to work on.
  const open = inputs.some(({ shape }) => shape.slice(1).some((size) => typeof size === 'string'))
  for (const size of open ? [4, 64, 256] : [1]) {
    const rows = [1, 2, 3].map((seed) => exampleRow(inputs, size, uniform(seed)))
    try {
      const together = separated(await runner.run(joined(rows)), [1, 1, 1])
      for (const [i, row] of rows.entries()) if (!alike(await runner.run(row), together[i])) return false
      return true
    } catch (error) {
      if (!(error instanceof LanewiseError)) throw error
    }
  }
  return false
}

/** One row of each input: floats of all kinds, and indices that any model knows. */
function exampleRow(inputs: readonly RowType[], size: number, random: () => number): Tensors {
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const sizes = [1, ...shape.slice(1).map((axis) => (typeof axis === 'number' ? axis : size))]
      return [name, randomTensor(dtype, sizes, random)]
    }),
  )
}
