import { LanewiseError } from '../core/errors.js'
import { dtypeToOnnx, isDType } from '../core/dtype.js'
import { hostTensor, type HostTensor } from '../core/host.js'
import type { AttributeKind, RawAttribute, RawAttributes } from '../ir/attributes.js'
import type { Graph } from '../ir/graph.js'
import type { OpDefinition } from '../ir/op.js'
import { hostOf, isTensorLike } from './value.js'

/**
 * Attributes given in TypeScript, by the kinds that an operator's schema names; what is `undefined` is left out.
 *
 * @throws LanewiseError `E_GRAPH` for an attribute that the operator does not have, or of another kind.
 */
export function attributesFrom(
  op: Pick<OpDefinition, 'attributes'>,
  given: Readonly<Record<string, unknown>>,
): RawAttributes {
  const raw: RawAttributes = new Map()
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (!Object.hasOwn(op.attributes, name)) throw new LanewiseError('E_GRAPH', `attribute "${name}" is not known`)
    raw.set(name, rawAttribute(op.attributes[name].kind, value, name))
  }
  return raw
}

/**
 * The raw form of a value given in TypeScript; numbers become `int` or `float` by the schema, lists (typed arrays among them) likewise. Where an operator
 * wants the number of an element type (Cast's `to`), its name will do.
 *
 * @throws LanewiseError `E_GRAPH` naming the attribute if the value is of another kind.
 */
export function rawAttribute(kind: AttributeKind, value: unknown, name: string): RawAttribute {
  const raw = rawOf(kind, isTensorLike(value) ? hostOf(value, name) : value)
  if (raw) return raw
  const actual = Array.isArray(value) ? `a list with ${value.length} elements` : typeof value
  throw new LanewiseError('E_GRAPH', `attribute "${name}" has the wrong type`, { expected: kind, actual })
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
      const { nodes, inputs, outputs } = Object(value) as Partial<Graph>
      return nodes && inputs && outputs ? { kind, value: value as Graph } : undefined
    }
    case 'other':
      return { kind, value: value as string }
  }
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
