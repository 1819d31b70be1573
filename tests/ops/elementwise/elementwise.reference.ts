import type { Plain, Reference } from '../case.js'
import { broadcastShapes } from '../../../src/core/shape.js'
import { indices } from '../movement/transpose.reference.js'

/** y = f(x) for every element. */
export function unary(f: (x: number, attributes: Readonly<Record<string, number>>) => number): Reference {
  return ([x], attributes) => [
    { shape: x.shape, data: x.data.map((value) => f(value, attributes as Record<string, number>)) },
  ]
}

/** y = f(operands…), broadcast. */
export function broadcast(f: (...values: number[]) => number): Reference {
  return (inputs) => {
    const shape = broadcastShapes(...inputs.map((input) => input.shape))
    const data = indices(shape).map((index) => f(...inputs.map((input) => at(input, index))))
    return [{ shape, data }]
  }
}

function at(x: Plain, index: readonly number[]): number {
  const lead = index.length - x.shape.length
  return x.data[x.shape.reduce((offset, size, axis) => offset * size + (size === 1 ? 0 : index[axis + lead]), 0)]
}

/**
 * erf by its Maclaurin series below 3, by the continued fraction of erfc above (Abramowitz and Stegun 7.1.6, 7.1.14).
 */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (Number.isNaN(x)) return NaN
  if (a > 6) return Math.sign(x)
  if (a < 3) {
    let term = x
    let sum = x
    for (let n = 1; n < 150; n++) sum += term *= (2 * x * x) / (2 * n + 1)
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
  }
  let fraction = 0
  for (let k = 80; k > 0; k--) fraction = k / 2 / (a + fraction)
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (a + fraction)))
}
