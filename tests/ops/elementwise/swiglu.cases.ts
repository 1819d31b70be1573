import { f32, gives, type Case } from '../case.js'

export const swigluCases: readonly Case[] = [
  {
    name: 'gate',
    op: 'SwiGLU',
    inputs: [f32([3], { values: [0, 40, -40] }), f32([3], { values: [7, 2, 5] })],
    reference: gives({ shape: [3], data: [0, 80, 0] }),
    withoutOrt: 'newer than its operator sets',
    tolerance: { absolute: 1e-6 },
  },
]
