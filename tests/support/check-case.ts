import { expect } from 'vitest'
import type { Build } from '../../bindings/module.js'
import { isBig, makeData } from '../../src/dtype.js'
import type { HostTensor } from '../../src/host.js'
import { sizeOf } from '../../src/shape.js'
import { plain, type Case, type Plain, type Spec } from '../cases/case.js'
import { randomTensor, seeded } from './random.js'
import { runNode, type NodeRun } from './run-node.js'

/** The inputs of a case: the same on every machine, from the case's name. */
export function inputsOf(test: Case): (HostTensor | undefined)[] {
  let seed = 1
  for (const char of test.op + test.name) seed = (Math.imul(seed, 31) + char.charCodeAt(0)) >>> 0
  const random = seeded(seed)
  return test.inputs.map((spec) => spec && makeInput(spec, random))
}

function makeInput(spec: Spec, random: () => number): HostTensor {
  if (!spec.values) return randomTensor(random, spec.dtype, spec.shape, spec.low ?? -1, spec.high ?? 1)
  const data = makeData(spec.dtype, sizeOf(spec.shape)) as { [i: number]: unknown }
  spec.values.forEach((value: number | string, i: number) => (data[i] = isBig(spec.dtype) ? BigInt(value) : value))
  return { dtype: spec.dtype, shape: spec.shape, data: data as unknown as HostTensor['data'] }
}

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
export function compareTensor(actual: HostTensor, expected: Plain, tolerance: Case['tolerance'] = {}, what = 'output'): void {
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
