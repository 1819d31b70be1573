// QDQ: QuantizeLinear and DequantizeLinear around what is to compute with integers.
import { hostTensor } from '../core/host.js'
import { sameShape } from '../core/shape.js'
import { usesOf, withNodes, type Graph, type Node, type Value } from '../ir/graph.js'
import type { Seen } from './calibrate.js'
import { activated, type Candidate, type Weights } from './candidates.js'
import {
  byteScalar,
  fromCodes,
  gridOf,
  int8Tensor,
  weightCodes,
  type Codes,
  type Grid,
  type WeightOptions,
} from './linear.js'
import { floats, floatsOfConstant, isOp, makeNode, Names } from './nodes.js'
import type { Range } from './range.js'

/** Operators whose results are elements of their inputs: bytes of one grid go in and come out. */
const MOVERS = ['Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose', 'MaxPool', 'Concat']

/** The largest number of a bias in units of its product. */
const MOST_BIAS = 2 ** 31 - 2 ** 8

interface StaticOptions extends WeightOptions {
  readonly activations: 'uint8' | 'int8'
  /** Takes what rounding the weights adds to the means of a channel out of its bias. */
  readonly biasCorrection: boolean
  /** What of a tensor's distribution is kept. */
  rangeOf(seen: Seen): Range
}

/** What is to be quantised: nodes, and the values between them with their grids. */
interface Layout {
  readonly nodes: ReadonlySet<Node>
  readonly grids: ReadonlyMap<Value, Grid>
}

/**
 * The graph with the chosen candidates on integers, as QDQ. @returns also every node that is on integers then, those
 * that only hand bytes on among them.
 */
export function quantizeStatic(
  graph: Graph,
  chosen: readonly Candidate[],
  seen: ReadonlyMap<Value, Seen>,
  options: StaticOptions,
): { graph: Graph; nodes: ReadonlySet<Node> } {
  const { nodes, grids } = layoutOf(graph, chosen, seen, options)
  return {
    graph: new Writer(graph, new Map(chosen.map((one) => [one.node, one])), grids, seen, options).write(),
    nodes,
  }
}

/**
 * Which values lie on a grid: operands and results of candidates, and what sums, means and movers hand on between
 * those.
 */
function layoutOf(
  graph: Graph,
  chosen: readonly Candidate[],
  seen: ReadonlyMap<Value, Seen>,
  { activations, rangeOf }: StaticOptions,
): Layout {
  const { consumers, outputs } = usesOf(graph)
  const nodes = new Set<Node>()
  const wanted = new Set<Value>()
  const results = new Set<Value>()
  for (const { node, x } of chosen) {
    nodes.add(node)
    wanted.add(x)
    const { value } = activated(graph, node)
    // A convolution has no integer form that gives floats; products have, and keep the precision of what nobody
    // quantises.
    if (value && isOp(node, 'Conv')) wanted.add(value)
    else if (value) results.add(value)
  }
  // Values of one grid, as trees: each points to another, the last one stands for all.
  const same = new Map<Value, Value>()
  const root = (value: Value): Value => {
    const next = same.get(value)
    return next ? root(next) : value
  }
  for (let before = -1; before !== wanted.size + nodes.size;) {
    before = wanted.size + nodes.size
    for (const node of graph.nodes.toReversed()) {
      const [made] = node.outputs
      if (!made || nodes.has(node)) continue
      const reads = isOp(node, 'Concat') ? node.inputs : node.inputs.slice(0, 1)
      if (isOp(node, ...MOVERS) && wanted.has(made) && node.outputs.length === 1) {
        const fits = reads.every(
          (value) =>
            value &&
            seen.has(value) &&
            (wanted.has(value) || results.has(value) || (consumers.get(value)?.length === 1 && !outputs.has(value))),
        )
        if (!fits) continue
        nodes.add(node)
        for (const value of reads)
          if (value) {
            wanted.add(value)
            if (root(value) !== root(made)) same.set(root(value), root(made))
          }
      } else if (isOp(node, 'Add', 'GlobalAveragePool')) {
        const { value } = activated(graph, node)
        const operands = isOp(node, 'Add') ? node.inputs : reads
        const shapes = operands.map((operand) => (operand ? seen.get(operand)?.shape : undefined))
        const [first] = shapes
        const fits = operands.every((operand) => operand && (wanted.has(operand) || results.has(operand)))
        if (
          !value ||
          !wanted.has(value) ||
          !fits ||
          !first ||
          !shapes.every((shape) => shape && sameShape(shape, first))
        )
          continue
        nodes.add(node)
        for (const operand of operands) if (operand) wanted.add(operand)
      }
    }
  }
  const ranges = new Map<Value, Range>()
  for (const value of wanted) {
    const what = seen.get(value)
    if (!what) continue
    const [low, high] = rangeOf(what)
    const whole = ranges.get(root(value))
    ranges.set(root(value), [Math.min(low, whole?.[0] ?? 0), Math.max(high, whole?.[1] ?? 0)])
  }
  const grids = new Map<Value, Grid>()
  for (const value of wanted) {
    const range = ranges.get(root(value))
    if (range) grids.set(value, gridOf(range, activations))
  }
  return { nodes, grids }
}

class Writer {
  private readonly names: Names
  private readonly nodes: Node[] = []
  /** What readers of a value on a grid read instead. */
  private readonly restored = new Map<Value, Value>()
  /** What makes a value that is an output of the graph makes this instead. */
  private readonly raw = new Map<Value, Value>()
  private readonly weights = new Map<string, Value>()

  constructor(
    private readonly graph: Graph,
    private readonly candidates: ReadonlyMap<Node, Candidate>,
    private readonly grids: ReadonlyMap<Value, Grid>,
    private readonly seen: ReadonlyMap<Value, Seen>,
    private readonly options: StaticOptions,
  ) {
    this.names = new Names(graph)
  }

  write(): Graph {
    const { outputs } = usesOf(this.graph)
    for (const value of this.grids.keys())
      if (outputs.has(value) && !this.graph.inputs.includes(value))
        this.raw.set(value, this.names.value(`${value.name}_float`))
    for (const value of this.graph.inputs) this.put(value)
    for (const node of this.graph.nodes) {
      const candidate = this.candidates.get(node)
      const inputs = candidate ? this.operands(candidate) : node.inputs.map((value) => value && this.read(value))
      const made = node.outputs.map((value) => value && (this.raw.get(value) ?? value))
      this.nodes.push({ ...node, inputs, outputs: made })
      for (const value of node.outputs) if (value) this.put(value)
    }
    return withNodes(this.graph, this.nodes)
  }

  private read(value: Value): Value {
    return this.restored.get(value) ?? value
  }

  /** Rounds a value to its grid, if it has one. */
  private put(value: Value): void {
    const grid = this.grids.get(value)
    if (!grid) return
    const { name } = value
    const raw = this.raw.get(value)
    const codes = this.names.value(`${name}_quantized`)
    const restored = raw ? value : this.names.value(`${name}_dequantized`)
    const scale = this.names.constant(`${name}_scale`, hostTensor('float32', [], Float32Array.of(grid.scale)))
    const zero = this.names.constant(`${name}_zero_point`, byteScalar(grid))
    this.nodes.push(
      makeNode('QuantizeLinear', this.names.fresh(`${name}_QuantizeLinear`), [raw ?? value, scale, zero], [codes]),
      makeNode('DequantizeLinear', this.names.fresh(`${name}_DequantizeLinear`), [codes, scale, zero], [restored]),
    )
    this.restored.set(value, restored)
  }

  private operands(candidate: Candidate): (Value | undefined)[] {
    const { x, weights, axis } = candidate
    const grid = this.grids.get(x)
    const bias = this.biasOf(candidate, undefined)
    // A bias that does not fit int32 in the units of the product needs larger units.
    const least =
      bias && grid && this.options.perChannel
        ? bias.map((b) => Math.fround((Math.abs(b) / MOST_BIAS / grid.scale) * (1 + 2 ** -20)))
        : undefined
    const codes = weightCodes(weights.constant, axis, this.options, least)
    const corrected = this.biasOf(candidate, codes)
    const restored = this.restore(weights, codes)
    return [this.read(x), restored, corrected && this.bias(candidate, corrected, codes, grid)]
  }

  /** The bias in float32; with codes, corrected by what they change in the mean. */
  private biasOf(
    { node, x, weights, axis, bias, channels }: Candidate,
    codes: Codes | undefined,
  ): Float32Array | undefined {
    const given = floatsOfConstant(bias)
    const means = this.seen.get(x)?.means
    if (!codes || !this.options.biasCorrection || !means || isOp(node, 'MatMul')) return given
    const before = weights.constant.data as Float32Array
    const after = fromCodes(codes)
    const { shape } = weights.constant
    const result = Float64Array.from({ length: channels }, (_, c) => given?.[c] ?? 0)
    const group = isOp(node, 'Conv') ? Number(node.attributes.group) : 1
    const taps = isOp(node, 'Conv') ? before.length / (shape[0] * shape[1]) : 1
    for (let i = 0; i < before.length; i++) {
      const [first, second] = [Math.floor(i / (shape[1] * taps)), Math.floor(i / taps) % shape[1]]
      const out = axis === 0 ? first : second
      const within = axis === 0 ? second : first
      const channel = Math.floor(out / (channels / group)) * (axis === 0 ? shape[1] : 0) + within
      result[out] -= (after[i] - before[i]) * means[channel]
    }
    return Float32Array.from(result)
  }

  private restore(weights: Weights, codes: Codes): Value {
    const { name } = weights
    const { axis, scales } = codes
    const key = `${name} ${axis} ${scales.join()}`
    const known = this.weights.get(key)
    if (known) return known
    const perTensor = scales.length === 1 && !this.options.perChannel
    const restored = this.names.value(`${name}_dequantized`)
    const shape = perTensor ? [] : [scales.length]
    this.nodes.push(
      makeNode(
        'DequantizeLinear',
        this.names.fresh(`${name}_DequantizeLinear`),
        [
          this.names.constant(`${name}_quantized`, int8Tensor(codes)),
          this.names.constant(`${name}_scale`, floats(scales, shape)),
          this.names.constant(`${name}_zero_point`, hostTensor('int8', shape, new Int8Array(scales.length))),
        ],
        [restored],
        perTensor ? {} : { axis },
      ),
    )
    this.weights.set(key, restored)
    return restored
  }

  /** A bias in the units of the product, as int32. */
  private bias(
    { node, bias }: Candidate,
    values: Float32Array,
    { scales }: Codes,
    grid: Grid | undefined,
  ): Value | undefined {
    if (!grid) return bias
    const units = scales.map((scale) => Math.fround(scale * grid.scale))
    const name = bias?.name ?? `${node.name}_bias`
    const fits = values.every((b, c) => b === 0 || Math.abs(b) / units[units.length === 1 ? 0 : c] <= 2 ** 31 - 1)
    // With one scale for all weights the units are what they are.
    if (!fits) return bias ?? this.names.constant(name, floats(values))
    const codes = Int32Array.from(values, (b, c) => (b === 0 ? 0 : Math.round(b / units[units.length === 1 ? 0 : c])))
    const shape = units.length === 1 && !this.options.perChannel ? [] : [units.length]
    const restored = this.names.value(`${name}_dequantized`)
    this.nodes.push(
      makeNode(
        'DequantizeLinear',
        this.names.fresh(`${name}_DequantizeLinear`),
        [
          this.names.constant(`${name}_quantized`, hostTensor('int32', [codes.length], codes)),
          this.names.constant(`${name}_scale`, floats(units, shape)),
          this.names.constant(`${name}_zero_point`, hostTensor('int32', shape, new Int32Array(units.length))),
        ],
        [restored],
        shape.length === 0 ? {} : { axis: 0 },
      ),
    )
    return restored
  }
}
