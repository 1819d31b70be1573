import { expect, test } from 'vitest'
import '../../src/node.js'
import { f32, type Case } from '../ops/case.js'
import { expectGaps, expectNear, expectSame } from '../kernels/reference.js'
import { checkCase, compareTensor } from './cases/check-case.js'
import { checkGradient } from './cases/check-gradient.js'
import { compareTensors, describeComparison } from './agreement.js'
import { commandFor, coordinatesOf } from './failure.js'
import { runNode } from './cases/run-node.js'

const message = async (run: () => void | Promise<void>): Promise<string> => {
  try {
    await run()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('nothing failed')
}

test('a tensor that differs: the worst element, how many and where', async () => {
  const expected = { shape: [2, 3, 4], data: Array.from({ length: 24 }, (_, i) => i) }
  const data = Float32Array.from(expected.data)
  data[5] = 6
  data[17] = -3
  const place = { what: 'Op a case: output 0', build: 'simd', kernels: ['direct/taps', 'add_f32'], command: 'npm test' }
  const said = await message(() => compareTensor({ dtype: 'float32', shape: [2, 3, 4], data }, expected, {}, place))
  expect(
    said
      .split('\n')
      .map((line) => line.trim())
      .slice(0, 6),
  ).toEqual([
    'Op a case: output 0',
    'build simd',
    'kernels direct/taps, add_f32',
    'again: npm test',
    'worst at [1, 1, 1] of [2,3,4]: got -3, expected 17',
    'wrong: 2 of 24, within [0..1, 1, 1]',
  ])
})

test('NaN is worse than any number', async () => {
  const actual = { dtype: 'float32', shape: [3], data: Float32Array.of(1e30, NaN, 3) } as const
  expect(await message(() => compareTensor(actual, { shape: [3], data: [1, 2, 3] }))).toContain('got NaN, expected 2')
})

test('an operator case says what ran, and how to run it again', async () => {
  const wrong: Case = {
    name: 'planted (1)',
    op: 'Relu',
    inputs: [f32([2, 3], { values: [1, 2, 3, 4, 5, 6] })],
    reference: () => [{ shape: [2, 3], data: [1, 2, 3, 4, 7, 6] }],
  }
  const said = await message(() => checkCase(wrong, 'simd'))
  const kernels: string[] = []
  const inputs = [{ dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } as const]
  await runNode({ op: 'Relu', inputs, kernels })
  expect(kernels.length).toBeGreaterThan(0)
  expect(said).toContain('Relu planted (1): output 0')
  expect(said).toContain('build simd')
  expect(said).toContain(`kernels ${kernels.join(', ')}`)
  expect(said).toContain('worst at [1, 1] of [2,3]: got 5, expected 7')
  expect(said).toContain('wrong: 1 of 6, within [1, 1]')
  expect(said).toContain("npx vitest run tests/ops/ops.test.ts -t 'Relu simd planted \\(1\\)'")
})

test('coordinates, and a name with a quotation mark in a command', () => {
  expect(coordinatesOf(23, [2, 3, 4])).toEqual([1, 2, 3])
  expect(coordinatesOf(0, [])).toEqual([])
  expect(commandFor('a.test.ts', "it's [1]")).toBe("npx vitest run a.test.ts -t 'it'\\''s \\[1\\]'")
})

test('a bare kernel says which element, how many, and the command', async () => {
  expectNear([1, NaN, Infinity], [1 + 1e-7, NaN, Infinity], 0, 1e-6)
  expectNear([1, 2], [1, 2], 0, 0)
  const said = await message(() => expectNear([1, 2.5, NaN, 4], [1, 2, 3, 4], 0, 1e-6))
  expect(said).toContain('worst at [2] of [4]: got NaN, expected 3')
  expect(said).toContain('wrong: 2 of 4, within [1..2]')
  expect(said).toContain("npx vitest run tests/support/failure.test.ts -t 'a bare kernel says")
  expect(await message(() => expectNear([1 + 1e-9], [1], 0, 0))).toContain('wrong: 1 of 1')
  expect(await message(() => expectNear([1], [1, 2], 0, 1))).toContain('a bare kernel says')
})

test('bits that differ have coordinates, and rows what lies between them', async () => {
  expectSame([1, NaN, 3n], [1, NaN, 3n])
  const said = await message(() => expectSame([1, 2, 0, 4], [1, 2, -0, 5], [2, 2], 'in ranges'))
  expect(said).toContain('have coordinates, and rows what lies between them: in ranges')
  expect(said).toContain('worst at [1, 0] of [2,2]: got 0, expected -0')
  expect(said).toContain('wrong: 2 of 4, within [1, 0..1]')
  expect(await message(() => expectSame([1], [1, 2]))).toContain('again: npx vitest run')
  expectGaps([1, 2, 7, 3, 4, 7], 2, 3, 7)
  expect(await message(() => expectGaps([1, 2, 7, 3, 4, 8], 2, 3, 7))).toContain('worst at [1, 2] of [2,3]: got 8')
})

test('a gradient says by which element of which input', async () => {
  const wrong: Case = {
    name: 'planted (2)',
    op: 'Sqrt',
    inputs: [f32([2, 3], { values: [1, 2, 3, 4, 5, 6] })],
    reference: ([x]) => [{ shape: [2, 3], data: [...x.data].map((value, i) => (i === 4 ? value : Math.sqrt(value))) }],
  }
  const said = await message(() => checkGradient(wrong, 'simd'))
  expect(said).toContain('Sqrt planted (2): gradient by input 0')
  expect(said).toContain('worst at [1, 1] of [2,3]')
  expect(said).toContain('wrong: 1 of 6, within [1, 1]')
  expect(said).toContain("npx vitest run tests/ops/gradients.test.ts -t 'Sqrt simd planted \\(2\\)'")
})

test('a comparison says where it is worst', () => {
  const tensor = (...values: number[]) => ({ dtype: 'float32', shape: [3], data: Float32Array.from(values) }) as const
  const comparison = compareTensors(tensor(1, 2.5, 3.25), tensor(1, 2, 3), { absolute: 0.125 })
  expect(describeComparison(comparison)).toBe(
    'largest difference 0.500, 4.00 of the tolerance, element 1 is 2.5 instead of 2, 2 over it',
  )
})
