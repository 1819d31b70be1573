// Which inputs of a model are what its outputs were, by names.
import type { Graph } from '../ir/graph.js'
import { statePairs } from '../plan/states.js'
import type { SessionOptions } from './session-options.js'

export { isOfEncoder } from '../plan/states.js'

/** Inputs of caches with their outputs, by names: `pastToPresent` of lanewise/generate. */
export function pairsByName(inputs: readonly string[], outputs: readonly string[]): Record<string, string> {
  // Not by assignment: a model may call an input "__proto__".
  return Object.fromEntries(
    inputs.flatMap((input) => {
      const output = [
        input.replace('past_key_values', 'present'),
        input.replace(/(^|[^a-z])past(?![a-z])/i, '$1present'),
        input.replace(/^past/, 'present'),
      ].find((name) => name !== input && outputs.includes(name))
      return output === undefined ? [] : [[input, output]]
    }),
  )
}

/** The option `states` as names. 'auto': those found by names whose types do not contradict each other. */
export function stateNames(graph: Graph, states: SessionOptions['states']): Readonly<Record<string, string>> {
  if (typeof states === 'object') return states
  if (!states) return {}
  const [inputs, outputs] = [graph.inputs, graph.outputs].map((values) => values.map(({ name }) => name))
  if (states !== 'auto') return states(inputs, outputs)
  return Object.fromEntries(
    Object.entries(pairsByName(inputs, outputs)).filter(([input, output]) => {
      try {
        return statePairs(graph, { [input]: output })
      } catch {
        return false
      }
    }),
  )
}
