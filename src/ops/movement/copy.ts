import { logicalStrides } from '../../core/layout.js'
import { copyStrided, emitStridedCopy, isDense, type StridedCopy } from '../../ir/strided.js'
import type { DType, TypedArray } from '../../core/dtype.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import type { OpDefinition, TensorType } from '../../ir/op.js'

/** How a tensor lies: sizes and strides (in elements) of its logical axes. */
export interface View {
  readonly shape: Shape
  readonly strides: readonly number[]
}

/** One strided copy into an output: from an input, from a part of the output that has been written before, or of one given element. */
export interface Part extends StridedCopy {
  readonly source: number | 'output' | HostTensor
  /** Which output; the first if left out. */
  readonly output?: number
}

export interface MoveContext<A> {
  readonly attributes: A
  /** The type of the first output. */
  readonly dtype: DType
  readonly inputs: readonly (View | undefined)[]
  /** undefined where an output is not wanted. */
  readonly outputs: readonly (View | undefined)[]
  /** The elements of an input that `infer` has asked for. */
  value(index: number): HostTensor | undefined
}

/** What the gradient of an operator that only moves elements needs of it. */
export interface Moving<A> {
  readonly parts: (c: MoveContext<A>) => readonly Part[]
}

/** `kernel`, `emit` and `compute` of an operator that only moves elements, from the copies it consists of. Every order of axes will do. */
export function moving<A>(
  parts: (c: MoveContext<A>) => readonly Part[],
): Pick<OpDefinition<A>, 'kernel' | 'emit' | 'compute'> & Moving<A> {
  return {
    parts,
    kernel: () => true,
    emit(e) {
      const copies = parts({
        attributes: e.attributes,
        dtype: e.outputs.find((y) => y)!.dtype,
        inputs: e.inputs.map((x) => x && { shape: x.shape, strides: logicalStrides(x.shape, x.order) }),
        outputs: e.outputs.map((y) => y && { shape: y.shape, strides: logicalStrides(y.shape, y.order) }),
        value: (index) => e.inputs[index]?.constant,
      })
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
      const view = ({ shape }: TensorType) => ({ shape, strides: stridesOf(shape) })
      const copies = parts({
        attributes,
        dtype: types[0].dtype,
        inputs: inputs.map((x) => x && view(x)),
        outputs: types.map(view),
        value: (index) => inputs[index],
      })
      for (const part of copies) {
        const { source, output = 0 } = part
        const from = source === 'output' ? outputs[output] : typeof source === 'number' ? inputs[source]! : source
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
