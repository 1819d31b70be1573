// float16 and bfloat16 have no arithmetic of their own. Casting around every node would round between any two of them,
// and cast weights at every run; onnxruntime, too, keeps float32 between nodes that it has to widen. So the whole graph
// becomes one on float32: what is fed is widened once, what is fetched is rounded once, a Cast to a 16-bit type rounds
// where the model says so, and every other pass and kernel sees float32.
import { dtypeFromOnnx, dtypeToOnnx, isFloat, isHalf, type DType } from '../../core/dtype.js'
import { decodeFloats } from '../../core/floats.js'
import type { HostTensor } from '../../core/host.js'
import { bodiesOf, notFused, withNodes, type Graph, type Node, type Value } from '../../ir/graph.js'
import { Cast } from '../../ops/elementwise/cast.js'
import { sameType } from '../../ops/shared/operands.js'
import { LanewiseError } from '../../core/errors.js'
import type { OpDefinition } from '../../ir/op.js'

/** Attributes that name the type of an output. */
const typeAttributes = ['to', 'dtype', 'output_datatype', 'output_dtype']
/** The domains of operators that take float32 wherever they take 16-bit floats. */
const ownDomains = new Set(['', 'ai.onnx.ml', 'com.microsoft'])
const half = (dtype: DType | undefined): boolean => isHalf(dtype)

/** The graph with float32 in the place of 16-bit floats, between a Cast at each input and each output. */
export function widenHalves(graph: Graph): Graph {
  return holdsHalves(graph) && canWiden(graph) ? new Widener(graph).result() : graph
}

function holdsHalves(graph: Graph): boolean {
  return (
    graph.inputs.some(({ declared }) => half(declared?.dtype)) ||
    graph.nodes.some(
      (node) =>
        node.inputs.some((value) => half(value?.constant?.dtype)) ||
        half(typeNamed(node)) ||
        Object.values(node.attributes).some((value) => isHalfTensor(value)) ||
        bodiesOf(node).some(holdsHalves),
    )
  )
}

/**
 * Sequences at the borders would have to be cast item by item, and operators of other domains may want 16-bit floats:
 * such models keep them.
 */
function canWiden(graph: Graph): boolean {
  const own = ({ nodes }: Graph): boolean =>
    nodes.every((node) => ownDomains.has(node.op.domain) && bodiesOf(node).every(own))
  return (
    own(graph) &&
    [...graph.inputs, ...graph.outputs].every(
      ({ declared }) => !declared || declared.kind === 'tensor' || (declared.dtype && !half(declared.dtype)),
    )
  )
}

function isHalfTensor(value: unknown): value is HostTensor {
  return typeof value === 'object' && value !== null && 'dtype' in value && half((value as HostTensor).dtype)
}

/** The type that an attribute says the output has. */
function typeNamed({ attributes }: Node): DType | undefined {
  for (const name of typeAttributes) if (typeof attributes[name] === 'number') return dtypeFromOnnx(attributes[name])
  return undefined
}

const widened = new WeakMap<HostTensor, HostTensor>()

/** A constant in float32: the same object each time, so that sets of fetched values share its packed forms. */
function widen(tensor: HostTensor): HostTensor {
  let wide = widened.get(tensor)
  if (!wide) {
    const data = decodeFloats(tensor.dtype as 'float16', tensor.data as Uint16Array)
    widened.set(tensor, (wide = { dtype: 'float32', shape: tensor.shape, data }))
  }
  return wide
}

/** Operators whose operands must be of one type: the graph on float32 would not tell any more. */
const homogeneous = new Set(
  'Add Sub Mul Div MatMul Gemm Conv ConvTranspose Concat Max Min Sum Mean PRelu Equal Greater Less'.split(' '),
)

/** Whether an operator is to see 16-bit floats: it reads their bits, or refuses scales of that type. */
function keepsTypes({ name, domain }: OpDefinition): boolean {
  return name === 'BitCast' || name === 'QLinearConv' || (domain === 'com.microsoft' && /^Q(Linear|Gemm)/.test(name))
}

class Widener {
  private readonly nodes: Node[] = []
  /** What stands for a value of the given graph. */
  private readonly standsFor = new Map<Value, Value>()
  /** The types that values had in the given graph. */
  private readonly types = new Map<Value, DType>()
  private readonly fetched: ReadonlySet<Value>

  constructor(private readonly graph: Graph) {
    this.fetched = new Set(graph.outputs)
  }

  result(): Graph {
    for (const input of this.graph.inputs) if (half(input.declared?.dtype)) this.cast(input, this.standIn(input))
    const nodes = this.rewritten(this.graph.nodes, this.nodes)
    for (const output of this.fetched) {
      const dtype = this.typeOf(output)
      const wide = this.standsFor.get(output)
      if (wide && isHalf(dtype) && !this.graph.inputs.includes(output)) this.cast(wide, output, dtype)
    }
    return withNodes(this.graph, nodes)
  }

  private rewritten(nodes: readonly Node[], into: Node[]): readonly Node[] {
    for (const node of nodes) this.rewrite(node, into)
    return into
  }

  private body(graph: Graph): Graph {
    const nodes = this.rewritten(graph.nodes, [])
    return { ...graph, nodes, outputs: graph.outputs.map((value) => this.read(value)) }
  }

  private rewrite(node: Node, into: Node[]): void {
    const types = node.inputs.map((value) => value && this.typeOf(value))
    checkTypes(node, types)
    node.outputs.forEach((value, i) => {
      if (!value) return
      const told = value.declared?.dtype
      const made = typeOfOutput(node, types, i)
      // What a file says is believed but where it is certain that a half is made: the session refuses the two.
      const dtype = told === 'float32' && half(made) && node.op.domain === '' && i === 0 ? made : (told ?? made)
      if (dtype) this.types.set(value, dtype)
    })
    const { name } = node.op
    // A cast that the model asks for rounds, and bits are those of the 16-bit type.
    const narrows = name === 'Cast' || name === 'CastLike' || name === 'BitCast'
    const to = name === 'CastLike' ? types[1] : typeNamed(node)
    let inputs = node.inputs.map((value) => value && this.read(value))
    if (keepsTypes(node.op)) inputs = inputs.map((value, i) => value && this.narrowed(value, types[i], into))
    const attributes = narrows ? node.attributes : this.attributes(node)
    if (!narrows || !isHalf(to)) {
      const outputs = node.outputs.map((value) => value && this.made(value))
      into.push({ ...node, attributes, inputs, outputs })
      return
    }
    const [input] = inputs
    const [output] = node.outputs
    if (!input || !output) return
    const rounded = { name: output.name }
    if (name === 'CastLike') this.cast(input, rounded, to, into)
    else into.push({ ...node, inputs, outputs: [rounded] })
    this.cast(rounded, this.standIn(output), 'float32', into)
  }

  private attributes(node: Node): Node['attributes'] {
    const result: Record<string, unknown> = { ...node.attributes }
    const bodies = new Set<unknown>(bodiesOf(node))
    for (const [name, value] of Object.entries(result)) {
      if (bodies.has(value)) result[name] = this.body(value as Graph)
      else if (isHalfTensor(value)) result[name] = widen(value)
      else if (typeAttributes.includes(name) && half(dtypeFromOnnx(value as number)))
        result[name] = dtypeToOnnx('float32')
    }
    return result
  }

  /** The value that a node makes in the place of another one. */
  private made(value: Value): Value {
    return this.fetched.has(value) && !half(this.typeOf(value)) ? value : this.standIn(value)
  }

  private standIn(value: Value): Value {
    const { name, declared } = value
    const wide: Value = {
      name,
      declared: declared && half(declared.dtype) ? { ...declared, dtype: 'float32' } : declared,
    }
    this.standsFor.set(value, wide)
    return wide
  }

  private read(value: Value): Value {
    const known = this.standsFor.get(value)
    if (known || !value.constant || !half(value.constant.dtype)) return known ?? value
    const constant: Value = { name: value.name, constant: widen(value.constant) }
    this.standsFor.set(value, constant)
    return constant
  }

  private typeOf(value: Value): DType | undefined {
    return value.constant?.dtype ?? this.types.get(value) ?? value.declared?.dtype
  }

  private narrowed(value: Value, dtype: DType | undefined, into: Node[]): Value {
    if (!isHalf(dtype)) return value
    const narrow = { name: value.name }
    this.cast(value, narrow, dtype, into)
    return narrow
  }

  private cast(from: Value, to: Value, dtype: DType = 'float32', into = this.nodes): void {
    const attributes = { to: dtypeToOnnx(dtype), saturate: 1, round_mode: 'up' }
    into.push({
      op: Cast,
      name: to.name,
      attributes,
      inputs: [from],
      outputs: [to],
      fused: notFused,
    })
  }
}

/** @throws LanewiseError `E_SHAPE` where 16-bit floats meet other ones. */
function checkTypes({ op, name }: Node, types: readonly (DType | undefined)[]): void {
  if (op.domain !== '' || !homogeneous.has(op.name) || !types.some(half)) return
  try {
    sameType(types.map((dtype) => (dtype && isFloat(dtype) ? { dtype, shape: [] } : undefined)))
  } catch (error) {
    throw error instanceof LanewiseError ? error.at(op.name, name) : error
  }
}

type TypeRule = (types: readonly (DType | undefined)[], index: number) => DType | undefined

/**
 * What operators make that is not of their first input's type, as far as it can be told from types alone; the others:
 * undefined.
 */
const outputTypes: Readonly<Record<string, DType | TypeRule>> = {
  ...sameFor('bool', 'And Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not OptionalHasElement Or Xor'),
  ...sameFor('int64', 'ArgMax ArgMin NonMaxSuppression NonZero SequenceLength Shape Size'),
  ...sameFor('int32', 'ConvInteger MatMulInteger'),
  ...sameFor(
    () => undefined,
    'Adagrad Adam If Loop Momentum Optional OptionalGetElement Scan SequenceAt SequenceConstruct SequenceErase SequenceInsert SequenceMap SplitToSequence ConcatFromSequence',
  ),
  Attention: (types, i) => types[i === 2 ? 2 : 0],
  BatchNormalization: (types, i) => types[i > 0 ? 3 : 0],
  CastLike: (types) => types[1],
  DequantizeLinear: (types) => types[1],
  DynamicQuantizeLinear: 'uint8',
  OneHot: (types) => types[2],
  QLinearConv: (types) => types[7],
  QLinearMatMul: (types) => types[7],
  QuantizeLinear: (types) => types[2] ?? 'uint8',
  RMSNormalization: (types) => types[1],
  Where: (types) => types[1],
}
/** Second outputs that are indices or a mask. */
const furtherTypes: Readonly<Record<string, DType>> = {
  Dropout: 'bool',
  LayerNormalization: 'float32',
  MaxPool: 'int64',
  TopK: 'int64',
  Unique: 'int64',
}

function sameFor<T>(type: T, names: string): Record<string, T> {
  return Object.fromEntries(names.split(' ').map((name) => [name, type]))
}

function typeOfOutput(node: Node, types: readonly (DType | undefined)[], index: number): DType | undefined {
  const { name, domain } = node.op
  const tensor = Object.values(node.attributes).find((value) => isHalfTensor(value))
  const named = typeNamed(node) ?? tensor?.dtype
  if (named) return named
  // Operators on stored weights make what their scales are.
  if (domain === 'com.microsoft') return types.find(half) ?? types[0]
  if (domain !== '') return undefined
  if (index > 0 && furtherTypes[name]) return furtherTypes[name]
  const rule = outputTypes[name]
  return typeof rule === 'function' ? rule(types, index) : (rule ?? types[0])
}
