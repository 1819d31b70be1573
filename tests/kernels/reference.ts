import { relative as relativePath } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { commandFor, describeFailure, describePlace, type Place, type Wrong } from '../support/failure.js'

/** A seeded generator (mulberry32) of numbers in [-1, 1). */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2147483648 - 1
  }
}

export function randomF32(length: number, seed: number): Float32Array {
  const next = random(seed)
  return Float32Array.from({ length }, next)
}

/**
 * Fails unless |a − b| − relative·|b| is below `allowed` for all elements, or 0 where nothing is allowed; NaN and
 * infinities must be where they are in `expected`. The message says which element is worst by its coordinates, how many
 * are wrong, and how to run the test again.
 *
 * @param allowed - of all elements, or of each.
 * @param shape - of both, for the coordinates.
 */
export function expectNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
  allowed: number | ((index: number) => number),
  shape: readonly number[] = [expected.length],
): void {
  const place = placeOf()
  expect(actual.length, describePlace(place)).toBe(expected.length)
  const wrong: Wrong[] = []
  for (let i = 0; i < expected.length; i++) {
    const [got, wanted] = [actual[i], expected[i]]
    if (Object.is(got, wanted) || got === wanted) continue
    const excess = Math.abs(got - wanted) - relative * Math.abs(wanted)
    // Written so that a NaN on one side alone counts.
    if (excess < (typeof allowed === 'number' ? allowed : allowed(i)) || excess <= 0) continue
    wrong.push({ index: i, got, expected: wanted, excess: Number.isNaN(excess) ? Infinity : excess })
  }
  if (wrong.length > 0) expect.fail(describeFailure(place, shape, wrong))
}

/**
 * Fails unless all elements are the same, -0 and 0 told apart; says where they are not. `part`: which of several
 * comparisons of a test it is.
 */
export function expectSame(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
  shape: readonly number[] = [expected.length],
  part?: string,
): void {
  const place = placeOf(part)
  expect(actual.length, describePlace(place)).toBe(expected.length)
  const wrong: Wrong[] = []
  for (let i = 0; i < expected.length; i++)
    if (!Object.is(actual[i], expected[i]))
      wrong.push({ index: i, got: textOf(actual[i]), expected: textOf(expected[i]), excess: Infinity })
  if (wrong.length > 0) expect.fail(describeFailure(place, shape, wrong))
}

/** A number with the sign of its zero. */
const textOf = (value: number | bigint): string => (Object.is(value, -0) ? '-0' : String(value))

/** Fails unless what lies between rows of `channels` values, `pitch` apart, is the same number everywhere. */
export function expectGaps(values: ArrayLike<number>, channels: number, pitch: number, gap: number): void {
  const found = Array.from({ length: values.length }, (_, i) => (i % pitch < channels ? gap : values[i]))
  expectSame(found, new Array<number>(found.length).fill(gap), [found.length / pitch, pitch], 'between the rows')
}

/** The test that is running, and the command that runs it again. */
function placeOf(part?: string): Place {
  const { currentTestName: name = '', testPath = '' } = expect.getState()
  const command = commandFor(pathFromRoot(testPath), name.replaceAll(' > ', ' '))
  return { what: part === undefined ? name : `${name}: ${part}`, command }
}

const pathFromRoot = (path: string): string => relativePath(fileURLToPath(new URL('../..', import.meta.url)), path)

/**
 * Fails unless ‖actual − expected‖ / ‖expected‖ is below `most`; says by how much, and which elements are furthest off.
 */
export function expectRelativeL2(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  shape: readonly number[],
  most: number,
): void {
  const place = placeOf()
  expect(actual.length, describePlace(place)).toBe(expected.length)
  let [error, norm] = [0, 0]
  const wrong: Wrong[] = []
  for (let i = 0; i < expected.length; i++) {
    const [got, wanted] = [actual[i], expected[i]]
    const off = Math.abs(got - wanted)
    error += off ** 2
    norm += wanted ** 2
    wrong.push({ index: i, got, expected: wanted, excess: Number.isNaN(off) ? Infinity : off })
  }
  const relative = Math.sqrt(error / norm)
  // Written so that a NaN fails.
  if (relative < most) return
  // Elements that make up most of the error: those above its mean.
  const mean = Math.sqrt(error / expected.length)
  const worst = wrong.filter(({ excess }) => !(excess < mean))
  const described = { ...place, what: `${place.what}: relative L2 error ${relative.toPrecision(3)}, allowed ${most}` }
  expect.fail(describeFailure(described, shape, worst))
}

export interface ConvShape {
  n: number
  height: number
  width: number
  channels: number
  filters: number
  groups: number
  kernel: [number, number]
  strides: [number, number]
  dilations: [number, number]
  /** top, left, bottom, right */
  pads: [number, number, number, number]
}

export function convOutput(s: ConvShape): [number, number] {
  const size = (axis: 0 | 1) => {
    const input = axis === 0 ? s.height : s.width
    const padded = input + s.pads[axis] + s.pads[axis + 2]
    return Math.floor((padded - (s.kernel[axis] - 1) * s.dilations[axis] - 1) / s.strides[axis]) + 1
  }
  return [size(0), size(1)]
}

/** Convolution in float64: x and y channels-last, w in ONNX order [filters, channels / groups, kh, kw]. */
export function conv(s: ConvShape, x: ArrayLike<number>, w: ArrayLike<number>, bias?: ArrayLike<number>): Float64Array {
  const [oh, ow] = convOutput(s)
  const [kh, kw] = s.kernel
  const depth = s.channels / s.groups
  const perGroup = s.filters / s.groups
  const y = new Float64Array(s.n * oh * ow * s.filters)
  let at = 0
  for (let n = 0; n < s.n; n++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        for (let f = 0; f < s.filters; f++) {
          const first = Math.floor(f / perGroup) * depth
          let sum = bias ? bias[f] : 0
          for (let ky = 0; ky < kh; ky++) {
            const row = i * s.strides[0] - s.pads[0] + ky * s.dilations[0]
            if (row < 0 || row >= s.height) continue
            for (let kx = 0; kx < kw; kx++) {
              const column = j * s.strides[1] - s.pads[1] + kx * s.dilations[1]
              if (column < 0 || column >= s.width) continue
              const pixel = ((n * s.height + row) * s.width + column) * s.channels + first
              for (let c = 0; c < depth; c++) sum += x[pixel + c] * w[((f * depth + c) * kh + ky) * kw + kx]
            }
          }
          y[at++] = sum
        }
      }
    }
  }
  return y
}

/** Rows of `channels` values spread to `pitch`, the gaps filled with `gap`. */
export function withPitch(values: ArrayLike<number>, channels: number, pitch: number, gap: number): Float32Array {
  const pixels = values.length / channels
  const out = new Float32Array(pixels * pitch).fill(gap)
  for (let i = 0; i < pixels; i++) for (let c = 0; c < channels; c++) out[i * pitch + c] = values[i * channels + c]
  return out
}

export function withoutPitch(values: ArrayLike<number>, channels: number, pitch: number): Float32Array {
  const pixels = Math.floor(values.length / pitch)
  const out = new Float32Array(pixels * channels)
  for (let i = 0; i < pixels; i++) for (let c = 0; c < channels; c++) out[i * channels + c] = values[i * pitch + c]
  return out
}
