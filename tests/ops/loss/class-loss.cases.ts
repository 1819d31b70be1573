import { f32, gives, typed, weight, type Case } from '../case.js'

const scores = f32([2, 3, 2])
const targets = typed('int64', [2, 2], { values: [0, 2, 1, 1] })

// Expected outputs are those of onnxruntime-web 1.30, except where it is said why not.
export const classLossCases: readonly Case[] = [
  {
    name: 'mean',
    op: 'NegativeLogLikelihoodLoss',
    inputs: [scores, targets],
    reference: gives({ shape: [], data: [-0.3318064] }),
  },
  {
    name: 'weights, none',
    op: 'NegativeLogLikelihoodLoss',
    inputs: [scores, targets, weight([3])],
    attributes: { reduction: 'none' },
    reference: gives({ shape: [2, 2], data: [0.1770786, 0.2824148, -0.7097667, -0.09297048] }),
  },
  {
    name: 'weighted mean, ignored',
    op: 'NegativeLogLikelihoodLoss',
    inputs: [scores, typed('int64', [2, 2], { values: [0, -1, 1, -1] }), weight([3])],
    attributes: { ignore_index: -1 },
    reference: gives({ shape: [], data: [-0.5061005] }),
  },
  {
    name: 'mean, probabilities',
    op: 'SoftmaxCrossEntropyLoss',
    inputs: [scores, targets],
    outputs: 2,
    reference: gives(
      { shape: [], data: [1.426857] },
      {
        shape: [2, 3, 2],
        data: [
          -1.517539, -0.7103105, -0.586623, -0.9024484, -1.493672, -2.273678, -0.529149, -1.249922, -1.183888,
          -0.7323253, -2.255629, -1.458078,
        ],
      },
    ),
  },
  {
    name: 'weighted sum',
    op: 'SoftmaxCrossEntropyLoss',
    inputs: [scores, targets, weight([3])],
    attributes: { reduction: 'sum' },
    reference: gives({ shape: [], data: [1.98024] }),
  },
]
