import { LanewiseError } from '../core/errors.js'
import type { OpDefinition } from './op.js'

const registry = new Map<string, OpDefinition>()

/**
 * Makes an operator known to every session created afterwards. A definition of the same name and domain is replaced, so
 * that a user may put a better one in the place of ours; graph passes, which know what our operators do by their names,
 * then leave its nodes as they are.
 *
 * @throws LanewiseError `E_VALUE` if the definition has no way to compute anything.
 */
export function registerDefinition<A>(definition: OpDefinition<A>): OpDefinition {
  let given = checked(definition as unknown as OpDefinition)
  // "ai.onnx" is the other name of the domain '': files mean the same by both, and passes look for ''.
  const named = { domain: { value: 'ai.onnx', enumerable: true } }
  if (!given.domain) given = Object.create(given, named) as OpDefinition
  put(given)
  const { domain, name } = given
  registeredOps.set(key(domain, name), { domain, name })
  return given
}

/** The operators that are not the library's own. */
export const registeredOps = new Map<string, Pick<OpDefinition, 'domain' | 'name'>>()

/**
 * Makes the library's own operators known, except where a user has put another in the place of one: rare ones come
 * later than a user's.
 */
export function registerOps(definitions: Iterable<unknown>): void {
  for (const definition of definitions as Iterable<OpDefinition>)
    if (!findOp(definition.domain, definition.name)) put(checked(definition))
}

function checked(definition: OpDefinition): OpDefinition {
  if (!definition.emit && !definition.compute && !definition.values && !definition.control && !definition.decompose) {
    throw new LanewiseError(
      'E_VALUE',
      `operator ${definition.name} defines none of emit, compute, values, control and decompose`,
      { op: definition.name },
    )
  }
  return definition
}

function put(definition: OpDefinition): void {
  registry.set(key(definition.domain, definition.name), definition)
}

/** The definition of an operator, or undefined. "ai.onnx" and "" are one domain. */
export function findOp(domain: string, name: string): OpDefinition | undefined {
  return registry.get(key(domain, name))
}

/** Every operator known now. */
export function knownOps(): OpDefinition[] {
  return [...registry.values()]
}

function key(domain: string, name: string): string {
  return `${domain === 'ai.onnx' ? '' : domain}:${name}`
}
