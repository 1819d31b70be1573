import type { HostTensor } from '../../host.js'
import { findOp } from '../../ops/registry.js'
import type { Graph, Value } from '../ir.js'
import { Rewriter } from '../rewrite.js'

/**
 * ConvTranspose of stride 1 with constant filters is a Conv with the filters turned round, the padding that is left of the kernel's reach, and inputs
 * and outputs exchanged. Conv has more kernels (depthwise, Winograd's) and more that fuses with it.
 */
export const transposedToConv = {
  name: 'transposed-to-conv',
  run(graph: Graph): Graph {
    const rewriter = new Rewriter(graph)
    const Conv = findOp('', 'Conv')
    for (const node of graph.nodes) {
      const { op, attributes, inputs } = node
      const w = inputs[1]?.constant
      if (!Conv || op.name !== 'ConvTranspose' || op.domain !== '' || w?.dtype !== 'float32' || attributes.output_shape !== undefined) continue
      if (attributes.auto_pad !== 'NOTSET' && attributes.auto_pad !== 'VALID') continue
      const kernel = w.shape.slice(2)
      const group = attributes.group as number
      const list = (name: string, length: number, fill: number): readonly number[] => {
        const given = attributes[name] as readonly number[] | undefined
        return given?.length ? given : new Array<number>(length).fill(fill)
      }
      const axes = kernel.length
      const dilations = list('dilations', axes, 1)
      const extra = list('output_padding', axes, 0)
      const cut = attributes.auto_pad === 'VALID' ? new Array<number>(2 * axes).fill(0) : list('pads', 2 * axes, 0)
      const reach = kernel.map((taps, i) => dilations[i] * (taps - 1))
      const pads = [...reach.map((r, i) => r - cut[i]), ...reach.map((r, i) => r - cut[axes + i] + extra[i])]
      // What is not so, or not right, is for ConvTranspose itself to compute or to refuse.
      const lists = [dilations, extra, list('strides', axes, 1)]
      if (lists.some((given) => given.length !== axes) || cut.length !== 2 * axes || !(group >= 1) || w.shape[0] % group !== 0 || axes < 1) continue
      if (lists[2].some((stride) => stride !== 1) || pads.some((pad) => !(pad >= 0)) || [...extra, ...cut].some((pad) => !(pad >= 0))) continue
      const filters: Value = { name: inputs[1]!.name, constant: turned(w, group) }
      rewriter.replace(node, {
        ...node,
        op: Conv,
        attributes: { auto_pad: 'NOTSET', dilations, group, kernel_shape: attributes.kernel_shape, pads, strides: lists[2] },
        inputs: [inputs[0], filters, ...inputs.slice(2)],
      })
    }
    return rewriter.apply()
  },
} as const

/** W [C, M/group, kernel …] → [M, C/group, kernel from its end …]. */
function turned({ shape, data }: HostTensor, group: number): HostTensor {
  const [inputs, outputs] = [shape[0] / group, shape[1]]
  const taps = (data as Float32Array).length / (shape[0] * outputs || 1)
  const result = new Float32Array((data as Float32Array).length)
  let at = 0
  for (let g = 0; g < group; g++) {
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++) {
        const from = ((g * inputs + i) * outputs + o) * taps
        for (let t = taps - 1; t >= 0; t--) result[at++] = (data as Float32Array)[from + t]
      }
    }
  }
  return { dtype: 'float32', shape: [outputs * group, inputs, ...shape.slice(2)], data: result }
}
