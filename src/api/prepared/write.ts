// Writes a prepared model: plans it as a session would, and keeps what that has made of its weights.
import { supportsRelaxedSimd, type Build } from '../../../bindings/module.js'
import { dtypeFromOnnx, isHalf, makeData, type DType, type TypedArray } from '../../core/dtype.js'
import { VERSION } from '../../core/env.js'
import { LanewiseError } from '../../core/errors.js'
import { hostBytes, rawBytes, trackedTensor, writeElements, type HostTensor } from '../../core/host.js'
import { checkOptions, checkRecord } from '../../core/options.js'
import { sizeOf } from '../../core/shape.js'
import { tagOf } from '../../core/realm.js'
import { bodiesOf, type Graph, type Node, type Value } from '../../ir/graph.js'
import type { TensorType } from '../../ir/op.js'
import { commonOps } from '../../ops/common.js'
import { frequentOps } from '../../ops/frequent.js'
import { Placed } from '../../plan/placed.js'
import type { Program } from '../../plan/program.js'
import type { Segment } from '../../plan/plan-state.js'
import { download, isLocation, type ResponseLike } from '../../platform/download.js'
import { checkTypes } from '../declared-types.js'
import { lateParts } from '../late-parts.js'
import { warmUpTypes } from '../load/warm-up.js'
import type { SessionOptions } from '../session-options.js'
import { InferenceSession } from '../session.js'
import { metadataOf, type ValueMetadata } from '../value.js'
import { BlockWriter, SMALL_BYTES } from './format.js'
import { kernelsId } from './kernels-id.js'
import type { PrepareOptions } from './prepare.js'
import { preparedFor } from './read.js'
import { GraphWriter } from './write-graph.js'

/** Options of sessions that decide what is written. Others would have no effect, and are refused. */
const sessionOptions = [
  'accuracy',
  'deterministic',
  'memoryLimit',
  'passes',
  'graphOptimizationLevel',
  'freeDimensionOverrides',
  'states',
  'warmUp',
  'externalData',
  'allowHardLinks',
  'wasmModule',
  'signal',
] as const satisfies readonly (keyof SessionOptions)[]

/** The name of one of them. */
export type PreparedOption = (typeof sessionOptions)[number]

/** See {@link prepare}. */
export async function writePrepared(model: unknown, options: PrepareOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  checkRecord('the options of prepare', options)
  checkOptions('prepare', options, ['build', ...sessionOptions])
  const { build = 'all', ...others } = options
  const builds: readonly Build[] =
    build !== 'all' ? [build] : supportsRelaxedSimd() && !options.deterministic ? ['simd', 'relaxed'] : ['simd']
  // A stream can be read once.
  const source =
    isLocation(model) || !/^(Response|Blob|File|ReadableStream)$/.test(tagOf(model))
      ? model
      : await download(model as ResponseLike)
  const blocks = new BlockWriter()
  const variants: object[] = []
  let kernels: string | undefined
  for (const one of builds) {
    const session = await InferenceSession.create(source as Uint8Array, {
      ...others,
      build: one,
      warmUp: false,
      worker: false,
      threads: 1,
      // Planned below, with an eye on what is read.
      lenient: true,
    })
    try {
      kernels = kernelsId(session.context.module)
      if (kernels === undefined)
        throw new LanewiseError(
          'E_VALUE',
          'the kernels do not say what they were compiled from: they are of another version',
        )
      variants.push(await writeVariant(session, one, options, blocks))
    } finally {
      await session.release()
    }
  }
  return blocks.finish(() => ({ version: VERSION, kernels, variants }))
}

/** What a file says for one build. */
async function writeVariant(
  session: InferenceSession,
  build: Build,
  options: PrepareOptions,
  blocks: BlockWriter,
): Promise<object> {
  const { program, common } = await session.insides()
  const { graph } = program
  const read = new Set<HostTensor>()
  track(graph, read)
  const agree = checkTypes(program, options.states !== undefined, undefined)
  const { segment, complete } = plan(program, options)
  if (segment) for (const tensor of readInRuns(segment)) read.add(tensor)
  const writer = new GraphWriter()
  const written = writer.graph(graph)
  const forms = new Map(writer.tensors.map((tensor) => [tensor, new Map<string, () => Uint8Array>()]))
  for (const [tensor, key, { base, bytes }] of common.weights.entries())
    forms.get(tensor)?.set(key, () => common.context.bytes(base, bytes).slice())
  const tensors = writer.tensors.map((tensor) => {
    const { dtype, shape } = tensor
    if (dtype === 'string') return [dtype, shape, tensor.data]
    const names = [...(forms.get(tensor)?.keys() ?? [])]
    const dispensable =
      complete && names.length > 0 && !names.includes('') && !read.has(tensor) && hostBytes(tensor) > SMALL_BYTES
    return dispensable ? [dtype, shape] : [dtype, shape, blocks.add(elementsOf(tensor))]
  })
  const packed = writer.tensors.flatMap((tensor, i) =>
    [...(forms.get(tensor) ?? [])].filter(([key]) => key !== '').map(([key, bytes]) => [i, key, blocks.add(bytes())]),
  )
  return {
    build,
    ...preparedFor({ ...options, build }),
    constants: common.constants,
    operators: operatorsOf(session.model, graph),
    graph: written,
    values: writer.values,
    tensors,
    forms: packed,
    metadata: [...session.metadata],
    outputs: agree ? session.outputMetadata : await described(session),
  }
}

/** Puts tensors in the place of large constants that tell when a plan reads them otherwise than to pack them. */
function track(graph: Graph, read: Set<HostTensor>): void {
  const tracked = new Map<HostTensor, HostTensor>()
  for (const { inputs, attributes } of allNodes(graph))
    for (const value of [...inputs, ...Object.values(attributes).flatMap(outputsOf), ...graph.outputs]) {
      const tensor = value?.constant
      if (!tensor || tensor.dtype === 'string' || hostBytes(tensor) <= SMALL_BYTES || read.has(tensor)) continue
      let other = tracked.get(tensor)
      if (!other) {
        const made: HostTensor = trackedTensor(tensor, () => read.add(made))
        tracked.set(tensor, (other = made))
        tracked.set(made, made)
      }
      value.constant = other
    }
}

/** Plans for the sizes that the model tells, or those of `warmUp`. `complete`: nothing else can ever be planned. */
function plan(program: Program, { warmUp, states }: PrepareOptions): { segment?: Segment; complete: boolean } {
  const { graph } = program
  const fixed = graph.inputs.every(
    ({ declared }) => declared?.kind === 'tensor' && declared.shape?.length && declared.shape.every(Number.isInteger),
  )
  const types = fixed || warmUp ? warmUpTypes(graph, typeof warmUp === 'object' ? warmUp : true) : typesOfOne(graph)
  if (!types) return { complete: false }
  const feeds = new Map(Array.from(types, ([value, type]) => [value, { ...type, data: makeData(type.dtype, 0) }]))
  let segment: Segment
  try {
    segment = program.prepare(feeds)
  } catch (error) {
    // With sizes of which nobody has said that the model runs.
    if (fixed || warmUp) throw error
    return { complete: false }
  }
  const whole = segment.end.kind === 'done' && states === undefined && allNodes(graph).length === graph.nodes.length
  return { segment, complete: fixed && whole }
}

/** The types of inputs with 1 for every size that the model leaves open; undefined if it leaves more open than that. */
function typesOfOne({ inputs }: Graph): Map<Value, TensorType> | undefined {
  const types = new Map<Value, TensorType>()
  for (const value of inputs) {
    const { kind, dtype, shape } = value.declared ?? {}
    if (kind !== 'tensor' || !dtype || !shape?.length) return undefined
    types.set(value, { dtype, shape: shape.map((size) => (typeof size === 'number' ? size : 1)) })
  }
  return types
}

/** Constants that steps in TypeScript read, and those that are results. */
function readInRuns({ steps, sources }: Segment): HostTensor[] {
  const inputs = steps.flatMap((step) => ('compute' in step ? step.inputs : []))
  return [
    ...inputs.filter((input): input is HostTensor => input !== undefined && !(input instanceof Placed)),
    ...[...sources.values()].flatMap((source) => ('known' in source ? [source.known] : [])),
  ]
}

function elementsOf(tensor: HostTensor): Uint8Array {
  const elements = makeData(tensor.dtype, sizeOf(tensor.shape)) as TypedArray
  writeElements(tensor, elements)
  return rawBytes(elements)
}

/** The outputs as a session of the model describes them. */
async function described(session: InferenceSession): Promise<readonly ValueMetadata[]> {
  const { describeOutputs } = await lateParts.outputs()
  const types = describeOutputs(session.model)
  return session.outputNames.map((name, i) => metadataOf(name, types[i]))
}

/** The nodes of a graph and of the bodies in it. */
function allNodes(graph: Graph): Node[] {
  return graph.nodes.flatMap((node) => [node, ...bodiesOf(node).flatMap(allNodes)])
}

function outputsOf(attribute: unknown): readonly Value[] {
  return typeof attribute === 'object' && attribute !== null && 'nodes' in attribute ? (attribute as Graph).outputs : []
}

/** Operators and passes that a session needs which is made of either graph: whatever this process has loaded. */
function operatorsOf(...graphs: readonly Graph[]): 'common' | 'frequent' | 'all' {
  const nodes = graphs.flatMap(allNodes)
  const values = [...graphs.flatMap(({ inputs }) => inputs), ...nodes.flatMap((node) => node.inputs)]
  const isHalfType = (name: string, value: unknown) => {
    if (typeof value === 'object' && value !== null && 'dtype' in value) return isHalf(value.dtype as DType)
    return /^to$|dtype|datatype/.test(name) && isHalf(dtypeFromOnnx(Number(value)))
  }
  const rare = ({ op, attributes, inputs }: Node) =>
    !(commonOps.includes(op) || frequentOps.includes(op)) ||
    op.name === 'DequantizeLinear' ||
    (op.name === 'Dropout' && inputs.length > 2) ||
    Object.entries(attributes).some(([name, value]) => isHalfType(name, value))
  if (nodes.some(rare) || values.some((value) => isHalf(value?.constant?.dtype ?? value?.declared?.dtype))) return 'all'
  const frequent = ({ op }: Node) => !commonOps.includes(op) || /^(Softmax|ReduceMean)$/.test(op.name)
  return nodes.some(frequent) ? 'frequent' : 'common'
}
