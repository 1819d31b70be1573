import type { HostTensor } from '../core/host.js'
import type { Attributes } from './attributes.js'
import { computeChecked, listOf, readsShapesOnly } from './compute.js'
import { withRule, type InferContext, type TensorType } from './op.js'
import { errorAt, LanewiseError } from '../core/errors.js'
import { stringBytes } from '../core/host-memory.js'
import { formatShape, sameShape, sizeOf } from '../core/shape.js'
import type { Graph, Node, Value } from './graph.js'

/**
 * Results of at most this many elements are computed before the run, if their inputs are known: shape arithmetic, not
 * data.
 */
export const FOLD_ELEMENTS = 4096
/** Strings are short in elements and may be long nevertheless. */
const FOLD_BYTES = 2 ** 18

/** Whether what was computed before the run may be kept. */
export function isSmall(tensor: HostTensor | undefined): boolean {
  return !tensor || !Array.isArray(tensor.data) || stringBytes(tensor.data) <= FOLD_BYTES
}

/** What is known of a value without running anything. */
export interface Inferred {
  readonly type: TensorType
  readonly known?: HostTensor
}

class Unknown extends Error {}

/** What the planner, too, knows of an operand. */
interface Given {
  readonly type?: TensorType
  readonly known?: HostTensor
}

/**
 * What inference found for the values and nodes of a graph the last time. With a longer past or another batch most
 * nodes of a model still have the same inputs: what is found again is the same object, so that comparing objects tells
 * whether it has changed.
 */
export class InferenceMemory {
  private readonly values = new WeakMap<Value, Inferred>()
  private readonly nodes = new WeakMap<
    Node,
    { readonly given: readonly (Given | undefined)[]; readonly found: readonly Inferred[] }
  >()

  /** What is known of a value now: the object that it was before, if it is the same. */
  keepValue(value: Value, now: Inferred): Inferred {
    const kept = this.asBefore(value, now)
    this.values.set(value, kept)
    return kept
  }

  /** What was found of a value before, if it is the same. */
  asBefore(value: Value, now: Inferred): Inferred {
    const before = this.values.get(value)
    return before && sameType(before.type, now.type) && sameElements(before.known, now.known) ? before : now
  }

  /** The type of a value, as the object that it was before, if it is the same. */
  typeAsBefore(value: Value, type: TensorType): TensorType {
    const before = this.values.get(value)
    return before && sameType(before.type, type) ? before.type : type
  }

  /** What was found of a node's outputs, if it was given the same. */
  recall(node: Node, given: readonly (Given | undefined)[]): readonly Inferred[] | undefined {
    const last = this.nodes.get(node)
    if (!last) return undefined
    for (let i = 0; i < given.length; i++)
      if (given[i]?.type !== last.given[i]?.type || given[i]?.known !== last.given[i]?.known) return undefined
    return last.found
  }

  keep(node: Node, given: readonly (Given | undefined)[], now: readonly Inferred[]): readonly Inferred[] {
    const found = now.map((output, i) => (node.outputs[i] ? this.keepValue(node.outputs[i], output) : output))
    this.nodes.set(node, { given, found })
    return found
  }
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a === b || (a.dtype === b.dtype && sameShape(a.shape, b.shape))
}

export function sameElements(a: HostTensor | undefined, b: HostTensor | undefined): boolean {
  if (a === b || !a || !b) return a === b
  const { data, shape } = b
  if (a.dtype !== b.dtype || !sameShape(a.shape, shape)) return false
  for (let i = 0; i < data.length; i++) if (!Object.is(a.data[i], data[i])) return false
  return true
}

/** The number that a tensor of one element is, or `least` if it is less. */
export function largerNumber({ data, shape }: HostTensor, least: number): number {
  if (data.length !== 1) throw new LanewiseError('E_SHAPE', `one number is needed, got ${formatShape(shape)}`)
  return Math.max(Number(data[0]), least)
}

/**
 * Types of every value of a graph for given input types, as far as they follow without running it: what depends on
 * data, and all that depends on that, is missing in the result. Nothing is put into memory.
 *
 * @param refused - told of an operator that refuses its inputs, whose outputs then stay unknown.
 * @param known - elements of inputs, where they matter for shapes.
 * @param memory - what was found for other inputs, to take from and add to.
 * @throws LanewiseError if an operator refuses its inputs and `refused` is left out.
 */
export function inferTypes(
  graph: Graph,
  inputs: ReadonlyMap<Value, TensorType>,
  refused: (error: LanewiseError) => void = raise,
  known: ReadonlyMap<Value, HostTensor> = new Map<Value, HostTensor>(),
  memory = new InferenceMemory(),
): Map<Value, Inferred> {
  const found = new Map<Value, Inferred>()
  for (const [value, type] of inputs) found.set(value, memory.keepValue(value, { type, known: known.get(value) }))
  const look = (value: Value): Inferred | undefined =>
    value.constant ? { type: value.constant, known: value.constant } : found.get(value)
  for (const node of graph.nodes) {
    const given = node.inputs.map((value) => value && look(value))
    if (!node.op.infer || node.inputs.some((value, i) => value && !given[i])) continue
    let outputs = memory.recall(node, given)
    if (!outputs) {
      const now = inferNode(node, given, refused)
      outputs = now && memory.keep(node, given, now)
    }
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

/** What a node makes of its inputs; undefined if that depends on elements that are not known, or if it was refused. */
export function inferNode(
  node: Node,
  given: readonly (Inferred | undefined)[],
  refused: (error: LanewiseError) => void,
): Inferred[] | undefined {
  const { op, attributes } = node
  const outputCount = node.outputs.length
  try {
    const context = {
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
    } satisfies InferContext<Attributes>
    const types = listOf(withRule(op, 'infer').infer(context), 'infer')
    const shapeOnly = readsShapesOnly(op)
    const small = types.every((type) => sizeOf(type.shape) <= FOLD_ELEMENTS)
    if (!op.compute || op.random || op.work || !small || !(shapeOnly || given.every((input) => !input || input.known)))
      return types.map((type) => ({ type }))
    const inputs = given.map((input) => input && (input.known ?? { ...input.type, data: [] }))
    const results = computeChecked(op, { attributes, inputs, outputs: types, outputCount }, node.outputs)
    return results.map((known, i) => (isSmall(known) ? { type: known, known } : { type: types[i] }))
  } catch (error) {
    if (error instanceof Unknown) return undefined
    const placed = errorAt(op.name, node.name, error)
    if (!(placed instanceof LanewiseError)) throw placed
    refused(placed)
    return undefined
  }
}
