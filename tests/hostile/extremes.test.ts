import { describe, expect, test } from 'vitest'
import { isBig } from '../../src/core/dtype.js'
import { LanewiseError } from '../../src/core/errors.js'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import type { AttributeKind } from '../../src/ir/attributes.js'
import { findOp } from '../../src/ir/registry.js'
import type { Case } from '../ops/case.js'
import { allCases } from '../ops/cases.js'
import { inputsOf } from '../support/cases/case-model.js'
import { runNode } from '../support/cases/run-node.js'

// Whatever stands in an attribute, or in an input of integers (sizes, axes, indices, lengths): a result or a typed
// error, in bounded time and within the memory limit.

const LIMIT = 1 << 26
const integers = [-(2 ** 63), -1, 0, 7, 2 ** 31 - 1, 2 ** 31, 2 ** 62]
const words = ['', '__proto__', 'constructor', 'toString', 'x'.repeat(10_000)]
const extremes: Partial<Record<AttributeKind, readonly unknown[]>> = {
  int: integers,
  ints: [
    [],
    ...integers.flatMap((value) => [[value], [1, value], [value, value, value, value]]),
    new Array<number>(1000).fill(1),
  ],
  float: [NaN, Infinity, -Infinity, 0, -1, 1e-45, 3e38],
  floats: [[], [NaN], [Infinity, -Infinity, 0, -1], new Array<number>(1000).fill(1)],
  string: words,
  strings: [[], ...words.map((word) => [word]), words],
}

async function problemOf(
  row: Case,
  change: Partial<Case>,
  inputs: readonly (HostTensor | undefined)[],
  constants: readonly number[],
): Promise<string | undefined> {
  try {
    await runNode({ ...row, ...change, inputs, constants, limit: LIMIT })
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

function short(value: unknown): string {
  return JSON.stringify(value).slice(0, 60)
}

describe.each(rows.map((row) => [`${row.op} ${row.name}`, row] as const))('%s', { timeout: 60_000 }, (_, row) => {
  const given = inputsOf(row)
  const constants = row.inputs.flatMap((spec, i) => (spec?.constant ? [i] : []))
  const { attributes = {} } = findOp(row.domain ?? '', row.op) ?? {}

  test('attributes', async () => {
    const problems: string[] = []
    for (const [name, { kind }] of Object.entries(attributes)) {
      for (const value of extremes[kind] ?? []) {
        const problem = await problemOf(row, { attributes: { ...row.attributes, [name]: value } }, given, constants)
        if (problem) problems.push(`${name} ${short(value)}: ${problem}`)
      }
    }
    expect(problems).toEqual([])
  })

  test('inputs', async () => {
    const problems: string[] = []
    for (const [i, x] of given.entries()) {
      if (!x || (x.dtype !== 'int64' && x.dtype !== 'int32')) continue
      for (const value of integers) {
        if (!isBig(x.dtype) && Math.abs(value) > 2 ** 31) continue
        const size = x.data.length
        const kept = BigInt.asIntN(isBig(x.dtype) ? 64 : 32, BigInt(value))
        const all = {
          ...x,
          data: (isBig(x.dtype)
            ? new BigInt64Array(size).fill(kept)
            : new Int32Array(size).fill(Number(kept))) as HostTensor['data'],
        }
        const last = { ...x, data: x.data.slice() as HostTensor['data'] }
        if (size > 0) (last.data as { [i: number]: unknown })[size - 1] = isBig(x.dtype) ? kept : Number(kept)
        const longer = hostFrom(
          x.dtype,
          [size + 1],
          Array.from({ length: size + 1 }, () =>
            Number(kept) === -(2 ** 63) ? 0 : Math.min(Number(kept), 2 ** 31 - 1),
          ),
        )
        for (const tensor of [all, last, longer]) {
          for (const fixed of [constants, constants.filter((k) => k !== i)]) {
            const problem = await problemOf(row, {}, given.with(i, tensor), fixed)
            if (problem) problems.push(`input ${i} ${short(Array.from(tensor.data as Int32Array, Number))}: ${problem}`)
          }
        }
      }
    }
    expect(problems).toEqual([])
  })
})
