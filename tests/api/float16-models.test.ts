import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { isHostTensor, type HostTensor, type HostValue } from '../../src/core/host.js'
import type { AttributeProto, ModelProto, TensorProto } from '../../src/onnx/schema/onnx.js'
import { decodeTensor, encodeTensor } from '../../src/onnx/tensor-proto.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import { floatsOf, floatTensor } from '../../src/ops/elementwise/scalar-floats.js'
import { lanewise, onnxruntimeWeb, type Engine } from '../conformance/engines.js'
import { halved, withHalfFloats } from '../support/half-model.js'
import { findModels, randomFeeds } from '../support/models.js'
import { skipUnlessShared } from '../support/shared.js'

/** Float32 with the values that float16 has. */
function rounded(tensor: HostTensor): HostTensor {
  return tensor.dtype === 'float32' ? floatTensor('float32', tensor.shape, floatsOf(halved(tensor))) : tensor
}

/** The float32 model that a float16 one stands for: the same weights, computed with all digits. */
function exactly(model: ModelProto): ModelProto {
  const tensor = (proto: TensorProto): TensorProto => {
    const decoded = decodeTensor(proto)
    return decoded.dtype === 'float32' ? encodeTensor(proto.name, rounded(decoded)) : proto
  }
  const attribute = (given: AttributeProto): AttributeProto => ({ ...given, t: given.t && tensor(given.t) })
  const graph = model.graph!
  return {
    ...model,
    graph: {
      ...graph,
      initializer: graph.initializer.map(tensor),
      node: graph.node.map((node) => ({ ...node, attribute: node.attribute.map(attribute) })),
    },
  }
}

async function outputs(engine: Engine, model: ModelProto, feeds: ReadonlyMap<string, HostValue>) {
  const loaded = await engine.load(writeModel(model))
  try {
    return await loaded.run(feeds)
  } finally {
    await loaded.release()
  }
}

/** The mean |a − b|, as a share of the largest |b|. */
function distance(a: HostValue | undefined, b: HostValue | undefined): number {
  if (!a || !b || !isHostTensor(a) || !isHostTensor(b)) throw new Error('no tensors')
  const [x, y] = [floatsOf(a), floatsOf(b)]
  let [sum, largest] = [0, 0]
  for (let i = 0; i < y.length; i++) {
    sum += Math.abs(x[i] - y[i])
    largest = Math.max(largest, Math.abs(y[i]))
  }
  return sum / y.length / largest
}

skipUnlessShared('float16 models', ['models', 'mediapipe'], (folder) => {
  test.each(findModels(folder).map((model) => [basename(model.path), model.path] as const))(
    '%s in float16 is nearer to all digits than onnxruntime-web',
    { timeout: 300_000 },
    async (_, path) => {
      const model = readModel(readFileSync(path))
      const feeds = new Map(Array.from(randomFeeds(model, 7), ([name, x]) => [name, rounded(x)] as const))
      const halves = new Map(Array.from(feeds, ([name, x]) => [name, x.dtype === 'float32' ? halved(x) : x] as const))
      const exact = await outputs(await onnxruntimeWeb(), exactly(model), feeds)
      const half = withHalfFloats(model)
      const ours = await outputs(lanewise(), half, halves)
      const theirs = await outputs(await onnxruntimeWeb(), half, halves)
      for (const [name, value] of exact) {
        const [mine, peer] = [distance(ours.get(name), value), distance(theirs.get(name), value)]
        expect(mine, `${name}: ${mine} here, ${peer} there`).toBeLessThanOrEqual(peer)
      }
    },
  )
})
