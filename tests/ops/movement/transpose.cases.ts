import { transpose } from './transpose.reference.js'
import { f32, typed, weight, type Case } from '../case.js'

export const transposeCases: readonly Case[] = [
  { name: 'matrix, default perm', op: 'Transpose', inputs: [f32([5, 7])], reference: transpose },
  {
    name: 'to channels-last',
    op: 'Transpose',
    inputs: [f32([2, 19, 7, 5])],
    attributes: { perm: [0, 2, 3, 1] },
    reference: transpose,
  },
  {
    name: 'three planes to pixels',
    op: 'Transpose',
    inputs: [f32([2, 3, 5, 3])],
    attributes: { perm: [0, 2, 3, 1] },
    reference: transpose,
  },
  {
    name: 'constant',
    op: 'Transpose',
    inputs: [weight([3, 4, 5])],
    attributes: { perm: [2, 0, 1] },
    reference: transpose,
  },
  {
    name: 'bytes',
    op: 'Transpose',
    inputs: [typed('uint8', [3, 17, 2], { low: 0, high: 255 })],
    attributes: { perm: [2, 1, 0] },
    reference: transpose,
  },
  {
    name: 'bytes, whole blocks',
    op: 'Transpose',
    inputs: [typed('uint8', [16, 72], { low: 0, high: 255 })],
    attributes: { perm: [1, 0] },
    reference: transpose,
  },
  {
    name: 'bytes, tails on both sides',
    op: 'Transpose',
    inputs: [typed('uint8', [2, 19, 77], { low: 0, high: 255 })],
    attributes: { perm: [0, 2, 1] },
    reference: transpose,
  },
  {
    name: 'bytes, few rows',
    op: 'Transpose',
    inputs: [typed('uint8', [7, 40], { low: 0, high: 255 })],
    attributes: { perm: [1, 0] },
    reference: transpose,
  },
  {
    name: 'bytes, four axes',
    op: 'Transpose',
    inputs: [typed('uint8', [2, 9, 5, 13], { low: 0, high: 255 })],
    attributes: { perm: [0, 3, 1, 2] },
    reference: transpose,
  },
  {
    name: 'int64',
    op: 'Transpose',
    inputs: [typed('int64', [4, 3, 2], { low: -9, high: 9 })],
    attributes: { perm: [1, 2, 0] },
    reference: transpose,
  },
  { name: 'empty axis', op: 'Transpose', inputs: [f32([0, 3])], reference: transpose },
  { name: 'scalar', op: 'Transpose', inputs: [f32([])], reference: transpose },
]
