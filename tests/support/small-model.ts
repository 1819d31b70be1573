import { GraphBuilder } from '../../src/api/graph/builder.js'
import type { HostTensor } from '../../src/core/host.js'
import { exportModel } from '../../src/onnx/export-any.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { randomTensor, seeded } from './random.js'

registerAllOps()

/** The input of {@link smallModel}: the same on every machine. */
export function smallImage(): Float32Array {
  const random = seeded(7)
  return Float32Array.from({ length: 144 }, random)
}

/**
 * A convolutional classifier as small as it can be with everything that a test of the tools needs: a free batch size, a
 * convolution, a pool, a matrix product. image [N,1,12,12] → scores [N,5].
 */
export function smallModel(): Uint8Array<ArrayBuffer> {
  const random = seeded(1)
  const weights = (shape: readonly number[]): HostTensor => randomTensor(random, 'float32', shape, -0.5, 0.5)
  const g = new GraphBuilder('small')
  const image = g.input('image', 'float32', ['N', 1, 12, 12])
  const features = g.op(
    'Conv',
    [image, g.constant('conv.weight', weights([4, 1, 3, 3])), g.constant('conv.bias', weights([4]))],
    { pads: [1, 1, 1, 1] },
    '/conv/Conv',
  )
  const pooled = g.op('MaxPool', [features], { kernel_shape: [2, 2], strides: [2, 2] }, '/pool/MaxPool')
  const flat = g.op('Flatten', [pooled], {}, '/Flatten')
  const scores = g.op(
    'Gemm',
    [flat, g.constant('fc.weight', weights([5, 144])), g.constant('fc.bias', weights([5]))],
    { transB: 1 },
    '/fc/Gemm',
  )
  g.output(scores, 'scores')
  return exportModel(g.graph()) as Uint8Array<ArrayBuffer>
}
