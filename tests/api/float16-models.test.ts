import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { isHostTensor, type HostTensor, type HostValue } from '../../src/core/host.js'
import type { AttributeProto, ModelProto, TensorProto } from '../../src/onnx/schema/onnx.js'
import { decodeTensor, encodeTensor } from '../../src/onnx/tensor-proto.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import { floatsOf, floatTensor } from '../../src/ops/shared/scalar-floats.js'
import { lanewise, onnxruntimeWeb, type Engine } from '../conformance/engines.js'
import { halved, withHalfFloats, withSingleEnds } from '../support/half-model.js'
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
  test(
    'landmarks in float16 are nearer to all digits than those of onnxruntime-web',
    { timeout: 300_000 },
    async () => {
      const farthest = { ours: 0, theirs: 0 }
      for (const { path } of findModels(folder)) {
        const model = readModel(readFileSync(path))
        const feeds = new Map(Array.from(randomFeeds(model, 7), ([name, x]) => [name, rounded(x)] as const))
        const exact = await outputs(await onnxruntimeWeb(), exactly(model), feeds)
        const half = withSingleEnds(withHalfFloats(model))
        const ours = await outputs(lanewise(), half, feeds)
        const theirs = await outputs(await onnxruntimeWeb(), half, feeds)
        for (const [name, value] of exact) {
          const mine = distance(ours.get(name), value)
          // A small part of what rounding once to float16 may change: what is left is float32's order of operations.
          expect(mine, `${basename(path)}, ${name}`).toBeLessThan(2 ** -11 / 32)
          farthest.ours = Math.max(farthest.ours, mine)
          farthest.theirs = Math.max(farthest.theirs, distance(theirs.get(name), value))
        }
      }
      expect(farthest.ours).toBeLessThan(farthest.theirs)
    },
  )
})
