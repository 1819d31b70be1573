import { expect } from 'vitest'
import type { Build } from '../../bindings/module.js'
import type { HostTensor } from '../../src/core/host.js'
import { plain, type Case, type Plain } from '../ops/case.js'
import { inputsOf } from './case-model.js'
import { runNode, type NodeRun } from './run-node.js'

/** Runs a case in one build, its inputs in some order of axes, and compares every output with the float64 reference. */
export async function checkCase(test: Case, build: Build, order?: NodeRun['order']): Promise<void> {
  const inputs = inputsOf(test)
  const constants = test.inputs.flatMap((spec, i) => (spec?.constant ? [i] : []))
  const outputs = await runNode({ ...test, inputs, constants, build, order })
  const expected = test.reference(inputs.map((input) => input && plain(input)) as Plain[], test.attributes ?? {})
  expected.forEach((reference, i) => {
    if (i < outputs.length) compareTensor(outputs[i], reference, test.tolerance, `${test.op} ${test.name}: output ${i}`)
  })
}

/** Fails with the first and the worst difference, if any element is off by more than the tolerance. */
export function compareTensor(
  actual: HostTensor,
  expected: Plain,
  tolerance: Case['tolerance'] = {},
  what = 'output',
): void {
  expect(actual.shape, `${what}: shape`).toEqual([...expected.shape])
  const floating = actual.dtype === 'float32' || actual.dtype === 'float64'
  const finite = expected.data.filter(Number.isFinite)
  const largest = finite.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  const absolute = floating ? (tolerance.absolute ?? 2e-6) * largest : (tolerance.absolute ?? 0)
  const relative = floating ? (tolerance.relative ?? 1e-5) : (tolerance.relative ?? 0)
  let worst = { index: -1, excess: 0, actual: 0, expected: 0 }
  for (let i = 0; i < expected.data.length; i++) {
    const a = Number(actual.data[i])
    const b = expected.data[i]
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue
    const excess = Math.abs(a - b) - (absolute + relative * Math.abs(b))
    if (!(excess <= 0) && !(excess <= worst.excess)) worst = { index: i, excess, actual: a, expected: b }
  }
  expect(worst.index, `${what}: element ${worst.index} is ${worst.actual}, should be ${worst.expected}`).toBe(-1)
}
