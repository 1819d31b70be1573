// What "npm run evaluate -- transformer-lm" measures: the language model beside a trigram model on the same tokens, and what fine-tuning was worth by the size
// of the training set (study.json, which study.ts writes).
import { existsSync, readFileSync } from 'node:fs'
import { loadGraph } from '../../src/node.js'
import { Device, type RecipeEvaluation, type RecipeEvaluationOptions } from '../../src/train.js'
import { Corpus, END } from './corpus.js'
import { LANGUAGE_MODEL, loadLanguageModel, readTokenizer, TOKENIZER } from './files.js'
import { KneserNey } from './kneser-ney.js'
import { CACHE, languageSource } from './language-task.js'
import { measureText, perplexities } from './perplexity.js'
import { accuracyBySize, readStudy, STUDY } from './study-results.js'

/** Tokens that the model is given at once, unless its file says how many it was trained with: of positions beyond those it knows nothing. */
const LENGTH = 256

/** @param options - `data`: a text file or a folder; `count`: tokens of the validation part. */
export default async function evaluate({ data, count }: RecipeEvaluationOptions): Promise<RecipeEvaluation> {
  const tokenizer = readTokenizer(TOKENIZER)
  const corpus = Corpus.open(languageSource(data), tokenizer, { cache: CACHE })
  const whole = corpus.part('validation')
  const ids = whole.ids.subarray(0, count === undefined ? undefined : count + 1)
  // A part has its share of the words.
  const words = (whole.words * ids.length) / whole.ids.length
  const device = await Device.create({ seed: 1 })
  Device.current = device
  try {
    const model = await loadLanguageModel(readFileSync(LANGUAGE_MODEL), tokenizer)
    const trained = Number((await loadGraph(LANGUAGE_MODEL)).metadata.get('length') ?? LENGTH)
    const measured = await measureText(model, { ids, words }, { length: Math.min(trained, model.config.maxLength) })
    const trigrams = new KneserNey(corpus.part('train').ids, tokenizer.size)
    const { perplexity, logarithm } = trigrams.perplexity(ids, tokenizer.idOf(END))
    const theirs = perplexities(logarithm, ids.length - 1, words)
    const below = 1 - measured.perToken / perplexity
    const bySize = accuracyBySize(existsSync(STUDY) ? readStudy(STUDY) : [])
    return {
      lines: [
        `${corpus.source}: ${measured.tokens} tokens, ${Math.round(words)} words of the validation part`,
        `perplexity per token ${measured.perToken.toFixed(2)}, per word ${measured.perWord.toFixed(1)}`,
        `trigrams (modified Kneser–Ney): ${perplexity.toFixed(2)}, ${theirs.perWord.toFixed(1)}; the model is ${(100 * below).toFixed(1)} % below`,
        ...Object.keys(bySize.pretrained).map((size) => {
          const [with_, without] = [bySize.pretrained[size], bySize.scratch[size]]
          return `${size} texts: ${(100 * with_).toFixed(1)} % with pre-training${without === undefined ? '' : `, ${(100 * without).toFixed(1)} % without`}`
        }),
      ],
      figures: {
        source: corpus.source,
        validationPerplexity: measured.perToken,
        perWordPerplexity: measured.perWord,
        kneserNeyPerplexity: perplexity,
        kneserNeyPerWordPerplexity: theirs.perWord,
        tokens: measured.tokens,
        words: Math.round(words),
        accuracyBySize: bySize,
      },
    }
  } finally {
    device.dispose()
  }
}
