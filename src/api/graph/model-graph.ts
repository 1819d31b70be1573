import { readOnlyList, readOnlyMap, readOnlySet } from '../read-only.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { nearNames } from '../../core/near-names.js'
import { checkList, checkNumber, checkOptions, checkRecord, checkText, kindOf } from '../../core/options.js'
import { bytesIn, tagOf } from '../../core/realm.js'
import { bodiesOf, isValue, notFused, usedBy, type Graph, type Node, type Value } from '../../ir/graph.js'
import { sortNodes } from '../../ir/sort.js'
import { Around } from '../../onnx/around.js'
import { memoryExternalData, type ExternalFile } from '../../onnx/external-data.js'
import { importModel, usesRareOps, type ImportedModel } from '../../onnx/import.js'
import { readModel } from '../../onnx/wire.js'
import { platform } from '../../platform/platform.js'
import { checkedNode, checkedOptions, constantFrom, isDimension, unusedName, type NodeOptions } from './checked-node.js'
import { checkEnds } from '../../onnx/checked-graph.js'
import { declareOutputs } from './declare-outputs.js'
import { RARE, sayingWhatToImport } from '../load/rare-ops.js'
import { MEMORY_LIMIT } from '../session-options.js'
import type { TensorLike } from '../value.js'

export type { NodeOptions } from './checked-node.js'

const EDITS = 'add, insertAfter, replace and prune change the nodes of a graph'

/**
 * A model to look at and to change: nodes in an order in which every value is made before it is read, at the newest
 * operator semantics (whatever the file's set was), with the model's own functions expanded. `exportModel` writes it.
 *
 * A value or node is named by itself or by its name.
 */
export class ModelGraph implements Graph {
  static readonly name = 'ModelGraph'
  /** The graph's name in the file. */
  readonly name: string
  /** The values that a run is fed; add to it or take from it to change the model. */
  readonly inputs: Value[]
  /** The values that a run returns; add to it or take from it to change the model. */
  readonly outputs: Value[]
  /** `metadata_props` of the file; `exportModel(graph, { metadata: graph.metadata })` writes them again. */
  readonly metadata: Map<string, string>
  /** The operator sets that the file imports, by domain ('' is ai.onnx). */
  readonly opsets: ReadonlyMap<string, number>
  /** What made the file. */
  readonly producer: string
  private list: readonly Node[]
  private sorted = true

  /** @internal */
  constructor({ graph, metadata, opsets, producer }: ImportedModel) {
    this.name = graph.name
    this.inputs = [...graph.inputs]
    this.outputs = [...graph.outputs]
    this.list = graph.nodes
    this.metadata = new Map(metadata)
    this.opsets = readOnlyMap(opsets, 'the option "opset" of exportModel decides what is written')
    this.producer = producer
  }

  private shown: { readonly of: readonly Node[]; readonly nodes: readonly Node[] } | undefined

  /** Every node. @throws LanewiseError `E_GRAPH` if changes have made a cycle. */
  get nodes(): readonly Node[] {
    if (!this.sorted) this.list = sortNodes(this.list)
    this.sorted = true
    if (this.shown?.of !== this.list)
      this.shown = {
        of: this.list,
        nodes: readOnlyList(this.list, EDITS),
      }
    return this.shown.nodes
  }

  /** Every value that a node of this graph reads or makes, inputs and outputs. */
  get values(): ReadonlySet<Value> {
    const values = new Set<Value>(this.inputs)
    for (const node of this.list) for (const value of [...usedBy(node), ...node.outputs]) if (value) values.add(value)
    for (const value of this.outputs) values.add(value)
    return readOnlySet(values, EDITS)
  }

  /**
   * @throws LanewiseError `E_GRAPH` if there is none of that name, or if it is a value of another graph; `E_VALUE` for
   *   what is neither name nor value.
   */
  value(name: string | Value): Value {
    const { values } = this
    if (typeof name === 'string') for (const value of values) if (value.name === name) return value
    // Constants are there before anybody reads them.
    if (isValue(name) && (name.constant || values.has(name))) return name
    const text = typeof name === 'string' ? name : isValue(name) ? name.name : undefined
    if (text === undefined) throw notNamed('a value', name)
    if (isValue(name) && [...values].some((value) => value.name === text))
      throw new LanewiseError(
        'E_GRAPH',
        `the value "${text}" is another graph's, not the one of that name in this graph`,
        {
          tensor: text,
        },
      )
    const near = nearNames(
      text,
      [...values].map((value) => value.name),
    )
    throw new LanewiseError(
      'E_GRAPH',
      `there is no value "${text}" in the graph${near.length > 0 ? `: near are ${near.map((one) => `"${one}"`).join(', ')}` : ''}`,
      { tensor: text },
    )
  }

  /** @throws LanewiseError `E_GRAPH` if there is none of that name, `E_VALUE` for what is neither name nor node. */
  node(name: string | Node): Node {
    const node = typeof name === 'string' ? this.list.find((one) => one.name === name) : name
    if (this.list.includes(node as Node)) return node as Node
    const text = typeof name === 'string' ? name : (name as Node | null | undefined)?.name
    if (typeof text !== 'string') throw notNamed('a node', name)
    throw new LanewiseError('E_GRAPH', `there is no node "${text}" in the graph`)
  }

  /** The node that makes a value; undefined for inputs and constants. */
  producerOf(value: string | Value): Node | undefined {
    const wanted = this.value(value)
    return this.list.find((node) => node.outputs.includes(wanted))
  }

  /** The nodes that read a value, those with bodies that do among them. */
  consumersOf(value: string | Value): Node[] {
    const wanted = this.value(value)
    return this.list.filter((node) => usedBy(node).includes(wanted))
  }

  /**
   * Gives a value another name. @throws LanewiseError `E_GRAPH` if that name is taken, `E_VALUE` for what is no name.
   */
  rename(value: string | Value, name: string): Value {
    const renamed = this.value(value)
    checkText('the name of a value', name)
    if ([...this.values].some((other) => other !== renamed && other.name === name))
      throw new LanewiseError('E_GRAPH', `the name "${name}" is taken`, { tensor: name })
    ;(renamed as { name: string }).name = name
    return renamed
  }

  /**
   * Gives a size of inputs and outputs that is free another name, or a number.
   *
   * @throws LanewiseError `E_GRAPH` if no size has that name, `E_VALUE` for what is neither a name nor a size.
   */
  renameDimension(name: string, to: string | number): void {
    checkText('the name of a size', name)
    if (to === null || !isDimension(to))
      throw new LanewiseError(
        'E_VALUE',
        `the size "${name}" must become a name, or a number of at least 0, got ${shown(to)}`,
        {
          actual: shown(to),
        },
      )
    let found = false
    for (const value of this.values) {
      const { declared } = value
      if (!declared?.shape?.includes(name)) continue
      found = true
      value.declared = { ...declared, shape: declared.shape.map((size) => (size === name ? to : size)) }
    }
    if (!found) throw new LanewiseError('E_GRAPH', `no size of the graph is called "${name}"`, { actual: name })
  }

  /**
   * A constant for a node to read. @throws LanewiseError `E_GRAPH` if the name is taken, `E_TENSOR` for what is no
   * tensor.
   */
  constant(name: string, tensor: HostTensor | TensorLike): Value {
    const constant = constantFrom(name, tensor)
    if ([...this.values].some((value) => value.name === name))
      throw new LanewiseError('E_GRAPH', `the name "${name}" is taken`, { tensor: name })
    return { name, constant }
  }

  /**
   * Adds a node; nobody reads its outputs yet.
   *
   * @throws LanewiseError `E_UNSUPPORTED` for an unknown operator, `E_GRAPH` for wrong attributes, inputs or outputs,
   *   `E_VALUE` for arguments of wrong types.
   */
  add(
    type: string,
    inputs: readonly (string | Value | undefined)[],
    attributes: Readonly<Record<string, unknown>> = {},
    options: NodeOptions = {},
  ): Value[] {
    const { name, domain, outputs } = checkedOptions(type, options)
    const label = unusedName(name ?? type, new Set(this.list.map((node) => node.name)))
    const checked = checkedNode({ type, inputs, attributes, domain, outputs, label }, this.operand)
    const taken = new Set([...this.values].map((value) => value.name))
    const results = Array.from({ length: outputs }, (_, i): Value => {
      const value = { name: unusedName(outputs === 1 ? label : `${label}_${i}`, taken) }
      taken.add(value.name)
      return value
    })
    this.change([...this.list, { ...checked, name: label, outputs: results, fused: notFused }])
    return results
  }

  /**
   * Everybody who reads a value reads another instead; where it is an output of the graph, the other takes its place
   * and its name (by an Identity if it is an input or an output itself).
   *
   * @param except - nodes that go on reading the first: those that make the second of it.
   * @throws LanewiseError `E_UNSUPPORTED` if a body of If, Loop or Scan reads it.
   */
  redirect(from: string | Value, to: string | Value, except: readonly Node[] = []): void {
    const [old, other] = [this.value(from), this.value(to)]
    const inBody = this.list.find(
      (node) => !except.includes(node) && !node.inputs.includes(old) && usedBy(node).includes(old),
    )
    if (inBody)
      throw new LanewiseError('E_UNSUPPORTED', `a body of ${inBody.op.name} reads "${old.name}"`).at(
        inBody.op.name,
        inBody.name,
      )
    this.change(
      this.list.map((node) =>
        node.inputs.includes(old) && !except.includes(node)
          ? { ...node, inputs: node.inputs.map((value) => (value === old ? other : value)) }
          : node,
      ),
    )
    const at = this.outputs.indexOf(old)
    if (at < 0) return
    // What a program feeds, or another output, keeps its name.
    const result =
      this.inputs.includes(other) || this.outputs.includes(other) ? this.add('Identity', [other])[0] : other
    this.outputs[at] = result
    const { name } = old
    this.rename(old, unusedName(`${name}_before`, new Set([...this.values].map((value) => value.name))))
    this.rename(result, name)
    result.declared ??= old.declared
  }

  /** Puts a node after a value: everybody who read the value reads the node's first output. @returns that output. */
  insertAfter(
    value: string | Value,
    type: string,
    more: readonly (string | Value | undefined)[] = [],
    attributes: Readonly<Record<string, unknown>> = {},
    options: NodeOptions = {},
  ): Value {
    const before = this.value(value)
    const [result] = this.add(type, [before, ...more], attributes, options)
    const made = this.producerOf(result)
    this.redirect(before, result, made ? [made] : [])
    return result
  }

  /** Puts another operator in a node's place, with the same outputs; inputs are the node's unless others are given. */
  replace(
    node: string | Node,
    type: string,
    attributes: Readonly<Record<string, unknown>> = {},
    { inputs, domain = '' }: { inputs?: readonly (string | Value | undefined)[]; domain?: string } = {},
  ): void {
    const old = this.node(node)
    const { op, ...checked } = checkedNode(
      { type, inputs: inputs ?? old.inputs, attributes, domain, outputs: old.outputs.length, label: old.name },
      this.operand,
    )
    this.change(this.list.map((one) => (one === old ? { ...old, ...checked, op } : one)))
  }

  /** Takes out nodes that nothing depends on. */
  prune(): void {
    this.list = neededFor(this.outputs, this.nodes).kept
  }

  /**
   * The part of the graph between values, as a graph of its own, with values of its own by the same names: `inputs`
   * become its inputs, and only what `outputs` need stays. Tensors of constants are shared.
   *
   * @param inputs - values to feed instead of computing them; the graph's inputs that are still needed are added. Types
   *   are declared where they are known.
   * @throws LanewiseError `E_GRAPH` for a name that is not there, and for a value to feed that no output depends on;
   *   `E_VALUE` for no outputs, and for what are no lists of values.
   */
  extract(outputs: readonly (string | Value)[], inputs: readonly (string | Value)[] = []): ModelGraph {
    checkList('the values to extract', outputs)
    checkList('the values to feed', inputs)
    if (outputs.length === 0) throw new LanewiseError('E_VALUE', 'the values to extract are none: name at least one')
    const wanted = new Set(outputs.map((name) => this.value(name)))
    const cuts = new Set(inputs.map((name) => this.value(name)))
    // What is fed has to say its type; a shape that does not follow from the graph's inputs is left open.
    const undeclared = [...cuts].filter((value) => !value.declared)
    declareOutputs({ name: this.name, inputs: this.inputs, nodes: this.nodes, outputs: undeclared })
    const around = new Around(this, (value) => value)
    for (const value of undeclared) value.declared ??= around.typeOf(value)
    const part = new ModelGraph({
      graph: { name: this.name, inputs: [], outputs: [], nodes: [] },
      metadata: this.metadata,
      opsets: this.opsets,
      producer: this.producer,
    })
    const { needed, kept } = neededFor(wanted, this.nodes, cuts)
    for (const value of cuts)
      if (!needed.has(value))
        throw new LanewiseError('E_GRAPH', `nothing that is extracted depends on "${value.name}"`, {
          tensor: value.name,
        })
    // What is edited in the part must not change here.
    const own = new Map<Value, Value>()
    part.list = copiedNodes(kept, own)
    const fed = [...this.inputs.filter((value) => needed.has(value) && !cuts.has(value)), ...cuts]
    part.inputs.push(...fed.map((value) => copiedValue(value, own)))
    part.outputs.push(...[...wanted].map((value) => copiedValue(value, own)))
    return part
  }

  /**
   * Infers the types of outputs that are not declared, and declares them. @throws LanewiseError if the shapes do not
   * fit.
   */
  declareOutputs(): void {
    checkEnds(this)
    const before = new Map(this.outputs.map((value) => [value, value.declared]))
    declareOutputs(this)
    for (const [value, declared] of before) value.declared ??= declared
  }

  private change(nodes: readonly Node[]): void {
    this.list = nodes
    this.sorted = false
  }

  /** What a node reads, for whoever makes one. */
  private readonly operand = (input: unknown): Value | undefined =>
    typeof input === 'string' || isValue(input) ? this.value(input) : undefined
}

/**
 * What some values are made of: the values, and those of the sorted nodes that make them. Nothing is needed for values
 * that are fed.
 */
function neededFor(wanted: Iterable<Value>, nodes: readonly Node[], fed: ReadonlySet<Value> = new Set()) {
  const needed = new Set(wanted)
  const kept = nodes.toReversed().filter((node) => {
    if (!node.outputs.some((value) => value && needed.has(value) && !fed.has(value))) return false
    for (const value of usedBy(node)) needed.add(value)
    return true
  })
  return { needed, kept: kept.reverse() }
}

function copiedValue(value: Value, copies: Map<Value, Value>): Value {
  const copy = copies.get(value) ?? { ...value }
  copies.set(value, copy)
  return copy
}

/** Nodes with values of their own, in their bodies as well. */
function copiedNodes(nodes: readonly Node[], copies: Map<Value, Value>): Node[] {
  const own = <T extends Value | undefined>(value: T) => (value && copiedValue(value, copies)) as T
  return nodes.map((node) => {
    const bodies = bodiesOf(node)
    const attributes = Object.entries(node.attributes).map(([name, value]) => {
      const body = bodies.find((one) => one === value)
      if (!body) return [name, value]
      const { inputs, outputs } = body
      return [
        name,
        { ...body, inputs: inputs.map(own), outputs: outputs.map(own), nodes: copiedNodes(body.nodes, copies) },
      ]
    })
    return {
      ...node,
      inputs: node.inputs.map(own),
      outputs: node.outputs.map(own),
      attributes: bodies.length > 0 ? Object.fromEntries(attributes) : node.attributes,
    }
  })
}

function notNamed(what: string, given: unknown): LanewiseError {
  const actual = kindOf(given)
  return new LanewiseError('E_VALUE', `${what} is needed, or its name, got ${actual}`, { expected: what, actual })
}

function shown(value: unknown): string {
  return typeof value === 'number' || value === '' ? JSON.stringify(value) : kindOf(value)
}

/** How a model is read. */
export interface LoadGraphOptions {
  /** The files that hold the model's external tensors, by the names the model calls them. */
  readonly externalData?: readonly ExternalFile[]
  /** The most bytes that one sparse tensor may take once it is dense; 4 GiB by default. */
  readonly memoryLimit?: number
}

/**
 * Reads an ONNX file to be looked at, changed and written again. Weights are views of the bytes.
 *
 * @param model - the bytes, or where they are.
 * @throws LanewiseError as `InferenceSession.create` does for files that cannot be read; `E_VALUE` for what is neither
 *   bytes nor a place.
 *
 * @example
 * import { loadGraph } from 'lanewise'
 *
 * const graph = await loadGraph('model.onnx')
 * for (const { op, name } of graph.nodes) console.log(op.name, name)
 */
export async function loadGraph(
  model: Uint8Array | ArrayBuffer | string | URL,
  options: LoadGraphOptions = {},
): Promise<ModelGraph> {
  checkRecord('the options of loadGraph', options)
  checkOptions('loadGraph', options, ['externalData', 'memoryLimit'])
  const { memoryLimit = MEMORY_LIMIT, externalData } = options
  checkNumber('memoryLimit', memoryLimit, { above: 0 })
  const given = externalData && memoryExternalData(checkFiles(externalData))
  const from = typeof model === 'string' || tagOf(model) === 'URL' ? (model as string | URL) : undefined
  const bytes = from === undefined ? bytesIn(model) : await platform().readModel(from)
  if (!bytes)
    throw new LanewiseError(
      'E_VALUE',
      `a model is a path, a URL, a Uint8Array or an ArrayBuffer, got ${'nodes' in Object(model) ? 'a graph, which is read already' : kindOf(model)}`,
      {
        expected: 'a path, a URL, a Uint8Array or an ArrayBuffer',
        actual: kindOf(model),
      },
    )
  const beside = given || from === undefined ? undefined : platform().externalData?.(from, {})
  try {
    const proto = readModel(bytes)
    const rare = () => usesRareOps(proto)
    if (rare()) await platform().moreOps?.(rare)
    return new ModelGraph(
      sayingWhatToImport(rare() ? RARE : undefined, () => importModel(proto, given ?? beside, memoryLimit)),
    )
  } finally {
    beside?.close()
  }
}

function checkFiles(files: unknown): readonly ExternalFile[] {
  checkList('externalData', files)
  for (const file of files as unknown as readonly (Partial<ExternalFile> | null | undefined)[])
    if (typeof file?.path !== 'string')
      throw new LanewiseError('E_VALUE', `externalData is a list of { path, data }, got ${kindOf(file)} in it`, {
        actual: kindOf(file),
      })
  return files as readonly ExternalFile[]
}
