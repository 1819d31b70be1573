import { f32, gives, type Case } from '../case.js'

// Expected outputs are those of onnxruntime-web 1.30, except where it is said why not.
export const detCases: readonly Case[] = [
  {
    name: 'stack of matrices',
    op: 'Det',
    inputs: [f32([2, 3, 3])],
    reference: gives({ shape: [2], data: [0.09548711, 0.0782784] }),
  },
  {
    name: 'singular',
    op: 'Det',
    inputs: [f32([2, 2], { values: [1, 2, 2, 4] })],
    reference: gives({ shape: [], data: [0] }),
  },
  {
    name: 'no rows',
    op: 'Det',
    inputs: [f32([2, 0, 0])],
    reference: gives({ shape: [2], data: [1, 1] }),
    withoutOrt: 'it does not take empty matrices',
  },
]
