import { describe, expect, test } from 'vitest'
import { isFloat, type DType } from '../../../src/core/dtype.js'
import { LanewiseError } from '../../../src/core/errors.js'
import type { HostTensor } from '../../../src/core/host.js'
import { castTensor } from '../../../src/ops/elementwise/cast.js'
import { inputsOf } from '../../support/cases/case-model.js'
import { runNode } from '../../support/cases/run-node.js'
import { allCases } from '../cases.js'

// Kernels of quantised operators read bytes, float32 and int32 by address: an operand of another type is refused, or
// its numbers mean the same.

const quantised = /Quant|QLinear|Integer|QGemm|NBits|QAttention/
/** The row of each operator that has the most operands. */
const rows = [
  ...new Map(
    allCases
      .filter(({ op, inputs }) => quantised.test(op) && !inputs.some((input) => input?.dtype.startsWith('float8')))
      .toSorted((a, b) => a.inputs.length - b.inputs.length)
      .map((row) => [`${row.domain ?? ''}:${row.op}`, row]),
  ).values(),
]
const dtypes: readonly DType[] = ['float32', 'float64', 'float16', 'int8', 'uint8', 'int16', 'int32', 'int64', 'bool']

/** The operand with values that every one of those types has. */
function small(x: HostTensor | undefined): HostTensor | undefined {
  if (!x || typeof x.data[0] === 'bigint') return x
  const data = x.data.slice() as Float32Array
  for (let i = 0; i < data.length; i++) data[i] = isFloat(x.dtype) ? 1 : Math.abs(data[i]) % 2
  return { ...x, data }
}

/** The results where both bytes and signed bytes have them. */
function common(results: readonly HostTensor[]): number[][] {
  return results.map(({ dtype, data }) =>
    Array.from(data as ArrayLike<number | bigint>, (value) =>
      isFloat(dtype) ? Math.round(100 * Number(value)) / 100 : Math.min(Math.max(Number(value), 0), 127),
    ),
  )
}

describe('quantised operands of another type', () => {
  test.each(rows.map((row) => [`${row.domain ?? ''} ${row.op}`, row] as const))('%s', async (_, row) => {
    const given = inputsOf(row).map(small)
    const constants = row.inputs.flatMap((spec, i) => (spec?.constant ? [i] : []))
    const expected = common(await runNode({ ...row, inputs: given, constants }))
    let refused = 0
    for (const [i, x] of given.entries()) {
      for (const dtype of dtypes) {
        if (!x || x.dtype === dtype) continue
        try {
          const results = await runNode({ ...row, inputs: given.with(i, castTensor(x, dtype)), constants })
          expect(common(results), `input ${i} as ${dtype}`).toEqual(expected)
        } catch (error) {
          if (!(error instanceof LanewiseError)) throw error
          refused++
        }
      }
    }
    expect(refused).toBeGreaterThan(0)
  })
})
