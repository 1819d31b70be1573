import { dtypeFromOnnx, isHalf } from '../core/dtype.js'
import { log } from '../core/env.js'
import { LanewiseError, present } from '../core/errors.js'
import { textOf } from '../core/utf8.js'
import type { DeclaredType, Graph, Node, Value } from '../ir/graph.js'
import { notFused } from '../ir/graph.js'
import { sortNodes } from '../ir/sort.js'
import { parseAttributes, type RawAttribute, type RawAttributes } from '../ir/attributes.js'
import { checkInputs, type OpDefinition } from '../ir/op.js'
import { findOp } from '../ir/registry.js'
import type { ExternalData } from './external-data.js'
import { expandFunction, functionsOf, type FunctionTable } from './functions.js'
import {
  AttributeType,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TypeProto,
} from './schema/onnx.js'
import { decodeSparseTensor, decodeTensor } from './tensor-proto.js'
import { upgradeNode } from './upgrade.js'
import { mostInputs } from './input-counts.js'

/** The newest version of the ai.onnx operator set that the definitions describe. */
export const NEWEST_OPSET = 28
/** The most nodes that a model's functions may expand to: far beyond any exporter's, and still made in seconds. */
const EXPANSION_LIMIT = 500_000
const DEPTH_LIMIT = 64

export interface ImportedModel {
  readonly graph: Graph
  readonly opsets: ReadonlyMap<string, number>
  readonly metadata: ReadonlyMap<string, string>
  readonly producer: string
}

/**
 * Turns a model file's messages into a graph at the newest semantics: functions expanded, nodes of older opsets brought
 * up, attributes checked and typed, nodes sorted.
 *
 * @throws LanewiseError `E_GRAPH` if the graph contradicts itself, `E_UNSUPPORTED` with a list of every operator that
 *   is not known, `E_TENSOR` or `E_EXTERNAL` for an initialiser that cannot be read.
 */
export function importModel(model: ModelProto, external?: ExternalData, memoryLimit = 2 ** 32): ImportedModel {
  const opsets = new Map<string, number>()
  for (const { domain, version } of model.opsetImport) opsets.set(canonical(domain), version)
  checkOpset(opsets)
  const importer = new Importer(functionsOf(model), external, memoryLimit)
  const graph = importer.graph(present(model.graph, 'graph'), new Scope(undefined), 0, { opsets, stack: [] })
  importer.throwUnsupported()
  const metadata = new Map(model.metadataProps.map(({ key, value }) => [key, value]))
  return { graph, opsets, metadata, producer: `${model.producerName} ${model.producerVersion}`.trim() }
}

/**
 * Whether a model needs what is not in the common set: an operator that is not registered (calls of the model's own
 * functions among them) or that nodes may be rewritten into (dequantised operands make operators on integers,
 * passes/shaped/fuse-integers.ts), or a pass that other models do without.
 */
export function usesRareOps(model: ModelProto): boolean {
  const { input, initializer } = present(model.graph, 'graph')
  if (input.some(({ type }) => isHalf(dtypeFromOnnx(type?.tensorType?.elemType ?? 0)))) return true
  if (initializer.some(({ dataType }) => isHalf(dtypeFromOnnx(dataType)))) return true
  const rare = (domain: string, opType: string): boolean =>
    opType === 'DequantizeLinear' || !findOp(canonical(domain), opType)
  const half = ({ name, t, i }: AttributeProto): boolean =>
    isHalf(dtypeFromOnnx(t?.dataType ?? (/^to$|dtype|datatype/.test(name) ? Number(i) : 0)))
  const unknown = (nodes: readonly NodeProto[]): boolean =>
    nodes.some(
      ({ domain, opType, attribute, input: { length } }) =>
        rare(domain, opType) ||
        // Whether it is in training, when it drops something.
        (opType === 'Dropout' && length > 2) ||
        attribute.some((a) => half(a) || (a.g !== undefined && unknown(a.g.node))),
    )
  return unknown(present(model.graph, 'graph').node) || model.functions.some((f) => unknown(f.node))
}

function checkOpset(opsets: ReadonlyMap<string, number>): void {
  const version = opsets.get('')
  if (version === undefined) {
    if (opsets.size === 0) throw new LanewiseError('E_GRAPH', 'the model imports no operator set')
    return
  }
  if (!Number.isInteger(version) || version < 1)
    throw new LanewiseError('E_GRAPH', `operator set ${version} is impossible`, { opset: version })
  if (version > NEWEST_OPSET) {
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `operator set ${version} is newer than ${NEWEST_OPSET}, the newest one known`,
      {
        opset: version,
        expected: `<= ${NEWEST_OPSET}`,
        actual: String(version),
      },
    )
  }
}

/** The values a graph's nodes can name: its own and those of the graphs around it. */
class Scope {
  readonly values = new Map<string, Value>()

  constructor(private readonly outer: Scope | undefined) {}

  find(name: string): Value | undefined {
    return this.values.get(name) ?? this.outer?.find(name)
  }
}

/** A node with its operator and attributes, but still with names for values. */
interface NamedNode {
  readonly op: OpDefinition
  readonly name: string
  readonly raw: RawAttributes
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/** Where the nodes of a graph come from: what its bodies need to know. */
interface Origin {
  readonly opsets: ReadonlyMap<string, number>
  /** The functions whose expansion the nodes stand in. */
  readonly stack: readonly string[]
}

type SourcedNode = NamedNode & { readonly origin: Origin }

class Importer {
  private readonly unsupported: { op: string; node: string; reason?: string }[] = []
  private expanded = 0
  private fresh = 0

  constructor(
    private readonly functions: FunctionTable,
    private readonly external: ExternalData | undefined,
    /** The most bytes one sparse tensor may take once it is dense. */
    private readonly sparseLimit: number,
  ) {}

  graph(proto: GraphProto, scope: Scope, depth: number, origin: Origin): Graph {
    if (depth > DEPTH_LIMIT) throw new LanewiseError('E_GRAPH', `graphs are nested more than ${DEPTH_LIMIT} deep`)
    const declared = new Map<string, DeclaredType>()
    for (const info of [...proto.valueInfo, ...proto.output, ...proto.input])
      if (info.type) declared.set(info.name, declaredType(info.type))
    const define = (name: string, what: string): Value => {
      if (name === '') throw new LanewiseError('E_GRAPH', `${what} has no name`, { tensor: name })
      if (scope.values.has(name))
        throw new LanewiseError('E_GRAPH', `the value "${name}" is defined twice (again as ${what})`, { tensor: name })
      const value: Value = { name }
      const type = declared.get(name)
      if (type) value.declared = type
      scope.values.set(name, value)
      return value
    }

    for (const tensor of proto.initializer)
      define(tensor.name, 'an initializer').constant = decodeTensor(tensor, this.external)
    for (const tensor of proto.sparseInitializer) {
      define(tensor.values?.name ?? '', 'a sparse initializer').constant = decodeSparseTensor(
        tensor,
        this.sparseLimit,
        this.external,
      )
    }
    // An input that has an initialiser is a constant: until IR version 4 every initialiser had to be listed as an
    // input.
    const inputs: Value[] = []
    const seen = new Set<string>()
    for (const { name } of proto.input) {
      if (seen.has(name)) throw new LanewiseError('E_GRAPH', `the input "${name}" is declared twice`, { tensor: name })
      seen.add(name)
      if (!scope.values.get(name)?.constant) inputs.push(define(name, 'an input'))
    }

    const named: SourcedNode[] = []
    const extra: { name: string; constant: Value['constant'] }[] = []
    for (const node of proto.node) this.resolve(node, origin, named, extra)
    for (const { name, constant } of extra) define(name, 'a constant').constant = constant
    const distinct = withoutRepeatedConstants(named)
    for (const node of distinct)
      for (const name of node.outputs) if (name !== '') define(name, `an output of ${node.name}`)
    const nodes: Node[] = []
    for (const node of distinct) nodes.push(this.node(node, scope, depth))
    const outputs = proto.output.map(({ name }) => {
      const value = scope.find(name)
      if (!value && this.unsupported.length === 0)
        throw new LanewiseError('E_GRAPH', `the output "${name}" is made by no node`, { tensor: name })
      return value ?? { name }
    })
    return { name: proto.name, inputs, outputs, nodes: sortNodes(nodes) }
  }

  /** @throws LanewiseError `E_UNSUPPORTED` naming every operator that was not found. */
  throwUnsupported(): void {
    if (this.unsupported.length === 0) return
    const byOp = new Map<string, string[]>()
    for (const { op, node } of this.unsupported) byOp.set(op, [...(byOp.get(op) ?? []), `"${node}"`])
    const list = [...byOp].map(([op, nodes]) => {
      const shown = nodes.slice(0, 5).join(', ')
      return `${op} (${nodes.length > 5 ? `${shown} and ${nodes.length - 5} more` : shown})`
    })
    const [first] = this.unsupported
    throw new LanewiseError('E_UNSUPPORTED', `operators that are not supported: ${list.join('; ')}`, {
      op: [...byOp.keys()].join(', '),
      node: first.node,
    })
  }

  /**
   * Finds a node's operator and brings it to the newest semantics; a call of a model's own function becomes the
   * function's nodes.
   */
  private resolve(
    proto: NodeProto,
    origin: Origin,
    into: SourcedNode[],
    constants: { name: string; constant: Value['constant'] }[],
  ): void {
    const { opsets } = origin
    if (origin.stack.length > 0) this.countExpanded()
    const domain = canonical(proto.domain)
    const label = proto.name || proto.output.find((name) => name !== '') || proto.opType
    const opset = opsets.get(domain)
    const op = findOp(domain, proto.opType)
    const called = op ? undefined : this.functions.get(domain, proto.opType, proto.overload)
    if (called) {
      const expanded = expandFunction(
        called,
        proto,
        label,
        origin.stack,
        () => this.fresh++,
        () => this.countExpanded(),
      )
      const inner = new Map(called.opsetImport.map(({ domain: d, version }) => [canonical(d), version]))
      const from = { opsets: inner.size > 0 ? inner : opsets, stack: expanded.stack }
      for (const node of expanded.nodes) this.resolve(node, from, into, constants)
      return
    }
    if (!op) {
      this.unsupported.push({ op: domain ? `${domain}.${proto.opType}` : proto.opType, node: label })
      return
    }
    if (opset === undefined && domain === '') {
      throw new LanewiseError('E_GRAPH', 'the model uses ai.onnx operators but does not import their operator set').at(
        proto.opType,
        label,
      )
    }
    const raw: RawAttributes = new Map()
    for (const attribute of proto.attribute) {
      if (raw.has(attribute.name))
        throw new LanewiseError('E_GRAPH', `attribute "${attribute.name}" is given twice`).at(proto.opType, label)
      try {
        raw.set(attribute.name, this.rawAttribute(attribute))
      } catch (error) {
        throw error instanceof LanewiseError ? error.at(proto.opType, label) : error
      }
    }
    if (domain === '' && opset !== undefined && proto.input.length > mostInputs(proto.opType, opset))
      throw new LanewiseError(
        'E_GRAPH',
        `operator set ${opset} knows ${mostInputs(proto.opType, opset)} of its inputs`,
        {
          opset,
          expected: `<= ${mostInputs(proto.opType, opset)}`,
          actual: String(proto.input.length),
        },
      ).at(proto.opType, label)
    upgradeNode({ op, name: label, raw, inputs: proto.input, outputs: proto.output }, opset ?? NEWEST_OPSET, {
      node: (node) => into.push({ ...node, origin }),
      constant: (name, constant) => constants.push({ name, constant }),
      fresh: () => this.fresh++,
    })
  }

  private countExpanded(): void {
    if (++this.expanded > EXPANSION_LIMIT)
      throw new LanewiseError(
        'E_GRAPH',
        `the model has more than ${EXPANSION_LIMIT} nodes once its functions are expanded`,
      )
  }

  private node({ op, name, raw, inputs, outputs, origin }: SourcedNode, scope: Scope, depth: number): Node {
    try {
      checkInputs(op, inputs)
      for (const [key, attribute] of raw) {
        if (attribute.kind === 'graph' && 'node' in attribute.value) {
          raw.set(key, {
            kind: 'graph',
            value: this.graph(attribute.value as unknown as GraphProto, new Scope(scope), depth + 1, origin),
          })
        }
      }
      const values = inputs.map((input) => {
        if (input === '') return undefined
        const value = scope.find(input)
        if (!value && this.unsupported.length === 0)
          throw new LanewiseError('E_GRAPH', `input "${input}" is made by no node`, { tensor: input })
        return value
      })
      return {
        op,
        name,
        attributes: parseAttributes(op.attributes, raw),
        inputs: values,
        outputs: outputs.map((output) => (output === '' ? undefined : scope.values.get(output))),
        fused: notFused,
      }
    } catch (error) {
      throw error instanceof LanewiseError ? error.at(op.name, name) : error
    }
  }

  private rawAttribute(proto: AttributeProto): RawAttribute {
    const { name } = proto
    const missing = (kind: string) =>
      new LanewiseError('E_GRAPH', `attribute "${name}" says it is a ${kind} but holds none`, { expected: kind })
    switch (proto.type || guessType(proto)) {
      case AttributeType.FLOAT:
        return { kind: 'float', value: proto.f ?? 0 }
      case AttributeType.INT:
        return { kind: 'int', value: proto.i ?? 0n }
      case AttributeType.STRING:
        return { kind: 'string', value: textOf(proto.s ?? new Uint8Array(), false) }
      case AttributeType.TENSOR:
        if (!proto.t) throw missing('tensor')
        return { kind: 'tensor', value: decodeTensor(proto.t, this.external) }
      case AttributeType.SPARSE_TENSOR:
        if (!proto.sparseTensor) throw missing('sparse tensor')
        return { kind: 'tensor', value: decodeSparseTensor(proto.sparseTensor, this.sparseLimit, this.external) }
      case AttributeType.GRAPH:
        if (!proto.g) throw missing('graph')
        // Made into a Graph once the names around it are known.
        return { kind: 'graph', value: proto.g as unknown as Graph }
      case AttributeType.FLOATS:
        return { kind: 'floats', value: proto.floats }
      case AttributeType.INTS:
        return { kind: 'ints', value: proto.ints }
      case AttributeType.STRINGS:
        return { kind: 'strings', value: proto.strings.map((bytes) => textOf(bytes, false)) }
      case AttributeType.TYPE_PROTO:
        return { kind: 'other', value: 'type' }
      default:
        return { kind: 'other', value: `attribute type ${proto.type}` }
    }
  }
}

/**
 * Some exporters write several Constant nodes under one name. Runtimes turn Constants into initialisers as they read
 * them, so that the last one counts, and models that run have come to depend on it.
 */
function withoutRepeatedConstants(nodes: readonly SourcedNode[]): readonly SourcedNode[] {
  const last = new Map<string, SourcedNode>()
  const repeated = new Set<string>()
  for (const node of nodes) {
    if (node.op.name !== 'Constant' || node.op.domain !== '') continue
    const [name] = node.outputs
    if (last.has(name)) repeated.add(name)
    last.set(name, node)
  }
  if (repeated.size === 0) return nodes
  log(
    'warning',
    `constants are defined more than once, the last counts: ${[...repeated].slice(0, 5).join(', ')}${repeated.size > 5 ? ' …' : ''}`,
  )
  return nodes.filter(
    (node) => node.op.name !== 'Constant' || node.op.domain !== '' || last.get(node.outputs[0]) === node,
  )
}

/** Files older than IR version 2 do not say an attribute's type. */
function guessType(proto: AttributeProto): number {
  if (proto.f !== undefined) return AttributeType.FLOAT
  if (proto.i !== undefined) return AttributeType.INT
  if (proto.s !== undefined) return AttributeType.STRING
  if (proto.t !== undefined) return AttributeType.TENSOR
  if (proto.g !== undefined) return AttributeType.GRAPH
  if (proto.ints.length > 0) return AttributeType.INTS
  if (proto.floats.length > 0) return AttributeType.FLOATS
  if (proto.strings.length > 0) return AttributeType.STRINGS
  return AttributeType.UNDEFINED
}

function declaredType(type: TypeProto): DeclaredType {
  const tensor = type.tensorType ?? type.sparseTensorType
  if (tensor) {
    const dtype = dtypeFromOnnx(tensor.elemType)
    const shape = tensor.shape?.dim.map(({ dimValue = -1, dimParam }) =>
      // Some exporters write −1 for a size that is free.
      dimValue >= 0 ? dimValue : dimParam ? dimParam : null,
    )
    return { kind: 'tensor', dtype, shape }
  }
  if (type.sequenceType)
    return { kind: 'sequence', dtype: type.sequenceType.elemType && declaredType(type.sequenceType.elemType).dtype }
  if (type.optionalType)
    return { kind: 'optional', dtype: type.optionalType.elemType && declaredType(type.optionalType.elemType).dtype }
  return { kind: type.mapType ? 'map' : 'tensor' }
}

function canonical(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain
}
