// ONNX Runtime's spellings of Gelu and of sums before it (domain com.microsoft), rewritten as standard operators when a
// model is imported.
import { hostFrom } from '../../core/host.js'
import { float } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

const domain = 'com.microsoft'

export const ContribGelu = defineOp({
  name: 'Gelu',
  domain,
  arity: 1,
  attributes: {},
  decompose: (node) => node.rename('Gelu'),
})

/** Gelu(A + B) */
export const BiasGelu = defineOp({
  name: 'BiasGelu',
  domain,
  arity: 2,
  attributes: {},
  decompose: (node) => {
    node.inputs = [node.node('Add', node.inputs)]
    node.rename('Gelu')
  },
})

/** Gelu by its tanh approximation, of X or X + bias. */
export const FastGelu = defineOp({
  name: 'FastGelu',
  domain,
  arity: [1, 2],
  attributes: {},
  decompose: (node) => {
    const [x, bias = ''] = node.inputs
    node.inputs = [bias === '' ? x : node.node('Add', [x, bias])]
    node.attributes.set('approximate', { kind: 'string', value: 'tanh' })
    node.rename('Gelu')
  },
})

/** x · sigmoid(alpha · x) */
export const QuickGelu = defineOp({
  name: 'QuickGelu',
  domain,
  arity: 1,
  attributes: { alpha: float(1.702) },
  decompose: (node) => {
    if (!node.attributes.has('alpha')) node.attributes.set('alpha', { kind: 'float', value: Math.fround(1.702) })
    node.rename('Swish')
  },
})

/** X + bias + skip */
export const BiasAdd = defineOp({
  name: 'BiasAdd',
  domain,
  arity: 3,
  attributes: {},
  decompose: (node) => {
    const [x, bias, skip] = node.inputs
    node.inputs = [node.node('Add', [x, bias]), skip]
    node.rename('Add')
  },
})

/** Left half · Gelu(right half) of X + bias, along the last axis. */
export const BiasSplitGelu = defineOp({
  name: 'BiasSplitGelu',
  domain,
  arity: 2,
  attributes: {},
  decompose: (node) => {
    const sum = node.node('Add', node.inputs)
    const list = (...values: number[]) => node.constant(hostFrom('int64', [values.length], values))
    const width = node.node('Gather', [node.node('Shape', [sum]), list(-1)])
    const middle = node.node('Div', [width, list(2)])
    const part = (from: string, to: string) => node.node('Slice', [sum, from, to, list(-1)])
    node.inputs = [part(list(0), middle), node.node('Gelu', [part(middle, width)])]
    node.rename('Mul')
  },
})
