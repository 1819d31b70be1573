import { f32, gives, typed, type Case, type Reference } from '../case.js'

const same: Reference = ([x]) => [x]
const kept: Reference = ([x]) => [x, { shape: x.shape, data: x.data.map(() => 1) }]

export const identityCases: readonly Case[] = [
  { name: 'floats', op: 'Identity', inputs: [f32([2, 3])], reference: same },
  { name: 'int64', op: 'Identity', inputs: [typed('int64', [3], { low: -9, high: 9 })], reference: same },
  { name: 'inference', op: 'Dropout', inputs: [f32([2, 3, 5])], reference: same },
  { name: 'with mask', op: 'Dropout', inputs: [f32([2, 3, 5])], outputs: 2, reference: kept },
  {
    name: 'ratio 0 in training',
    op: 'Dropout',
    inputs: [f32([7]), f32([], { values: [0] }), typed('bool', [], { values: [1] })],
    outputs: 2,
    reference: kept,
  },
  {
    name: 'float32 as int32',
    op: 'BitCast',
    inputs: [f32([2], { values: [1, -2] })],
    attributes: { to: 6 },
    reference: gives({ shape: [2], data: [0x3f800000, -0x40000000] }),
    withoutOrt: 'newer than that runtime',
  },
  {
    name: 'constant',
    op: 'BitCast',
    inputs: [typed('uint16', [2], { values: [1, 65535], constant: true })],
    attributes: { to: 5 },
    reference: gives({ shape: [2], data: [1, -1] }),
    withoutOrt: 'newer than that runtime',
  },
]
