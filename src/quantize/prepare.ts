import { present } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { finish, waitFor, type Steps } from '../core/steps.js'
import { loadGraph } from '../api/graph/model-graph.js'
import { registerAllOps } from '../api/register-all.js'
import { InferenceSession } from '../api/session.js'
import { Tensor, toHost } from '../api/tensor.js'
import {
  bodiesOf,
  graphOf,
  usesOf,
  withNodes,
  type Graph,
  type GraphSource,
  type Node,
  type Value,
} from '../ir/graph.js'
import { exportModel } from '../onnx/export-any.js'
import { eliminateDead } from '../passes/load/eliminate-dead.js'
import { eliminateIdentity } from '../passes/load/eliminate-identity.js'
import { foldBatchNorm } from '../passes/load/fold-batchnorm.js'
import { foldConstants } from '../passes/load/fold-constants.js'
import type { PassContext } from '../passes/load/index.js'
import { floats, floatsOfConstant, isOp, Names } from './nodes.js'

/** A model to quantise: its bytes, where it lies, or a graph. */
export type QuantizeSource = string | URL | Uint8Array | ArrayBuffer | GraphSource

/** A graph with all weights as constants of the nodes that read them. */
interface Prepared {
  readonly graph: Graph
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * The graph to quantise: what depends on constants alone is computed, a scale and shift behind a convolution is in its
 * weights, factors of a Gemm in its operands. Nothing is fused that ONNX has no operator for. The caller's graph stays
 * as it is.
 */
export async function prepare(source: QuantizeSource): Promise<Prepared> {
  registerAllOps()
  const own = typeof source === 'object' ? graphOf(source) : undefined
  const loaded = await loadGraph(own ? exportModel(own) : (source as string))
  const context: PassContext = { evaluate, fast: true }
  // The list of a loaded graph cannot be changed in its place.
  let graph: Graph = { name: loaded.name, inputs: loaded.inputs, outputs: loaded.outputs, nodes: [...loaded.nodes] }
  graph = withoutLastIdentities(eliminateIdentity.run(graph))
  graph = await finish(foldConstants.run(graph, context))
  graph = foldBatchNorm.run(graph)
  graph = eliminateDead.run(withNodes(graph, graph.nodes.map(plainGemm)))
  return { graph: named(graph), metadata: loaded.metadata }
}

/** Computes a graph without inputs. */
function* evaluate(graph: Graph): Steps<ReadonlyMap<Value, HostTensor>> {
  return yield* waitFor('computing constants', async () => {
    const session = await InferenceSession.create(exportModel(graph))
    try {
      const results = await session.run({})
      return new Map(
        graph.outputs.map((value) => [value, present(tensorOf(results[value.name], value.name), value.name)]),
      )
    } finally {
      await session.release()
    }
  })
}

/** Identity that only gives a result the name of an output: what makes the result makes the output itself. */
function withoutLastIdentities(graph: Graph): Graph {
  const { producer, outputs } = usesOf(graph)
  const named = new Map<Value, Value>()
  const nodes = graph.nodes.filter((node) => {
    const [x] = node.inputs
    const [y] = node.outputs
    if (!isOp(node, 'Identity') || !x || !y || !outputs.has(y) || outputs.has(x) || named.has(x)) return true
    const maker = producer.get(x)
    const inBody = (usesOf(graph).consumers.get(x) ?? []).some((reader) => !reader.inputs.includes(x))
    if (!maker || bodiesOf(maker).length > 0 || inBody) return true
    named.set(x, y)
    return false
  })
  const now = (value: Value | undefined) => value && (named.get(value) ?? value)
  return withNodes(
    graph,
    nodes.map((node) => ({ ...node, inputs: node.inputs.map(now), outputs: node.outputs.map(now) })),
  )
}

/** Gemm with its factors multiplied into constant operands, so that it is a product and a bias. */
function plainGemm(node: Node): Node {
  if (!isOp(node, 'Gemm')) return node
  const [a, b, c] = node.inputs
  const scaled = (value: Value | undefined, factor: number): Value | undefined => {
    const data = floatsOfConstant(value)
    if (factor === 1 || !value || !data) return value
    return {
      name: value.name,
      constant: floats(
        data.map((x) => x * factor),
        value.constant?.shape,
      ),
    }
  }
  const [alpha, beta] = [Number(node.attributes.alpha), Number(node.attributes.beta)]
  if ((alpha !== 1 && !floatsOfConstant(b)) || (beta !== 1 && c && !floatsOfConstant(c))) return node
  return {
    ...node,
    inputs: [a, scaled(b, alpha), scaled(c, beta)],
    attributes: { ...node.attributes, alpha: 1, beta: 1 },
  }
}

/**
 * Every node and value has a name of its own: what is kept in float32 is said by names, and values are fetched by them.
 */
function named(graph: Graph): Graph {
  const names = new Set<string>()
  const nodes = graph.nodes.map((node) => {
    const base = node.name === '' ? node.op.name : node.name
    let name = base
    for (let i = 1; names.has(name); i++) name = `${base}_${i}`
    names.add(name)
    return name === node.name ? node : { ...node, name }
  })
  const free = new Names({ ...graph, nodes: [] })
  const ends = new Set<Value>([...graph.inputs, ...graph.outputs])
  const seen = new Set<Value>()
  const taken = new Set([...ends].map((value) => value.name))
  for (const { outputs } of nodes)
    for (const value of outputs) {
      if (!value || ends.has(value) || seen.has(value)) continue
      seen.add(value)
      const fresh = value.name === '' || taken.has(value.name)
      if (fresh) (value as { name: string }).name = free.fresh(value.name === '' ? 'value' : value.name)
      taken.add(value.name)
    }
  return { ...graph, nodes }
}

/** A result as the library keeps tensors; undefined for sequences and the like. */
export function tensorOf(value: unknown, name: string): HostTensor | undefined {
  return value instanceof Tensor ? toHost(value, name) : undefined
}
