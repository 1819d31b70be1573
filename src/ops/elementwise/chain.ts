import {
  CHAIN_BINARY,
  CHAIN_FLIPPED,
  CHAIN_FULL,
  CHAIN_ROW,
  CHAIN_SCALAR,
  CHAIN_UNARY,
} from '../../../assembly/abi/codes.js'
import { elementwise } from '../../core/layout.js'
import { emitBinary } from './arithmetic.js'
import { walkOf } from './broadcast.js'
import { present } from '../../core/errors.js'
import type { Activation, Operand } from '../../ir/emitter.js'
import type { OpDefinition } from '../../ir/op.js'

/** value = f(value), or value = value op input `operand`, or the other way round. */
export type ChainStep =
  | { readonly unary: Activation }
  | { readonly binary: number; readonly operand: number; readonly flipped: boolean }

/**
 * What the pass fuse-chain makes of elementwise operators that follow each other: the first input goes through the
 * steps; the others are their operands.
 */
export const Chain: OpDefinition<{ readonly steps: readonly ChainStep[] }> = {
  name: 'Chain',
  domain: 'lanewise',
  arity: [1, Infinity],
  attributes: {},
  infer: ({ inputs: [x] }) => [present(x, 'input')],
  layout: elementwise,
  emit(e) {
    const { steps } = e.attributes
    const shape = present(e.outputs[0], 'output')
    const size = shape.physical.reduce((a, b) => a * b, 1)
    let row = 1
    const spreads = e.inputs.map((_, i) => {
      const operand = e.input(i)
      const { sizes, strides } = walkOf(shape, [operand])
      if (operand.size === size) return CHAIN_FULL
      if (operand.size === 1) return CHAIN_SCALAR
      const inner = sizes[sizes.length - 1]
      if (sizes.length !== 2 || strides[0][0] !== 0 || strides[0][1] !== 1 || (row !== 1 && row !== inner))
        return undefined
      row = inner
      return CHAIN_ROW
    })
    const [x] = e.inputs as Operand[]
    const at = (index: number) => e.inputs[index]?.at ?? 0
    if (spreads.every((spread) => spread !== undefined)) {
      const words = new Int32Array(5 * steps.length)
      const floats = new Float32Array(words.buffer)
      steps.forEach((step, i) => {
        if ('unary' in step) {
          words.set([CHAIN_UNARY, step.unary.code], 5 * i)
          floats.set([step.unary.a, step.unary.b], 5 * i + 2)
        } else {
          words.set(
            [step.flipped ? CHAIN_FLIPPED : CHAIN_BINARY, step.binary, step.operand, spreads[step.operand]],
            5 * i,
          )
        }
      })
      const y = e.overwrite(0, 0)
      const scratch = e.scratch(e.ask('chain_scratch_size'))
      if (size > 0)
        e.call(
          'chain_f32',
          e.table(words),
          steps.length,
          row,
          x.at,
          at(1),
          at(2),
          at(3),
          at(4),
          at(5),
          y.at,
          0,
          size,
          scratch,
        )
      return
    }
    // As it lies, an operand spreads over other axes than the innermost. Not over x, which a later step may read.
    const y = e.output(0)
    steps.forEach((step, i) => {
      const value = i === 0 ? x : y
      if ('unary' in step) e.call('unary_f32', step.unary.code, value.at, y.at, size, step.unary.a, step.unary.b)
      else if (step.flipped) emitBinary(e, step.binary, e.input(step.operand), value, y)
      else emitBinary(e, step.binary, value, e.input(step.operand), y)
    })
  },
}
