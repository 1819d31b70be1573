import { LanewiseError, type Recipe, type RecipeOption } from '../../src/train.js'
import { AttentionCaptioner } from './networks.js'
import { rewardRecipe } from './reward-task.js'
import { rewards } from './self-critical.js'
import { captionRecipe } from './task.js'

/** What the command line may choose. */
export const options: Readonly<Record<string, RecipeOption>> = {
  from: {
    type: 'string',
    value: 'FILE',
    help: 'with --reward: the captioner to begin with, weights.safetensors of a run or its .onnx',
  },
  reward: {
    type: 'string',
    value: 'cider+bleu|cider|bleu',
    help: 'go on with captions that the captioner draws itself: those that are worth more become likelier',
  },
}

const network = { network: AttentionCaptioner, hidden: 256, data: { grid: 4, mirrored: true } }

/** @throws LanewiseError `E_VALUE` for a choice that there is not. */
export function configure({ from, reward }: Readonly<Record<string, string | boolean>>): Recipe {
  if (reward === undefined || typeof from !== 'string')
    throw new LanewiseError(
      'E_VALUE',
      'a reward makes a captioner better that is there: --from and --reward go together',
    )
  const kind = rewards.find((name) => name === reward)
  if (kind === undefined)
    throw new LanewiseError('E_VALUE', `--reward is ${rewards.join(', ')}, not "${String(reward)}"`)
  return rewardRecipe({
    title: `Captions: an LSTM with attention to 4×4 places, by reward (${kind})`,
    epochs: 3,
    batchSize: 32,
    samples: 5,
    dropout: 0.1,
    lr: 0.0005,
    from,
    reward: kind,
    fit: { ema: 0.995, evaluateEvery: 125 },
    ...network,
  })
}

/**
 * The first part, to say what people say: mirrored pictures, twice as many steps, a mean of the weights. An epoch is
 * two passes over the captions.
 */
export default captionRecipe({
  title: 'Captions: an LSTM with attention to 4×4 places, from mirrored pictures, too',
  epochs: 4,
  batchSize: 32,
  dropout: 0.3,
  fit: { ema: 0.998, evaluateEvery: 625 },
  ...network,
})
