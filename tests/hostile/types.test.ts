import { test } from 'vitest'
import { refused, model, node, value, type Some } from './graph-parts.js'
import { AttributeType, type AttributeProto } from '../../src/onnx/schema/onnx.js'

const [INT32, INT64, BOOL, UINT8] = [6, 7, 9, 2]
const hidden: Some<AttributeProto>[] = [{ name: 'hidden_size', type: AttributeType.INT, i: 3n }]

test.each<[string, number, readonly (readonly number[])[], Some<AttributeProto>[]?]>([
  [
    'RNN',
    INT32,
    [
      [1, 1, 2],
      [1, 3, 2],
      [1, 3, 3],
    ],
    hidden,
  ],
  [
    'GRU',
    INT64,
    [
      [1, 1, 2],
      [1, 9, 2],
      [1, 9, 3],
    ],
    hidden,
  ],
  [
    'LSTM',
    BOOL,
    [
      [1, 1, 2],
      [1, 12, 2],
      [1, 12, 3],
    ],
    hidden,
  ],
  ['Det', UINT8, [[2, 2]]],
  [
    'GridSample',
    INT32,
    [
      [1, 1, 3, 3],
      [1, 2, 2, 2],
    ],
  ],
  ['Add', BOOL, [[2], [2]]],
  ['Max', BOOL, [[2], [3, 2]]],
  ['Pow', BOOL, [[2], [2]]],
  ['Clip', BOOL, [[2]]],
])('%s of type %i is refused when a session is created', async (op, dtype, shapes, attribute = []) => {
  const names = shapes.map((_, i) => `x${i}`)
  const input = shapes.map((shape, i) => value(names[i], dtype, shape))
  // What the outputs are follows.
  const output = [{ name: 'y' }]
  await refused('E_UNSUPPORTED', model({ input, output, node: [node(op, names, ['y'], { attribute })] }))
})
