import { checkArguments } from '../core/arguments.js'
import { loadGraph, type LoadGraphOptions } from '../api/graph/model-graph.js'
import { applyParsed } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { kindOf } from '../core/options.js'
import { bodiesOf, graphOf, type Graph, type GraphSource, type Node, type Value } from '../ir/graph.js'
import { inferTypes } from '../ir/infer.js'
import { knowEveryGradient } from './functional/every-operator.js'
import { Module } from './module.js'

/** Inputs that are statistics rather than weights. */
const statistics: Readonly<Record<string, readonly number[]>> = { BatchNormalization: [3, 4] }

/**
 * A graph (an imported ONNX model) as a module: its float32 constants with more than one element are parameters, under
 * their names in the file, so that the model can be trained further where its operators have gradients, and exported
 * again. `GraphModule<Variable[]>` is one with several outputs.
 */
export class GraphModule<Output extends Variable | Variable[] = Variable> extends Module {
  static override readonly name: string = 'GraphModule'
  /** Properties in which no modules are looked for. @internal */
  static readonly opaque: readonly string[] = ['graph']
  /** The graph that it applies. */
  readonly graph: Graph
  /** By the names that the file gives them. */
  readonly tensors = new Map<string, Parameter>()
  private readonly learned = new Map<Value, Parameter>()

  /**
   * A model file as a module.
   *
   * @param model - its bytes, or where they are.
   * @throws LanewiseError as `loadGraph` does, and as the constructor.
   */
  static async from<Output extends Variable | Variable[] = Variable>(
    model: Uint8Array | ArrayBuffer | string | URL,
    options: LoadGraphOptions & { readonly device?: Device } = {},
  ): Promise<GraphModule<Output>> {
    checkArguments('GraphModule.from', { model, options }, 'any', {
      externalData: 'list',
      memoryLimit: 'number',
      device: 'device',
    })

    const { device, ...reading } = options
    knowEveryGradient()
    return new GraphModule<Output>(await loadGraph(model, reading), { device })
  }

  /** @throws LanewiseError `E_UNSUPPORTED` for operators with bodies, and for values that are not tensors. */
  constructor(source: GraphSource, options: { readonly device?: Device } = {}) {
    checkArguments(new.target.name, { source, options }, 'any', { device: 'device' })
    const { device } = options

    super(device)
    knowEveryGradient()
    const graph = graphOf(source)
    if (!graph) {
      const expected = 'a graph (of loadGraph, GraphBuilder or toGraph; GraphModule.from reads a file)'
      throw new LanewiseError('E_VALUE', `GraphModule takes ${expected}, got ${kindOf(source)}`, {
        expected,
        actual: kindOf(source),
      })
    }
    this.graph = graph
    // What is made of constants alone may be known already; it is not learned beside them.
    const made = new Set(graph.nodes.flatMap((node) => node.outputs))
    for (const node of graph.nodes) {
      if (bodiesOf(node).length > 0)
        throw new LanewiseError('E_UNSUPPORTED', `${node.op.name} cannot be part of a module`, {
          op: node.op.name,
          node: node.name,
        })
      node.inputs.forEach((value, i) => {
        const { constant } = value ?? {}
        if (
          !value ||
          !constant ||
          made.has(value) ||
          this.learned.has(value) ||
          constant.dtype !== 'float32' ||
          constant.data.length < 2
        )
          return
        const parameter = this.device.parameter(constant, {
          name: value.name,
          buffer: statistics[node.op.name]?.includes(i),
        })
        this.learned.set(value, parameter)
        this.tensors.set(value.name, parameter)
      })
    }
  }

  /** @param inputs - in the order of the graph's inputs. @returns the output, or an array of them. */
  forward(...inputs: Variable[]): Output {
    const { graph, device } = this
    inputs.forEach((input, i) => {
      checkArguments(this.constructor.name, { [`input ${i}`]: input }, 'tensor')
    })
    if (inputs.length !== graph.inputs.length)
      throw new LanewiseError('E_VALUE', `the graph has ${graph.inputs.length} inputs, got ${inputs.length}`)
    const known = new Map<Value, Variable>(this.learned)
    graph.inputs.forEach((value, i) => known.set(value, inputs[i]))
    const lookUp = (value: Value): Variable => {
      let variable = known.get(value)
      if (!variable) {
        if (!value.constant)
          throw new LanewiseError('E_GRAPH', `"${value.name}" is used before it is made`, { tensor: value.name })
        known.set(value, (variable = device.constant(value.constant)))
      }
      return variable
    }
    for (const node of graph.nodes) {
      const results = device.scoped(node.name, () =>
        applyParsed(
          device,
          node.op,
          node.inputs.map((value) => value && lookUp(value)),
          node.attributes,
          node.outputs.length,
        ),
      )
      node.outputs.forEach((value, i) => {
        if (!value) return
        if (!results.at(i))
          throw new LanewiseError('E_GRAPH', `it makes ${results.length} outputs here, not ${node.outputs.length}`).at(
            node.op.name,
            node.name,
          )
        known.set(value, results[i])
      })
    }
    const outputs = graph.outputs.map(lookUp)
    return (outputs.length === 1 ? outputs[0] : outputs) as Output
  }

  /**
   * The model with another end: what it computes up to a value, and then a module of your own. Parameters of the old
   * model are copied, under the names they have, those of the new end are called "head…"; the old model stays as it is
   * (`dispose()` it if it is no longer needed).
   *
   * @param head - a module of the features; or a function that makes one, given their shape with a batch of 1.
   * @param at - the name of the value that the head takes; by default what goes into the last layer with weights (Gemm,
   *   MatMul, Conv): that layer and everything after it is left out.
   * @throws LanewiseError `E_GRAPH` if there is no value of that name, `E_VALUE` if there is no such layer on the one
   *   way to the output, or not the same one for all outputs.
   * @example
   * import { Device, GraphModule, Linear } from 'lanewise/train'
   *
   * await Device.create({ seed: 1 })
   * const digits = await GraphModule.from('model.onnx')
   * const model = digits.replaceHead((shape) => new Linear(shape[1], 5)) // five classes of your own
   * model.requiresGrad(false).requiresGrad(true, 'head.*') // only the new end learns
   * console.log(model.parameters().filter(({ trainable }) => trainable).length) // 2
   */
  replaceHead<Head extends Module & { forward(x: Variable): unknown }>(
    head: Head | ((shape: readonly number[]) => Head),
    options: { readonly at?: string } = {},
  ): GraphWithHead<Head> {
    checkArguments('replaceHead', { head, options }, 'module|function', { at: 'string' })
    const { at } = options
    const features = at === undefined ? this.lastFeatures() : this.valueNamed(at)
    const part = upTo(this.graph, features)
    const body = new GraphModule(part, { device: this.device })
    for (const [name, tensor] of body.tensors) {
      const own = this.tensors.get(name)
      if (!own) continue
      tensor.copyFrom(own)
      tensor.trainable = own.trainable
    }
    try {
      return new GraphWithHead(body, typeof head === 'function' ? headOf(head, shapeOf(part)) : head)
    } catch (error) {
      body.dispose()
      throw error
    }
  }

  private valueNamed(name: string): Value {
    const values = [...this.graph.inputs, ...this.graph.nodes.flatMap((node) => node.outputs)]
    const found = values.find((value) => value?.name === name)
    if (!found) throw new LanewiseError('E_GRAPH', `there is no value "${name}" in the graph`, { tensor: name })
    return found
  }

  /** What goes into the last layer with weights. */
  private lastFeatures(): Value {
    const fail = (why: string): never => {
      throw new LanewiseError('E_VALUE', `${why}: say by "at" which value the new head takes`)
    }
    const producers = new Map(this.graph.nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)))
    // What is made of weights or of sizes alone is no way that features take.
    const features = new Set<Value | undefined>(this.graph.inputs)
    for (const { op, inputs, outputs } of this.graph.nodes)
      if (!sizes.has(op.name) && inputs.some((value) => value && features.has(value)))
        for (const value of outputs) features.add(value)
    const before = (output: Value): Value => {
      for (let value = output; ;) {
        const node = producers.get(value)
        if (!node) return fail(`no layer with weights leads to the output "${output.name}"`)
        const made = node.inputs.filter((input): input is Value => !!input && features.has(input))
        if (layers.has(node.op.name) && made.length === 1 && made[0] === node.inputs[0]) return made[0]
        if (made.length !== 1) return fail(`${made.length} values meet in "${node.name}" (${node.op.name})`)
        value = made[0]
      }
    }
    // Scores and their probabilities are outputs of one layer.
    const [first, ...others] = new Set(this.graph.outputs.map(before))
    return others.length === 0 ? first : fail(`the model has ${this.graph.outputs.length} outputs of several layers`)
  }
}

/**
 * What a function makes of the shape of the features. @throws LanewiseError `E_VALUE` with what the function threw as
 * the cause.
 */
function headOf<Head extends Module>(make: (shape: readonly number[]) => Head, shape: readonly number[]): Head {
  let head: Head
  try {
    head = make(shape)
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    const said = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    throw new LanewiseError('E_VALUE', `the function that makes the head threw ${said}`, { cause })
  }
  if (head instanceof Module) return head
  throw new LanewiseError('E_VALUE', `the function that makes the head must return a module, got ${kindOf(head)}`, {
    expected: 'a module',
    actual: kindOf(head),
  })
}

/** What they make depends on sizes, not on elements. */
const sizes: ReadonlySet<string> = new Set(['Shape', 'Size'])

/** Layers that a head can be. */
const layers: ReadonlySet<string> = new Set(['Gemm', 'MatMul', 'Conv', 'ConvTranspose'])

/** The part of a graph that a value needs. */
function upTo(graph: Graph, output: Value): Graph {
  const needed = new Set<Value>([output])
  const nodes: Node[] = []
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((value) => value && needed.has(value))) continue
    nodes.unshift(node)
    for (const value of node.inputs) if (value) needed.add(value)
  }
  return { name: graph.name, inputs: graph.inputs.filter((value) => needed.has(value)), outputs: [output], nodes }
}

/** The shape of the output where free sizes of the inputs are 1. */
function shapeOf(graph: Graph): readonly number[] {
  const types = inferTypes(
    graph,
    new Map(
      graph.inputs.map((value) => {
        const { declared } = value
        if (declared?.kind !== 'tensor' || !declared.dtype || !declared.shape)
          throw new LanewiseError('E_VALUE', `the model does not say of which shape its input "${value.name}" is`)
        const shape = declared.shape.map((size) => (typeof size === 'number' ? size : 1))
        return [value, { dtype: declared.dtype, shape }]
      }),
    ),
  )
  const [output] = graph.outputs
  const type = types.get(output)?.type
  if (!type)
    throw new LanewiseError('E_VALUE', `the shape of "${output.name}" depends on data: give a module, not a function`)
  return type.shape
}

/** An imported model with an end of your own: {@link GraphModule.replaceHead} makes it. */
export class GraphWithHead<Head extends Module = Module> extends Module {
  static override readonly name: string = 'GraphWithHead'
  /** Parameters of the imported part keep their names. @internal */
  static readonly unnamed: readonly string[] = ['body']

  /** @internal */
  constructor(
    /** The imported part. */
    readonly body: GraphModule,
    /** What is applied to the outputs of the imported part. */
    readonly head: Head,
  ) {
    super(body.device)
  }

  /** @param inputs - in the order of the graph's inputs. @returns what the head makes of them. */
  forward(...inputs: Variable[]): ReturnType<Head['forward']> {
    const features = [this.body.call(...inputs)]
    return this.head.call(...(features as unknown as Parameters<Head['forward']>))
  }
}
