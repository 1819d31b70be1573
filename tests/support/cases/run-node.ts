import { isDeepStrictEqual } from 'node:util'
import type { Build } from '../../../bindings/module.js'
import { LanewiseError } from '../../../src/core/errors.js'
import { finish, finishNow } from '../../../src/core/steps.js'
import { notFused, type Graph, type Node, type Value } from '../../../src/ir/graph.js'
import { Program } from '../../../src/plan/program.js'
import { WeightStore } from '../../../src/plan/weights.js'
import type { Order } from '../../../src/core/layout.js'
import { isHostTensor, type HostTensor, type HostValue } from '../../../src/core/host.js'
import { NEWEST_OPSET } from '../../../src/onnx/import.js'
import { upgradeNode } from '../../../src/onnx/upgrade.js'
import { parseAttributes, toRaw, type AttributeKind, type RawAttributes } from '../../../src/ir/attributes.js'
import { registerAllOps } from '../../../src/api/register-all.js'
import { findOp } from '../../../src/ir/registry.js'
import { transposed } from '../../../src/ops/shared/transposed.js'
import { borrowContext, keepContext, makeContext } from '../wasm.js'

registerAllOps()

export interface NodeRun {
  readonly op: string
  readonly domain?: string
  readonly attributes?: Readonly<Record<string, unknown>>
  /** Attributes that only an older operator set has. */
  readonly raw?: RawAttributes
  /** undefined: an optional input left out. */
  readonly inputs: readonly (HostValue | undefined)[]
  /** Indices of inputs that are constants of the model rather than fed. */
  readonly constants?: readonly number[]
  readonly outputs?: number
  /** The operator set the attributes are those of; the newest by default. */
  readonly opset?: number
  readonly build?: Build
  /** The order of axes in which fed tensors of more than two axes lie in memory; logical by default. */
  readonly order?: (rank: number) => Order
  /** The memory limit in bytes; as good as none by default. */
  readonly limit?: number
  /** Whether the batch must not change the bits of an example. */
  readonly perExample?: boolean
  /** Threads that share the calls; 1 by default. */
  readonly threads?: number
  /** Receives the names of the kernels that ran, in order. */
  readonly kernels?: string[]
}

/** The kind of an attribute that only older operator sets have. */
function kindOf(value: unknown): AttributeKind {
  return typeof value === 'string' ? 'string' : Array.isArray(value) ? 'ints' : 'int'
}

/** Runs one operator as a session would, on a graph of that node (and of what an upgrade makes of it). */
export async function runNode(run: NodeRun): Promise<HostTensor[]> {
  const op = findOp(run.domain ?? '', run.op)
  if (!op) throw new Error(`operator ${run.op} is not registered`)
  const raw: RawAttributes = new Map(run.raw)
  for (const [name, value] of Object.entries(run.attributes ?? {}))
    raw.set(name, toRaw(op.attributes[name]?.kind ?? kindOf(value), value))
  const feeds = new Map<Value, HostValue>()
  const nodes: Node[] = []
  const values = new Map<string, Value>()
  const valueOf = (name: string): Value | undefined => {
    if (name !== '' && !values.has(name)) values.set(name, { name })
    return values.get(name)
  }
  run.inputs.forEach((given, i) => {
    if (!given) return
    const value = valueOf(`x${i}`)!
    if (run.constants?.includes(i)) value.constant = given as HostTensor
    else if (run.order && isHostTensor(given) && given.dtype !== 'string' && given.shape.length > 2) {
      // Behind a Transpose a tensor lies in another order without a byte being moved.
      const order = run.order(given.shape.length)
      const fed: Value = { name: `fed${i}` }
      feeds.set(fed, transposed(given, order))
      const perm = order.map((_, axis) => order.indexOf(axis))
      nodes.push({
        op: findOp('', 'Transpose')!,
        name: `transpose${i}`,
        attributes: { perm },
        inputs: [fed],
        outputs: [value],
        fused: notFused,
      })
    } else feeds.set(value, given)
  })
  const names = {
    inputs: run.inputs.map((given, i) => (given ? `x${i}` : '')),
    outputs: Array.from({ length: run.outputs ?? 1 }, (_, i) => `y${i}`),
  }
  let made = 0
  upgradeNode({ op, name: 'node', raw, ...names }, run.opset ?? NEWEST_OPSET, {
    node: (node) => {
      const { inputs, outputs } = node
      const attributes = parseAttributes(node.op.attributes, node.raw)
      nodes.push({
        op: node.op,
        name: node.name,
        attributes,
        inputs: inputs.map(valueOf),
        outputs: outputs.map(valueOf),
        fused: notFused,
      })
    },
    constant: (name, tensor) => (valueOf(name)!.constant = tensor),
    fresh: () => made++,
  })
  const outputs = names.outputs.map((name) => valueOf(name)!)
  const graph: Graph = { name: 'test', inputs: [...feeds.keys()], outputs, nodes }
  const { limit = 2 ** 32 } = run
  const borrowed = run.limit === undefined && run.threads === undefined
  const context = borrowed ? borrowContext(run.build) : makeContext(run.build, limit, run.threads)
  const options = {
    build: context.build,
    fast: true,
    shapedPass: () => true,
    arenaLimit: limit,
    perExample: run.perExample,
  }
  const weights = new WeightStore(context)
  const program = new Program(graph, context, weights, options)
  const release = (): void => {
    program.dispose()
    weights.dispose()
    if (!borrowed) context.dispose()
  }
  let results: ReadonlyMap<Value, HostValue>
  let again: ReadonlyMap<Value, HostValue>
  try {
    results = await finish(program.run(feeds, { profile: run.kernels && (({ kernel }) => run.kernels?.push(kernel)) }))
    // A second run must find everything as the first did; it needs no promise.
    again = finishNow(program.run(feeds))
  } catch (error) {
    release()
    if (borrowed && refused(error)) keepContext(context)
    throw error
  }
  release()
  if (borrowed) keepContext(context)
  for (const [value, result] of results) {
    const first = (result as HostTensor).data
    const second = (again.get(value) as HostTensor).data
    if (!isDeepStrictEqual(first, second)) throw new Error(`two runs of ${run.op} differ`)
  }
  return outputs.map((value) => results.get(value) as HostTensor)
}

/** Whether an operator said no, and nothing broke. */
function refused(error: unknown): boolean {
  return error instanceof LanewiseError && error.code !== 'E_STATE'
}
