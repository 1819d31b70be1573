import { checkArguments } from '../core/arguments.js'
import type { WasmAddress } from '../../bindings/address.js'
import type { Context } from '../../bindings/context.js'
import type { Build, TrainKernelName, TrainKernels } from '../../bindings/module.js'
import { byteSize, type NumericDType, type TypedArray } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { Placed } from '../plan/placed.js'
import { identityOrder, sameMemory } from '../core/layout.js'
import { resolve, roomAt } from '../plan/weights.js'
import { hostBytes, rawBytes, type HostTensor } from '../core/host.js'
import type { Address, Argument, Block } from '../ir/emitter.js'
import { Random } from '../core/random.js'
import type { Shape } from '../core/shape.js'
import type { Tensor } from '../api/tensor.js'
import { StepArena } from './arena.js'
import { BackwardPass, checkRoot, firstNonFinite, type NonFinite } from './backward.js'
import { contextFor, type DeviceOptions } from './device-options.js'
import { reorderInto } from './eager.js'
import { hostOf, type NestedList } from './from-javascript.js'
import { whereOf, type TapeNode, type Trace } from './tape.js'
import { blockAt, Parameter, Variable, type BackwardOptions, type ParameterOptions } from './variable.js'

export type { WasmAddress }

/** What a kernel takes in a call that is made at once: an address may be one of an operand. */
type AtOnce<K extends TrainKernelName> = TrainKernels[K] extends (...args: infer P) => unknown
  ? { [I in keyof P]: number extends P[I] ? P[I] : P[I] | Address }
  : never

let current: Device | undefined

/**
 * Where a training happens: one WebAssembly memory with the parameters, the memory of the current step, and the tape.
 *
 * @example
 * import { crossEntropy, Device, Linear, SGD } from 'lanewise/train'
 *
 * const device = await Device.create({ seed: 1 })
 * const model = new Linear(4, 3)
 * const optimizer = new SGD(model.parameters(), { lr: 0.1 })
 * const loss = device.step(() => {
 *   const scores = model.call(device.tensor([[1, 2, 3, 4]]))
 *   const loss = crossEntropy(scores, device.tensor(BigInt64Array.of(2n), [1]))
 *   loss.backward()
 *   optimizer.step()
 *   return loss.item()
 * })
 * console.log(loss)
 */
export class Device {
  static readonly name = 'Device'
  /** The exports of the kernels, for calls of one's own. */
  readonly kernels: TrainKernels
  /** Which build of the kernels it runs. */
  readonly build: Build
  /** Whether kernels may be taken that round more (Winograd): false with `accuracy: 'exact'`. */
  readonly fast: boolean
  /** The step that tensors made now belong to. @internal */
  currentStep = 0
  /** Whether applied operators are recorded. */
  gradEnabled = true
  /** Where in a model operators are being applied. @internal */
  scope = ''
  private fallback = ''
  /** How many operators the step has applied. @internal */
  applied = 0
  /** Every applied operator, while somebody wants to know. @internal */
  trace: Trace[] | undefined
  private readonly arena: StepArena
  private tape: TapeNode[] = []
  private readonly lastingConstants = new Map<HostTensor, Address>()
  private readonly tables = new Map<string, Address>()
  private inStep = false
  /** What was allocated since somebody wanted to give it back. */
  private allocated: Set<Block> | undefined

  /** Initial weights, masks: whatever is random on this device. */
  readonly random: Random

  private constructor(
    /** @internal */
    readonly context: Context,
    { accuracy, seed = 0 }: DeviceOptions,
  ) {
    this.random = new Random(seed)
    this.kernels = context.kernels as TrainKernels
    this.build = context.build
    this.fast = accuracy !== 'exact'
    this.arena = new StepArena(context)
  }

  /**
   * Loads the training kernels. The first device becomes {@link Device.current}, which modules use unless they are
   * given another.
   *
   * @throws LanewiseError `E_UNSUPPORTED` if the engine cannot run the build.
   */
  static async create(options: DeviceOptions = {}): Promise<Device> {
    const device = new Device(await contextFor(options), options)
    current ??= device
    return device
  }

  /** The device that modules are made on by default. @throws LanewiseError `E_STATE` before the first was created. */
  static get current(): Device {
    if (!current) throw new LanewiseError('E_STATE', 'there is no device yet: await Device.create() first')
    return current
  }

  static set current(device: Device) {
    current = device
  }

  /** How many threads share the work of its kernels. */
  get threads(): number {
    return this.context.threads?.count ?? 1
  }

  /**
   * Why there is one thread where the options leave room for more; undefined where there are several, or one was asked
   * for.
   */
  get oneThread(): string | undefined {
    return this.context.oneThread
  }

  /** Bytes of WebAssembly memory: everything reserved, and the most that one step has used of it. */
  get memory(): { readonly total: number; readonly step: number; readonly peak: number } {
    return { total: this.context.used, step: this.arena.peak, peak: this.context.peak }
  }

  /**
   * One step of a training, or one prediction: tensors made inside live until it ends. Returns what `work` returns,
   * which must not be one of them ({@link keep} copies one out).
   *
   * @throws LanewiseError `E_STATE` for a step inside a step; `E_VALUE` for an async function, which would go on when
   *   the step is over.
   */
  step<T>(work: () => T): T {
    checkArguments('step', { work }, 'function')
    if (this.inStep) throw new LanewiseError('E_STATE', 'a step cannot begin inside a step')
    this.context.check()
    // What was made outside any step goes now.
    this.endStep()
    this.inStep = true
    this.applied = 0
    try {
      const result = work()
      if (result instanceof Promise) {
        // What it throws later is nobody's any more.
        result.catch(() => undefined)
        throw new LanewiseError('E_VALUE', 'the function of a step must not be async: the step ends when it returns')
      }
      return result
    } catch (error) {
      throw this.context.guard(error)
    } finally {
      this.inStep = false
      this.endStep()
    }
  }

  /** Runs `work` without recording: for predictions and measurements. */
  noGrad<T>(work: () => T): T {
    checkArguments('noGrad', { work }, 'function')
    const before = this.gradEnabled
    this.gradEnabled = false
    try {
      return work()
    } finally {
      this.gradEnabled = before
    }
  }

  /** Runs `work` under a name that errors, summaries and exported models show. */
  scoped<T>(name: string, work: () => T): T {
    checkArguments('scoped', { name, work }, 'string', 'function')
    const before = this.scope
    this.scope = before ? `${before}/${name}` : name
    try {
      return work()
    } finally {
      this.scope = before
    }
  }

  /**
   * Runs `work` under a name that errors alone show, where nothing else gives one: the class of a layer that is applied
   * by itself.
   *
   * @internal
   */
  named<T>(name: string, work: () => T): T {
    const before = this.fallback
    if (name) this.fallback = name
    try {
      return work()
    } finally {
      this.fallback = before
    }
  }

  /** Where an error happened: the place in the model, what {@link named} says, or the place in the step. @internal */
  get place(): string {
    return this.fallback && !this.scope ? this.fallback : whereOf(this)
  }

  /** Runs `work` and returns every operator it applied, in order. */
  traced<T>(work: () => T): { readonly result: T; readonly trace: readonly Trace[] } {
    const before = this.trace
    const trace: Trace[] = (this.trace = [])
    try {
      return { result: work(), trace }
    } finally {
      this.trace = before
    }
  }

  /**
   * A tensor of the current step from elements in logical order, copied. A number alone is a tensor without axes. Lists
   * of numbers, nested or with a shape, become float32; those of bigints int64, those of booleans bool.
   *
   * @throws LanewiseError `E_TENSOR` for what is no tensor and for elements that do not fill the shape.
   */
  tensor(source: Tensor | HostTensor): Variable
  tensor(data: Float32Array | Int32Array | BigInt64Array | Uint8Array | NestedList, shape?: Shape): Variable
  tensor(source: Tensor | HostTensor | TypedArray | NestedList, shape?: Shape): Variable {
    const host = hostOf(source, shape)
    return new Variable(this, this.upload(host, this.allocate(hostBytes(host))), { step: this.currentStep })
  }

  /**
   * A tensor whose elements the program knows: axes, sizes, indices. It is kept out of memory until a kernel wants it.
   */
  constant(source: Tensor | HostTensor): Variable {
    const host = hostOf(source)
    return new Variable(this, this.upload(host, this.allocate(hostBytes(host))), {
      step: this.currentStep,
      constant: host,
    })
  }

  /** A tensor that lasts and is learned (unless `trainable` is false, or it is a `buffer`). */
  parameter(source: Tensor | HostTensor, options: ParameterOptions = {}): Parameter {
    checkArguments('parameter', { options }, { name: 'string', trainable: 'boolean', buffer: 'boolean' })
    const host = hostOf(source)
    return new Parameter(this, this.upload(host, this.persistent(hostBytes(host))), options)
  }

  /** A copy of a tensor that lasts beyond the step; dispose of it when it is no longer needed. */
  keep(variable: Variable): Parameter {
    checkArguments('keep', { variable }, 'tensor')
    variable.check()
    const { placed } = variable
    const at = this.persistent(placed.bytes)
    this.copy(placed.at, at, placed.bytes)
    return new Parameter(this, new Placed(placed.dtype, placed.shape, placed.order, at), {
      name: variable.name,
      trainable: false,
    })
  }

  /**
   * The first applied operator of this step with a result that is not finite; if all of them are finite, the operator
   * whose gradient by a parameter was the first on the way back that is not. What to name when a loss or a gradient is
   * NaN.
   */
  firstNonFinite(): NonFinite | undefined {
    const finite = (placed: Placed): boolean => (this.hostOf(placed).data as Float32Array).every(Number.isFinite)
    return firstNonFinite(this.tape, finite)
  }

  /** Parameters that the record of this step has, with the operators that used them. @internal */
  usedParameters(): { readonly parameter: Parameter; readonly op: string; readonly scope: string }[] {
    return this.tape.flatMap((node) =>
      node.inputs.flatMap((parameter) =>
        parameter instanceof Parameter ? [{ parameter, op: node.op.name, scope: whereOf(node) }] : [],
      ),
    )
  }

  /** Frees everything. Any later use throws `E_STATE`. */
  dispose(): void {
    if (current === this) current = undefined
    this.context.dispose('device was disposed of')
  }

  /** @internal */
  backward(root: Variable, seed: Variable | undefined, { retainGraph = false }: BackwardOptions = {}): void {
    this.walkBack(root, seed, { retainGraph })
  }

  /**
   * One walk back from a value. With `targets` the gradients by these are kept, and no parameter's `grad` is touched.
   *
   * @internal
   */
  walkBack(
    root: Variable,
    seed: Variable | undefined,
    { retainGraph, targets }: { readonly retainGraph: boolean; readonly targets?: readonly Variable[] },
  ): (Placed | undefined)[] {
    checkRoot(root, seed, targets)
    const start = seed
      ? seed.placed
      : this.upload({ dtype: 'float32', shape: root.shape, data: Float32Array.of(1) }, this.allocate(4))
    // The walk frees gradients it has used: the caller's stays.
    return new BackwardPass(this, this.tape, targets).run([[root, seed ? this.copied(start) : start]], retainGraph)
  }

  /**
   * Runs `work` with a tape of its own, and gives back the memory that it took, but for what its result lies in.
   *
   * @param keep - the places of a result.
   * @internal
   */
  onOwnTape<T>(work: (tape: readonly TapeNode[]) => T, keep: (result: T) => readonly (Placed | undefined)[]): T {
    const before = this.tape
    this.tape = []
    try {
      return this.reclaiming(() => work(this.tape), keep)
    } finally {
      this.tape = before
    }
  }

  /** Gives back the memory that `work` took, but for what its result lies in. @internal */
  reclaiming<T>(work: () => T, keep: (result: T) => readonly (Placed | undefined)[]): T {
    const outer = this.allocated
    const taken = (this.allocated = new Set<Block>())
    let result: T
    try {
      result = work()
    } finally {
      this.allocated = outer
    }
    const kept = new Set(keep(result).map((placed) => placed?.at.block))
    for (const block of taken) {
      if (kept.has(block)) outer?.add(block)
      else this.arena.release(placeOf(block), block.bytes)
    }
    return result
  }

  /** Whether what is allocated now will be given back before the step ends. @internal */
  get reclaims(): boolean {
    return this.allocated !== undefined
  }

  /** The bytes at an address of a block, once more in the memory of the step. @internal */
  duplicate(address: Address): Address {
    const { bytes } = address.block
    const copy = this.allocate(bytes)
    this.copy({ block: address.block, offset: 0 }, copy, bytes)
    return { block: copy.block, offset: address.offset }
  }

  /** A copy in the memory of the step. @internal */
  copied(placed: Placed): Placed {
    const copy = new Placed(placed.dtype, placed.shape, placed.order, this.allocate(placed.bytes))
    this.copy(placed.at, copy.at, placed.bytes)
    return copy
  }

  /** @internal */
  record(node: Omit<TapeNode, 'applied' | 'position' | 'spent' | 'versions'>): TapeNode {
    const versions = node.inputs.map((input) => input?.version ?? 0)
    const recorded = { ...node, versions, applied: this.applied, position: this.tape.length, spent: false }
    this.tape.push(recorded)
    return recorded
  }

  /** Memory of the current step. @internal */
  allocate(bytes: number): Address {
    this.context.check()
    const block = blockAt(this.arena.alloc(bytes), bytes)
    this.allocated?.add(block)
    return { block, offset: 0 }
  }

  /** @internal */
  free({ block }: Address): void {
    this.allocated?.delete(block)
    this.arena.release(placeOf(block), block.bytes)
  }

  /** Memory that lasts. @internal */
  persistent(bytes: number): Address {
    return { block: blockAt(this.context.alloc(bytes), bytes), offset: 0 }
  }

  /** @internal */
  releasePersistent(placed: Placed): void {
    this.context.release(this.addressOf(placed))
  }

  /** @internal */
  addressOf(placed: Placed): number {
    return resolve(placed.at)
  }

  /** @internal */
  upload(host: HostTensor, at: Address): Placed {
    if (byteSize(host.dtype) === 0) throw new LanewiseError('E_TENSOR', `a ${host.dtype} tensor cannot enter a device`)
    this.context.bytes(resolve(at), hostBytes(host)).set(rawBytes(host.data as TypedArray))
    return new Placed(host.dtype, host.shape, identityOrder(host.shape.length), at)
  }

  /** A view of the elements as they lie in memory; gone with the next allocation. @internal */
  hostOf(placed: Placed): HostTensor {
    return {
      dtype: placed.dtype,
      shape: placed.shape,
      data: this.context.view(placed.dtype as NumericDType, this.addressOf(placed), placed.size),
    }
  }

  /** A constant that an operator holds on to, by its identity. @internal */
  lasting(tensor: HostTensor): Address {
    let at = this.lastingConstants.get(tensor)
    if (!at) {
      at = this.persistent(hostBytes(tensor))
      this.upload(tensor, at)
      this.lastingConstants.set(tensor, at)
    }
    return at
  }

  /** @internal */
  table(data: TypedArray): Address {
    const key = `${data.constructor.name}:${data.join()}`
    let at = this.tables.get(key)
    if (!at) {
      at = this.persistent(data.byteLength)
      this.context.bytes(resolve(at), data.byteLength).set(rawBytes(data))
      this.tables.set(key, at)
    }
    return at
  }

  /** @internal */
  copy(from: Address, to: Address, bytes: number): void {
    const memory = new Uint8Array(this.context.memory.buffer)
    memory.copyWithin(resolve(to), resolve(from), resolve(from) + bytes)
  }

  /** @internal */
  copyOrdered(from: Placed, to: Placed): void {
    if (sameMemory(from.shape, from.order, to.order)) this.copy(from.at, to.at, to.bytes)
    else reorderInto(this, from, to)
  }

  /** @internal */
  call<K extends TrainKernelName>(kernel: K, ...args: AtOnce<K>): void
  /** @internal */
  call(kernel: TrainKernelName, ...args: readonly Argument[]): void {
    const numbers = new Array<number>(args.length)
    for (let i = 0; i < args.length; i++) numbers[i] = resolve(args[i])
    if (!this.context.threads?.run(kernel, numbers, (i) => roomAt(args[i]))) this.context.kernel(kernel)(...numbers)
  }

  /** @internal */
  seed64(): readonly [number, number] {
    return [this.random.integer(2 ** 32), this.random.integer(2 ** 32)]
  }

  private endStep(): void {
    this.currentStep++
    this.tape.length = 0
    this.arena.reset()
  }
}

/** Where a block of a device's memory begins: known as soon as it exists. */
function placeOf({ base }: Block): number {
  if (base === undefined) throw new Error('a block of a device has no place')
  return base
}
