import type { ImageOptions } from '../../data/image-tensor.js'
import { choiceFlag, numberFlag, numbersFlag, textFlag, UsageError, type Flag, type Flags } from '../command.js'

export const imageFlags: Readonly<Record<string, Flag>> = {
  size: { type: 'string', value: 'WxH', help: 'resize pictures to this size, where the model leaves it open' },
  crop: { type: 'boolean', help: 'keep the proportions of a picture and cut the rest, instead of stretching it' },
  scale: { type: 'string', value: 'X', help: 'multiply pixel values 0…255 with X (default 1/255 for float inputs)' },
  mean: { type: 'string', value: 'A,B,C', help: 'then subtract this from the channels' },
  std: { type: 'string', value: 'A,B,C', help: 'then divide the channels by this' },
  bgr: { type: 'boolean', help: 'channels in the order blue, green, red' },
  layout: { type: 'string', value: 'nchw|nhwc', help: 'where the channels stand, if the shape does not tell' },
}

export function imageOptions(flags: Flags): ImageOptions {
  const size = textFlag(flags, 'size')
  const match = size === undefined ? undefined : /^(\d+)x(\d+)$/i.exec(size)
  if (match === null) throw new UsageError(`--size must look like 224x224, got "${size}"`)
  // A fraction is easier to read than 0.00392156862745098.
  const fraction = /^([\d.]+)\/([\d.]+)$/.exec(textFlag(flags, 'scale') ?? '')
  return {
    size: match && { width: Number(match[1]), height: Number(match[2]) },
    crop: flags.crop === true,
    scale: fraction ? Number(fraction[1]) / Number(fraction[2]) : numberFlag(flags, 'scale'),
    mean: numbersFlag(flags, 'mean') ?? [0],
    std: numbersFlag(flags, 'std') ?? [1],
    bgr: flags.bgr === true,
    layout: choiceFlag(flags, 'layout', ['nchw', 'nhwc']),
  }
}
