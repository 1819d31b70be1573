import { lazyTensor, type HostTensor } from '../../core/host.js'
import { sizeOf } from '../../core/shape.js'
import type { Graph, Node, Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'

/** A scale and a shift for every output channel. */
interface Affine {
  readonly scale: Float64Array
  readonly shift: Float64Array
}

/**
 * Folds a scale and shift per channel that follows a convolution (BatchNormalization; Mul or Add with a constant) into
 * its weights and bias. Computed in float64 and rounded once.
 */
export const foldBatchNorm = {
  name: 'fold-batchnorm',
  run(graph: Graph): Graph {
    const rewriter = new Rewriter(graph)
    for (const node of graph.nodes) foldInto(rewriter, node)
    return rewriter.apply()
  },
} as const

/** Folds what follows a convolution into it: there may be several (BatchNormalization, then Mul and Add). */
function foldInto(rewriter: Rewriter, conv: Node): void {
  if (conv.op.domain !== '' || (conv.op.name !== 'Conv' && conv.op.name !== 'ConvTranspose')) return
  const [x, w, b] = conv.inputs
  if (!w?.constant || w.constant.dtype !== 'float32' || (b && !b.constant) || Object.keys(conv.fused).length > 0) return
  const group = Number(conv.attributes.group ?? 1)
  const transposed = conv.op.name === 'ConvTranspose'
  const channels = transposed ? w.constant.shape[1] * group : w.constant.shape[0]
  const passed: Node[] = [conv]
  let total: Affine | undefined
  for (;;) {
    const last = passed[passed.length - 1]
    const [y] = last.outputs
    const follower = y && rewriter.single(y)
    const affine = follower && affineOf(follower, y, channels, w.constant.shape.length)
    if (!affine) break
    total = total ? after(total, affine) : affine
    passed.push(follower)
  }
  if (!total) return
  const last = passed[passed.length - 1]
  const weights = constantLike(w, scaleWeights(w.constant, total.scale, transposed ? group : 0))
  const bias = { name: `${conv.name}/bias`, constant: shiftBias(b?.constant, total) }
  for (const node of passed) rewriter.remove(node)
  rewriter.replace(last, { ...conv, inputs: [x, weights, bias], outputs: [last.outputs[0]] })
}

/** One affine function after another. */
function after(first: Affine, second: Affine): Affine {
  return {
    scale: first.scale.map((scale, i) => scale * second.scale[i]),
    shift: first.shift.map((shift, i) => shift * second.scale[i] + second.shift[i]),
  }
}

/** The scale and shift that a node applies to input `y`, if it does just that. */
function affineOf(node: Node, y: Value, channels: number, rank: number): Affine | undefined {
  if (node.op.domain !== '') return undefined
  const float32 = (value: Value | undefined) =>
    value?.constant?.dtype === 'float32' ? (value.constant.data as Float32Array) : undefined
  if (node.op.name === 'BatchNormalization' && node.inputs[0] === y) {
    const [gamma, beta, mean, variance] = node.inputs.slice(1).map(float32)
    if (
      !gamma ||
      !beta ||
      !mean ||
      !variance ||
      node.attributes.training_mode ||
      node.outputs.slice(1).some((output) => output)
    )
      return undefined
    if (gamma.length !== channels) return undefined
    const epsilon = Number(node.attributes.epsilon)
    const scale = Float64Array.from(gamma, (g, i) => g / Math.sqrt(variance[i] + epsilon))
    return { scale, shift: Float64Array.from(beta, (value, i) => value - mean[i] * scale[i]) }
  }
  if (node.op.name !== 'Mul' && node.op.name !== 'Add' && node.op.name !== 'Sub') return undefined
  const other = node.inputs[0] === y ? node.inputs[1] : node.op.name === 'Sub' ? undefined : node.inputs[0]
  const factors = float32(other)
  if (!other?.constant || !factors || !perChannel(other.constant, channels, rank)) return undefined
  const at = (i: number) => factors[factors.length === 1 ? 0 : i]
  const vector = (f: (i: number) => number) => Float64Array.from({ length: channels }, (_, i) => f(i))
  if (node.op.name === 'Mul') return { scale: vector(at), shift: vector(() => 0) }
  return { scale: vector(() => 1), shift: vector((i) => (node.op.name === 'Sub' ? -at(i) : at(i))) }
}

/**
 * One number, or one per channel on axis 1 of a tensor of `rank` axes, and nothing that would broadcast the result to
 * more axes.
 */
function perChannel({ shape }: HostTensor, channels: number, rank: number): boolean {
  if (shape.length > rank) return false
  if (sizeOf(shape) === 1) return true
  const padded = [...new Array<number>(rank - shape.length).fill(1), ...shape]
  return padded.every((size, axis) => size === (axis === 1 ? channels : 1))
}

/**
 * W [M, C, …] scaled along M; of a transposed convolution W [C, M/group, …] along M. Written where a kernel packs it:
 * of a large model that is a copy of all weights less.
 */
function scaleWeights(w: HostTensor, scale: Float64Array, transposedGroups: number): HostTensor {
  const [first, second] = w.shape
  return lazyTensor('float32', w.shape, (into) => {
    const from = w.data as Float32Array
    const [blocks, block] =
      transposedGroups === 0 ? [first, from.length / first] : [first * second, from.length / (first * second)]
    const perGroup = first / transposedGroups
    for (let i = 0; i < blocks; i++) {
      const factor = scale[transposedGroups === 0 ? i : Math.floor(i / second / perGroup) * second + (i % second)]
      for (let j = i * block; j < (i + 1) * block; j++) into[j] = from[j] * factor
    }
  })
}

function shiftBias(bias: HostTensor | undefined, { scale, shift }: Affine): HostTensor {
  const before = bias?.data as Float32Array | undefined
  return {
    dtype: 'float32',
    shape: [scale.length],
    data: Float32Array.from(scale, (s, i) => (before?.[i] ?? 0) * s + shift[i]),
  }
}

function constantLike(value: Value, constant: HostTensor): Value {
  return { name: value.name, constant }
}
