import { LanewiseError } from '../../core/errors.js'
import { channelsLast } from '../../core/layout.js'
import { sizeOf } from '../../core/shape.js'
import { float, int, required } from '../../ir/attributes.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { log, exp } from '../../core/scalar-functions.js'
import { defineOp } from '../../ir/op.js'

import { requireFloat } from '../shared/operands.js'
import { channelsOf } from './operands.js'

export const LRN = defineOp({
  name: 'LRN',
  arity: 1,
  attributes: { alpha: float(1e-4), beta: float(0.75), bias: float(1), size: required(int()) },
  infer({ attributes: { size }, inputs: [x] }) {
    requireFloat(x.dtype)
    channelsOf(x.shape)
    if (size < 1) throw new LanewiseError('E_VALUE', `size must be positive, got ${size}`)
    return [x]
  },
  layout: channelsLast,
  emit(e) {
    const x = e.input(0)
    const { alpha, beta, bias, size } = e.attributes
    const channels = x.shape[1]
    const y = e.overwrite(0, 0)
    if (x.size === 0) return
    // A window that is wider sees no more channels.
    const seen = Math.min(size, 2 * channels + 1)
    const scratch = e.scratch(e.ask('lrn_scratch_size', channels, seen))
    e.call('lrn_f32', x.at, y.at, channels, seen, (alpha / size) * seen, beta, bias, 0, x.size / channels, scratch)
  },
  compute({ attributes: { alpha, beta, bias, size }, inputs: [x] }) {
    const from = floatsOf(x)
    const channels = x.shape[1]
    const spatial = sizeOf(x.shape.slice(2))
    const before = Math.floor((size - 1) / 2)
    const y = new Float64Array(from.length)
    for (let i = 0; i < y.length; i++) {
      const c = Math.floor(i / spatial) % channels
      let sum = 0
      for (let k = Math.max(0, c - before); k <= Math.min(channels - 1, c + size - 1 - before); k++)
        sum += from[i + (k - c) * spatial] ** 2
      y[i] = from[i] * exp(-beta * log(bias + (alpha / size) * sum))
    }
    return [floatTensor(x.dtype, x.shape, y)]
  },
})
