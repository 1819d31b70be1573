import {
  compressWeights,
  exportModel,
  Module,
  toGraph,
  type InputSpec,
  type Variable,
  type WeightFormat,
} from '../../src/train.js'
import type { CaptionModel } from './networks.js'

/**
 * The state before the first word by the features, and one step, side by side: two parts of one graph that meet in the
 * weights alone.
 */
class BeginAndStep extends Module {
  constructor(readonly captioner: CaptionModel) {
    super(captioner.device)
  }

  forward(given: Variable, token: Variable, ...state: Variable[]): Record<string, Variable> {
    const { states } = this.captioner
    const first = this.captioner.begin(given)
    const { scores, state: next, weights } = this.captioner.step(token, state)
    const named = (prefix: string, values: readonly Variable[], names: readonly string[]) =>
      names.map((name) => [`${prefix}_${name}`, values[states.indexOf(name)]] as const)
    return {
      logits: scores,
      ...Object.fromEntries(named('first', first, states)),
      // Places stay what they are.
      ...Object.fromEntries(
        named(
          'next',
          next,
          states.filter((name) => name !== 'places'),
        ),
      ),
      ...(weights && { weights }),
    }
  }
}

/**
 * A captioner's files. `model.onnx` is what decoders need: from `features` [N, L, channels] (`picture` [N, 3, side,
 * side] for one that sees itself) the states before the first word (`first_h` …), and from `input_ids` [N, 1] and
 * states (`places` [N, L, hidden], `h`, `c`) the scores `logits` [N, words], the next states (`next_h`, `next_c`), and
 * with attention `weights` [N, L]. `sequence.onnx` scores whole captions: `features` and `tokens` [N, T] to `logits`
 * [N, T, words], with attention by a Scan.
 */
export function exportCaptioner(
  captioner: CaptionModel,
  metadata: Readonly<Record<string, string>>,
  weights: WeightFormat = 'int8',
): Record<string, Uint8Array> {
  const { hidden, input } = captioner
  const batch = { name: 'N', size: 2 }
  const places = { name: 'L', size: 4 }
  const given: InputSpec = { name: input.name, shape: [batch, ...input.shape] }
  const state = (name: string): InputSpec => ({
    name,
    shape: name === 'places' ? [batch, places, hidden] : [batch, hidden],
  })
  const step = toGraph(
    new BeginAndStep(captioner),
    [given, { name: 'input_ids', dtype: 'int64', shape: [batch, 1] }, ...captioner.states.map(state)],
    { name: 'captioner' },
  )
  const sequence = toGraph(
    captioner,
    [given, { name: 'tokens', dtype: 'int64', shape: [batch, { name: 'T', size: 3 }] }],
    { name: 'captioner of whole sequences', outputs: ['logits'] },
  )
  return {
    'model.onnx': exportModel(compressWeights(step, weights), { metadata: { task: 'captions', ...metadata } }),
    'sequence.onnx': exportModel(sequence, { metadata: { task: 'captions', ...metadata } }),
  }
}
