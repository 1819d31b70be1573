import { LanewiseError } from '../core/errors.js'

const LIST = ['push', 'pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'fill', 'copyWithin']
const MAP = ['set', 'delete', 'clear']

/**
 * A copy whose methods that would change it say what to do instead: a change of a copy would be lost without a word.
 *
 * @param instead - such as "add, replace and remove change the nodes of a graph".
 */
export function readOnlyList<T>(list: readonly T[], instead: string): readonly T[] {
  return Object.freeze(refusing([...list], LIST, instead))
}

/** The same of a map. */
export function readOnlyMap<K, V>(map: ReadonlyMap<K, V>, instead: string): ReadonlyMap<K, V> {
  return refusing(new Map(map), MAP, instead)
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
