import { BINARY_MUL } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { collapseAxes, emitDenseCopy, emitStridedCopy, type StridedCopy } from '../../ir/strided.js'
import { toNumbers } from '../../core/host.js'
import { sizeOf } from '../../core/shape.js'
import { emitBinary } from '../elementwise/arithmetic.js'
import { Cast, CastLike } from '../elementwise/cast.js'
import { Concat, Split } from './concat.js'
import { DepthToSpace, SpaceToDepth } from './depth-to-space.js'
import { Expand, Tile } from './expand.js'
import type { Gradient, GradientEmitter } from '../../ir/gradient.js'
import { Dropout, Identity } from './identity.js'
import { moveContext, viewOf, type Moving } from './copy.js'
import type { Operand } from '../../ir/emitter.js'
import type { OpDefinition } from '../../ir/op.js'
import { plus } from '../../ir/emitter.js'
import { CenterCropPad, Pad } from './pad.js'
import { Flatten, Reshape, Squeeze, Unsqueeze } from './reshape.js'
import { Slice } from './slice.js'
import { Transpose } from './transpose.js'
import { Trilu } from './trilu.js'

/** The output is the input's memory, read differently: so is the gradient. */
export function viewGradient(op: object): Gradient<object> {
  return {
    op: op as OpDefinition<object>,
    inputs: [0],
    anyFloat: true,
    backward(g) {
      if (g.wants(0)) g.pass(0)
    },
  }
}

/** Every copy the other way round. Where an element was copied several times, its gradients are added up. */
export function moveGradient(op: object): Gradient<object> {
  const definition = op as OpDefinition<object> & Moving<object>
  return {
    op: definition,
    anyFloat: true,
    backward(g) {
      const gradients = g.outputs.map((_, i): Operand | undefined => g.optionalGradient(i))
      const parts = definition.parts(
        moveContext(
          g.attributes,
          g.inputs.map((x) => x && viewOf(x)),
          g.outputs.map((y) => y && { ...viewOf(y), dtype: 'float32' }),
          g.inputs.map((x) => x?.constant),
        ),
      )
      // What was copied within an output hands its gradient back there, the last copy first.
      for (const part of parts.filter(({ source }) => source === 'output').reverse()) {
        const { output = 0 } = part
        let dy = gradients[output]
        if (!dy) continue
        if (dy === g.optionalGradient(output)) {
          const at = g.scratch(dy.size * 4)
          emitDenseCopy(g, dy, at)
          dy = {
            dtype: dy.dtype,
            shape: dy.shape,
            order: dy.order,
            physical: dy.physical,
            size: dy.size,
            at,
            constant: undefined,
          }
          gradients[output] = dy
        }
        addStrided(g, reversed(part), dy, dy)
      }
      g.inputs.forEach((x, i) => {
        if (!x || !g.wants(i)) return
        const dx = g.result(i)
        if (dx.size === 0) return
        const mine = parts.flatMap((part) => {
          const dy = part.source === i ? gradients[part.output ?? 0] : undefined
          return dy ? [{ dy, part }] : []
        })
        const [first] = mine
        const once =
          mine.length === 1 &&
          first.part.axes.every(({ size, from }) => size === 1 || from !== 0) &&
          sizeOf(first.part.axes.map(({ size }) => size)) === dx.size
        if (once) return emitStridedCopy(g, 'float32', reversed(first.part), first.dy.at, dx.at)
        g.call('fill_f32', dx.at, 0, dx.size)
        for (const { dy, part } of mine) addStrided(g, reversed(part), dy, dx)
      })
    },
  }
}

function reversed({ axes, from, to }: StridedCopy): StridedCopy {
  return { axes: axes.map((axis) => ({ size: axis.size, from: axis.to, to: axis.from })), from: to, to: from }
}

/** to[…] += from[…]. */
function addStrided(g: GradientEmitter<unknown>, copy: StridedCopy, from: Operand, to: Operand): void {
  const axes = collapseAxes(copy.axes)
  if (!axes) return
  if (axes.length === 0) axes.push({ size: 1, from: 1, to: 1 })
  const table = [
    ...axes.map(({ size }) => size),
    ...axes.map((axis) => axis.from * 4),
    ...axes.map((axis) => axis.to * 4),
  ]
  g.call(
    'strided_add_f32',
    plus(from.at, copy.from * 4),
    plus(to.at, copy.to * 4),
    g.table(Int32Array.from(table)),
    axes.length,
  )
}

/** The same triangle of dy. */
export const TriluGradient: Gradient<{ readonly upper: number }> = {
  op: Trilu,
  inputs: [0],
  backward(g) {
    if (!g.wants(0)) return
    const [dy, dx, diagonal] = [g.gradient(), g.result(0), g.inputs[1]]
    const known = diagonal?.constant
    if (diagonal && !known)
      throw new LanewiseError('E_UNSUPPORTED', 'Trilu has a gradient where its diagonal is a constant only')
    const k = known ? toNumbers(known, 'k')[0] : 0
    const [rows, cols] = dx.shape.slice(-2)
    const kept = (above: number) => (g.attributes.upper ? above >= k : above <= k)
    const inside = Float32Array.from({ length: rows * cols }, (_, at) =>
      Number(kept((at % cols) - Math.floor(at / cols))),
    )
    emitBinary(g, BINARY_MUL, dy, { shape: [rows, cols], order: [0, 1], at: g.table(inside) }, dx)
  },
}

export const moveGradients = /* @__PURE__ */ (() => [
  // A Cast rounds, which no gradient sees; from whole numbers on nothing is followed.
  ...[Cast, CastLike, Dropout, Identity, Reshape, Flatten, Squeeze, Unsqueeze, Transpose].map(viewGradient),
  ...[Concat, Split, Slice, Expand, Tile, DepthToSpace, SpaceToDepth, Pad, CenterCropPad].map(moveGradient),
])()
