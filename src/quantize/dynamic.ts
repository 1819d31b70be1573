// MatMulInteger and ConvInteger: activations become bytes as they come, by the range of each tensor.
import { withNodes, type Graph, type Node, type Value } from '../ir/graph.js'
import type { Candidate } from './candidates.js'
import { int8Tensor, weightCodes, type WeightOptions } from './linear.js'
import { floats, isOp, makeNode, Names } from './nodes.js'
import { dtypeToOnnx } from '../core/dtype.js'

/** What DynamicQuantizeLinear makes of an activation. */
interface Dynamic {
  readonly codes: Value
  readonly scale: Value
  readonly zero: Value
}

/** The graph with the chosen candidates on integers. */
export function quantizeDynamic(graph: Graph, chosen: readonly Candidate[], options: WeightOptions): Graph {
  const names = new Names(graph)
  const byNode = new Map(chosen.map((one) => [one.node, one]))
  const known = new Map<Value, Dynamic>()
  const nodes: Node[] = []
  const dynamic = (x: Value): Dynamic => {
    const before = known.get(x)
    if (before) return before
    const [codes, scale, zero] = ['quantized', 'scale', 'zero_point'].map((what) => names.value(`${x.name}_${what}`))
    nodes.push(makeNode('DynamicQuantizeLinear', names.fresh(`${x.name}_QuantizeLinear`), [x], [codes, scale, zero]))
    const made = { codes, scale, zero }
    known.set(x, made)
    return made
  }
  for (const node of graph.nodes) {
    const candidate = byNode.get(node)
    if (candidate) nodes.push(...integers(candidate, dynamic(candidate.x), names, options))
    else nodes.push(node)
  }
  return withNodes(graph, nodes)
}

/** Integer product or convolution, its sums as float32, their unit, and the bias. */
function integers({ node, weights, axis, bias }: Candidate, x: Dynamic, names: Names, options: WeightOptions): Node[] {
  const conv = isOp(node, 'Conv')
  const { codes, scales, shape } = weightCodes(weights.constant, axis, options)
  const transposed = !conv && axis === 0
  const operand = names.constant(
    `${weights.name}_quantized`,
    transposed ? int8Tensor(turned(codes, shape)) : int8Tensor({ codes, shape }),
  )
  // Numbers of channels stand before the spatial axes, or last.
  const across = conv ? [scales.length, ...new Array<number>(shape.length - 2).fill(1)] : [scales.length]
  const unitOf = names.constant(`${weights.name}_scale`, floats(scales, scales.length === 1 ? [] : across))
  const value = (what: string) => names.value(`${node.name}_${what}`)
  const named = (what: string) => names.fresh(`${node.name}_${what}`)
  const [result] = node.outputs
  const [sums, real, unit] = [value('sums'), value('float'), value('unit')]
  const scaled = bias ? value('scaled') : result
  return [
    makeNode(
      conv ? 'ConvInteger' : 'MatMulInteger',
      named('integer'),
      [x.codes, operand, x.zero],
      [sums],
      conv ? node.attributes : {},
    ),
    makeNode('Cast', named('Cast'), [sums], [real], { to: dtypeToOnnx('float32') }),
    makeNode('Mul', named('unit_Mul'), [x.scale, unitOf], [unit]),
    makeNode('Mul', named('Mul'), [real, unit], [scaled]),
    ...(bias
      ? [
          makeNode(
            'Add',
            named('Add'),
            [
              scaled,
              names.constant(
                `${bias.name}_across`,
                floats(
                  bias.constant.data as Float32Array,
                  conv ? [bias.constant.data.length, ...across.slice(1)] : undefined,
                ),
              ),
            ],
            [result],
          ),
        ]
      : []),
  ]
}

/** Rows as columns. */
function turned(codes: Int8Array, [rows, columns]: readonly number[]) {
  const result = new Int8Array(codes.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = codes[i * columns + j]
  return { codes: result, shape: [columns, rows] }
}
