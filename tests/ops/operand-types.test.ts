import { describe, expect, test } from 'vitest'
import { isFloat, type DType } from '../../src/core/dtype.js'
import { LanewiseError } from '../../src/core/errors.js'
import { hostZeros, type HostTensor } from '../../src/core/host.js'
import { castTensor } from '../../src/ops/elementwise/cast.js'
import type { Case } from './case.js'
import { allCases } from './cases.js'
import { inputsOf } from '../support/cases/case-model.js'
import { runNode } from '../support/cases/run-node.js'

// A model may give any operator operands of any type. Each combination gets a result or a typed error: never a trap, an
// untyped error, or kernels reading elements of one size as another.

const dtypes: readonly DType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'float8e4m3fn',
  'float4e2m1',
  'int4',
  'uint2',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
  'string',
  'complex64',
]

function retyped(x: HostTensor, dtype: DType): HostTensor {
  if (dtype === x.dtype) return x
  if (dtype === 'string') return { dtype, shape: x.shape, data: Array.from(x.data as Float32Array, String) }
  if (dtype.startsWith('complex') || x.dtype.startsWith('complex')) return hostZeros(dtype, x.shape)
  return castTensor(x, dtype)
}

async function problemOf(
  row: Case,
  inputs: readonly (HostTensor | undefined)[],
  constants: readonly number[],
): Promise<string | undefined> {
  try {
    await runNode({ ...row, inputs, constants })
    return undefined
  } catch (error) {
    if (error instanceof LanewiseError && error.code !== 'E_STATE') return undefined
    return String(error)
  }
}

/** The first row of each operator. */
const rows = [
  ...new Map(allCases.toReversed().map((row) => [`${row.domain ?? ''}:${row.op}`, row])).values(),
].toReversed()

describe('operands of every type', { timeout: 60_000 }, () => {
  test.each(rows.map((row) => [`${row.op} ${row.name}`, row] as const))('%s', async (_, row) => {
    const given = inputsOf(row)
    const problems: string[] = []
    const attempt = async (what: string, inputs: readonly (HostTensor | undefined)[]) => {
      const constants = row.inputs.flatMap((spec, i) => (spec?.constant ? [i] : []))
      const problem = await problemOf(row, inputs, constants)
      if (problem) problems.push(`${what}: ${problem}`)
    }
    for (const dtype of dtypes) {
      for (const i of given.keys())
        if (given[i]) await attempt(`input ${i} ${dtype}`, given.with(i, retyped(given[i], dtype)))
      await attempt(
        `all ${dtype}`,
        given.map((x) => x && retyped(x, dtype)),
      )
      await attempt(
        `floats ${dtype}`,
        given.map((x) => x && (isFloat(x.dtype) ? retyped(x, dtype) : x)),
      )
    }
    expect(problems).toEqual([])
  })
})
