// A graph of JSON that write-graph.ts has written, or that somebody has made to mislead: nothing in it is believed.
import { isDType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { MAX_RANK } from '../../core/shape.js'
import type { AttributeSpec } from '../../ir/attributes.js'
import { notFused, type DeclaredType, type Graph, type Node, type Value } from '../../ir/graph.js'
import type { Fused } from '../../ir/emitter.js'
import { checkInputs, checkOutputs, type OpDefinition } from '../../ir/op.js'
import { damaged } from './format.js'

const DEPTH_LIMIT = 64
const kinds: readonly string[] = ['tensor', 'sequence', 'optional', 'map'] satisfies DeclaredType['kind'][]

export function listOf(value: unknown, what: string): readonly unknown[] {
  return Array.isArray(value) ? value : damaged(`${what} is no list`)
}

export function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) damaged(`${what} is no object`)
  return value as Record<string, unknown>
}

export function textOf(value: unknown, what: string): string {
  return typeof value === 'string' ? value : damaged(`${what} is no text`)
}

/** A whole number from `least` to `most`. */
export function numberOf(value: unknown, what: string, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
    damaged(`${what} is ${JSON.stringify(value)}, not a whole number from ${least} to ${most}`)
  return value as number
}

export function shapeOf(value: unknown, what: string): readonly number[] {
  const list = listOf(value, what)
  if (list.length > MAX_RANK) damaged(`${what} has ${list.length} axes`)
  return list.map((size) => numberOf(size, `a size of ${what}`, 0, Number.MAX_SAFE_INTEGER))
}

/** Which values of a graph have been made so far: those of the graphs around it among them. */
class Made {
  private readonly own = new Set<Value>()

  constructor(private readonly around: Made | undefined) {}

  has(value: Value): boolean {
    return value.constant !== undefined || this.own.has(value) || (this.around?.has(value) ?? false)
  }

  add(value: Value): void {
    if (this.has(value)) damaged(`the value ${JSON.stringify(value.name)} is made twice`)
    this.own.add(value)
  }
}

/** Where operators are looked up. */
export interface Operators {
  find(domain: string, name: string): OpDefinition | undefined
  /** What to say of one that is not known. */
  readonly hint: string
}

/** Reads graphs over the values and tensors of a file. */
export class GraphReader {
  private readonly values: readonly Value[]

  constructor(
    values: unknown,
    private readonly tensors: readonly HostTensor[],
    private readonly operators: Operators,
  ) {
    this.values = listOf(values, 'the list of values').map((value) => this.value(value))
  }

  graph(written: unknown, around?: Made, depth = 0): Graph {
    if (depth > DEPTH_LIMIT) damaged(`graphs are nested more than ${DEPTH_LIMIT} deep`)
    const { name, inputs, outputs, nodes } = recordOf(written, 'a graph')
    const made = new Made(around)
    const given = listOf(inputs, 'the inputs').map((number) => this.valueAt(number))
    // Of values with a default there may be inputs, too.
    for (const value of given) if (!value.constant) made.add(value)
    const read = listOf(nodes, 'the nodes').map((node) => this.node(node, made, depth))
    const results = listOf(outputs, 'the outputs').map((number) => this.valueAt(number))
    for (const value of results) this.expect(value, made)
    return { name: textOf(name, 'the name of a graph'), inputs: given, outputs: results, nodes: read }
  }

  private value(written: unknown): Value {
    const [name, declared, tensor] = listOf(written, 'a value')
    const value: Value = { name: textOf(name, 'the name of a value') }
    if (declared !== null) value.declared = declaredOf(declared)
    if (tensor !== -1) value.constant = this.tensorAt(tensor)
    return value
  }

  private valueAt(number: unknown): Value {
    return this.values[numberOf(number, 'a value', 0, this.values.length - 1)]
  }

  private tensorAt(number: unknown): HostTensor {
    return this.tensors[numberOf(number, 'a tensor', 0, this.tensors.length - 1)]
  }

  private expect(value: Value, made: Made): void {
    if (!made.has(value)) damaged(`the value ${JSON.stringify(value.name)} is used before it is made`)
  }

  private node(written: unknown, made: Made, depth: number): Node {
    const [domain, opName, nodeName, attributes, inputs, outputs, fused] = listOf(written, 'a node')
    const name = textOf(nodeName, 'the name of a node')
    const op = this.operators.find(
      textOf(domain, 'the domain of an operator'),
      textOf(opName, 'the name of an operator'),
    )
    if (!op)
      throw new LanewiseError('E_UNSUPPORTED', `the operator is not known${this.operators.hint}`).at(
        String(opName),
        name,
      )
    const optional = (number: unknown) => (number === -1 ? undefined : this.valueAt(number))
    const given = listOf(inputs, 'the inputs of a node').map(optional)
    for (const value of given) if (value) this.expect(value, made)
    const results = listOf(outputs, 'the outputs of a node').map(optional)
    try {
      const folded = fused === undefined ? notFused : this.fused(fused, given)
      checkInputs(op, withoutFused(op, given, folded))
      checkOutputs(op, results.length)
      const parsed = this.attributes(op, attributes, made, depth)
      for (const value of results) {
        if (value?.constant) damaged(`the constant ${JSON.stringify(value.name)} is made by a node`)
        if (value) made.add(value)
      }
      return { op, name, attributes: parsed, inputs: given, outputs: results, fused: folded }
    } catch (error) {
      throw error instanceof LanewiseError ? error.at(op.name, name) : error
    }
  }

  private attributes(op: OpDefinition, written: unknown, made: Made, depth: number): Record<string, unknown> {
    const given = new Map<string, unknown>()
    for (const one of listOf(written, 'the attributes')) {
      const [key, value] = listOf(one, 'an attribute')
      given.set(textOf(key, 'the name of an attribute'), this.attribute(value, made, depth))
    }
    const parsed: Record<string, unknown> = {}
    for (const [key, spec] of Object.entries(op.attributes)) {
      const value = given.get(key)
      if (value === undefined && spec.required) damaged(`the attribute ${key} is missing`)
      if (value !== undefined && !isOfKind(spec, value)) damaged(`the attribute ${key} is no ${spec.kind}`)
      parsed[key] = value ?? spec.fallback
      given.delete(key)
    }
    for (const key of given.keys()) damaged(`the attribute ${JSON.stringify(key)} is not known`)
    return parsed
  }

  private attribute(written: unknown, made: Made, depth: number): unknown {
    if (written === null) return undefined
    if (typeof written !== 'object') return written
    if (depth > DEPTH_LIMIT) damaged('an attribute is nested too deeply')
    if (Array.isArray(written)) return written.map((one: unknown) => this.attribute(one, made, depth + 1))
    const [[kind, value] = ['', undefined]] = Object.entries(written)
    switch (kind) {
      case 'number':
        if (value !== 'NaN' && value !== 'Infinity' && value !== '-Infinity' && value !== '-0')
          damaged('a number is none')
        return Number(value)
      case 'bigint':
        if (!/^-?\d{1,20}$/.test(textOf(value, 'a number'))) damaged('a number is none')
        return BigInt(value as string)
      case 'tensor':
        return this.tensorAt(value)
      case 'graph':
        return this.graph(value, made, depth + 1)
      case 'record':
        return Object.fromEntries(
          listOf(value, 'an attribute').map((one) => {
            const [key, inner] = listOf(one, 'an attribute')
            return [textOf(key, 'a name'), this.attribute(inner, made, depth + 1)]
          }),
        )
      default:
        return damaged('an attribute is of no kind')
    }
  }

  private fused(written: unknown, inputs: readonly (Value | undefined)[]): Fused {
    const { activation, bias, residual, ...others } = recordOf(
      this.attribute(written, new Made(undefined), 0),
      'what is fused',
    )
    for (const key of Object.keys(others)) damaged(`${JSON.stringify(key)} cannot be fused`)
    for (const index of [bias, residual])
      if (index !== undefined && !inputs[numberOf(index, 'a fused input', 0, inputs.length - 1)])
        damaged('a fused input is missing')
    if (activation !== undefined) {
      const { code, a, b } = recordOf(activation, 'an activation')
      numberOf(code, 'an activation', 0, 255)
      if (typeof a !== 'number' || typeof b !== 'number') damaged('the parameters of an activation are no numbers')
    }
    const read = { activation, bias, residual } as Record<string, unknown>
    return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined)) as Fused
  }
}

/** The inputs that an operator has by itself: those that passes have added stand after the most that it can have. */
function withoutFused(
  op: OpDefinition,
  inputs: readonly (Value | undefined)[],
  { bias, residual }: Fused,
): readonly (Value | undefined)[] {
  const most = typeof op.arity === 'number' ? op.arity : op.arity[1]
  let count = inputs.length
  while (count > most && (count - 1 === bias || count - 1 === residual)) count--
  return inputs.slice(0, count)
}

function declaredOf(written: unknown): DeclaredType {
  const { kind, dtype, shape } = recordOf(written, 'a declared type')
  if (!kinds.includes(kind as string)) damaged('a declared type is of no kind')
  if (dtype !== undefined && !isDType(textOf(dtype, 'an element type')))
    damaged(`there is no type ${JSON.stringify(dtype)}`)
  const sizes =
    shape === undefined
      ? undefined
      : listOf(shape, 'a declared shape').map((size) =>
          size === null || typeof size === 'string'
            ? size
            : numberOf(size, 'a declared size', 0, Number.MAX_SAFE_INTEGER),
        )
  return { kind, dtype, shape: sizes } as DeclaredType
}

/** Whether a value is what an operator's schema says of an attribute. */
function isOfKind({ kind, exact }: AttributeSpec<unknown>, value: unknown): boolean {
  const whole = (one: unknown) => Number.isSafeInteger(one) || (exact === true && typeof one === 'bigint')
  const every = (test: (one: unknown) => boolean) => Array.isArray(value) && value.every(test)
  switch (kind) {
    case 'int':
      return whole(value)
    case 'float':
      return typeof value === 'number'
    case 'string':
      return typeof value === 'string'
    case 'ints':
      return every(whole)
    case 'floats':
      return every((one) => typeof one === 'number')
    case 'strings':
      return every((one) => typeof one === 'string')
    case 'tensor':
      return typeof value === 'object' && value !== null && 'dtype' in value
    case 'graph':
      return typeof value === 'object' && value !== null && 'nodes' in value
    default:
      return true
  }
}
