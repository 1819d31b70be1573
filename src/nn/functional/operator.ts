import { rawAttribute } from '../../api/own/attributes.js'
import { checkArguments } from '../../core/arguments.js'
import { apply } from '../../autograd/apply.js'
import type { Device } from '../../autograd/device.js'
import { Variable } from '../../autograd/variable.js'
import { LanewiseError } from '../../core/errors.js'
import { clampToSafe } from '../../core/host.js'
import { checkList, checkRecord, kindOf } from '../../core/options.js'
import type { AttributeKind, RawAttribute, RawAttributes } from '../../ir/attributes.js'
import type { OpDefinition, UpgradeContext } from '../../ir/op.js'
import { findOp, knownOps } from '../../ir/registry.js'
import { knowEveryGradient } from './every-operator.js'
import type { AttributesByName } from './operator-names.js'

/** An operator of ai.onnx whose attributes TypeScript knows. Others are called by their names just as well. */
export type OperatorName = keyof AttributesByName

type Inputs = readonly (Variable | undefined)[]
type Given = Readonly<Record<string, unknown>>

const nothing: Given = {}

/**
 * Any operator that has a forward, by its ONNX name ("Clip"; of another domain "com.microsoft::FastGelu") or its
 * definition.
 *
 * Attributes are those of the newest operator set; those of an older one are taken, too, where that has since made them
 * inputs: `op('Clip', [x], { min: 0, max: 6 })`, `op('ReduceSum', [x], { axes: [1] })`, `op('TopK', [x], { k: 3 })`.
 *
 * @param inputs - in the operator's order; undefined for an optional one that is left out.
 * @param attributes - as ONNX names them; defaults are filled in, booleans are 0 and 1. An object that is used again is
 *   checked only once.
 * @param outputs - how many of the operator's outputs are wanted, from the first on.
 * @param device - where an operator without inputs makes its result; otherwise that of the inputs.
 * @returns the outputs, always as an array.
 * @throws LanewiseError `E_UNSUPPORTED` for a name that is not known and for operators over sequences, maps and graphs;
 * `E_GRAPH` for inputs, attributes or outputs that it does not have; as the operator's shape inference does.
 */
export function op<N extends OperatorName>(
  name: N,
  inputs: Inputs,
  attributes?: AttributesByName[N],
  outputs?: number,
  device?: Device,
): Variable[]
export function op(
  nameOrDefinition: string | OpDefinition<never>,
  inputs: Inputs,
  attributes?: Given,
  outputs?: number,
  device?: Device,
): Variable[]
export function op(
  nameOrDefinition: string | OpDefinition<never>,
  inputs: Inputs,
  attributes: Given = nothing,
  outputs = 1,
  device?: Device,
): Variable[] {
  checkArguments(
    'F.op',
    { name: nameOrDefinition, inputs, attributes, outputs, device },
    'string|object',
    'any',
    'any',
    'size?',
    'device?',
  )
  knowEveryGradient()
  const definition = typeof nameOrDefinition === 'string' ? named(nameOrDefinition) : (nameOrDefinition as OpDefinition)
  checkList(`the inputs of ${definition.name}`, inputs)
  checkRecord(`the attributes of ${definition.name}`, attributes)
  inputs.forEach((input, i) => {
    if (input !== undefined && !(input instanceof Variable))
      throw new LanewiseError(
        'E_VALUE',
        `input ${i} of ${definition.name} must be a tensor of a device, got ${kindOf(input)}${input === null ? ' (undefined leaves one out)' : ''}`,
        {
          op: definition.name,
          expected: 'a Variable',
          actual: kindOf(input),
        },
      )
  })
  const on = inputs.find((input) => input)?.device ?? device
  if (!on)
    throw new LanewiseError('E_VALUE', `${definition.name} without inputs needs a device`, { op: definition.name })
  const old = definition.decompose || Object.keys(attributes).some((key) => !Object.hasOwn(definition.attributes, key))
  const results = old
    ? applyOlder(on, definition, inputs, attributes, outputs)
    : apply(on, definition, inputs, attributes, outputs)
  if (results.length < outputs)
    throw new LanewiseError('E_GRAPH', `it makes ${results.length} outputs here, not ${outputs}`, {
      expected: String(outputs),
      actual: String(results.length),
    }).at(definition.name, on.place)
  return results
}

/** The definition of "Name" or "domain::Name". */
function named(name: string): OpDefinition {
  const at = name.lastIndexOf('::')
  const [domain, type] = at < 0 ? ['', name] : [name.slice(0, at), name.slice(at + 2)]
  const found = findOp(domain, type)
  if (found) return found
  const like = knownOps().find(
    (known) => known.name.toLowerCase() === type.toLowerCase() && (known.domain !== domain || known.name !== type),
  )
  const hint = like
    ? `: is it ${like.domain ? `${like.domain}::` : ''}${like.name}?`
    : ' (those outside the common set come with "lanewise/ops/all")'
  throw new LanewiseError('E_UNSUPPORTED', `the operator ${name} is not known${hint}`, { op: name })
}

/** The newest operator set there may be: no upgrade is for nodes of it. */
const NEWEST = 1000

/**
 * An operator in the form of an older operator set, brought to today's as an importer does: of the newest set that has
 * these attributes. What the upgrade puts before it is applied on the way.
 */
function applyOlder(
  device: Device,
  definition: OpDefinition,
  inputs: Inputs,
  given: Given,
  outputs: number,
): Variable[] {
  const { upgrades = [] } = definition
  const sets = new Set([NEWEST, ...upgrades.map(({ below }) => Math.min(NEWEST, below - 1))])
  let refused: unknown
  for (const opset of [...sets].sort((a, b) => b - a)) {
    for (const raw of readings(definition, given)) {
      try {
        const { op, names, values, attributes } = upgraded(device, definition, inputs, raw, outputs, opset)
        if (raw.looked && Object.keys(attributes).every((key) => Object.hasOwn(op.attributes, key)))
          return apply(
            device,
            op,
            names.map((name) => values.get(name)),
            attributes,
            outputs,
          )
      } catch (error) {
        // A wrong reading of a number: as a float where the operator had a whole one, or the other way round.
        if (!(error instanceof LanewiseError) || error.code !== 'E_GRAPH') throw error
        refused ??= error
      }
    }
  }
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(definition.attributes, key))
  if (unknown === undefined) throw refused
  // It would have been the next one.
  device.applied++
  throw new LanewiseError('E_GRAPH', `attribute "${unknown}" is not known`).at(definition.name, device.place)
}

function upgraded(
  device: Device,
  definition: OpDefinition,
  inputs: Inputs,
  raw: RawAttributes,
  outputs: number,
  opset: number,
) {
  const values = new Map<string, Variable>()
  const nameOf = (value: Variable | undefined): string => {
    if (!value) return ''
    const name = `v${values.size}`
    values.set(name, value)
    return name
  }
  let current = definition
  const context: UpgradeContext = {
    opset,
    inputs: inputs.map(nameOf),
    outputs: Array.from({ length: outputs }, (_, i) => `output${i}`),
    attributes: raw,
    constant: (tensor) => nameOf(device.constant(tensor)),
    node: (type, names, attributes = {}) => {
      const plain: Given = attributes instanceof Map ? plainOf(attributes) : attributes
      const operands = names.map((name) => values.get(name))
      return nameOf(op(type, operands, plain, 1, device)[0])
    },
    rename: (type, domain) => (current = named(domain ? `${domain}::${type}` : type)),
  }
  for (const upgrade of definition.upgrades ?? []) if (opset < upgrade.below) upgrade.apply(context)
  definition.decompose?.(context)
  return { op: current, names: context.inputs, values, attributes: plainOf(raw) }
}

/** Attributes that know whether an upgrade has looked at each that the operator does not have today. */
class Looked extends Map<string, RawAttribute> {
  private readonly waiting: Set<string>

  constructor({ attributes }: OpDefinition, entries: readonly (readonly [string, RawAttribute])[]) {
    super(entries)
    this.waiting = new Set(entries.flatMap(([key]) => (Object.hasOwn(attributes, key) ? [] : [key])))
  }

  get looked(): boolean {
    return this.waiting.size === 0
  }

  override get(key: string): RawAttribute | undefined {
    this.waiting.delete(key)
    return super.get(key)
  }
}

/**
 * What attributes may mean that only an older form knows: its numbers are floats or whole, as they are not for the
 * schema to say any more.
 */
function* readings(definition: OpDefinition, given: Given): Generator<Looked> {
  const present = Object.entries(given).filter(([, value]) => value !== undefined)
  const whole = present.some(([key, value]) => !Object.hasOwn(definition.attributes, key) && Number.isInteger(value))
  for (const asInt of whole ? [false, true] : [false]) {
    yield new Looked(
      definition,
      present.map(([key, value]): [string, RawAttribute] => [
        key,
        rawAttribute(
          Object.hasOwn(definition.attributes, key)
            ? definition.attributes[key]
            : { kind: attributeKind(value, asInt), exact: true },
          value,
          key,
        ),
      ]),
    )
  }
}

function attributeKind(value: unknown, asInt: boolean): AttributeKind {
  if (typeof value === 'number') return asInt && Number.isInteger(value) ? 'int' : 'float'
  if (typeof value === 'boolean') return 'int'
  if (typeof value === 'string') return 'string'
  const items: readonly unknown[] = Array.isArray(value) || ArrayBuffer.isView(value) ? Array.from(value as never) : []
  if (items.length > 0 && items.every((item) => typeof item === 'string')) return 'strings'
  return items.every(Number.isInteger) ? 'ints' : 'floats'
}

/** Attributes as TypeScript gives them. */
function plainOf(raw: RawAttributes): Given {
  return Object.fromEntries(
    [...raw].map(([key, { kind, value }]) => [
      key,
      kind === 'int' ? clampToSafe(value) : kind === 'ints' ? Array.from(value, clampToSafe) : value,
    ]),
  )
}
