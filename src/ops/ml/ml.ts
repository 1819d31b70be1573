// Preparation of features and linear models (domain ai.onnx.ml).
import { isBig, type DType, type HostData } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostTensor, hostZeros, toNumbers, type HostMap, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { float, floats, int, ints, required, string, strings, tensor } from '../../ir/attributes.js'
import { floatTensor, numbersOf, numericTensor } from '../elementwise/scalar-floats.js'
import { product } from '../matmul/scalar-linear.js'
import { defineOp, type UpgradeContext } from '../../ir/op.js'
import { postTransform } from './ml-transform.js'
import { tensorAt } from '../control/sequence.js'

const domain = 'ai.onnx.ml'

/** Rows and columns of features: a vector is one row. */
export function tableOf(shape: Shape): [rows: number, columns: number] {
  if (shape.length === 0 || shape.length > 2)
    throw new LanewiseError('E_SHAPE', `features must be [C] or [N, C], got ${formatShape(shape)}`)
  return shape.length === 1 ? [1, shape[0]] : [shape[0], shape[1]]
}

export const Binarizer = defineOp({
  name: 'Binarizer',
  domain,
  arity: 1,
  attributes: { threshold: float(0) },
  infer: ({ inputs: [x] }) => [x],
  compute: ({ attributes: { threshold }, inputs: [x] }) => [
    numericTensor(
      x.dtype,
      x.shape,
      Float64Array.from(numbersOf(x), (value) => (value > threshold ? 1 : 0)),
    ),
  ],
})

/** Elements of an attribute list as HostData of its dtype. */
function listData(dtype: DType, list: readonly (string | number)[]): HostData {
  if (dtype === 'string') return [...(list as readonly string[])]
  return numericTensor(dtype, [list.length], list as readonly number[]).data
}

/** NaN is a key like any other. */
export const LabelEncoder = defineOp({
  name: 'LabelEncoder',
  domain,
  arity: 1,
  attributes: {
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
  },
  compute({ attributes: a, inputs: [x] }) {
    const classes = a.classes_strings?.map((_, i) => i)
    const backward = classes && x.dtype !== 'string'
    const keys = classes
      ? backward
        ? classes
        : a.classes_strings!
      : (a.keys_tensor?.data ?? a.keys_strings ?? a.keys_int64s ?? a.keys_floats)
    const [dtype, values, otherwise] = classes
      ? backward
        ? (['string', a.classes_strings!, a.default_string] as const)
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
    const same = (key: unknown) => (typeof key === 'bigint' ? Number(key) : key)
    const positions = new Map<unknown, number>()
    for (let i = keys.length - 1; i >= 0; i--) positions.set(same(keys[i]), i)
    const data = hostZeros(dtype, x.shape).data as { [i: number]: unknown; length: number }
    const stored =
      dtype === 'string' || typeof values[0] === 'bigint' ? values : listData(dtype, values as readonly number[])
    const rest = isBig(dtype) ? BigInt(otherwise) : otherwise
    for (let i = 0; i < x.data.length; i++) {
      const position = positions.get(same(x.data[i]))
      data[i] = position === undefined ? rest : stored[position]
    }
    return [hostTensor(dtype, x.shape, data as unknown as HostData)]
  },
})

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
    const columns = x.shape.at(-1)!
    const indices = toNumbers(y, 'indices')
    const bad = indices.find((index) => !(index >= 0 && index < columns))
    if (bad !== undefined) throw new LanewiseError('E_VALUE', `index ${bad} is outside [0, ${columns - 1}]`)
    const result = hostZeros(out.dtype, out.shape)
    const data = result.data as { [i: number]: unknown }
    for (let i = 0; i < result.data.length; i++)
      data[i] = x.data[Math.floor(i / indices.length) * columns + indices[i % indices.length]]
    return [result]
  },
})

export const Scaler = defineOp({
  name: 'Scaler',
  domain,
  arity: 1,
  attributes: { offset: floats([]), scale: floats([]) },
  infer: ({ inputs: [x] }) => [{ dtype: 'float32', shape: x.shape }],
  compute({ attributes: { offset, scale }, inputs: [x] }) {
    const [, columns] = tableOf(x.shape)
    const pick = (list: readonly number[], i: number, fallback: number) =>
      list.length <= 1 ? (list[0] ?? fallback) : list[i % columns]
    for (const list of [offset, scale])
      if (list.length > 1 && list.length !== columns)
        throw new LanewiseError('E_VALUE', `${list.length} entries for ${columns} features`)
    return [
      floatTensor(
        'float32',
        x.shape,
        Float64Array.from(numbersOf(x), (value, i) => (value - pick(offset, i, 0)) * pick(scale, i, 1)),
      ),
    ]
  },
})

export const Normalizer = defineOp({
  name: 'Normalizer',
  domain,
  arity: 1,
  attributes: { norm: string('MAX') },
  infer: ({ inputs: [x] }) => [{ dtype: 'float32', shape: x.shape }],
  compute({ attributes: { norm }, inputs: [x] }) {
    const [rows, columns] = tableOf(x.shape)
    const values = Float64Array.from(numbersOf(x))
    const sizes: Record<string, (row: Float64Array) => number> = {
      MAX: (row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), 0),
      L1: (row) => row.reduce((a, b) => a + Math.abs(b), 0),
      L2: (row) => Math.sqrt(row.reduce((a, b) => a + b * b, 0)),
    }
    if (!Object.hasOwn(sizes, norm)) throw new LanewiseError('E_VALUE', `norm "${norm}" is not known`)
    for (let r = 0; r < rows; r++) {
      const row = values.subarray(r * columns, (r + 1) * columns)
      const size = sizes[norm](row)
      if (size !== 0) row.forEach((value, i) => (row[i] = value / size))
    }
    return [floatTensor('float32', x.shape, values)]
  },
})

/** Replaces one value, often NaN, by another per feature. */
export const Imputer = defineOp({
  name: 'Imputer',
  domain,
  arity: 1,
  attributes: {
    imputed_value_floats: floats(),
    imputed_value_int64s: ints(),
    replaced_value_float: float(0),
    replaced_value_int64: int(0),
  },
  infer: ({ inputs: [x] }) => [x],
  compute({ attributes: a, inputs: [x] }) {
    const [, columns] = tableOf(x.shape)
    const imputed = a.imputed_value_floats ?? a.imputed_value_int64s ?? []
    if (imputed.length !== 1 && imputed.length !== columns)
      throw new LanewiseError('E_VALUE', `${imputed.length} values for ${columns} features`)
    const replaced = a.imputed_value_floats ? a.replaced_value_float : a.replaced_value_int64
    const values = Float64Array.from(numbersOf(x), (value, i) =>
      Object.is(value, replaced) || value === replaced ? imputed[imputed.length === 1 ? 0 : i % columns] : value,
    )
    return [numericTensor(x.dtype, x.shape, values)]
  },
})

/** A new last axis with 1 at the category's place. */
export const OneHotEncoder = defineOp({
  name: 'OneHotEncoder',
  domain,
  arity: 1,
  attributes: { cats_int64s: ints(), cats_strings: strings(), zeros: int(1) },
  infer: ({ attributes: { cats_int64s, cats_strings }, inputs: [x] }) => [
    { dtype: 'float32', shape: [...x.shape, (cats_int64s ?? cats_strings ?? []).length] },
  ],
  compute({ attributes: { cats_int64s, cats_strings, zeros }, inputs: [x], outputs: [y] }) {
    const categories = new Map<unknown, number>((cats_strings ?? cats_int64s ?? []).map((category, i) => [category, i]))
    const width = y.shape.at(-1)!
    const result = new Float32Array(sizeOf(y.shape))
    for (let i = 0; i < x.data.length; i++) {
      const value = x.data[i]
      const category = categories.get(typeof value === 'string' ? value : Math.trunc(Number(value)))
      if (category !== undefined) result[i * width + category] = 1
      else if (!zeros) throw new LanewiseError('E_VALUE', `"${String(value)}" is none of the categories`)
    }
    return [hostTensor('float32', y.shape, result)]
  },
})

export const FeatureVectorizer = defineOp({
  name: 'FeatureVectorizer',
  domain,
  arity: [1, Infinity],
  attributes: { inputdimensions: ints() },
  infer({ inputs }) {
    const tables = inputs.map((input) => tableOf(input.shape))
    if (tables.some(([rows]) => rows !== tables[0][0]))
      throw new LanewiseError('E_SHAPE', 'the inputs do not have the same number of rows')
    return [{ dtype: 'float32', shape: [tables[0][0], tables.reduce((sum, [, columns]) => sum + columns, 0)] }]
  },
  compute({ inputs, outputs: [{ shape }] }) {
    const result = new Float32Array(sizeOf(shape))
    let at = 0
    for (const input of inputs) {
      const [rows, columns] = tableOf(input.shape)
      const values = numbersOf(input)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < columns; c++) result[r * shape[1] + at + c] = values[r * columns + c]
      at += columns
    }
    return [hostTensor('float32', shape, result)]
  },
})

/** Scores of linear models: rows of x times coefficients (one row per target) plus intercepts. */
function linear(
  x: HostTensor,
  coefficients: readonly number[],
  intercepts: readonly number[] | undefined,
  targets: number,
): { rows: number; scores: Float64Array } {
  const [rows, columns] = tableOf(x.shape)
  if (!(targets >= 1) || coefficients.length !== targets * columns)
    throw new LanewiseError(
      'E_VALUE',
      `${coefficients.length} coefficients for ${targets} targets of ${columns} features`,
    )
  if (intercepts && intercepts.length > 0 && intercepts.length !== targets)
    throw new LanewiseError('E_VALUE', `${intercepts.length} intercepts for ${targets} targets`)
  const transposed = new Float64Array(columns * targets)
  for (let t = 0; t < targets; t++)
    for (let c = 0; c < columns; c++) transposed[c * targets + t] = coefficients[t * columns + c]
  const scores = new Float64Array(rows * targets)
  product(scores, 0, numbersOf(x), 0, transposed, 0, rows, columns, targets)
  if (intercepts?.length) scores.forEach((score, i) => (scores[i] = score + intercepts[i % targets]))
  return { rows, scores }
}

export const LinearRegressor = defineOp({
  name: 'LinearRegressor',
  domain,
  arity: 1,
  attributes: { coefficients: floats([]), intercepts: floats(), post_transform: string('NONE'), targets: int(1) },
  infer: ({ attributes: { targets }, inputs: [x] }) => [{ dtype: 'float32', shape: [tableOf(x.shape)[0], targets] }],
  compute({ attributes: { coefficients, intercepts, post_transform, targets }, inputs: [x] }) {
    const { rows, scores } = linear(x, coefficients, intercepts, targets)
    postTransform(post_transform, scores, targets)
    return [floatTensor('float32', [rows, targets], scores)]
  },
})

/** Labels and scores. One row of coefficients for two classes says the second's score. */
export const LinearClassifier = defineOp({
  name: 'LinearClassifier',
  domain,
  arity: 1,
  attributes: {
    classlabels_ints: ints(),
    classlabels_strings: strings(),
    coefficients: required(floats()),
    intercepts: floats(),
    multi_class: int(0),
    post_transform: string('NONE'),
  },
  compute({ attributes: a, inputs: [x] }) {
    const [, columns] = tableOf(x.shape)
    const given = columns === 0 ? 0 : a.coefficients.length / columns
    const { rows, scores } = linear(x, a.coefficients, a.intercepts, given)
    return classified(a, rows, given, scores, a.post_transform)
  },
})

/** Names of classes that are texts: the classifier gives their numbers, and a LabelEncoder behind it the names. */
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

/** The names of classes, of either type. */
export interface Labels {
  readonly classlabels_ints?: readonly number[]
  readonly classlabels_strings?: readonly string[]
}

/** The labels of chosen classes. */
export function labelTensor(
  { classlabels_strings: texts, classlabels_ints: numbers = [] }: Labels,
  chosen: readonly number[],
): HostTensor {
  if (texts?.length)
    return hostTensor(
      'string',
      [chosen.length],
      chosen.map((i) => texts[Math.max(i, 0)]),
    )
  return hostTensor(
    'int64',
    [chosen.length],
    BigInt64Array.from(chosen, (i) => BigInt(numbers[Math.max(i, 0)])),
  )
}

/** What classifiers return for a table of scores, `given` per row. */
export function classified(
  names: Labels,
  rows: number,
  given: number,
  scores: Float64Array,
  transform: string,
): HostTensor[] {
  const labels = (names.classlabels_strings?.length ? names.classlabels_strings : names.classlabels_ints) ?? []
  const binary = given === 1 && labels.length === 2
  if (!binary && labels.length !== given)
    throw new LanewiseError('E_VALUE', `${labels.length} labels for ${given} scores`)
  const chosen: number[] = []
  for (let r = 0; r < rows; r++) {
    const row = scores.subarray(r * given, (r + 1) * given)
    if (binary) chosen.push(row[0] > (transform === 'LOGISTIC' || transform === 'NONE' ? 0 : 0.5) ? 1 : 0)
    else chosen.push(row.indexOf(row.reduce((a, b) => Math.max(a, b), -Infinity)))
  }
  let table = scores
  if (binary) {
    // Both classes get a score: of probabilities the rest to 1, of others the opposite.
    table = new Float64Array(2 * rows)
    for (let r = 0; r < rows; r++) {
      table[2 * r] = -scores[r]
      table[2 * r + 1] = scores[r]
    }
  }
  postTransform(transform, table, labels.length)
  return [labelTensor(names, chosen), floatTensor('float32', [rows, labels.length], table)]
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
