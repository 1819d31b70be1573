import '../../src/all-ops.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import * as train from '../../src/train.js'
import { trainSmall } from '../runtimes/train-program.js'
import { gruModel } from '../support/gru-model.js'
import { halved, withHalfFloats } from '../support/half-model.js'
import { smallImage, smallModel } from '../support/small-model.js'

/**
 * Models as base64, what goes into them and the bits that come out, in Node from the sources: every place has to come
 * to the same.
 */
export interface Fixture {
  /** Of `smallModel`: image [1, 1, 12, 12] → scores [1, 5]. */
  readonly small: string
  readonly image: readonly number[]
  readonly scores: readonly number[]
  /** The same in float16, as bits. */
  readonly half: string
  readonly halfImage: readonly number[]
  readonly halfScores: readonly number[]
  /** Of `gruModel`, run step by step. */
  readonly stream: string
  readonly streamInput: readonly number[]
  readonly streamOutput: readonly number[]
  /** A determinant: an operator outside the common set. */
  readonly rare: string
  /** Hashes of the weights of `trainSmall` after 20 steps. */
  readonly trained: readonly number[]
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

/** Computes the fixture. */
export async function makeFixture(): Promise<Fixture> {
  const small = smallModel()
  const image = new Tensor('float32', smallImage(), [1, 1, 12, 12])
  const { scores } = await run(small, { image })
  const half = writeModel(withHalfFloats(readModel(small)))
  const halfImage = halved({ dtype: 'float32', shape: [1, 1, 12, 12], data: smallImage() }).data as Uint16Array
  const { scores: halfScores } = await run(half, { image: new Tensor('float16', halfImage, [1, 1, 12, 12]) })
  const { buffer, byteOffset, length } = halfScores.data as Uint16Array
  const stream = gruModel()
  const streamInput = Array.from(smallImage().subarray(0, 12))
  const streamOutput: number[] = []
  let h: Tensor = new Tensor('float32', new Float32Array(6), [1, 1, 6])
  for (let step = 0; step < streamInput.length; step += 4) {
    const x = new Tensor('float32', streamInput.slice(step, step + 4), [1, 1, 4])
    const { y, hn } = await run(stream, { x, h })
    streamOutput.push(...(y.data as Float32Array))
    h = hn
  }
  const g = new GraphBuilder('rare')
  g.output(g.op('Det', [g.input('x', 'float32', [2, 2])]), 'y')
  return {
    small: base64(small),
    image: Array.from(smallImage()),
    scores: Array.from(scores.data as Float32Array),
    half: base64(half),
    halfImage: Array.from(halfImage),
    halfScores: Array.from(new Uint16Array(buffer, byteOffset, length)),
    stream: base64(stream),
    streamInput,
    streamOutput,
    rare: base64(exportModel(g.graph())),
    trained: (await trainSmall(train, { steps: 20 })).weights,
  }
}

async function run(model: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(model, { deterministic: true })
  const results = await session.run(feeds)
  await session.release()
  return results
}
