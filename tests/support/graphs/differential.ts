import { isFloat } from '../../../src/core/dtype.js'
import { notFused, type Graph, type Node, type Value } from '../../../src/ir/graph.js'
import type { HostTensor, HostValue } from '../../../src/core/host.js'
import { exportModel } from '../../../src/onnx/export-any.js'
import { registerAllOps } from '../../../src/api/register-all.js'
import { parseAttributes, toRaw, type RawAttributes } from '../../../src/ir/attributes.js'
import { findOp } from '../../../src/ir/registry.js'
import type { Engine } from '../../conformance/engines.js'
import { wrongInOrt } from './ort-wrong.js'
import {
  allowance,
  numbers,
  uncertainty,
  tensorFrom,
  type RandomGraph,
  type RandomNode,
  type RandomValue,
} from './random-graph.js'

registerAllOps()

const nameOf = (id: number): string => `v${id}`

/** The graph as an ONNX file, and what to feed it. */
function modelOf({ values, nodes, outputs, open }: RandomGraph): {
  bytes: Uint8Array
  feeds: Map<string, HostValue>
} {
  const feeds = new Map<string, HostValue>()
  const inputs: Value[] = []
  const made = new Map<number, Value>()
  const valueOf = (id: number): Value => {
    let value = made.get(id)
    if (value) return value
    const { tensor, constant, dtype, shape } = values[id]
    value = { name: nameOf(id) }
    if (tensor && constant) value.constant = tensor
    else if (tensor) {
      value.declared = { kind: 'tensor', dtype, shape: open ? shape.map((_, axis) => `s${id}_${axis}`) : shape }
      feeds.set(value.name, tensor)
      inputs.push(value)
    }
    made.set(id, value)
    return value
  }
  const written = nodes.map((node, i): Node => {
    const op = findOp(node.domain, node.op)!
    const raw: RawAttributes = new Map()
    for (const [name, value] of Object.entries(node.attributes)) raw.set(name, toRaw(op.attributes[name].kind, value))
    return {
      op,
      name: `n${i}`,
      attributes: parseAttributes(op.attributes, raw),
      inputs: node.inputs.map((id) => (id === undefined ? undefined : valueOf(id))),
      outputs: node.outputs.map(valueOf),
      fused: notFused,
    }
  })
  const graph: Graph = { name: 'random', inputs, outputs: outputs.map(valueOf), nodes: written }
  return { bytes: exportModel(graph), feeds }
}

/** What an engine got wrong in a value; undefined if nothing. */
function difference(value: RandomValue, actual: HostTensor | undefined): string | undefined {
  if (!actual) return 'is missing'
  if (actual.dtype !== value.dtype) return `is ${actual.dtype}, not ${value.dtype}`
  if (actual.shape.join() !== value.shape.join())
    return `is of shape [${actual.shape.join()}], not [${value.shape.join()}]`
  const allowed = allowance(value)
  const found = numbers(actual)
  let worst = -1
  let most = allowed
  for (let i = 0; i < found.length; i++) {
    const off = Math.abs(found[i] - value.exact[i])
    if (!(off <= most)) {
      worst = i
      most = Number.isNaN(off) ? Infinity : off
    }
  }
  return worst < 0
    ? undefined
    : `has ${found[worst]} at ${worst} instead of ${value.exact[worst]}${isFloat(value.dtype) ? ` ± ${allowed.toPrecision(2)}` : ''}`
}

export type Outcome =
  | { readonly kind: 'same' }
  /**
   * onnxruntime-web has no kernel for a node's types, or does not take the graph; Lanewise is right by the reference.
   */
  | { readonly kind: 'alone'; readonly why: string }
  /** Only Lanewise is off. */
  | { readonly kind: 'wrong'; readonly what: string }
  /** Only onnxruntime-web is off; `why` if that is known. */
  | { readonly kind: 'ort wrong'; readonly what: string; readonly why: string | undefined }

const lacking =
  /NOT_IMPLEMENTED|not implemented|Could not find an implementation|is not a registered function|No Op registered|Type Error|INVALID_GRAPH|Unsupported|unsupported/i

/** An engine's answers; with `twice` a second run has to give the same bits as the first. */
async function answers(engine: Engine, graph: RandomGraph, twice = false): Promise<Map<string, HostTensor>> {
  const { bytes, feeds } = modelOf(graph)
  const model = await engine.load(bytes)
  try {
    const results = (await model.run(feeds)) as Map<string, HostTensor>
    const again = twice ? ((await model.run(feeds)) as Map<string, HostTensor>) : results
    for (const [name, { data }] of again)
      if (String(data) !== String(results.get(name)!.data)) throw new Error(`${name} is not the same in a second run`)
    return results
  } finally {
    await model.release()
  }
}

/** The nodes that a value comes from, the last first. */
function ancestry({ nodes }: RandomGraph, id: number): RandomNode[] {
  const wanted = new Set([id])
  const found: RandomNode[] = []
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((output) => wanted.has(output))) continue
    found.push(node)
    for (const input of node.inputs) if (input !== undefined) wanted.add(input)
  }
  return found
}

/** Runs a graph in both engines and holds both to the float64 run. */
export async function compareEngines(graph: RandomGraph, lanewise: Engine, ort: Engine): Promise<Outcome> {
  let ours: Map<string, HostTensor>
  try {
    ours = await answers(lanewise, graph, true)
  } catch (error) {
    return { kind: 'wrong', what: String((error as Error).message) }
  }
  for (const id of graph.outputs) {
    const what = difference(graph.values[id], ours.get(nameOf(id)))
    if (what !== undefined) return { kind: 'wrong', what: `${nameOf(id)} ${what}` }
  }
  let theirs: Map<string, HostTensor>
  try {
    theirs = await answers(ort, graph)
  } catch (error) {
    const { message } = error as Error
    const why = wrongInOrt(graph, graph.nodes, 'refused')
    if (why !== undefined || lacking.test(message)) return { kind: 'alone', why: why ?? message }
    return { kind: 'ort wrong', what: `refuses it: ${message}`, why: undefined }
  }
  for (const id of graph.outputs) {
    const what = difference(graph.values[id], theirs.get(nameOf(id)))
    if (what !== undefined)
      return {
        kind: 'ort wrong',
        what: `${nameOf(id)} ${what}`,
        why: wrongInOrt(graph, ancestry(graph, id), 'differs'),
      }
  }
  return { kind: 'same' }
}

/** Without what the outputs do not need. */
function pruned(graph: RandomGraph): RandomGraph {
  const wanted = new Set(graph.outputs.flatMap((id) => ancestry(graph, id)))
  return { ...graph, nodes: graph.nodes.filter((node) => wanted.has(node)) }
}

/** The graph with its inputs' sizes changed, computed again; undefined if that is no graph. */
function resized(graph: RandomGraph, from: number, to: number): RandomGraph | undefined {
  const values = [...graph.values]
  try {
    graph.values.forEach((value, id) => {
      if (!value.tensor || !value.shape.includes(from)) return
      const shape = value.shape.map((size) => (size === from ? to : size))
      const data = Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, i) => value.exact[i % value.exact.length],
      )
      values[id] = { ...value, shape, exact: data, shaken: data, tensor: tensorFrom(value.dtype, shape, data) }
    })
    for (const node of graph.nodes) {
      const exact = node.reference(
        node.inputs.map((id) =>
          id === undefined ? undefined : { shape: values[id].shape, data: [...values[id].exact] },
        ) as never,
        node.attributes,
      )
      node.outputs.forEach((id, i) => {
        if (
          exact[i].data.length !== exact[i].shape.reduce((a, b) => a * b, 1) ||
          exact[i].data.some((x) => !Number.isFinite(x))
        )
          throw new Error('no such graph')
        // What rounding may do is taken over from the larger graph.
        const { data } = exact[i]
        values[id] = {
          ...values[id],
          shape: exact[i].shape,
          exact: data,
          shaken: data.map((x) => x + uncertainty(graph.values[id])),
        }
      })
    }
  } catch {
    return undefined
  }
  return { ...graph, values }
}

/** Every graph that is a step smaller. */
function* smaller(graph: RandomGraph): Generator<RandomGraph> {
  if (graph.outputs.length > 1) for (const id of graph.outputs) yield pruned({ ...graph, outputs: [id] })
  if (graph.open) yield { ...graph, open: false }
  // A node gone: its results become inputs.
  for (const node of graph.nodes) {
    const values = graph.values.map((value) =>
      node.outputs.includes(value.id)
        ? { ...value, tensor: tensorFrom(value.dtype, value.shape, value.exact), constant: false }
        : value,
    )
    const nodes = graph.nodes.filter((other) => other !== node)
    const outputs = graph.outputs.filter((id) => !node.outputs.includes(id))
    if (outputs.length > 0) yield pruned({ ...graph, values, nodes, outputs })
    else if (nodes.length > 0) {
      // The last node: what it reads is fetched instead.
      const made = new Set(nodes.flatMap((other) => other.outputs))
      const before = node.inputs.filter((id) => id !== undefined && made.has(id)) as number[]
      if (before.length > 0) yield pruned({ ...graph, nodes, outputs: before })
    }
  }
  const sizes = new Set(graph.values.flatMap(({ tensor, shape }) => (tensor ? shape : [])))
  for (const size of sizes) {
    for (const to of [1, 2, Math.floor(size / 2), size - 1]) {
      const other = to > 0 && to < size ? resized(graph, size, to) : undefined
      if (other) yield other
    }
  }
}

/** The smallest graph to be found by dropping nodes and shrinking sizes that still comes out the same way. */
export async function shrink(
  graph: RandomGraph,
  fails: (smaller: RandomGraph) => Promise<boolean>,
): Promise<RandomGraph> {
  let best = pruned(graph)
  for (let tries = 0; tries < 300;) {
    let found: RandomGraph | undefined
    for (const candidate of smaller(best)) {
      if (++tries > 300) break
      if (await fails(candidate)) {
        found = candidate
        break
      }
    }
    if (!found) return best
    best = found
  }
  return best
}

/** A graph for people: what to write to see the same again. */
export function describeGraph(graph: RandomGraph): string {
  const { values, nodes, outputs, seed } = graph
  const used = new Set(nodes.flatMap(({ inputs }) => inputs))
  const elements = (data: readonly number[]) =>
    data.length > 24 ? `${data.slice(0, 24).join(', ')}, … ${data.length} elements` : data.join(', ')
  return [
    `random graph of seed ${seed}${graph.open ? ', sizes left open' : ''}:`,
    ...values
      .filter(({ id, tensor }) => tensor && used.has(id))
      .map(
        ({ id, dtype, shape, exact, constant }) =>
          `  ${constant ? 'constant' : 'input'} ${nameOf(id)}: ${dtype}[${shape.join()}] = ${elements(exact)}`,
      ),
    ...nodes.map(({ op, domain, attributes, inputs, outputs: results }) => {
      const given = inputs.map((id) => (id === undefined ? '-' : nameOf(id))).join(', ')
      const types = results.map((id) => `${nameOf(id)}: ${values[id].dtype}[${values[id].shape.join()}]`).join(', ')
      return `  ${types} = ${domain ? `${domain}.` : ''}${op}(${given}) ${JSON.stringify(attributes)}`
    }),
    `  fetched: ${outputs.map(nameOf).join(', ')}`,
  ].join('\n')
}
