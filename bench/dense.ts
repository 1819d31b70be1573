import { exportModel, GraphBuilder, Tensor } from '../src/node.js'
import { seeded } from '../tests/support/random.js'

/** A model of dense layers with ReLU over rows of `widths[0]` numbers, any number of them. */
export function denseModel(seed: number, widths: readonly number[]): Uint8Array {
  const random = seeded(seed)
  const g = new GraphBuilder('dense')
  let x = g.input('x', 'float32', ['N', widths[0]])
  for (const [i, to] of widths.slice(1).entries()) {
    const from = widths[i]
    const scale = Math.sqrt(6 / from)
    const weights = Float32Array.from({ length: from * to }, () => scale * (2 * random() - 1))
    x = g.op('Relu', [g.op('MatMul', [x, g.constant(`w${i}`, new Tensor('float32', weights, [from, to]))])])
  }
  g.output(x, 'y')
  return exportModel(g.graph())
}
