import { expect } from 'vitest'
import type { Build } from '../../../bindings/module.js'
import type { HostTensor } from '../../../src/core/host.js'
import { plain, type Case, type Plain } from '../../ops/case.js'
import { inputsOf } from './case-model.js'
import { commandFor, describeFailure, describePlace, type Place, type Wrong } from '../failure.js'
import { runNode, type NodeRun } from './run-node.js'

/** Runs a case in one build, its inputs in some order of axes, and compares every output with the float64 reference. */
export async function checkCase(test: Case, build: Build, order?: NodeRun['order']): Promise<void> {
  const inputs = inputsOf(test)
  const constants = test.inputs.flatMap((spec, i) => (spec?.constant ? [i] : []))
  const kernels: string[] = []
  const outputs = await runNode({ ...test, inputs, constants, build, order, kernels })
  const expected = test.reference(inputs.map((input) => input && plain(input)) as Plain[], test.attributes ?? {})
  const command = order
    ? commandFor('tests/ops/memory-orders.test.ts', `${test.op} ${test.name}`)
    : commandFor('tests/ops/ops.test.ts', `${test.op} ${build} ${test.name}`, build)
  expected.forEach((reference, i) => {
    const place = { what: `${test.op} ${test.name}: output ${i}`, build, kernels, command }
    if (i < outputs.length) compareTensor(outputs[i], reference, test.tolerance, place)
  })
}

/** Fails if any element is off by more than the tolerance, and says which, by how much and what ran. */
export function compareTensor(
  actual: HostTensor,
  expected: Plain,
  tolerance: Case['tolerance'] = {},
  at: Place | string = 'output',
): void {
  const place = typeof at === 'string' ? { what: at } : at
  expect(actual.shape, `${describePlace(place)}: shape`).toEqual([...expected.shape])
  const floating = actual.dtype === 'float32' || actual.dtype === 'float64'
  const finite = expected.data.filter(Number.isFinite)
  const largest = finite.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  const absolute = floating ? (tolerance.absolute ?? 2e-6) * largest : (tolerance.absolute ?? 0)
  const relative = floating ? (tolerance.relative ?? 1e-5) : (tolerance.relative ?? 0)
  const wrong: Wrong[] = []
  for (let i = 0; i < expected.data.length; i++) {
    const a = Number(actual.data[i])
    const b = expected.data[i]
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue
    const excess = Math.abs(a - b) - (absolute + relative * Math.abs(b))
    // A NaN on one side alone is as far off as can be.
    if (!(excess <= 0)) wrong.push({ index: i, got: a, expected: b, excess: Number.isNaN(excess) ? Infinity : excess })
  }
  if (wrong.length > 0) expect.fail(describeFailure(place, expected.shape, wrong))
}
