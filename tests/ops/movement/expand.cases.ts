import { expand, tile } from './expand.reference.js'
import { f32, int64s, typed, weight, type Case, type Spec } from '../case.js'

const expanded = (name: string, inputs: Spec[]): Case => ({ name, op: 'Expand', inputs, reference: expand })
const tiled = (name: string, inputs: Spec[]): Case => ({ name, op: 'Tile', inputs, reference: tile })
const bytes = (shape: number[]) => typed('uint8', shape, { low: 0, high: 255 })

export const expandCases: readonly Case[] = [
  expanded('outer', [f32([1, 7]), int64s(3, 7)]),
  expanded('inner', [f32([5, 1]), int64s(5, 6)]),
  expanded('channels', [f32([1, 5, 1, 1]), int64s(2, 5, 3, 4)]),
  expanded('more axes', [f32([3, 1]), int64s(2, 1, 3, 5)]),
  expanded('1 keeps', [f32([3, 4]), int64s(1, 1)]),
  expanded('scalar', [f32([]), int64s(2, 3)]),
  expanded('to nothing', [f32([1, 4]), int64s(0, 4)]),
  expanded('constant', [weight([1, 3]), int64s(2, 3)]),
  expanded('bytes', [bytes([2, 1]), int64s(2, 37)]),
  expanded('half floats', [typed('float16', [2, 1], { low: 0, high: 9999 }), int64s(2, 11)]),
  expanded('int64', [typed('int64', [2, 1], { low: -9, high: 9 }), int64s(2, 3)]),
  tiled('both axes', [f32([2, 3]), int64s(3, 2)]),
  tiled('image', [f32([1, 3, 2, 4]), int64s(2, 1, 3, 2)]),
  tiled('once', [f32([2, 3]), int64s(1, 1)]),
  tiled('never', [f32([2, 3]), int64s(0, 1)]),
  tiled('empty', [f32([0, 3]), int64s(2, 2)]),
  tiled('bytes', [bytes([3, 3]), int64s(2, 5)]),
]
