import { f32, gives, weight, type Case } from '../case.js'

const domain = 'com.microsoft'

// Expected outputs are those of onnxruntime-web 1.30.
export const microsoftConvCases: readonly Case[] = [
  {
    name: 'relu',
    op: 'FusedConv',
    domain,
    inputs: [f32([1, 2, 3, 3]), weight([2, 2, 2, 2]), weight([2])],
    attributes: { activation: 'Relu' },
    reference: gives({ shape: [1, 2, 2, 2], data: [0.1004894, 0.4872165, 0, 0, 1.209458, 0, 1.354825, 1.201813] }),
  },
  {
    name: 'leaky relu, addend',
    op: 'FusedConv',
    domain,
    inputs: [f32([1, 2, 3, 3]), weight([2, 2, 2, 2]), weight([2]), f32([1, 2, 2, 2])],
    attributes: { activation: 'LeakyRelu', activation_params: [0.3] },
    reference: gives({
      shape: [1, 2, 2, 2],
      data: [0.9843054, 0.9983949, -0.01338353, 0.3302836, 1.47356, -0.170391, 0.3328338, 0.4718937],
    }),
  },
  {
    name: 'clip, no bias, stride',
    op: 'FusedConv',
    domain,
    inputs: [f32([1, 1, 5, 5]), weight([1, 1, 3, 3])],
    attributes: { activation: 'Clip', activation_params: [-0.2, 0.4], strides: [2, 2], pads: [1, 1, 1, 1] },
    reference: gives({ shape: [1, 1, 3, 3], data: [0.4, 0.4, 0.4, 0.4, -0.2, 0.4, 0.4, -0.1061682, 0.4] }),
  },
  {
    name: 'hard sigmoid',
    op: 'FusedConv',
    domain,
    inputs: [f32([1, 1, 3, 3]), weight([1, 1, 2, 2])],
    attributes: { activation: 'HardSigmoid', activation_params: [0.3, 0.4] },
    reference: gives({ shape: [1, 1, 2, 2], data: [0.3900301, 0.3869021, 0.2240143, 0.5629467] }),
  },
]
