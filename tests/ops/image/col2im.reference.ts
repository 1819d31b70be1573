import type { Plain, Reference } from '../case.js'

/** One spatial axis: every column adds its elements to the places its window covers. */
export const col2im: Reference = ([x, image, block], attributes) => {
  const [length] = image.data
  const [taps] = block.data
  const [batch, rows, columns] = x.shape
  const [begin] = (attributes.pads as number[] | undefined) ?? [0]
  const [stride] = (attributes.strides as number[] | undefined) ?? [1]
  const [dilation] = (attributes.dilations as number[] | undefined) ?? [1]
  const channels = rows / taps
  const data = new Array<number>(batch * channels * length).fill(0)
  for (let row = 0; row < batch * rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = column * stride + (row % taps) * dilation - begin
      if (at >= 0 && at < length) data[Math.floor(row / taps) * length + at] += x.data[row * columns + column]
    }
  }
  return [{ shape: [batch, channels, length], data }] satisfies Plain[]
}
