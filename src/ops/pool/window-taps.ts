import type { Shape } from '../../core/shape.js'
import type { Window } from './window.js'

/** Places of a window's elements that fall on the input: number within the kernel, and within the spatial axes. */
export interface Taps {
  readonly kernel: Int32Array
  readonly input: Int32Array
  /** How many there are: the arrays are longer. */
  count: number
}

/** Calls back with every output position and its taps; the taps are overwritten by the next position's. */
export function eachWindow(
  window: Window,
  input: Shape,
  visit: (output: number, taps: Taps, at: readonly number[]) => void,
): void {
  const { kernel, strides, dilations, begin, output } = window
  const rank = input.length
  const elements = kernel.reduce((a, b) => a * b, 1)
  const count = output.reduce((a, b) => a * b, 1)
  const taps: Taps = { kernel: new Int32Array(elements), input: new Int32Array(elements), count: 0 }
  const at = new Array<number>(rank).fill(0)
  const k = new Array<number>(rank).fill(0)
  for (let o = 0; o < count; o++) {
    taps.count = 0
    k.fill(0)
    for (let element = 0; element < elements; element++) {
      let place = 0
      let inside = true
      for (let axis = 0; axis < rank; axis++) {
        const p = at[axis] * strides[axis] - begin[axis] + k[axis] * dilations[axis]
        if (p < 0 || p >= input[axis]) inside = false
        place = place * input[axis] + p
      }
      if (inside) {
        taps.kernel[taps.count] = element
        taps.input[taps.count++] = place
      }
      advance(k, kernel)
    }
    visit(o, taps, at)
    advance(at, output)
  }
}

/** The next index in row-major order. */
export function advance(index: number[], shape: Shape): void {
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (++index[axis] < shape[axis]) return
    index[axis] = 0
  }
}
