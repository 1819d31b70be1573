import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { withNodes, type Graph, type Node } from '../../ir/graph.js'
import { float, int } from '../../ir/attributes.js'
import { defineOp, type OpDefinition } from '../../ir/op.js'
import { floatsOf, floatTensor, numbersOf } from '../shared/scalar-floats.js'
import { BulkGenerator } from './bulk-generator.js'

/**
 * ONNX's Dropout in training mode, in a session: elements are dropped by the node's own seed or one of the session's.
 * Which ones is each runtime's own affair.
 */
export const SessionDropout = defineOp({
  name: 'SessionDropout',
  takes: isFloat,
  domain: 'lanewise',
  arity: [1, 3],
  outputs: 2,
  random: true,
  attributes: { ratio: float(0.5), seed: int() },
  infer: ({ inputs: [x] }) => [x, { dtype: 'bool', shape: x.shape }],
  compute({ attributes, inputs: [x, given, training], outputs, seed }) {
    const [ratio] = given ? floatsOf(given) : [attributes.ratio]
    if (!(ratio >= 0 && ratio < 1))
      throw new LanewiseError('E_VALUE', `the share to drop must be in [0, 1), got ${ratio}`)
    const drops = training !== undefined && Number(training.data[0]) !== 0 && ratio > 0
    const kept = new Uint8Array(x.data.length).fill(1)
    const scaled = Float64Array.from(numbersOf(x))
    if (drops) {
      const drawn = new Float64Array(kept.length)
      new BulkGenerator(attributes.seed ?? seed?.() ?? 0).uniforms(drawn)
      for (let i = 0; i < kept.length; i++) {
        kept[i] = drawn[i] < ratio ? 0 : 1
        scaled[i] = kept[i] ? scaled[i] / (1 - ratio) : 0
      }
    }
    const y = floatTensor(x.dtype, x.shape, scaled)
    return outputs.length > 1 ? [y, { dtype: 'bool', shape: x.shape, data: kept }] : [y]
  },
})

/** Dropouts that may drop something, in the place of those that hand their input on. */
export function dropInTraining(graph: Graph): Graph {
  const random = ({ op, inputs }: Node): boolean => {
    const training = inputs[2]
    return (
      op.name === 'Dropout' &&
      op.domain === '' &&
      training !== undefined &&
      Number(training.constant?.data[0] ?? 1) !== 0
    )
  }
  if (!graph.nodes.some(random)) return graph
  const op = SessionDropout as unknown as OpDefinition
  return withNodes(
    graph,
    graph.nodes.map((node) => (random(node) ? { ...node, op } : node)),
  )
}
