// Emitters as operators of a user get them: what a mistake would make a trap, or memory that nobody wrote, is an error
// instead.
import { inferenceParameters, trainingParameters } from '../../../bindings/parameters.js'
import { byteSize } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostTensor, type HostTensor } from '../../core/host.js'
import { checkFunction, checkList, checkNumber, checkRecord, checkText, kindOf, shown } from '../../core/options.js'
import { sizeOf } from '../../core/shape.js'
import type { Attributes } from '../../ir/attributes.js'
import type { GradientEmitter, TrainingEmitter } from '../../ir/gradient.js'
import type { Address, Block, Emitter, KernelEmitter, Operand, PackEmitter } from '../../ir/emitter.js'

/** WebAssembly's addresses have 32 bits. */
const MOST_BYTES = 2 ** 32 - 1

type Rule = 'emit' | 'forward' | 'backward'

/** The rule of an operator under whatever it does wrong with its emitter. */
export function guardedEmit(
  emit: (e: Emitter<Attributes>) => unknown,
  rule: Rule = 'emit',
): (e: Emitter<Attributes>) => void {
  return (e) => {
    const calls = new Calls(rule)
    const wanted = (index: unknown): number => {
      if (e.outputs[index as number]) return index as number
      throw wrong(`the node has no output ${shown(index)}: look at e.outputs first`)
    }
    const more: Partial<Emitter<Attributes>> = {
      output: (index) => calls.makes(index, e.output(wanted(index))),
      overwrite: (index, from) => calls.makes(index, e.overwrite(wanted(index), from)),
      view(index, from, elementOffset = 0) {
        const { shape, dtype } = e.outputs[wanted(index)] ?? {}
        const input = e.input(from)
        checkNumber('the offset of a view', elementOffset, { least: 0, most: MOST_BYTES, whole: true })
        const end = elementOffset * byteSize(input.dtype) + sizeOf(shape ?? []) * byteSize(dtype ?? input.dtype)
        if (end > input.size * byteSize(input.dtype))
          throw wrong(`the view of input ${from} from element ${elementOffset} on ends outside of it`)
        e.view(index, from, elementOffset)
        calls.views.add(index)
      },
      check(operand, test) {
        checkOperand('check', operand)
        checkFunction('what check is given', test)
        e.check(operand, test)
      },
    }
    const training = e as Partial<TrainingEmitter<Attributes>>
    if (training.save) {
      const { save } = training
      Object.assign(more, { save: (bytes: number) => save.call(e, checkedBytes('save', bytes)) })
    }
    calls.finish(emit(guarded(e, calls, rule !== 'emit', more)))
    e.outputs.forEach((type, i) => type && calls.checkWritten(i, sizeOf(type.shape), `output ${i}`))
  }
}

/** The same for a gradient. What it makes no result of has no gradient by this node. */
export function guardedBackward(
  backward: (g: GradientEmitter<Attributes>) => unknown,
): (g: GradientEmitter<Attributes>) => void {
  return (g) => {
    const calls = new Calls('backward')
    const given = (index: unknown): number => {
      if (g.inputs[index as number]) return index as number
      throw wrong(`the node has no input ${shown(index)}: look at g.inputs first`)
    }
    const more: Partial<GradientEmitter<Attributes>> = {
      result: (index) => calls.makes(index, g.result(given(index))),
      pass(index, from) {
        const gradient = g.optionalGradient(from)
        const { size } = g.input(given(index))
        if (gradient && gradient.size !== size)
          throw wrong(`a gradient of ${gradient.size} elements cannot be passed to input ${index}, which has ${size}`)
        g.pass(index, from)
      },
      elements(operand) {
        checkOperand('elements', operand)
        return g.elements(operand)
      },
      store(tensor, to) {
        checkTensor('store', tensor)
        checkOperand('store', to)
        g.store(tensor, to)
        calls.touch(to.at)
      },
    }
    calls.finish(backward(guarded(g, calls, true, more)))
    for (const [i, { size }] of calls.made) calls.checkWritten(i, size, `the gradient by input ${i}`)
  }
}

/** What an operator has asked for while it was emitted, and whether anything has gone there. */
class Calls {
  readonly made = new Map<number, Operand>()
  readonly views = new Set<number>()
  private readonly touched = new Set<Block>()
  private over = false

  constructor(private readonly rule: Rule) {}

  makes(index: number, operand: Operand): Operand {
    this.made.set(index, operand)
    return operand
  }

  touch({ block }: Address): void {
    this.touched.add(block)
  }

  /** @throws LanewiseError `E_STATE` once the rule has returned: nothing would come of it any more. */
  checkOpen(): void {
    if (this.over) throw new LanewiseError('E_STATE', `${this.rule} has returned: it must make its calls at once`)
  }

  finish(returned: unknown): void {
    this.over = true
    refusePromise(this.rule, returned)
  }

  checkWritten(index: number, size: number, what: string): void {
    if (size === 0 || this.views.has(index)) return
    const place = this.made.get(index)
    if (!place || !this.touched.has(place.at.block))
      throw new LanewiseError('E_TENSOR', `${this.rule} writes nothing to ${what}`)
  }
}

function guarded<E extends KernelEmitter>(e: E, calls: Calls, training: boolean, more: Partial<E>): E {
  const own: KernelEmitter = {
    ...guardedPack(e, calls, training),
    build: e.build,
    fast: e.fast,
    perExample: e.perExample,
    scratch: (bytes) => e.scratch(checkedBytes('scratch', bytes)),
    pack(operand, key, bytes, pack) {
      checkOperand('pack', operand)
      checkText('the key of a packed form', key)
      checkFunction('what pack is given', pack)
      return e.pack(operand, key, checkedBytes('pack', bytes), (inner, from, to) => {
        refusePromise('pack', pack(derived(inner, guardedPack(inner, calls, training)), from, to))
      })
    },
    affords(operand, bytes) {
      checkOperand('affords', operand)
      return e.affords(operand, checkedBytes('affords', bytes))
    },
    constant(tensor) {
      checkTensor('constant', tensor)
      return e.constant(tensor)
    },
    host(operands, run) {
      checkList('the operands of host', operands)
      for (const operand of operands) checkOperand('host', operand)
      checkFunction('what host runs', run)
      // Only memory that the node makes is looked at: asking a constant for its place would put it into memory.
      for (const place of calls.made.values()) if (operands.includes(place)) calls.touch(place.at)
      e.host(operands, (...tensors) => refusePromise('what host runs', run(...tensors)))
    },
    note(note) {
      checkRecord('a note', note)
      e.note(note)
    },
  }
  const all = { ...own, ...more }
  for (const [name, method] of Object.entries(all)) {
    if (typeof method !== 'function') continue
    Object.assign(all, {
      [name]: (...args: unknown[]): unknown => {
        calls.checkOpen()
        return (method as (...given: unknown[]) => unknown)(...args)
      },
    })
  }
  return derived(e, all)
}

/** A call whose arguments were looked at. */
type Loose<R = void> = (kernel: string, ...args: readonly unknown[]) => R

function guardedPack(e: PackEmitter, calls: Calls, training: boolean): PackEmitter {
  return {
    call(kernel: string, ...args: unknown[]) {
      checkCall(kernel, args, training)
      for (const arg of args) if (typeof arg === 'object') calls.touch(arg as Address)
      ;(e.call as Loose).call(e, kernel, ...args)
    },
    ask(kernel: string, ...args: unknown[]) {
      checkCall(kernel, args, training)
      return (e.ask as Loose<number>).call(e, kernel, ...args)
    },
    table(data) {
      if (!ArrayBuffer.isView(data) || !('length' in data))
        throw wrong(`a table must be a typed array, got ${kindOf(data)}`)
      return e.table(data)
    },
  }
}

/** An object with some methods of its own in the place of another's; whatever else it is asked for is the other's. */
function derived<E extends object>(e: E, own: Partial<E>): E {
  return Object.assign(Object.create(e) as E, own)
}

let parameters: { readonly inference: Map<string, string>; readonly training: Map<string, string> } | undefined

/** What the parameters of a kernel take, a letter for each; undefined if there is none of this name. */
function parametersOf(kernel: unknown, training: boolean): string | undefined {
  if (!parameters) {
    const table = (lines: string) =>
      new Map(lines.trim().split('\n').map((line) => line.split(' ')).map(([name, kinds = '']) => [name, kinds])) // prettier-ignore
    parameters = { inference: table(inferenceParameters), training: table(trainingParameters) }
  }
  const found = parameters.inference.get(kernel as string)
  return found ?? (training ? parameters.training.get(kernel as string) : undefined)
}

function checkCall(kernel: string, args: readonly unknown[], training: boolean): void {
  const kinds = parametersOf(kernel, training)
  if (kinds === undefined) {
    const why = parametersOf(kernel, true) === undefined ? '' : ' outside of training'
    throw wrong(`there is no kernel ${shown(kernel)}${why}`)
  }
  if (args.length !== kinds.length)
    throw wrong(`the kernel ${kernel} takes ${kinds.length} arguments, got ${args.length}`)
  args.forEach((arg, i) => {
    const expected = misfit(kinds[i], arg)
    if (expected) throw wrong(`argument ${i} of the kernel ${kernel} must be ${expected}, got ${shown(arg)}`)
  })
  for (const [i, bytes] of reachOf(kernel, args as readonly number[])) {
    const { block, offset } = args[i] as Address
    if (block && offset + bytes > block.bytes)
      throw wrong(
        `argument ${i} of the kernel ${kernel}: it goes through ${bytes} bytes there, and there are ${block.bytes - offset}`,
      )
  }
}

/**
 * Kernels that go through all their operands element by element: the place of the count, and those of the addresses.
 */
const straight: Readonly<Record<string, readonly [count: number, ...addresses: number[]]>> = {
  accumulate_f32: [2, 0, 1],
  binary_gradient_f32: [7, 1, 2, 3, 4, 5, 6],
  equal_gradient_f32: [4, 0, 1, 2, 3],
  fill_f32: [2, 0],
  scale_f32: [1, 0],
  sum_squares_f32: [1, 0],
  unary_f32: [3, 1, 2],
  unary_gradient_f32: [5, 1, 2, 3, 4],
}
/** Bytes of the elements that kernels of casts are named by. */
const elementBytes: Readonly<Record<string, number>> = { f64: 8, i64: 8, f32: 4, i32: 4, f16: 2, bf16: 2, i8: 1, u8: 1, bool: 1 } // prettier-ignore

/**
 * How many bytes a kernel goes through from which of its addresses on, for those that operators are mostly made of:
 * beyond the end of an operand lies what belongs to others, and numbers made of it would look right.
 */
function reachOf(kernel: string, args: readonly number[]): readonly (readonly [argument: number, bytes: number])[] {
  const stepped = (count: number, step: number) => (count > 0 ? 4 * ((count - 1) * step + 1) : 0)
  if (kernel === 'binary_f32')
    return [[1, stepped(args[6], args[2])], [3, stepped(args[6], args[4])], [5, 4 * args[6]]] // prettier-ignore
  const [, from, to] = /^cast_(\w+)_(\w+)$/.exec(kernel) ?? []
  if (from) return [[0, elementBytes[from] * args[2]], [1, elementBytes[to] * args[2]]] // prettier-ignore
  const [count, ...addresses] = straight[kernel] ?? []
  return addresses.map((at) => [at, 4 * args[count]])
}

/** What an argument would have to be; undefined if it is that. */
function misfit(kind: string, arg: unknown): string | undefined {
  switch (kind) {
    case 'a': {
      if (arg === 0) return undefined
      const { block, offset } = Object(arg) as Partial<Address>
      if (typeof block !== 'object' || typeof block.bytes !== 'number' || typeof offset !== 'number')
        return 'an address (of an operand: x.at), or 0 for none'
      return offset >= 0 && offset <= block.bytes ? undefined : `an address inside its ${block.bytes} bytes`
    }
    case 'i':
      return Number.isInteger(arg) && Math.abs(arg as number) <= MOST_BYTES ? undefined : 'a whole number'
    case 'l':
      return typeof arg === 'bigint' ? undefined : 'a bigint'
    default:
      return typeof arg === 'number' ? undefined : 'a number'
  }
}

function checkOperand(what: string, operand: unknown): void {
  const { dtype, shape, size } = Object(operand) as Partial<Operand>
  if (typeof dtype !== 'string' || !Array.isArray(shape) || typeof size !== 'number')
    throw wrong(`${what} takes an operand (e.input(0)), got ${kindOf(operand)}`)
}

function checkTensor(what: string, tensor: unknown): asserts tensor is HostTensor {
  const { dtype, shape, data } = Object(tensor) as Partial<HostTensor>
  if (typeof dtype !== 'string' || !Array.isArray(shape) || !data)
    throw wrong(`${what} takes a tensor of elements ({ dtype, shape, data }), got ${kindOf(tensor)}`)
  hostTensor(dtype, shape as readonly number[], data)
}

function checkedBytes(what: string, bytes: number): number {
  checkNumber(`the bytes of ${what}`, bytes, { least: 0, most: MOST_BYTES, whole: true })
  return bytes
}

function refusePromise(what: string, returned: unknown): void {
  if (typeof (returned as PromiseLike<unknown> | undefined | null)?.then !== 'function') return
  // Nobody waits for it; that it cannot be waited for is said here.
  void Promise.resolve(returned).catch(() => undefined)
  throw new LanewiseError('E_TENSOR', `${what} must do its work at once, not return a promise`, {
    expected: 'nothing',
    actual: 'a promise',
  })
}

function wrong(message: string): LanewiseError {
  return new LanewiseError('E_VALUE', message)
}
