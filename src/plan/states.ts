import type { Context } from '../../bindings/context.js'
import { hostBytes, isHostTensor, type HostTensor, type HostValue } from '../core/host.js'
import type { TensorType } from '../ir/op.js'
import { isStateBlock, type StateBlock } from './arena.js'
import { upload } from './transfer.js'
import { Placed } from './placed.js'
import { sameShape, sizeOf } from '../core/shape.js'
import { formatDeclared, mayAgree, type DeclaredType, type Graph, type Value } from '../ir/graph.js'
import { LanewiseError, present } from '../core/errors.js'
import { identityOrder } from '../core/layout.js'
import { resolve } from './weights.js'

/** What is left to be copied where nothing is kept. */
const NOTHING: readonly (readonly [State, Placed])[] = []

interface State {
  /** undefined: it stays as it was set. */
  readonly output: Value | undefined
  readonly block: Omit<StateBlock, 'state'>
  type: TensorType | undefined
  capacity: number
}

/**
 * Values that a session keeps from one run to the next: an input is what an output was (hidden states, caches of keys
 * and values). They stay in WebAssembly memory. Where an operator can put the output over the input, nothing is copied
 * at all; a value that grows is given room for twice its size, so that it seldom moves.
 */
export class States {
  /** Counts the times that a block has moved: addresses that were bound before are wrong. */
  moves = 0
  /** Counts changes of types: plans are made for types. */
  changes = 0
  private readonly states = new Map<Value, State>()
  /** What the last run left to be copied, if copies are all that it takes. */
  private plain: readonly (readonly [State, Placed])[] | undefined
  /** Whether the last run left everything of the type that it was. */
  private steady = false
  /** Inputs that the caller writes where they lie. */
  private readonly bound = new Map<Value, { readonly placed: Placed; readonly mark: string }>()
  private bindings = 0

  constructor(
    private readonly context: Context,
    pairs: ReadonlyMap<Value, Value | undefined>,
    /** Whether what becomes a state has to be what its input declares. */
    private readonly checked = true,
  ) {
    for (const [input, output] of pairs) {
      const bare = { bytes: 0, base: undefined }
      // No operator may write over what stays.
      const block = output ? { ...bare, state: true as const } : bare
      this.states.set(input, { output, block, type: undefined, capacity: 0 })
    }
  }

  /** Bytes held, room to grow included. */
  get bytes(): number {
    let bytes = 0
    for (const { capacity } of this.states.values()) bytes += capacity
    for (const { placed } of this.bound.values()) bytes += placed.bytes
    return bytes
  }

  /** Whether anything at all is kept. */
  get any(): boolean {
    return this.states.size > 0
  }

  /** The inputs that are kept. */
  get inputs(): Iterable<Value> {
    return this.states.keys()
  }

  /** The outputs that they are made of. */
  get outputs(): Value[] {
    return [...new Set([...this.states.values()].flatMap(({ output }) => output ?? []))]
  }

  has(input: Value): boolean {
    return this.states.has(input)
  }

  /**
   * Where inputs are that need not be fed, as far as they are anywhere; plans may be shared by those of one mark and
   * type.
   */
  *places(): Iterable<{ value: Value; placed: Placed; mark: string }> {
    for (const value of this.states.keys()) {
      const placed = this.placed(value)
      if (placed) yield { value, placed, mark: '' }
    }
    for (const [value, { placed, mark }] of this.bound) yield { value, placed, mark }
  }

  /** Gives an input a place of its own, for the caller to write to; the one that it had is given up. */
  bind(input: Value, { dtype, shape }: TensorType): Placed {
    this.unbind(input)
    const block = { bytes: 0, base: 0 }
    const placed = new Placed(dtype, shape, identityOrder(shape.length), { block, offset: 0 })
    block.bytes = placed.bytes
    block.base = this.context.alloc(placed.bytes)
    this.context.bytes(block.base, placed.bytes).fill(0)
    this.bound.set(input, { placed, mark: `bound ${this.bindings++} ` })
    this.changes++
    return placed
  }

  /** Where an input is that the caller writes. */
  boundTo(input: Value): Placed | undefined {
    return this.bound.get(input)?.placed
  }

  private unbind(input: Value): void {
    const placed = this.boundTo(input)
    if (!placed) return
    this.context.release(resolve(placed.at))
    this.bound.delete(input)
  }

  /** What the input is now, if it is anything. */
  placed(input: Value): Placed | undefined {
    const state = this.states.get(input)
    if (!state?.type) return undefined
    const { dtype, shape } = state.type
    return new Placed(dtype, shape, identityOrder(shape.length), { block: state.block, offset: 0 })
  }

  /** Puts the states that are given where they are kept. @returns the other inputs. */
  accept(inputs: ReadonlyMap<Value, HostValue>): ReadonlyMap<Value, HostValue> {
    if (!this.any) return inputs
    const rest = new Map(inputs)
    for (const value of this.inputs) {
      const given = rest.get(value)
      if (given) {
        if (!isHostTensor(given) || Array.isArray(given.data))
          throw new LanewiseError('E_UNSUPPORTED', 'only numbers can be kept from one run to the next', {
            tensor: value.name,
          })
        this.set(value, given)
        rest.delete(value)
      } else if (!this.placed(value)) {
        throw new LanewiseError(
          'E_TENSOR',
          `the input "${value.name}" is missing in feeds, and no earlier run has left its state`,
          { tensor: value.name },
        )
      }
    }
    return rest
  }

  /** Makes an input what the caller gives. */
  set(input: Value, host: HostTensor): void {
    const state = present(this.states.get(input), input.name)
    this.reserve(state, hostBytes(host))
    this.become(state, host)
    upload(this.context, host, present(this.placed(input), input.name))
  }

  /** Makes an input one that has to be fed. */
  clear(input: Value): void {
    const state = present(this.states.get(input), input.name)
    if (!state.type) return
    state.type = undefined
    this.changes++
  }

  /** Makes the inputs what a run has made of the outputs. */
  keep(found: (output: Value) => Placed | HostTensor): void {
    this.plain = NOTHING
    this.steady = true
    if (!this.any) return
    const { changes } = this
    const writes: (() => void)[] = []
    let plain: [State, Placed][] | undefined = []
    for (const [input, state] of this.states) {
      if (!state.output) continue
      const source = found(state.output)
      if (this.checked && sizeOf(source.shape) === 0 && state.type && isOfEncoder(input.name)) {
        plain = undefined
        continue
      }
      if (this.checked) checkState(input, { kind: 'tensor', dtype: source.dtype, shape: source.shape })
      if (!(source instanceof Placed)) {
        plain = undefined
        writes.push(() => this.set(input, source))
        continue
      }
      const { block, offset } = source.at
      if (block === state.block && offset === 0) {
        this.become(state, source)
        continue
      }
      // What lies in another state has to be taken before that one is written.
      if (isStateBlock(block)) plain = undefined
      else plain?.push([state, source])
      const foreign = isStateBlock(block) ? this.context.bytes(resolve(source.at), source.bytes).slice() : undefined
      writes.push(() => {
        const base = this.reserve(state, source.bytes)
        this.context.bytes(base, source.bytes).set(foreign ?? this.context.bytes(resolve(source.at), source.bytes))
        this.become(state, source)
      })
    }
    for (const write of writes) write()
    this.plain = plain
    this.steady = this.changes === changes
  }

  /** Whether {@link keepAgain} can do what {@link keep} has done. */
  get repeats(): boolean {
    return this.plain !== undefined
  }

  /** The same, also where states have been set since. */
  get repeatsSet(): boolean {
    return this.steady && this.plain !== undefined
  }

  /** As {@link keep}, after a run by the same plan: nothing is allocated. */
  keepAgain(): void {
    for (const [state, { at, bytes }] of this.plain ?? []) {
      const from = resolve(at)
      const to = this.reserve(state, bytes)
      this.context.everything.copyWithin(to, from, from + bytes)
    }
  }

  /** A run broke off: the states are neither what they were nor what they should have become. */
  lose(): void {
    this.plain = undefined
    for (const state of this.states.values()) state.type = undefined
    this.changes++
  }

  /** Gives up values that take more than so many bytes: they have to be set again. */
  giveUp(beyond: number): void {
    for (const [input, state] of this.states) {
      if (state.capacity <= beyond || state.block.base === undefined) continue
      this.clear(input)
      this.context.release(state.block.base)
      state.block.base = undefined
      state.capacity = 0
      this.moves++
    }
  }

  dispose(): void {
    for (const input of [...this.bound.keys()]) this.unbind(input)
    for (const state of this.states.values()) {
      if (state.block.base !== undefined) this.context.release(state.block.base)
      Object.assign(state, { type: undefined, capacity: 0 })
      state.block.base = undefined
    }
  }

  private become(state: State, { dtype, shape }: TensorType): void {
    const { type } = state
    if (type?.dtype === dtype && sameShape(type.shape, shape)) return
    state.type = { dtype, shape }
    state.block.bytes = new Placed(dtype, shape, identityOrder(shape.length), { block: state.block, offset: 0 }).bytes
    this.changes++
  }

  /** Room for a new value; what was there is given up. */
  private reserve(state: State, bytes: number): number {
    const { block } = state
    if (block.base !== undefined && bytes <= state.capacity) return block.base
    const more = block.base === undefined ? bytes : Math.max(bytes, 2 * state.capacity)
    if (block.base !== undefined) this.context.release(block.base)
    block.base = undefined
    state.capacity = 0
    const capacity = more <= this.context.left ? more : bytes
    const base = this.context.alloc(capacity)
    block.base = base
    state.capacity = capacity
    this.moves++
    return base
  }
}

/**
 * Whether it holds the keys or values of an encoder's output. A decoder that Hugging Face's Optimum has merged of two
 * makes them in its first run; the branch that reads them answers with tensors without elements, by which nothing is to
 * be replaced.
 */
export function isOfEncoder(name: string): boolean {
  return /(^|[._])encoder[._]/.test(name)
}

/** What becomes a state must be what its input declares, as if it had been fed. @throws LanewiseError `E_TENSOR`. */
function checkState({ declared, name }: Value, next: DeclaredType | undefined): void {
  if (!declared || !next || mayAgree(declared, next)) return
  const expected = formatDeclared(declared)
  const actual = formatDeclared(next)
  throw new LanewiseError('E_TENSOR', `the next state of "${name}" must be ${expected}, not ${actual}`, {
    tensor: name,
    expected,
    actual,
  })
}

/**
 * Which output is the next run's input, by their names.
 *
 * @throws LanewiseError `E_VALUE` for a name that the model does not have, `E_TENSOR` if the two differ in type.
 */
export function statePairs(graph: Graph, states: Readonly<Record<string, string>>): Map<Value, Value> {
  const find = (values: readonly Value[], name: unknown, what: string): Value => {
    const value = values.find((candidate) => candidate.name === name)
    if (!value) throw new LanewiseError('E_VALUE', `states: the model has no ${what} "${String(name)}"`)
    return value
  }
  return new Map(
    Object.entries(states).map(([input, output]) => {
      const pair = [find(graph.inputs, input, 'input'), find(graph.outputs, output, 'output')] as const
      checkState(pair[0], pair[1].declared)
      return pair
    }),
  )
}
