import type { DType } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { formatShape } from '../core/shape.js'
import type { Attributes } from './attributes.js'
import type { Fused } from './emitter.js'
import type { OpDefinition } from './op.js'

/** A size that may be symbolic (a name shared by sizes that must agree) or unknown (null). */
export type Dimension = number | string | null

/** What a model declares of a value: a tensor's type, as far as it says, or the word for another kind of value. */
export interface DeclaredType {
  /** Whether it is a tensor or another kind of value. */
  readonly kind: 'tensor' | 'sequence' | 'optional' | 'map'
  /** The element type (of the tensors inside, for a sequence or optional). */
  readonly dtype?: DType
  /** undefined: rank unknown. */
  readonly shape?: readonly Dimension[]
}

/** A declared type as error messages show it: `float32[N,3]`, `sequence of int64`. */
export function formatDeclared({ kind, dtype = '?' as DType, shape }: DeclaredType): string {
  return `${kind === 'tensor' ? '' : `${kind} of `}${dtype}${shape ? formatShape(shape) : ''}`
}

/** Whether a value may be of both types: what one leaves open the other may say. */
export function mayAgree(a: DeclaredType, b: DeclaredType): boolean {
  const differ = (x: unknown, y: unknown) => typeof x === 'number' && typeof y === 'number' && x !== y
  return (
    a.kind === b.kind &&
    (!a.dtype || !b.dtype || a.dtype === b.dtype) &&
    (!a.shape ||
      !b.shape ||
      (a.shape.length === b.shape.length && !a.shape.some((size, i) => differ(size, b.shape?.[i]))))
  )
}

/** A named value of a graph; identity is the object, names are for people and files. */
export interface Value {
  /** Its name, for people and files. */
  readonly name: string
  /** What the model says of its type, if it says anything. */
  declared?: DeclaredType
  /** The elements, if the value is an initialiser or was folded. */
  constant?: HostTensor
}

/** An operator applied to values: what a graph is made of. */
export interface Node {
  /** The operator's definition. */
  readonly op: OpDefinition
  /** Its name, for people and files; '' if it has none. */
  readonly name: string
  /** Attributes by their names, checked and with defaults filled in. */
  readonly attributes: Attributes
  /** Values it reads, in the operator's order; undefined where an optional one is left out. */
  readonly inputs: readonly (Value | undefined)[]
  /** Values it makes; undefined where one is not wanted. */
  readonly outputs: readonly (Value | undefined)[]
  /** What passes have folded into it. */
  readonly fused: Fused
}

/**
 * Nodes in an order in which every value is made before it is used. Passes never change a graph or a node: they return
 * new ones that share values. The body of a control-flow node is a graph in its attributes that may use values of the
 * graphs around it.
 */
export interface Graph {
  /** The graph's name, for files and messages. */
  readonly name: string
  /** What it is fed, in order. */
  readonly inputs: readonly Value[]
  /** What it returns, in order. */
  readonly outputs: readonly Value[]
  /** In an order in which every value is made before it is read. */
  readonly nodes: readonly Node[]
}

export const notFused: Fused = Object.freeze({})

/** The graphs in a node's attributes. */
export function bodiesOf(node: Node): Graph[] {
  return Object.values(node.attributes).filter(isGraph)
}

function isGraph(value: unknown): value is Graph {
  return typeof value === 'object' && value !== null && 'nodes' in value && 'inputs' in value
}

/** What is or makes a graph: a graph itself, or a builder of one. */
export type GraphSource =
  | Graph
  | {
      /** The graph as it stands now. */
      graph(): Graph
    }

/** The graph of whatever a caller gave; undefined if it is none. */
export function graphOf(source: unknown): Graph | undefined {
  if (typeof source !== 'object' || source === null) return undefined
  if ('graph' in source && typeof source.graph === 'function') return graphOf((source as { graph(): unknown }).graph())
  const { name, nodes, inputs, outputs } = source as Partial<Record<keyof Graph, unknown>>
  const fits = typeof name === 'string' && [nodes, inputs, outputs].every(Array.isArray)
  return fits ? (source as Graph) : undefined
}

/** Whether something is a value of a graph, as far as can be told. */
export function isValue(given: unknown): given is Value {
  if (typeof given !== 'object' || given === null || typeof (given as Partial<Value>).name !== 'string') return false
  return Object.keys(given).every((key) => key === 'name' || key === 'declared' || key === 'constant')
}

/** What follows from a node or a graph is kept: they never change, and most of them are in every plan of a model. */
const read = new WeakMap<Node, readonly Value[]>()
const usesOfGraphs = new WeakMap<Graph, Uses>()

/** Every value a node reads, with multiplicity: its inputs and what its bodies take from the graphs around them. */
export function usedBy(node: Node): readonly Value[] {
  let used = read.get(node)
  if (!used) {
    used = [...node.inputs.filter((value) => value !== undefined), ...bodiesOf(node).flatMap(capturedBy)]
    read.set(node, used)
  }
  return used
}

/** The values a body takes from the graphs around it. */
export function capturedBy(body: Graph): Value[] {
  const own = new Set<Value>(body.inputs)
  const captured = new Set<Value>()
  const use = (value: Value) => {
    if (!own.has(value)) captured.add(value)
  }
  for (const node of body.nodes) {
    usedBy(node).forEach(use)
    for (const output of node.outputs) if (output) own.add(output)
  }
  body.outputs.forEach(use)
  return [...captured]
}

/** Who makes each value and who reads it, of one graph. */
export interface Uses {
  readonly producer: ReadonlyMap<Value, Node>
  readonly consumers: ReadonlyMap<Value, readonly Node[]>
  readonly outputs: ReadonlySet<Value>
}

export function usesOf(graph: Graph): Uses {
  let uses = usesOfGraphs.get(graph)
  if (!uses) usesOfGraphs.set(graph, (uses = findUses(graph)))
  return uses
}

function findUses(graph: Graph): Uses {
  const producer = new Map<Value, Node>()
  const consumers = new Map<Value, Node[]>()
  for (const node of graph.nodes) {
    for (const value of usedBy(node)) {
      const list = consumers.get(value)
      if (list) list.push(node)
      else consumers.set(value, [node])
    }
    for (const output of node.outputs) if (output) producer.set(output, node)
  }
  return { producer, consumers, outputs: new Set(graph.outputs) }
}

/** The graph with a list of nodes in the place of another; the order stays. */
export function withNodes(graph: Graph, nodes: readonly Node[]): Graph {
  return { ...graph, nodes }
}
