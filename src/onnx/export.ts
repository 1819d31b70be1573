import { byteSize, dtypeToOnnx } from '../core/dtype.js'
import { VERSION } from '../core/env.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { kindOf } from '../core/options.js'
import { sizeOf } from '../core/shape.js'
import type { AttributeKind } from '../ir/attributes.js'
import { bodiesOf, capturedBy, graphOf, usedBy } from '../ir/graph.js'
import type { DeclaredType, Graph, GraphSource, Node, Value } from '../ir/graph.js'
import { checkExportOptions, type CheckedExport, type ExportOptions } from './export-options.js'
import { canSay, downgrade, isMl, isOnnx, lowestSet, NEWEST_ML, written } from './sets/downgrade.js'
import {
  AttributeType,
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type TypeProto,
  type ValueInfoProto,
} from './schema/onnx.js'
import type { Init } from './schema/table.js'
import { Around } from './around.js'
import { everySet, MORE_SETS } from './sets/every-set.js'
import { bodyOf, checkBody, checkComplete } from './checked-graph.js'
import { encodeTensor } from './tensor-proto.js'
import { EXPORT_OPSET } from './versions.js'
import { writeModel } from './wire.js'

/** The file format's version that goes with an operator set; before 4, constants had to be inputs as well. */
const IR_VERSIONS: readonly (readonly [opset: number, ir: number])[] = [
  [9, 4],
  [10, 5],
  [11, 6],
  [14, 7],
  [18, 8],
  [20, 9],
  [22, 10],
  [23, 11],
  [24, 12],
]
const NEWEST_IR = 13
/** Protobuf lengths are 31 bits. */
const LARGEST_FILE = 2 ** 31 - 1
/** What file systems take at once. */
const LARGEST_PIECE = 2 ** 30
/** Where tensors begin in an external file: a cache line, and more than any element. */
const EXTERNAL_ALIGN = 64

/**
 * The bytes of an ONNX file for a graph. In a browser an app has what it takes to write its own layers in the operator
 * set that files have by default; `import 'lanewise/ops/all'` adds the other sets and all other operators and types.
 *
 * @param source - a graph (of `loadGraph`, `toGraph`, `GraphBuilder.graph`), or a `GraphBuilder`.
 * @throws LanewiseError `E_UNSUPPORTED` for a graph that passes have rewritten (fused nodes are not ONNX) and for a
 *   node that the operator set cannot say; `E_GRAPH` for a graph without outputs, or that reads what it does not make;
 *   `E_VALUE` for an option that is not what it must be; `E_EXTERNAL` if external data cannot be written; `E_BUDGET` if
 *   the file would be too large without `externalData`.
 */
export function exportModel(source: GraphSource, options: ExportOptions = {}): Uint8Array {
  const checked = checkExportOptions(options, source)
  const graph = graphOf(source)
  if (!graph) {
    const expected = 'a graph (of GraphBuilder, loadGraph or toGraph)'
    throw new LanewiseError('E_VALUE', `exportModel needs ${expected}, got ${kindOf(source)}`, {
      expected,
      actual: kindOf(source),
    })
  }
  checkComplete(graph)
  const seen = new Set<Value>()
  for (const value of graph.outputs) {
    if (seen.has(value))
      throw new LanewiseError('E_GRAPH', `"${value.name}" is an output twice`, { tensor: value.name })
    seen.add(value)
  }
  if ((checked.opset ?? EXPORT_OPSET) !== EXPORT_OPSET && !everySet())
    throw new LanewiseError('E_UNSUPPORTED', `operator set ${checked.opset} is not known: ${MORE_SETS}`, {
      opset: checked.opset,
    })
  const around = new Around(graph, (value) => value)
  const { opset = opsetFor(graph, around), metadata, producer, sizeLimit = LARGEST_FILE } = checked
  const writer = new Writer(opset, mlVersionFor(graph, around, opset), checked)
  const main = writer.graph(graph, new Set(), new Map())
  for (const name of checked.docStrings.keys())
    if (!writer.described.has(name))
      throw new LanewiseError(
        'E_VALUE',
        `docStrings says something of "${name}", which is no graph, node, constant, input or output here`,
        {
          actual: name,
        },
      )
  const model: Init<ModelProto> = {
    irVersion: writer.functions.length > 0 ? Math.max(irVersion(opset), 8) : irVersion(opset),
    producerName: producer?.name ?? 'lanewise',
    producerVersion: producer ? (producer.version ?? '') : VERSION,
    graph: main,
    functions: writer.functions,
    opsetImport: writer.imports(),
    metadataProps: [...metadata].map(([key, value]) => ({ key, value })),
  }
  if (writer.tensorBytes > sizeLimit)
    throw new LanewiseError(
      'E_BUDGET',
      `the tensors take ${writer.tensorBytes} bytes, more than a model file may have: give exportModel a place for externalData`,
      { expected: `<= ${sizeLimit}`, actual: String(writer.tensorBytes) },
    )
  return writeModel(model)
}

function irVersion(opset: number): number {
  return IR_VERSIONS.find(([below]) => opset <= below)?.[1] ?? NEWEST_IR
}

/** The usual one, or the oldest newer one that can say every node. */
function opsetFor(graph: Graph, around: Around, least = EXPORT_OPSET): number {
  let opset = least
  for (const node of graph.nodes) {
    if (isOnnx(node)) opset = lowestSet(node, around, opset) ?? opset
    for (const body of bodiesOf(node)) opset = opsetFor(body, around.body(body, node), opset)
  }
  return opset
}

/** The sets of ai.onnx.ml that were released with those of ai.onnx. */
const ML_VERSIONS: readonly (readonly [below: number, version: number])[] = [
  [11, 1],
  [16, 2],
  [20, 3],
  [21, 4],
]

/** The set of ai.onnx.ml that runtimes of a set of ai.onnx know, or the nearest one that can say every node. */
function mlVersionFor(graph: Graph, around: Around, opset: number): number {
  const usual = ML_VERSIONS.find(([below]) => opset < below)?.[1] ?? NEWEST_ML
  const versions = Array.from({ length: NEWEST_ML }, (_, i) => (i < usual ? usual - i : i + 1))
  const fits = (part: Graph, known: Around, version: number): boolean =>
    part.nodes.every(
      (node) =>
        (!isMl(node) || canSay(node, version, known)) &&
        bodiesOf(node).every((body) => fits(body, known.body(body, node), version)),
    )
  return versions.find((version) => fits(graph, around, version)) ?? usual
}

/** Names of values as they are written: those of a body must differ from all around it. */
type Names = Map<Value, string>

class Writer {
  readonly functions: Init<FunctionProto>[] = []
  /** Bytes of tensors in the model file itself. */
  tensorBytes = 0
  private readonly domains = new Set<string>()
  private readonly written = new Map<string, string>()
  /** Names of what may have a description. */
  readonly described = new Set<string>()
  /** Operators whose bodies are being written. */
  private readonly open = new Set<string>()
  private externalBytes = 0
  /** The graph whose nodes are being written: bodies may take values from it. */
  private enclosing: Around | undefined
  /** Names that written nodes read: a constant that became an attribute is not written itself. */
  private readonly read = new Set<string>()

  constructor(
    private readonly opset: number,
    private readonly mlVersion: number,
    private readonly options: CheckedExport,
  ) {}

  imports(): { domain: string; version: number }[] {
    return [
      { domain: '', version: this.opset },
      ...[...this.domains]
        .filter((domain) => domain !== '')
        .map((domain) => ({ domain, version: domain === 'ai.onnx.ml' ? this.mlVersion : 1 })),
    ]
  }

  /**
   * @param taken - names of the graphs around. @param outer - how their values are called. @param owner - the node
   *   whose body it is.
   */
  graph(graph: Graph, taken: ReadonlySet<string>, outer: ReadonlyMap<Value, string>, owner?: Node): Init<GraphProto> {
    const names = new Map(outer)
    const used = new Set(taken)
    // Inputs and outputs of the model keep their names whatever else is called so.
    const own = ownValues(graph, outer)
    for (const value of [...graph.inputs, ...graph.outputs]) if (own.has(value)) this.name(value, names, used)
    for (const value of own) this.name(value, names, used)
    const constants = new Map<Value, HostTensor>()
    for (const value of own) if (value.constant) constants.set(value, value.constant)
    const around = new Around(
      graph,
      (value) => {
        this.name(value, names, used)
        if (value.constant) constants.set(value, value.constant)
        return value
      },
      this.enclosing,
      owner,
    )
    this.enclosing = around
    const node = graph.nodes.flatMap((one) => this.node(one, names, used, around))
    this.enclosing = around.outer
    for (const value of graph.outputs) this.read.add(names.get(value) ?? value.name)
    const initializers = [...constants].flatMap(([value, tensor]) => {
      const name = names.get(value) ?? value.name
      const docString = this.describe(value.name)
      return this.read.has(name) ? [{ ...this.tensor(name, tensor), docString }] : []
    })
    return {
      name: graph.name,
      docString: this.describe(graph.name),
      node,
      initializer: initializers,
      input: graph.inputs.map((value) => this.valueInfo(value, names)),
      output: graph.outputs.map((value) => this.valueInfo(value, names, around.typeOf(value))),
    }
  }

  /** What somebody wants said of a thing of this name. */
  private describe(name: string): string {
    this.described.add(name)
    return this.options.docStrings.get(name) ?? ''
  }

  private name(value: Value, names: Names, used: Set<string>): void {
    if (names.has(value)) return
    let name = value.name
    for (let i = 1; used.has(name) || name === ''; i++) name = `${value.name}_${i}`
    used.add(name)
    names.set(value, name)
  }

  private node(node: Node, names: Names, used: ReadonlySet<string>, around: Around): Init<NodeProto>[] {
    const { op, name, fused } = node
    if (Object.keys(fused).length > 0)
      throw new LanewiseError('E_UNSUPPORTED', 'a fused node cannot be written as ONNX').at(op.name, name)
    const domain = isOnnx(node) ? '' : op.domain
    this.domains.add(domain)
    const known = isOnnx(node) ? this.opset : isMl(node) ? this.mlVersion : undefined
    const nodes = known === undefined ? [written(node)] : downgrade(node, known, around)
    const overload = domain !== '' && this.options.functions ? this.function(node, around) : undefined
    return nodes.map(({ type, inputs, outputs, attributes, domain: set }, i) => ({
      opType: type,
      domain: set,
      name: nodes.length > 1 ? `${name}/${i}` : name,
      docString: this.describe(name),
      overload,
      input: trimmed(inputs).map((value) => (value ? this.reading(names.get(value) ?? value.name) : '')),
      output: outputs.map((value) => (value ? (names.get(value) ?? value.name) : '')),
      attribute: [...attributes].map(([key, { kind, value }]) => this.attribute(key, kind, value, names, used, node)),
    }))
  }

  private reading(name: string): string {
    this.read.add(name)
    return name
  }

  /**
   * Writes a function with the operator's body; those with other attributes are told apart by `overload`. Operators of
   * domains that runtimes know need none.
   *
   * @throws LanewiseError `E_UNSUPPORTED` for an operator of somebody's own without a body; `E_GRAPH` for a body that
   *   is another function's.
   */
  private function(node: Node, around: Around): string | undefined {
    const { op, attributes } = node
    if (!op.body) {
      if (/^(ai\.onnx|com\.microsoft$)/.test(op.domain)) return undefined
      throw new LanewiseError('E_UNSUPPORTED', `${op.domain}.${op.name} has no body to write as a function`).at(
        op.name,
        node.name,
      )
    }
    const id = `${op.domain}::${op.name}`
    if (this.open.has(id))
      throw new LanewiseError('E_GRAPH', `the body of ${op.name} uses ${op.name}`).at(op.name, node.name)
    const body = bodyOf(op.body, node)
    checkBody(body, node, around)
    const key = `${op.domain}::${op.name}::${JSON.stringify(Object.entries(attributes), distinct)}`
    const known = this.written.get(key)
    if (known !== undefined) return known
    const same = this.functions.filter(({ name, domain }) => name === op.name && domain === op.domain).length
    const overload = same === 0 ? '' : String(same)
    this.written.set(key, overload)
    this.open.add(id)
    const { input = [], output = [], node: nodes = [], initializer = [] } = this.graph(body, new Set(), new Map())
    this.open.delete(id)
    const constants = initializer.map((tensor, i): Init<NodeProto> => ({
      opType: 'Constant',
      name: `${op.name}/constant${i}`,
      output: [tensor.name ?? ''],
      attribute: [{ name: 'value', type: AttributeType.TENSOR, t: { ...tensor, name: '' } }],
    }))
    this.functions.push({
      name: op.name,
      domain: op.domain,
      overload,
      input: input.map(({ name = '' }) => name),
      output: output.map(({ name = '' }) => name),
      attribute: Object.keys(op.attributes),
      node: [...constants, ...nodes],
      opsetImport: this.imports(),
    })
    return overload
  }

  private tensor(name: string, tensor: HostTensor): Init<TensorProto> {
    const proto = encodeTensor(name, tensor)
    const { externalData } = this.options
    const bytes = proto.rawData?.byteLength ?? byteSize(tensor.dtype) * sizeOf(tensor.shape)
    if (!externalData || !proto.rawData || bytes < (externalData.threshold ?? 0)) {
      this.tensorBytes += bytes
      return proto
    }
    const gap = (EXTERNAL_ALIGN - (this.externalBytes % EXTERNAL_ALIGN)) % EXTERNAL_ALIGN
    if (gap > 0) externalData.write(new Uint8Array(gap))
    const offset = this.externalBytes + gap
    for (let at = 0; at < bytes; at += LARGEST_PIECE) externalData.write(proto.rawData.subarray(at, at + LARGEST_PIECE))
    this.externalBytes = offset + bytes
    const entries = { location: externalData.location, offset: String(offset), length: String(bytes) }
    return {
      name,
      dims: proto.dims,
      dataType: proto.dataType,
      dataLocation: 1,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    }
  }

  private attribute(
    name: string,
    kind: AttributeKind,
    value: unknown,
    names: Names,
    used: ReadonlySet<string>,
    owner: Node,
  ): Init<AttributeProto> {
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
        return { name, type: AttributeType.TENSOR, t: this.tensor('', value as HostTensor) }
      case 'graph':
        return { name, type: AttributeType.GRAPH, g: this.graph(value as Graph, used, names, owner) }
      case 'other':
        throw new LanewiseError('E_UNSUPPORTED', `attribute "${name}" cannot be written: its value was not kept`)
    }
  }

  /** @param known - its type where nothing is declared: checkers want outputs to have one, if without a shape. */
  private valueInfo(value: Value, names: Names, known?: DeclaredType): Init<ValueInfoProto> {
    const { constant } = value
    const declared =
      value.declared ??
      (constant && { kind: 'tensor' as const, dtype: constant.dtype, shape: constant.shape }) ??
      (known && { kind: known.kind, dtype: known.dtype })
    const docString = this.describe(value.name)
    return { name: names.get(value) ?? value.name, type: declared && typeProto(declared), docString }
  }
}

/** What JSON has no word for, or the same word as for another. */
function distinct(_: string, value: unknown): unknown {
  return typeof value === 'bigint' || (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    ? `${typeof value} ${Object.is(value, -0) ? '-0' : value}`
    : value
}

/** The values that belong to a graph itself, in the order in which they turn up. */
function ownValues(graph: Graph, outer: ReadonlyMap<Value, string>): Set<Value> {
  const own = new Set<Value>(graph.inputs)
  const captured = outer.size > 0 ? new Set(capturedBy(graph)) : undefined
  const note = (value: Value | undefined) => {
    // A body uses what is around it by name.
    if (value && !outer.has(value) && !(captured?.has(value) && !value.constant)) own.add(value)
  }
  for (const node of graph.nodes) {
    usedBy(node).forEach(note)
    node.outputs.forEach(note)
  }
  graph.outputs.forEach(note)
  return own
}

/** Inputs left out at the end are not written. */
function trimmed<T>(list: readonly (T | undefined)[]): readonly (T | undefined)[] {
  return list.slice(0, list.findLastIndex((item) => item !== undefined) + 1)
}

function typeProto({ kind, dtype, shape }: DeclaredType): Init<TypeProto> | undefined {
  if (!dtype || kind === 'map') return undefined
  const dim = shape?.map((axis) =>
    typeof axis === 'number' ? { dimValue: axis } : axis === null ? {} : { dimParam: axis },
  )
  const tensor: Init<TypeProto> = { tensorType: { elemType: dtypeToOnnx(dtype), shape: dim && { dim } } }
  if (kind === 'sequence') return { sequenceType: { elemType: tensor } }
  if (kind === 'optional') return { optionalType: { elemType: tensor } }
  return tensor
}
