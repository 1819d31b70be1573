import { byteSize } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { STRING_BYTES } from '../core/host-memory.js'
import { formatShape, MAX_RANK, sizeOf } from '../core/shape.js'
import type { Node } from './graph.js'
import type { TensorType } from './op.js'

/**
 * Looks for outputs that a node names and its operator does not make, whatever the elements.
 *
 * @param types - of the outputs, where they are known: an operator has announced all that it makes, or none.
 * @throws LanewiseError `E_UNSUPPORTED` for one that it does not make.
 */
export function checkCount({ op, outputs }: Node, types: readonly (TensorType | undefined)[]): void {
  const announced = op.infer && types.some((type) => type)
  const surplus = outputs.findIndex((value, i) => value && (announced ? !types[i] : i >= (op.outputs ?? 1)))
  if (surplus >= 0) throw new LanewiseError('E_UNSUPPORTED', `output ${surplus} is not supported`)
}

/**
 * Looks at the outputs that an operator announces before anything is made for them.
 *
 * @returns what they take together, in bytes: in typed arrays and in JavaScript's heap.
 * @throws LanewiseError `E_UNSUPPORTED` for one that it does not make, `E_TENSOR` for too many axes or elements,
 *   `E_BUDGET` over the limit.
 */
export function checkOutputs(
  node: Node,
  outputs: readonly TensorType[],
  limit: number,
): [buffers: number, heap: number] {
  const sums: [number, number] = [0, 0]
  node.outputs.forEach((value, i) => {
    if (!value) return
    if (!outputs[i]) throw new LanewiseError('E_UNSUPPORTED', `output ${i} is not supported`)
    const { dtype, shape } = outputs[i]
    if (shape.length > MAX_RANK)
      throw new LanewiseError('E_TENSOR', `output ${i} would have ${shape.length} axes`, {
        expected: `<= ${MAX_RANK}`,
        actual: String(shape.length),
      })
    const bytes = sizeOf(shape) * (byteSize(dtype) || STRING_BYTES)
    if (bytes > limit) {
      throw new LanewiseError(
        'E_BUDGET',
        `output ${i} of shape ${formatShape(shape)} takes ${bytes} bytes, over the memory limit`,
        { expected: `<= ${limit}`, actual: String(bytes) },
      )
    }
    sums[dtype === 'string' ? 1 : 0] += bytes
  })
  return sums
}
