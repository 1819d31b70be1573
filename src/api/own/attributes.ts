import { LanewiseError } from '../../core/errors.js'
import { allDTypes, dtypeToOnnx, isDType } from '../../core/dtype.js'
import { clampToSafe, hostTensor, type HostTensor } from '../../core/host.js'
import { checkRecord } from '../../core/options.js'
import {
  wrongType,
  type AttributeKind,
  type AttributeSpec,
  type RawAttribute,
  type RawAttributes,
} from '../../ir/attributes.js'
import { graphOf } from '../../ir/graph.js'
import type { OpDefinition } from '../../ir/op.js'
import { hostOf, isTensorLike } from '../value.js'

/**
 * Attributes given in TypeScript, by the kinds that an operator's schema names; what is `undefined` is left out.
 *
 * @throws LanewiseError `E_GRAPH` for an attribute that the operator does not have, or of another kind.
 */
export function attributesFrom(
  op: Pick<OpDefinition, 'attributes'>,
  given: Readonly<Record<string, unknown>>,
): RawAttributes {
  checkRecord('attributes', given)
  const raw: RawAttributes = new Map()
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (!Object.hasOwn(op.attributes, name)) throw new LanewiseError('E_GRAPH', `attribute "${name}" is not known`)
    raw.set(name, rawAttribute(op.attributes[name], value, name))
  }
  return raw
}

/**
 * The raw form of a value given in TypeScript; numbers become `int` or `float` by the schema, lists (typed arrays among
 * them) likewise. Where an operator wants the number of an element type (Cast's `to`), its name will do.
 *
 * @throws LanewiseError `E_GRAPH` naming the attribute if the value is of another kind; `E_VALUE` if it is a number
 *   that would not stay what it is.
 */
export function rawAttribute(
  { kind, exact }: Pick<AttributeSpec<unknown>, 'kind' | 'exact'>,
  value: unknown,
  name: string,
): RawAttribute {
  const raw = rawOf(kind, isTensorLike(value) ? hostOf(value, name) : value)
  if (raw) {
    checkRange(raw, exact ?? false, name)
    return raw
  }
  const actual = Array.isArray(value) ? `a list with ${value.length} elements` : value === null ? 'null' : typeof value
  const mayNameType = kind === 'int' && typeof value === 'string' && /^to$|type$/.test(name)
  return mayNameType ? wrongType(name, `int or ${allDTypes().join(', ')}`, `"${value}"`) : wrongType(name, kind, actual)
}

function rawOf(kind: AttributeKind, value: unknown): RawAttribute | undefined {
  switch (kind) {
    case 'int': {
      const whole = integer(typeof value === 'string' && isDType(value) ? dtypeToOnnx(value) : value)
      return whole === undefined ? undefined : { kind, value: whole }
    }
    case 'float':
      return typeof value === 'number' ? { kind, value } : undefined
    case 'string':
      return typeof value === 'string' ? { kind, value } : undefined
    case 'ints': {
      const items = list(value)?.map(integer)
      return items?.every((item) => item !== undefined) ? { kind, value: items } : undefined
    }
    case 'floats': {
      const items = list(value)
      return items?.every((item) => typeof item === 'number') ? { kind, value: items } : undefined
    }
    case 'strings': {
      const items = list(value)
      return items?.every((item) => typeof item === 'string') ? { kind, value: items } : undefined
    }
    case 'tensor': {
      const { dtype, shape, data } = Object(value) as Partial<HostTensor>
      return dtype && isDType(dtype) && shape && data ? { kind, value: hostTensor(dtype, shape, data) } : undefined
    }
    case 'graph': {
      const graph = graphOf(value)
      return graph && { kind, value: graph }
    }
    case 'other':
      return { kind, value: value as string }
  }
}

/** Numbers that ONNX could only write as others are refused: nothing would say that they have changed. */
function checkRange(raw: RawAttribute, exact: boolean, name: string): void {
  const refuse = (value: number | bigint, what: string): never => {
    throw new LanewiseError('E_VALUE', `attribute "${name}" is ${value}, beyond ${what}`, { actual: String(value) })
  }
  if (raw.kind === 'int' || raw.kind === 'ints')
    for (const value of raw.kind === 'int' ? [raw.value] : raw.value) {
      if (BigInt.asIntN(64, value) !== value) refuse(value, 'int64')
      if (!exact && BigInt(clampToSafe(value)) !== value) refuse(value, '±(2^53 − 1): as a tensor it would be exact')
    }
  if (raw.kind === 'float' || raw.kind === 'floats')
    for (const value of raw.kind === 'float' ? [raw.value] : raw.value)
      if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) refuse(value, 'float32')
}

function integer(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  return typeof value === 'boolean' || Number.isInteger(value) ? BigInt(value as number) : undefined
}

function list(value: unknown): unknown[] | undefined {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value)
    ? Array.from(value as ArrayLike<unknown>)
    : undefined
}
