import { LanewiseError } from '../errors.js'
import { formatShape, type Shape } from '../shape.js'

/** How a window moves over the spatial axes: one entry per axis. */
export interface Windows {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly padsBegin: readonly number[]
  readonly padsEnd: readonly number[]
  readonly output: readonly number[]
}

export interface WindowAttributes {
  readonly auto_pad: string
  readonly strides?: readonly number[]
  readonly dilations?: readonly number[]
  readonly pads?: readonly number[]
}

/**
 * The windows that a convolution's or pooling's attributes describe over an input of these spatial sizes.
 *
 * @throws LanewiseError `E_VALUE` for attributes of the wrong length or sign, `E_SHAPE` if no window fits.
 */
export function windowsOf(attributes: WindowAttributes, input: Shape, kernel: readonly number[], ceil = false): Windows {
  const rank = input.length
  const strides = perAxis(attributes.strides, rank, 1, 1, 'strides')
  const dilations = perAxis(attributes.dilations, rank, 1, 1, 'dilations')
  const pads = perAxis(attributes.pads, 2 * rank, 0, 0, 'pads')
  perAxis(kernel, rank, 1, 1, 'kernel')
  const padsBegin: number[] = []
  const padsEnd: number[] = []
  const output: number[] = []
  const { auto_pad: auto } = attributes
  for (let i = 0; i < rank; i++) {
    const reach = (kernel[i] - 1) * dilations[i] + 1
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const size = Math.ceil(input[i] / strides[i])
      const total = Math.max((size - 1) * strides[i] + reach - input[i], 0)
      const less = Math.floor(total / 2)
      padsBegin.push(auto === 'SAME_UPPER' ? less : total - less)
      padsEnd.push(auto === 'SAME_UPPER' ? total - less : less)
      output.push(size)
      continue
    }
    if (auto !== 'NOTSET' && auto !== 'VALID') throw new LanewiseError('E_VALUE', `auto_pad "${auto}" is not known`)
    padsBegin.push(auto === 'VALID' ? 0 : pads[i])
    padsEnd.push(auto === 'VALID' ? 0 : pads[rank + i])
    const room = input[i] + padsBegin[i] + padsEnd[i] - reach
    if (room < 0) throw new LanewiseError('E_SHAPE', `a window of ${reach} does not fit axis ${i} of ${formatShape(input)} with its padding`)
    let size = (ceil ? Math.ceil(room / strides[i]) : Math.floor(room / strides[i])) + 1
    // A window that would begin in the padding at the end is left out.
    if (ceil && (size - 1) * strides[i] >= input[i] + padsBegin[i]) size--
    output.push(size)
  }
  return { kernel, strides, dilations, padsBegin, padsEnd, output }
}

function perAxis(given: readonly number[] | undefined, count: number, fallback: number, least: number, what: string): readonly number[] {
  const values = given ?? new Array<number>(count).fill(fallback)
  if (values.length !== count) throw new LanewiseError('E_VALUE', `${what} ${formatShape(values)} should have ${count} entries`)
  const bad = values.find((value) => !(value >= least && value < 2 ** 31))
  if (bad !== undefined) throw new LanewiseError('E_VALUE', `${what} ${formatShape(values)} must be at least ${least}`)
  return values
}

/** Places of a window's elements that fall on the input: number within the kernel, and within the spatial axes. */
export interface Taps {
  readonly kernel: Int32Array
  readonly input: Int32Array
  /** How many there are: the arrays are longer. */
  count: number
}

/** Calls back with every output position and its taps; the taps are overwritten by the next position's. */
export function eachWindow(windows: Windows, input: Shape, visit: (output: number, taps: Taps, at: readonly number[]) => void): void {
  const { kernel, strides, dilations, padsBegin, output } = windows
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
        const p = at[axis] * strides[axis] - padsBegin[axis] + k[axis] * dilations[axis]
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
