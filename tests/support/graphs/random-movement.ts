import { sizeOf } from '../../../src/core/shape.js'
import { shapeOf } from '../../ops/movement/constant.reference.js'
import { concat, split } from '../../ops/movement/concat.reference.js'
import { expand, tile } from '../../ops/movement/expand.reference.js'
import { gather, gatherElements, gatherND } from '../../ops/movement/gather.reference.js'
import { pad } from '../../ops/movement/pad.reference.js'
import { flatten, reshape, squeeze, unsqueeze } from '../../ops/movement/reshape.reference.js'
import { scatterElements, scatterND } from '../../ops/movement/scatter.reference.js'
import { compress, nonZero } from '../../ops/movement/select.reference.js'
import { slice } from '../../ops/movement/slice.reference.js'
import { topK } from '../../ops/reduce/top-k.reference.js'
import { transpose } from '../../ops/movement/transpose.reference.js'
import { reverseSequence, trilu } from '../../ops/movement/trilu.reference.js'
import type { GraphGrower, RandomValue, Recipe } from './random-graph.js'
import { axis, exactly, list, moved, scalar } from './random-operands.js'

const transposed: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [2, 5] })
  const perm = x.shape.map((_, i) => i)
  for (let i = perm.length - 1; i > 0; i--) {
    const k = g.int(0, i)
    ;[perm[i], perm[k]] = [perm[k], perm[i]]
  }
  g.add('Transpose', [x], g.chance(0.15) ? {} : { perm }, transpose, exactly)
}

/** A shape of as many elements. */
function regrouped(g: GraphGrower, size: number): number[] {
  const shape: number[] = []
  let rest = size
  while (rest > 1 && shape.length < 4) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((d) => rest % d === 0)
    const part = g.pick(divisors)
    shape.push(part)
    rest /= part
  }
  return rest > 1 || shape.length === 0 ? [...shape, rest] : shape
}

const reshaped: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [0, 5] })
  const size = sizeOf(x.shape)
  const way = g.random()
  if (way < 0.2 && x.shape.length > 0)
    return g.add('Flatten', [x], { axis: g.int(0, x.shape.length) }, flatten, exactly)
  if (way < 0.35) {
    const ones = x.shape.flatMap((s, i) => (s === 1 && g.chance(0.7) ? [i] : []))
    return g.add('Squeeze', ones.length > 0 ? [x, list(g, ones)] : [x], {}, squeeze, exactly)
  }
  if (way < 0.5) {
    const rank = x.shape.length + 1
    return g.add('Unsqueeze', [x, list(g, [axis(g, rank)])], {}, unsqueeze, exactly)
  }
  if (size === 0) return
  // The shape of another value of as many elements, known only by running.
  const like = g.existing({ dtypes: moved, test: ({ exact, shape }) => exact.length === size && shape.length > 0 })
  if (way < 0.65 && like) {
    const shape = g.add('Shape', [like], {}, shapeOf, { dtypes: ['int64'], moves: true })
    return shape && g.add('Reshape', [x, shape[0]], {}, reshape, exactly)
  }
  const shape = regrouped(g, size)
  if (g.chance(0.3)) shape[g.int(0, shape.length - 1)] = -1
  g.add('Reshape', [x, g.given('int64', [shape.length], shape, g.chance(0.8))], {}, reshape, exactly)
}

const sliced: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [1, 5] })
  const axes = x.shape.map((_, i) => i).filter(() => g.chance(0.5))
  if (axes.length === 0) axes.push(0)
  const bound = (size: number) => g.pick([0, 1, -1, -2, g.int(-size, size), 1000, -1000])
  const steps = axes.map(() => g.pick([1, 1, 1, 2, 3, -1, -2]))
  const starts = axes.map((i) => bound(x.shape[i]))
  const ends = axes.map((i) => bound(x.shape[i]))
  const constant = g.chance(0.85)
  const make = (values: number[]) => g.given('int64', [values.length], values, constant)
  g.add(
    'Slice',
    [x, make(starts), make(ends), make(axes.map((i) => (g.chance(0.3) ? i - x.shape.length : i))), make(steps)],
    {},
    slice,
    exactly,
  )
}

const joined: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [1, 4] })
  const along = axis(g, x.shape.length)
  const at = along < 0 ? along + x.shape.length : along
  const fits = (value: RandomValue) =>
    value.shape.length === x.shape.length && value.shape.every((size, i) => i === at || size === x.shape[i])
  const inputs = [
    x,
    ...Array.from(
      { length: g.int(0, 3) },
      () =>
        (g.chance(0.5) && g.existing({ dtypes: [x.dtype], test: fits })) ||
        g.fresh(
          x.dtype,
          x.shape.map((size, i) => (i === at ? g.size() : size)),
        ),
    ),
  ]
  g.add('Concat', g.chance(0.5) ? inputs : inputs.reverse(), { axis: along }, concat, exactly)
}

const parted: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [1, 4], test: ({ shape }) => shape.some((size) => size > 1) })
  const at = g.pick(x.shape.flatMap((size, i) => (size > 1 ? [i] : [])))
  const parts = g.int(2, Math.min(4, x.shape[at]))
  const dtypes = Array.from({ length: parts }, () => x.dtype)
  if (g.chance(0.5))
    return (
      Math.ceil(x.shape[at] / parts) * (parts - 1) < x.shape[at] &&
      g.add('Split', [x], { axis: at, num_outputs: parts }, split(parts), { dtypes, moves: true })
    )
  const sizes = dtypes.map(() => 0)
  for (let i = 0; i < x.shape[at]; i++) sizes[g.int(0, parts - 1)]++
  g.add('Split', [x, list(g, sizes)], { axis: at - (g.chance(0.3) ? x.shape.length : 0) }, split(parts), {
    dtypes,
    moves: true,
  })
}

const padded: Recipe = (g) => {
  const mode = g.pick(['constant', 'constant', 'constant', 'reflect', 'edge'])
  const x = g.operand({
    dtypes: mode === 'constant' ? ['float32', 'int64', 'int32', 'uint8', 'bool'] : ['float32', 'int32', 'int64'],
    rank: [1, 4],
    test: ({ shape }) => mode === 'constant' || !shape.includes(0),
  })
  const most = (i: number) => (mode === 'reflect' ? Math.min(2, x.shape[i] - 1) : 2)
  const pads = [0, 1].flatMap(() =>
    x.shape.map((size, i) =>
      mode === 'constant' && size > 2 && g.chance(0.15) ? -1 : g.chance(0.5) ? g.int(0, most(i)) : 0,
    ),
  )
  const value = mode === 'constant' && g.chance(0.5) ? [g.fresh(x.dtype, [])] : []
  g.add('Pad', [x, list(g, pads), ...value], mode === 'constant' ? {} : { mode }, pad, exactly)
}

const repeated: Recipe = (g) => {
  const x = g.operand({ dtypes: ['float32', 'int64', 'int32', 'uint8', 'bool', 'float64'], rank: [0, 4] })
  if (g.chance(0.4) && x.shape.length > 0)
    return g.add(
      'Tile',
      [
        x,
        list(
          g,
          x.shape.map(() => g.pick([1, 1, 2, 3])),
        ),
      ],
      {},
      tile,
      exactly,
    )
  const like = g.existing({
    dtypes: moved,
    rank: [1, 4],
    test: ({ shape }) =>
      shape.length >= x.shape.length &&
      x.shape.every((size, i) => size === 1 || size === shape[i + shape.length - x.shape.length]),
  })
  if (like && g.chance(0.5)) {
    const shape = g.add('Shape', [like], {}, shapeOf, { dtypes: ['int64'], moves: true })
    return shape && g.add('Expand', [x, shape[0]], {}, expand, exactly)
  }
  const target = [
    ...Array.from({ length: g.int(0, 2) }, () => g.size()),
    ...x.shape.map((size) => (size === 1 && g.chance(0.6) ? g.size() : size)),
  ]
  if (target.length > 0) g.add('Expand', [x, list(g, target)], {}, expand, exactly)
}

const gathered: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [1, 4], test: ({ shape }) => !shape.includes(0) })
  const along = axis(g, x.shape.length)
  const size = x.shape[along < 0 ? along + x.shape.length : along]
  const index = { dtypes: ['int64', 'int32'] as const, low: -size, high: size - 1, rank: [0, 3] as [number, number] }
  const way = g.random()
  if (way < 0.5) return g.add('Gather', [x, g.operand(index)], { axis: along }, gather, exactly)
  if (way < 0.75)
    return g.add(
      'GatherElements',
      [
        x,
        g.fresh(
          'int64',
          x.shape.map((s) => g.int(1, s)),
          index,
        ),
      ],
      { axis: along },
      gatherElements,
      exactly,
    )
  const depth = g.int(1, x.shape.length)
  const count = g.int(0, 4)
  g.add(
    'GatherND',
    [
      x,
      g.given(
        'int64',
        [count, depth],
        Array.from({ length: count * depth }, (_, i) => g.int(0, x.shape[i % depth] - 1)),
        g.chance(0.5),
      ),
    ],
    {},
    gatherND,
    exactly,
  )
}

const scattered: Recipe = (g) => {
  const x = g.operand({ dtypes: ['float32', 'int64', 'int32'], rank: [1, 3], test: ({ shape }) => !shape.includes(0) })
  const reduction = g.pick(['none', 'none', 'add', 'mul', 'max', 'min'])
  if (g.chance(0.5)) {
    const along = g.int(0, x.shape.length - 1)
    // Without a reduction every place is written once, or the order would matter.
    const whole =
      reduction === 'none'
        ? x.shape.map((s, i) => (i === along ? Math.min(s, 1) : g.int(1, s)))
        : x.shape.map((s) => g.int(1, s))
    const indices = g.fresh('int64', whole, { low: -x.shape[along], high: x.shape[along] - 1 })
    return g.add('ScatterElements', [x, indices, g.fresh(x.dtype, whole)], { axis: along, reduction }, scatterElements)
  }
  const rowsOf = Array.from({ length: x.shape[0] }, (_, i) => i).filter(() => g.chance(0.5))
  const indices = g.given('int64', [rowsOf.length, 1], rowsOf, g.chance(0.5))
  g.add('ScatterND', [x, indices, g.fresh(x.dtype, [rowsOf.length, ...x.shape.slice(1)])], { reduction }, scatterND)
}

const selected: Recipe = (g) => {
  const way = g.random()
  const x = g.operand({
    dtypes: ['float32', 'int64', 'int32', 'bool'],
    rank: [1, 4],
    test: ({ shape }) => !shape.includes(0),
  })
  if (way < 0.3) return x.exact === x.shaken && g.add('NonZero', [x], {}, nonZero, { dtypes: ['int64'] })
  if (way < 0.5) {
    const along = g.int(0, x.shape.length - 1)
    return g.add('Compress', [x, g.fresh('bool', [x.shape[along]], {})], { axis: along }, compress, exactly)
  }
  if (x.dtype === 'bool' || x.dtype === 'int32') return
  const along = axis(g, x.shape.length)
  const size = x.shape[along < 0 ? along + x.shape.length : along]
  g.add(
    'TopK',
    [x, g.given('int64', [1], [g.int(0, size)], g.chance(0.7))],
    { axis: along, largest: g.int(0, 1) },
    topK,
    { dtypes: [x.dtype, 'int64'], moves: true },
  )
}

const triangles: Recipe = (g) => {
  if (g.chance(0.6)) {
    const x = g.operand({ dtypes: ['float32', 'int64', 'float64', 'bool'], rank: [2, 4] })
    return g.add('Trilu', g.chance(0.7) ? [x, scalar(g, g.int(-3, 3))] : [x], { upper: g.int(0, 1) }, trilu, exactly)
  }
  const x = g.operand({ rank: [2, 4], test: ({ shape }) => !shape.includes(0) })
  const time = g.int(0, 1)
  const lengths = g.fresh('int64', [x.shape[1 - time]], { low: 1, high: x.shape[time] })
  g.add('ReverseSequence', [x, lengths], { time_axis: time, batch_axis: 1 - time }, reverseSequence, exactly)
}

/** Elements get another place. */
export const movementRecipes: readonly (readonly [weight: number, recipe: Recipe])[] = [
  [6, transposed],
  [8, reshaped],
  [5, sliced],
  [5, joined],
  [3, parted],
  [4, padded],
  [4, repeated],
  [5, gathered],
  [3, scattered],
  [3, selected],
  [2, triangles],
]
