import { sizeOf } from '../../../src/core/shape.js'
import { allCases } from '../../ops/cases.js'
import { convTranspose } from '../../ops/conv/conv-transpose.reference.js'
import { conv } from '../../ops/conv/conv.reference.js'
import { depthToSpace, spaceToDepth } from '../../ops/movement/depth-to-space.reference.js'
import { einsum } from '../../ops/matmul/einsum.reference.js'
import { gridSample } from '../../ops/image/grid-sample.reference.js'
import { gemm, matmul } from '../../ops/matmul/matmul.reference.js'
import { batchNorm, groupNorm, layerNorm, lrn } from '../../ops/norm/norm.reference.js'
import { averagePool, globally, lpPool, maxPool } from '../../ops/pool/pool.reference.js'
import { resize } from '../../ops/image/resize.reference.js'
import { gru, lstm, rnn } from '../../ops/rnn/rnn.reference.js'
import { inputsOf, outputTypes } from '../cases/case-model.js'
import { numbers, type GraphGrower, type RandomValue, type Recipe } from './random-graph.js'

/** An image batch: N, C and one to three spatial axes. */
function image(g: GraphGrower): RandomValue {
  const found = g.chance(0.75)
    ? g.existing({ rank: [3, 5], test: ({ shape }) => !shape.slice(1).includes(0), low: -1e3, high: 1e3 })
    : undefined
  if (found) return found
  const spatial = g.pick([1, 2, 2, 2, 2, 3])
  const sizes = Array.from({ length: spatial }, () => g.int(1, spatial === 3 ? 5 : 11))
  return g.fresh('float32', [g.chance(0.03) ? 0 : g.int(1, 2), g.pick([1, 2, 3, 4, 5, 6, 8, 12, 16, 19, 32]), ...sizes])
}

function window(g: GraphGrower, x: RandomValue): { kernel: number[]; attributes: Record<string, unknown> } {
  const spatial = x.shape.slice(2)
  const kernel = spatial.map((size) => g.int(1, Math.min(size, 4)))
  const attributes: Record<string, unknown> = {}
  if (g.chance(0.5)) attributes.strides = spatial.map(() => g.int(1, 3))
  if (g.chance(0.2))
    attributes.dilations = spatial.map((size, i) => (kernel[i] > 1 && (kernel[i] - 1) * 2 < size ? 2 : 1))
  if (g.chance(0.5)) attributes.pads = [...kernel, ...kernel].map((k) => g.int(0, k - 1))
  else if (g.chance(0.25) && !attributes.dilations) attributes.auto_pad = g.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID'])
  return { kernel, attributes }
}

const convolution: Recipe = (g) => {
  const x = image(g)
  const channels = x.shape[1]
  const { kernel, attributes } = window(g, x)
  const group = g.chance(0.3) ? channels : g.pick([1, 1, 2, 3].filter((n) => channels % n === 0))
  const filters = group * g.pick(group === channels ? [1, 1, 2] : [1, 2, 3, 4, 5, 8, 12, 24])
  // The reference is as naive as can be.
  if (x.exact.length * filters * (sizeOf(kernel) / group) > 150_000) return
  const constant = g.chance(0.8)
  const w = g.fresh('float32', [filters, channels / group, ...kernel], { low: -0.5, high: 0.5, constant })
  const bias = g.chance(0.5) ? [g.fresh('float32', [filters], { constant })] : []
  // Winograd's transforms cost more digits than a direct sum.
  const found = g.add(
    'Conv',
    [x, w, ...bias],
    { ...attributes, ...(group > 1 ? { group } : {}), ...(g.chance(0.5) ? { kernel_shape: kernel } : {}) },
    conv,
    { rounding: 12 },
  )
  if (found && g.chance(0.5)) follow(g, found[0])
}

/** What graph passes look for after a convolution or product. */
function follow(g: GraphGrower, y: RandomValue): void {
  const relu = (x: RandomValue) =>
    g.add('Relu', [x], {}, ([v]) => [{ shape: v.shape, data: v.data.map((k) => Math.max(k, 0)) }], { moves: true })
  const add = (x: RandomValue) =>
    g.add('Add', [x, g.existing({ shape: x.shape }) ?? x], {}, ([a, b]) => [
      { shape: a.shape, data: a.data.map((k, i) => k + b.data[i]) },
    ])
  if (g.chance(0.4) && y.shape.length > 1) {
    const c = y.shape[1]
    const of = (low: number, high: number) => g.fresh('float32', [c], { low, high, constant: true })
    const normal = g.add('BatchNormalization', [y, of(0.5, 1.5), of(-1, 1), of(-1, 1), of(0.5, 2)], {}, batchNorm)
    if (normal) y = normal[0]
  }
  if (g.chance(0.5)) y = add(y)?.[0] ?? y
  if (g.chance(0.6)) relu(y)
}

const deconvolution: Recipe = (g) => {
  const x = image(g)
  const spatial = x.shape.slice(2)
  const kernel = spatial.map(() => g.int(1, 3))
  const attributes: Record<string, unknown> = {}
  if (g.chance(0.6)) attributes.strides = spatial.map(() => g.int(1, 3))
  if (g.chance(0.3)) attributes.pads = [...kernel, ...kernel].map((k) => g.int(0, Math.floor((k - 1) / 2)))
  const group = g.chance(0.25) ? x.shape[1] : 1
  const w = g.fresh('float32', [x.shape[1], g.int(1, 4), ...kernel], { low: -0.5, high: 0.5, constant: g.chance(0.8) })
  g.add('ConvTranspose', [x, w], { ...attributes, ...(group > 1 ? { group } : {}) }, convTranspose, { rounding: 4 })
}

const pooled: Recipe = (g) => {
  const x = image(g)
  const [op, reference] = g.pick([
    ['MaxPool', maxPool],
    ['AveragePool', averagePool],
    ['LpPool', lpPool],
  ] as const)
  if (g.chance(0.25)) return g.add(`Global${op}`, [x], {}, globally(reference), { rounding: 2 })
  const { kernel, attributes } = window(g, x)
  if (g.chance(0.25) && !attributes.auto_pad) attributes.ceil_mode = 1
  if (op === 'AveragePool' && g.chance(0.4)) attributes.count_include_pad = 1
  g.add(op, [x], { ...attributes, kernel_shape: kernel }, reference, { rounding: 2, moves: op === 'MaxPool' })
}

const product: Recipe = (g) => {
  const a = g.operand({ rank: [1, 4], low: -1e3, high: 1e3 })
  const inner = a.shape[a.shape.length - 1]
  const batch = a.shape.slice(0, -2).map((size) => (g.chance(0.3) ? 1 : size))
  const fits = ({ shape }: RandomValue) => shape.length === 2 && shape[0] === inner
  const shape = g.chance(0.1) ? [inner] : [...(g.chance(0.5) ? batch : []), inner, g.size()]
  const b =
    (g.chance(0.4) && g.existing({ test: fits })) ||
    g.fresh('float32', shape, { low: -1, high: 1, constant: g.chance(0.6) })
  const y = g.add('MatMul', [a, b], {}, matmul, { rounding: 3 })
  if (!y || !g.chance(0.5)) return
  const bias = g.fresh('float32', [y[0].shape[y[0].shape.length - 1] ?? 1], { constant: true })
  g.add('Add', [y[0], bias], {}, ([p, q]) => [
    { shape: y[0].shape.length > 0 ? p.shape : [1], data: p.data.map((k, i) => k + q.data[i % q.data.length]) },
  ])
}

const affine: Recipe = (g) => {
  const a = g.operand({ rank: [2, 2], low: -1e3, high: 1e3 })
  const [transA, transB] = [g.int(0, 1), g.int(0, 1)]
  const [m, k] = transA ? [a.shape[1], a.shape[0]] : a.shape
  const n = g.size()
  const b = g.fresh('float32', transB ? [n, k] : [k, n], { low: -1, high: 1, constant: g.chance(0.7) })
  const c = g.chance(0.6) ? [g.fresh('float32', g.pick([[n], [1, n], [m, 1], [m, n], [1], []]))] : []
  g.add('Gemm', [a, b, ...c], { transA, transB, ...(g.chance(0.3) ? { alpha: 0.5, beta: 1.5 } : {}) }, gemm, {
    rounding: 3,
  })
}

const normalised: Recipe = (g) => {
  const way = g.random()
  if (way < 0.4) {
    const x = g.operand({ rank: [2, 4], low: -100, high: 100, test: ({ shape }) => !shape.includes(0) })
    const axis = g.int(1, x.shape.length - 1)
    const rest = x.shape.slice(axis)
    const inputs = [x, g.fresh('float32', rest), ...(g.chance(0.6) ? [g.fresh('float32', rest)] : [])]
    return g.add(
      'LayerNormalization',
      inputs,
      { axis: g.chance(0.5) ? axis - x.shape.length : axis, epsilon: 0.01 },
      (given, attributes) => layerNorm(given, attributes).slice(0, 1),
      { rounding: 4 },
    )
  }
  const x = image(g)
  const c = x.shape[1]
  const of = (low: number, high: number) => g.fresh('float32', [c], { low, high, constant: g.chance(0.8) })
  if (way < 0.55)
    return g.add(
      'BatchNormalization',
      [x, of(0.5, 1.5), of(-1, 1), of(-1, 1), of(0.5, 2)],
      { epsilon: 0.01 },
      batchNorm,
      { rounding: 2 },
    )
  // Of one element only the bias is left, of which the other engine keeps few digits.
  if (sizeOf(x.shape) === 0 || sizeOf(x.shape.slice(2)) === 1) return
  if (way < 0.7)
    return g.add(
      'InstanceNormalization',
      [x, of(-1, 1), of(-1, 1)],
      { epsilon: 0.01 },
      groupNorm((channels) => channels),
      { rounding: 4 },
    )
  if (way < 0.85) {
    const groups = g.pick([1, 2, 3, c].filter((n) => c % n === 0))
    return g.add(
      'GroupNormalization',
      [x, of(-1, 1), of(-1, 1)],
      { num_groups: groups, epsilon: 0.01 },
      groupNorm(() => groups),
      { rounding: 4 },
    )
  }
  g.add('LRN', [x], { size: g.pick([1, 3, 5]), alpha: 0.2, beta: 0.6, bias: 1.5 }, lrn, { rounding: 2 })
}

const blocks: Recipe = (g) => {
  const deep = g.chance(0.5)
  const fits = ({ shape: [, c, h, w] }: RandomValue) => (deep ? c % 4 === 0 : h % 2 === 0 && w % 2 === 0)
  const found = g.chance(0.6)
    ? g.existing({ rank: [4, 4], test: (value) => !value.shape.includes(0) && fits(value) })
    : undefined
  const x =
    found ??
    g.fresh(
      'float32',
      deep
        ? [g.int(1, 2), g.pick([4, 8, 12]), g.int(1, 5), g.int(1, 5)]
        : [g.int(1, 2), g.int(1, 5), g.pick([2, 4, 6]), g.pick([2, 4])],
    )
  if (deep) g.add('DepthToSpace', [x], { blocksize: 2, mode: g.pick(['DCR', 'CRD']) }, depthToSpace, { moves: true })
  else g.add('SpaceToDepth', [x], { blocksize: 2 }, spaceToDepth, { moves: true })
}

const resized: Recipe = (g) => {
  const x = g.operand({ rank: [4, 4], test: ({ shape }) => !shape.includes(0) })
  const mode = g.pick(['nearest', 'linear'])
  const coordinates = g.pick(['half_pixel', 'asymmetric', 'align_corners', 'pytorch_half_pixel'])
  const attributes = {
    mode,
    coordinate_transformation_mode: coordinates,
    ...(mode === 'nearest'
      ? { nearest_mode: g.pick(['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil']) }
      : {}),
  }
  const moves = mode === 'nearest'
  // Quotients of small powers of two are the same in every precision: which pixel is the nearest does not hang on
  // rounding.
  const factors = [1, 1, g.pick([1, 2, 4, 0.5]), g.pick([1, 2, 4, 0.5])]
  if (factors.some((f, i) => f * x.shape[i] < 1)) return
  if (g.chance(0.5) && coordinates !== 'align_corners')
    return g.add('Resize', [x, undefined, g.given('float32', [4], factors)], attributes, resize, { moves, rounding: 4 })
  g.add(
    'Resize',
    [
      x,
      undefined,
      undefined,
      g.given(
        'int64',
        [4],
        factors.map((f, i) => Math.floor(f * x.shape[i])),
      ),
    ],
    attributes,
    resize,
    { moves: false, rounding: 4 },
  )
}

const recurrent: Recipe = (g) => {
  const [op, gates, reference, results] = g.pick([
    ['RNN', 1, rnn, 2],
    ['GRU', 3, gru, 2],
    ['LSTM', 4, lstm, 3],
  ] as const)
  const x = g.operand({
    rank: [3, 3],
    low: -10,
    high: 10,
    test: ({ shape, exact }) => !shape.includes(0) && exact.length < 200,
  })
  const [length, batch, input] = x.shape
  const hidden = g.pick([1, 2, 3, 4, 5, 8])
  const direction = g.pick(['forward', 'reverse', 'bidirectional'])
  const d = direction === 'bidirectional' ? 2 : 1
  const constant = g.chance(0.8)
  const of = (...shape: number[]) => g.fresh('float32', shape, { low: -0.5, high: 0.5, constant })
  const lengths = g.chance(0.3) ? g.fresh('int32', [batch], { low: 1, high: length, constant: false }) : undefined
  const inputs = [
    x,
    of(d, gates * hidden, input),
    of(d, gates * hidden, hidden),
    g.chance(0.7) ? of(d, 2 * gates * hidden) : undefined,
    lengths,
    g.chance(0.4) ? of(d, batch, hidden) : undefined,
  ]
  if (op === 'LSTM')
    inputs.push(g.chance(0.4) ? of(d, batch, hidden) : undefined, g.chance(0.3) ? of(d, 3 * hidden) : undefined)
  const attributes = { hidden_size: hidden, direction, ...(op === 'GRU' ? { linear_before_reset: g.int(0, 1) } : {}) }
  g.add(op, inputs, attributes, (given, own) => reference(given, own).slice(0, results), {
    dtypes: Array.from({ length: results }, () => 'float32' as const),
    rounding: 4,
  })
}

const contracted: Recipe = (g) => {
  const a = g.operand({ rank: [2, 3], low: -100, high: 100, test: ({ shape }) => !shape.includes(0) })
  const [i, j] = a.shape
  const n = g.int(1, 5)
  const [equation, ...shape] =
    a.shape.length === 2
      ? g.pick([
          ['ij,jk->ik', j, n],
          ['ij,jk->ki', j, n],
          ['ij,ij->i', i, j],
          ['ij,kj->ikj', n, j],
        ] as const)
      : g.pick([
          ['bij,bjk->bik', i, a.shape[2], n],
          ['bij,bkj->bik', i, n, a.shape[2]],
          ['bij,j->bi', a.shape[2]],
        ] as const)
  g.add('Einsum', [a, g.fresh('float32', shape)], { equation }, einsum, { rounding: 3 })
}

const sampled: Recipe = (g) => {
  const x = g.operand({ rank: [4, 4], test: ({ shape }) => !shape.includes(0) })
  const grid = g.fresh('float32', [x.shape[0], g.int(1, 5), g.int(1, 5), 2], { low: -1.2, high: 1.2, constant: false })
  g.add(
    'GridSample',
    [x, grid],
    { align_corners: g.int(0, 1), padding_mode: g.pick(['zeros', 'border', 'reflection']) },
    gridSample,
    { rounding: 20 },
  )
}

const tabled = allCases.filter(
  (row) => !row.withoutOrt && row.opset === undefined && !row.inputs.some((spec) => spec?.dtype === 'string'),
)

/** A row of the operators' case tables with the inputs it has there: every operator that has any. */
const row: Recipe = (g) => {
  const test = g.pick(tabled)
  const tensors = inputsOf(test)
  if (
    tensors.some(
      (tensor) =>
        tensor && (tensor.data.length > 500 || !numbers(tensor).every((x) => Number.isFinite(x) && Math.abs(x) < 1e5)),
    )
  )
    return
  if (
    tensors.some(
      (tensor) => tensor && !['float32', 'float64', 'int64', 'int32', 'uint8', 'int8', 'bool'].includes(tensor.dtype),
    )
  )
    return
  const inputs = tensors.map((tensor, i): RandomValue | undefined => {
    if (!tensor) return undefined
    const exact = numbers(tensor)
    const value: RandomValue = {
      id: g.values.length,
      dtype: tensor.dtype,
      shape: tensor.shape,
      exact,
      shaken: exact,
      tensor,
      constant: test.inputs[i]!.constant,
    }
    g.values.push(value)
    return value
  })
  const dtypes = outputTypes(test)
  if (dtypes)
    g.add(test.op, inputs, test.attributes ?? {}, test.reference, { dtypes, domain: test.domain, rounding: 30 })
}

/** Deeper things than elements and shapes. */
export const layerRecipes: readonly (readonly [weight: number, recipe: Recipe])[] = [
  [7, convolution],
  [2, deconvolution],
  [5, pooled],
  [6, product],
  [4, affine],
  [5, normalised],
  [2, blocks],
  [2, resized],
  [3, recurrent],
  [2, contracted],
  [1, sampled],
  [5, row],
]
