// What is rewritten even for the operator set that files have if nobody asks for another.
import { isHalf } from '../../core/dtype.js'
import { hostFrom } from '../../core/host.js'
import type { Value } from '../../ir/graph.js'
import { cannot, castNode, plain, type Rewrite, type Surroundings, type WrittenNode } from './written-node.js'

// A function, which bundlers can leave out of apps that write no model.
export const todaysRewrites = (): Readonly<Record<'Split' | 'Swish', Rewrite>> => ({
  Split(node) {
    // Nobody has to say how many outputs there are before 18, nor with today's definition here.
    if (!node.inputs[1]) node.attributes.set('num_outputs', { kind: 'int', value: node.outputs.length })
    return undefined
  },
  Swish(node, opset, around) {
    if (opset >= 24) return undefined
    if (isHalf(around.dtype(node.inputs[0]))) return inFloat32(node, around)
    const alpha = (node.attributes.get('alpha')?.value as number | undefined) ?? 1
    const [scaled, gate] = [around.value('scaled'), around.value('gate')]
    const factor = alpha === 1 ? undefined : numberLike(node, opset, around)(alpha)
    return [
      ...(factor ? [plain('Mul', [node.inputs[0], factor], [scaled])] : []),
      plain('Sigmoid', [factor ? scaled : node.inputs[0]], [gate]),
      plain('Mul', [node.inputs[0], gate], [...node.outputs]),
    ]
  },
})

/** An operator that is put together of others, for half floats: rounded once, as it is itself. */
export function inFloat32(node: WrittenNode, around: Surroundings): readonly WrittenNode[] {
  const [x] = node.inputs
  const [y] = node.outputs
  const dtype = around.dtype(x)
  if (!x || !y || !dtype) return [node]
  const [from, to] = [x, y].map((value) => around.value(`${value.name}/float32`, value, 'float32'))
  return [castNode(x, from, 'float32'), { ...node, inputs: [from], outputs: [to] }, castNode(to, y, dtype)]
}

/** Constants of the type of a node's first input. */
export function numberLike(node: WrittenNode, opset: number, around: Surroundings): (value: number) => Value {
  const dtype = around.dtype(node.inputs[0])
  if (dtype !== 'float32' && dtype !== 'float64')
    cannot(opset, `it takes operators of its own, for ${dtype ?? 'a type'} that is not known`)
  return (value) => around.constant('number', hostFrom(dtype, [], [value]))
}
