import type { HostTensor } from '../host.js'
import type { TensorType } from '../ops/op.js'
import { LanewiseError } from '../errors.js'
import { formatShape, sizeOf } from '../shape.js'
import type { Graph, Node, Value } from './ir.js'

/** Elements are followed through shape arithmetic up to this many. */
const FOLD_ELEMENTS = 4096

/** What is known of a value without running anything. */
export interface Inferred {
  readonly type: TensorType
  readonly known?: HostTensor
}

class Unknown extends Error {}

/** The number that a tensor of one element is, or `least` if it is less. */
export function largerNumber({ data, shape }: HostTensor, least: number): number {
  if (data.length !== 1) throw new LanewiseError('E_SHAPE', `one number is needed, got ${formatShape(shape)}`)
  return Math.max(Number(data[0]), least)
}

/**
 * Types of every value of a graph for given input types, as far as they follow without running it: what depends on data, and all that
 * depends on that, is missing in the result. Nothing is put into memory.
 *
 * @param refused - told of an operator that refuses its inputs, whose outputs then stay unknown.
 * @param known - elements of inputs, where they matter for shapes.
 * @throws LanewiseError if an operator refuses its inputs and `refused` is left out.
 */
export function inferTypes(
  graph: Graph,
  inputs: ReadonlyMap<Value, TensorType>,
  refused: (error: LanewiseError) => void = raise,
  known: ReadonlyMap<Value, HostTensor> = new Map<Value, HostTensor>(),
): Map<Value, Inferred> {
  const found = new Map<Value, Inferred>()
  for (const [value, type] of inputs) found.set(value, { type, known: known.get(value) })
  const look = (value: Value): Inferred | undefined =>
    value.constant ? { type: value.constant, known: value.constant } : found.get(value)
  for (const node of graph.nodes) {
    const given = node.inputs.map((value) => value && look(value))
    if (!node.op.infer || node.inputs.some((value, i) => value && !given[i])) continue
    const outputs = inferNode(node, given, refused)
    outputs?.forEach((output, i) => {
      const value = node.outputs[i]
      if (value) found.set(value, output)
    })
  }
  return found
}

function raise(error: LanewiseError): never {
  throw error
}

function inferNode(
  node: Node,
  given: readonly (Inferred | undefined)[],
  refused: (error: LanewiseError) => void,
): Inferred[] | undefined {
  const { op, attributes } = node
  const outputCount = node.outputs.length
  try {
    const types = op.infer!({
      attributes,
      inputs: given.map((input) => input?.type),
      outputCount,
      known: (i) => given[i]?.known,
      value: (i) => {
        if (given[i] && !given[i].known) throw new Unknown()
        return given[i]?.known
      },
      atLeast: (i, least) => {
        if (!given[i]?.known) throw new Unknown()
        return largerNumber(given[i].known, least)
      },
    })
    const shapeOnly = op.name === 'Shape' || op.name === 'Size'
    const small = types.every((type) => sizeOf(type.shape) <= FOLD_ELEMENTS)
    if (!op.compute || op.random || !small || !(shapeOnly || given.every((input) => !input || input.known))) return types.map((type) => ({ type }))
    const inputs = given.map((input) => input && (input.known ?? { ...input.type, data: [] }))
    return op.compute({ attributes, inputs, outputs: types, outputCount }).map((known) => ({ type: known, known }))
  } catch (error) {
    if (error instanceof Unknown) return undefined
    if (!(error instanceof LanewiseError)) throw error
    refused(error.at(op.name, node.name))
    return undefined
  }
}
