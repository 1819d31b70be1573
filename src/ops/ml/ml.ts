// Preparation of features (domain ai.onnx.ml).
import { isBig, type DType, type HostData } from '../../core/dtype.js'
import { LanewiseError, present } from '../../core/errors.js'
import { hostTensor, hostZeros, toNumbers, type HostMap, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { float, floats, int, ints, string, strings, tensor, type AttributesOf } from '../../ir/attributes.js'
import { numbersOf, numericTensor } from '../shared/scalar-floats.js'
import type { Emitter, Operand } from '../../ir/emitter.js'
import { defineOp, type OpDefinition, type UpgradeContext } from '../../ir/op.js'
import { tensorAt } from '../control/sequence.js'

const domain = 'ai.onnx.ml'

/** Rows and columns of features: a vector is one row. */
export function tableOf(shape: Shape): [rows: number, columns: number] {
  if (shape.length === 0 || shape.length > 2)
    throw new LanewiseError('E_SHAPE', `features must be [C] or [N, C], got ${formatShape(shape)}`)
  return shape.length === 1 ? [1, shape[0]] : [shape[0], shape[1]]
}

/** What makes results of features, a whole table at a time. */
type Loop = (from: ArrayLike<number>, to: Float32Array | Float64Array) => void

/**
 * An operator on a table of numbers: float32 goes from memory to memory, by kernels if there are some, other types
 * through arrays. `prepare` reads the attributes once per plan.
 */
function tableLoop<A>(
  prepare: (attributes: A, shape: Shape) => Loop,
  result: (x: DType) => DType = (x) => x,
  kernels?: (e: Emitter<A>, x: Operand, y: Operand) => void,
): Pick<OpDefinition<A, readonly [true]>, 'infer' | 'kernel' | 'emit' | 'compute'> {
  return {
    infer: ({ inputs: [x] }) => [{ dtype: result(x.dtype), shape: x.shape }],
    kernel: ([x]) => x === 'float32',
    emit(e) {
      const [x, y] = [e.input(0), e.output(0)]
      const loop = prepare(e.attributes, x.shape)
      if (kernels) kernels(e, x, y)
      else e.host([x, y], (from, to) => loop(from.data as Float32Array, to.data as Float32Array))
    },
    compute({ attributes, inputs: [x] }) {
      const from = numbersOf(x)
      const dtype = result(x.dtype)
      const to = arrayFor(dtype, from.length)
      prepare(attributes, x.shape)(from, to)
      return [numericTensor(dtype, x.shape, to)]
    },
  }
}

export const Binarizer = defineOp({
  name: 'Binarizer',
  domain,
  arity: 1,
  attributes: { threshold: float(0) },
  ...tableLoop<{ threshold: number }>(
    ({ threshold }) =>
      (from, to) => {
        for (let i = 0; i < to.length; i++) to[i] = from[i] > threshold ? 1 : 0
      },
    undefined,
    (e, x, y) => e.call('binarize_f32', x.at, y.at, x.size, e.attributes.threshold),
  ),
})

/** Elements of an attribute list as HostData of its dtype. */
function listData(dtype: DType, list: readonly (string | number)[]): HostData {
  if (dtype === 'string') return [...(list as readonly string[])]
  return numericTensor(dtype, [list.length], list as readonly number[]).data
}

const encoderAttributes = {
  classes_strings: strings(),
  default_float: float(0),
  default_int64: int(-1),
  default_string: string('_Unused'),
  default_tensor: tensor(),
  keys_floats: floats(),
  keys_int64s: ints(),
  keys_strings: strings(),
  keys_tensor: tensor(),
  values_floats: floats(),
  values_int64s: ints(),
  values_strings: strings(),
  values_tensor: tensor(),
}

/** A LabelEncoder's table: places of keys, and what stands there. */
interface Encoder {
  readonly dtype: DType
  readonly positions: ReadonlyMap<unknown, number>
  /** The first key of `dense`, which says the place (or −1) of whole numbers without looking them up. */
  readonly first: number
  readonly dense: Int32Array | undefined
  readonly stored: ArrayLike<unknown>
  readonly rest: unknown
  /** What kernels read of `dense` and `stored`, if these are numbers of which nothing is lost. */
  lookup?: Lookup
}

/** Values by their keys, which follow each other; the last value is that of all other keys. */
interface Lookup {
  readonly first: HostTensor
  readonly values: HostTensor
  readonly count: number
}

/** @param values - one for each place of a dense table of keys, and one more. */
function makeLookup(first: number, values: HostTensor): Lookup {
  return { first: hostTensor('int64', [1], BigInt64Array.of(BigInt(first))), values, count: values.data.length - 1 }
}

/** What kernels look a LabelEncoder's values up in; undefined: they do not. */
function lookupOf(encoder: Encoder): Lookup | undefined {
  const { dtype, dense, first, stored, rest } = encoder
  if (!dense || (dtype !== 'int64' && dtype !== 'float32') || !Number.isSafeInteger(first + dense.length))
    return undefined
  if (!encoder.lookup) {
    const values = hostZeros(dtype, [dense.length + 1])
    const data = values.data as { [i: number]: unknown }
    dense.forEach((place, i) => (data[i] = place < 0 ? rest : stored[place]))
    data[dense.length] = rest
    encoder.lookup = makeLookup(first, values)
  }
  return encoder.lookup
}

/** By the attributes: for texts, and for what is not text. */
const encoders = new WeakMap<object, (Encoder | undefined)[]>()
/** A dense table of keys takes no more entries than this. */
const DENSE = 65536

function encoderOf(a: AttributesOf<typeof encoderAttributes>, text: boolean): Encoder {
  let made = encoders.get(a)
  if (!made) encoders.set(a, (made = []))
  return (made[Number(text)] ??= makeEncoder(a, text))
}

function makeEncoder(a: AttributesOf<typeof encoderAttributes>, text: boolean): Encoder {
  const names = a.classes_strings
  const classes = names?.map((_, i) => i)
  const backward = classes && !text
  const keys = names
    ? backward
      ? classes
      : names
    : (a.keys_tensor?.data ?? a.keys_strings ?? a.keys_int64s ?? a.keys_floats)
  const [dtype, values, otherwise] = classes
    ? backward
      ? (['string', names, a.default_string] as const)
      : (['int64', classes, a.default_int64] as const)
    : a.values_tensor
      ? ([
          a.values_tensor.dtype,
          a.values_tensor.data,
          a.default_tensor?.data[0] ?? missing(a.values_tensor.dtype),
        ] as const)
      : a.values_strings
        ? (['string', a.values_strings, a.default_string] as const)
        : a.values_int64s
          ? (['int64', a.values_int64s, a.default_int64] as const)
          : (['float32', a.values_floats, a.default_float] as const)
  if (!keys || !values || keys.length !== values.length)
    throw new LanewiseError('E_VALUE', `${keys?.length ?? 'no'} keys for ${values?.length ?? 'no'} values`)
  const positions = new Map<unknown, number>()
  let [least, most] = [Infinity, -Infinity]
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = typeof keys[i] === 'bigint' ? Number(keys[i]) : keys[i]
    positions.set(key, i)
    const whole = typeof key === 'number' && Number.isInteger(key)
    least = whole ? Math.min(least, key) : -Infinity
    most = whole ? Math.max(most, key) : Infinity
  }
  const dense = most - least < DENSE ? new Int32Array(most - least + 1).fill(-1) : undefined
  if (dense) for (const [key, place] of positions) dense[(key as number) - least] = place
  const stored =
    dtype === 'string' || typeof values[0] === 'bigint' ? values : listData(dtype, values as readonly number[])
  return { dtype, positions, first: least, dense, stored, rest: isBig(dtype) ? BigInt(otherwise) : otherwise }
}

/** NaN is a key like any other. */
export const LabelEncoder = defineOp({
  name: 'LabelEncoder',
  domain,
  arity: 1,
  attributes: encoderAttributes,
  infer: ({ attributes, inputs: [x] }) => [
    { dtype: encoderOf(attributes, x.dtype === 'string').dtype, shape: x.shape },
  ],
  kernel: ([x], attributes) => x === 'int64' && lookupOf(encoderOf(attributes, false)) !== undefined,
  emit(e) {
    const [x, y] = [e.input(0), e.output(0)]
    const { first, values, count } = present(lookupOf(encoderOf(e.attributes, false)), 'keys')
    const wide = Number(y.dtype === 'int64')
    e.call('look_up_i64', x.at, y.at, x.size, e.constant(first), e.constant(values), count, wide)
  },
  compute({ attributes, inputs: [x] }) {
    const { dtype, positions, first, dense, stored, rest } = encoderOf(attributes, x.dtype === 'string')
    const data = hostZeros(dtype, x.shape).data as { [i: number]: unknown; length: number }
    const keys: ArrayLike<unknown> = isBig(x.dtype) ? wholeNumbers(x) : x.data
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]
      const position = (dense && typeof key === 'number' ? dense[key - first] : positions.get(key)) ?? -1
      data[i] = position < 0 ? rest : stored[position]
    }
    return [hostTensor(dtype, x.shape, data as unknown as HostData)]
  },
})

/** 64-bit integers as numbers: those beyond ±2⁵³ lose their low bits. Twice as fast as asking each for its value. */
function wholeNumbers({ dtype, data }: HostTensor): Float64Array {
  const { buffer, byteOffset, length } = data as BigInt64Array
  const low = new Uint32Array(buffer, byteOffset, 2 * length)
  const high = dtype === 'int64' ? new Int32Array(buffer, byteOffset, 2 * length) : low
  const numbers = new Float64Array(length)
  for (let i = 0; i < length; i++) numbers[i] = high[2 * i + 1] * 0x100000000 + low[2 * i]
  return numbers
}

function missing(dtype: DType): string | number {
  return dtype === 'string' ? '_Unused' : dtype.includes('int') ? -1 : 0
}

/** The columns that a list of indices names. */
export const ArrayFeatureExtractor = defineOp({
  name: 'ArrayFeatureExtractor',
  domain,
  arity: 2,
  attributes: {},
  infer({ inputs: [x, y] }) {
    if (x.shape.length === 0) throw new LanewiseError('E_SHAPE', 'a scalar has no features')
    const count = sizeOf(y.shape)
    return [{ dtype: x.dtype, shape: x.shape.length === 1 ? [1, count] : [...x.shape.slice(0, -1), count] }]
  },
  compute({ inputs: [x, y], outputs: [out] }) {
    const columns = x.shape.at(-1) ?? 0
    const indices = toNumbers(y, 'indices')
    const bad = indices.find((index) => !(index >= 0 && index < columns))
    if (bad !== undefined) throw new LanewiseError('E_VALUE', `index ${bad} is outside [0, ${columns - 1}]`)
    const result = hostZeros(out.dtype, out.shape)
    const data = result.data as { [i: number]: unknown }
    const count = indices.length
    for (let from = 0, to = 0; to < result.data.length; from += columns, to += count)
      for (let i = 0; i < count; i++) data[to + i] = x.data[from + indices[i]]
    return [result]
  },
})

export const Scaler = defineOp({
  name: 'Scaler',
  domain,
  arity: 1,
  attributes: { offset: floats([]), scale: floats([]) },
  ...tableLoop<{ offset: readonly number[]; scale: readonly number[] }>(
    ({ offset, scale }, shape) => {
      const [, columns] = tableOf(shape)
      for (const list of [offset, scale])
        if (list.length > 1 && list.length !== columns)
          throw new LanewiseError('E_VALUE', `${list.length} entries for ${columns} features`)
      const offsets = perColumn(offset, columns, 0)
      const scales = perColumn(scale, columns, 1)
      return (from, to) => {
        for (let at = 0; at < to.length; at += columns)
          for (let c = 0; c < columns; c++) to[at + c] = Math.fround(from[at + c] - offsets[c]) * scales[c]
      }
    },
    () => 'float32',
    (e, x, y) => {
      const [rows, columns] = tableOf(x.shape)
      const list = (values: readonly number[], fallback: number) =>
        e.table(Float32Array.from(perColumn(values, columns, fallback)))
      const { offset, scale } = e.attributes
      e.call('scale_rows_f32', x.at, y.at, list(offset, 0), list(scale, 1), rows, columns)
    },
  ),
})

/** A value for every column: none, one for all, or one for each. */
function perColumn(list: readonly number[], columns: number, fallback: number): Float64Array {
  return list.length > 1 ? Float64Array.from(list) : new Float64Array(columns).fill(list[0] ?? fallback)
}

/** Room for results of a type, as the fastest loop fills them. */
function arrayFor(dtype: DType, length: number): Float32Array | Float64Array {
  return dtype === 'float32' ? new Float32Array(length) : new Float64Array(length)
}

export const Normalizer = defineOp({
  name: 'Normalizer',
  domain,
  arity: 1,
  attributes: { norm: string('MAX') },
  ...tableLoop<{ norm: string }>(
    ({ norm }, shape) => {
      const [, columns] = tableOf(shape)
      if (!['MAX', 'L1', 'L2'].includes(norm)) throw new LanewiseError('E_VALUE', `norm "${norm}" is not known`)
      return (from, to) => {
        for (let at = 0; at < to.length; at += columns) {
          let size = norm === 'MAX' ? -Infinity : 0
          if (norm === 'MAX') for (let c = 0; c < columns; c++) size = Math.max(size, from[at + c])
          else if (norm === 'L1') for (let c = 0; c < columns; c++) size += Math.abs(from[at + c])
          else for (let c = 0; c < columns; c++) size += from[at + c] * from[at + c]
          if (norm === 'L2') size = Math.sqrt(size)
          // As the kernel does, but for sizes of float64 that have no reciprocal.
          const by = size === 0 ? 1 : 1 / size
          if (Number.isFinite(by)) for (let c = 0; c < columns; c++) to[at + c] = from[at + c] * by
          else for (let c = 0; c < columns; c++) to[at + c] = from[at + c] / size
        }
      }
    },
    () => 'float32',
    (e, x, y) => {
      const [rows, columns] = tableOf(x.shape)
      e.call('normalize_rows_f32', x.at, y.at, rows, columns, ['MAX', 'L1', 'L2'].indexOf(e.attributes.norm))
    },
  ),
})

const imputerAttributes = {
  imputed_value_floats: floats(),
  imputed_value_int64s: ints(),
  replaced_value_float: float(0),
  replaced_value_int64: int(0),
}

/** Replaces one value, often NaN, by another per feature. */
export const Imputer = defineOp({
  name: 'Imputer',
  domain,
  arity: 1,
  attributes: imputerAttributes,
  ...tableLoop<AttributesOf<typeof imputerAttributes>>(
    (a, shape) => {
      const { fill, replaced, missing } = imputation(a, shape)
      const columns = fill.length
      return (from, to) => {
        for (let at = 0; at < to.length; at += columns) {
          for (let c = 0; c < columns; c++) {
            const value = from[at + c]
            to[at + c] = value === replaced || (missing && value !== value) ? fill[c] : value
          }
        }
      }
    },
    undefined,
    (e, x, y) => {
      const { fill, replaced, missing } = imputation(e.attributes, x.shape)
      const values = e.table(Float32Array.from(fill))
      // A number that is no float32 is none of x; NaN equals nothing.
      const target = Math.fround(replaced) === replaced ? replaced : NaN
      const [rows, columns] = tableOf(x.shape)
      e.call('impute_f32', x.at, y.at, values, rows, columns, target, Number(missing))
    },
  ),
})

/** What an Imputer puts in every column, and in the place of what. */
function imputation(a: AttributesOf<typeof imputerAttributes>, shape: Shape) {
  const [, columns] = tableOf(shape)
  const imputed = a.imputed_value_floats ?? a.imputed_value_int64s ?? []
  if (imputed.length !== 1 && imputed.length !== columns)
    throw new LanewiseError('E_VALUE', `${imputed.length} values for ${columns} features`)
  const replaced = a.imputed_value_floats ? a.replaced_value_float : a.replaced_value_int64
  return { fill: perColumn(imputed, columns, 0), replaced, missing: Number.isNaN(replaced) }
}

/** A new last axis with 1 at the category's place. */
export const OneHotEncoder = defineOp({
  name: 'OneHotEncoder',
  domain,
  arity: 1,
  attributes: { cats_int64s: ints(), cats_strings: strings(), zeros: int(1) },
  infer: ({ attributes: { cats_int64s, cats_strings }, inputs: [x] }) => [
    { dtype: 'float32', shape: [...x.shape, (cats_int64s ?? cats_strings ?? []).length] },
  ],
  kernel: ([x], { cats_int64s, cats_strings, zeros }) =>
    x === 'int64' && zeros !== 0 && !cats_strings && placesOf(cats_int64s ?? []) !== undefined,
  emit(e) {
    const [x, y] = [e.input(0), e.output(0)]
    const { first, values, count } = present(placesOf(e.attributes.cats_int64s ?? []), 'categories')
    e.call('one_hot_i64', x.at, y.at, x.size, e.constant(first), e.constant(values), count, y.shape.at(-1) ?? 0)
  },
  compute({ attributes: { cats_int64s, cats_strings, zeros }, inputs: [x], outputs: [y] }) {
    const categories = categoriesOf(cats_strings ?? cats_int64s ?? [])
    const width = y.shape.at(-1) ?? 0
    const result = new Float32Array(sizeOf(y.shape))
    const values: ArrayLike<unknown> = isBig(x.dtype) ? wholeNumbers(x) : x.data
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      const category = categories.get(typeof value === 'string' ? value : Math.trunc(Number(value)))
      if (category !== undefined) result[i * width + category] = 1
      else if (!zeros) throw new LanewiseError('E_VALUE', `"${String(value)}" is none of the categories`)
    }
    return [hostTensor('float32', y.shape, result)]
  },
})

const categories = new WeakMap<object, ReadonlyMap<unknown, number>>()

function categoriesOf(list: readonly (string | number)[]): ReadonlyMap<unknown, number> {
  let made = categories.get(list)
  if (!made) categories.set(list, (made = new Map<unknown, number>(list.map((category, i) => [category, i]))))
  return made
}

const places = new WeakMap<object, Lookup>()

/** The column of each category, for kernels; undefined: they lie too far apart. */
function placesOf(list: readonly number[]): Lookup | undefined {
  const known = places.get(list)
  if (known) return known
  const [least, most] = [
    list.reduce((a, b) => Math.min(a, b), list[0] ?? 0),
    list.reduce((a, b) => Math.max(a, b), list[0] ?? 0),
  ]
  if (!(most - least < DENSE) || !Number.isSafeInteger(least) || !Number.isSafeInteger(most)) return undefined
  const columns = new Int32Array(most - least + 2).fill(-1)
  list.forEach((category, i) => (columns[category - least] = i))
  const made = makeLookup(least, hostTensor('int32', [columns.length], columns))
  places.set(list, made)
  return made
}

/** Rows of all axes but the first, of which so many features are taken; those that are missing are 0. */
function featuresOf(shape: Shape, dimension: number | undefined) {
  const [rows, columns] = shape.length > 2 ? [shape[0], sizeOf(shape.slice(1))] : tableOf(shape)
  const taken = dimension ?? columns
  if (!(taken >= 0 && taken <= 2 ** 31)) throw new LanewiseError('E_VALUE', `a dimension of ${taken}`)
  return { rows, columns, taken }
}

export const FeatureVectorizer = defineOp({
  name: 'FeatureVectorizer',
  domain,
  arity: [1, Infinity],
  attributes: { inputdimensions: ints() },
  infer({ attributes, inputs }) {
    const parts = inputs.map((input, i) => featuresOf(input.shape, attributes.inputdimensions?.[i]))
    if (parts.some(({ rows }) => rows !== parts[0].rows))
      throw new LanewiseError('E_SHAPE', 'the inputs do not have the same number of rows')
    return [{ dtype: 'float32', shape: [parts[0].rows, parts.reduce((sum, { taken }) => sum + taken, 0)] }]
  },
  compute({ attributes, inputs, outputs: [{ shape }] }) {
    const result = new Float32Array(sizeOf(shape))
    let at = 0
    inputs.forEach((input, i) => {
      const { rows, columns, taken } = featuresOf(input.shape, attributes.inputdimensions?.[i])
      const values = numbersOf(input)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < Math.min(columns, taken); c++) result[r * shape[1] + at + c] = values[r * columns + c]
      at += taken
    })
    return [hostTensor('float32', shape, result)]
  },
})

/** Names of classes that are texts: the classifier gives their numbers, and a LabelEncoder after it the names. */
export function labelsByNumber(node: UpgradeContext, op: string, numbers: string): void {
  const texts = node.attributes.get('classlabels_strings')
  if (texts?.kind !== 'strings' || texts.value.length === 0) return
  node.attributes.delete('classlabels_strings')
  const counted = { kind: 'ints', value: texts.value.map((_, i) => BigInt(i)) } as const
  node.attributes.set(numbers, counted)
  const [labels, scores] = node.outputs
  if (!labels) return
  const number = node.node(op, node.inputs, new Map(node.attributes), domain, scores ? [scores] : [])
  node.rename('LabelEncoder', domain)
  node.attributes.clear()
  node.attributes.set('keys_int64s', counted)
  node.attributes.set('values_strings', texts)
  node.inputs = [number]
  node.outputs = [labels]
}

/** A map from labels to scores per row. */
export const ZipMap = defineOp({
  name: 'ZipMap',
  domain,
  arity: 1,
  attributes: { classlabels_int64s: ints(), classlabels_strings: strings() },
  values({ attributes: { classlabels_int64s: numbers, classlabels_strings: texts }, inputs }) {
    const x = tensorAt(inputs, 0)
    const [rows, columns] = tableOf(x.shape)
    const keys = texts?.length ? texts : (numbers ?? []).map(BigInt)
    if (keys.length !== columns) throw new LanewiseError('E_VALUE', `${keys.length} labels for ${columns} scores`)
    const values = numbersOf(x)
    const items = Array.from({ length: rows }, (_, r): HostMap => ({
      kind: 'map',
      entries: new Map(keys.map((key, c) => [key, values[r * columns + c]])),
    }))
    return [{ kind: 'sequence', dtype: x.dtype, items }]
  },
})
