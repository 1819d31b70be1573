import { LanewiseError } from '../../core/errors.js'
import { follow } from '../../core/layout.js'
import { formatShape, type Shape } from '../../core/shape.js'
import { int, required, string } from '../../ir/attributes.js'
import { moving, type View } from './copy.js'
import { defineOp } from '../../ir/op.js'

interface Blocks {
  readonly blocksize: number
  readonly mode: string
}

/**
 * Channels become blocks of pixels. In a channel's number, DCR puts the place in the block first and CRD puts it last.
 */
export const DepthToSpace = defineOp({
  name: 'DepthToSpace',
  arity: 1,
  attributes: { blocksize: required(int()), mode: string('DCR') },
  infer({ attributes: { blocksize, mode }, inputs: [x] }) {
    const [n, c, h, w] = checked(x.shape, blocksize, mode)
    if (c % blocksize ** 2 !== 0) throw new LanewiseError('E_SHAPE', `${c} channels are no multiple of ${blocksize}²`)
    return [{ dtype: x.dtype, shape: [n, c / blocksize ** 2, h * blocksize, w * blocksize] }]
  },
  layout: follow,
  ...moving<Blocks>(({ attributes: { blocksize, mode }, input, y }) => {
    const axes = blockAxes(y, input(0), blocksize, mode === 'CRD')
    return [
      { source: 0, axes: axes.map(({ size, space, depth }) => ({ size, from: depth, to: space })), from: 0, to: 0 },
    ]
  }),
})

export const SpaceToDepth = defineOp({
  name: 'SpaceToDepth',
  arity: 1,
  attributes: { blocksize: required(int()), mode: string('DCR') },
  infer({ attributes: { blocksize, mode }, inputs: [x] }) {
    const [n, c, h, w] = checked(x.shape, blocksize, mode)
    if (h % blocksize !== 0 || w % blocksize !== 0)
      throw new LanewiseError('E_SHAPE', `${h}x${w} pixels are no multiple of blocks of ${blocksize}`)
    return [{ dtype: x.dtype, shape: [n, c * blocksize ** 2, h / blocksize, w / blocksize] }]
  },
  layout: follow,
  ...moving<Blocks>(({ attributes: { blocksize, mode }, input, y }) => {
    const axes = blockAxes(input(0), y, blocksize, mode === 'CRD')
    return [
      { source: 0, axes: axes.map(({ size, space, depth }) => ({ size, from: space, to: depth })), from: 0, to: 0 },
    ]
  }),
})

function checked(shape: Shape, blocksize: number, mode: string): Shape {
  if (mode !== 'DCR' && mode !== 'CRD')
    throw new LanewiseError('E_VALUE', `mode "${mode}" is not known`, { expected: 'DCR, CRD', actual: mode })
  if (shape.length !== 4) throw new LanewiseError('E_SHAPE', `the input must have 4 axes, got ${formatShape(shape)}`)
  if (blocksize < 1) throw new LanewiseError('E_VALUE', `blocksize must be positive, got ${blocksize}`)
  return shape
}

/**
 * The axes n, c, h, row in block, w, column in block, with their strides on the side of the pixels and on the side of
 * the channels.
 */
function blockAxes(space: View, depth: View, block: number, channelFirst: boolean) {
  const [n, channels, height, width] = space.shape
  const [sn, sc, sh, sw] = space.strides
  const [dn, dc, dh, dw] = depth.strides
  const [channel, place] = channelFirst ? [block * block * dc, dc] : [dc, channels * dc]
  return [
    { size: n, space: sn, depth: dn },
    { size: channels, space: sc, depth: channel },
    { size: height / block, space: block * sh, depth: dh },
    { size: block, space: sh, depth: block * place },
    { size: width / block, space: block * sw, depth: dw },
    { size: block, space: sw, depth: place },
  ]
}
