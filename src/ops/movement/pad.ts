import type { HostTensor } from '../../core/host.js'
import { follow } from '../../core/layout.js'
import { hostFrom, hostZeros, toNumbers } from '../../core/host.js'
import { LanewiseError } from '../../core/errors.js'
import { isFloat } from '../../core/dtype.js'
import { formatShape, normalizeAxes, sizeOf, type Shape } from '../../core/shape.js'
import { float, ints, string } from '../../ir/attributes.js'
import { moving, type Part, type View } from './copy.js'
import { defineOp } from '../../ir/op.js'
import { attributeToInput } from '../shared/attribute-to-input.js'

const MODES = ['constant', 'reflect', 'edge', 'wrap']

export const Pad = defineOp({
  name: 'Pad',
  arity: [2, 4],
  /** `value` is how opset 10 and older gave the constant. */
  attributes: { mode: string('constant'), value: float() },
  infer({ attributes: { mode }, inputs, value }) {
    const { dtype, shape } = inputs[0]
    const pads = padsOf(shape, value(1), value(3))
    if (!MODES.includes(mode))
      throw new LanewiseError('E_VALUE', `mode "${mode}" is not known`, { expected: MODES.join(', '), actual: mode })
    if (inputs[2] && inputs[2].dtype !== dtype)
      throw new LanewiseError('E_TENSOR', 'the constant differs in type', { expected: dtype, actual: inputs[2].dtype })
    if (inputs[2] && sizeOf(inputs[2].shape) !== 1)
      throw new LanewiseError('E_SHAPE', 'the constant must have one element')
    for (const { kept, before, after } of pads) {
      if (kept < 0) throw new LanewiseError('E_VALUE', 'negative pads take away more than there is')
      if (mode !== 'constant' && kept === 0 && before + after > 0)
        throw new LanewiseError('E_SHAPE', `an empty axis cannot be padded by ${mode}`)
    }
    return [{ dtype, shape: pads.map(({ kept, before, after }) => before + kept + after) }]
  },
  layout: follow,
  ...moving<{ readonly mode: string; readonly value: number | undefined }>(
    ({ attributes, inputs: [, , constant], input, y, dtype, value, values }) => {
      const x = input(0)
      const pads = padsOf(x.shape, value(1), values[3])
      const inside = insideOf(pads, x, y)
      if (attributes.mode !== 'constant') return [inside, ...mirrored(pads, y, attributes.mode)]
      let source: Part['source'] = constant ? 2 : hostZeros(dtype, [1])
      if (!constant && attributes.value) {
        if (!isFloat(dtype) || (dtype !== 'float32' && dtype !== 'float64'))
          throw new LanewiseError('E_UNSUPPORTED', `a value for ${dtype} as an attribute`)
        source = hostFrom(dtype, [1], [attributes.value])
      }
      return [...borders(pads, y, source), inside]
    },
  ),
  upgrades: [{ below: 11, apply: (node) => attributeToInput(node, 'pads', 1) }],
})

/** Crops around the middle what is too long and pads with zeros around it what is too short. */
export const CenterCropPad = defineOp({
  name: 'CenterCropPad',
  arity: 2,
  attributes: { axes: ints() },
  infer({ attributes, inputs: [x], value }) {
    const target = toNumbers(value(1), 'shape')
    const axes = attributes.axes ? normalizeAxes(attributes.axes, x.shape.length) : [...x.shape.keys()]
    if (target.length !== axes.length)
      throw new LanewiseError(
        'E_SHAPE',
        `shape must have one number for each of ${axes.length} axes, got ${formatShape(target)}`,
      )
    if (target.some((size) => size < 0))
      throw new LanewiseError('E_VALUE', `a size is negative: ${formatShape(target)}`)
    return [
      {
        dtype: x.dtype,
        shape: x.shape.map((size, axis) => (axes.includes(axis) ? target[axes.indexOf(axis)] : size)),
      },
    ]
  },
  layout: follow,
  ...moving(({ input, y, dtype }) => {
    const x = input(0)
    const pads = x.shape.map((size, axis): AxisPads => {
      const wanted = y.shape[axis]
      const before = Math.floor(Math.max(wanted - size, 0) / 2)
      const kept = Math.min(wanted, size)
      return { before, after: wanted - kept - before, kept, skipped: Math.floor(Math.max(size - wanted, 0) / 2) }
    })
    return [...borders(pads, y, hostZeros(dtype, [1])), insideOf(pads, x, y)]
  }),
})

interface AxisPads {
  /** Elements added. */
  readonly before: number
  readonly after: number
  /** Elements kept, and taken away before them by a negative pad. */
  readonly kept: number
  readonly skipped: number
}

function padsOf(shape: Shape, padsTensor: HostTensor, axesTensor: HostTensor | undefined): AxisPads[] {
  const pads = toNumbers(padsTensor, 'pads')
  const axes = axesTensor ? normalizeAxes(toNumbers(axesTensor, 'axes'), shape.length) : [...shape.keys()]
  if (pads.length !== 2 * axes.length) {
    throw new LanewiseError(
      'E_SHAPE',
      `pads must be two numbers for each of ${axes.length} axes, got ${formatShape(pads)}`,
    )
  }
  return shape.map((size, axis) => {
    const i = axes.indexOf(axis)
    const [before, after] = i < 0 ? [0, 0] : [pads[i], pads[i + axes.length]]
    return {
      before: Math.max(before, 0),
      after: Math.max(after, 0),
      kept: size + Math.min(before, 0) + Math.min(after, 0),
      skipped: Math.max(-before, 0),
    }
  })
}

/** Copies what is kept. */
function insideOf(pads: readonly AxisPads[], x: View, y: View): Part {
  return {
    source: 0,
    axes: pads.map(({ kept }, axis) => ({ size: kept, from: x.strides[axis], to: y.strides[axis] })),
    from: pads.reduce((at, { skipped }, axis) => at + skipped * x.strides[axis], 0),
    to: pads.reduce((at, { before }, axis) => at + before * y.strides[axis], 0),
  }
}

/**
 * Fills the borders and nothing else: those of the outermost axis in memory are whole slabs, the next ones lie between
 * them, and so on.
 */
function borders(pads: readonly AxisPads[], y: View, source: Part['source']): Part[] {
  const ranges = y.shape.map((size) => ({ start: 0, size }))
  const parts: Part[] = []
  for (const axis of [...y.shape.keys()].sort((a, b) => y.strides[b] - y.strides[a])) {
    const { before, kept, after } = pads[axis]
    for (const range of [
      { start: 0, size: before },
      { start: before + kept, size: after },
    ]) {
      ranges[axis] = range
      parts.push({
        source,
        axes: ranges.map(({ size }, i) => ({ size, from: 0, to: y.strides[i] })),
        from: 0,
        to: offsetOf(ranges, y),
      })
    }
    ranges[axis] = { start: before, size: kept }
  }
  return parts.filter(({ axes }) => axes.every(({ size }) => size > 0))
}

/** Fills the borders from what is in the output already, axis after axis, so that corners come from borders. */
function mirrored(pads: readonly AxisPads[], y: View, mode: string): Part[] {
  const ranges = pads.map(({ before, kept }) => ({ start: before, size: kept }))
  const parts: Part[] = []
  for (let axis = pads.length - 1; axis >= 0; axis--) {
    const { before, kept, after } = pads[axis]
    for (const side of [
      { start: 0, size: before },
      { start: before + kept, size: after },
    ]) {
      for (const run of runsOf(side.start - before, side.size, kept, mode)) {
        ranges[axis] = { start: run.at + before, size: run.size }
        const to = offsetOf(ranges, y)
        const axes = ranges.map(({ size }, i) => ({
          size,
          from: i === axis ? run.step * y.strides[i] : y.strides[i],
          to: y.strides[i],
        }))
        parts.push({ source: 'output', axes, from: to + (run.from - run.at) * y.strides[axis], to })
      }
    }
    ranges[axis] = { start: 0, size: y.shape[axis] }
  }
  return parts
}

function offsetOf(ranges: readonly { readonly start: number }[], y: View): number {
  return ranges.reduce((at, { start }, axis) => at + start * y.strides[axis], 0)
}

interface Run {
  readonly at: number
  from: number
  step: number
  size: number
}

/**
 * Where the `size` positions from `start` on, before or behind an axis of `kept`, take their elements from, as runs of
 * equal step. What repeats is copied from what is there by then, twice as much each time: an axis may be short and its
 * padding long.
 */
function runsOf(start: number, size: number, kept: number, mode: string): Run[] {
  if (size === 0) return []
  if (mode === 'edge' || kept === 1) return [{ at: start, from: start < 0 ? 0 : kept - 1, step: 0, size }]
  const period = mode === 'wrap' ? kept : 2 * (kept - 1)
  const near = Math.min(size, period)
  if (start >= 0) {
    const runs = withinPeriod(start, near, kept, period)
    for (let at = start + near; at < start + size;) {
      const back = at - (at % period)
      const copied = Math.min(back, start + size - at)
      runs.push({ at, from: at - back, step: 1, size: copied })
      at += copied
    }
    return runs
  }
  const runs = withinPeriod(-near, near, kept, period)
  for (let end = -near; end > start;) {
    const ahead = kept - end - ((kept - end) % period)
    const copied = Math.min(ahead, end - start)
    runs.push({ at: end - copied, from: end - copied + ahead, step: 1, size: copied })
    end -= copied
  }
  return runs
}

/** The runs of at most a period, each position by itself. */
function withinPeriod(start: number, size: number, kept: number, period: number): Run[] {
  const runs: Run[] = []
  for (let at = start; at < start + size; at++) {
    const place = ((at % period) + period) % period
    const from = place < kept ? place : period - place
    const last = runs.at(-1)
    const step = last ? from - (last.from + last.step * (last.size - 1)) : 0
    if (last && Math.abs(step) <= 1 && (last.size === 1 || step === last.step)) {
      last.step = step
      last.size++
    } else {
      runs.push({ at, from, step: 0, size: 1 })
    }
  }
  return runs
}
