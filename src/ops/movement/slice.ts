import { LanewiseError } from '../../core/errors.js'
import { follow } from '../../core/layout.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { normalizeAxes, type Shape } from '../../core/shape.js'
import { moving } from './copy.js'
import { defineOp } from '../../ir/op.js'
import { attributeToInput } from '../shared/attribute-to-input.js'

export const Slice = defineOp({
  name: 'Slice',
  arity: [3, 5],
  attributes: {},
  infer({ inputs, value }) {
    const { dtype, shape } = inputs[0]
    return [{ dtype, shape: rangesOf(shape, value(1), value(2), value(3), value(4)).map(({ size }) => size) }]
  },
  layout: follow,
  ...moving(({ input, y, value, values }) => {
    const x = input(0)
    const ranges = rangesOf(x.shape, value(1), value(2), values[3], values[4])
    return [
      {
        source: 0,
        axes: ranges.map(({ size, step }, axis) => ({ size, from: step * x.strides[axis], to: y.strides[axis] })),
        from: ranges.reduce((at, { start }, axis) => at + start * x.strides[axis], 0),
        to: 0,
      },
    ]
  }),
  upgrades: [
    {
      below: 10,
      apply(node) {
        attributeToInput(node, 'starts', 1)
        attributeToInput(node, 'ends', 2)
        attributeToInput(node, 'axes', 3)
      },
    },
  ],
})

interface Range {
  readonly start: number
  readonly step: number
  readonly size: number
}

/** What is taken of each axis: starts and ends count from the end where negative and are clamped to the axis. */
function rangesOf(
  shape: Shape,
  startsTensor: HostTensor,
  endsTensor: HostTensor,
  axesTensor: HostTensor | undefined,
  stepsTensor: HostTensor | undefined,
): Range[] {
  const numbers = (tensor: HostTensor) => toNumbers(tensor, 'starts, ends, axes, steps')
  const [starts, ends] = [startsTensor, endsTensor].map(numbers)
  const givenAxes = axesTensor && numbers(axesTensor)
  const axes = givenAxes ? normalizeAxes(givenAxes, shape.length) : starts.map((_, axis) => axis)
  const steps = stepsTensor ? numbers(stepsTensor) : axes.map(() => 1)
  if (
    starts.length !== axes.length ||
    ends.length !== axes.length ||
    steps.length !== axes.length ||
    axes.length > shape.length
  ) {
    throw new LanewiseError(
      'E_SHAPE',
      `starts, ends, axes and steps must have one number per axis, got ${starts.length}, ${ends.length}, ${axes.length}, ${steps.length}`,
    )
  }
  const ranges: Range[] = shape.map((size) => ({ start: 0, step: 1, size }))
  axes.forEach((axis, i) => {
    const size = shape[axis]
    const step = steps[i]
    if (step === 0) throw new LanewiseError('E_VALUE', `the step of axis ${axis} is 0`)
    // Backwards, a slice may begin at the last element and end before the first.
    const low = step > 0 ? 0 : -1
    const clamp = (at: number, lowest: number) => Math.min(Math.max(at < 0 ? at + size : at, lowest), size + low)
    const start = clamp(starts[i], 0)
    ranges[axis] = {
      start: Math.max(start, 0),
      step,
      size: Math.max(0, Math.ceil((clamp(ends[i], low) - start) / step)),
    }
  })
  return ranges
}
