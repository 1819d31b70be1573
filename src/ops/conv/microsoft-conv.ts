// ONNX Runtime's convolutions (domain com.microsoft): fused with a sum and an activation; channels-last, where they and
// poolings are the standard ones between two Transposes, which move nothing.
import { floats, int, string } from '../../ir/attributes.js'
import { defineOp, type OpDefinition, type UpgradeContext } from '../../ir/op.js'
import { becomeActivation, take, valueOf } from '../elementwise/fused-activation.js'
import { MaxPool } from '../pool/pool.js'
import { QLinearConv } from '../quantize/integer-linear.js'
import { windowAttributes } from '../pool/window.js'
import { Conv } from './conv.js'

/** x [N, …, C] for an operator on [N, C, …]; `rank` is the number of axes. */
function between(node: UpgradeContext, op: string, rank: number): void {
  const last = rank - 1
  const spatial = Array.from({ length: rank - 2 }, (_, i) => i + 1)
  const [x, ...rest] = node.inputs
  const made = node.node(
    op,
    [node.node('Transpose', [x], { perm: [0, last, ...spatial] }), ...rest],
    new Map(node.attributes),
  )
  node.attributes.clear()
  node.attributes.set('perm', { kind: 'ints', value: [0, ...spatial.map((axis) => axis + 1), 1].map(BigInt) })
  node.inputs = [made]
  node.rename('Transpose')
}

function channelsLast(name: string, { arity, attributes }: Pick<OpDefinition, 'arity' | 'attributes'>, op: string) {
  return defineOp({
    name,
    domain: 'com.microsoft',
    arity,
    attributes,
    decompose(node) {
      const kernel = node.attributes.get('kernel_shape')
      // Without kernel_shape the filters alone say how many axes there are; images are what there is in practice.
      between(node, op, kernel?.kind === 'ints' ? kernel.value.length + 2 : 4)
    },
  })
}

/** Filters are [M, C / group, …], as Conv has them. */
export const NhwcConv = channelsLast('NhwcConv', Conv, 'Conv')
export const NhwcMaxPool = channelsLast('NhwcMaxPool', MaxPool, 'MaxPool')

/** Channels first, or last if `channels_last` says so; filters are the same. */
export const ContribQLinearConv = defineOp({
  name: 'QLinearConv',
  domain: 'com.microsoft',
  arity: QLinearConv.arity,
  attributes: { ...QLinearConv.attributes, channels_last: int(0) },
  decompose(node) {
    const last = valueOf(take(node.attributes, ['channels_last']), 'channels_last', 'int')
    const kernel = node.attributes.get('kernel_shape')
    if (last) between(node, 'QLinearConv', kernel?.kind === 'ints' ? kernel.value.length + 2 : 4)
    else node.rename('QLinearConv')
  },
})

/** Y = activation(Conv(X, W, B) + Z) */
export const FusedConv = defineOp({
  name: 'FusedConv',
  domain: 'com.microsoft',
  arity: [2, 4],
  attributes: { ...windowAttributes, group: int(1), activation: string(), activation_params: floats() },
  decompose: (node) => {
    const fused = take(node.attributes, ['activation', 'activation_params'])
    const name = valueOf(fused, 'activation', 'string') ?? ''
    const parameters = Array.from(valueOf(fused, 'activation_params', 'floats') ?? [])
    const [x, w, bias = '', addend = ''] = node.inputs
    const inputs = bias === '' ? [x, w] : [x, w, bias]
    if (addend === '' && name === '') {
      node.inputs = inputs
      node.rename('Conv')
      return
    }
    let result = node.node('Conv', inputs, new Map(node.attributes))
    if (addend !== '' && name === '') {
      node.attributes.clear()
      node.inputs = [result, addend]
      node.rename('Add')
      return
    }
    if (addend !== '') result = node.node('Add', [result, addend])
    becomeActivation(node, name, result, parameters)
  },
})
