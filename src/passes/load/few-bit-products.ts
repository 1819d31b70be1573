import type { HostTensor } from '../../core/host.js'
import { normalizeAxis } from '../../core/shape.js'
import { notFused, type Graph, type Node, type Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'
import { MatMulNBits } from '../../ops/quantize/matmul-nbits.js'
import { eliminateDead } from './eliminate-dead.js'

/** Types of a few bits, and how many. */
const widths: Readonly<Record<string, number>> = { int2: 2, uint2: 2, int4: 4, uint4: 4 }

/**
 * A MatMul whose constant weights come from a DequantizeLinear of 2 or 4 bits, in blocks along k or by columns, is a
 * MatMulNBits: the weights stay packed, where constants folded would be floats.
 */
export function fewBitProducts(graph: Graph): Graph {
  const rewriter = new Rewriter(graph)
  for (const node of graph.nodes) {
    const { op, inputs, fused } = node
    const maker = op.domain === '' && op.name === 'MatMul' ? rewriter.producer(inputs[1]) : undefined
    const weights = maker && Object.keys(fused).length === 0 ? weightsOf(maker) : undefined
    if (!weights) continue
    const { b, scales, zeros, ...sizes } = weights
    const constant = (what: string, tensor: HostTensor): Value => ({
      name: `${inputs[1]?.name ?? ''}.${what}`,
      constant: tensor,
    })
    rewriter.replace(node, {
      ...node,
      op: MatMulNBits,
      attributes: { ...sizes, accuracy_level: 0, weight_prepacked: 0 },
      inputs: [
        inputs[0],
        constant('packed', b),
        constant('scales', scales),
        ...(zeros ? [constant('zeros', zeros)] : []),
      ],
      fused: notFused,
    })
  }
  const result = rewriter.apply()
  return result === graph ? graph : eliminateDead.run(result)
}

interface Weights {
  readonly K: number
  readonly N: number
  readonly bits: number
  readonly block_size: number
  readonly b: HostTensor
  readonly scales: HostTensor
  readonly zeros: HostTensor | undefined
}

/** Dequantised weights as MatMulNBits reads them, if it can. */
function weightsOf({ op, attributes, inputs }: Node): Weights | undefined {
  const [w, scale, zero] = inputs.map((input) => input?.constant)
  const bits = widths[w?.dtype ?? '']
  if (op.domain !== '' || op.name !== 'DequantizeLinear' || !w || !bits || w.shape.length !== 2) return undefined
  if (scale?.dtype !== 'float32' || (inputs[2] && zero?.dtype !== w.dtype)) return undefined
  // Of float32, as the scales are: nothing else is named here.
  if (attributes.output_dtype !== 0 && attributes.output_dtype !== 1) return undefined
  const [K, N] = w.shape
  const axis = normalizeAxis(Number(attributes.axis), 2)
  const block = Number(attributes.block_size)
  const size = block > 0 ? block : Math.ceil((K * bits) / 32) * (32 / bits)
  const blocks = Math.ceil(K / size)
  // Blocks along k, or scales for columns, or one for all; rows of whole words.
  const fits = block > 0 ? axis === 0 && scale.shape.join() === [blocks, N].join() : isByColumn(scale, axis, N)
  if (!fits || K === 0 || (size * bits) % 32 !== 0 || (zero && zero.shape.join() !== scale.shape.join()))
    return undefined
  const q = w.data as ArrayLike<number>
  const signed = w.dtype.startsWith('int')
  const half = signed ? 2 ** (bits - 1) : 0
  const each = 8 / bits
  const bytes = new Uint8Array((N * blocks * size) / each)
  for (let k = 0; k < K; k++)
    for (let n = 0; n < N; n++) {
      const at = n * blocks * size + k
      bytes[Math.floor(at / each)] |= (q[k * N + n] + half) << ((at % each) * bits)
    }
  // By columns then blocks; one scale or zero point stands for all of them.
  const turned = (values: ArrayLike<number>, block: number, n: number): number =>
    values[values.length === 1 ? 0 : block * N + n]
  const factors = new Float32Array(N * blocks)
  // Without zero points MatMulNBits takes half of the range.
  const points = signed && !zero ? undefined : new Uint8Array(N * Math.ceil(blocks / each))
  for (let n = 0; n < N; n++)
    for (let i = 0; i < blocks; i++) {
      factors[n * blocks + i] = turned(scale.data as ArrayLike<number>, i, n)
      if (!points) continue
      const point = (zero ? turned(zero.data as ArrayLike<number>, i, n) : 0) + half
      points[n * Math.ceil(blocks / each) + Math.floor(i / each)] |= point << ((i % each) * bits)
    }
  return {
    K,
    N,
    bits,
    block_size: size,
    b: { dtype: 'uint8', shape: [N, blocks, (size * bits) / 8], data: bytes },
    scales: { dtype: 'float32', shape: [N * blocks], data: factors },
    zeros: points && { dtype: 'uint8', shape: [points.length], data: points },
  }
}

function isByColumn({ shape }: HostTensor, axis: number, columns: number): boolean {
  return shape.length === 0 || shape.join() === '1' || (axis === 1 && shape.join() === String(columns))
}
