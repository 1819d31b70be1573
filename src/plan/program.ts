import type { Context } from '../../bindings/context.js'
import type { NumericDType, TypedArray } from '../core/dtype.js'
import { errorAt, LanewiseError, present } from '../core/errors.js'
import { hostBytes, isHostTensor, rawBytes, type HostTensor, type HostValue } from '../core/host.js'
import type { KernelInfo, TensorType, Work } from '../ir/op.js'
import { formatShape, sameShape, sizeOf } from '../core/shape.js'
import { bindCall, type Kernel } from './call.js'
import { Placed, type HostStep, type Step } from './emitter.js'
import { computeChecked, listOf } from '../ir/compute.js'
import { capturedBy, type Graph, type Node, type Value } from '../ir/graph.js'
import type { HostScope } from '../core/host-memory.js'
import { Lru } from './lru.js'
import { InferenceMemory, inferTypes, largerNumber, type Inferred } from '../ir/infer.js'
import { checkOutputs, planSegment } from './plan.js'
import {
  advance,
  advanceBounded,
  initialState,
  typeOfHost,
  type PlanOptions,
  type PlanState,
  type Segment,
  type SegmentEnd,
  type Source,
} from './plan-state.js'
import { specialize } from './specialize.js'
import type { States } from './states.js'
import { resolve, type WeightLease, type WeightStore } from './weights.js'

/** Plans kept per place where plans branch: one per set of input shapes. */
const PLANS = 16
/** How many times as large an arena becomes, at least, that turns out too small. */
const ARENA_GROWTH = 1.25
/** With an AbortSignal, the longest stretch of work between two looks at it. */
const YIELD_MS = 50

/** What one step took, for a profile. */
export interface StepTime {
  readonly node: Node | undefined
  readonly kernel: string
  readonly note: KernelInfo
  readonly ms: number
  /** Bytes of the tensors that the step's node reads and writes. */
  readonly bytes: number
}

export interface RunControl {
  readonly signal?: AbortSignal
  /** Receives the time of every step. */
  readonly profile?: (time: StepTime) => void
  /** Storage to write outputs to, where the caller has some. */
  readonly into?: ReadonlyMap<Value, HostTensor>
  /** The outputs that are wanted in JavaScript; all, if left out. */
  readonly fetched?: { has(value: Value): boolean }
  /** Whether what is fed may be changed by others as soon as the run waits for something. */
  readonly borrowed?: boolean
}

/** A segment and what has been made of it: calls with addresses, and the segments that followed it. */
interface Prepared {
  readonly segment: Segment
  /** The constants that the segment reads. */
  readonly lease: WeightLease
  readonly next: Lru<Prepared>
  /** The values in JavaScript that this segment or a later one reads. */
  readonly reads: ReadonlySet<Value>
  calls: (() => void)[]
  /** What the calls were bound to; −1 before the first time. */
  generation: number
  arena: number
  moves: number
}

/**
 * A graph that can be run: plans it for the shapes that come, keeps the plans, executes them. One arena; runs one at a time.
 * Bodies of control-flow nodes are programs of their own within it.
 */
export class Program {
  private readonly entries = new Lru<Prepared>(PLANS, forget)
  private last: { shapes: readonly TensorType[]; changes: number; prepared: Prepared } | undefined
  /** Inputs whose elements decide shapes: they are part of the key of a plan. */
  private readonly keyed = new Set<Value>()
  private readonly bodies = new Map<Graph, Program>()
  private readonly memory = new InferenceMemory()
  private arena = 0
  private arenaSize = 0
  private scratchSize = 0
  private lastYield = 0

  constructor(
    readonly graph: Graph,
    private readonly context: Context,
    private readonly weights: WeightStore,
    private readonly options: PlanOptions,
    /** Inputs that are kept from run to run. */
    private readonly states?: States,
  ) {}

  /** Bytes of the arena now, bodies included. */
  get arenaBytes(): number {
    let bytes = this.arenaSize
    for (const body of this.bodies.values()) bytes += body.arenaBytes
    return bytes
  }

  /** The largest total of scratch (part of the arena) that one node uses. */
  get scratchBytes(): number {
    return Math.max(this.scratchSize, ...[...this.bodies.values()].map((body) => body.scratchBytes))
  }

  /** Types that follow from those of the inputs, as far as they do; what is found is known to the planner from then on. */
  infer(inputs: ReadonlyMap<Value, TensorType>): ReadonlyMap<Value, Inferred> {
    return inferTypes(this.graph, inputs, () => undefined, undefined, this.memory)
  }

  /** Plans for these inputs without running, and returns the segments up to the first that depends on data. */
  prepare(feeds: ReadonlyMap<Value, HostValue>): Segment {
    return this.entry(feeds).segment
  }

  /**
   * Runs the graph.
   *
   * @param feeds - a value for every input that is not a state's, of the right type.
   * @returns a value for every output that is fetched; tensors are copies (or the storage given in `control.into`).
   */
  async run(feeds: ReadonlyMap<Value, HostValue>, control: RunControl = {}): Promise<Map<Value, HostValue>> {
    const hosts = new Map<Value, HostValue>(feeds)
    const scope = this.context.host.scope()
    this.lastYield = control.signal ? performance.now() : 0
    let prepared = this.entry(feeds)
    let begun = false
    let { borrowed = false } = control
    try {
      for (;;) {
        const { segment } = prepared
        this.bind(prepared, begun)
        for (const { value, to } of segment.uploads) this.upload(hosts.get(value) as HostTensor, to)
        begun = true
        if (borrowed && (control.signal || segment.end.kind === 'node')) {
          for (const value of readLater(segment)) {
            const host = feeds.get(value)
            const own = host && copyOf(host)
            if (!own || own === host) continue
            scope.hold(own)
            hosts.set(value, own)
          }
          borrowed = false
        }
        const calls = control.profile ? this.timed(prepared, control.profile) : prepared.calls
        if (control.signal) await this.executeYielding(calls, control.signal)
        else this.execute(calls)
        const { end } = segment
        if (end.kind === 'done') {
          const results = new Map<Value, HostValue>()
          for (const value of this.graph.outputs) {
            if (control.fetched && !control.fetched.has(value)) continue
            const source = sourceOf(segment, value)
            const result = this.read(source, hosts, control.into?.get(value), value)
            // A constant or an input that is passed through must not be the caller's to change.
            results.set(value, 'placed' in source ? result : copyOf(result, true))
          }
          this.states?.keep((output) => this.keepable(sourceOf(segment, output), hosts, output))
          return results
        }
        prepared =
          end.kind === 'values'
            ? this.continueWithValues(prepared, end.values, hosts)
            : end.kind === 'number'
              ? this.continueWithNumber(prepared, end, hosts)
              : await this.continueWithNode(prepared, end.node, hosts, control, scope)
        for (const [value, host] of hosts) {
          if (prepared.reads.has(value)) continue
          scope.drop(host)
          hosts.delete(value)
        }
      }
    } catch (error) {
      if (begun) this.states?.lose()
      throw error
    } finally {
      scope.close()
    }
  }

  /** Frees the arenas, and the constants that only these plans use. */
  dispose(): void {
    for (const body of this.bodies.values()) body.dispose()
    for (const prepared of this.entries.values()) forget(prepared)
    this.context.release(this.arena)
    this.arena = 0
    this.arenaSize = 0
  }

  private entry(feeds: ReadonlyMap<Value, HostValue>): Prepared {
    const { last, states } = this
    const changes = states?.changes ?? 0
    if (last && last.changes === changes && this.keyed.size === 0 && this.fits(feeds, last.shapes)) return last.prepared
    let key = ''
    const types = new Map<Value, TensorType | undefined>()
    const known = new Map<Value, HostTensor>()
    for (const [value, host] of feeds) {
      const type = typeOfHost(host)
      types.set(value, type)
      key += type ? `${type.dtype}[${type.shape.join()}]` : 'value'
      if (this.keyed.has(value) && isHostTensor(host)) {
        known.set(value, host)
        key += `=${elementsKey(host)}`
      }
      key += ';'
    }
    const given = [...types.values()]
    const places = new Map<Value, Placed>()
    for (const value of states?.inputs ?? []) {
      const placed = feeds.has(value) ? undefined : states?.placed(value)
      if (!placed) continue
      const { dtype, shape } = placed
      places.set(value, placed)
      types.set(value, { dtype, shape })
      key += `state ${dtype}[${shape.join()}];`
    }
    let prepared = this.entries.get(key)
    if (!prepared) {
      for (const [value, host] of known) known.set(value, { ...host, data: host.data.slice() })
      for (const [value, type] of types)
        if (type) types.set(value, this.memory.keepValue(value, { type, known: known.get(value) }).type)
      const { graph, settled } = specialize(this.graph, types, known, this.options.shapedPass, this.memory)
      prepared = this.planFrom(initialState(graph, types, known, places, settled))
      this.entries.set(key, prepared)
    }
    // Never one that has been dropped: whatever is planned next takes its place, or empties it.
    const simple = this.keyed.size === 0 && given.every((type) => type)
    this.last = simple ? { shapes: given as TensorType[], changes, prepared } : undefined
    return prepared
  }

  private fits(feeds: ReadonlyMap<Value, HostValue>, shapes: readonly TensorType[]): boolean {
    let i = 0
    for (const host of feeds.values()) {
      const type = shapes[i++]
      if (!isHostTensor(host) || host.dtype !== type.dtype || host.shape.length !== type.shape.length) return false
      for (let axis = 0; axis < type.shape.length; axis++) if (host.shape[axis] !== type.shape[axis]) return false
    }
    return true
  }

  private planFrom(state: PlanState): Prepared {
    const lease = this.weights.lease()
    try {
      const segment = planSegment(this.graph, state, lease, this.options, this.memory)
      this.scratchSize = Math.max(this.scratchSize, segment.scratchBytes)
      const next = new Lru(PLANS, forget)
      return { segment, lease, next, reads: hostValues(segment), calls: [], generation: -1, arena: 0, moves: 0 }
    } catch (error) {
      lease.release()
      throw error
    }
  }

  /** Elements are needed to plan on: read them, and take the plan for these elements. */
  private continueWithValues(prepared: Prepared, values: readonly Value[], hosts: Map<Value, HostValue>): Prepared {
    const { segment } = prepared
    const results = new Map<Value, HostTensor>()
    let key = ''
    for (const value of values) {
      const host = this.read(sourceOf(segment, value), hosts) as HostTensor
      results.set(value, { ...host, data: host.data.slice() })
      key += `${host.dtype}[${host.shape.join()}]=${elementsKey(host)};`
      if (this.graph.inputs.includes(value)) {
        this.keyed.add(value)
        this.last = undefined
      }
    }
    let next = prepared.next.get(key)
    if (!next) prepared.next.set(key, (next = this.planFrom(advance(segment.state, segment.end, results))))
    return next
  }

  /** What a number is beyond a bound is needed to plan on: one plan serves all numbers below. */
  private continueWithNumber(
    prepared: Prepared,
    end: SegmentEnd & { kind: 'number' },
    hosts: ReadonlyMap<Value, HostValue>,
  ): Prepared {
    const { segment } = prepared
    const number = largerNumber(this.read(sourceOf(segment, end.value), hosts) as HostTensor, end.least)
    const key = String(number)
    let next = prepared.next.get(key)
    if (!next) prepared.next.set(key, (next = this.planFrom(advanceBounded(segment.state, end, number))))
    return next
  }

  /** An output as a state takes it. */
  private keepable(source: Source, hosts: ReadonlyMap<Value, HostValue>, output: Value): Placed | HostTensor {
    if ('placed' in source) return source.placed
    const host = this.read(source, hosts)
    if (isHostTensor(host) && !Array.isArray(host.data)) return host
    throw new LanewiseError('E_UNSUPPORTED', 'only numbers can be kept from one run to the next', {
      tensor: output.name,
    })
  }

  /** A node that runs in JavaScript: compute it, and take the plan for the types it returned. */
  private async continueWithNode(
    prepared: Prepared,
    node: Node,
    hosts: Map<Value, HostValue>,
    control: RunControl,
    scope: HostScope,
  ): Promise<Prepared> {
    const { segment } = prepared
    const start = control.profile ? performance.now() : 0
    const inputs = node.inputs.map((value) => value && this.operandOf(value, segment, hosts))
    const outputs = await this.compute(node, inputs, segment, hosts, control)
    // Before anything else is made: a string that is a rope, say, is small until it is read.
    outputs.forEach((output, i) => node.outputs[i] && holdAt(scope, output, node))
    control.profile?.({ node, kernel: 'TypeScript', note: {}, ms: performance.now() - start, bytes: 0 })
    const results = new Map<Value, { type: TensorType | undefined }>()
    let key = ''
    node.outputs.forEach((value, i) => {
      if (!value) return
      const output = outputs[i]
      if (!output) throw new LanewiseError('E_UNSUPPORTED', `output ${i} is not supported`).at(node.op.name, node.name)
      hosts.set(value, output)
      const type = typeOfHost(output)
      results.set(value, { type })
      key += type ? `${type.dtype}[${type.shape.join()}];` : 'value;'
    })
    let next = prepared.next.get(key)
    if (!next) prepared.next.set(key, (next = this.planFrom(advance(segment.state, segment.end, results))))
    return next
  }

  private async compute(
    node: Node,
    inputs: readonly (HostValue | undefined)[],
    segment: Segment,
    hosts: ReadonlyMap<Value, HostValue>,
    control: RunControl,
  ): Promise<readonly HostValue[]> {
    const { op, attributes } = node
    const outputCount = node.outputs.length
    const room = this.context.host.scope()
    try {
      // What was copied from the arena takes room once more.
      node.inputs.forEach((value, i) => {
        const source = value && segment.sources.get(value)
        const input = inputs[i]
        if (input && source && 'placed' in source) room.hold(input)
      })
      if (op.control) {
        const context = { attributes, inputs, outputCount, room }
        const results = await op.control(context, (body, given) => this.runBody(body, given, segment, hosts, control))
        return listOf(results, 'control')
      }
      if (op.values) return listOf(op.values({ attributes, inputs, outputCount, room }), 'values')
      if (op.compute && inputs.every((input) => !input || isHostTensor(input))) {
        const tensors = inputs
        const outputs =
          op.infer?.({
            attributes,
            inputs: tensors,
            outputCount,
            known: (i) => tensors[i],
            value: (i) => tensors[i],
            atLeast: (i, least) => largerNumber(present(tensors[i], 'input'), least),
          }) ?? []
        if (op.infer) room.reserve(...checkOutputs(node, outputs, this.options.arenaLimit))
        const c = { attributes, inputs: tensors, outputs, outputCount, seed: this.options.seed, room }
        return op.work && control.signal
          ? await this.workYielding(op.work(c), control.signal)
          : computeChecked(op, c, node.outputs)
      }
    } catch (error) {
      throw errorAt(op.name, node.name, error)
    } finally {
      room.close()
    }
    throw new LanewiseError('E_UNSUPPORTED', 'this operator does not take sequences, optionals or strings').at(
      op.name,
      node.name,
    )
  }

  private async runBody(
    body: Graph,
    given: readonly HostValue[],
    segment: Segment,
    hosts: ReadonlyMap<Value, HostValue>,
    control: RunControl,
  ): Promise<HostValue[]> {
    let program = this.bodies.get(body)
    if (!program) {
      const captured = capturedBy(body).filter((value) => value.constant === undefined)
      program = new Program(
        { ...body, inputs: [...body.inputs, ...captured] },
        this.context,
        this.weights,
        this.options,
      )
      this.bodies.set(body, program)
    }
    const feeds = new Map<Value, HostValue>()
    program.graph.inputs.forEach((value, i) => {
      feeds.set(value, i < given.length ? given[i] : this.operandOf(value, segment, hosts))
    })
    const results = await program.run(feeds, { signal: control.signal, profile: control.profile })
    return body.outputs.map((value) => present(results.get(value), value.name))
  }

  private operandOf(value: Value, segment: Segment, hosts: ReadonlyMap<Value, HostValue>): HostValue {
    const source = segment.sources.get(value)
    if (source) return this.read(source, hosts)
    if (value.constant) return value.constant
    throw new LanewiseError('E_GRAPH', `the value "${value.name}" is used before it is made`, { tensor: value.name })
  }

  private read(source: Source, hosts: ReadonlyMap<Value, HostValue>, into?: HostTensor, value?: Value): HostValue {
    if ('host' in source || 'known' in source) {
      const host = 'known' in source ? source.known : present(hosts.get(source.host), source.host.name)
      if (!into || !isHostTensor(host)) return host
      checkStorage(into, host, value)
      copyData(into, host.data)
      return into
    }
    const { dtype, shape, size, at } = source.placed
    const view = this.context.view(dtype as NumericDType, resolve(at), size)
    if (!into) return { dtype, shape, data: view.slice() as TypedArray }
    checkStorage(into, source.placed, value)
    copyData(into, view)
    return into
  }

  private upload(host: HostTensor, to: Placed): void {
    const bytes = hostBytes(host)
    const { byteLength } = host.data as TypedArray
    if (byteLength !== bytes)
      throw new LanewiseError('E_TENSOR', 'the buffer of an input was detached or resized before the run began', {
        expected: String(bytes),
        actual: String(byteLength),
      })
    this.context.bytes(resolve(to.at), bytes).set(rawBytes(host.data as TypedArray))
  }

  /** Places a segment's blocks and makes its calls, unless they still stand. `begun`: the arena holds values of this run. */
  private bind(prepared: Prepared, begun: boolean): void {
    const { context } = this
    context.check()
    const { segment } = prepared
    if (segment.arenaBytes > this.arenaSize) this.growArena(segment.arenaBytes, begun)
    const moves = this.states?.moves ?? 0
    if (prepared.generation === context.generation && prepared.arena === this.arena && prepared.moves === moves) return
    for (const block of segment.blocks) block.base = this.arena + present(block.offset, 'offset')
    const calls = segment.steps.map((step) => this.bindStep(step))
    Object.assign(prepared, { calls, generation: context.generation, arena: this.arena, moves })
  }

  private growArena(bytes: number, begun: boolean): void {
    const { context } = this
    // Where one has been too small already, the next may be, too: a past that grows by a row with every token.
    const size = Math.max(
      bytes,
      Math.min(Math.floor(this.arenaSize * ARENA_GROWTH), this.arenaSize + Math.floor(context.left / 4)),
    )
    if (begun) {
      const to = context.alloc(size)
      context.bytes(to, this.arenaSize).set(context.bytes(this.arena, this.arenaSize))
      context.release(this.arena)
      this.arena = to
    } else {
      context.release(this.arena)
      this.arena = this.arenaSize = 0
      this.arena = context.alloc(size)
    }
    this.arenaSize = size
  }

  private bindStep(step: Step): () => void {
    if ('kernel' in step) {
      return bindCall(this.context.kernels[step.kernel] as Kernel, step.args.map(resolve))
    }
    return this.bindHost(step)
  }

  private bindHost({ node, inputs, outputs, compute }: HostStep): () => void {
    const view = (placed: Placed): HostTensor => ({
      dtype: placed.dtype,
      shape: placed.shape,
      data: this.context.view(placed.dtype as NumericDType, resolve(placed.at), placed.size),
    })
    const from = inputs.map((input) => (input instanceof Placed ? view(input) : input))
    const to = outputs.map((output) => output && view(output))
    return () => {
      let results
      try {
        results = compute(from)
      } catch (error) {
        throw errorAt(node.op.name, node.name, error)
      }
      to.forEach((output, i) => output && copyData(output, results[i].data))
    }
  }

  private execute(calls: readonly (() => void)[]): void {
    try {
      for (let i = 0; i < calls.length; i++) calls[i]()
    } catch (error) {
      throw this.context.guard(error)
    }
  }

  private async executeYielding(calls: readonly (() => void)[], signal: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    // Nodes that run in TypeScript stand between stretches of calls, and there may be nothing but those.
    if (this.yieldIsDue()) await this.yield(signal)
    for (const call of calls) {
      this.execute([call])
      if (this.yieldIsDue()) await this.yield(signal)
    }
  }

  private async workYielding(work: Work, signal: AbortSignal): Promise<readonly HostTensor[]> {
    for (;;) {
      const { done, value } = work.next()
      if (done) return value
      if (this.yieldIsDue()) await this.yield(signal)
    }
  }

  private yieldIsDue(): boolean {
    return performance.now() - this.lastYield >= YIELD_MS
  }

  private async yield(signal: AbortSignal): Promise<void> {
    await yieldToEvents()
    throwIfAborted(signal)
    this.lastYield = performance.now()
  }

  private timed({ calls, segment }: Prepared, profile: (time: StepTime) => void): (() => void)[] {
    return calls.map((call, i) => () => {
      const step = segment.steps[i]
      const start = performance.now()
      call()
      const ms = performance.now() - start
      profile({
        node: step.node,
        kernel: step.note.kernel ?? ('kernel' in step ? step.kernel : 'TypeScript'),
        note: step.note,
        ms,
        bytes: step.note.bytes ?? 0,
      })
    })
  }
}

/** Frees what a plan that will not run again holds, and those that go on from it: chains of them may be long. */
function forget(prepared: Prepared): void {
  const all = [prepared]
  for (const { lease, next } of all) {
    lease.release()
    all.push(...next.values())
  }
}

/** Counts what a node has made. */
function holdAt(scope: HostScope, value: HostValue, { op, name }: Node): void {
  try {
    scope.hold(value)
  } catch (error) {
    throw errorAt(op.name, name, error)
  }
}

/** Where a value is that a segment's end needs. */
function sourceOf({ sources }: Segment, value: Value): Source {
  return present(sources.get(value), value.name)
}

/** The values in JavaScript that a segment or one after it reads. */
function hostValues(segment: Segment): Set<Value> {
  const values = readLater(segment)
  for (const { value } of segment.uploads) values.add(value)
  return values
}

/** The values in JavaScript that are read after a segment's uploads. */
function readLater({ sources, state }: Segment): Set<Value> {
  const values = new Set<Value>()
  for (const source of sources.values()) if ('host' in source) values.add(source.host)
  for (const [value, { host }] of state.slots) if (host) values.add(value)
  return values
}

/** Elements as part of a plan's key. Strings may hold the separator. */
function elementsKey({ data }: HostTensor): string {
  return Array.isArray(data) ? JSON.stringify(data) : String(data)
}

function copyData(to: HostTensor, data: HostTensor['data']): void {
  if (Array.isArray(data)) for (let i = 0; i < data.length; i++) (to.data as string[])[i] = data[i]
  else (to.data as Float32Array).set(data as Float32Array)
}

/** A value over memory of its own, down to the tensors in it. Strings cannot be changed; `lists`: but the lists of them can. */
function copyOf(value: HostValue, lists = false): HostValue {
  if (!lists && 'dtype' in value && value.dtype === 'string') return value
  if (isHostTensor(value)) return { ...value, data: value.data.slice() as HostTensor['data'] }
  if (value.kind === 'sequence') return { ...value, items: value.items.map((item) => copyOf(item, lists)) }
  if (value.kind === 'optional') return { ...value, value: value.value && (copyOf(value.value, lists) as HostTensor) }
  return value
}

/** The caller's storage for a result must be of the result's type and shape. */
function checkStorage(into: HostTensor, result: TensorType, value: Value | undefined): void {
  if (into.dtype === result.dtype && sameShape(into.shape, result.shape)) {
    const expected = sizeOf(into.shape) * (into.dtype.startsWith('complex') ? 2 : 1)
    if (into.data.length === expected) return
    throw new LanewiseError('E_TENSOR', `the buffer to fetch "${value?.name ?? ''}" into was detached or resized`, {
      tensor: value?.name,
      expected: String(expected),
      actual: String(into.data.length),
    })
  }
  const expected = `${result.dtype}${formatShape(result.shape)}`
  const actual = `${into.dtype}${formatShape(into.shape)}`
  throw new LanewiseError(
    'E_TENSOR',
    `the tensor to fetch "${value?.name ?? ''}" into is ${actual}, the result is ${expected}`,
    {
      tensor: value?.name,
      expected,
      actual,
    },
  )
}

/** @throws LanewiseError `E_STATE` once the signal has fired. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new LanewiseError('E_STATE', 'the run was aborted', { cause: signal.reason })
}

/** Lets timers and events run: a resolved promise would not. */
function yieldToEvents(): Promise<void> {
  return new Promise((done) => setTimeout(done, 0))
}
