import type { DType } from '../core/dtype.js'
import type { HostTensor, HostValue } from '../core/host.js'
import { LanewiseError } from '../core/errors.js'
import type { HostScope } from '../core/host-memory.js'
import type { Activation, Emitter } from './emitter.js'
import type { Gradient } from './gradient.js'
import type { Graph } from './graph.js'
import { kindOf } from '../core/options.js'
import type { Layout, LayoutOperand, LayoutQuery } from '../core/layout.js'
import type { Shape } from '../core/shape.js'
import type { Steps } from '../core/steps.js'
import type { Attributes, AttributeSchema, AttributesOf, RawAttributes } from './attributes.js'

/** The element type and shape of a tensor. */
export interface TensorType {
  /** The element type. */
  readonly dtype: DType
  /** Sizes of the axes, outermost first. */
  readonly shape: Shape
}

/** How many inputs an operator has: so many, or from least to most (`Infinity` if there is no limit). */
export type Arity = number | readonly [least: number, most: number]

/** For each input whether it is always there; the default knows nothing. */
export type Presence = readonly boolean[]

/**
 * The presence that an arity and a list of {@link OpDefinition.optional} inputs promise; {@link checkInputs} holds
 * callers to it.
 */
export type PresenceOf<N extends Arity, O extends number = never> = N extends readonly [
  infer Least extends number,
  infer Most extends number,
]
  ? Lead<Least, Most, O>
  : N extends number
    ? Lead<N, N, O>
    : Presence

type Lead<Least extends number, Most extends number, O extends number, P extends boolean[] = []> = number extends Least
  ? Presence
  : P['length'] extends Least
    ? Trail<Most, O, P>
    : Lead<Least, Most, O, [...P, P['length'] extends O ? boolean : true]>

type Trail<Most extends number, O extends number, P extends boolean[]> = number extends Most
  ? readonly [...P, ...([O] extends [never] ? true : boolean)[]]
  : P['length'] extends Most
    ? Readonly<P>
    : Trail<Most, O, [...P, boolean]>

/** A `T` for every input: `T | undefined` where the input may be left out. */
export type Given<P extends Presence, T> = { readonly [I in keyof P]: P[I] extends true ? T : T | undefined }

/** What shape inference may look at. */
export interface InferContext<A, P extends Presence = Presence> {
  /** The node's attributes, defaults filled in. */
  readonly attributes: A
  /** Types of the inputs; undefined where an optional input is left out. */
  readonly inputs: Given<P, TensorType>
  /** How many outputs the node names, left-out ones before a named one included. */
  readonly outputCount: number
  /**
   * The elements of an input that decides a shape (axes, sizes, repeats …); undefined if the input is left out. Where
   * the elements are only known once the graph has run so far, the plan is cut before this node and `infer` is asked
   * again with them: so ask before doing anything else of consequence, and only for small tensors.
   */
  readonly value: Presence extends P
    ? (index: number) => HostTensor | undefined
    : <I extends number>(index: I) => P[I] extends true ? HostTensor : HostTensor | undefined
  /** The elements of an input if they are known already; never cuts the plan. */
  known(index: number): HostTensor | undefined
  /**
   * The number that an input is, or `least` if it is less. For sizes that only count beyond a bound: unlike with
   * `value`, one plan serves every number up to `least`.
   */
  atLeast(index: number, least: number): number
}

/** What a plain TypeScript implementation is given. */
export interface ComputeContext<A, P extends Presence = Presence> {
  /** The node's attributes, defaults filled in. */
  readonly attributes: A
  /** The inputs with their elements; undefined where an optional one is left out. */
  readonly inputs: Given<P, HostTensor>
  /** What `infer` said of the outputs; for an operator without `infer`, empty. */
  readonly outputs: readonly TensorType[]
  /** How many outputs the node names, left-out ones before a named one included. */
  readonly outputCount: number
  /** For operators that are `random`: a seed from the session's, another one each time. */
  readonly seed?: () => number
  /** Where what is made counts against a memory limit. */
  readonly room?: Room
}

/** Asks whether there is room before something is made that shapes do not tell of. */
export interface Room {
  /**
   * @throws LanewiseError `E_BUDGET` if so many bytes more, in typed arrays or in JavaScript's heap, pass the memory
   *   limit.
   */
  reserve(buffers: number, heap?: number): void
}

/** Work that can be broken off: it stops now and then, so that events can happen in between. */
export type Work = Generator<undefined, readonly HostTensor[], undefined>

/** Like {@link ComputeContext} for operators over sequences, optionals and maps. */
export interface ValueContext<A, P extends Presence = Presence> {
  readonly attributes: A
  readonly inputs: Given<P, HostValue>
  readonly outputCount: number
  /** Where what is made counts against a memory limit. */
  readonly room?: Room
}

/** What If, Loop, Scan and other operators with bodies are given. */
export interface ControlContext<A, P extends Presence = Presence> extends ValueContext<A, P> {
  /** Counts the values that pile up over iterations. */
  readonly room: HostScope
}

/**
 * Runs a subgraph (`yield* run(body, inputs)`): what If, Loop and Scan are given. Inputs and outputs are positional;
 * values of the outer graph are seen by the body itself.
 */
export interface RunBody {
  (body: Graph, inputs: readonly HostValue[]): Steps<HostValue[]>
  /**
   * A body that runs over and over. Numbers that it carries stay in memory from one time to the next.
   *
   * @param room - where what is carried otherwise counts: strings, sequences.
   */
  repeat(body: Graph, carried: readonly Carried[], room: HostScope): RepeatedBody
}

/** An output of a body that becomes an input the next time. */
export interface Carried {
  readonly input: number
  readonly output: number
  readonly initial: HostValue
}

/** A body that runs over and over. */
export interface RepeatedBody {
  /**
   * Runs it once more.
   *
   * @param given - the inputs that are not carried, in order.
   * @returns the outputs that are not carried, in order. Numbers lie where the next time writes.
   */
  run(given: readonly HostValue[]): Steps<HostValue[]>
  /** What is carried now, in order. */
  readonly carried: readonly HostValue[]
}

/** What an upgrade may change: the node as an old file has it. Inputs are names of values, '' where left out. */
export interface UpgradeContext {
  readonly opset: number
  inputs: string[]
  outputs: string[]
  readonly attributes: RawAttributes
  /** A new constant's name. */
  constant(tensor: HostTensor): string
  /** A new node before this one; returns the name of its first output. `more` names the outputs after that. */
  node(
    op: string,
    inputs: readonly string[],
    attributes?: Record<string, unknown> | RawAttributes,
    domain?: string,
    more?: readonly string[],
  ): string
  /** Replaces the operator's name (Upsample → Resize); the new one is of ai.onnx, or of another domain. */
  rename(op: string, domain?: string): void
}

/**
 * Everything about one operator that is not its gradient (which is a separate export beside it, so that inference does
 * not carry it).
 *
 * A node is computed, in this order of preference: at planning time by `compute` if all its inputs are known; by `emit`
 * if `kernel` accepts the dtypes; by `emit` in float32 between casts if only its being float16 or bfloat16 stood in the
 * way; by `compute` as a step of the plan. An operator without `infer` has outputs whose shapes depend on data: the
 * plan is cut there and `compute` or `values` runs.
 */
export interface OpDefinition<A = Attributes, P extends Presence = Presence> {
  /** The operator's name, as ONNX has it. */
  readonly name: string
  /** '' is ai.onnx. */
  readonly domain: string
  /** Attributes by name: their types and defaults. */
  readonly attributes: AttributeSchema
  /** The fewest and most inputs; one number where they are equal. */
  readonly arity: Arity
  /** Inputs that may be left empty although later ones may not. */
  readonly optional?: readonly number[]
  /** The most outputs; 1 by default, any number for an operator of a user's. */
  readonly outputs?: number
  /**
   * Types and shapes of the outputs, as many as the operator can make from these inputs. @throws LanewiseError without
   * node names.
   */
  infer?(c: InferContext<A, P>): readonly TensorType[]
  /** The orders of axes that `emit` wants its inputs in and makes its outputs in; logical order by default. */
  layout?(query: LayoutQuery<A, Given<P, LayoutOperand>>): Layout
  /**
   * Whether `emit` handles operands of these types and shapes (undefined where left out) and makes the outputs that are
   * wanted. By default: if every operand is float32.
   */
  kernel?(
    inputs: Given<P, DType>,
    attributes: A,
    wanted: readonly boolean[],
    operands: Given<P, { readonly shape: Shape; readonly constant: boolean }>,
  ): boolean
  /** Records the kernel calls that compute the outputs. */
  emit?(e: Emitter<A>): void
  /**
   * Whether `compute` takes input 0 of a type, where `infer` does not say: a node that it does not is refused when it
   * is planned.
   */
  readonly takes?: (dtype: DType) => boolean
  /**
   * The operator in plain TypeScript: for constants, and for types without a kernel. @throws LanewiseError without node
   * names.
   */
  compute?(c: ComputeContext<A, P>): readonly HostTensor[]
  /**
   * `compute` for operators of which one node may take long: `yield`s every few milliseconds. `compute` then follows
   * from it.
   */
  work?(c: ComputeContext<A, P>): Work
  /** `compute` for operators whose inputs or outputs are no tensors: sequences, optionals, maps. */
  values?(c: ValueContext<A, P>): readonly HostValue[]
  /**
   * For operators that are a function of one element of input 0: that function, for fusing it into the node before.
   * `constants` are the inputs that are constants; undefined if this use of the operator is not such a function.
   */
  activation?(attributes: A, constants: readonly (HostTensor | undefined)[]): Activation | undefined
  /**
   * For operators of two operands that broadcast, of which float32 ones go through `binary_f32`: their BINARY_ code.
   */
  readonly binary?: number
  /**
   * If, Loop, Scan, SequenceMap: operators whose bodies are graphs. One that runs its body often must let events run
   * about every 50 ms, by a `yield`.
   */
  control?(c: ControlContext<A, P>, run: RunBody): Steps<readonly HostValue[]>
  /** True for operators whose result differs from run to run: never folded. */
  readonly random?: boolean
  /**
   * The gradient of an operator that a user registers; ours stand beside their definitions, where only training imports
   * them.
   */
  readonly gradient?: Omit<Gradient<A>, 'op'>
  /**
   * What the operator is made of, as a graph with its inputs and outputs in order: written as a function with the node
   * where `exportModel` is asked to (`functions: true`), so that a runtime that does not know the operator can run it.
   */
  body?(attributes: A): Graph
  /**
   * Brings a node of an older opset to this definition. `below` is the first opset that needs no change; applied in
   * list order.
   */
  readonly upgrades?: readonly { readonly below: number; apply(node: UpgradeContext): void }[]
  /**
   * Puts other operators in the place of this one, or says its attributes otherwise: applied to every imported node,
   * whatever its opset, after `upgrades`. An operator that is always replaced needs nothing else.
   */
  decompose?(node: UpgradeContext): void
}

/**
 * Declares an operator. Its attributes are typed by the schema; which inputs are always there, by `arity` and
 * `optional`.
 */
export function defineOp<S extends AttributeSchema, const N extends Arity, const O extends readonly number[] = []>(
  definition: Omit<
    OpDefinition<AttributesOf<S>, PresenceOf<N, O[number]>>,
    'attributes' | 'domain' | 'arity' | 'optional'
  > & {
    readonly attributes?: S
    readonly domain?: string
    readonly arity: N
    readonly optional?: O
  },
): OpDefinition<AttributesOf<S>> {
  const { work } = definition
  return {
    domain: '',
    attributes: {},
    ...(work && { compute: (c: Parameters<typeof work>[0]) => finished(work(c)) }),
    ...definition,
  }
}

/**
 * The operator, which has to have one of its optional rules.
 * @throws LanewiseError `E_UNSUPPORTED` if it has not.
 */
export function withRule<O extends { readonly name: string }, K extends keyof O & string>(
  op: O,
  rule: K,
): O & Required<Pick<O, K>> {
  if (hasRule(op, rule)) return op
  throw new LanewiseError('E_UNSUPPORTED', `${op.name} has no ${rule}`)
}

function hasRule<O, K extends keyof O>(op: O, rule: K): op is O & Required<Pick<O, K>> {
  return op[rule] !== undefined
}

/** The result of work that is not broken off. */
function finished(work: Work): readonly HostTensor[] {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

/**
 * Checks the inputs of a node against the definition of its operator, so that operators need not do it themselves. An
 * input that is undefined or '' is left out.
 * @throws LanewiseError `E_GRAPH` if there are too few or too many, or a required one is left out.
 */
export function checkInputs(
  { arity, optional }: Pick<OpDefinition, 'arity' | 'optional'>,
  inputs: readonly (object | string | undefined)[],
): void {
  const [least, most] = typeof arity === 'number' ? [arity, arity] : arity
  const count = inputs.length
  if (count < least || count > most) {
    const expected = least === most ? String(least) : most === Infinity ? `at least ${least}` : `${least} to ${most}`
    throw new LanewiseError('E_GRAPH', `it has ${count} inputs, not ${expected}`, { expected, actual: String(count) })
  }
  for (let i = 0; i < count; i++)
    if (!inputs[i] && (i < least || most === Infinity) && !optional?.includes(i))
      throw new LanewiseError('E_GRAPH', `required input ${i} is missing`)
}

/**
 * Checks that an operator can have as many outputs as a node names.
 * @throws LanewiseError `E_GRAPH` for another number, or none at all.
 */
export function checkOutputs(
  { outputs: most = 1 }: Pick<OpDefinition, 'outputs'>,
  count: unknown,
): asserts count is number {
  if (Number.isInteger(count) && (count as number) >= 1 && (count as number) <= most) return
  const expected = most === 1 ? '1' : most === Infinity ? 'at least 1' : `1 to ${most}`
  const actual = typeof count === 'number' ? String(count) : kindOf(count)
  throw new LanewiseError('E_GRAPH', `it has ${expected} outputs, not ${actual}`, { expected, actual })
}

/**
 * Input `index` of a list that does not tell which are always there.
 * @throws LanewiseError `E_GRAPH` if it is left out.
 */
export function requiredInput<T>(inputs: readonly (T | undefined)[], index: number): T {
  const input = inputs[index]
  if (input === undefined) throw new LanewiseError('E_GRAPH', `required input ${index} is missing`)
  return input
}

/** Whether kernels that know float32 only can take these operands. */
export function allFloat32(inputs: readonly (DType | undefined)[]): boolean {
  return inputs.every((dtype) => dtype === undefined || dtype === 'float32')
}
