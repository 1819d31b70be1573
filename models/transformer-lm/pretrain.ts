import { AdamW, cosine, LanewiseError, Muon, warmup, type RecipeOption, type TaskRecipe } from '../../src/train.js'
import { languageRecipe, type LanguageData } from './language-task.js'
import type { TransformerLM } from './model.js'

/** What the command line may choose. */
export const options: Readonly<Record<string, RecipeOption>> = {
  vocabulary: { type: 'string', value: 'N', help: 'tokens that a new tokenizer learns at most (default 4096)' },
  dim: { type: 'string', value: 'N', help: "elements of a token's vector (default 192)" },
  heads: { type: 'string', value: 'N', help: 'heads of attention (default 4)' },
  layers: { type: 'string', value: 'N', help: 'blocks (default 4)' },
  positions: { type: 'string', value: 'sinusoidal|learned', help: 'how places are told apart (default sinusoidal)' },
  norm: { type: 'string', value: 'pre|post', help: 'where blocks normalise (default pre)' },
  untied: { type: 'boolean', help: "an output layer of its own instead of the tokens' vectors" },
  unscaled: { type: 'boolean', help: "tokens' vectors as they are, not times the root of their size" },
  batch: { type: 'string', value: 'N', help: 'sequences of a step (default 4)' },
  length: { type: 'string', value: 'N', help: 'tokens of a sequence, and as many targets (default 256)' },
  total: { type: 'string', value: 'N', help: 'steps of a whole run, for which the rates are made (default 12000)' },
  rate: { type: 'string', value: 'X', help: 'the highest learning rate (default 0.0025)' },
  optimizer: { type: 'string', value: 'muon|adamw', help: 'how the matrices of the blocks learn (default muon)' },
  from: {
    type: 'string',
    value: 'FILE',
    help: 'a language model to go on with: its weights and shape, with a new schedule',
  },
}

/** @throws LanewiseError `E_VALUE` for a choice that there is not. */
export function configure(chosen: Readonly<Record<string, string | boolean>>): TaskRecipe<TransformerLM, LanguageData> {
  const number = (name: string, otherwise: number): number => {
    const value = chosen[name] === undefined ? otherwise : Number(chosen[name])
    if (!(value > 0 && (name === 'rate' || Number.isInteger(value))))
      throw new LanewiseError('E_VALUE', `--${name} must be a ${name === 'rate' ? '' : 'whole '}number above 0`, {
        actual: String(chosen[name]),
      })
    return value
  }
  const oneOf = <T extends string>(name: string, [first, second]: readonly [T, T]): T => {
    const value = chosen[name] ?? first
    if (value !== first && value !== second)
      throw new LanewiseError('E_VALUE', `--${name} is ${first} or ${second}, not "${String(value)}"`)
    return value as T
  }
  const shape = ['dim', 'heads', 'layers', 'positions', 'norm', 'untied', 'unscaled'].find(
    (name) => chosen[name] !== undefined,
  )
  if (chosen.from !== undefined && shape !== undefined)
    throw new LanewiseError('E_VALUE', `the model that --from names has its shape: --${shape} cannot change it`)
  const [dim, layers, length] = [number('dim', 192), number('layers', 4), number('length', 256)]
  const [steps, lr] = [number('total', 12_000), number('rate', 0.0025)]
  const adam = oneOf<'muon' | 'adamw'>('optimizer', ['muon', 'adamw']) === 'adamw'
  const warm = Math.min(150, Math.ceil(steps / 10))
  return languageRecipe({
    title:
      chosen.from === undefined
        ? `Transformer language model: ${layers} blocks of width ${dim}`
        : `Transformer language model, from ${String(chosen.from)}`,
    seed: 1,
    batchSize: number('batch', 4),
    length,
    steps,
    vocabulary: number('vocabulary', 4096),
    from: typeof chosen.from === 'string' ? chosen.from : undefined,
    model: {
      dim,
      layers,
      heads: number('heads', 4),
      maxLength: Math.max(512, length),
      positions: oneOf<'sinusoidal' | 'learned'>('positions', ['sinusoidal', 'learned']),
      norm: oneOf<'pre' | 'post'>('norm', ['pre', 'post']),
      tied: chosen.untied !== true,
      scaled: chosen.unscaled !== true,
    },
    optimizer: (model) => {
      const all = model.parameters()
      if (adam)
        // What scales and shifts is not pulled to zero.
        return new AdamW(
          [
            { params: all.filter(({ shape }) => shape.length > 1) },
            { params: all.filter(({ shape }) => shape.length <= 1), weightDecay: 0 },
          ],
          { lr, weightDecay: 0.05, betas: [0.9, 0.98] },
        )
      const hidden = model.body.blocks.parameters().filter(({ shape }) => shape.length > 1)
      const others = all.filter((parameter) => !hidden.includes(parameter))
      return new Muon([{ params: hidden }, { params: others, adam: true, weightDecay: 0, betas: [0.9, 0.98] }], {
        lr,
        matchAdamW: true,
      })
    },
    schedule: (all) => warmup(warm, cosine(Math.max(1, all - warm), 0.02), 0.01),
    fit: { clipNorm: 1, evaluateEvery: 1000, logEvery: 20 },
  })
}

export default configure({})
