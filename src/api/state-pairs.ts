// Which inputs of a model are what its outputs were, by names.
import { checkArguments } from '../core/arguments.js'
import type { Graph } from '../ir/graph.js'
import { statePairs } from '../plan/states.js'
import type { SessionOptions } from './session-options.js'

export { isOfEncoder } from '../plan/states.js'

/**
 * Inputs of a cache with their outputs, by Hugging Face's names: `past_key_values.0.key` and `present.0.key`, `past_conv.0` and `present_conv.0`; the word may
 * stand within a name, too (`layer_0_past_key`). Given as the option `states` of a session, it keeps them in its memory.
 *
 * @example
 * import { pastToPresent } from 'lanewise/generate'
 *
 * const inputs = ['input_ids', 'past_key_values.0.key', 'past_key_values.0.value']
 * const outputs = ['logits', 'present.0.key', 'present.0.value']
 * // What InferenceSession.create(model, { states: pastToPresent }) does.
 * console.log(pastToPresent(inputs, outputs))
 */
export function pastToPresent(inputs: readonly string[], outputs: readonly string[]): Record<string, string> {
  checkArguments('pastToPresent', { inputs, outputs }, 'strings', 'strings')

  const pairs = inputs.flatMap((input) => {
    const output = [
      input.replace('past_key_values', 'present'),
      input.replace(/^past/, 'present'),
      input.replace(/(^|[^a-z])past(?![a-z])/i, '$1present'),
    ].find((name) => name !== input && outputs.includes(name))
    return output === undefined ? [] : [[input, output] as const]
  })
  return Object.fromEntries(pairs)
}

/** The option `states` as names. 'auto': those found by names whose types do not contradict each other. */
export function stateNames(graph: Graph, states: SessionOptions['states']): Readonly<Record<string, string>> {
  if (typeof states === 'object') return states
  if (!states) return {}
  const [inputs, outputs] = [graph.inputs, graph.outputs].map((values) => values.map(({ name }) => name))
  if (states !== 'auto') return states(inputs, outputs)
  return Object.fromEntries(
    Object.entries(pastToPresent(inputs, outputs)).filter(([input, output]) => {
      try {
        return statePairs(graph, { [input]: output })
      } catch {
        return false
      }
    }),
  )
}
