import type { Context } from '../../bindings/context.js'
import type { DType } from '../core/dtype.js'
import { env, log } from '../core/env.js'
import { LanewiseError } from '../core/errors.js'
import { seedsFrom } from '../core/generator.js'
import type { HostTensor, HostValue } from '../core/host.js'
import { finish, finishNow, waitFor, type Steps } from '../core/steps.js'
import type { Graph, Node, Value } from '../ir/graph.js'
import type { ImportedModel } from '../onnx/import.js'
import { throwIfAborted, type StepTime } from '../plan/executor.js'
import type { Segment } from '../plan/plan-state.js'
import type { Program } from '../plan/program.js'
import { statePairs, States } from '../plan/states.js'
import { constantBytes, WeightStore } from '../plan/weights.js'
import { bindInput, BoundTensor, placeOf } from './bound-tensor.js'
import { checkResult, checkTypes, isToldInFull } from './declared-types.js'
import { acceptFeeds, downloaded, fed, settle, type Feeds } from './feeds.js'
import { givenBack, givenTensors, readArguments, storageOf, type Fetches } from './fetches.js'
import { lateParts } from './late-parts.js'
import { loadModel } from './load/load-model.js'
import type { Common } from './load/make-program.js'
import { Programs } from './load/programs.js'
import type { Prepared } from './load/prepared.js'
import type * as ort from './ort-types.js'
import { profileEntries, type ProfileEntry } from './profile.js'
import { SessionBase, type SessionMemory } from './session-base.js'
import {
  checkSessionOptions,
  ignoredOptions,
  logLevelOf,
  type RunOptions,
  type SessionOptions,
} from './session-options.js'
import { stateNames } from './state-pairs.js'
import type { Tensor } from './tensor.js'
import type { GlobalType } from './tensor-types.js'
import { isElsewhere, metadataOf, publishValue, type ValueMetadata } from './value.js'

/** The types of onnxruntime-common by their names. */
// oxlint-disable-next-line typescript/no-namespace -- the form of onnxruntime-common's types
export declare namespace InferenceSession {
  type OnnxValueMapType = { readonly [name: string]: Tensor }
  type NullableOnnxValueMapType = { readonly [name: string]: Tensor | null }
  type FeedsType = OnnxValueMapType
  type FetchesType = readonly string[] | NullableOnnxValueMapType
  type ReturnType = OnnxValueMapType
  type SessionOptions = SessionOptionsType
  type RunOptions = RunOptionsType
  type ValueMetadata = ValueMetadataType
  type TensorValueMetadata = Extract<ValueMetadataType, { isTensor: true }>
  type NonTensorValueMetadata = Extract<ValueMetadataType, { isTensor: false }>
  type ExecutionProviderConfig = ort.ProviderConfig
  type ExecutionProviderName = ort.ProviderName
  type ExecutionProviderOption = ort.ProviderOption
  type ExecutionProviderOptionMap = ort.ProviderOptionMap
  type CpuExecutionProviderOption = ExecutionProviderOptionMap['cpu']
  type WebAssemblyExecutionProviderOption = ExecutionProviderOptionMap['wasm']
  type WebGLExecutionProviderOption = ExecutionProviderOptionMap['webgl']
  type WebGpuExecutionProviderOption = ExecutionProviderOptionMap['webgpu']
  type WebNNExecutionProviderOption = ExecutionProviderOptionMap['webnn']
  type CudaExecutionProviderOption = ExecutionProviderOptionMap['cuda']
  type DmlExecutionProviderOption = ExecutionProviderOptionMap['dml']
  type CoreMLExecutionProviderOption = ExecutionProviderOptionMap['coreml']
  type NnapiExecutionProviderOption = ExecutionProviderOptionMap['nnapi']
  type QnnExecutionProviderOption = ExecutionProviderOptionMap['qnn']
  type TensorRtExecutionProviderOption = ExecutionProviderOptionMap['tensorrt']
  type XnnpackExecutionProviderOption = ExecutionProviderOptionMap['xnnpack']
}

type SessionOptionsType = SessionOptions
type RunOptionsType = RunOptions
type ValueMetadataType = ValueMetadata

/**
 * A model, loaded and ready to run. The names and the behaviour are those of onnxruntime-web's `InferenceSession`.
 *
 * @example
 * import { InferenceSession, Tensor } from 'lanewise'
 *
 * const session = await InferenceSession.create('model.onnx') // a classifier of digits
 * const pixels = new Tensor(new Float32Array(784), [1, 1, 28, 28])
 * const results = await session.run({ [session.inputNames[0]]: pixels })
 * console.log(results[session.outputNames[0]].dims)
 * await session.release()
 */
export class InferenceSession extends SessionBase {
  static override readonly name = 'InferenceSession'
  /** Names of the inputs that a run is fed, in the model's order; initialisers are not among them. */
  readonly inputNames: readonly string[]
  /** Names of the outputs, in the model's order: what a run returns if it is not asked for less. */
  readonly outputNames: readonly string[]
  /** Type and shape of every input, in the order of `inputNames`. */
  readonly inputMetadata: readonly ValueMetadata[]
  private outputTypes: readonly ValueMetadata[]
  /**
   * What the file says about itself (`metadata_props`): written by exporters, by `exportModel`'s option `metadata`
   * among them.
   */
  readonly metadata: ReadonlyMap<string, string>
  private readonly graph: Graph
  private readonly values = new Map<string, Value>()
  private readonly common: Common
  /** What it keeps from run to run: outputs by the inputs that they become (the option `states`). */
  readonly states: Readonly<Record<string, string>>
  private readonly kept: States
  /** Outputs that are read where they lie. */
  private readonly boundOutputs = new Set<Value>()
  private readonly programs: Programs
  /** What has run last, if it came to its end; and whether nothing of its results was handed out. */
  private latest: Program | undefined
  private quiet = false
  private queue: Promise<unknown> | undefined
  private released: Promise<void> | undefined
  private times: ProfileEntry[] | undefined

  private constructor(
    { graph, metadata }: ImportedModel,
    prepared: Prepared | undefined,
    /** The memory that it works in, perhaps with others. @internal */
    readonly context: Context,
    private readonly options: SessionOptions,
  ) {
    super(options)
    context.users++
    this.graph = graph
    this.metadata = metadata
    const constants = prepared?.constants ?? constantBytes(graph)
    const weights = new WeightStore(context, constants, prepared?.forms)
    this.inputNames = graph.inputs.map((value) => value.name)
    this.outputNames = graph.outputs.map((value) => value.name)
    this.inputMetadata = graph.inputs.map((value) => metadataOf(value.name, value.declared))
    this.outputTypes = prepared?.outputs ?? graph.outputs.map((value) => metadataOf(value.name, value.declared))
    for (const value of graph.inputs) this.values.set(value.name, value)
    for (const node of graph.nodes)
      for (const value of [...node.inputs, ...node.outputs]) if (value) this.values.set(value.name, value)
    for (const value of graph.outputs) this.values.set(value.name, value)
    this.states = stateNames(graph, options.states)
    this.kept = new States(context, statePairs(graph, this.states))
    const seeds = seedsFrom(options.seed ?? (options.deterministic ? 0 : undefined))
    this.common = { context, options, constants, weights, kept: this.kept, seeds, optimized: prepared !== undefined }
    this.programs = new Programs(graph, this.common)
  }

  /**
   * Loads a model from a path, a URL, bytes, or what a browser has bytes in: a Response (progress, caches and integrity
   * are then the caller's), a Blob, a stream. Bytes must not change while the session lives: weights are not copied
   * until they are used.
   *
   * @throws LanewiseError `E_PARSE`, `E_TENSOR`, `E_EXTERNAL`, `E_GRAPH` for a bad file, `E_UNSUPPORTED` with every
   *   operator that is not known, `E_BUDGET` if the weights do not fit the memory limit; with `warmUp` also `E_VALUE`
   *   if a size is not known, and what a run would.
   */
  static create(location: string | URL, options?: SessionOptions): Promise<InferenceSession>
  static create(
    bytes:
      | Uint8Array
      | ArrayBufferLike
      | GlobalType<'Response', never>
      | GlobalType<'Blob', never>
      | GlobalType<'ReadableStream', never>,
    options?: SessionOptions,
  ): Promise<InferenceSession>
  static create(
    bytes: ArrayBufferLike,
    byteOffset: number,
    byteLength?: number,
    options?: SessionOptions,
  ): Promise<InferenceSession>
  static create(model: unknown, ...others: (SessionOptions | number | undefined)[]): Promise<InferenceSession> {
    const options = others.find((one) => Object(one) === one) as SessionOptions | undefined
    if (options?.workers ?? options?.worker ?? env.wasm.proxy)
      return import('./worker/remote-session.js').then(({ createElsewhere }) => createElsewhere(model, others))
    return finish(InferenceSession.made(model, ...others))
  }

  /**
   * Loads a model without a promise: for audio worklets and other places that cannot wait. The kernels are those of the
   * option `wasmModule`; without it, those of a session that was created before, in Node those beside the library, with
   * `lanewise/inline` its own.
   *
   * @throws LanewiseError as {@link create}; `E_STATE` for what has to be waited for: `threads`, `warmUp`, external
   *   files that are no bytes, kernels that are not here.
   */
  static createSync(bytes: Uint8Array | ArrayBufferLike, options?: SessionOptions): InferenceSession {
    return finishNow(InferenceSession.made(bytes, options))
  }

  private static *made(
    model: unknown,
    second?: SessionOptions | number,
    third?: SessionOptions | number,
    fourth?: SessionOptions | number,
  ): Steps<InferenceSession> {
    const given = [second, third, fourth].find(
      (argument): argument is SessionOptions => argument !== undefined && typeof argument !== 'number',
    )
    const options = checkSessionOptions(given)
    for (const name of ignoredOptions)
      if (options[name] !== undefined) log('verbose', `the session option ${name} is ignored`, logLevelOf(options))
    // Only `createSync` comes here with one.
    if (options.worker || options.workers) yield* waitFor('starting a worker', () => Promise.resolve())
    const { imported, context, prepared } = yield* loadModel(model, second, third, options)
    const session = new InferenceSession(imported, prepared, context, options)
    try {
      const program = yield* session.programs.computing(session.wanted(session.standard))
      const agree =
        options.lenient || prepared || checkTypes(program, options.states !== undefined, logLevelOf(options))
      if (!prepared && (!agree || !imported.graph.outputs.every(isToldInFull)))
        yield* waitFor('', () => session.describeOutputs(), nothing)
      const { warmUp } = options
      if (warmUp) {
        const { warmUpTypes } = yield* waitFor('warmUp', lateParts.warmUp)
        program.warmUp(warmUpTypes(program.graph, warmUp))
      }
      return session
    } catch (error) {
      // The memory may be that of others, too.
      session.free()
      throw error
    }
  }

  /**
   * What the outputs are: as the file declares them, or as it follows from the inputs where the file says little or
   * what is not so.
   */
  get outputMetadata(): readonly ValueMetadata[] {
    return this.outputTypes
  }

  /** Bytes of WebAssembly memory in use. */
  get memory(): SessionMemory {
    const { arenaBytes, scratchBytes } = this.programs
    return {
      weights: this.common.weights.bytes,
      arena: arenaBytes,
      scratch: scratchBytes,
      states: this.kept.bytes,
      threads: this.context.threads?.bytes ?? 0,
      peak: this.context.peak,
    }
  }

  /** Which build of the kernels runs. */
  get build(): 'simd' | 'relaxed' {
    return this.context.build
  }

  /** How many threads run the model. */
  get threads(): number {
    return this.context.threads?.count ?? 1
  }

  /**
   * Why one thread runs the model where the options leave room for more: a page that is not cross-origin isolated, one
   * core, a quota of the control group, kernels that cannot be had; undefined where there are several, or one was asked
   * for.
   */
  get oneThread(): string | undefined {
    return this.context.oneThread
  }

  /** What each node took in the last run that was profiled, in the order of execution. */
  get lastProfile(): readonly ProfileEntry[] | undefined {
    return this.times
  }

  /**
   * Runs the model. Runs of one session are queued; each is right.
   *
   * An input that is one of the session's `states` is what its output was at the end of the last run, unless `feeds`
   * has it: the first run needs it, and so does one after a run that broke off in the middle. Where operators allow
   * (recurrent layers, TensorScatter, attention over a buffer), it is changed where it lies in memory.
   *
   * @param feeds - a value for every input, by name.
   * @param fetches - names of the values to return (outputs, or any value inside the graph), or tensors to write the
   *   results to. Left out: every output that is not the next run's state.
   * @throws LanewiseError `E_TENSOR` for wrong feeds, `E_SHAPE` and `E_VALUE` if operators refuse shapes or values,
   *   `E_BUDGET` over the memory limit, `E_STATE` after release or if the signal fires.
   */
  run(feeds: Feeds, options?: RunOptions): Promise<Record<string, Tensor>>
  run(feeds: Feeds, fetches?: Fetches, options?: RunOptions): Promise<Record<string, Tensor>>
  async run(feeds: Feeds, second?: Fetches | RunOptions, third?: RunOptions): Promise<Record<string, Tensor>> {
    const { fetches, options } = this.arguments(feeds, second, third)
    const elsewhere = this.inputNames.filter((name) => isElsewhere(fed(feeds, name)))
    const inputs =
      elsewhere.length > 0 ? downloaded(feeds, elsewhere).then((here) => this.accept(here)) : this.accept(feeds)
    const mine =
      this.queue || inputs instanceof Promise
        ? Promise.all([inputs, this.queue]).then(([here]) => finish(this.execute(here, fetches, options)))
        : finish(this.execute(inputs, fetches, options))
    const settled = mine.then(nothing, nothing)
    this.queue = settled
    try {
      return await mine
    } finally {
      if (this.queue === settled) this.queue = undefined
    }
  }

  /**
   * Runs the model without a promise, with the same results and errors as {@link run}. An input that is bound
   * ({@link input}) may be left out, all of them by leaving out `feeds`; outputs that are bound ({@link output}) are
   * not among the results unless they are fetched by name. Where all inputs and outputs are bound, or are states, a run
   * copies and allocates nothing.
   *
   * @throws LanewiseError as {@link run}; `E_STATE` while another run is under way, and where the run would have to
   *   wait.
   */
  runSync(feeds?: Feeds, options?: RunOptions): Record<string, Tensor>
  runSync(feeds?: Feeds, fetches?: Fetches, options?: RunOptions): Record<string, Tensor>
  runSync(feeds?: Feeds, second?: Fetches | RunOptions, third?: RunOptions): Record<string, Tensor> {
    this.refuseMeanwhile('runSync')
    if (!feeds && !second && this.quiet && this.latest?.again()) return NOTHING
    const { fetches, options } = this.arguments(feeds ?? {}, second, third)
    const elsewhere = feeds && this.inputNames.find((name) => isElsewhere(fed(feeds, name)))
    if (elsewhere !== undefined)
      throw new LanewiseError('E_STATE', `the data of "${elsewhere}" has to be waited for`, { tensor: elsewhere })
    return finishNow(this.execute(this.accept(feeds ?? {}), fetches, options))
  }

  /**
   * An input in WebAssembly memory, for the caller to write: runs whose `feeds` leave it out take it from there. All
   * zeros at first. It stays as it is until it is written again; binding the input once more gives it another place,
   * and the tensor from before throws.
   *
   * @typeParam T - the type of its elements, which the compiler cannot know.
   * @param dims - sizes of the axes; may be left out where the model declares them all.
   * @throws LanewiseError `E_TENSOR` for what is no input or has other sizes, `E_VALUE` for sizes that are not known,
   *   `E_UNSUPPORTED` for strings and what is no tensor, `E_BUDGET` over the memory limit, `E_STATE` while a run is
   *   under way or after release.
   */
  input<T extends DType = 'float32'>(name: string, dims?: readonly number[]): BoundTensor<T> {
    this.refuseMeanwhile('binding an input')
    const value = this.graph.inputs.find((input) => input.name === name)
    const tensor = bindInput<T>(name, value, dims, this.common)
    this.quiet = false
    return tensor
  }

  /**
   * An output, or any other value inside the graph, where runs leave it in WebAssembly memory: from the end of a run to
   * the beginning of the next.
   *
   * @typeParam T - the type of its elements, which the compiler cannot know.
   * @throws LanewiseError `E_TENSOR` if the model has no such value, `E_STATE` while a run is under way or after
   *   release. The tensor's `data` and `dims` throw `E_STATE` where the last run has not made it, `E_UNSUPPORTED` where
   *   it is nothing that lies in memory (a string, a sequence, what plain TypeScript made).
   */
  output<T extends DType = 'float32'>(name: string): BoundTensor<T> {
    this.refuseMeanwhile('binding an output')
    const value = this.valueNamed(name)
    this.boundOutputs.add(value)
    this.quiet = false
    return new BoundTensor(name, this.context, () => placeOf(this.latest?.left(value), name))
  }

  /** @throws LanewiseError `E_STATE` after release or while a run is under way. */
  private refuseMeanwhile(what: string): void {
    if (this.released) throw new LanewiseError('E_STATE', 'the session was released')
    if (this.queue) throw new LanewiseError('E_STATE', `${what} while a run is under way`)
  }

  /** Waits for runs that were begun, then frees everything. Any later run is refused with `E_STATE`. */
  release(): Promise<void> {
    this.released ??= this.queue ? this.queue.then(() => this.free()) : Promise.resolve(this.free())
    return this.released
  }

  private free(): void {
    // The memory may live on, for others.
    this.latest = undefined
    this.programs.dispose()
    this.kept.dispose()
    this.common.weights.dispose()
    this.context.dispose()
  }

  /** The graph as it was read, every node at the newest semantics: for tools. @internal */
  get model(): Graph {
    return this.graph
  }

  /** The plan for inputs of these types, as far as it goes without running: for tools. @internal */
  async prepare(feeds: Feeds): Promise<Segment> {
    return (await finish(this.programs.computing(this.wanted(this.standard)))).prepare(this.accept(feeds))
  }

  /** What `prepare` writes down of it: the program for all outputs, and what runs have in common. @internal */
  async insides(): Promise<{ readonly program: Program; readonly common: Common }> {
    return { program: await finish(this.programs.computing(this.wanted(this.standard))), common: this.common }
  }

  /** The nodes that are left after the graph passes. @internal */
  async optimized(): Promise<readonly Node[]> {
    return (await finish(this.programs.computing(this.wanted(this.standard)))).graph.nodes
  }

  /** The outputs as they follow from the inputs, where the file says little of them or what is not so. */
  private async describeOutputs(): Promise<void> {
    try {
      const { describeOutputs } = await lateParts.outputs()
      const types = describeOutputs(this.graph)
      this.outputTypes = this.outputNames.map((name, i) => metadataOf(name, types[i]))
    } catch (error) {
      log('verbose', `what the outputs are is not looked for: ${(error as Error).message}`)
    }
  }

  /** What is fetched where nothing is said about it. */
  private get standard(): readonly Value[] {
    const { boundOutputs } = this
    if (!this.kept.any && boundOutputs.size === 0) return this.graph.outputs
    const kept = this.kept.outputs
    return this.graph.outputs.filter((value) => !kept.includes(value) && !boundOutputs.has(value))
  }

  /** Everything that has to be computed where these values are fetched. */
  private wanted(fetched: readonly Value[]): readonly Value[] {
    if (!this.kept.any && this.boundOutputs.size === 0) return fetched
    return [...new Set([...fetched, ...this.kept.outputs, ...this.boundOutputs])]
  }

  private *execute(
    inputs: ReadonlyMap<Value, HostValue>,
    fetches: ReadonlyMap<Value, HostTensor | undefined>,
    options: RunOptions,
  ): Steps<Record<string, Tensor>> {
    const times: StepTime[] = []
    const profile = (options.profile ?? this.profiling) ? (time: StepTime) => void times.push(time) : undefined
    const program = yield* this.programs.computing(this.wanted([...fetches.keys()]))
    // Before anything is touched: a run that never begins leaves the states as they are.
    if (options.signal) throwIfAborted(options.signal)
    const into = givenTensors(fetches, this.options.lenient)
    // Nothing waits from here until the inputs have been read.
    inputs = new Map(Array.from(inputs, ([value, host]) => [value, settle(value.name, host)]))
    // States that are given take the place of those before.
    if (into.size > 0 && Array.from(this.kept.inputs).some((value) => inputs.has(value)))
      program.checkInto(inputs, into)
    inputs = this.kept.accept(inputs)
    this.latest = undefined
    const results = yield* program.run(inputs, {
      signal: options.signal,
      profile,
      into,
      fetched: fetches,
      borrowed: true,
      given: true,
    })
    this.latest = program
    this.quiet = fetches.size === 0 && !profile
    if (profile) this.times = profileEntries(times)
    if (!this.options.lenient)
      for (const value of this.graph.outputs) {
        const made = results.get(value)
        if (made) checkResult(value, made)
      }
    // Not by assignment: a model may call an output "__proto__".
    return Object.fromEntries(
      Array.from(results, ([value, result]) => [value.name, givenBack(into.get(value)) ?? publishValue(result)]),
    ) as Record<string, Tensor>
  }

  private arguments(
    feeds: Feeds,
    second?: Fetches | RunOptions,
    third?: RunOptions,
  ): { fetches: Map<Value, HostTensor | undefined>; options: RunOptions } {
    if (this.released) throw new LanewiseError('E_STATE', 'the session was released')
    const { fetched, options } = readArguments(feeds, second, third, this.outputNames)
    const fetches = new Map<Value, HostTensor | undefined>()
    if (!fetched) for (const value of this.standard) fetches.set(value, undefined)
    for (const [name, tensor] of fetched ?? []) {
      fetches.set(this.valueNamed(name), tensor ? storageOf(tensor, name) : undefined)
    }
    return { fetches, options }
  }

  private valueNamed(name: string): Value {
    const value = this.values.get(name)
    if (!value) throw new LanewiseError('E_TENSOR', `there is no value "${name}" in the model`, { tensor: name })
    return value
  }

  private accept(feeds: Feeds): Map<Value, HostValue> {
    return acceptFeeds(this.graph.inputs, feeds, {
      optional: (value) => this.kept.has(value) || this.kept.boundTo(value) !== undefined,
      ignoreOthers: this.options.extraFeeds === 'ignore',
    })
  }
}

/** The results of a run of which everything is read where it lies. */
const NOTHING: Record<string, never> = Object.freeze({})

function nothing(): void {}
