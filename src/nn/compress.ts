import { checkArguments } from '../core/arguments.js'
import { LanewiseError, present } from '../core/errors.js'
import { decodeFloats, encodeFloats } from '../core/floats.js'
import { notFused, type Graph, type Node, type Value } from '../ir/graph.js'
import { hostFrom, type HostTensor } from '../core/host.js'
import { parseAttributes, toRaw } from '../ir/attributes.js'
import { Cast, DequantizeLinear } from '../autograd/operators.js'
import type { OpDefinition } from '../ir/op.js'

/** How a file keeps its weights. `int8`: a factor per output channel (the first axis), symmetric around 0. */
export type WeightFormat = 'float32' | 'float16' | 'int8'

const FORMATS: readonly string[] = ['float32', 'float16', 'int8'] satisfies WeightFormat[]

/** @throws LanewiseError `E_VALUE` for a format that there is none. @internal */
export function checkWeightFormat(format: string): void {
  if (!FORMATS.includes(format))
    throw new LanewiseError('E_VALUE', `weights cannot be kept as "${format}"`, {
      expected: FORMATS.join(', '),
      actual: format,
    })
}

/** Smaller tensors stay as they are, and so do biases. */
const LEAST = 256

/**
 * The same graph with its large float32 constants in a shorter type, and a node that brings each back: Cast or
 * DequantizeLinear, which runtimes compute when they load the model. What is computed afterwards is float32 as before;
 * the weights have been rounded.
 *
 * @throws LanewiseError `E_VALUE` for a weight that the type cannot hold, and for a format that there is none.
 */
export function compressWeights(graph: Graph, format: WeightFormat): Graph {
  checkArguments('compressWeights', { graph, format }, 'graph', 'string')
  checkWeightFormat(format)
  if (format === 'float32') return graph
  const short = new Map<Value, Value>()
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((value) => {
      if (value?.constant?.dtype !== 'float32' || value.constant.data.length < LEAST || value.constant.shape.length < 2)
        return value
      let restored = short.get(value)
      if (!restored) {
        const made = format === 'float16' ? asFloat16(value, value.constant) : asInt8(value, value.constant)
        nodes.push(made)
        short.set(value, (restored = present(made.outputs[0], 'output')))
      }
      return restored
    })
    nodes.push({ ...node, inputs })
  }
  return { ...graph, nodes }
}

/**
 * The float32 constants of a graph by name, those that {@link compressWeights} has made shorter among them (rounded, as
 * the graph computes with them): what an exported module's `loadStateDict` takes.
 */
export function weightsOf(graph: Pick<Graph, 'nodes'>): Map<string, HostTensor> {
  checkArguments('weightsOf', { graph }, 'graph')
  const weights = new Map<string, HostTensor>()
  for (const { op, inputs, outputs } of graph.nodes) {
    const [first, scale] = inputs.map((value) => value?.constant)
    const restored = outputs[0]
    if (restored && first?.dtype === 'float16' && op.name === Cast.name)
      weights.set(restored.name, {
        ...first,
        dtype: 'float32',
        data: decodeFloats('float16', first.data as Uint16Array),
      })
    else if (restored && first?.dtype === 'int8' && scale?.dtype === 'float32' && op.name === DequantizeLinear.name) {
      const [rows] = first.shape
      const size = first.data.length / rows
      const [codes, factors] = [first.data as Int8Array, scale.data as Float32Array]
      const data = Float32Array.from(
        codes,
        (code, i) => code * factors[factors.length === 1 ? 0 : Math.floor(i / size)],
      )
      weights.set(restored.name, { dtype: 'float32', shape: first.shape, data })
    } else for (const value of inputs) if (value?.constant?.dtype === 'float32') weights.set(value.name, value.constant)
  }
  return weights
}

function asFloat16(value: Value, { shape, data }: HostTensor): Node {
  const code = encodeFloats('float16', data as Float32Array) as Uint16Array
  if (code.some((bits) => (bits & 0x7c00) === 0x7c00))
    throw new LanewiseError('E_VALUE', `"${value.name}" has weights that float16 cannot hold`, { tensor: value.name })
  return restoring(
    value,
    Cast,
    [{ name: `${value.name}.float16`, constant: { dtype: 'float16', shape, data: code } }],
    { to: 1 },
  )
}

function asInt8(value: Value, { shape, data }: HostTensor): Node {
  const rows = shape[0]
  const size = data.length / rows
  const weights = data as Float32Array
  const scales = new Float32Array(rows)
  const codes = new Int8Array(data.length)
  for (let row = 0; row < rows; row++) {
    let most = 0
    for (let i = row * size; i < (row + 1) * size; i++) most = Math.max(most, Math.abs(weights[i]))
    if (!Number.isFinite(most))
      throw new LanewiseError('E_VALUE', `"${value.name}" has weights that are not finite`, { tensor: value.name })
    scales[row] = most === 0 ? 1 : most / 127
    for (let i = row * size; i < (row + 1) * size; i++)
      codes[i] = Math.max(-127, Math.min(127, Math.round(weights[i] / scales[row])))
  }
  const inputs: Value[] = [
    { name: `${value.name}.int8`, constant: { dtype: 'int8', shape, data: codes } },
    { name: `${value.name}.scale`, constant: hostFrom('float32', [rows], [...scales]) },
  ]
  return restoring(value, DequantizeLinear, inputs, { axis: 0 })
}

function restoring(
  value: Value,
  op: OpDefinition,
  inputs: readonly Value[],
  attributes: Readonly<Record<string, number>>,
): Node {
  const raw = new Map(
    Object.entries(attributes).map(([key, setting]) => [key, toRaw(op.attributes[key].kind, setting)]),
  )
  return {
    op,
    name: `${value.name}.${op.name}`,
    attributes: parseAttributes(op.attributes, raw),
    inputs,
    outputs: [{ name: value.name }],
    fused: notFused,
  }
}
