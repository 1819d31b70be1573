// onnxruntime's forms of operators that move elements (domain com.microsoft): other spellings of the standard ones.
import { dtypeToOnnx } from '../../core/dtype.js'
import { hostFrom } from '../../core/host.js'
import { string } from '../../ir/attributes.js'
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
