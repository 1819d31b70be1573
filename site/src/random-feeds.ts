import { randomTensor } from '../../src/api/random-tensor.js'
import type { InferenceSession } from '../../src/api/session.js'
import { fromHost, type Tensor } from '../../src/api/tensor.js'
import { Random } from '../../src/core/random.js'
import { concreteShape } from '../../src/inspect/model-report.js'

/** Something for every input; open sizes are 1. The same each time. @throws Error for an input that is no tensor. */
export function randomFeeds({ inputMetadata }: InferenceSession): Record<string, Tensor> {
  const random = Random.at(1)
  const feeds: Record<string, Tensor> = {}
  for (const input of inputMetadata) {
    if (!input.isTensor) throw new Error(`the input ${input.name} is no tensor`)
    const shape = concreteShape(input.shape, new Map())
    feeds[input.name] = fromHost(randomTensor(input.type, shape, () => random.uniform()))
  }
  return feeds
}
