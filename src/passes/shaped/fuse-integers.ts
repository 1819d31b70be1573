import { UNARY_CLIP, UNARY_RELU } from '../../../assembly/abi/codes.js'
import { dtypeFromOnnx, type DType } from '../../core/dtype.js'
import type { HostTensor } from '../../core/host.js'
import type { Activation } from '../../ir/emitter.js'
import type { OpDefinition } from '../../ir/op.js'
import { QuantizedMean, QuantizedSum } from '../../ops/quantize/microsoft-qlinear.js'
import { findOp } from '../../ir/registry.js'
import { sameShape, sizeOf } from '../../core/shape.js'
import type { Inferred } from '../../ir/infer.js'
import { notFused, type Graph, type Node, type Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'
import { eliminateDead } from '../load/eliminate-dead.js'
import { activationOf } from '../pattern.js'
import { isPlain } from './fuse-quantize.js'

/** Operators that only rename or move elements: between equal scales they may as well do it with bytes. */
const movers = new Set(['Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose'])

/**
 * A bias is taken for int32 in units of its product's scales if its own scale is within this of them: 2^-17 of a bias
 * is no step of an output.
 */
const SAME_SCALE = 2 ** -17

// Registered together with the operators that they make (api/register-all.ts), so that an app without those goes
// without these passes.

/**
 * DequantizeLinear, a convolution or product with constant weights (a global mean, a mover), Relu or Clip,
 * QuantizeLinear: the operator on integers that onnxruntime, too, makes of them (QLinearConv, QLinearMatMul, QGemm, a
 * mean). Its sums are exact, where float32 products of dequantised numbers round.
 */
export function fuseIntegers(given: Graph): Graph {
  const graph = withoutCasts(given)
  const rewriter = new Rewriter(graph)
  for (const node of graph.nodes) {
    const found = patternAt(rewriter, node)
    const fused =
      found && (conv(rewriter, found) ?? product(rewriter, found) ?? mean(rewriter, found) ?? moved(rewriter, found))
    if (fused) replace(rewriter, found, fused)
  }
  const result = rewriter.apply()
  // The dequantised weights.
  return result === graph ? graph : eliminateDead.run(result)
}

/** Exporters put a Cast to the type that it has already after every QuantizeLinear. */
function withoutCasts(graph: Graph): Graph {
  const rewriter = new Rewriter(graph)
  for (const node of graph.nodes) {
    const [x] = node.inputs
    const [y] = node.outputs
    const maker = rewriter.producer(x)
    if (!x || !y || !isPlainOp(node, 'Cast') || !maker || !isPlain(maker, 'QuantizeLinear') || !rewriter.rewritable(y))
      continue
    if (maker.inputs[2]?.constant?.dtype !== dtypeFromOnnx(Number(node.attributes.to))) continue
    rewriter.rename(y, x)
    rewriter.remove(node)
  }
  return rewriter.apply()
}

/** The same for the sum of two tensors of one shape. */
export function fuseIntegerSums(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph {
  const rewriter = new Rewriter(graph)
  for (const node of graph.nodes) {
    const found = patternAt(rewriter, node)
    const fused = found && sum(rewriter, found, types)
    if (fused) replace(rewriter, found, fused)
  }
  const result = rewriter.apply()
  return result === graph ? graph : eliminateDead.run(result)
}

type Constant = Value & { readonly constant: HostTensor }

/** A tensor of bytes with its scale and zero point. */
interface Quantized {
  readonly q: Value
  readonly scale: Constant
  readonly zero: Constant
}

/**
 * What stands before a QuantizeLinear: the node that computes, the function of one element that follows it, and what it
 * is quantised to.
 */
interface Pattern {
  readonly node: Node
  readonly passed: readonly Node[]
  readonly activation?: Activation
  readonly last: Node
  readonly y: Omit<Quantized, 'q'>
}

type Replacement = Pick<Node, 'op' | 'attributes' | 'inputs'>

function patternAt(rewriter: Rewriter, last: Node): Pattern | undefined {
  const [x, scale, zero] = last.inputs
  if (!isPlain(last, 'QuantizeLinear') || !x || !isScalar(scale, 'float32') || !isScalar(zero)) return undefined
  let node = rewriter.producer(x)
  const activation = node && bounded(node)
  const passed: Node[] = []
  if (node && activation && rewriter.single(x) && node.inputs[0]) {
    passed.push(node)
    node = rewriter.producer(node.inputs[0])
  }
  const made = node?.outputs[0]
  if (!node || !made || !rewriter.single(made) || Object.keys(node.fused).length > 0) return undefined
  return {
    node,
    passed: [...passed, node],
    activation: passed.length > 0 ? activation : undefined,
    last,
    y: { scale, zero },
  }
}

function replace(rewriter: Rewriter, { last, node, passed, activation }: Pattern, by: Replacement): void {
  for (const one of passed) rewriter.remove(one)
  rewriter.replace(last, {
    ...by,
    name: node.name,
    outputs: [last.outputs[0]],
    fused: activation ? { activation } : notFused,
  })
}

/** Relu or Clip as the function that it is. */
function bounded(node: Node): Activation | undefined {
  if (node.op.domain !== '') return undefined
  const activation = activationOf(node)
  return activation?.code === UNARY_RELU || activation?.code === UNARY_CLIP ? activation : undefined
}

function isConstant(value: Value | undefined): value is Constant {
  return value?.constant !== undefined
}

function isScalar(value: Value | undefined, dtype?: DType): value is Constant {
  if (!isConstant(value) || sizeOf(value.constant.shape) !== 1) return false
  return dtype ? value.constant.dtype === dtype : isByte(value.constant)
}

const isByte = ({ dtype }: HostTensor): boolean => dtype === 'uint8' || dtype === 'int8'

/** The bytes that a value is dequantised from, with one scale. */
function bytesOf(rewriter: Rewriter, value: Value | undefined): Quantized | undefined {
  const node = rewriter.producer(value)
  if (!node || !isPlain(node, 'DequantizeLinear')) return undefined
  const [q, scale, zero] = node.inputs
  return q && isScalar(scale, 'float32') && isScalar(zero) ? { q, scale, zero } : undefined
}

/** Constant weights with their scales: one, or one for each position of an axis. */
function weightsOf(
  rewriter: Rewriter,
  value: Value | undefined,
  axis: number,
): (Quantized & { readonly constant: HostTensor }) | undefined {
  const node = rewriter.producer(value)
  if (!node || !isPlain(node, 'DequantizeLinear')) return undefined
  const [q, scale, zero] = node.inputs
  const constant = q?.constant
  if (
    !constant ||
    !isByte(constant) ||
    !isConstant(scale) ||
    scale.constant.dtype !== 'float32' ||
    !isConstant(zero) ||
    zero.constant.dtype !== constant.dtype
  )
    return undefined
  const scales = sizeOf(scale.constant.shape)
  const given = Number(node.attributes.axis ?? 1)
  const fits =
    scales === 1 || (scales === constant.shape[axis] && (given < 0 ? given + constant.shape.length : given) === axis)
  return fits && sizeOf(zero.constant.shape) === scales ? { q, scale, zero, constant } : undefined
}

/** An int32 bias whose unit is that of the sums. */
function biasOf(rewriter: Rewriter, value: Value | undefined, x: Quantized, w: Quantized): Constant | undefined {
  const node = rewriter.producer(value)
  if (!node || !isPlain(node, 'DequantizeLinear')) return undefined
  const [q, scale, zero] = node.inputs
  if (
    !isConstant(q) ||
    q.constant.dtype !== 'int32' ||
    scale?.constant?.dtype !== 'float32' ||
    (zero && !zero.constant?.data.every(isZero))
  )
    return undefined
  const scales = scale.constant.data as Float32Array
  const [from, to] = [x.scale.constant.data as Float32Array, w.scale.constant.data as Float32Array]
  const count = Math.max(scales.length, to.length)
  for (let i = 0; i < count; i++) {
    const unit = Math.fround(from[0] * to[to.length === 1 ? 0 : i])
    if (!(Math.abs(scales[scales.length === 1 ? 0 : i] - unit) <= SAME_SCALE * unit)) return undefined
  }
  return q
}

const isZero = (value: unknown): boolean => Number(value) === 0

function conv(rewriter: Rewriter, { node, y }: Pattern): Replacement | undefined {
  if (!isPlainOp(node, 'Conv')) return undefined
  const op = findOp('', 'QLinearConv')
  const x = bytesOf(rewriter, node.inputs[0])
  const w = weightsOf(rewriter, node.inputs[1], 0)
  const bias = x && w && biasOf(rewriter, node.inputs[2], x, w)
  const rank = w?.constant.shape.length ?? 0
  if (
    !op ||
    !x ||
    !w ||
    rank < 3 ||
    rank > 5 ||
    (node.inputs[2] && (!bias || sizeOf(bias.constant.shape) !== w.constant.shape[0]))
  )
    return undefined
  return {
    op,
    attributes: node.attributes,
    inputs: [x.q, x.scale, x.zero, w.q, w.scale, w.zero, y.scale, y.zero, bias],
  }
}

function product(rewriter: Rewriter, { node, y }: Pattern): Replacement | undefined {
  const gemm = isPlainOp(node, 'Gemm')
  if (!gemm && !isPlainOp(node, 'MatMul')) return undefined
  const { alpha, beta, transA, transB } = node.attributes
  if (gemm && (alpha !== 1 || beta !== 1 || transA !== 0)) return undefined
  const op = gemm ? findOp('com.microsoft', 'QGemm') : findOp('', 'QLinearMatMul')
  const axis = gemm && transB !== 0 ? 0 : 1
  const x = bytesOf(rewriter, node.inputs[0])
  const w = weightsOf(rewriter, node.inputs[1], axis)
  if (!op || !x || w?.constant.shape.length !== 2) return undefined
  if (!gemm) return { op, attributes: {}, inputs: [x.q, x.scale, x.zero, w.q, w.scale, w.zero, y.scale, y.zero] }
  const bias = biasOf(rewriter, node.inputs[2], x, w)
  if (node.inputs[2] && (!bias || !sameShape(bias.constant.shape, [w.constant.shape[axis]]))) return undefined
  return {
    op,
    attributes: { alpha, transA, transB },
    inputs: [x.q, x.scale, x.zero, w.q, w.scale, w.zero, bias, y.scale, y.zero],
  }
}

function mean(rewriter: Rewriter, { node, y, activation }: Pattern): Replacement | undefined {
  const x = isPlainOp(node, 'GlobalAveragePool') ? bytesOf(rewriter, node.inputs[0]) : undefined
  if (!x || activation || x.zero.constant.dtype !== y.zero.constant.dtype) return undefined
  const op = QuantizedMean as unknown as OpDefinition
  return { op, attributes: {}, inputs: [x.q, x.scale, x.zero, y.scale, y.zero] }
}

function moved(rewriter: Rewriter, { node, y, activation }: Pattern): Replacement | undefined {
  const x = node.op.domain === '' && movers.has(node.op.name) ? bytesOf(rewriter, node.inputs[0]) : undefined
  if (!x || activation || x.zero.constant.dtype !== y.zero.constant.dtype) return undefined
  const same =
    x.scale.constant.data[0] === y.scale.constant.data[0] && x.zero.constant.data[0] === y.zero.constant.data[0]
  return same ? { op: node.op, attributes: node.attributes, inputs: [x.q, ...node.inputs.slice(1)] } : undefined
}

function sum(rewriter: Rewriter, { node, y }: Pattern, types: ReadonlyMap<Value, Inferred>): Replacement | undefined {
  if (!isPlainOp(node, 'Add')) return undefined
  const [a, b] = node.inputs.map((value) => bytesOf(rewriter, value))
  const shapes = [a, b].map((one) => one && (one.q.constant ?? types.get(one.q)?.type)?.shape)
  const dtypes = [a, b, y].map((one) => one?.zero.constant?.dtype)
  if (!a || !b || !shapes[0] || !shapes[1] || !sameShape(shapes[0], shapes[1]) || new Set(dtypes).size !== 1)
    return undefined
  const op = QuantizedSum as unknown as OpDefinition
  return { op, attributes: {}, inputs: [a.q, a.scale, a.zero, b.q, b.scale, b.zero, y.scale, y.zero] }
}

function isPlainOp({ op }: Node, name: string): boolean {
  return op.domain === '' && op.name === name
}
