import { UNARY_CLIP, UNARY_RELU } from '../../../assembly/abi/codes.js'
import { roundEven } from '../../ops/shared/scalar-floats.js'
import type { Activation } from '../../ir/emitter.js'
import { QuantizeDequantize } from '../../ops/quantize/quantize.js'
import { dtypeToOnnx } from '../../core/dtype.js'
import { sizeOf } from '../../core/shape.js'
import type { Inferred } from '../../ir/infer.js'
import { notFused, type Graph, type Node, type Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'
import { carriers } from '../load/fuse-activation.js'

/**
 * QuantizeLinear to a byte, then DequantizeLinear with the same scale and zero point: one function of an element, which
 * the convolution or product before applies as it stores. A Relu or Clip that it carries already goes where the byte's
 * range does the same.
 */
export function fuseQuantize(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph {
  const rewriter = new Rewriter(graph)
  const dtypeOf = (value: Value | undefined) => value && (value.constant ?? types.get(value)?.type)?.dtype
  for (const last of graph.nodes) {
    if (!isPlain(last, 'DequantizeLinear') || !rewriter.stands(last)) continue
    const between: Node[] = []
    let first = rewriter.producer(last.inputs[0])
    while (first && isPlain(first, 'Cast') && dtypeOf(first.inputs[0]) === dtypeOf(first.outputs[0])) {
      between.push(first)
      first = rewriter.producer(first.inputs[0])
    }
    if (!first) continue
    const grid = isPlain(first, 'QuantizeLinear') && gridOf(first, last)
    const x = first.inputs[0]
    if (!grid || !x || dtypeOf(x) !== 'float32' || dtypeOf(last.outputs[0]) !== 'float32') continue
    if (![first, ...between].every((node) => rewriter.stands(node) && rewriter.single(node.outputs[0]))) continue
    for (const node of [first, ...between]) rewriter.remove(node)
    const maker = rewriter.producer(x)
    const activation = QuantizeDequantize.activation?.(grid, [])
    if (maker && carries(maker, grid) && rewriter.stands(maker) && rewriter.single(x)) {
      rewriter.remove(maker)
      rewriter.replace(last, { ...maker, outputs: last.outputs, fused: { ...maker.fused, activation } })
    } else {
      rewriter.replace(last, {
        op: QuantizeDequantize,
        name: last.name,
        attributes: grid,
        inputs: [x],
        outputs: last.outputs,
        fused: notFused,
      })
    }
  }
  return rewriter.apply()
}

interface Grid extends Record<string, unknown> {
  readonly scale: number
  readonly shift: number
}

/** With the attributes that were left out, or that say what follows from the inputs. */
export function isPlain({ op, attributes, inputs }: Node, name: string): boolean {
  if (op.domain !== '' || op.name !== name) return false
  if (name === 'Cast') return true
  const given = Number(attributes.output_dtype)
  const type = name === 'QuantizeLinear' ? inputs[2]?.constant?.dtype : inputs[1]?.constant?.dtype
  const follows = given === 0 || (type !== undefined && given === dtypeToOnnx(type))
  return follows && [attributes.block_size, attributes.precision ?? 0].every((value) => value === 0)
}

/** What the two nodes do to an element, if they are each other's reverse. */
function gridOf(quantize: Node, dequantize: Node): Grid | undefined {
  const [scale, otherScale] = [quantize, dequantize].map(({ inputs }) => inputs[1]?.constant)
  if (!scale || !otherScale || scale.dtype !== 'float32' || otherScale.dtype !== 'float32') return undefined
  if (sizeOf(scale.shape) !== 1 || sizeOf(otherScale.shape) !== 1 || scale.data[0] !== otherScale.data[0])
    return undefined
  const zeros = [quantize, dequantize].map(({ inputs }) => {
    if (!inputs[2]) return { dtype: 'uint8', value: 0 }
    return inputs[2].constant && { dtype: inputs[2].constant.dtype, value: Number(inputs[2].constant.data[0]) }
  })
  const [zero, otherZero] = zeros
  if (!zero || !otherZero || zero.dtype !== otherZero.dtype || zero.value !== otherZero.value) return undefined
  if (zero.dtype !== 'uint8' && zero.dtype !== 'int8') return undefined
  return { scale: Number(scale.data[0]), shift: zero.value + (zero.dtype === 'int8' ? 128 : 0) }
}

/** Whether the node may apply the function in the place of the one it has. */
function carries({ op, fused: { activation } }: Node, grid: Grid): boolean {
  return op.domain === '' && carriers.has(op.name) && (!activation || covered(activation, grid))
}

/**
 * Whether clamping to the activation's bounds before changes nothing: rounding is monotone, so only the bounds matter.
 */
function covered({ code, a, b }: Activation, { scale, shift }: Grid): boolean {
  if (!(scale > 0) || (code !== UNARY_RELU && code !== UNARY_CLIP)) return false
  const [low, high] = code === UNARY_RELU ? [0, Infinity] : [a, b]
  const steps = (bound: number) => roundEven(Math.fround(Math.fround(bound) / scale))
  return steps(low) <= -shift && steps(high) >= 255 - shift
}
