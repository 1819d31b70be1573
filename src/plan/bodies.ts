// The bodies of control-flow nodes, each a program of its own. The body of a loop keeps the numbers that it carries
// where they lie in memory.
import type { Context } from '../../bindings/context.js'
import type { TypedArray } from '../core/dtype.js'
import { present } from '../core/errors.js'
import { hostBytes, isHostTensor, type HostTensor, type HostValue } from '../core/host.js'
import type { HostScope } from '../core/host-memory.js'
import type { Steps } from '../core/steps.js'
import { bodiesOf, capturedBy, usedBy, type Graph, type Value } from '../ir/graph.js'
import type { Carried, RepeatedBody, RunBody } from '../ir/op.js'
import type { Program, RunControl } from './program.js'
import { States } from './states.js'
import { copyOf, readSource } from './transfer.js'

/**
 * Values from around a loop that are smaller are fed anew every time: their elements may decide shapes, and then they
 * are part of a plan's key.
 */
const KEPT_BYTES = 1024

/** What a loop that is over may keep of each value, so that it finds its place again. */
const IDLE_BYTES = 65536

/** Where a body finds the values of the graphs around it. */
type Outer = (value: Value) => HostValue

/** The programs of the bodies of one program's nodes. */
export class Bodies {
  private readonly once = new Map<Graph, { readonly program: Program; readonly captured: readonly Value[] }>()
  private readonly loops = new Map<Graph, Loop>()

  constructor(
    private readonly context: Context,
    private readonly make: (graph: Graph, states?: States) => Program,
  ) {}

  /** Bytes of arenas and of what is carried. */
  get bytes(): number {
    let bytes = 0
    for (const program of this.programs()) bytes += program.arenaBytes
    for (const { states } of this.loops.values()) bytes += states.bytes
    return bytes
  }

  *programs(): Iterable<Program> {
    for (const { program } of this.once.values()) yield program
    for (const { program } of this.loops.values()) yield program
  }

  /** The function by which one node runs its bodies. */
  runnerOf(outer: Outer, { signal, profile }: RunControl): RunBody {
    const control = { signal, profile }
    return Object.assign((body: Graph, given: readonly HostValue[]) => this.run(body, given, outer, control), {
      repeat: (body: Graph, carried: readonly Carried[], room: HostScope) =>
        this.repeat(body, carried).begin(carried, outer, room, control),
    })
  }

  private *run(body: Graph, given: readonly HostValue[], outer: Outer, control: RunControl): Steps<HostValue[]> {
    let known = this.once.get(body)
    if (!known) {
      const captured = variablesAround(body)
      known = { program: this.make({ ...body, inputs: [...body.inputs, ...captured] }), captured }
      this.once.set(body, known)
    }
    const feeds = new Map<Value, HostValue>()
    body.inputs.forEach((value, i) => feeds.set(value, i < given.length ? given[i] : outer(value)))
    for (const value of known.captured) feeds.set(value, outer(value))
    const results = yield* known.program.run(feeds, control)
    return body.outputs.map((value) => present(results.get(value), value.name))
  }

  /** The loop over a body that carries these. */
  private repeat(body: Graph, carried: readonly Carried[]): Loop {
    const kernels = readByKernels(body)
    const kept = carried.filter(({ input, initial }) => kernels.has(body.inputs[input]) && areNumbers(initial))
    const key = kept.map(({ input, output }) => `${input},${output}`).join(';')
    let loop = this.loops.get(body)
    if (loop?.key !== key) {
      loop?.dispose()
      this.loops.set(body, (loop = new Loop(body, key, kept, this.context, this.make)))
    }
    return loop
  }

  /** Frees large values that loops have carried; for when no body runs. */
  rest(): void {
    for (const { states } of this.loops.values()) states.giveUp(IDLE_BYTES)
  }

  dispose(): void {
    for (const { program } of this.once.values()) program.dispose()
    for (const loop of this.loops.values()) loop.dispose()
  }
}

function areNumbers(value: HostValue): value is HostTensor {
  return isHostTensor(value) && !Array.isArray(value.data)
}

function liesIn({ memory }: Context, value: HostValue): boolean {
  return areNumbers(value) && (value.data as TypedArray).buffer === memory.buffer
}

/**
 * The values that kernels alone read: what runs in TypeScript takes them from JavaScript, and shares them where they
 * stay the same.
 */
function readByKernels(body: Graph): ReadonlySet<Value> {
  const known = kernelReads.get(body)
  if (known) return known
  const read = new Set(body.nodes.flatMap(usedBy))
  for (const node of body.nodes)
    if (!node.op.emit || bodiesOf(node).length > 0) for (const value of usedBy(node)) read.delete(value)
  kernelReads.set(body, read)
  return read
}

const kernelReads = new WeakMap<Graph, ReadonlySet<Value>>()

/** What a body reads of the graphs around it, constants aside. */
function variablesAround(body: Graph): Value[] {
  return capturedBy(body).filter((value) => value.constant === undefined)
}

/**
 * A body whose carried numbers, and large values from around it, stay in WebAssembly memory from one time to the next.
 */
class Loop {
  readonly states: States
  readonly program: Program
  private readonly captured: readonly Value[]

  constructor(
    private readonly body: Graph,
    readonly key: string,
    kept: readonly Carried[],
    private readonly context: Context,
    make: (graph: Graph, states: States) => Program,
  ) {
    this.captured = variablesAround(body)
    const kernels = readByKernels(body)
    const pairs = new Map<Value, Value | undefined>()
    for (const value of this.captured) if (kernels.has(value)) pairs.set(value, undefined)
    for (const { input, output } of kept) pairs.set(body.inputs[input], body.outputs[output])
    // The shapes that a body declares for its inputs often hold in the first iteration only.
    this.states = new States(context, pairs, false)
    this.program = make({ ...body, inputs: [...body.inputs, ...this.captured] }, this.states)
  }

  begin(carried: readonly Carried[], outer: Outer, room: HostScope, control: RunControl): RepeatedBody {
    const { body, states, program, context } = this
    const around = new Map<Value, HostValue>()
    for (const value of this.captured) {
      const host = outer(value)
      if (states.has(value) && areNumbers(host) && hostBytes(host) >= KEPT_BYTES) {
        states.set(value, host)
        continue
      }
      if (states.has(value)) states.clear(value)
      around.set(value, host)
    }
    // What is no tensor of numbers is handed on.
    const handed = new Map<number, HostValue>()
    for (const { input, initial } of carried) {
      if (states.has(body.inputs[input])) states.set(body.inputs[input], initial as HostTensor)
      else handed.set(input, initial)
    }
    const inputs = body.inputs.flatMap((value, i) => (states.has(value) ? [] : { value, i }))
    const outputs = body.outputs.filter((_, i) => !carried.some(({ output }) => output === i))
    const fetched = new Set(outputs)
    for (const { input, output } of carried) if (handed.has(input)) fetched.add(body.outputs[output])
    const handedOn = carried.filter(({ input }) => handed.has(input)).map((one) => [one.input, one] as const)
    const runControl = { ...control, fetched, lent: true }
    const simple = handedOn.length === 0 && !control.signal && !control.profile
    // The values of the first iteration are the caller's, and not dropped.
    let times = 0
    // One map serves all iterations: each reads it before the next one writes.
    const feeds = new Map(around)
    return {
      *run(given) {
        let next = 0
        for (const { value, i } of inputs) feeds.set(value, handed.get(i) ?? given[next++])
        if (simple) {
          const made = program.next(feeds, outputs)
          if (made) return made
        }
        const results = yield* program.run(feeds, runControl)
        const result = (value: Value) => present(results.get(value), value.name)
        for (const [input, { output }] of handedOn) {
          const before = handed.get(input)
          const made = result(body.outputs[output])
          const after = liesIn(context, made) ? copyOf(made) : made
          room.hold(after)
          if (times > 0 && before) room.drop(before)
          handed.set(input, after)
        }
        times++
        return outputs.map(result)
      },
      get carried() {
        return carried.map(({ input }) => {
          const placed = states.placed(body.inputs[input])
          return (
            handed.get(input) ?? readSource(context, { placed: present(placed, body.inputs[input].name) }, new Map())
          )
        })
      },
    }
  }

  dispose(): void {
    this.program.dispose()
    this.states.dispose()
  }
}
