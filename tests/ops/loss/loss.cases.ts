import { softmaxCrossEntropy } from './loss.reference.js'
import { f32, typed, weight, type Case } from '../case.js'

function entropy(
  name: string,
  shape: number[],
  targets: number[],
  attributes: Case['attributes'] = {},
  weighted = false,
): Case {
  return {
    name,
    op: 'SoftmaxCrossEntropyLoss',
    inputs: [
      f32(shape, { low: -4, high: 4 }),
      typed('int64', [shape[0], ...shape.slice(2)], { values: targets }),
      ...(weighted ? [weight([shape[1]], { low: 0.2, high: 2 })] : []),
    ],
    attributes,
    // Class weights are not learned.
    gradient: { inputs: [0] },
    reference: softmaxCrossEntropy,
    withoutOrt: 'onnxruntime-web has no losses',
  }
}

export const lossCases: readonly Case[] = [
  entropy('mean', [4, 10], [3, 0, 9, 3]),
  entropy('odd classes', [3, 7], [6, 0, 2]),
  entropy('one row, one class', [1, 1], [0]),
  entropy('sum', [2, 5], [4, 1], { reduction: 'sum' }),
  entropy('each', [2, 5], [4, 1], { reduction: 'none' }),
  entropy('weights', [3, 5], [4, 1, 1], {}, true),
  entropy('an ignored target', [3, 5], [4, -100, 1], { ignore_index: -100 }, true),
  entropy('places', [2, 3, 5], [0, 1, 2, 2, 1, 0, 0, 1, 2, 2]),
  entropy('places, weights, each', [2, 3, 5], [0, 1, 2, 2, 1, 0, 0, 1, 2, 2], { reduction: 'none' }, true),
]
