import { LanewiseError } from '../core/errors.js'

const LIST = ['push', 'pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'fill', 'copyWithin']
const MAP = ['set', 'delete', 'clear']
const SET = ['add', 'delete', 'clear']

/**
 * A copy that says what to do instead where it would be changed: a change of a copy would be lost without a word.
 *
 * @param instead - such as "add, replace and remove change the nodes of a graph".
 */
export function readOnlyList<T>(list: readonly T[], instead: string): readonly T[] {
  const refuse = () => {
    throw new LanewiseError('E_STATE', `writing into this list changes nothing: ${instead}`)
  }
  return new Proxy(refusing([...list], LIST, instead), {
    set: refuse,
    deleteProperty: refuse,
    defineProperty: refuse,
  })
}

/** The same of a map. */
export function readOnlyMap<K, V>(map: ReadonlyMap<K, V>, instead: string): ReadonlyMap<K, V> {
  return refusing(new Map(map), MAP, instead)
}

/** The same of a set. */
export function readOnlySet<T>(set: Iterable<T>, instead: string): ReadonlySet<T> {
  return refusing(new Set(set), SET, instead)
}

function refusing<T extends object>(copy: T, methods: readonly string[], instead: string): T {
  for (const method of methods)
    Object.defineProperty(copy, method, {
      value: () => {
        throw new LanewiseError('E_STATE', `${method}() changes nothing here: ${instead}`)
      },
    })
  return copy
}
