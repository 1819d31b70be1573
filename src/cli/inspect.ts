import { LanewiseError, present } from '../core/errors.js'
import { costOf, parametersOf } from '../plan/cost.js'
import { inferTypes } from '../ir/infer.js'
import { bodiesOf, type DeclaredType, type Graph, type Node, type Value } from '../ir/graph.js'
import { hostZeros, type HostTensor } from '../core/host.js'
import type { GraphProto, ModelProto } from '../onnx/schema/onnx.js'
import { readModel } from '../onnx/wire.js'
import type { AttributeKind, AttributeSpec } from '../ir/attributes.js'
import type { TensorType } from '../ir/op.js'
import { findOp, registerDefinition } from '../ir/registry.js'
import { platform } from '../platform/platform.js'
import type { InferenceSession } from '../api/session.js'
import { formatShape, sizeOf } from '../core/shape.js'
import { fromHost, type Tensor } from '../api/tensor.js'
import { onlyModel, type Command } from './command.js'
import { checkDimensions, concreteShape, dimensionsFlag, inputFlags } from './inputs.js'
import { loadSession, sessionFlags } from './load.js'
import { bytesText, short, tableLines, type Column } from '../core/table.js'

interface Row {
  readonly node: Node
  /** Inside how many bodies of If, Loop and Scan. */
  readonly depth: number
  readonly outputs: readonly (TensorType | undefined)[]
  readonly parameters: number
  readonly macs: number
  readonly flops: number
}

interface Unsupported {
  readonly op: string
  readonly nodes: string[]
  reason?: string
}

export const inspect: Command = {
  name: 'inspect',
  summary: 'lists inputs, outputs, nodes with their shapes and costs, and what is not supported',
  usage: 'MODEL [--dim NAME=SIZE …] [options]',
  flags: { dim: inputFlags.dim, ...sessionFlags },

  async run(invocation) {
    const { flags, print, result } = invocation
    const model = onlyModel(invocation)
    const sizes = dimensionsFlag(flags)
    const proto = readModel(await platform().readModel(model))
    const unsupported = standIn(proto)
    const session = await tolerantly(() => loadSession(model, flags, { lenient: true }), unsupported)
    checkDimensions(session, sizes)
    const graph = session.model
    const problems: string[] = []
    const { rows, types, weights } = rowsOf(graph, sizes, problems)
    const sum = (count: (row: Row) => number) => rows.reduce((total, row) => total + count(row), 0)
    const memory = await plannedMemory(session, sizes, unsupported, problems)
    const totals = {
      nodes: rows.length,
      parameters: [...weights.values()].reduce((a, b) => a + b, 0),
      macs: sum((row) => row.macs),
      flops: sum((row) => row.flops),
      ...memory,
    }
    const opsets = Object.fromEntries(proto.opsetImport.map(({ domain, version }) => [domain || 'ai.onnx', version]))
    const producer = `${proto.producerName} ${proto.producerVersion}`.trim()

    print(
      `${model}: ${Object.entries(opsets)
        .map(([domain, version]) => `${domain} ${version}`)
        .join(', ')}${producer ? `, made by ${producer}` : ''}`,
    )
    for (const [title, values] of [
      ['inputs', graph.inputs],
      ['outputs', graph.outputs],
    ] as const) {
      print()
      print(title)
      for (const value of values)
        print(`  ${value.name}  ${declaredText(value.declared)}${concreteText(types.get(value), value.declared)}`)
    }
    print()
    const columns: readonly Column[] = [
      { title: 'operator' },
      { title: 'name', most: 40 },
      { title: 'output' },
      { title: 'hyperparameters', most: 60, cut: 'end' },
      { title: 'parameters', right: true },
      { title: 'multiply-adds', right: true },
    ]
    const cells = rows.map((row) => [
      `${'  '.repeat(row.depth)}${row.node.op.name}${standIns.has(row.node.op) ? ' (!)' : ''}`,
      row.node.name,
      row.outputs.map((type) => (type ? `${type.dtype}${formatShape(type.shape)}` : '?')).join(' '),
      attributesText(row.node),
      row.parameters ? short(row.parameters) : '',
      row.macs ? short(row.macs) : '',
    ])
    tableLines(columns, cells).forEach(print)
    print()
    print(`nodes           ${totals.nodes}`)
    print(`parameters      ${totals.parameters} (${short(totals.parameters)})`)
    print(`multiply-adds   ${totals.macs} (${short(totals.macs)})`)
    print(
      `memory          ${bytesText(totals.peakBytes)}: weights ${bytesText(totals.weightBytes)}, arena ${bytesText(totals.arenaBytes)}${totals.complete ? '' : ' (as far as it can be planned without data)'}`,
    )
    for (const problem of problems) print(`note            ${problem}`)
    if (unsupported.size === 0) print('every operator is supported')
    else {
      print('operators that are not supported (!)')
      for (const { op, nodes, reason } of unsupported.values())
        print(
          `  ${op}: ${reason ?? ''}${reason ? '; ' : ''}${nodes.length} node${nodes.length === 1 ? '' : 's'} (${nodes.slice(0, 5).join(', ')}${nodes.length > 5 ? ', …' : ''})`,
        )
    }
    result({
      model,
      producer,
      opsets,
      inputs: session.inputMetadata.map((input, i) => ({ ...input, resolved: types.get(graph.inputs[i])?.shape })),
      outputs: session.outputMetadata.map((output, i) => ({ ...output, resolved: types.get(graph.outputs[i])?.shape })),
      nodes: rows.map(({ node, depth, outputs, parameters, macs, flops }) => ({
        op: node.op.name,
        domain: node.op.domain || 'ai.onnx',
        name: node.name,
        depth,
        inputs: node.inputs.map((value) => value?.name ?? ''),
        outputs: node.outputs.map((value, i) => ({
          name: value?.name ?? '',
          type: outputs[i]?.dtype,
          shape: outputs[i]?.shape,
        })),
        hyperparameters: Object.fromEntries(hyperparameters(node)),
        parameters,
        macs,
        flops,
        supported: !standIns.has(node.op),
      })),
      totals,
      unsupported: [...unsupported.values()],
      problems,
    })
    await session.release()
  },
}

/** Operators nobody knows get a definition that takes any attributes and computes nothing, so that the rest of the model can be looked at. */
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

function hyperparameters(node: Node): [string, unknown][] {
  return Object.entries(node.attributes).filter(([name, value]) => {
    const fallback = Object.hasOwn(node.op.attributes, name) ? node.op.attributes[name].fallback : undefined
    return value !== undefined && typeof value !== 'object'
      ? value !== fallback
      : Array.isArray(value) && String(value) !== String(fallback)
  })
}

function attributesText(node: Node): string {
  return hyperparameters(node)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join('×') : String(value)}`)
    .join(' ')
}

function declaredText(declared: DeclaredType | undefined): string {
  if (!declared) return '?'
  const type = `${declared.dtype ?? '?'}${declared.shape ? formatShape(declared.shape) : ''}`
  return declared.kind === 'tensor' ? type : `${declared.kind}(${type})`
}

function concreteText(type: TensorType | undefined, declared: DeclaredType | undefined): string {
  return !type || declared?.shape?.every((axis) => typeof axis === 'number') ? '' : ` → ${formatShape(type.shape)}`
}
