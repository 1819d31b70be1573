import { isFloat } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { numbersOf } from '../ops/shared/scalar-floats.js'
import { formatShape, sameShape } from '../core/shape.js'

/** How far two tensors are apart, and whether they agree as runs of one model should. */
export interface Difference {
  readonly agrees: boolean
  /** The largest |a − b|. */
  readonly largest: number
  /** The largest |reference|. */
  readonly scale: number
  /** Where they differ in a way that numbers do not show. */
  readonly reason?: string
}

/**
 * Floats agree if |a − b| ≤ 1e-4 · max|reference| + 1e-3 · |reference| for every element; 8-bit integers may be one
 * step apart, everything else has to be equal.
 */
export function differenceOf(actual: HostTensor | undefined, reference: HostTensor | undefined): Difference {
  if (!actual || !reference) return { agrees: actual === reference, largest: 0, scale: 0, reason: 'no tensors' }
  if (actual.dtype !== reference.dtype || !sameShape(actual.shape, reference.shape)) {
    const describe = ({ dtype, shape }: HostTensor) => `${dtype}${formatShape(shape)}`
    return {
      agrees: false,
      largest: Infinity,
      scale: 0,
      reason: `${describe(actual)} instead of ${describe(reference)}`,
    }
  }
  const { dtype } = actual
  if (dtype === 'string') {
    const at = (actual.data as string[]).findIndex((text, i) => text !== reference.data[i])
    return at < 0
      ? { agrees: true, largest: 0, scale: 0 }
      : { agrees: false, largest: Infinity, scale: 0, reason: `element ${at} is ${JSON.stringify(actual.data[at])}` }
  }
  if (dtype.startsWith('complex'))
    return { agrees: true, largest: 0, scale: 0, reason: 'complex numbers are not compared' }
  const a = numbersOf(actual)
  const b = numbersOf(reference)
  let scale = 0
  for (let i = 0; i < b.length; i++) if (Number.isFinite(b[i])) scale = Math.max(scale, Math.abs(b[i]))
  const steps = dtype === 'int8' || dtype === 'uint8' ? 1 : 0
  let largest = 0
  let agrees = true
  for (let i = 0; i < b.length; i++) {
    if (a[i] === b[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i]))) continue
    const apart = Math.abs(a[i] - b[i])
    const allowed = isFloat(dtype) ? 1e-4 * scale + 1e-3 * Math.abs(b[i]) : steps
    largest = Math.max(largest, Number.isNaN(apart) ? Infinity : apart)
    if (!(apart <= allowed)) agrees = false
  }
  return { agrees, largest, scale }
}
