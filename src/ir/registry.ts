import { LanewiseError } from '../core/errors.js'
import type { OpDefinition } from './op.js'

const registry = new Map<string, OpDefinition>()

/**
 * Makes an operator known to every session created afterwards. A definition of the same name and domain is replaced, so that a user may put
 * a better one in the place of ours.
 *
 * @throws LanewiseError `E_VALUE` if the definition has no way to compute anything.
 */
export function registerOp<A>(definition: OpDefinition<A>): void {
  // An operator that upgrades always rewrite needs nothing else.
  if (!definition.emit && !definition.compute && !definition.values && !definition.control && !definition.upgrades) {
    throw new LanewiseError(
      'E_VALUE',
      `operator ${definition.name} defines none of emit, compute, values, control and upgrades`,
      { op: definition.name },
    )
  }
  registry.set(key(definition.domain, definition.name), definition as unknown as OpDefinition)
}

/** Makes the library's own operators known, where a user has put nothing in their place. */
export function registerOps(definitions: Iterable<unknown>): void {
  for (const definition of definitions as Iterable<OpDefinition>)
    if (!findOp(definition.domain, definition.name)) registerOp(definition)
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
