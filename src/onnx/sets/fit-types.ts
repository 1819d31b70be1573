import { dtypeToOnnx, isBig, isHalf, type DType } from '../../core/dtype.js'
import { hostFrom, type HostTensor } from '../../core/host.js'
import { sizeOf } from '../../core/shape.js'
import type { Value } from '../../ir/graph.js'
import { castConstant } from './cast-constant.js'
import { schemaAt, takes, type ValueType } from '../schemas.js'
import { refuseTypes, type Group } from './type-groups.js'
import { castNode, plain, type Rewrite, type Surroundings, type WrittenNode } from './written-node.js'

/**
 * Types that hold every value of a type: what is only moved or compared is the same in them. In the order in which they
 * are taken.
 */
const wider: Partial<Record<DType, readonly DType[]>> = {
  bool: ['uint8', 'int32', 'int64', 'float32', 'float64'],
  int2: ['int8', 'int32', 'int64', 'float32', 'float64'],
  uint2: ['uint8', 'int32', 'int64', 'float32', 'float64'],
  int4: ['int8', 'int32', 'int64', 'float32', 'float64'],
  uint4: ['uint8', 'int32', 'int64', 'float32', 'float64'],
  int8: ['int32', 'int64', 'float32', 'float64'],
  uint8: ['int32', 'int64', 'float32', 'float64'],
  int16: ['int32', 'int64', 'float32', 'float64'],
  uint16: ['int32', 'int64', 'float32', 'float64'],
  int32: ['int64', 'float64'],
  uint32: ['int64', 'float64'],
  float16: ['float32', 'float64'],
  bfloat16: ['float32', 'float64'],
  float8e4m3fn: ['float32', 'float64'],
  float8e4m3fnuz: ['float32', 'float64'],
  float8e5m2: ['float32', 'float64'],
  float8e5m2fnuz: ['float32', 'float64'],
  float8e8m0: ['float32', 'float64'],
  float4e2m1: ['float32', 'float64'],
  float32: ['float64'],
}

/** Operators that move or compare elements and make none of their own. */
const moves = new Set(
  (
    'ArgMax ArgMin CenterCropPad Clip Compress Concat DepthToSpace Dropout Equal Expand Flatten Gather GatherElements GatherND Greater GreaterOrEqual Identity Less ' +
    'LessOrEqual Max MaxPool MaxUnpool Min NonZero OneHot Pad ReduceMax ReduceMin Relu Reshape ReverseSequence ScatterElements ScatterND Shape Sign Size Slice ' +
    'SpaceToDepth Split Squeeze Tile TopK Transpose Trilu Unique Unsqueeze Where'
  ).split(' '),
)

/** Operators whose integers wrap: a wider integer type has the same lowest bits. */
const wrapping = new Set(
  'Add CumProd CumSum Div Gemm MatMul Mul Neg ReduceProd ReduceSum ReduceSumSquare Sub Sum'.split(' '),
)

/** Whether an operator's result for elements of a type is that for the same elements of another type. */
function sameIn(node: WrittenNode, dtype: DType, other: DType): boolean {
  // Half floats are computed in float32 and rounded once, here as by every runtime on a processor.
  if (dtype === other || (isHalf(dtype) && other === 'float32')) return true
  if (!wider[dtype]?.includes(other) || node.domain !== '') return false
  if (wrapping.has(node.type)) return /^u?int/.test(dtype) && /^int/.test(other)
  const reduction = node.attributes.get('reduction')?.value
  return moves.has(node.type) && (reduction === undefined || /^(none|max|min)$/.test(reduction as string))
}

/**
 * The nodes that stand for a node whose types its version in an operator set does not have: with casts to a type in
 * which the result is the same, or of other operators.
 *
 * @param wrong - what does not fit.
 * @throws LanewiseError `E_UNSUPPORTED` if there is no such type.
 */
export function fitTypes(
  node: WrittenNode,
  wrong: readonly Group[],
  opset: number,
  around: Surroundings,
): readonly WrittenNode[] {
  const said = node.domain === '' && otherWords()[node.type]?.(node, opset, around)
  if (said) return said
  const casts: WrittenNode[] = []
  const after: WrittenNode[] = []
  const inputs = [...node.inputs]
  const outputs = [...node.outputs]
  for (const group of wrong) {
    const target = commonType(node, group, opset)
    if (!target) refuseTypes(node, group, opset)
    const cast = new Map<Value, Value>()
    for (const [i, { dtype }] of group.inputs) {
      const value = node.inputs[i]
      if (!value || dtype === target) continue
      let made = cast.get(value)
      if (!made) cast.set(value, (made = converted(value, target, around, casts)))
      inputs[i] = made
    }
    for (const [i, { dtype }] of group.outputs) {
      const value = node.outputs[i]
      if (!value || !dtype || dtype === target) continue
      outputs[i] = around.value(`${node.type}/${target}`, value, target)
      after.push(castNode(outputs[i], value, dtype))
    }
  }
  return [...casts, { ...node, inputs, outputs }, ...after]
}

/** A type that an operator set allows at all places of a group, and in which the result is the same. */
function commonType(node: WrittenNode, { place, inputs, outputs }: Group, opset: number): DType | undefined {
  const given = new Set<DType>()
  for (const { kind, dtype } of [...inputs.values(), ...outputs.values()]) {
    if (kind !== 'tensor' || !dtype) return undefined
  }
  for (const { dtype } of inputs.values()) if (dtype) given.add(dtype)
  // What attributes decide would have to be said by them.
  if (given.size === 0) return undefined
  const candidates = new Set([...given, ...[...given].flatMap((dtype) => wider[dtype] ?? [])])
  const cast = schemaAt('', 'Cast', opset)?.inputs[0]
  const castable = (dtype: DType) => cast !== undefined && takes(cast, { kind: 'tensor', dtype })
  for (const target of candidates) {
    if (!takes(place, { kind: 'tensor', dtype: target })) continue
    const alike = (dtype: DType) => dtype === target || (castable(dtype) && castable(target))
    const goesIn = [...given].every((dtype) => alike(dtype) && sameIn(node, dtype, target))
    const comesOut = ({ dtype }: ValueType) => dtype !== undefined && alike(dtype) && given.has(dtype)
    if (goesIn && [...outputs.values()].every(comesOut)) return target
  }
  return undefined
}

/** A value as another type; a single number at once, so that it may still become an attribute. */
function converted(value: Value, dtype: DType, around: Surroundings, nodes: WrittenNode[]): Value {
  const known = around.known(value)
  if (known && sizeOf(known.shape) <= 1) return around.constant(value.name, castConstant(known, dtype))
  const made = around.value(`${value.name}/${dtype}`, value, dtype)
  nodes.push(castNode(value, made, dtype))
  return made
}

function zeroOf(dtype: DType): HostTensor {
  return hostFrom(dtype, [], [0])
}

/** What other operators say where no other type does: 64 bits fit into no float, and Equal had no floats. */
const otherWords = (): Readonly<Record<string, Rewrite>> => ({
  Dropout: (node, opset, around) => (opset < 12 && node.outputs[1] ? withoutMask(node, around) : undefined),
  Relu(node, opset, around) {
    const dtype = around.dtype(node.inputs[0])
    if (opset < 9 || !dtype || !/^int/.test(dtype)) return undefined
    return [plain('Max', [node.inputs[0], around.constant('zero', zeroOf(dtype))], [...node.outputs])]
  },
  Max: (node, opset, around) => chosen('Less', node, opset, around),
  Min: (node, opset, around) => chosen('Greater', node, opset, around),
  ReduceMax: bestOf,
  ReduceMin: bestOf,
  Clip(node, opset, around) {
    const [x, least, most] = node.inputs
    const dtype = around.dtype(x)
    return opset >= 9 && dtype && isBig(dtype) ? bounded(x, least, most, node.outputs[0], around) : undefined
  },
  Equal(node, opset, around) {
    const [a, b] = node.inputs
    const dtype = around.dtype(a)
    if (opset >= 11 || !a || !b || !dtype || dtype !== around.dtype(b)) return undefined
    if (dtype === 'uint64') {
      const nodes: WrittenNode[] = []
      // Two numbers are the same if their bits are.
      const inputs = [a, b].map((value) => converted(value, 'int64', around, nodes))
      return [...nodes, plain('Equal', inputs, [...node.outputs])]
    }
    return dtype === 'float32' || dtype === 'float64' || dtype === 'float16'
      ? equalFloats(a, b, node, around)
      : undefined
  },
  Pow(node, _, around) {
    const [x, exponent] = node.inputs
    const [dtype, other] = [around.dtype(x), around.dtype(exponent)]
    const known = around.known(exponent)
    if (!dtype || !other || dtype === other || !/^float(16|32|64)$/.test(dtype)) return undefined
    if (known) {
      const as = castConstant(known, dtype)
      const back = castConstant(as, other)
      if (back.data.every((value, i) => value === known.data[i]))
        return [plain('Pow', [x, around.constant('exponent', as)], [...node.outputs])]
    }
    if (!exponent || !wider[other]?.includes(dtype)) return undefined
    const nodes: WrittenNode[] = []
    const same = converted(exponent, dtype, around, nodes)
    return [...nodes, plain('Pow', [x, same], [...node.outputs])]
  },
  Constant(node, _, around) {
    const tensor = node.attributes.get('value')?.value as HostTensor | undefined
    // What the operator did not have the initialisers of a graph had.
    return tensor && [plain('Identity', [around.constant('constant', tensor)], [...node.outputs])]
  },
})

/**
 * A Dropout that drops nothing, and its mask, which below set 12 said nothing: something or its contrary is true
 * everywhere.
 */
export function withoutMask(node: WrittenNode, around: Surroundings): readonly WrittenNode[] {
  const [x] = node.inputs
  const [y, mask] = node.outputs
  const [truth, contrary] = ['truth', 'contrary'].map((stem) => around.value(stem, x, 'bool'))
  return [
    { ...node, outputs: [y ?? around.value('kept', x)] },
    plain('Cast', [x], [truth], { to: { kind: 'int', value: dtypeToOnnx('bool') } }),
    plain('Not', [truth], [contrary]),
    plain('Or', [truth, contrary], [mask]),
  ]
}

/** The larger (Less) or smaller (Greater) of integers, two by two. */
function chosen(
  than: 'Less' | 'Greater',
  node: WrittenNode,
  opset: number,
  around: Surroundings,
): readonly WrittenNode[] | undefined {
  const dtype = around.dtype(node.inputs[0])
  if (opset < 9 || !dtype || !isBig(dtype) || node.inputs.some((value) => around.dtype(value) !== dtype))
    return undefined
  const nodes: WrittenNode[] = []
  const [first, ...others] = node.inputs
  others.reduce((best, value, i) => {
    const other = around.value('other', undefined, 'bool')
    const result = i === others.length - 1 ? node.outputs[0] : around.value('best', undefined, dtype)
    nodes.push(plain(than, [best, value], [other]), plain('Where', [other, value, best], [result]))
    return result
  }, first)
  return others.length > 0 ? nodes : [plain('Identity', [first], [...node.outputs])]
}

/** What small integers hold, and bools. */
const ranges: Partial<Record<DType, readonly [number, number]>> = {
  bool: [0, 1],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
}

/** A reduction in float32: of nothing it is an end of the range of its own type. */
function bestOf(node: WrittenNode, _: number, around: Surroundings): readonly WrittenNode[] | undefined {
  const [x, axes] = node.inputs
  const [y] = node.outputs
  const dtype = around.dtype(x)
  const range = dtype && ranges[dtype]
  if (!x || !y || !range) return undefined
  const [from, best, held] = [x, y, y].map((value) => around.value(`${value.name}/float32`, value, 'float32'))
  const [least, most] = range.map((end) => around.constant('end', hostFrom('float32', [], [end])))
  return [
    castNode(x, from, 'float32'),
    { ...node, inputs: [from, axes], outputs: [best] },
    plain('Clip', [best, least, most], [held]),
    castNode(held, y, dtype),
  ]
}

/** A value between bounds that may be left out, by Max and Min. */
export function bounded(
  x: Value | undefined,
  least: Value | undefined,
  most: Value | undefined,
  result: Value | undefined,
  around: Surroundings,
): readonly WrittenNode[] {
  if (!least && !most) return [plain('Identity', [x], [result])]
  const raised = least && most ? around.value('raised', x, around.dtype(x)) : least ? result : x
  return [
    ...(least ? [plain('Max', [x, least], [raised])] : []),
    ...(most ? [plain('Min', [raised, most], [result])] : []),
  ]
}

/** Neither is less, and both are numbers: a float is less than one or more than zero unless it is NaN. */
function equalFloats(a: Value, b: Value, node: WrittenNode, around: Surroundings): readonly WrittenNode[] {
  const dtype = around.dtype(a) ?? 'float32'
  const nodes: WrittenNode[] = []
  const made = (type: string, ...inputs: Value[]): Value => {
    const value = around.value('equal', undefined, 'bool')
    nodes.push(plain(type, inputs, [value]))
    return value
  }
  const [zero, one] = [0, 1].map((value) =>
    around.constant('number', castConstant(hostFrom('float32', [], [value]), dtype)),
  )
  const number = (value: Value) => made('Or', made('Less', value, one), made('Greater', value, zero))
  const numbers = a === b ? number(a) : made('And', number(a), number(b))
  const same = made('Not', made('Or', made('Less', a, b), made('Greater', a, b)))
  nodes.push(plain('And', [same, numbers], [...node.outputs]))
  return nodes
}
