import type { AttributesOfOp, Gradient, GradientEmitter, TrainArguments } from '../../ir/gradient.js'
import type { Argument, Operand } from '../../ir/op.js'
import {
  AveragePool,
  GlobalAveragePool,
  GlobalLpPool,
  GlobalMaxPool,
  LpPool,
  MaxPool,
  poolGeometry,
  poolWindow,
} from './pool.js'
import { threeAxes, type Window } from './window.js'

type PoolKernel = 'max_pool_gradient_f32' | 'average_pool_gradient_f32' | 'lp_pool_gradient_f32'

/** The window of a pooling and its arguments for the kernels; those of a global one are a row that one window covers. */
function emitPoolGradient(
  g: GradientEmitter<unknown>,
  kernel: PoolKernel,
  read: readonly Operand[],
  window: Window | undefined,
  options: readonly number[] = [],
): void {
  const x = g.input(0)
  const dy = g.optionalGradient()
  if (!dy) return
  const dx = g.result(0)
  if (dx.size === 0) return
  const [images, channels] = x.shape
  const pixels = x.size / (images * channels)
  const geometry = window
    ? poolGeometry(x.shape, dy.shape, window)
    : [1, 1, pixels, channels, 1, 1, 1, 1, 1, pixels, 1, 1, 1, 1, 1, 1, 0, 0, 0]
  const args: Argument[] = [...read.map(({ at }) => at), dy.at, dx.at, ...geometry, ...options, 0, images]
  g.call(kernel, ...(args as unknown as TrainArguments<PoolKernel>))
}

/** The largest element is looked for again: reading a window costs less than keeping where it was. */
export const MaxPoolGradient: Gradient<AttributesOfOp<typeof MaxPool>> = {
  op: MaxPool,
  backward: (g) =>
    emitPoolGradient(g, 'max_pool_gradient_f32', [g.input(0)], poolWindow(g.attributes, g.input(0).shape)),
}

export const AveragePoolGradient: Gradient<AttributesOfOp<typeof AveragePool>> = {
  op: AveragePool,
  backward(g) {
    const window = poolWindow(g.attributes, g.input(0).shape)
    emitPoolGradient(g, 'average_pool_gradient_f32', [], window, [
      g.attributes.count_include_pad,
      ...threeAxes(window.end, 0),
    ])
  },
}

export const LpPoolGradient: Gradient<AttributesOfOp<typeof LpPool>> = {
  op: LpPool,
  backward: (g) =>
    emitPoolGradient(g, 'lp_pool_gradient_f32', [g.input(0), g.output(0)], poolWindow(g.attributes, g.input(0).shape), [
      g.attributes.p,
    ]),
}

export const GlobalAveragePoolGradient: Gradient<object> = {
  op: GlobalAveragePool,
  backward: (g) => emitPoolGradient(g, 'average_pool_gradient_f32', [], undefined, [0, 0, 0, 0]),
}

export const GlobalMaxPoolGradient: Gradient<object> = {
  op: GlobalMaxPool,
  backward: (g) => emitPoolGradient(g, 'max_pool_gradient_f32', [g.input(0)], undefined),
}

export const GlobalLpPoolGradient: Gradient<{ readonly p: number }> = {
  op: GlobalLpPool,
  backward: (g) => emitPoolGradient(g, 'lp_pool_gradient_f32', [g.input(0), g.output(0)], undefined, [g.attributes.p]),
}
