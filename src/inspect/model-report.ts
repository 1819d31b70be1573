import { LanewiseError, present } from '../core/errors.js'
import { hostZeros, type HostTensor } from '../core/host.js'
import { sizeOf } from '../core/shape.js'
import type { AttributeKind, AttributeSpec } from '../ir/attributes.js'
import { bodiesOf, type DeclaredType, type Graph, type Node, type Value } from '../ir/graph.js'
import { inferTypes } from '../ir/infer.js'
import type { TensorType } from '../ir/op.js'
import { findOp, registerDefinition } from '../ir/registry.js'
import type { GraphProto, ModelProto } from '../onnx/schema/onnx.js'
import { costOf, parametersOf } from '../plan/cost.js'
import type { InferenceSession } from '../api/session.js'
import { fromHost, type Tensor } from '../api/tensor.js'

/** A node as a report lists it. */
export interface Row {
  readonly node: Node
  /** Inside how many bodies of If, Loop and Scan. */
  readonly depth: number
  readonly outputs: readonly (TensorType | undefined)[]
  readonly parameters: number
  readonly macs: number
  readonly flops: number
}

/** An operator that this library does not have, or refuses. */
export interface Unsupported {
  readonly op: string
  readonly nodes: string[]
  reason?: string
}

/** What there is to say of a model before it has run. */
export interface ModelReport {
  /** With the bodies of If, Loop and Scan. */
  readonly rows: readonly Row[]
  readonly types: ReadonlyMap<Value, TensorType>
  readonly unsupported: ReadonlyMap<string, Unsupported>
  readonly problems: readonly string[]
  readonly totals: {
    readonly nodes: number
    readonly parameters: number
    readonly macs: number
    readonly flops: number
    readonly weightBytes: number
    readonly arenaBytes: number
    readonly peakBytes: number
    /** Whether all of the arena could be planned without running. */
    readonly complete: boolean
  }
  /** By domain. */
  readonly opsets: Readonly<Record<string, number>>
  readonly producer: string
}

/**
 * Loads a model for looking at: operators that nobody knows stand in its graph as they are, and are listed.
 *
 * @param load - makes a lenient session; called again when an operator is refused for an attribute.
 * @throws LanewiseError as `InferenceSession.create` for a damaged file.
 */
export async function loadForReport(
  proto: ModelProto,
  load: () => Promise<InferenceSession>,
): Promise<{ session: InferenceSession; unsupported: Map<string, Unsupported> }> {
  const unsupported = standIn(proto)
  return { session: await tolerantly(load, unsupported), unsupported }
}

/** @param sizes - of open axes by their names; the others are 1. */
export async function modelReport(
  session: InferenceSession,
  proto: ModelProto,
  unsupported: ReadonlyMap<string, Unsupported>,
  sizes: ReadonlyMap<string, number>,
): Promise<ModelReport> {
  const problems: string[] = []
  const { rows, types, weights } = rowsOf(session.model, sizes, problems)
  const sum = (count: (row: Row) => number) => rows.reduce((total, row) => total + count(row), 0)
  const memory = await plannedMemory(session, sizes, unsupported, problems)
  return {
    rows,
    types,
    unsupported,
    problems,
    totals: {
      nodes: rows.length,
      parameters: [...weights.values()].reduce((a, b) => a + b, 0),
      macs: sum((row) => row.macs),
      flops: sum((row) => row.flops),
      ...memory,
    },
    opsets: Object.fromEntries(proto.opsetImport.map(({ domain, version }) => [domain || 'ai.onnx', version])),
    producer: `${proto.producerName} ${proto.producerVersion}`.trim(),
  }
}

/** Whether a node's operator only stands for one that nobody knows. */
export function isSupported({ op }: Node): boolean {
  return !standIns.has(op)
}

/** A shape without names: sizes of open axes by their names, 1 where nothing is said. */
export function concreteShape(shape: readonly (number | string)[], sizes: ReadonlyMap<string, number>): number[] {
  return shape.map((axis) => (typeof axis === 'number' ? axis : (sizes.get(axis) ?? 1)))
}

/**
 * Operators nobody knows get a definition that takes any attributes and computes nothing, so that the rest of the model
 * can be looked at.
 */
function standIn(proto: ModelProto): Map<string, Unsupported> {
  const unsupported = new Map<string, Unsupported>()
  const functions = new Set(proto.functions.map(({ domain, name }) => `${domain}:${name}`))
  const visit = (nodes: GraphProto['node']) => {
    for (const node of nodes) {
      for (const { g } of node.attribute) if (g) visit(g.node)
      const known = findOp(node.domain, node.opType)
      if ((known && !standIns.has(known)) || functions.has(`${node.domain}:${node.opType}`)) continue
      const op = node.domain ? `${node.domain}.${node.opType}` : node.opType
      const entry = unsupported.get(op) ?? { op, nodes: [] }
      entry.nodes.push(node.name || (node.output[0] ?? ''))
      unsupported.set(op, entry)
      replace(node.domain, node.opType)
    }
  }
  visit(proto.graph?.node ?? [])
  for (const { node } of proto.functions) visit(node)
  return unsupported
}

const standIns = new WeakSet<object>()

function replace(domain: string, name: string): void {
  const spec = (kind: AttributeKind): AttributeSpec<unknown> => ({ kind, fallback: undefined })
  // Whatever attribute is asked for is there, so that none is refused; none is listed, so that none is filled in.
  const attributes = new Proxy<Record<string, AttributeSpec<unknown>>>(
    {},
    {
      getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: false, value: spec('int') }),
    },
  )
  const definition = {
    name,
    domain,
    attributes,
    arity: [0, Infinity] as const,
    values: () => {
      throw new LanewiseError('E_UNSUPPORTED', `operator ${name} is not supported`)
    },
  }
  registerDefinition(definition)
  standIns.add(present(findOp(domain, name), name))
}

/** Loads a model; operators that are refused for an attribute join the unsupported ones. */
async function tolerantly(
  load: () => Promise<InferenceSession>,
  unsupported: Map<string, Unsupported>,
): Promise<InferenceSession> {
  for (;;) {
    try {
      return await load()
    } catch (error) {
      if (
        !(error instanceof LanewiseError) ||
        error.code !== 'E_UNSUPPORTED' ||
        error.op === undefined ||
        error.node === undefined
      )
        throw error
      if (unsupported.has(error.op) || !findOp('', error.op)) throw error
      unsupported.set(error.op, { op: error.op, nodes: [error.node], reason: error.message })
      replace('', error.op)
    }
  }
}

function rowsOf(graph: Graph, sizes: ReadonlyMap<string, number>, problems: string[]) {
  const types = new Map<Value, TensorType>()
  /** Every weight once, with its size, however many nodes share it. */
  const weights = new Map<Value, number>()
  const rows: Row[] = []
  const walk = (part: Graph, depth: number) => {
    const made = new Set<Value>()
    for (const { op, attributes, outputs } of part.nodes) {
      // Some exporters write every weight as a Constant; in bodies of If and Loop these are still nodes.
      if (op.name === 'Constant') present(outputs[0], 'output').constant ??= attributes.value as HostTensor | undefined
      else for (const value of outputs) if (value) made.add(value)
    }
    const given = new Map(types)
    for (const value of part.inputs) {
      const type = resolved(value.declared, sizes, depth === 0)
      if (type) given.set(value, type)
    }
    // What an operator's rule cannot tell, the file may.
    for (const node of part.nodes) {
      for (const value of node.outputs) {
        const type = value && resolved(value.declared, sizes, false)
        if (type) given.set(value, type)
      }
    }
    const found = inferTypes(part, given, (error) => problems.push(error.message))
    for (const [value, { type }] of found) types.set(value, type)
    for (const node of part.nodes) {
      const shapeOf = (value: Value | undefined) => value && (value.constant ?? types.get(value))?.shape
      const inputs = node.inputs.map(shapeOf)
      const outputs = node.outputs.map((value) => value && types.get(value))
      let parameters = 0
      for (const value of parametersOf(node, made)) {
        const size = sizeOf(present(value.constant, value.name).shape)
        weights.set(value, size)
        parameters += size
      }
      rows.push({
        node,
        depth,
        outputs,
        parameters,
        ...costOf(
          node,
          inputs,
          outputs.map((type) => type?.shape),
        ),
      })
      for (const body of bodiesOf(node)) walk(body, depth + 1)
    }
  }
  walk(graph, 0)
  return { rows, types, weights }
}

/** A declared type whose every size is a number; open sizes are 1 where that is allowed. */
function resolved(
  declared: DeclaredType | undefined,
  sizes: ReadonlyMap<string, number>,
  open: boolean,
): TensorType | undefined {
  if (declared?.kind !== 'tensor' || !declared.dtype || !declared.shape) return undefined
  const { dtype, shape } = declared
  if (!open && !shape.every((axis) => typeof axis === 'number' || (typeof axis === 'string' && sizes.has(axis))))
    return undefined
  return {
    dtype,
    shape: concreteShape(
      shape.map((axis) => axis ?? ''),
      sizes,
    ),
  }
}

async function plannedMemory(
  session: InferenceSession,
  sizes: ReadonlyMap<string, number>,
  unsupported: ReadonlyMap<string, unknown>,
  problems: string[],
) {
  let arenaBytes = 0
  let complete = false
  try {
    const feeds: Record<string, Tensor> = {}
    for (const input of session.inputMetadata) {
      if (!input.isTensor) throw new LanewiseError('E_UNSUPPORTED', `the input "${input.name}" is no tensor`)
      feeds[input.name] = fromHost(hostZeros(input.type, concreteShape(input.shape, sizes)))
    }
    const segment = await session.prepare(feeds)
    arenaBytes = segment.arenaBytes
    complete = segment.end.kind === 'done'
  } catch (error) {
    if (!(error instanceof LanewiseError)) throw error
    if (unsupported.size === 0) problems.push(`the memory cannot be planned: ${error.message}`)
  }
  const weightBytes = session.memory.weights
  return { weightBytes, arenaBytes, peakBytes: weightBytes + arenaBytes, complete }
}

/** The attributes of a node that are not as they are by default. */
export function hyperparameters(node: Node): [string, unknown][] {
  return Object.entries(node.attributes).filter(([name, value]) => {
    const fallback = Object.hasOwn(node.op.attributes, name) ? node.op.attributes[name].fallback : undefined
    return value !== undefined && typeof value !== 'object'
      ? value !== fallback
      : Array.isArray(value) && String(value) !== String(fallback)
  })
}
