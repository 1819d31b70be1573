// onnxruntime's forms of operators that move elements (domain com.microsoft): other spellings of the standard ones.
import { dtypeToOnnx } from '../../core/dtype.js'
import { hostFrom } from '../../core/host.js'
import { int, string } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'
import { Trilu } from './trilu.js'

const domain = 'com.microsoft'

export const ContribTrilu = defineOp({
  ...Trilu,
  domain,
  decompose: (node) => node.rename('Trilu'),
})

/** X and the place of a new axis, one int32. */
export const ExpandDims = defineOp({
  name: 'ExpandDims',
  domain,
  arity: 2,
  attributes: {},
  decompose(node) {
    const [x, axis] = node.inputs
    const list = node.node('Reshape', [axis, node.constant(hostFrom('int64', [1], [1]))])
    node.inputs = [x, node.node('Cast', [list], { to: dtypeToOnnx('int64') })]
    node.rename('Unsqueeze')
  },
})

/** Pads may be a list or a matrix of one row. */
export const ContribPad = defineOp({
  name: 'Pad',
  domain,
  arity: [2, 3],
  attributes: { mode: string('constant') },
  decompose(node) {
    const [x, pads, ...rest] = node.inputs
    node.inputs = [x, node.node('Reshape', [pads, node.constant(hostFrom('int64', [1], [-1]))]), ...rest]
    node.rename('Pad')
  },
})

export const ContribGatherND = defineOp({
  name: 'GatherND',
  domain,
  arity: 2,
  attributes: { batch_dims: int(0) },
  decompose: (node) => node.rename('GatherND'),
})

/**
 * Distinct elements in the order in which they come, where each element stands among them, and how often each comes.
 */
export const ContribUnique = defineOp({
  name: 'Unique',
  domain,
  arity: 1,
  outputs: 3,
  attributes: {},
  decompose(node) {
    const [y, positions = '', counts = ''] = node.outputs
    node.outputs = [y, '', positions, counts]
    node.attributes.set('sorted', { kind: 'int', value: 0n })
    node.rename('Unique')
  },
})

/** Start, limit and step (1) are scalars or lists of one number. */
export const ContribRange = defineOp({
  name: 'Range',
  domain,
  arity: [2, 3],
  attributes: {},
  decompose(node) {
    const [start, limit, step] = node.inputs
    const scalar = (value: string) => node.node('Reshape', [value, node.constant(hostFrom('int64', [0], []))])
    const one = () => node.node('CastLike', [node.constant(hostFrom('float32', [], [1])), start])
    node.inputs = [scalar(start), scalar(limit), step ? scalar(step) : one()]
    node.rename('Range')
  },
})
