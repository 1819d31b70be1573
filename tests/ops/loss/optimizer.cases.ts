import { f32, gives, typed, type Case } from '../case.js'

const v = (values: readonly number[], shape: readonly number[]) => f32(shape, { values })
const training = 'ai.onnx.preview.training'
const rate = v([0.1], [])
const step = (t: number) => typed('int64', [], { values: [t] })
const scalar = (value: number) => v([value], [1])
const gone = 'not in the build'

export const optimizerCases: readonly Case[] = [
  {
    name: 'first step',
    op: 'Adagrad',
    domain: training,
    inputs: [rate, step(0), scalar(1), scalar(2), scalar(0)],
    attributes: { epsilon: 0 },
    outputs: 2,
    reference: gives({ shape: [1], data: [0.9] }, { shape: [1], data: [4] }),
    withoutOrt: gone,
  },
  {
    name: 'uncorrected',
    op: 'Adam',
    domain: training,
    inputs: [rate, step(0), scalar(1), scalar(2), scalar(0), scalar(0)],
    attributes: { alpha: 0.5, beta: 0.5, epsilon: 0 },
    outputs: 3,
    reference: gives(
      { shape: [1], data: [1 - 0.1 / Math.SQRT2] },
      { shape: [1], data: [1] },
      { shape: [1], data: [2] },
    ),
    withoutOrt: gone,
  },
  {
    name: 'corrected: the first step is as long as the rate',
    op: 'Adam',
    domain: training,
    inputs: [rate, step(1), scalar(1), scalar(2), scalar(0), scalar(0)],
    attributes: { alpha: 0.5, beta: 0.5, epsilon: 0 },
    outputs: 1,
    reference: gives({ shape: [1], data: [0.9] }),
    withoutOrt: gone,
  },
  {
    name: 'standard',
    op: 'Momentum',
    domain: training,
    inputs: [rate, step(1), scalar(1), scalar(2), scalar(3)],
    attributes: { alpha: 0.5, beta: 0.1, mode: 'standard', norm_coefficient: 0 },
    outputs: 2,
    reference: gives({ shape: [1], data: [0.83] }, { shape: [1], data: [1.7] }),
    withoutOrt: gone,
  },
  {
    name: 'nesterov',
    op: 'Momentum',
    domain: training,
    inputs: [rate, step(0), scalar(1), scalar(2), scalar(3)],
    attributes: { alpha: 0.5, beta: 0.1, mode: 'nesterov', norm_coefficient: 1 },
    outputs: 2,
    reference: gives({ shape: [1], data: [1 - 0.1 * (3 + 0.5 * 4.5)] }, { shape: [1], data: [4.5] }),
    withoutOrt: gone,
  },
]
