import { open } from 'node:fs/promises'
import { isBig, isComplex, isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError, present } from '../../core/errors.js'
import { hostFrom, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { readNpyRows } from '../../data/formats/npy.js'
import { readNpz } from '../../data/formats/npz.js'
import { checkTakesPictures, imageTensor } from '../../data/image-tensor.js'
import { numbersOf, numericTensor } from '../../ops/shared/scalar-floats.js'
import { readBytes } from '../../platform/node-files.js'
import type { Tensors } from '../../api/worker/batches.js'
import { checkRange, tensorFromJson } from '../datatypes.js'
import type { ModelDescription, TensorDescription } from '../protocol.js'
import { rowsOfShard, type Plan } from './shards.js'
import { cellsOf, DECIMAL, NAMES, pictureFile, rowsOfText, SPECIAL } from './source.js'
import type { ShardStore } from './store.js'

/** One thing to score. */
export interface Item {
  readonly index: number
  /** What it is called, if it has a name. */
  readonly id?: string
  /** Where it begins in a file of lines: blank lines and cells over several are no items. Errors of `read` say it. */
  readonly line?: number
  /**
   * As the model takes it, with a batch axis of 1. @throws LanewiseError if it is not what it should be: its own fault.
   */
  read(): Promise<Tensors>
}

/** The items of shards of a run, as a worker finds them. */
export class Items {
  private names: readonly string[] | undefined
  private unpacked: ReadonlyMap<string, HostTensor> | undefined

  constructor(
    private readonly plan: Pick<Plan, 'source' | 'shardSize'> & Partial<Pick<Plan, 'batches'>>,
    private readonly model: ModelDescription,
    private readonly store: ShardStore,
  ) {}

  /**
   * Looks whether the model takes what the source has, as far as that is the same for all of its items: else each of
   * them would fail by itself.
   *
   * @throws LanewiseError `E_TENSOR` or `E_UNSUPPORTED` if it does not.
   */
  async check(): Promise<void> {
    const { source } = this.plan
    const { inputs } = this.model
    if (source.kind === 'pictures') {
      const { name, shape } = this.onlyInput()
      checkTakesPictures(name, shape, source.picture)
    } else if (source.kind === 'csv') {
      const columns = source.columns ?? []
      const named = columnsOf(columns, inputs)
      for (const input of inputs) sizesOfCells(named ? 1 : columns.length, named, input)
    } else if (source.kind === 'npz' || source.kind === 'npy') {
      const rows = await this.arrays(0)
      for (const input of inputs) {
        const { name, dtype, shape } = input
        const given = rowOf(present(rows.get(name), name), 0, input, this.batches)
        const fits =
          shape.length === 0 ||
          (shape.length === given.shape.length &&
            shape.every((size, axis) => typeof size === 'string' || size === given.shape[axis]))
        if (!(given.dtype === dtype || widens(given.dtype, dtype)) || !fits)
          throw new LanewiseError(
            'E_TENSOR',
            `a row of ${source.file} is ${given.dtype} ${formatShape(given.shape)}, the input "${name}" takes ${dtype} ${formatShape(shape)}`,
            { tensor: name },
          )
      }
    }
  }

  /** @throws LanewiseError `E_EXTERNAL` if the source cannot be read or has changed. */
  async of(shard: number): Promise<Item[]> {
    const { source } = this.plan
    const { from, to } = rowsOfShard(this.plan, shard)
    const range = Array.from({ length: to - from }, (_, i) => from + i)
    switch (source.kind) {
      case 'pictures': {
        const names = await this.pictureNames()
        const input = this.onlyInput()
        return range.map((index) => ({
          index,
          id: names[index],
          read: async () => ({
            [input.name]: await imageTensor(
              pictureFile(source.folder, names[index]),
              input.name,
              input.dtype,
              input.shape,
              source.picture,
            ),
          }),
        }))
      }
      case 'npy':
      case 'npz': {
        const arrays = await this.arrays(shard)
        // Of .npy there are no others.
        const first = source.kind === 'npy' ? from : 0
        return range.map((index) => ({
          index,
          read: async () =>
            Object.fromEntries(
              this.model.inputs.map((input) => {
                const rows = present(arrays.get(input.name), input.name)
                return [input.name, converted(rowOf(rows, index - first, input, this.batches), input)]
              }),
            ),
        }))
      }
      case 'jsonl':
      case 'csv': {
        const csv = source.kind === 'csv'
        const rows = rowsOfText(await part(source, shard), csv, source.lines[shard])
        if (rows.length !== range.length) throw changed(source.file)
        const columns = source.columns ?? []
        return range.map((index, i) => {
          const { text, line } = rows[i]
          const read = async () =>
            csv ? fromCells(await cellsOf(text), columns, this.model) : fromJson(text, this.model, this.batches)
          return { index, line, read: () => readAt(line, read) }
        })
      }
    }
  }

  private async pictureNames(): Promise<readonly string[]> {
    this.names ??= JSON.parse(Buffer.from(present(await this.store.read(NAMES), NAMES)).toString('utf8')) as string[]
    return this.names
  }

  /** Whether the first axis of the inputs is that of a batch. */
  private get batches(): boolean {
    return this.plan.batches === true
  }

  /** The arrays of the inputs: of .npy the rows of a shard, else all. */
  private async arrays(shard: number): Promise<ReadonlyMap<string, HostTensor>> {
    const { source } = this.plan
    if (source.kind !== 'npy') return this.npzArrays((source as { readonly file: string }).file)
    const { from, to } = rowsOfShard(this.plan, shard)
    return new Map([[this.onlyInput().name, readNpyRows(source.file, from, to)]])
  }

  private async npzArrays(file: string): Promise<ReadonlyMap<string, HostTensor>> {
    if (!this.unpacked) {
      const packed = readNpz(await readBytes(file), file)
      const missing = this.model.inputs.find(({ name }) => !packed.has(name))
      if (missing)
        throw new LanewiseError('E_TENSOR', `${file} has no array "${missing.name}"`, { tensor: missing.name })
      this.unpacked = new Map(this.model.inputs.map(({ name }) => [name, present(packed.get(name), name)()]))
    }
    return this.unpacked
  }

  private onlyInput(): TensorDescription {
    const { inputs } = this.model
    if (inputs.length === 1) return inputs[0]
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `the model has ${inputs.length} inputs (${inputs.map(({ name }) => name).join(', ')}): give an .npz, .jsonl or .csv`,
    )
  }
}

function changed(file: string): LanewiseError {
  return new LanewiseError('E_EXTERNAL', `${file} is not what it was when the run was planned`)
}

async function part(
  { file, bytes, cuts }: { file: string; bytes: number; cuts: readonly number[] },
  shard: number,
): Promise<Buffer> {
  const handle = await open(file)
  try {
    if ((await handle.stat()).size !== bytes) throw changed(file)
    const text = Buffer.alloc(cuts[shard + 1] - cuts[shard])
    for (let done = 0; done < text.length;) {
      const { bytesRead } = await handle.read(text, done, text.length - done, cuts[shard] + done)
      if (bytesRead === 0) throw changed(file)
      done += bytesRead
    }
    return text
  } finally {
    await handle.close()
  }
}

/** An error of an item with its line in the file. */
export function atLine(error: Error, line: number | undefined): Error {
  if (!(error instanceof LanewiseError) || line === undefined) return error
  const { code, message, tensor, node } = error
  const why = message.replace(/^CSV,? (after )?line \d+: /, '')
  return new LanewiseError(code, `line ${line}: ${why}`, { tensor, node, cause: error })
}

async function readAt<T>(line: number, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw error instanceof Error ? atLine(error, line) : error
  }
}

/** A row of an array, with the batch axis that the input has. */
function rowOf(
  { dtype, shape, data }: HostTensor,
  row: number,
  input: TensorDescription,
  batches: boolean,
): HostTensor {
  const each = data.length / shape[0]
  const mine = data.slice(row * each, (row + 1) * each) as HostTensor['data']
  return { dtype, shape: withBatch(shape.slice(1), input, batches), data: mine }
}

/**
 * NumPy's floats are of 64 bits where nobody says otherwise, and pixels are bytes: any numbers become the floats that
 * an input takes.
 */
function widens(from: DType, to: DType): boolean {
  return isFloat(to) && from !== 'string' && !isComplex(from)
}

/** @throws LanewiseError `E_TENSOR` for a number that the input's type does not reach. */
function converted(tensor: HostTensor, { name, dtype }: TensorDescription): HostTensor {
  if (tensor.dtype === dtype || !widens(tensor.dtype, dtype)) return tensor
  const numbers = numbersOf(tensor)
  checkRange(name, dtype, numbers)
  return numericTensor(dtype, tensor.shape, numbers)
}

/**
 * A row's sizes as the input has them: an axis of 1 before them, unless they are as many as its own and the first is
 * not that of a batch.
 */
function withBatch(sizes: readonly number[], { shape }: TensorDescription, batches: boolean): readonly number[] {
  return shape.length > 0 && sizes.length === shape.length && !batches ? sizes : [1, ...sizes]
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A line of JSON: an object with a value for each input, or the value of the only one. */
function fromJson(line: Buffer, model: ModelDescription, batches: boolean): Tensors {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(line))
  } catch (cause) {
    // Without what the engine says: a failed line has the same bytes everywhere.
    throw new LanewiseError('E_PARSE', 'this is no line of JSON', { cause })
  }
  const [first] = model.inputs
  if (model.inputs.length === 1 && (typeof value !== 'object' || Array.isArray(value)))
    return { [first.name]: rowFromJson(value, first, batches) }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new LanewiseError('E_TENSOR', 'a line must be an object with a value for each input')
  const given = new Map(Object.entries(value))
  return Object.fromEntries(
    model.inputs.map((input) => {
      const { name } = input
      if (!given.has(name)) throw new LanewiseError('E_TENSOR', `the line has no value for "${name}"`, { tensor: name })
      return [name, rowFromJson(given.get(name), input, batches)]
    }),
  )
}

function rowFromJson(value: unknown, input: TensorDescription, batches: boolean): HostTensor {
  const { name, dtype, shape } = input
  const sizes: number[] = []
  for (let list = value; Array.isArray(list); list = (list as readonly unknown[])[0]) {
    sizes.push(list.length)
    if (sizes.length > shape.length) break
  }
  const data = Array.isArray(value) ? value : [value]
  // Numbers in one list fill the sizes that the model declares.
  const declared = shape.map((size) => (typeof size === 'number' ? size : 1))
  const flat = sizes.length === 1 && shape.length > 2 && sizeOf(declared) === sizes[0]
  if (flat) return tensorFromJson(name, dtype, declared, data)
  if (batches && sizes.length !== shape.length - 1)
    throw new LanewiseError(
      'E_TENSOR',
      `an item is one row of each input, which has ${shape.length - 1} axes, got ${sizes.length}`,
      { tensor: name },
    )
  const { dtype: type, data: elements } = tensorFromJson(name, dtype, sizes, data)
  return { dtype: type, shape: withBatch(sizes, input, batches), data: elements }
}

/** A row of a table: all cells for the only input, or one for each input that is called as its column. */
function fromCells(cells: readonly string[], columns: readonly string[], { inputs }: ModelDescription): Tensors {
  if (cells.length !== columns.length)
    throw new LanewiseError('E_PARSE', `the row has ${cells.length} cells, there are ${columns.length} columns`)
  const named = columnsOf(columns, inputs)
  return Object.fromEntries(
    inputs.map((input) => {
      const mine = named ? [cells[columns.indexOf(input.name)]] : cells
      const { dtype, name } = input
      const { data } = fromTexts(mine, dtype, name)
      return [name, { dtype, shape: sizesOfCells(mine.length, named, input), data }]
    }),
  )
}

/**
 * The shape of so many cells: a row, or all sizes that the model declares if they fill those. @throws LanewiseError
 * `E_TENSOR` if the input takes no such row.
 */
function sizesOfCells(count: number, named: boolean, { name, shape }: TensorDescription): readonly number[] {
  const [first, size] = shape
  // Nothing is known of it.
  if (shape.length === 0) return [1, count]
  const declared = shape.map((each) => (typeof each === 'number' ? each : 1))
  if (shape.length !== 2 && sizeOf(declared) === count) return declared
  if (shape.length === 2 && (typeof first === 'string' || first === 1) && (typeof size === 'string' || size === count))
    return [1, count]
  throw new LanewiseError(
    'E_TENSOR',
    `a row has ${named ? `one cell for the input "${name}", the column of its name` : `${count} cells`}, the input "${name}" takes ${formatShape(shape)}`,
    { tensor: name },
  )
}

function fromTexts(cells: readonly string[], dtype: DType, tensor: string): HostTensor {
  const shape = [cells.length]
  if (dtype === 'string') return tensorFromJson(tensor, dtype, shape, cells)
  if (!isBig(dtype))
    return tensorFromJson(
      tensor,
      dtype,
      shape,
      cells.map((cell) => numberIn(cell, isFloat(dtype), tensor)),
    )
  // Digits of 64 bits are exact in a text.
  const values = cells.map((cell) => (/^\s*[-+]?\d+\s*$/.test(cell) ? BigInt(cell.trim().replace('+', '')) : undefined))
  const wrap = dtype === 'int64' ? BigInt.asIntN : BigInt.asUintN
  const wrong = values.findIndex((value) => value === undefined || wrap(64, value) !== value)
  if (wrong >= 0)
    throw new LanewiseError('E_TENSOR', `${JSON.stringify(cells[wrong].slice(0, 40))} is no number of ${dtype}`, {
      tensor,
    })
  return hostFrom(dtype, shape, values as bigint[])
}

/**
 * Whether each input has a column of its name; else the only one takes all. @throws LanewiseError `E_TENSOR` if there
 * are several.
 */
function columnsOf(columns: readonly string[], inputs: ModelDescription['inputs']): boolean {
  const named = inputs.every(({ name }) => columns.includes(name))
  if (!named && inputs.length > 1)
    throw new LanewiseError(
      'E_TENSOR',
      `there is no column for each of the inputs ${inputs.map(({ name }) => name).join(', ')}`,
    )
  return named
}

function numberIn(cell: string, float: boolean, tensor: string): number | string {
  const text = cell.trim()
  const value = DECIMAL.test(text) ? Number(text) : NaN
  if (Number.isFinite(value)) return value
  // As in JSON: what is missing is no number, and what is beyond all numbers is not infinity.
  if (!float || !SPECIAL.test(text))
    throw new LanewiseError('E_TENSOR', `${JSON.stringify(cell.slice(0, 40))} is no number`, { tensor })
  return String(Number(text))
}
