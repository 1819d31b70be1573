import { pairsByName } from '../api/state-pairs.js'
import { checkArguments } from '../core/arguments.js'

/**
 * Inputs of a cache with their outputs, by Hugging Face's names: `past_key_values.0.key` and `present.0.key`,
 * `past_conv.0` and `present_conv.0`; the word may stand within a name, too (`layer_0_past_key`). Given as the option
 * `states` of a session, it keeps them in its memory.
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
  return pairsByName(inputs, outputs)
}
