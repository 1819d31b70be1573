import { dtypeToOnnx } from '../core/dtype.js'
import { VERSION } from '../core/env.js'
import { LanewiseError } from '../core/errors.js'
import { bodiesOf, capturedBy, usedBy, type DeclaredType, type Graph, type Node, type Value } from '../ir/graph.js'
import type { HostTensor } from '../core/host.js'
import type { AttributeKind } from '../ir/attributes.js'
import {
  AttributeType,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TypeProto,
  type ValueInfoProto,
} from './schema/onnx.js'
import type { Init } from './schema/table.js'
import { encodeTensor } from './tensor-proto.js'
import { writeModel } from './wire.js'

/** The operator set that exported files import: what today's runtimes read. Every definition's newest semantics is valid there. */
const EXPORT_OPSET = 21
/** The file format's version that goes with it. */
const IR_VERSION = 10

export interface ExportOptions {
  readonly opset?: number
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * The bytes of an ONNX file for a graph.
 *
 * @throws LanewiseError `E_UNSUPPORTED` for a graph that passes have rewritten (fused nodes are not ONNX).
 */
export function exportModel(graph: Graph, options: ExportOptions = {}): Uint8Array {
  const { opset = opsetFor(graph), metadata = {} } = options
  const domains = new Set<string>()
  const model: Init<ModelProto> = {
    irVersion: IR_VERSION,
    producerName: 'lanewise',
    producerVersion: VERSION,
    graph: graphProto(graph, domains, true),
    opsetImport: [
      { domain: '', version: opset },
      ...[...domains].filter((domain) => domain !== '').map((domain) => ({ domain, version: 1 })),
    ],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  }
  return writeModel(model)
}

/** The operator set to import: the usual one, or a newer one if an operator needs it. */
function opsetFor(graph: Graph): number {
  let opset = EXPORT_OPSET
  for (const node of graph.nodes) {
    if (node.op.domain === '') opset = Math.max(opset, node.op.since ?? 0)
    for (const body of bodiesOf(node)) opset = Math.max(opset, opsetFor(body))
  }
  return opset
}

function graphProto(graph: Graph, domains: Set<string>, outermost: boolean): Init<GraphProto> {
  const constants = new Map<Value, HostTensor>()
  const own = outermost ? undefined : new Set(capturedBy(graph))
  const note = (value: Value | undefined) => {
    // A body uses the constants of the graphs around it by name.
    if (value?.constant && !own?.has(value)) constants.set(value, value.constant)
  }
  for (const node of graph.nodes) for (const value of usedBy(node)) note(value)
  graph.outputs.forEach(note)
  return {
    name: graph.name,
    node: graph.nodes.map((node) => nodeProto(node, domains)),
    initializer: [...constants].map(([value, tensor]) => encodeTensor(value.name, tensor)),
    input: graph.inputs.map(valueInfo),
    output: graph.outputs.map(valueInfo),
  }
}

function nodeProto(node: Node, domains: Set<string>): Init<NodeProto> {
  const { op, name, attributes, inputs, outputs, fused } = node
  if (Object.keys(fused).length > 0)
    throw new LanewiseError('E_UNSUPPORTED', 'a fused node cannot be written as ONNX').at(op.name, name)
  domains.add(op.domain)
  const attribute = Object.entries(op.attributes).flatMap(([key, spec]) => {
    const value = attributes[key]
    return value === undefined || value === spec.fallback ? [] : [attributeProto(key, spec.kind, value, domains)]
  })
  return {
    opType: op.name,
    domain: op.domain,
    name,
    input: inputs.map((value) => value?.name ?? ''),
    output: outputs.map((value) => value?.name ?? ''),
    attribute,
  }
}

function attributeProto(name: string, kind: AttributeKind, value: unknown, domains: Set<string>): Init<AttributeProto> {
  const utf8 = new TextEncoder()
  switch (kind) {
    case 'int':
      return { name, type: AttributeType.INT, i: BigInt(value as number) }
    case 'ints':
      return { name, type: AttributeType.INTS, ints: BigInt64Array.from(value as number[], BigInt) }
    case 'float':
      return { name, type: AttributeType.FLOAT, f: value as number }
    case 'floats':
      return { name, type: AttributeType.FLOATS, floats: Float32Array.from(value as number[]) }
    case 'string':
      return { name, type: AttributeType.STRING, s: utf8.encode(value as string) }
    case 'strings':
      return { name, type: AttributeType.STRINGS, strings: (value as string[]).map((text) => utf8.encode(text)) }
    case 'tensor':
      return { name, type: AttributeType.TENSOR, t: encodeTensor('', value as HostTensor) }
    case 'graph':
      return { name, type: AttributeType.GRAPH, g: graphProto(value as Graph, domains, false) }
    case 'other':
      throw new LanewiseError('E_UNSUPPORTED', `attribute "${name}" cannot be written: its value was not kept`)
  }
}

function valueInfo(value: Value): Init<ValueInfoProto> {
  const declared =
    value.declared ??
    (value.constant && { kind: 'tensor' as const, dtype: value.constant.dtype, shape: value.constant.shape })
  return { name: value.name, type: declared && typeProto(declared) }
}

function typeProto({ kind, dtype, shape }: DeclaredType): Init<TypeProto> | undefined {
  if (!dtype) return undefined
  const dim = shape?.map((axis) =>
    typeof axis === 'number' ? { dimValue: axis } : axis === null ? {} : { dimParam: axis },
  )
  const tensor: Init<TypeProto> = { tensorType: { elemType: dtypeToOnnx(dtype), shape: dim && { dim } } }
  if (kind === 'sequence') return { sequenceType: { elemType: tensor } }
  if (kind === 'optional') return { optionalType: { elemType: tensor } }
  return tensor
}
