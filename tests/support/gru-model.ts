import { GraphBuilder } from '../../src/api/graph/builder.js'
import { exportModel } from '../../src/onnx/export-any.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { randomTensor, seeded } from './random.js'

registerAllOps()

/**
 * A step of a GRU, small enough to be mostly overhead: x [1, 1, 4] and a state h [1, 1, 6] → y, and hn, the state of
 * the next step.
 */
export function gruModel(): Uint8Array {
  const random = seeded(3)
  const g = new GraphBuilder('stream')
  const x = g.input('x', 'float32', [1, 1, 4])
  const h = g.input('h', 'float32', [1, 1, 6])
  const constants = [[18, 4], [18, 6], [36]].map((shape, i) =>
    g.constant(`w${i}`, randomTensor(random, 'float32', [1, ...shape], -1, 1)),
  )
  const [y, hn] = g.node('GRU', [x, ...constants, undefined, h], { hidden_size: 6 }, { outputs: 2 })
  g.output(y, 'y')
  g.output(hn, 'hn')
  return exportModel(g.graph())
}
