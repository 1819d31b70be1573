import { LanewiseError } from '../core/errors.js'
import type { DType } from '../core/dtype.js'
import { hostFrom, toNumbers, type HostTensor } from '../core/host.js'
import type { AttributeKind } from '../ir/attributes.js'
import type { Node, Value } from '../ir/graph.js'
import { findOp } from '../ir/registry.js'
import { mostInputs } from './input-counts.js'
import { attributeSince, introducedAt } from './versions.js'

/** A node as it is written: of an operator set of its own. */
export interface WrittenNode {
  readonly type: string
  inputs: (Value | undefined)[]
  readonly outputs: readonly (Value | undefined)[]
  readonly attributes: Map<string, { readonly kind: AttributeKind; readonly value: unknown }>
}

/** What rewriting a node for an older operator set needs to know and may add. */
export interface Surroundings {
  /** The number of axes of a value, as far as it is known. */
  rank(value: Value | undefined): number | undefined
  dtype(value: Value | undefined): DType | undefined
  /** The sizes of a value that do not depend on free ones, as far as they are known. */
  sizes(value: Value | undefined): readonly (number | undefined)[] | undefined
  /** Elements of a value that are known without running anything. */
  known(value: Value | undefined): HostTensor | undefined
  constant(stem: string, tensor: HostTensor): Value
  value(stem: string): Value
}

type Rewrite = (node: WrittenNode, opset: number, around: Surroundings) => readonly WrittenNode[] | undefined

/**
 * A node of ai.onnx at today's semantics as nodes of an older operator set, which mean the same there.
 *
 * @throws LanewiseError `E_UNSUPPORTED` if that set cannot say it.
 */
export function downgrade(node: Node, opset: number, around: Surroundings): readonly WrittenNode[] {
  const written: WrittenNode = {
    type: node.op.name,
    inputs: [...node.inputs],
    outputs: node.outputs,
    attributes: new Map(
      Object.entries(node.op.attributes).flatMap(([name, { kind, fallback }]) => {
        const value = node.attributes[name]
        return value === undefined || value === fallback ? [] : [[name, { kind, value }]]
      }),
    ),
  }
  try {
    return lowered(written, opset, around)
  } catch (error) {
    throw error instanceof LanewiseError ? error.at(node.op.name, node.name) : error
  }
}

function lowered(node: WrittenNode, opset: number, around: Surroundings): readonly WrittenNode[] {
  rewrites ??= rewritesByType()
  const rewrite = rewrites[node.type] ?? (node.type.startsWith('Reduce') ? axesToAttribute : undefined)
  const made = rewrite?.(node, opset, around) ?? [node]
  for (const one of made) {
    const { type, inputs, attributes } = one
    // What a rewriting has made may need one itself.
    if (one !== node) continue
    if (opset < introducedAt(type)) cannot(opset, 'it has no such operator')
    while (inputs.length > 0 && inputs.at(-1) === undefined) inputs.pop()
    if (inputs.length > mostInputs(type, opset)) cannot(opset, `it has no input ${inputs.length - 1}`)
    for (const name of attributes.keys())
      if (opset < attributeSince(type, name)) cannot(opset, `it has no attribute "${name}"`)
    if (opset < 11) noNegativeAxes(one, around, opset)
  }
  return made.flatMap((one) => (one === node ? [one] : lowered(one, opset, around)))
}

function cannot(opset: number, why: string): never {
  throw new LanewiseError('E_UNSUPPORTED', `operator set ${opset} cannot say this: ${why}`, { opset })
}

/** Until set 11 axes were counted from the front only. */
function noNegativeAxes(node: WrittenNode, around: Surroundings, opset: number): void {
  for (const name of ['axis', 'axes']) {
    const given = node.attributes.get(name) ?? defaultOf(node, name)
    if (!given) continue
    const axes = given.kind === 'ints' ? (given.value as readonly number[]) : [given.value as number]
    if (!axes.some((axis) => axis < 0)) continue
    const rank = around.rank(node.inputs[0])
    if (rank === undefined) cannot(opset, `${name} counts from the end of a tensor of unknown rank`)
    // These two count the axes of their output.
    const more = node.type === 'Unsqueeze' ? axes.length : node.type === 'OneHot' ? 1 : 0
    const count = rank + more
    const positive = axes.map((axis) => (axis < 0 ? axis + count : axis))
    node.attributes.set(name, { kind: given.kind, value: given.kind === 'ints' ? positive : positive[0] })
  }
}

function defaultOf({ type }: WrittenNode, name: string) {
  const spec = findOp('', type)?.attributes[name]
  return spec?.fallback === undefined ? undefined : { kind: spec.kind, value: spec.fallback }
}

/** The numbers of an input, which becomes an attribute. */
function numbersOf(node: WrittenNode, index: number, opset: number, around: Surroundings): number[] | undefined {
  const value = node.inputs[index]
  if (!value) return undefined
  const known = around.known(value)
  if (!known) cannot(opset, `input ${index} must be a constant there`)
  return known.dtype === 'float32' ? Array.from(known.data as Float32Array) : toNumbers(known)
}

function set(node: WrittenNode, name: string, kind: AttributeKind, value: unknown): void {
  if (value !== undefined) node.attributes.set(name, { kind, value })
}

/** Input `index` becomes an attribute below a set. */
function inputToAttribute(index: number, name: string, kind: AttributeKind, below: number): Rewrite {
  return (node, opset, around) => {
    if (opset >= below) return undefined
    const numbers = numbersOf(node, index, opset, around)
    set(node, name, kind, kind === 'ints' ? numbers : numbers?.[0])
    node.inputs = node.inputs.slice(0, index)
    return undefined
  }
}

const axesToAttribute: Rewrite = (node, opset, around) => {
  if (opset >= (node.type === 'ReduceSum' ? 13 : 18)) return undefined
  const axes = numbersOf(node, 1, opset, around)
  if (node.attributes.get('noop_with_empty_axes')?.value && !axes?.length)
    cannot(opset, 'without axes it reduces everything')
  node.attributes.delete('noop_with_empty_axes')
  if (axes?.length) set(node, 'axes', 'ints', axes)
  node.inputs = [node.inputs[0]]
  return undefined
}

/** Below 13 everything from the axis on was one axis, and the default was 1. */
const softmax: Rewrite = (node, opset, around) => {
  if (opset >= 13) return undefined
  const rank = around.rank(node.inputs[0])
  const axis = (node.attributes.get('axis')?.value as number | undefined) ?? -1
  if (rank === undefined) cannot(opset, 'the rank is not known')
  const at = axis < 0 ? axis + rank : axis
  set(node, 'axis', 'int', rank - 1)
  if (at === rank - 1) return undefined
  const perm = Array.from({ length: rank }, (_, i) => (i === at ? rank - 1 : i === rank - 1 ? at : i))
  const [turned, result] = [around.value('turned'), around.value('softmax')]
  const transpose = (from: Value | undefined, to: Value | undefined): WrittenNode =>
    plain('Transpose', [from], [to], { perm: { kind: 'ints', value: perm } })
  const inner: WrittenNode = { ...node, inputs: [turned], outputs: [result], attributes: new Map(node.attributes) }
  final.add(inner)
  return [transpose(node.inputs[0], turned), inner, transpose(result, node.outputs[0])]
}

/** Nodes that a rewriting has brought to their set already. */
const final = new WeakSet<WrittenNode>()

function plain(
  type: string,
  inputs: (Value | undefined)[],
  outputs: (Value | undefined)[],
  attributes: Readonly<Record<string, { kind: AttributeKind; value: unknown }>> = {},
): WrittenNode {
  return { type, inputs, outputs, attributes: new Map(Object.entries(attributes)) }
}

// A function, which bundlers can leave out of apps that write no model.
const rewritesByType = (): Readonly<Record<string, Rewrite>> => ({
  Softmax: (node, opset, around) => (final.has(node) ? undefined : softmax(node, opset, around)),
  LogSoftmax: (node, opset, around) => (final.has(node) ? undefined : softmax(node, opset, around)),
  Squeeze: inputToAttribute(1, 'axes', 'ints', 13),
  Unsqueeze: inputToAttribute(1, 'axes', 'ints', 13),
  TopK: inputToAttribute(1, 'k', 'int', 10),
  Clip(node, opset, around) {
    if (opset >= 11) return undefined
    set(node, 'min', 'float', numbersOf(node, 1, opset, around)?.[0])
    set(node, 'max', 'float', numbersOf(node, 2, opset, around)?.[0])
    node.inputs = [node.inputs[0]]
    return undefined
  },
  Dropout(node, opset, around) {
    if (opset >= 12) return undefined
    if (numbersOf(node, 2, opset, around)?.[0]) cannot(opset, 'it drops nothing')
    set(node, 'ratio', 'float', numbersOf(node, 1, opset, around)?.[0])
    node.attributes.delete('seed')
    node.inputs = [node.inputs[0]]
    return undefined
  },
  Split(node, opset, around) {
    if (opset < 18 && !node.inputs[1]) {
      const size = around.sizes(node.inputs[0])?.[axisOf(node, around, 0)]
      if (node.attributes.has('num_outputs') && (size === undefined || size % node.outputs.length !== 0))
        cannot(opset, 'the parts must be equal, or said one by one')
      node.attributes.delete('num_outputs')
    }
    return inputToAttribute(1, 'split', 'ints', 13)(node, opset, around)
  },
  Slice(node, opset, around) {
    if (opset >= 10) return undefined
    if (numbersOf(node, 4, opset, around)?.some((step) => step !== 1)) cannot(opset, 'it has no steps')
    const axes = numbersOf(node, 3, opset, around)
    const rank = around.rank(node.inputs[0])
    if (axes?.some((axis) => axis < 0) && rank === undefined) cannot(opset, 'the rank is not known')
    set(node, 'starts', 'ints', numbersOf(node, 1, opset, around))
    set(node, 'ends', 'ints', numbersOf(node, 2, opset, around))
    set(node, 'axes', 'ints', axes)
    node.inputs = [node.inputs[0]]
    return undefined
  },
  Pad(node, opset, around) {
    if (opset >= 18) return undefined
    if (node.inputs[3]) {
      const axes = numbersOf(node, 3, opset, around) ?? []
      const pads = numbersOf(node, 1, opset, around) ?? []
      const rank = around.rank(node.inputs[0])
      if (rank === undefined) cannot(opset, 'the rank is not known')
      const all = new Array<number>(2 * rank).fill(0)
      axes.forEach((axis, i) => {
        const at = axis < 0 ? axis + rank : axis
        all[at] = pads[i]
        all[rank + at] = pads[axes.length + i]
      })
      node.inputs = [node.inputs[0], around.constant('pads', hostFrom('int64', [2 * rank], all)), node.inputs[2]]
    }
    if (opset >= 11) return undefined
    set(node, 'pads', 'ints', numbersOf(node, 1, opset, around))
    set(node, 'value', 'float', numbersOf(node, 2, opset, around)?.[0])
    node.inputs = [node.inputs[0]]
    return undefined
  },
  Gemm(node, opset, around) {
    if (opset < 11 && !node.inputs[2])
      node.inputs = [node.inputs[0], node.inputs[1], numberLike(node, opset, around)(0)]
    return undefined
  },
  Constant(node, opset) {
    if (opset >= 12) return undefined
    const [[, given] = []] = node.attributes
    if (!given || given.kind === 'tensor') return undefined
    if (given.kind === 'string' || given.kind === 'strings') cannot(opset, 'strings must be a tensor there')
    const list = given.kind === 'ints' || given.kind === 'floats'
    const values = list ? (given.value as readonly number[]) : [given.value as number]
    const dtype = given.kind.startsWith('int') ? 'int64' : 'float32'
    node.attributes.clear()
    set(node, 'value', 'tensor', hostFrom(dtype, list ? [values.length] : [], values))
    return undefined
  },
  Resize(node, opset, around) {
    if (opset >= 13) return undefined
    const empty = () => around.constant('empty', hostFrom('float32', [0], []))
    if (opset >= 11) {
      const [x, roi, scales, sizes] = node.inputs
      node.inputs = [x, roi ?? empty(), scales ?? empty(), sizes]
      return undefined
    }
    const [mode, place, nearest] = ['mode', 'coordinate_transformation_mode', 'nearest_mode'].map(
      (name) => node.attributes.get(name)?.value as string | undefined,
    )
    if (!node.inputs[2] || node.inputs[3]) cannot(opset, 'it goes by scales')
    if (place !== 'asymmetric' || mode === 'cubic' || (mode !== 'linear' && nearest !== 'floor'))
      cannot(opset, 'places are asymmetric there, and rounded down')
    for (const name of [...node.attributes.keys()]) if (name !== 'mode') node.attributes.delete(name)
    node.inputs = [node.inputs[0], node.inputs[2]]
    return undefined
  },
  RoiAlign(node, opset) {
    if (opset >= 16) return undefined
    if (node.attributes.get('coordinate_transformation_mode')?.value !== 'output_half_pixel')
      cannot(opset, 'corners are not moved by half a pixel there')
    node.attributes.delete('coordinate_transformation_mode')
    return undefined
  },
  BatchNormalization(node, opset) {
    if (opset < 14 && node.outputs.filter(Boolean).length > 1) cannot(opset, 'its other outputs are others')
    return undefined
  },
  Gelu(node, opset, around) {
    if (opset >= 20) return undefined
    if (node.attributes.get('approximate')?.value === 'tanh') cannot(opset, 'it has no Gelu by tanh')
    const number = numberLike(node, opset, around)
    const [x] = node.inputs
    const [scaled, erf, above, half] = ['scaled', 'erf', 'above', 'half'].map((stem) => around.value(stem))
    return [
      plain('Mul', [x, number(Math.SQRT1_2)], [scaled]),
      plain('Erf', [scaled], [erf]),
      plain('Add', [erf, number(1)], [above]),
      plain('Mul', [x, number(0.5)], [half]),
      plain('Mul', [half, above], [...node.outputs]),
    ]
  },
  HardSwish(node, opset, around) {
    if (opset >= 14) return undefined
    const gate = around.value('gate')
    return [
      plain('HardSigmoid', node.inputs, [gate], { alpha: { kind: 'float', value: 1 / 6 } }),
      plain('Mul', [node.inputs[0], gate], [...node.outputs]),
    ]
  },
  Mish(node, opset, around) {
    if (opset >= 18) return undefined
    const [soft, gate] = [around.value('softplus'), around.value('gate')]
    return [
      plain('Softplus', node.inputs, [soft]),
      plain('Tanh', [soft], [gate]),
      plain('Mul', [node.inputs[0], gate], [...node.outputs]),
    ]
  },
  Swish(node, opset, around) {
    if (opset >= 24) return undefined
    const alpha = (node.attributes.get('alpha')?.value as number | undefined) ?? 1
    const [scaled, gate] = [around.value('scaled'), around.value('gate')]
    const factor = alpha === 1 ? undefined : numberLike(node, opset, around)(alpha)
    return [
      ...(factor ? [plain('Mul', [node.inputs[0], factor], [scaled])] : []),
      plain('Sigmoid', [factor ? scaled : node.inputs[0]], [gate]),
      plain('Mul', [node.inputs[0], gate], [...node.outputs]),
    ]
  },
  GreaterOrEqual: (node, opset, around) => notOther('Less', node, opset, around),
  LessOrEqual: (node, opset, around) => notOther('Greater', node, opset, around),
})

let rewrites: Readonly<Record<string, Rewrite>> | undefined

/** Of NaN both are false: where the types are floats the operator is said by two others. */
function notOther(
  type: string,
  node: WrittenNode,
  opset: number,
  around: Surroundings,
): readonly WrittenNode[] | undefined {
  if (opset >= 12) return undefined
  const strict = type === 'Less' ? 'Greater' : 'Less'
  const [a, b] = [around.value('strict'), around.value('equal')]
  if (opset < 11) cannot(opset, 'Equal takes no floats')
  return [plain(strict, node.inputs, [a]), plain('Equal', node.inputs, [b]), plain('Or', [a, b], [...node.outputs])]
}

function axisOf(node: WrittenNode, around: Surroundings, fallback: number): number {
  const axis = (node.attributes.get('axis')?.value as number | undefined) ?? fallback
  return axis < 0 ? axis + (around.rank(node.inputs[0]) ?? 0) : axis
}

/** Constants of the type of a node's first input. */
function numberLike(node: WrittenNode, opset: number, around: Surroundings): (value: number) => Value {
  const dtype = around.dtype(node.inputs[0])
  if (dtype !== 'float32' && dtype !== 'float64')
    cannot(opset, `it takes operators of its own, for ${dtype ?? 'a type'} that is not known`)
  return (value) => around.constant('number', hostFrom(dtype, [], [value]))
}
