import { hostFrom } from '../../../src/core/host.js'
import {
  constantOfShape,
  eyeLike,
  oneHot,
  range,
  shapeOf,
  sizeOf as sizeReference,
} from '../../ops/movement/constant.reference.js'
import { dequantize, quantize } from '../../ops/quantize/quantize.reference.js'
import type { Recipe } from './random-graph.js'
import { exactly, moved, scalar } from './random-operands.js'

const made: Recipe = (g) => {
  const way = g.random()
  if (way < 0.2)
    return g.add(
      'Shape',
      [g.operand({ dtypes: moved })],
      g.chance(0.5) ? {} : { start: g.int(-2, 2), end: g.int(-2, 4) },
      shapeOf,
      { dtypes: ['int64'], moves: true },
    )
  if (way < 0.3)
    return g.add('Size', [g.operand({ dtypes: moved })], {}, sizeReference, { dtypes: ['int64'], moves: true })
  if (way < 0.5) {
    const dtype = g.pick(['float32', 'int64', 'int32'] as const)
    const value = g.int(-3, 3)
    const shape = g.shape(0, 3)
    return g.add(
      'ConstantOfShape',
      [g.given('int64', [shape.length], shape, g.chance(0.6))],
      { value: hostFrom(dtype, [1], [value]) },
      constantOfShape(value),
      { dtypes: [dtype], moves: true },
    )
  }
  if (way < 0.7) {
    const dtype = g.pick(['float32', 'int64', 'int32'] as const)
    const constant = g.chance(0.6)
    const [start, limit, delta] = [g.int(-5, 5), g.int(-9, 12), g.pick([1, 2, 3, -1, -2])].map((value) =>
      g.given(dtype, [], [value], constant),
    )
    return g.add('Range', [start, limit, delta], {}, range, { dtypes: [dtype], moves: true })
  }
  if (way < 0.85)
    return g.add(
      'EyeLike',
      [g.operand({ dtypes: ['float32', 'int64', 'int32'], rank: [2, 2] })],
      { k: g.int(-2, 2) },
      eyeLike,
      exactly,
    )
  const places = g.operand({ dtypes: ['int64'], rank: [1, 3], low: -5, high: 4 })
  const dtype = g.pick(['float32', 'int64'] as const)
  g.add('OneHot', [places, scalar(g, 5), g.fresh(dtype, [2])], { axis: g.int(-1, places.shape.length) }, oneHot, {
    dtypes: [dtype],
    moves: true,
  })
}

const quantized: Recipe = (g) => {
  const type = g.pick(['uint8', 'int8'] as const)
  const zero = g.given(type, [], [g.int(type === 'int8' ? -20 : 0, 40)])
  const scale = g.given('float32', [], [0.05 + g.random()])
  const x = g.operand({ low: -100, high: 100 })
  const y = g.add('QuantizeLinear', [x, scale, zero], {}, quantize(type), { dtypes: [type] })
  if (y && g.chance(0.7)) g.add('DequantizeLinear', [y[0], scale, zero], {}, dequantize, { dtypes: ['float32'] })
}

/** Elements that are made, and rounded to fewer bits. */
export const constantRecipes: readonly (readonly [weight: number, recipe: Recipe])[] = [
  [4, made],
  [2, quantized],
]
