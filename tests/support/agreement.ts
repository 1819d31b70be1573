import { isFloat, type DType } from '../../src/core/dtype.js'
import { isHostTensor, type HostTensor, type HostValue } from '../../src/core/host.js'
import { formatShape } from '../../src/core/shape.js'
import { decodeSmallFloat, isSmallFloat } from './small-floats.js'

/**
 * How far a floating-point element may be from its reference: `absolute + relative · |reference|`. Integers within
 * `integer`.
 */
export interface Tolerance {
  /** Of the largest finite magnitude in the reference. */
  readonly ofLargest?: number
  readonly absolute?: number
  readonly relative?: number
  readonly integer?: number
}

/**
 * ONNX's own: backend test runner (onnx/backend/test/runner), `rtol = 1e-3, atol = 1e-7`; everything but floats exact.
 */
export const onnxTolerance: Tolerance = { absolute: 1e-7, relative: 1e-3 }

/**
 * Agreement of a whole model with a reference run (docs/performance.md): integers and quantised outputs within one
 * step.
 */
export const modelTolerance: Tolerance = { ofLargest: 1e-4, relative: 1e-3, integer: 1 }

export interface Difference {
  /** The largest |a − b|, over the elements that are numbers in both. */
  readonly largest: number
  /** The same over what the tolerance allows: above 1 is a disagreement. */
  readonly excess: number
  /** The element of the largest excess, in row-major order, and how many are over the tolerance. */
  readonly worst?: { readonly index: number; readonly got: number; readonly expected: number; readonly wrong: number }
}

/** How many tolerances two values are apart, or what is wrong altogether. */
export type Comparison = Difference | { readonly mismatch: string }

/** True if two values agree. */
export function agrees(comparison: Comparison): boolean {
  return !('mismatch' in comparison) && comparison.excess <= 1
}

/**
 * True if the first of two values is nearer to a third by both its largest differences: the two comparisons are with
 * that. Quantised models are where it matters: fusing moves a sum across a rounding boundary, and the next layer
 * multiplies the step.
 */
export function nearer(a: Comparison, b: Comparison): boolean {
  return !('mismatch' in a) && !('mismatch' in b) && a.largest <= b.largest && a.excess <= b.excess
}

/** A comparison in words. */
export function describeComparison(comparison: Comparison): string {
  if ('mismatch' in comparison) return comparison.mismatch
  const { largest, excess, worst } = comparison
  const where = worst && `, element ${worst.index} is ${worst.got} instead of ${worst.expected}, ${worst.wrong} over it`
  return `largest difference ${largest.toPrecision(3)}, ${excess.toPrecision(3)} of the tolerance${where ?? ''}`
}

/** Compares a value with its reference; types and shapes always exactly. */
export function compareValues(actual: HostValue | undefined, expected: HostValue, tolerance: Tolerance): Comparison {
  if (!actual) return { mismatch: 'there is no such output' }
  if (isHostTensor(expected)) {
    return isHostTensor(actual)
      ? compareTensors(actual, expected, tolerance)
      : { mismatch: `a ${actual.kind} instead of a tensor` }
  }
  if (expected.kind === 'optional') {
    // A session hands out the value itself, and null for an empty optional.
    const given = 'kind' in actual && actual.kind === 'optional' ? actual.value : actual
    if (!given || !expected.value) return given || expected.value ? { mismatch: 'one optional is empty' } : same
    return compareValues(given, expected.value, tolerance)
  }
  if (isHostTensor(actual) || actual.kind !== expected.kind) {
    return { mismatch: `a ${isHostTensor(actual) ? 'tensor' : actual.kind} instead of a ${expected.kind}` }
  }
  if (expected.kind === 'sequence' && actual.kind === 'sequence') {
    if (actual.items.length !== expected.items.length)
      return { mismatch: `${actual.items.length} items instead of ${expected.items.length}` }
    return worstOf(expected.items.map((item, i) => compareValues(actual.items[i], item, tolerance)))
  }
  if (expected.kind === 'map' && actual.kind === 'map') {
    if (actual.entries.size !== expected.entries.size)
      return { mismatch: `${actual.entries.size} keys instead of ${expected.entries.size}` }
    return worstOf(
      [...expected.entries].map(([key, value]) =>
        compareElements('float64', [actual.entries.get(key)], [value], tolerance),
      ),
    )
  }
  return { mismatch: 'not comparable' }
}

const same: Difference = { largest: 0, excess: 0 }

function worstOf(comparisons: readonly Comparison[]): Comparison {
  let worst: Comparison = same
  for (const comparison of comparisons) {
    if ('mismatch' in comparison) return comparison
    if (!('mismatch' in worst) && comparison.excess > worst.excess) worst = comparison
  }
  return worst
}

export function compareTensors(actual: HostTensor, expected: HostTensor, tolerance: Tolerance): Comparison {
  if (actual.dtype !== expected.dtype) return { mismatch: `${actual.dtype} instead of ${expected.dtype}` }
  const shape = formatShape(actual.shape)
  if (shape !== formatShape(expected.shape))
    return { mismatch: `shape ${shape} instead of ${formatShape(expected.shape)}` }
  if (actual.data.length !== expected.data.length)
    return { mismatch: `${actual.data.length} elements instead of ${expected.data.length}` }
  return compareElements(expected.dtype, actual.data, expected.data, tolerance)
}

type Elements = ArrayLike<number | bigint | string | undefined>

function compareElements(dtype: DType, actual: Elements, expected: Elements, tolerance: Tolerance): Comparison {
  const floating = isFloat(dtype) || dtype.startsWith('complex')
  const small = isSmallFloat(dtype)
  const numbers = (data: Elements, i: number): number =>
    small ? decodeSmallFloat(dtype, data[i] as number) : Number(data[i])
  const relative = floating ? (tolerance.relative ?? 0) : 0
  let allowed = floating ? (tolerance.absolute ?? 0) : (tolerance.integer ?? 0)
  if (floating && tolerance.ofLargest) {
    let largest = 0
    for (let i = 0; i < expected.length; i++) {
      const magnitude = Math.abs(numbers(expected, i))
      if (magnitude < Infinity && magnitude > largest) largest = magnitude
    }
    allowed += tolerance.ofLargest * largest
  }
  let largest = 0
  let excess = 0
  let wrong = 0
  let worst: { index: number; got: number; expected: number } | undefined
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i]
    const b = expected[i]
    if (a === b) continue
    if (typeof b === 'string' || typeof b === 'bigint' || dtype === 'bool') {
      // 64-bit integers are subtracted as such: as numbers, neighbours beyond 2^53 would be equal.
      const step = typeof a === 'bigint' && typeof b === 'bigint' ? Number(a > b ? a - b : b - a) : Infinity
      if (step > allowed)
        return { mismatch: `element ${i} is ${JSON.stringify(String(a))} instead of ${JSON.stringify(String(b))}` }
      largest = Math.max(largest, step)
      excess = Math.max(excess, step / allowed)
      continue
    }
    const x = numbers(actual, i)
    const y = numbers(expected, i)
    if (x === y || (x !== x && y !== y)) continue
    const difference = Math.abs(x - y)
    const ratio = difference / (allowed + relative * Math.abs(y))
    // Written so that a NaN on one side alone counts.
    if (!(difference < Infinity)) return { mismatch: `element ${i} is ${x} instead of ${y}` }
    if (difference > largest) largest = difference
    if (ratio > 1) wrong++
    if (ratio > excess) {
      excess = ratio
      worst = { index: i, got: x, expected: y }
    }
  }
  return { largest, excess, worst: worst && { ...worst, wrong } }
}
