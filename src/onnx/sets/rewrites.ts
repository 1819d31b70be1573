import { isHalf, type DType } from '../../core/dtype.js'
import { hostFrom, type HostTensor } from '../../core/host.js'
import type { AttributeKind } from '../../ir/attributes.js'
import type { Value } from '../../ir/graph.js'
import { numbersIn } from './cast-constant.js'
import { bounded, withoutMask } from './fit-types.js'
import { inFloat32, numberLike, todaysRewrites } from './todays-rewrites.js'
import { cannot, castNode, plain, type Rewrite, type Surroundings, type WrittenNode } from './written-node.js'

/** The numbers of an input, which becomes an attribute. */
function numbersOf(node: WrittenNode, index: number, opset: number, around: Surroundings): number[] | undefined {
  const value = node.inputs[index]
  if (!value) return undefined
  const known = around.known(value)
  if (!known) cannot(opset, `input ${index} must be a constant there`)
  return numbersIn(known)
}

/** The number of an input that is known and that an attribute, which is a float32, holds. */
function floatOf(value: Value | undefined, around: Surroundings): number | undefined {
  const known: HostTensor | undefined = around.known(value)
  if (!known) return undefined
  const [number] = numbersIn(known)
  const exact = typeof known.data[0] !== 'bigint' || known.data[0] === BigInt(number)
  return exact && Object.is(Math.fround(number), number) ? number : undefined
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

// A function, which bundlers can leave out of apps that write no model.
const rewritesByType = (): Readonly<Record<string, Rewrite>> => ({
  Softmax: (node, opset, around) => (final.has(node) ? undefined : softmax(node, opset, around)),
  LogSoftmax: (node, opset, around) => (final.has(node) ? undefined : softmax(node, opset, around)),
  Hardmax: (node, opset, around) => (final.has(node) ? undefined : softmax(node, opset, around)),
  Squeeze: inputToAttribute(1, 'axes', 'ints', 13),
  Unsqueeze: inputToAttribute(1, 'axes', 'ints', 13),
  TopK: inputToAttribute(1, 'k', 'int', 10),
  Clip(node, opset, around) {
    if (opset >= 11) return undefined
    const [x, ...bounds] = node.inputs
    const numbers = bounds.map((bound) => floatOf(bound, around))
    if (bounds.some((bound, i) => bound && numbers[i] === undefined))
      return bounded(x, bounds[0], bounds[1], node.outputs[0], around)
    // A bound that is left out was the largest float32 there.
    const none = around.dtype(x) === 'float64' ? Infinity : undefined
    set(node, 'min', 'float', numbers[0] ?? (none && -none))
    set(node, 'max', 'float', numbers[1] ?? none)
    node.inputs = [x]
    return undefined
  },
  Dropout(node, opset, around) {
    if (opset >= 12) return undefined
    if (numbersOf(node, 2, opset, around)?.[0]) cannot(opset, 'it drops nothing')
    set(node, 'ratio', 'float', numbersOf(node, 1, opset, around)?.[0])
    node.attributes.delete('seed')
    node.inputs = [node.inputs[0]]
    return node.outputs[1] && withoutMask(node, around)
  },
  Split(node, opset, around) {
    if (opset >= 18) return todaysRewrites().Split(node, opset, around)
    if (!node.inputs[1]) {
      const size = around.sizes(node.inputs[0])?.[axisOf(node, around, 0)]
      if (node.attributes.has('num_outputs') && (size === undefined || size % node.outputs.length !== 0))
        cannot(opset, 'the parts must be equal, or said one by one')
      node.attributes.delete('num_outputs')
    }
    return inputToAttribute(1, 'split', 'ints', 13)(node, opset, around)
  },
  Slice(node, opset, around) {
    if (opset === 10 && node.inputs[3]) fromTheFront(node, 3, opset, around)
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
    if (opset < 19) known(node, 'mode', ['constant', 'reflect', 'edge'], opset)
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
    const value = floatOf(node.inputs[2], around)
    if (node.inputs[2] && value === undefined) cannot(opset, 'its value must be a constant of float32 there')
    set(node, 'value', 'float', value)
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
    if (opset < 19 && node.attributes.get('coordinate_transformation_mode')?.value === 'half_pixel_symmetric')
      cannot(opset, 'no places are half_pixel_symmetric there')
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
    if (isHalf(around.dtype(node.inputs[0]))) return inFloat32(node, around)
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
    if (isHalf(around.dtype(node.inputs[0]))) return inFloat32(node, around)
    const gate = around.value('gate')
    return [
      plain('HardSigmoid', node.inputs, [gate], { alpha: { kind: 'float', value: 1 / 6 } }),
      plain('Mul', [node.inputs[0], gate], [...node.outputs]),
    ]
  },
  Mish(node, opset, around) {
    if (opset >= 18) return undefined
    if (isHalf(around.dtype(node.inputs[0]))) return inFloat32(node, around)
    const [soft, gate] = [around.value('softplus'), around.value('gate')]
    return [
      plain('Softplus', node.inputs, [soft]),
      plain('Tanh', [soft], [gate]),
      plain('Mul', [node.inputs[0], gate], [...node.outputs]),
    ]
  },
  Swish: (node, opset, around) => todaysRewrites().Swish(node, opset, around),
  Max: oneShape,
  Min: oneShape,
  Mean: oneShape,
  Sum(node, opset, around) {
    const [first, second, ...others] = node.inputs
    if (opset >= 8 || !second || sameShapes(node.inputs, around)) return undefined
    if (others.length === 0) return [plain('Add', [first, second], [...node.outputs])]
    const sum = around.value('sum')
    return [plain('Add', [first, second], [sum]), plain('Sum', [sum, ...others], [...node.outputs])]
  },
  QuantizeLinear: oneScale,
  DequantizeLinear: oneScale,
  Gather(node, opset, around) {
    if (opset < 11) fromTheFront(node, 1, opset, around, () => axisOf(node, around, 0))
    return undefined
  },
  OneHot: wrapped,
  Scatter: (node, opset) => (opset < 11 ? undefined : [{ ...node, type: 'ScatterElements' }]),
  Upsample: (node, opset) => (opset < 10 ? undefined : [{ ...node, type: 'Resize' }]),
  ...ofEarlySets,
  Scan(_, opset) {
    if (opset < 9) cannot(opset, 'it scans batches there')
    return undefined
  },
  DFT(node, opset, around) {
    if (opset >= 20) return undefined
    if (node.attributes.get('inverse')?.value && node.attributes.get('onesided')?.value)
      cannot(opset, 'no inverse is one-sided there')
    set(node, 'axis', 'int', numbersOf(node, 2, opset, around)?.[0] ?? -2)
    node.inputs = node.inputs.slice(0, 2)
    return undefined
  },
  GridSample(node, opset, around) {
    const mode = node.attributes.get('mode')?.value as string | undefined
    const names = opset < 20 ? { linear: 'bilinear', cubic: 'bicubic' } : { bilinear: 'linear', bicubic: 'cubic' }
    set(node, 'mode', 'string', names[mode as keyof typeof names])
    if (opset >= 16 && opset < 20 && around.rank(node.inputs[0]) !== 4) cannot(opset, 'it samples pictures only')
    return undefined
  },
  ScatterElements(node, opset) {
    reducing(node, opset)
    const older = opset === 9 || opset === 10
    return older && !node.attributes.has('reduction') ? [{ ...node, type: 'Scatter' }] : undefined
  },
  ScatterND: reducing,
  GreaterOrEqual: (node, opset, around) => notOther('Less', node, opset, around),
  LessOrEqual: (node, opset, around) => notOther('Greater', node, opset, around),
})

/** Until set 13 there was one scale for a whole tensor. */
function oneScale(node: WrittenNode, opset: number, around: Surroundings): undefined {
  if (opset >= 13) return
  const shape = around.shapeName(node.inputs[1])
  if (shape !== '' && shape !== '1') cannot(opset, 'it has one scale for the whole tensor')
}

/**
 * Numbers of places, or of axes, that are constants and count from the end: until set 11 they counted from the front
 * only.
 *
 * @param axisCounted - along which places are counted; left out for numbers of axes.
 */
function fromTheFront(
  node: WrittenNode,
  index: number,
  opset: number,
  around: Surroundings,
  axisCounted?: () => number,
): void {
  const given = around.known(node.inputs[index])
  const numbers = given && numbersIn(given)
  if (!given || !numbers?.some((number) => number < 0)) return
  const [x] = node.inputs
  const size = axisCounted ? around.sizes(x)?.[axisCounted()] : around.rank(x)
  if (size === undefined) cannot(opset, 'it counts from the front only, and where the end is, is not known')
  const positive = numbers.map((number) => (number < 0 ? number + size : number))
  node.inputs[index] = around.constant('counted', hostFrom(given.dtype, given.shape, positive))
}

/** Below 11 a negative index was outside, not one from the end. */
function wrapped(node: WrittenNode, opset: number, around: Surroundings): readonly WrittenNode[] | undefined {
  const [indices, depth, values] = node.inputs
  const given = around.known(indices)
  if (opset >= 11 || final.has(node) || (given && numbersIn(given).every((number) => number >= 0))) return undefined
  const dtype = around.dtype(indices)
  if (!indices || !depth || !dtype) cannot(opset, 'the type of its indices is not known')
  if (opset < 9) return undefined
  const names = ['size', 'negative', 'from_end', 'outside', 'inside', 'wraps', 'counted']
  const [size, negative, fromEnd, outside, inside, wraps, counted] = names.map((stem) => around.value(stem, indices))
  const cast = around.value('depth', undefined, dtype)
  const zero = around.constant('zero', hostFrom(dtype, [], [0]))
  const inner: WrittenNode = { ...node, inputs: [counted, depth, values], attributes: new Map(node.attributes) }
  final.add(inner)
  return [
    castNode(depth, cast, dtype),
    plain('Reshape', [cast, around.constant('scalar', hostFrom('int64', [0], []))], [size]),
    plain('Less', [indices, zero], [negative]),
    plain('Add', [indices, size], [fromEnd]),
    // Runtimes that wrap whatever the set says must not wrap what has become negative once.
    plain('Less', [fromEnd, zero], [outside]),
    plain('Not', [outside], [inside]),
    plain('And', [negative, inside], [wraps]),
    plain('Where', [wraps, fromEnd, indices], [counted]),
    inner,
  ]
}

/** Operators of sets before those that are written: current ones say the same by others. */
const ofEarlySets: Readonly<Record<string, Rewrite>> = {
  Affine: (node, opset, around) => linear(node, opset, around, 'alpha', (number) => number(floatIn(node, 'beta', 0))),
  Scale: (node, opset, around) => linear(node, opset, around, 'scale'),
  ImageScaler: (node, opset, around) =>
    linear(node, opset, around, 'scale', (_, dtype) => {
      const bias = (node.attributes.get('bias')?.value as readonly number[] | undefined) ?? [0]
      return around.constant('bias', hostFrom(dtype, [bias.length, 1, 1], bias))
    }),
  ParametricSoftplus: (node, opset, around) => scaledFunction('Softplus', node, opset, around),
  ScaledTanh: (node, opset, around) => scaledFunction('Tanh', node, opset, around),
  Crop(node, _, around) {
    const [left, top, right, bottom] = node.attributes.get('border')?.value as readonly number[]
    const scale = node.attributes.get('scale')?.value as readonly number[] | undefined
    // What is cut off at the end is counted from there; nothing to cut off is the end itself.
    const end = (cut: number) => (cut === 0 ? MOST : -cut)
    const ends = scale ? [top + scale[0], left + scale[1]] : [end(bottom), end(right)]
    const [from, to, axes] = [[top, left], ends, [2, 3]].map((values, i) =>
      around.constant(['starts', 'ends', 'axes'][i], hostFrom('int64', [2], values)),
    )
    return [plain('Slice', [node.inputs[0], from, to, axes], [...node.outputs])]
  },
}

/** Further than any axis reaches. */
const MOST = 2 ** 31 - 1

function floatIn(node: WrittenNode, name: string, fallback: number): number {
  return (node.attributes.get(name)?.value as number | undefined) ?? fallback
}

/** x by a number, and a shift. */
function linear(
  node: WrittenNode,
  opset: number,
  around: Surroundings,
  factor: string,
  shift?: (number: (value: number) => Value, dtype: DType) => Value,
): readonly WrittenNode[] {
  const [x] = node.inputs
  const dtype = around.dtype(x)
  if (isHalf(dtype)) return inFloat32(node, around)
  const number = numberLike(node, opset, around)
  const scale = number(floatIn(node, factor, 1))
  if (!shift || !dtype) return [plain('Mul', [x, scale], [...node.outputs])]
  const scaled = around.value('scaled', x)
  return [plain('Mul', [x, scale], [scaled]), plain('Add', [scaled, shift(number, dtype)], [...node.outputs])]
}

/** alpha · f(beta · x) */
function scaledFunction(type: string, node: WrittenNode, opset: number, around: Surroundings): readonly WrittenNode[] {
  const [x] = node.inputs
  if (isHalf(around.dtype(x))) return inFloat32(node, around)
  const number = numberLike(node, opset, around)
  const [inner, outer] = ['inner', 'outer'].map((stem) => around.value(stem, x))
  return [
    plain('Mul', [x, number(floatIn(node, 'beta', 1))], [inner]),
    plain(type, [inner], [outer]),
    plain('Mul', [outer, number(floatIn(node, 'alpha', 1))], [...node.outputs]),
  ]
}

/** Until set 8 inputs were not broadcast. */
function oneShape(node: WrittenNode, opset: number, around: Surroundings): undefined {
  if (opset < 8 && !sameShapes(node.inputs, around)) cannot(opset, 'its inputs must have one shape there')
}

function sameShapes(values: readonly (Value | undefined)[], around: Surroundings): boolean {
  const shapes = values.map((value) => around.shapeName(value))
  return values.length === 1 || shapes.every((shape) => shape !== undefined && shape === shapes[0])
}

function reducing(node: WrittenNode, opset: number): undefined {
  if (opset < 18) known(node, 'reduction', ['none', 'add', 'mul'], opset)
}

/** @throws LanewiseError `E_UNSUPPORTED` if an attribute says what an operator set does not know. */
function known(node: WrittenNode, name: string, values: readonly string[], opset: number): void {
  const value = node.attributes.get(name)?.value as string | undefined
  if (value !== undefined && !values.includes(value)) cannot(opset, `its ${name} is never "${value}" there`)
}

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
  return [plain(strict, node.inputs, [a]), plain('Equal', node.inputs, [b]), plain('Or', [a, b], [...node.outputs])]
}

function axisOf(node: WrittenNode, around: Surroundings, fallback: number): number {
  const axis = (node.attributes.get('axis')?.value as number | undefined) ?? fallback
  return axis < 0 ? axis + (around.rank(node.inputs[0]) ?? 0) : axis
}

let rewrites: Readonly<Record<string, Rewrite>> | undefined

/** Brings a node into the form that any operator set has. */
export const rewrite: Rewrite = (node, opset, around) => {
  const { type } = node
  rewrites ??= rewritesByType()
  const byType = Object.hasOwn(rewrites, type) ? rewrites[type] : undefined
  return (byType ?? (type.startsWith('Reduce') ? axesToAttribute : undefined))?.(node, opset, around)
}

/** Until set 11 axes were counted from the front only. */
export function noNegativeAxes(node: WrittenNode, opset: number, around: Surroundings): void {
  if (opset >= 11) return
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

function defaultOf({ schema }: WrittenNode, name: string) {
  const spec = schema?.[name]
  return spec?.fallback === undefined ? undefined : { kind: spec.kind, value: spec.fallback }
}
