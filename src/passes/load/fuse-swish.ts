import type { OpDefinition } from '../../ir/op.js'
import { HardSwish, Mish, Swish } from '../../ops/elementwise/unary.js'
import type { Graph, Value } from '../../ir/graph.js'
import { nearly, plain } from '../pattern.js'
import { fuseGates, made, numberOf, productOf, type GateMatch } from '../product.js'

/**
 * x · sigmoid(αx) (Swish, SiLU), x · clip(x + 3, 0, 6)/6 and x · HardSigmoid(x) (HardSwish), x · tanh(softplus(x))
 * (Mish), as exporters write them, with the factors in any order.
 */
export const fuseSwish = {
  name: 'fuse-swish',
  run: (graph: Graph): Graph => fuseGates(graph, match),
} as const

const match: GateMatch = (rewriter, x, gate, by) => {
  const maker = made(rewriter, gate)
  const argument = maker?.inputs[0]
  if (!argument) return undefined
  if (plain(maker, 'Sigmoid') && by === 1) {
    if (argument === x) return { op: Swish as unknown as OpDefinition, attributes: { alpha: 1 }, rank: 0 }
    const scaled = rewriter.single(argument) ? productOf(rewriter, argument) : undefined
    if (scaled?.factors.length !== 1 || scaled.factors[0] !== x) return undefined
    return { op: Swish as unknown as OpDefinition, attributes: { alpha: scaled.by }, rank: scaled.rank }
  }
  if (plain(maker, 'HardSigmoid') && by === 1 && argument === x) {
    const { alpha, beta } = maker.attributes as { alpha: number; beta: number }
    return nearly(alpha, 1 / 6) && nearly(beta, 0.5) ? { op: HardSwish, rank: 0 } : undefined
  }
  if (plain(maker, 'Clip') && nearly(by, 1 / 6)) {
    const [low, high] = [numberOf(maker.inputs[1]), numberOf(maker.inputs[2])]
    const three =
      low?.value === 0 && high?.value === 6 ? addedTo(x, plain(made(rewriter, argument), 'Add')?.inputs) : undefined
    return three?.value === 3 ? { op: HardSwish, rank: three.rank } : undefined
  }
  if (plain(maker, 'Tanh') && by === 1)
    return plain(made(rewriter, argument), 'Softplus')?.inputs[0] === x ? { op: Mish, rank: 0 } : undefined
  return undefined
}

function addedTo(x: Value, inputs: readonly (Value | undefined)[] | undefined): ReturnType<typeof numberOf> {
  return inputs?.includes(x) ? numberOf(inputs[0] === x ? inputs[1] : inputs[0]) : undefined
}
