import { isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { formatShape } from '../../core/shape.js'
import { readWav, resample } from '../../data/formats/wav.js'
import { numericTensor } from '../../ops/shared/scalar-floats.js'
import { readBytes } from '../../platform/node-files.js'
import { numberFlag, type Flag, type Flags } from '../command.js'

export const audioFlags: Readonly<Record<string, Flag>> = {
  rate: {
    type: 'string',
    value: 'HZ',
    help: 'resample .wav files to so many samples per second (default: as they are)',
  },
}

/**
 * A .wav file as an input of a model: samples −1 … 1 for floats, 16-bit numbers for integers. Where the model takes one
 * channel it gets the mean of all; where it takes so many samples, silence is added or the rest left out.
 *
 * @param declared - the input's shape; a string is a size that is free.
 * @throws LanewiseError `E_TENSOR` if the input takes no sound, what {@link readWav} throws.
 */
export async function audioTensor(
  path: string,
  input: string,
  dtype: DType,
  declared: readonly (number | string)[],
  flags: Flags,
): Promise<HostTensor> {
  const wanted = numberFlag(flags, 'rate', { least: 1 })
  const { rate, channels: given } = readWav(await readBytes(path), path)
  const { time, channel } = axesOf(input, declared, given.length)
  const count = channel === undefined ? 1 : fixed(declared[channel], given.length)
  if (count !== 1 && count !== given.length)
    throw new LanewiseError('E_TENSOR', `${path} has ${given.length} channels, the input "${input}" takes ${count}`, {
      tensor: input,
      expected: String(count),
      actual: String(given.length),
    })
  const mixed = count === 1 ? [mean(given)] : given
  const channels = mixed.map((samples) => resample(samples, rate, wanted ?? rate))
  const length = fixed(declared[time], channels[0].length)
  const values = new Float32Array(count * length)
  const [channelStep, timeStep] = channel !== undefined && channel > time ? [1, count] : [length, 1]
  channels.forEach((samples, c) => {
    for (let i = 0; i < Math.min(length, samples.length); i++) values[c * channelStep + i * timeStep] = samples[i]
  })
  const shape = declared.map((_, axis) => (axis === time ? length : axis === channel ? count : 1))
  return numericTensor(dtype, shape, isFloat(dtype) ? values : values.map(toInt16))
}

function toInt16(sample: number): number {
  return Math.max(-32768, Math.min(32767, Math.round(sample * 32768)))
}

function fixed(axis: number | string, otherwise: number): number {
  return typeof axis === 'number' ? axis : otherwise
}

function mean(channels: readonly Float32Array<ArrayBuffer>[]): Float32Array<ArrayBuffer> {
  if (channels.length === 1) return channels[0]
  return channels[0].map((_, i) => channels.reduce((sum, samples) => sum + samples[i], 0) / channels.length)
}

/**
 * Which axis of [time], [batch, time], [channels, time], [batch, channels, time] or [batch, time, channels] is which.
 */
function axesOf(
  input: string,
  declared: readonly (number | string)[],
  channels: number,
): { readonly time: number; readonly channel: number | undefined } {
  const rank = declared.length
  const isCount = (axis: number | string) => axis === 1 || axis === channels
  if (rank === 1) return { time: 0, channel: undefined }
  if (rank === 2 && declared[0] === channels && channels > 1) return { time: 1, channel: 0 }
  if (rank === 2 && (typeof declared[0] === 'string' || declared[0] === 1)) return { time: 1, channel: undefined }
  if (rank === 3 && (typeof declared[0] === 'string' || declared[0] === 1))
    return isCount(declared[2]) && !isCount(declared[1]) ? { time: 1, channel: 2 } : { time: 2, channel: 1 }
  throw new LanewiseError('E_TENSOR', `the input "${input}" of shape ${formatShape(declared)} takes no sound`, {
    tensor: input,
    expected: '[time], [1,time], [1,channels,time] or [1,time,channels]',
    actual: formatShape(declared),
  })
}
