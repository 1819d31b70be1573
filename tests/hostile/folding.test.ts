import { describe, expect, test } from 'vitest'
import { dtypeToOnnx, isBig, makeData, type DType } from '../../src/core/dtype.js'
import type { HostTensor } from '../../src/core/host.js'
import { numbersIn, tensorOf } from '../support/numbers.js'
import { runNode } from '../support/cases/run-node.js'

// What is computed once while planning is what a run would compute, where types end and beyond.

const floats = [1e19, -1e19, NaN, Infinity, -Infinity, 3e9, -3e9, 2 ** 31, -(2 ** 31) - 1, 300.7, -129.9, 2 ** 63, 2 ** 64, 0.9, -0.9, 1e38] // prettier-ignore
const types: readonly DType[] = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64'] // prettier-ignore

function extremes(dtype: DType, count: number, turn = 0): HostTensor {
  if (dtype === 'float32' || dtype === 'float64')
    return tensorOf(
      dtype,
      [count],
      Array.from({ length: count }, (_, i) => floats[(i + turn) % floats.length]),
    )
  const bits = BigInt(/\d+/.exec(dtype)![0])
  const [least, most] = dtype.startsWith('u') ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n]
  const list = [most, least, most, least + 1n, 1n, 0n, most / 2n, most - 1n]
  const data = makeData(dtype, count) as unknown as { [i: number]: number | bigint }
  for (let i = 0; i < count; i++) {
    const value = list[(i + turn) % list.length]
    data[i] = isBig(dtype) ? value : Number(value)
  }
  return { dtype, shape: [count], data: data as unknown as HostTensor['data'] }
}

/** What comes out, or why nothing does. */
async function outcome(op: string, inputs: readonly HostTensor[], attributes: object, constants: readonly number[]) {
  try {
    const results = await runNode({ op, inputs, attributes: { ...attributes }, constants })
    return results.map(({ dtype, data }) => `${dtype} ${Array.from(data as ArrayLike<unknown>, String).join(' ')}`)
  } catch (error) {
    return (error as { code?: string }).code
  }
}

async function expectAgreement(
  op: string,
  inputs: readonly HostTensor[],
  attributes = {},
  fixed: readonly number[] = [],
) {
  const folded = await outcome(op, inputs, attributes, [...inputs.keys()])
  expect(await outcome(op, inputs, attributes, fixed), `${op} ${JSON.stringify(attributes)}`).toEqual(folded)
}

describe.each(types)('%s', (dtype) => {
  test('casts', async () => {
    for (const to of [...types, 'bool', 'float16', 'bfloat16'] as const)
      await expectAgreement('Cast', [extremes(dtype, 16)], { to: dtypeToOnnx(to) })
  })

  test('arithmetic', async () => {
    const [a, b] = [extremes(dtype, 16), extremes(dtype, 16, 3)]
    for (const op of ['Add', 'Sub', 'Mul', 'Max', 'Min', 'Sum', 'Mean', 'Equal', 'Less', 'Greater'])
      await expectAgreement(op, [a, b])
    for (const op of ['Neg', 'Abs', 'Sign', 'Relu', 'Floor', 'Ceil', 'Round', 'Sqrt', 'Reciprocal', 'BitwiseNot'])
      await expectAgreement(op, [a])
    for (const op of ['Sum', 'Prod', 'Mean', 'Max', 'Min', 'SumSquare', 'L1', 'L2', 'LogSum'])
      await expectAgreement(`Reduce${op}`, [a])
    await expectAgreement('CumSum', [a, tensorOf('int64', [], [0])], {}, [1])
    if (!dtype.startsWith('float'))
      await expectAgreement('MatMul', [
        { ...a, shape: [4, 4] },
        { ...b, shape: [4, 4] },
      ])
    await expectAgreement('Pow', [a, tensorOf('int32', [16], [2, 3, 31, 33, 0, 1, 5, 7, 63, 64, 65, 2, 3, 4, 1, 0])])
  })
})

test.each(['float32', 'float64', 'float16'] as const)('IsInf of %s with each of its attributes', async (dtype) => {
  const x = tensorOf(dtype, [5], [Infinity, -Infinity, NaN, 1, -1])
  for (const [positive, negative] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]) {
    // prettier-ignore
    const attributes = { detect_positive: positive, detect_negative: negative }
    for (const constants of [[], [0]]) {
      const [y] = await runNode({ op: 'IsInf', inputs: [x], attributes, constants })
      expect(numbersIn(y)).toEqual([positive, negative, 0, 0, 0])
    }
  }
})
