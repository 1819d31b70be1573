import type { Context } from '../../bindings/context.js'
import { now } from '../core/clock.js'
import { errorAt, LanewiseError, present } from '../core/errors.js'
import { isHostTensor, type HostTensor, type HostValue } from '../core/host.js'
import type { TensorType } from '../ir/op.js'
import { isStateBlock } from './arena.js'
import type { Placed } from './placed.js'
import { Executor, Pace, type StepTime } from './executor.js'
import type { Graph, Node, Value } from '../ir/graph.js'
import type { HostScope } from '../core/host-memory.js'
import type { Steps } from '../core/steps.js'
import { Lru } from '../ir/lru.js'
import { rehearse } from '../ir/rehearse.js'
import { InferenceMemory, inferTypes, largerNumber, type Inferred } from '../ir/infer.js'
import { Bodies } from './bodies.js'
import { checkCount } from '../ir/check-outputs.js'
import { computeNode, holdAt } from './host-node.js'
import { planSegment } from './plan.js'
import { elementsKey, Families, fits, forget, PLANS, prepare, readLater, type Family, type Prepared } from './plans.js'
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
import { checkStorage, copyOf, readSource, upload, viewOf } from './transfer.js'
import type { Recording } from './recording.js'
import type { WeightStore } from './weights.js'

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
  /** Whether the results are read before anything else runs: they are where they lie, then. */
  readonly lent?: boolean
  /**
   * Whether the results become others' to change: they share no memory then with constants, with what was fed, or with
   * each other.
   */
  readonly given?: boolean
}

/**
 * A graph that can be run: plans it for the shapes that come, keeps the plans, executes them. One arena; runs one at a
 * time. Bodies of control-flow nodes are programs of their own within it.
 */
export class Program {
  private readonly entries = new Lru<Prepared>(PLANS, forget)
  private readonly families: Families
  private last: { feeds: ReadonlyMap<Value, TensorType>; changes: number; prepared: Prepared } | undefined
  /** What the last run ended with, if it came to its end. */
  private done: Prepared | undefined
  /** Inputs whose elements decide shapes: they are part of the key of a plan. */
  private readonly keyed = new Set<Value>()
  private readonly bodies: Bodies
  private readonly memory = new InferenceMemory()
  private readonly executor: Executor
  private scratchSize = 0

  constructor(
    readonly graph: Graph,
    private readonly context: Context,
    private readonly weights: WeightStore,
    private readonly options: PlanOptions,
    /** Inputs that are kept from run to run. */
    private readonly states?: States,
  ) {
    this.executor = new Executor(context, states)
    this.families = new Families(context.limit)
    this.bodies = new Bodies(context, (body, carried) => new Program(body, context, weights, options, carried))
  }

  /** Bytes of the arena now, bodies included. */
  get arenaBytes(): number {
    return this.executor.bytes + this.bodies.bytes
  }

  /** The largest total of scratch (part of the arena) that one node uses. */
  get scratchBytes(): number {
    return Math.max(this.scratchSize, ...Array.from(this.bodies.programs(), (body) => body.scratchBytes))
  }

  /**
   * Types that follow from those of the inputs, as far as they do; what is found is known to the planner from then on.
   */
  infer(inputs: ReadonlyMap<Value, TensorType>): ReadonlyMap<Value, Inferred> {
    return inferTypes(this.graph, inputs, () => undefined, undefined, this.memory)
  }

  /**
   * Makes every node whose inputs have known types throw what it would throw whatever their elements are, also after
   * nodes whose results depend on data.
   *
   * @throws LanewiseError what the first of them says.
   */
  rehearse(inputs: ReadonlyMap<Value, TensorType>): void {
    const found = inferTypes(this.graph, inputs, undefined, undefined, this.memory)
    const look = (value: Value): Inferred | undefined =>
      value.constant ? { type: value.constant, known: value.constant } : found.get(value)
    for (const node of this.graph.nodes) {
      const given = node.inputs.map((value) => value && look(value))
      if (node.inputs.some((value, i) => value && !given[i])) continue
      const outputs = node.outputs.map((value) => value && found.get(value)?.type)
      try {
        checkCount(node, outputs)
        if (node.op.infer && outputs.some((type, i) => !type && node.outputs[i])) continue
        rehearse(node, given, outputs as TensorType[])
      } catch (error) {
        throw errorAt(node.op.name, node.name, error)
      }
    }
  }

  /** Plans for inputs of these types, packs what that reads and takes its memory, without running. */
  warmUp(types: ReadonlyMap<Value, TensorType>): void {
    const feeds = Array.from(types, ([value, type]): [Value, HostTensor] => [value, { ...type, data: [] }])
    this.executor.bind(this.entry(new Map(feeds)), false)
  }

  /** Plans for these inputs without running, and returns the segments up to the first that depends on data. */
  prepare(feeds: ReadonlyMap<Value, HostValue>): Segment {
    return this.entry(feeds).segment
  }

  /**
   * Runs the graph.
   *
   * @param feeds - a value for every input that is not a state's, of the right type.
   * @returns a value for every output that is fetched, not in the arena; copies if `control.given`, or the storage in
   *   `control.into`.
   */
  *run(feeds: ReadonlyMap<Value, HostValue>, control: RunControl = {}): Steps<Map<Value, HostValue>> {
    const hosts = new Map<Value, HostValue>(feeds)
    const scope = this.context.host.scope()
    const pace = control.signal && new Pace(control.signal)
    const before = this.done
    this.done = undefined
    let prepared = this.entry(feeds)
    if (control.into) this.checkInto(feeds, control.into, prepared.segment)
    let begun = false
    let { borrowed = false } = control
    try {
      for (;;) {
        const { segment } = prepared
        this.executor.bind(prepared, begun)
        for (const { value, to } of segment.uploads) upload(this.context, hosts.get(value) as HostTensor, to)
        begun = true
        if (borrowed && (pace || segment.end.kind === 'node')) {
          for (const value of readLater(segment)) {
            const host = feeds.get(value)
            const own = host && copyOf(host)
            if (!own || own === host) continue
            scope.hold(own)
            hosts.set(value, own)
          }
          borrowed = false
        }
        if (pace) yield* this.executor.runPaced(prepared, pace, control.profile)
        else this.executor.run(prepared, control.profile)
        const { end } = segment
        if (end.kind === 'done') {
          const results = new Map<Value, HostValue>()
          const lent: [Value, Placed][] = []
          for (const value of this.graph.outputs) {
            if (control.fetched && !control.fetched.has(value)) continue
            const source = sourceOf(segment, value)
            if (control.lent && isLent(source)) {
              lent.push([value, source.placed])
              continue
            }
            const result = readSource(this.context, source, hosts, control.into?.get(value), value)
            // A constant or an input that is passed through must not be the caller's to change; what a loop carries is
            // shared.
            results.set(value, 'placed' in source || !control.given ? result : copyOf(result, true))
          }
          if (before === prepared && this.states?.repeatsSet) this.states.keepAgain()
          else this.states?.keep((output) => this.keepable(sourceOf(segment, output), hosts, output))
          // States that grow may have moved the memory.
          for (const [value, placed] of lent) results.set(value, viewOf(this.context, placed))
          this.done = prepared
          return results
        }
        prepared =
          end.kind === 'values'
            ? this.continueWithValues(prepared, end.values, hosts)
            : end.kind === 'number'
              ? this.continueWithNumber(prepared, end, hosts)
              : yield* this.continueWithNode(prepared, end.node, hosts, control, scope, pace)
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

  /**
   * Runs once more what has just run, where nothing is fed and all of it is kernels: nothing is allocated.
   *
   * @returns false, and nothing has been done, if it is not so.
   */
  again(): boolean {
    const { last, done, states } = this
    const same = done && states?.repeats && last?.prepared === done && last.changes === states.changes
    if (!same || last.feeds.size > 0) return false
    this.executor.bind(done, false)
    this.done = undefined
    try {
      this.executor.run(done)
      states.keepAgain()
    } catch (error) {
      states.lose()
      throw error
    }
    this.done = done
    return true
  }

  /**
   * Runs once more what has just run, on other values of the same types, where all of it is kernels and states stay
   * what they are: what a loop does most.
   *
   * @returns the outputs that are asked for, lent (see {@link RunControl}); undefined, and nothing has been done, if it
   *   is not so.
   */
  next(feeds: ReadonlyMap<Value, HostValue>, outputs: readonly Value[]): HostValue[] | undefined {
    const { last, done, states, context, executor } = this
    if (!done || !states?.repeatsSet || last?.prepared !== done || last.changes !== states.changes) return undefined
    if (this.keyed.size > 0 || !fits(feeds, last.feeds)) return undefined
    this.done = undefined
    const { segment } = done
    executor.bind(done, false)
    for (const { value, to } of segment.uploads) upload(context, feeds.get(value) as HostTensor, to)
    let results: (HostValue | undefined)[]
    try {
      executor.run(done)
      results = outputs.map((value) => {
        const source = sourceOf(segment, value)
        return isLent(source) ? undefined : readSource(context, source, feeds)
      })
      states.keepAgain()
    } catch (error) {
      states.lose()
      throw error
    }
    this.done = done
    // States may have moved the memory.
    for (let i = 0; i < outputs.length; i++) {
      const source = sourceOf(segment, outputs[i])
      if (isLent(source)) results[i] = viewOf(context, source.placed)
    }
    return results as HostValue[]
  }

  /** Where the last run has left a value, if it came to its end. */
  left(value: Value): Source | undefined {
    return this.done?.segment.sources.get(value)
  }

  /** Frees the arenas, and the constants that only these plans use. */
  dispose(): void {
    this.bodies.dispose()
    for (const prepared of this.entries.values()) forget(prepared)
    this.families.dispose()
    this.executor.dispose()
  }

  /**
   * Checks storage for results against the types of these, as far as they are known, before anything is written.
   *
   * @param segment - the plan, if there is one.
   * @throws LanewiseError `E_TENSOR` for storage of another type or shape.
   */
  checkInto(feeds: ReadonlyMap<Value, HostValue>, into: ReadonlyMap<Value, HostTensor>, segment?: Segment): void {
    if (into.size === 0) return
    const types = new Map<Value, TensorType>()
    for (const { value, placed } of this.states?.places() ?? []) types.set(value, placed)
    for (const [value, host] of feeds) if (isHostTensor(host)) types.set(value, host)
    const inferred = segment?.end.kind === 'done' ? undefined : this.infer(types)
    for (const [value, tensor] of into) {
      const source = segment?.sources.get(value)
      const known =
        source && ('placed' in source ? source.placed : 'known' in source ? source.known : types.get(source.host))
      const type = known ?? inferred?.get(value)?.type
      if (type) checkStorage(tensor, type, value)
    }
  }

  private entry(feeds: ReadonlyMap<Value, HostValue>): Prepared {
    const { last, states } = this
    const changes = states?.changes ?? 0
    if (last && last.changes === changes && this.keyed.size === 0 && fits(feeds, last.feeds)) return last.prepared
    let key = ''
    // What is the same for all sizes.
    let family = ''
    const types = new Map<Value, TensorType | undefined>()
    const known = new Map<Value, HostTensor>()
    for (const [value, host] of feeds) {
      const type = typeOfHost(host)
      types.set(value, type)
      key += type ? `${type.dtype}[${type.shape.join()}]` : 'value'
      family += type ? `${type.dtype}${type.shape.length}` : 'value'
      if (this.keyed.has(value) && isHostTensor(host)) {
        known.set(value, host)
        const elements = `=${elementsKey(host)}`
        key += elements
        family += `[${host.shape.join()}]${elements}`
      }
      key += ';'
      family += ';'
    }
    const given = new Map(types)
    const places = new Map<Value, Placed>()
    for (const { value, placed, mark } of states?.places() ?? []) {
      if (feeds.has(value)) continue
      const { dtype, shape } = placed
      places.set(value, placed)
      types.set(value, { dtype, shape })
      key += `${mark}state ${dtype}[${shape.join()}];`
      family += `${mark}state ${dtype}${shape.length};`
    }
    const prepared = this.entries.get(key) ?? this.families.get(key) ?? this.vary(key, family, types, known, places)
    // This is never a plan that has been dropped: whatever is planned next is remembered instead, or nothing is.
    const simple = this.keyed.size === 0 && [...given.values()].every((type) => type)
    this.last = simple ? { feeds: given as ReadonlyMap<Value, TensorType>, changes, prepared } : undefined
    return prepared
  }

  /** A plan for inputs that have none yet: derived from one for other sizes if that is possible. */
  private vary(
    key: string,
    familyKey: string,
    types: Map<Value, TensorType | undefined>,
    known: Map<Value, HostTensor>,
    places: ReadonlyMap<Value, Placed>,
  ): Prepared {
    const family = this.families.of(familyKey)
    const varied = family?.derive(types, places, this.weights)
    if (typeof varied !== 'object') return this.planAnew(key, types, known, places, varied && family)
    this.families.keep(key, varied)
    return varied
  }

  /** @param family - the one that the plan founds, if others may be derived from it. */
  private planAnew(
    key: string,
    types: Map<Value, TensorType | undefined>,
    known: Map<Value, HostTensor>,
    places: ReadonlyMap<Value, Placed>,
    family?: Family,
  ): Prepared {
    for (const [value, host] of known) known.set(value, { ...host, data: host.data.slice() })
    for (const [value, type] of types)
      if (type) types.set(value, this.memory.keepValue(value, { type, known: known.get(value) }).type)
    const { graph, memory, options } = this
    const watch = family?.watch()
    const specialized = specialize(graph, types, known, options.shapedPass, memory, watch?.watched)
    const state = initialState(specialized.graph, types, known, places, specialized.settled)
    const made = this.planFrom(state, watch?.recording)
    const again = (others: ReadonlyMap<Value, TensorType | undefined>) =>
      specialize(graph, others, known, options.shapedPass, memory)
    const prepared =
      watch && family ? family.founded(made, { graph, specialized, ...watch, options, specialize: again }) : made
    this.entries.set(key, prepared)
    return prepared
  }

  private planFrom(state: PlanState, recording?: Recording): Prepared {
    const lease = this.weights.lease()
    try {
      const segment = planSegment(this.graph, state, lease, this.options, this.memory, recording)
      this.scratchSize = Math.max(this.scratchSize, segment.scratchBytes)
      return prepare(segment, lease)
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
      const host = readSource(this.context, sourceOf(segment, value), hosts) as HostTensor
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
    const number = largerNumber(readSource(this.context, sourceOf(segment, end.value), hosts) as HostTensor, end.least)
    const key = String(number)
    let next = prepared.next.get(key)
    if (!next) prepared.next.set(key, (next = this.planFrom(advanceBounded(segment.state, end, number))))
    return next
  }

  /** An output as a state takes it. */
  private keepable(source: Source, hosts: ReadonlyMap<Value, HostValue>, output: Value): Placed | HostTensor {
    if ('placed' in source) return source.placed
    const host = readSource(this.context, source, hosts)
    if (isHostTensor(host) && !Array.isArray(host.data)) return host
    throw new LanewiseError('E_UNSUPPORTED', 'only numbers can be kept from one run to the next', {
      tensor: output.name,
    })
  }

  /** A node that runs in JavaScript: compute it, and take the plan for the types it returned. */
  private *continueWithNode(
    prepared: Prepared,
    node: Node,
    hosts: Map<Value, HostValue>,
    control: RunControl,
    scope: HostScope,
    pace: Pace | undefined,
  ): Steps<Prepared> {
    const { segment } = prepared
    const { context, bodies, options } = this
    const start = control.profile ? now() : 0
    const outputs = yield* computeNode(node, segment, hosts, { context, bodies, options }, control, pace)
    // Before anything else is made: a string that is a rope, say, is small until it is read.
    outputs.forEach((output, i) => node.outputs[i] && holdAt(scope, output, node))
    control.profile?.({ node, kernel: 'TypeScript', note: {}, ms: now() - start, bytes: 0 })
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
}

/**
 * Whether a value can be read where it lies after a run; not that of a state, whose next value is about to be written
 * there.
 */
function isLent(source: Source): source is Source & { readonly placed: Placed } {
  return 'placed' in source && !isStateBlock(source.placed.at.block)
}

/** Where a value is that a segment's end needs. */
function sourceOf({ sources }: Segment, value: Value): Source {
  return present(sources.get(value), value.name)
}
