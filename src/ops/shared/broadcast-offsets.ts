import { stridesOf, type Shape } from '../../core/shape.js'

/** For every element of `to` in row-major order, the number of the element of `shape` that broadcasting puts there. */
export function broadcastOffsets(shape: Shape, to: Shape): number[] {
  const lead = to.length - shape.length
  const strides = stridesOf(shape)
  let offsets = [0]
  to.forEach((size, axis) => {
    const own = axis - lead
    const stride = own < 0 || shape[own] === 1 ? 0 : strides[own]
    const next = new Array<number>(offsets.length * size)
    for (let i = 0; i < offsets.length; i++) for (let j = 0; j < size; j++) next[i * size + j] = offsets[i] + j * stride
    offsets = next
  })
  return offsets
}
