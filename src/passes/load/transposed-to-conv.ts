import type { HostTensor } from '../../core/host.js'
import { findOp } from '../../ir/registry.js'
import type { Graph, Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'

/**
 * ConvTranspose of stride 1 with constant filters is a Conv with the filters turned round, the padding that is left of
 * the kernel's reach, and inputs and outputs exchanged. Conv has more kernels (depthwise, Winograd's) and more that
 * fuses with it.
 */
export const transposedToConv = {
  name: 'transposed-to-conv',
  run(graph: Graph): Graph {
    const rewriter = new Rewriter(graph)
    const Conv = findOp('', 'Conv')
    for (const node of graph.nodes) {
      const { op, attributes, inputs } = node
      const filter = inputs[1]
      const w = filter?.constant
      if (!Conv || !filter || op.name !== 'ConvTranspose' || op.domain !== '' || w?.dtype !== 'float32') continue
      const { auto_pad, output_shape, output_padding, kernel_shape } = attributes
      const group = attributes.group as number
      const [strides, dilations, cut] = [attributes.strides, attributes.dilations, attributes.pads] as (
        | readonly number[]
        | undefined
      )[]
      const reach = [...w.shape.slice(2), ...w.shape.slice(2)].map(
        (taps, i, both) => (dilations?.[i % (both.length / 2)] ?? 1) * (taps - 1),
      )
      const pads = reach.map((r, i) => r - (cut?.[i] ?? 0))
      // What is not so, or not right, is for ConvTranspose itself to compute or to refuse.
      if (
        auto_pad !== 'NOTSET' ||
        output_shape ||
        output_padding ||
        strides?.some((stride) => stride !== 1) ||
        !(group >= 1) ||
        w.shape[0] % group
      )
        continue
      if ((cut && cut.length !== reach.length) || cut?.some((pad) => !(pad >= 0)) || pads.some((pad) => !(pad >= 0)))
        continue
      const filters: Value = { name: filter.name, constant: turned(w, group) }
      rewriter.replace(node, {
        ...node,
        op: Conv,
        attributes: { auto_pad, dilations, group, kernel_shape, pads, strides },
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
