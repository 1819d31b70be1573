import { LanewiseError } from '../../core/errors.js'
import type { HostTensor, HostValue } from '../../core/host.js'
import { isDType } from '../../core/dtype.js'
import { checkFunction, checkOptions, checkRecord, checkText, kindOf, shown } from '../../core/options.js'
import type { AttributeKind, AttributeSchema, AttributeSpec } from '../../ir/attributes.js'
import { rawAttribute } from './attributes.js'
import { listOf } from '../../ir/compute.js'
import type { ComputeContext, ControlContext, OpDefinition, RunBody, TensorType, ValueContext } from '../../ir/op.js'
import { registerDefinition } from '../../ir/registry.js'
import { guardedBackward, guardedEmit } from './guarded-emitter.js'
import { fromSimple, type SimpleOp } from './simple-op.js'

/**
 * Makes an operator known to sessions, `GraphBuilder`, `loadGraph` and, in training, `F.op`: one of functions of
 * tensors, or a full definition made by `defineOp`. One of the same name and domain is replaced; graph passes, which
 * know what our operators do by their names, then leave its nodes as they are.
 *
 * Tensors that its functions in TypeScript are given are copies, and so is what becomes of their results: a function
 * may write into what it was given and return the same memory again.
 *
 * @returns the definition.
 * @throws LanewiseError `E_VALUE` if it has no way to compute anything, or a field that is not what it must be.
 */
export function registerOp<S extends AttributeSchema>(operator: SimpleOp<S>): OpDefinition
export function registerOp<A>(operator: OpDefinition<A>): OpDefinition
export function registerOp(operator: SimpleOp<AttributeSchema> | OpDefinition): OpDefinition {
  checkRecord('an operator', operator)
  checkText("an operator's name", operator.name)
  const { name, domain, attributes } = operator
  const fail = (what: string, expected: string, value: unknown): never => {
    const actual = typeof value === 'number' || Array.isArray(value) ? String(value) : kindOf(value)
    throw new LanewiseError('E_VALUE', `${what} must be ${expected}, got ${actual}`, { op: name, expected, actual })
  }
  if (typeof domain !== 'string') fail("an operator's domain", 'a string', domain)
  const full = isFull(operator)
  const arity: unknown = full ? operator.arity : operator.inputs
  if (!isArity(arity) && (full || arity !== undefined))
    fail(`${full ? 'arity' : 'inputs'} of the operator ${name}`, 'a count, or [the fewest, the most]', arity)
  if (attributes !== undefined || full) {
    checkRecord("an operator's attributes", attributes)
    for (const [key, spec] of Object.entries(attributes)) {
      const { kind, fallback } = Object(spec) as Partial<AttributeSpec<unknown>>
      if (!kinds.has(kind as AttributeKind))
        fail(`the attribute "${key}"`, 'what int(), float(), string() and their like return', spec)
      else if (fallback !== undefined) rawAttribute({ kind: kind as AttributeKind }, fallback, key)
    }
  }
  if (!full) checkOptions('an operator', operator, ['name', 'domain', 'inputs', 'arity', 'attributes', ...simpleRules])
  for (const rule of full ? rules : simpleRules) {
    const value = (operator as object as Partial<Record<string, unknown>>)[rule]
    if (value !== undefined) checkFunction(`${rule} of the operator ${name}`, value)
  }
  if (full && operator.gradient !== undefined) {
    checkRecord(`gradient of the operator ${name}`, operator.gradient)
    checkOptions(`gradient of the operator ${name}`, operator.gradient, gradientFields)
    checkFunction(`gradient.backward of the operator ${name}`, operator.gradient.backward)
    for (const rule of ['forward', 'layout', 'kernel'] as const) {
      const value: unknown = operator.gradient[rule]
      if (value !== undefined) checkFunction(`gradient.${rule} of the operator ${name}`, value)
    }
  }
  return registerDefinition(guarded(full ? operator : (fromSimple(operator) as OpDefinition)))
}

const simpleRules = ['infer', 'compute', 'gradient', 'body'] as const
const rules = ['infer', 'layout', 'kernel', 'emit', 'compute', 'work', 'values', 'activation', 'control', 'body', 'decompose'] as const // prettier-ignore

const gradientFields = ['backward', 'forward', 'layout', 'kernel', 'inputs', 'anyFloat', 'outputs'] as const

const kinds: ReadonlySet<AttributeKind> = new Set([
  'int',
  'ints',
  'float',
  'floats',
  'string',
  'strings',
  'tensor',
  'graph',
  'other',
])

function isFull(operator: SimpleOp<AttributeSchema> | OpDefinition): operator is OpDefinition {
  return operator.arity !== undefined
}

function isArity(arity: unknown): boolean {
  const whole = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0
  if (!Array.isArray(arity)) return whole(arity)
  const [least, most] = arity as unknown[]
  return arity.length === 2 && whole(least) && (most === Infinity || whole(most)) && most >= least
}

/**
 * The operator with functions that may do with their tensors what they like (memory and constants are shared with
 * others), and with emitters that know what a caller can get wrong.
 */
function guarded(op: OpDefinition): OpDefinition {
  const { infer, emit, gradient, compute, work, values, control } = op
  const tensors = (c: ComputeContext<never>) => ({ ...c, inputs: c.inputs.map((input) => input && copyOf(input)) })
  const all = <C extends ValueContext<never>>(c: C) => ({
    ...c,
    inputs: c.inputs.map((input) => input && copyOfValue(input)),
  })
  const own: Partial<OpDefinition> = {
    outputs: op.outputs ?? Infinity,
    ...(infer && { infer: (c) => checkedTypes(infer.call(op, c)) }),
    ...(emit && { emit: guardedEmit((e) => emit.call(op, e)) }),
    ...(gradient && {
      gradient: Object.assign(Object.create(gradient) as typeof gradient, {
        backward: guardedBackward((g) => gradient.backward(g)),
        ...(gradient.forward && { forward: guardedEmit((e) => gradient.forward?.(e as never), 'forward') }),
      }),
    }),
    ...(compute && {
      compute: (c) => noMore(copies(compute.call(op, tensors(c as never) as never)), infer && c.outputs.length),
    }),
    ...(work && {
      *work(c) {
        return copies(yield* work.call(op, tensors(c as never) as never))
      },
    }),
    ...(values && { values: (c) => values.call(op, all(c as ValueContext<never>) as never) }),
    ...(control && {
      *control(c, run: RunBody) {
        const steps = control.call(op, all(c as ControlContext<never>) as never, run)
        return Symbol.iterator in Object(steps) ? yield* steps : listOf(steps as never, 'control, a generator,')
      },
    }),
  }
  return Object.assign(Object.create(op) as OpDefinition, own)
}

/** What `infer` has returned. @throws LanewiseError `E_TENSOR` for anything but types and shapes. */
function checkedTypes(types: readonly TensorType[]): readonly TensorType[] {
  listOf<unknown>(types, 'infer').forEach((type, i) => {
    const { dtype, shape } = Object(type) as Partial<TensorType>
    if (typeof dtype !== 'string' || !isDType(dtype) || !Array.isArray(shape))
      throw new LanewiseError('E_TENSOR', `infer must return types and shapes; output ${i} has none`)
    const sizes = Array.from<unknown>(shape)
    const at = sizes.findIndex((size) => !Number.isSafeInteger(size) || (size as number) < 0)
    if (at >= 0) throw new LanewiseError('E_TENSOR', `infer says that size ${at} of output ${i} is ${shown(sizes[at])}`)
  })
  return types
}

/** @throws LanewiseError `E_TENSOR` for more outputs than were promised: nobody would look at them. */
function noMore(results: readonly HostTensor[], promised: number | undefined): readonly HostTensor[] {
  if (promised === undefined || !Array.isArray(results) || results.length <= promised) return results
  throw new LanewiseError('E_TENSOR', `compute returned ${results.length} outputs, infer promised ${promised}`)
}

/** Copies of tensors; whatever else was returned is refused by whoever called. */
function copies(results: readonly HostTensor[]): readonly HostTensor[] {
  return Array.isArray(results)
    ? results.map((result: HostTensor) => (isTensor(result) ? copyOf(result) : result))
    : results
}

function isTensor(result: Partial<HostTensor> | null | undefined): boolean {
  const { shape, data } = result ?? {}
  return Array.isArray(shape) && (Array.isArray(data) || ArrayBuffer.isView(data))
}

function copyOf({ dtype, shape, data }: HostTensor): HostTensor {
  return { dtype, shape: [...shape], data: data.slice() }
}

function copyOfValue(value: HostValue): HostValue {
  if (!('kind' in value)) return copyOf(value)
  if (value.kind === 'sequence') return { ...value, items: value.items.map(copyOfValue) }
  if (value.kind === 'map') return { ...value, entries: new Map(value.entries) }
  return value.value === null ? value : { ...value, value: copyOfValue(value.value) as HostTensor }
}
