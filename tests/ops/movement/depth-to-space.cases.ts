import { depthToSpace, spaceToDepth } from './depth-to-space.reference.js'
import { f32, gives, typed, type Case } from '../case.js'

export const depthToSpaceCases: readonly Case[] = [
  {
    name: 'DCR',
    op: 'DepthToSpace',
    inputs: [f32([2, 12, 3, 5])],
    attributes: { blocksize: 2 },
    reference: depthToSpace,
  },
  {
    name: 'CRD',
    op: 'DepthToSpace',
    inputs: [f32([2, 12, 3, 5])],
    attributes: { blocksize: 2, mode: 'CRD' },
    reference: depthToSpace,
  },
  {
    name: 'blocks of 3',
    op: 'DepthToSpace',
    inputs: [f32([1, 9, 2, 2])],
    attributes: { blocksize: 3, mode: 'CRD' },
    reference: depthToSpace,
  },
  {
    name: 'doubles',
    op: 'DepthToSpace',
    inputs: [typed('float64', [1, 8, 2, 3])],
    attributes: { blocksize: 2 },
    reference: depthToSpace,
  },
  {
    name: 'blocks of 2',
    op: 'SpaceToDepth',
    inputs: [f32([2, 3, 4, 6])],
    attributes: { blocksize: 2 },
    reference: spaceToDepth,
  },
  {
    name: 'blocks of 2, channel by channel',
    op: 'SpaceToDepth',
    inputs: [f32([2, 3, 4, 6])],
    attributes: { blocksize: 2, mode: 'CRD' },
    reference: spaceToDepth,
    withoutOrt: 'newer than its operator sets',
  },
  {
    name: 'channel by channel, by hand',
    op: 'SpaceToDepth',
    inputs: [typed('int32', [1, 2, 2, 2], { values: [1, 2, 3, 4, 5, 6, 7, 8] })],
    attributes: { blocksize: 2, mode: 'CRD' },
    reference: gives({ shape: [1, 8, 1, 1], data: [1, 2, 3, 4, 5, 6, 7, 8] }),
    withoutOrt: 'newer than its operator sets',
  },
  {
    name: 'blocks of 1',
    op: 'SpaceToDepth',
    inputs: [f32([2, 3, 4, 6])],
    attributes: { blocksize: 1 },
    reference: spaceToDepth,
  },
  {
    name: 'bytes',
    op: 'SpaceToDepth',
    inputs: [typed('uint8', [1, 2, 4, 4], { low: 0, high: 255 })],
    attributes: { blocksize: 2 },
    reference: spaceToDepth,
  },
]
