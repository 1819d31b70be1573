import { dtypeFromOnnx, isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostFrom, toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, normalizeAxis, sizeOf, type Shape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { transform } from './fft.js'
import { requireIntegers } from '../shared/operands.js'
import { floatsOf, numbersOf, numericTensor, floatTensor } from '../shared/scalar-floats.js'
import { cos, exp, log } from '../../core/scalar-functions.js'
import { defineOp, type TensorType } from '../../ir/op.js'

function scalarOf(tensor: HostTensor, what: string): number {
  if (sizeOf(tensor.shape) !== 1)
    throw new LanewiseError('E_SHAPE', `${what} must have one element, got ${formatShape(tensor.shape)}`)
  return toNumbers(tensor, what)[0]
}

/** A length that a transform is to have. */
function lengthOf(tensor: HostTensor | undefined, fallback: number, what: string): number {
  const length = tensor ? scalarOf(tensor, what) : fallback
  if (!(length >= 1)) throw new LanewiseError('E_VALUE', `${what} must be positive, got ${length}`)
  return length
}

interface Transform {
  readonly axis: number
  /** Length of the transform, whatever the input has. */
  readonly length: number
  /** What is kept of the result along the axis. */
  readonly kept: number
  /** Half a spectrum comes in, real numbers go out. */
  readonly toReal: boolean
  readonly shape: readonly number[]
}

/** What holds of the operands whatever their elements are. */
function checkTransform(x: Shape, ...numbers: readonly (TensorType | undefined)[]): void {
  const parts = x[x.length - 1]
  if (x.length < 2 || (parts !== 1 && parts !== 2))
    throw new LanewiseError('E_SHAPE', `the last axis must hold 1 or 2 parts of a number, got ${formatShape(x)}`)
  for (const [i, what] of ['dft_length', 'axis'].entries()) {
    const number = numbers[i]
    requireIntegers(what, number)
    if (number && sizeOf(number.shape) !== 1)
      throw new LanewiseError('E_SHAPE', `${what} must have one element, got ${formatShape(number.shape)}`)
  }
}

function transformOf(
  { onesided, inverse }: { readonly onesided: number; readonly inverse: number },
  x: Shape,
  lengthTensor: HostTensor | undefined,
  axisTensor: HostTensor | undefined,
): Transform {
  const parts = x[x.length - 1]
  const axis = normalizeAxis(axisTensor ? scalarOf(axisTensor, 'axis') : -2, x.length)
  if (axis === x.length - 1)
    throw new LanewiseError('E_VALUE', 'the axis of real and imaginary parts cannot be transformed')
  const toReal = onesided !== 0 && inverse !== 0
  if (onesided && !inverse && parts === 2)
    throw new LanewiseError('E_VALUE', 'one side of the spectrum says all only for real input')
  const length = lengthOf(lengthTensor, toReal ? 2 * (x[axis] - 1) : x[axis], 'dft_length')
  const kept = onesided && !inverse ? Math.floor(length / 2) + 1 : length
  const shape = x.map((extent, i) => (i === axis ? kept : i === x.length - 1 ? (toReal ? 1 : 2) : extent))
  return { axis, length, kept, toReal, shape }
}

/** Input [batch, … , 1 or 2]; input 1 is the length, input 2 the axis. */
export const DFT = defineOp({
  name: 'DFT',
  takes: isFloat,
  arity: [1, 3],
  attributes: { inverse: int(0), onesided: int(0) },
  infer(c) {
    const [{ dtype, shape }, length, axis] = c.inputs
    checkTransform(shape, length, axis)
    return [{ dtype, shape: transformOf(c.attributes, shape, c.value(1), c.value(2)).shape }]
  },
  compute({ attributes, inputs: [x, lengthTensor, axisTensor], outputs: [y] }) {
    const { axis, length, kept, toReal } = transformOf(attributes, x.shape, lengthTensor, axisTensor)
    const values = floatsOf(x)
    const parts = x.shape[x.shape.length - 1]
    const extent = x.shape[axis]
    const outer = sizeOf(x.shape.slice(0, axis))
    const inner = sizeOf(x.shape.slice(axis + 1, -1))
    const outParts = toReal ? 1 : 2
    const result = new Float64Array(sizeOf(y.shape))
    const line = { re: new Float64Array(length), im: new Float64Array(length) }
    const scale = attributes.inverse ? 1 / length : 1
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        line.re.fill(0)
        line.im.fill(0)
        for (let k = 0; k < Math.min(extent, toReal ? Math.floor(length / 2) + 1 : length); k++) {
          const from = ((o * extent + k) * inner + i) * parts
          line.re[k] = values[from]
          line.im[k] = parts === 2 ? values[from + 1] : 0
          // The other half of a real signal's spectrum is the conjugate of the first.
          if (toReal && k > 0 && 2 * k < length) {
            line.re[length - k] = line.re[k]
            line.im[length - k] = -line.im[k]
          }
        }
        transform(line, attributes.inverse !== 0)
        for (let k = 0; k < kept; k++) {
          const to = ((o * kept + k) * inner + i) * outParts
          result[to] = line.re[k] * scale
          if (outParts === 2) result[to + 1] = line.im[k] * scale
        }
      }
    }
    return [floatTensor(y.dtype, y.shape, result)]
  },
  upgrades: [
    {
      below: 20,
      apply(node) {
        const axis = node.attributes.get('axis')
        node.attributes.delete('axis')
        const [x, length = ''] = node.inputs
        node.inputs = [x, length, node.constant(hostFrom('int64', [], [axis?.kind === 'int' ? Number(axis.value) : 1]))]
      },
    },
  ],
})

/** Signal [batch, length] or [batch, length, 1 or 2], frame step, window, frame length → [batch, frames, bins, 2]. */
export const STFT = defineOp({
  name: 'STFT',
  takes: isFloat,
  arity: [2, 4],
  attributes: { onesided: int(1) },
  infer(c) {
    const { frames, bins } = framesOf(c.attributes, c.inputs[0], c.inputs[2], c.value(1), c.value(3))
    return [{ dtype: c.inputs[0].dtype, shape: [c.inputs[0].shape[0], frames, bins, 2] }]
  },
  compute({ attributes, inputs: [x, stepTensor, window, lengthTensor], outputs: [y] }) {
    const { step, length, frames, bins } = framesOf(attributes, x, window, stepTensor, lengthTensor)
    const [batch, extent, parts = 1] = x.shape
    const values = floatsOf(x)
    const weights = window && floatsOf(window)
    const result = new Float64Array(sizeOf(y.shape))
    const line = { re: new Float64Array(length), im: new Float64Array(length) }
    for (let b = 0; b < batch; b++) {
      for (let f = 0; f < frames; f++) {
        for (let k = 0; k < length; k++) {
          const from = (b * extent + f * step + k) * parts
          const weight = weights ? weights[k] : 1
          line.re[k] = values[from] * weight
          line.im[k] = parts === 2 ? values[from + 1] * weight : 0
        }
        transform(line, false)
        for (let k = 0; k < bins; k++) {
          const to = ((b * frames + f) * bins + k) * 2
          result[to] = line.re[k]
          result[to + 1] = line.im[k]
        }
      }
    }
    return [floatTensor(y.dtype, y.shape, result)]
  },
})

function framesOf(
  { onesided }: { readonly onesided: number },
  x: TensorType,
  window: TensorType | undefined,
  stepTensor: HostTensor,
  lengthTensor: HostTensor | undefined,
) {
  const [, extent, parts = 1] = x.shape
  if (x.shape.length < 2 || x.shape.length > 3 || (parts !== 1 && parts !== 2))
    throw new LanewiseError(
      'E_SHAPE',
      `a signal must be [batch, length] or [batch, length, 1 or 2], got ${formatShape(x.shape)}`,
    )
  const step = lengthOf(stepTensor, 1, 'frame_step')
  const length = lengthOf(lengthTensor, window ? sizeOf(window.shape) : extent, 'frame_length')
  if (window && sizeOf(window.shape) !== length)
    throw new LanewiseError('E_SHAPE', `a window of ${sizeOf(window.shape)} does not fit frames of ${length}`)
  if (length > extent) throw new LanewiseError('E_SHAPE', `a frame of ${length} is longer than the signal of ${extent}`)
  if (onesided && parts === 2)
    throw new LanewiseError('E_VALUE', 'one side of the spectrum says all only for real input')
  return {
    step,
    length,
    frames: Math.floor((extent - length) / step) + 1,
    bins: onesided ? Math.floor(length / 2) + 1 : length,
  }
}

function outputType(code: number): DType {
  const dtype = dtypeFromOnnx(code)
  if (!dtype || dtype === 'string' || dtype === 'bool' || dtype.startsWith('complex'))
    throw new LanewiseError('E_VALUE', `output_datatype ${code} is not a numeric type`)
  return dtype
}

/** A window as a sum of cosines: Σ a[k]·cos(2πk·n/N), N one less than the size unless it is periodic. */
function cosineWindow(name: string, terms: readonly number[]) {
  return defineOp({
    name,
    arity: 1,
    attributes: { output_datatype: int(1), periodic: int(1) },
    infer(c) {
      const size = scalarOf(c.value(0), 'size')
      if (size < 0) throw new LanewiseError('E_VALUE', `size must not be negative, got ${size}`)
      return [{ dtype: outputType(c.attributes.output_datatype), shape: [size] }]
    },
    compute({ attributes, outputs: [{ dtype, shape }] }) {
      const [size] = shape
      // A window of one sample has no period.
      const period = Math.max(attributes.periodic ? size : size - 1, 1)
      const values = Float64Array.from({ length: size }, (_, n) =>
        terms.reduce((sum, a, k) => sum + a * cos((2 * Math.PI * k * n) / period), 0),
      )
      return [numericTensor(dtype, shape, isFloat(dtype) ? values : values.map(Math.trunc))]
    },
  })
}

export const HannWindow = cosineWindow('HannWindow', [0.5, -0.5])
export const HammingWindow = cosineWindow('HammingWindow', [25 / 46, -21 / 46])
export const BlackmanWindow = cosineWindow('BlackmanWindow', [0.42, -0.5, 0.08])

/**
 * Triangular filters on the mel scale: [spectrogram bins, mel bins]. Inputs: mel bins, DFT length, sample rate, lowest
 * and highest frequency.
 */
export const MelWeightMatrix = defineOp({
  name: 'MelWeightMatrix',
  arity: 5,
  attributes: { output_datatype: int(1) },
  infer(c) {
    const mels = scalarOf(c.value(0), 'num_mel_bins')
    const length = scalarOf(c.value(1), 'dft_length')
    if (mels < 0 || length < 0) throw new LanewiseError('E_VALUE', `${mels} mel bins for transforms of ${length}`)
    return [{ dtype: outputType(c.attributes.output_datatype), shape: [Math.floor(length / 2) + 1, mels] }]
  },
  compute({ inputs, outputs: [{ dtype, shape }] }) {
    const [, length, rate, lowest, highest] = inputs.map((input) => numbersOf(input)[0])
    const [bins, mels] = shape
    const mel = (frequency: number) => (2595 * log(1 + frequency / 700)) / Math.LN10
    const step = (mel(highest) - mel(lowest)) / (mels + 2)
    const edge = (i: number) => {
      const frequency = 700 * (exp(((mel(lowest) + i * step) / 2595) * Math.LN10) - 1)
      return Math.floor(((length + 1) * frequency) / rate)
    }
    const values = new Float64Array(bins * mels)
    for (let m = 0; m < mels; m++) {
      const [low, centre, high] = [edge(m), edge(m + 1), edge(m + 2)]
      if (!(low >= 0 && high <= bins))
        throw new LanewiseError('E_VALUE', `frequencies from ${lowest} to ${highest} do not fit a rate of ${rate}`)
      if (low === centre && centre < bins) values[centre * mels + m] = 1
      for (let j = low; j <= centre && low < centre; j++) values[j * mels + m] = (j - low) / (centre - low)
      for (let j = centre; j < high; j++) values[j * mels + m] = (high - j) / (high - centre)
    }
    return [numericTensor(dtype, shape, isFloat(dtype) ? values : values.map(Math.trunc))]
  },
})
