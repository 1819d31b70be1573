import { isComplex } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import type { OpDefinition, TensorType } from './op.js'

/**
 * What ONNX's type constraints allow on complex numbers and this library does: operators that move elements, or only
 * hold them.
 */
const takers = new Set(
  (
    'CenterCropPad Compress Concat ConcatFromSequence DepthToSpace Expand Flatten Gather GatherElements GatherND Identity If Loop NonZero OneHot Optional ' +
    'OptionalGetElement OptionalHasElement Pad Reshape ReverseSequence Scan Scatter ScatterElements ScatterND SequenceAt SequenceConstruct SequenceErase ' +
    'SequenceInsert SequenceLength SequenceMap Shape Size Slice SpaceToDepth Split SplitToSequence Squeeze TensorScatter Tile Transpose Trilu Unsqueeze Where'
  ).split(' '),
)

/**
 * @throws LanewiseError `E_UNSUPPORTED` for complex numbers given to an operator that would take them for plain ones.
 */
export function checkComplex({ name, domain }: OpDefinition, inputs: readonly (TensorType | undefined)[]): void {
  const input = inputs.find((type) => isComplex(type?.dtype))
  // What a user's own operator takes is its own affair.
  if (!input || (domain === '' ? takers.has(name) : domain !== 'com.microsoft' && domain !== 'ai.onnx.ml')) return
  throw new LanewiseError('E_UNSUPPORTED', `${name} is not defined for ${input.dtype}`, { actual: input.dtype })
}
