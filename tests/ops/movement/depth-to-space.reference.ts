import type { Reference } from '../case.js'
import { at, filled } from '../reference-tensor.js'

/** y[n, c, h·b + i, w·b + j] = x[n, (i·b + j)·C + c, h, w], or with channel c·b² + i·b + j. */
export const depthToSpace: Reference = ([x], { blocksize, mode = 'DCR' }) => {
  const b = blocksize as number
  const [n, depth, h, w] = x.shape
  const channels = depth / (b * b)
  return [
    filled([n, channels, h * b, w * b], ([batch, c, row, col]) => {
      const place = (row % b) * b + (col % b)
      const channel = mode === 'DCR' ? place * channels + c : c * b * b + place
      return at(x, [batch, channel, Math.floor(row / b), Math.floor(col / b)])
    }),
  ]
}

export const spaceToDepth: Reference = ([x], { blocksize, mode = 'DCR' }) => {
  const b = blocksize as number
  const [n, channels, h, w] = x.shape
  return [
    filled([n, channels * b * b, h / b, w / b], ([batch, channel, row, col]) => {
      const [c, place] =
        mode === 'DCR'
          ? [channel % channels, Math.floor(channel / channels)]
          : [Math.floor(channel / (b * b)), channel % (b * b)]
      return at(x, [batch, c, row * b + Math.floor(place / b), col * b + (place % b)])
    }),
  ]
}
