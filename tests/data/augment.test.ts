import { describe, expect, test } from 'vitest'
import { augment, distort, flip, noise, shift } from '../../src/data/augment.js'
import { drawDigit } from '../../src/data/digits.js'
import { Random } from '../../src/core/random.js'
import { Tensor } from '../../src/api/tensor.js'
import { expectError } from '../support/expect-error.js'

const image = (rows: readonly (readonly number[])[]) =>
  new Tensor('float32', rows.flat(), [1, rows.length, rows[0].length])
const digit = new Tensor('float32', drawDigit(5, 28, new Random(1)), [1, 28, 28])

/** A generator whose numbers in [0, 1) are given. */
function fixed(...numbers: number[]): Random {
  const random = new Random(0)
  random.uniform = () => numbers.shift()!
  return random
}

const massOf = (tensor: Tensor) => (tensor.data as Float32Array).reduce((a, b) => a + b, 0)

/** Centre of mass. */
function centreOf(tensor: Tensor): [number, number] {
  let [x, y] = [0, 0]
  ;(tensor.data as Float32Array).forEach((ink, i) => {
    x += ink * (i % 28)
    y += ink * Math.floor(i / 28)
  })
  return [x / massOf(tensor), y / massOf(tensor)]
}

describe('augmentations', () => {
  test('shift moves by whole pixels', () => {
    const moved = shift(1, 9)(
      image([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      fixed(0.99, 0.99),
    )
    expect(Array.from(moved.data as Float32Array)).toEqual([9, 9, 9, 9, 1, 2])
    const back = shift(1)(
      image([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      fixed(0, 0.5),
    )
    expect(Array.from(back.data as Float32Array)).toEqual([2, 3, 0, 5, 6, 0])
  })

  test('flip mirrors each channel, or leaves it', () => {
    const two = new Tensor('float32', [1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])
    expect(Array.from(flip()(two, fixed(0.4)).data as Float32Array)).toEqual([2, 1, 4, 3, 6, 5, 8, 7])
    expect(Array.from(flip(0.5, true)(two, fixed(0.4)).data as Float32Array)).toEqual([3, 4, 1, 2, 7, 8, 5, 6])
    expect(flip()(two, fixed(0.6))).toBe(two)
  })

  test('noise stays within its bounds', () => {
    const values = noise(0.5)(digit, new Random(3)).data as Float32Array
    expect(Math.min(...values)).toBe(0)
    expect(Math.max(...values)).toBe(1)
    const wide = noise(
      0.5,
      -Infinity,
      Infinity,
    )(new Tensor('float32', new Float32Array(10_000), [1, 100, 100]), new Random(3)).data as Float32Array
    expect(Math.sqrt(wide.reduce((sum, x) => sum + x * x, 0) / 10_000)).toBeCloseTo(0.5, 1)
  })

  test('a distortion by nothing changes nothing', () => {
    expect(distort({})(digit, new Random(1)).data).toEqual(digit.data)
  })

  test('a quarter turn', () => {
    // uniform 1 is the far end of the range: +90 degrees, clockwise with y downwards.
    const turned = distort({ rotate: 90 })(
      image([
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ]),
      fixed(1),
    ).data as Float32Array
    ;[7, 4, 1, 8, 5, 2, 9, 6, 3].forEach((value, i) => expect(turned[i]).toBeCloseTo(value, 5))
  })

  test('half a pixel lies between two', () => {
    const moved = distort({ shift: 0.5 })(image([[0, 4, 8]]), fixed(1, 0.5)).data as Float32Array
    expect(Array.from(moved)).toEqual([0, 2, 6])
  })

  test('zoom changes the area, shear keeps it', () => {
    const grown = distort({ zoom: 0.2 })(digit, fixed(1, 1))
    expect(massOf(grown) / massOf(digit)).toBeCloseTo(1.44, 1)
    const sheared = distort({ shear: 0.2 })(digit, fixed(1))
    expect(massOf(sheared) / massOf(digit)).toBeCloseTo(1, 1)
    expect(sheared.data).not.toEqual(digit.data)
  })

  test('an elastic one moves pixels by no more than it says, and smoothly', () => {
    // All points of the grid moved alike: a spline's weights add up to 1, so everything moves by just that.
    const all = new Random(0)
    all.uniform = () => 1
    const moved = distort({ elastic: 2 })(digit, all)
    const [before, after] = [centreOf(digit), centreOf(moved)]
    expect(before[0] - after[0]).toBeCloseTo(2, 5)
    expect(before[1] - after[1]).toBeCloseTo(2, 5)
    // A ramp shows how far each pixel was moved.
    const ramp = new Tensor(
      'float32',
      Float32Array.from({ length: 784 }, (_, i) => 100 + (i % 28)),
      [1, 28, 28],
    )
    const bent = distort({ elastic: 1.5, fill: NaN })(ramp, new Random(2)).data as Float32Array
    const moves = Array.from(bent, (x, i) => x - 100 - (i % 28)).filter((x) => !Number.isNaN(x))
    expect(moves.length).toBeGreaterThan(600)
    expect(Math.max(...moves.map(Math.abs))).toBeLessThanOrEqual(1.5)
    expect(Math.max(...moves) - Math.min(...moves)).toBeGreaterThan(0.5)
  })

  test('one seed, one result; the label stays', () => {
    const change = augment('image', distort({ rotate: 15, shift: 2, zoom: 0.1, shear: 0.1, elastic: 1 }), noise(0.05))
    const example = { image: digit, label: new Tensor('int32', [5], []) }
    const once = change(example, Random.at(1, 2, 3))
    expect(change(example, Random.at(1, 2, 3))).toEqual(once)
    expect(change(example, Random.at(1, 2, 4)).image.data).not.toEqual(once.image.data)
    expect(once.label).toBe(example.label)
    expect(massOf(once.image) / massOf(digit)).toBeGreaterThan(0.5)
  })

  test('anything but a picture is refused', () => {
    for (const wrong of [
      new Tensor('float32', new Float32Array(4), [2, 2]),
      new Tensor('uint8', new Uint8Array(4), [1, 2, 2]),
    ]) {
      for (const change of [distort({}), shift(1), flip(1), noise(1)])
        expectError('E_SHAPE', () => change(wrong, new Random(1)))
    }
    expectError('E_VALUE', () => distort({ zoom: 1 }))
    expectError('E_VALUE', () => distort({ grid: 0 }))
    expectError('E_VALUE', () => augment('picture', flip())({ image: digit }, new Random(1)))
  })
})
