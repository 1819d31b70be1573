import type { AttributesOfOp, Gradient, GradientEmitter } from '../../ir/gradient.js'
import type { Address, Operand } from '../../ir/emitter.js'
import {
  AveragePool,
  GlobalAveragePool,
  GlobalLpPool,
  GlobalMaxPool,
  LpPool,
  MaxPool,
  poolTable,
  poolWindow,
} from './pool.js'
import type { Window } from './window.js'

interface PoolGradient {
  readonly x: Operand
  readonly dy: Operand
  readonly dx: Operand
  readonly table: Address
  readonly images: number
}

/** Calls `emit` if there is anything to compute. Without a window it is a global pooling. */
function emitPoolGradient(
  g: GradientEmitter<unknown>,
  window: Window | undefined,
  emit: (problem: PoolGradient) => void,
): void {
  const x = g.input(0)
  const dy = g.optionalGradient()
  if (!dy) return
  const dx = g.result(0)
  if (dx.size > 0) emit({ x, dy, dx, table: g.table(poolTable(x.shape, dy.shape, window)), images: x.shape[0] })
}

/** The largest element is looked for again: reading a window costs less than keeping where it was. */
function emitMax(g: GradientEmitter<unknown>, window: Window | undefined): void {
  emitPoolGradient(g, window, ({ x, dy, dx, table, images }) => {
    g.call('max_pool_gradient_f32', x.at, dy.at, dx.at, table, 0, images)
  })
}

function emitAverage(g: GradientEmitter<unknown>, window: Window | undefined, countPads: number): void {
  emitPoolGradient(g, window, ({ dy, dx, table, images }) => {
    g.call('average_pool_gradient_f32', dy.at, dx.at, table, countPads, 0, images)
  })
}

function emitLp(g: GradientEmitter<{ readonly p: number }>, window: Window | undefined): void {
  emitPoolGradient(g, window, ({ x, dy, dx, table, images }) => {
    g.call('lp_pool_gradient_f32', x.at, g.output(0).at, dy.at, dx.at, table, g.attributes.p, 0, images)
  })
}

export const MaxPoolGradient: Gradient<AttributesOfOp<typeof MaxPool>> = {
  op: MaxPool,
  backward: (g) => emitMax(g, poolWindow(g.attributes, g.input(0).shape)),
}

export const AveragePoolGradient: Gradient<AttributesOfOp<typeof AveragePool>> = {
  op: AveragePool,
  backward: (g) => emitAverage(g, poolWindow(g.attributes, g.input(0).shape), g.attributes.count_include_pad),
}

export const LpPoolGradient: Gradient<AttributesOfOp<typeof LpPool>> = {
  op: LpPool,
  backward: (g) => emitLp(g, poolWindow(g.attributes, g.input(0).shape)),
}

export const GlobalAveragePoolGradient: Gradient<object> = {
  op: GlobalAveragePool,
  backward: (g) => emitAverage(g, undefined, 0),
}

export const GlobalMaxPoolGradient: Gradient<object> = {
  op: GlobalMaxPool,
  backward: (g) => emitMax(g, undefined),
}

export const GlobalLpPoolGradient: Gradient<{ readonly p: number }> = {
  op: GlobalLpPool,
  backward: (g) => emitLp(g, undefined),
}
