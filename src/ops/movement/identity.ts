import { byteSize, dtypeFromOnnx, packedBits, viewData, type NumericDType, type TypedArray } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { follow } from '../../core/layout.js'
import { hostZeros, rawBytes, type HostTensor } from '../../core/host.js'
import { sizeOf } from '../../core/shape.js'
import { float, int, required, string } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

export const Identity = defineOp({
  name: 'Identity',
  arity: 1,
  attributes: {},
  infer: ({ inputs: [x] }) => [x],
  kernel: () => true,
  layout: follow,
  emit: (e) => e.view(0, 0),
  compute: ({ inputs: [x] }) => [x],
  values: ({ inputs: [x] }) => [x],
})

/**
 * @throws LanewiseError `E_UNSUPPORTED` where something would be dropped: a session has another operator for that
 *   (random/session-dropout.ts).
 */
function refuseTraining(attribute: number, given: HostTensor | undefined, training: HostTensor | undefined): void {
  // Half floats are bit patterns, and 0 is 0 in all of them.
  const ratio = given ? Number(given.data[0]) : attribute
  if (Number(training?.data[0] ?? 0) !== 0 && ratio !== 0)
    throw new LanewiseError('E_UNSUPPORTED', `training_mode with ratio ${ratio} is random`)
}

/**
 * Dropout of an inference: nothing is dropped. Random dropout belongs to training; with ratio 0 it is the same thing.
 */
export const Dropout = defineOp({
  name: 'Dropout',
  arity: [1, 3],
  outputs: 2,
  // `mask`: the type that the mask had before opset 10 is the input's, and until 12 nothing was marked in it.
  attributes: { ratio: float(0.5), seed: int(), mask: string('kept') },
  infer({ inputs, attributes, value }) {
    // Whether anything is dropped has to be known; types are the same.
    if (Number(value(2)?.data[0] ?? 0) !== 0) value(1)
    const x = inputs[0]
    return [x, { dtype: attributes.mask === 'old' ? x.dtype : 'bool', shape: x.shape }]
  },
  kernel: () => true,
  layout: follow,
  emit(e) {
    refuseTraining(e.attributes.ratio, e.inputs[1]?.constant, e.inputs[2]?.constant)
    e.view(0, 0)
    if (!e.outputs[1]) return
    const mask = e.output(1)
    const table = Int32Array.of(1, mask.size * byteSize(mask.dtype), 0, 0, 0, 1)
    const kept = Uint8Array.of(e.attributes.mask === 'kept' ? 1 : 0)
    if (mask.size > 0) e.call('strided_copy', e.table(kept), mask.at, e.table(table), 2, 1)
  },
  compute({ attributes: { mask, ratio }, inputs: [x, given, training], outputs }) {
    refuseTraining(ratio, given, training)
    if (outputs.length < 2) return [x]
    const made = hostZeros(outputs[1].dtype, outputs[1].shape)
    if (mask === 'kept') (made.data as Uint8Array).fill(1)
    return [x, made]
  },
  upgrades: [
    {
      below: 12,
      apply({ opset, attributes }) {
        for (const name of ['is_test', 'consumed_inputs']) attributes.delete(name)
        attributes.set('mask', { kind: 'string', value: opset < 10 ? 'old' : 'empty' })
      },
    },
  ],
})

/** The same bits read as another type of the same width. */
export const BitCast = defineOp({
  name: 'BitCast',
  arity: 1,
  attributes: { to: required(int()) },
  infer({ attributes, inputs: [x] }) {
    const to = dtypeFromOnnx(attributes.to)
    if (
      !to ||
      to === 'string' ||
      x.dtype === 'string' ||
      byteSize(to) !== byteSize(x.dtype) ||
      packedBits(to) !== packedBits(x.dtype)
    ) {
      throw new LanewiseError('E_VALUE', `${x.dtype} cannot be read as ${to ?? attributes.to}`, {
        expected: 'a type of the same width',
        actual: to,
      })
    }
    return [{ dtype: to, shape: x.shape }]
  },
  kernel: () => true,
  layout: follow,
  emit: (e) => e.view(0, 0),
  compute({ inputs: [x], outputs: [{ dtype, shape }] }) {
    const bytes = rawBytes(x.data as TypedArray).slice()
    return [{ dtype, shape, data: viewData(dtype as NumericDType, bytes.buffer, 0, sizeOf(shape)) }]
  },
})
