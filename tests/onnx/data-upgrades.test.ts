import { expect, test } from 'vitest'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import type { RawAttribute } from '../../src/ir/attributes.js'
import { runNode } from '../support/cases/run-node.js'

const ints = (...value: number[]): RawAttribute => ({ kind: 'ints', value: value.map(BigInt) })
const floats = (...value: number[]): RawAttribute => ({ kind: 'floats', value })
const text = (value: string): RawAttribute => ({ kind: 'string', value })
const int = (value: bigint): RawAttribute => ({ kind: 'int', value })
const f32 = (shape: number[], ...values: number[]) => hostFrom('float32', shape, values)
const i64 = (...values: number[]) => hostFrom('int64', [values.length], values)

type Row = readonly [
  op: string,
  opset: number,
  inputs: readonly HostTensor[],
  raw: Readonly<Record<string, RawAttribute>>,
  expected: readonly HostTensor[],
]

const rows: readonly Row[] = [
  ['Squeeze', 11, [f32([1, 2, 1], 1, 2)], { axes: ints(0) }, [f32([2, 1], 1, 2)]],
  ['Unsqueeze', 11, [f32([2], 1, 2)], { axes: ints(0, 2) }, [f32([1, 2, 1], 1, 2)]],
  ['Split', 11, [f32([3], 1, 2, 3)], { split: ints(1, 2) }, [f32([1], 1), f32([2], 2, 3)]],
  [
    'Slice',
    9,
    [f32([4], 1, 2, 3, 4)],
    { starts: ints(1), ends: { kind: 'ints', value: [2n ** 63n - 1n] } },
    [f32([3], 2, 3, 4)],
  ],
  ['Slice', 9, [f32([1, 4], 1, 2, 3, 4)], { starts: ints(1), ends: ints(-1), axes: ints(1) }, [f32([1, 2], 2, 3)]],
  ['Pad', 10, [f32([2], 1, 2)], { pads: ints(1, 0), value: { kind: 'float', value: 7 } }, [f32([3], 7, 1, 2)]],
  ['Pad', 10, [f32([2], 1, 2)], { pads: ints(1, 0), mode: text('edge') }, [f32([3], 1, 1, 2)]],
  ['TopK', 9, [f32([3], 1, 3, 2)], { k: int(2n) }, [f32([2], 3, 2), i64(1, 2)]],
  ['Upsample', 7, [f32([1, 2], 1, 2)], { scales: floats(1, 2), mode: text('nearest') }, [f32([1, 4], 1, 1, 2, 2)]],
  ['Upsample', 9, [f32([1, 2], 1, 2), f32([2], 1, 2)], { mode: text('linear') }, [f32([1, 4], 1, 1.5, 2, 2)]],
  ['Upsample', 9, [f32([1, 2], 1, 2), f32([2], 2, 1)], {}, [f32([2, 2], 1, 2, 1, 2)]],
  ['Resize', 10, [f32([1, 4], 1, 2, 3, 4), f32([2], 1, 0.75)], {}, [f32([1, 3], 1, 3, 4)]],
  ['Dropout', 7, [f32([2], 1, 2)], { ratio: { kind: 'float', value: 0.5 } }, [f32([2], 1, 2)]],
  [
    'Constant',
    12,
    [],
    { value_ints: { kind: 'ints', value: [2n ** 63n - 1n] } },
    [{ dtype: 'int64', shape: [1], data: BigInt64Array.of(2n ** 63n - 1n) }],
  ],
  ['Scatter', 9, [f32([2], 1, 2), i64(1), f32([1], 5)], {}, [f32([2], 1, 5)]],
]

test.each(rows)('%s of opset %d', async (op, opset, inputs, raw, expected) => {
  const outputs = await runNode({ op, opset, inputs, raw: new Map(Object.entries(raw)), outputs: expected.length })
  expect(outputs).toEqual(expected)
})
