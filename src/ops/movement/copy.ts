import { LanewiseError } from '../../core/errors.js'
import { logicalStrides } from '../../core/layout.js'
import { copyStrided, emitStridedCopy, isDense, type StridedCopy } from '../../ir/strided.js'
import type { DType, TypedArray } from '../../core/dtype.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import type { Operand } from '../../ir/emitter.js'
import { requiredInput, type OpDefinition, type TensorType } from '../../ir/op.js'

/** How a tensor lies: sizes and strides (in elements) of its logical axes. */
export interface View {
  readonly shape: Shape
  readonly strides: readonly number[]
}

/**
 * One strided copy into an output: from an input, from a part of the output that has been written before, or of one
 * given element.
 */
export interface Part extends StridedCopy {
  readonly source: number | 'output' | HostTensor
  /** Which output; the first if left out. */
  readonly output?: number
}

export interface MoveContext<A> {
  readonly attributes: A
  /** The first of the outputs that are wanted: the only one of most operators. */
  readonly y: View
  /** Its type. */
  readonly dtype: DType
  readonly inputs: readonly (View | undefined)[]
  /** undefined where an output is not wanted. */
  readonly outputs: readonly (View | undefined)[]
  /** The elements of the inputs that `infer` has asked for. */
  readonly values: readonly (HostTensor | undefined)[]
  /** Input `index`, which the operator requires. */
  input(index: number): View
  /** The elements of input `index`, which the operator requires and `infer` has asked for. */
  value(index: number): HostTensor
}

type Typed = View & { readonly dtype: DType }

/** @throws LanewiseError `E_GRAPH` if no output is wanted. */
export function moveContext<A>(
  attributes: A,
  inputs: readonly (View | undefined)[],
  outputs: readonly (Typed | undefined)[],
  values: readonly (HostTensor | undefined)[],
): MoveContext<A> {
  const y = outputs.find((output) => output !== undefined)
  if (!y) throw new LanewiseError('E_GRAPH', 'it has no outputs')
  return {
    attributes,
    y,
    dtype: y.dtype,
    inputs,
    outputs,
    values,
    input: (index) => requiredInput(inputs, index),
    value: (index) => requiredInput(values, index),
  }
}

/** How an operand lies in memory. */
export function viewOf({ dtype, shape, order }: Pick<Operand, 'dtype' | 'shape' | 'order'>): Typed {
  return { dtype, shape, strides: logicalStrides(shape, order) }
}

/** What the gradient of an operator that only moves elements needs of it. */
export interface Moving<A> {
  readonly parts: (c: MoveContext<A>) => readonly Part[]
}

/**
 * `kernel`, `emit` and `compute` of an operator that only moves elements, from the copies it consists of. Every order
 * of axes will do.
 */
export function moving<A>(
  parts: (c: MoveContext<A>) => readonly Part[],
): Pick<OpDefinition<A>, 'kernel' | 'emit' | 'compute'> & Moving<A> {
  return {
    parts,
    kernel: () => true,
    emit(e) {
      const copies = parts(
        moveContext(
          e.attributes,
          e.inputs.map((x) => x && viewOf(x)),
          e.outputs.map((y) => y && viewOf(y)),
          e.inputs.map((x) => x?.constant),
        ),
      )
      e.outputs.forEach((type, index) => {
        if (!type) return
        const mine = copies.filter((part) => (part.output ?? 0) === index)
        const [first] = mine
        if (
          mine.length === 1 &&
          typeof first.source === 'number' &&
          isDense(first) &&
          copiedSize(first) === sizeOf(type.shape)
        ) {
          return e.view(index, first.source, first.from)
        }
        const y = e.output(index)
        for (const part of mine) {
          const { source } = part
          const from =
            source === 'output'
              ? y.at
              : typeof source === 'number'
                ? e.input(source).at
                : e.table(source.data as TypedArray)
          emitStridedCopy(e, y.dtype, part, from, y.at)
        }
      })
    },
    compute({ attributes, inputs, outputs: types }) {
      const outputs = types.map(({ dtype, shape }) => hostZeros(dtype, shape))
      const view = ({ dtype, shape }: TensorType) => ({ dtype, shape, strides: stridesOf(shape) })
      const views = inputs.map((x) => x && view(x))
      for (const part of parts(moveContext(attributes, views, types.map(view), inputs))) {
        const { source, output = 0 } = part
        const from =
          source === 'output' ? outputs[output] : typeof source === 'number' ? requiredInput(inputs, source) : source
        copyStrided(part, from, outputs[output])
      }
      return outputs
    },
  }
}

function copiedSize({ axes }: StridedCopy): number {
  return axes.reduce((size, axis) => size * axis.size, 1)
}

/** The copy of a whole view to a place of the same shape within another. */
export function wholeCopy(
  shape: Shape,
  from: readonly number[],
  to: readonly number[],
  at = { from: 0, to: 0 },
): StridedCopy {
  return { axes: shape.map((size, axis) => ({ size, from: from[axis], to: to[axis] })), ...at }
}
