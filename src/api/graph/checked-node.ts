import { isDType, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostTensor, type HostTensor } from '../../core/host.js'
import { checkList, checkOptions, checkRecord, checkText, kindOf, shown } from '../../core/options.js'
import { parseAttributes, type Attributes } from '../../ir/attributes.js'
import { isValue, type DeclaredType, type Dimension, type Value } from '../../ir/graph.js'
import { checkInputs, checkOutputs, type OpDefinition } from '../../ir/op.js'
import { findOp } from '../../ir/registry.js'
import { platform } from '../../platform/platform.js'
import { attributesFrom } from '../own/attributes.js'
import { hostOf, isTensorLike } from '../value.js'

/** What a node is made with besides its operator, inputs and attributes. */
export interface NodeOptions {
  /** The node's name; one is made of its operator by default. */
  readonly name?: string
  /** The operator's domain; ai.onnx by default. */
  readonly domain?: string
  /** How many outputs it has, 1 by default. */
  readonly outputs?: number
}

/** A node's operator and options, held to what they must be. @throws LanewiseError `E_VALUE`. */
export function checkedOptions(type: string, options: NodeOptions): Required<Omit<NodeOptions, 'name'>> & NodeOptions {
  checkRecord('the options of a node', options)
  checkOptions('a node', options, ['name', 'domain', 'outputs'])
  const { name, domain = '', outputs = 1 } = options
  if (name !== undefined) checkText('the name of a node', name)
  checkText('the name of an operator', type)
  return { name, domain, outputs }
}

/** A node that is being made, as whoever builds or changes a graph gives it. */
interface Wanted {
  readonly type: string
  readonly inputs: readonly unknown[]
  readonly attributes: Readonly<Record<string, unknown>>
  readonly domain: string
  readonly outputs: number
  /** What errors call the node. */
  readonly label: string
}

/** What was wanted of a node, held to what its operator takes. */
export interface CheckedNode {
  readonly op: OpDefinition
  readonly attributes: Attributes
  readonly inputs: readonly (Value | undefined)[]
}

/** Operators of older sets that files may have, whose inputs and attributes are not those of what took their place. */
const ended: Readonly<Record<string, string>> = { Upsample: 'Resize' }

/**
 * Holds a node to its operator's definition.
 *
 * @param valueOf - the value that an input names; undefined for what names none.
 * @throws LanewiseError `E_UNSUPPORTED` for an unknown operator, `E_GRAPH` for wrong attributes, inputs or outputs,
 *   `E_VALUE` for what has the wrong type.
 */
export function checkedNode(wanted: Wanted, valueOf: (input: unknown) => Value | undefined): CheckedNode {
  const { type, inputs, domain, attributes, outputs, label } = wanted
  checkText('the name of an operator', type)
  if (typeof domain !== 'string')
    throw new LanewiseError('E_VALUE', `the domain of ${type} must be a string, got ${kindOf(domain)}`, { op: type })
  let op = findOp(domain, type)
  if (!op) {
    platform().allOpsNow?.()
    op = findOp(domain, type)
  }
  if (!op)
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `the operator ${domain ? `${domain}.` : ''}${type} is not known${domain ? '' : ' (those outside the common set come with "lanewise/ops/all")'}`,
      { op: type, node: label },
    )
  const successor = domain === '' && op.decompose && ended[type]
  if (successor)
    throw new LanewiseError('E_UNSUPPORTED', `newer operator sets have ${successor} in place of ${type}: make that`, {
      op: type,
      node: label,
      expected: successor,
    })
  try {
    checkList(`the inputs of ${type}`, inputs)
    const values = Array.from(inputs, (input, i) => {
      if (input === undefined) return undefined
      const value = valueOf(input)
      if (value) return value
      throw new LanewiseError(
        'E_GRAPH',
        `input ${i} must be a value of the graph, got ${kindOf(input)}${input === null ? ' (undefined leaves one out)' : ''}`,
        {
          expected: 'a value',
          actual: kindOf(input),
        },
      )
    })
    checkInputs(op, values)
    checkOutputs(op, outputs)
    return { op, inputs: values, attributes: parseAttributes(op.attributes, attributesFrom(op, attributes)) }
  } catch (error) {
    throw error instanceof LanewiseError ? error.at(type, label) : error
  }
}

/** A value itself; undefined for anything else. */
export function valueItself(input: unknown): Value | undefined {
  return isValue(input) ? input : undefined
}

/** The elements of a constant. @throws LanewiseError `E_TENSOR` for what is no tensor, or contradicts itself. */
export function constantFrom(name: string, given: unknown): HostTensor {
  checkText('the name of a constant', name)
  if (isTensorLike(given)) return hostOf(given, name)
  const { dtype, shape, data } = Object(given) as Partial<HostTensor>
  if (typeof dtype !== 'string' || !isDType(dtype) || !Array.isArray(shape) || !data)
    throw new LanewiseError('E_TENSOR', `the constant "${name}" must be a Tensor, got ${kindOf(given)}`, {
      tensor: name,
      expected: 'a Tensor',
      actual: kindOf(given),
    })
  return hostTensor(dtype, shape as readonly number[], data)
}

/**
 * What an input is declared to be. @throws LanewiseError `E_VALUE` for an unknown type or kind, or a shape that is
 * none.
 */
export function declaredFrom(
  name: string,
  dtype: DType,
  shape: readonly Dimension[] | undefined,
  kind: DeclaredType['kind'],
): DeclaredType {
  checkText('the name of an input', name)
  const refuse = (what: string, expected: string, value: unknown): never => {
    const actual = shown(value)
    throw new LanewiseError('E_VALUE', `the ${what} of input "${name}" must be ${expected}, got ${actual}`, {
      tensor: name,
      expected,
      actual,
    })
  }
  if (typeof dtype !== 'string' || !isDType(dtype)) refuse('type', 'an element type such as float32', dtype)
  if (kind !== 'tensor' && kind !== 'sequence' && kind !== 'optional')
    refuse('kind', 'tensor, sequence or optional', kind)
  if (shape === undefined) return { kind, dtype, shape }
  if (!Array.isArray(shape)) refuse('shape', 'a list of sizes', shape)
  for (const size of shape) if (!isDimension(size)) refuse('shape', 'sizes, names of sizes, and null', size)
  return { kind, dtype, shape: [...shape] }
}

/** Whether an axis may be said so: a size, the name of one that is free, or null. */
export function isDimension(size: unknown): size is Dimension {
  if (typeof size === 'string') return size !== ''
  return size === null || (Number.isSafeInteger(size) && (size as number) >= 0)
}

/** A name that is not taken: the stem itself, or with a number. */
export function unusedName(stem: string, taken: ReadonlySet<string>): string {
  if (!taken.has(stem)) return stem
  for (let i = 1; ; i++) if (!taken.has(`${stem}_${i}`)) return `${stem}_${i}`
}
