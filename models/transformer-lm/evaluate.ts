// What "npm run evaluate -- transformer-lm" measures: the language model beside a trigram model on the same tokens, and
// what fine-tuning was worth by the size of the training set (study.json, which study.ts writes).
import { existsSync } from 'node:fs'
import { loadGraph } from '../../src/node.js'
import { Device, type RecipeEvaluation, type RecipeEvaluationOptions } from '../../src/train.js'
import { Corpus, END } from './corpus.js'
import { LANGUAGE_MODEL, loadLanguageModel, readTokenizer, TOKENIZER, trainedLength } from './files.js'
import { KneserNey } from './kneser-ney.js'
import { CACHE, languageSource } from './language-task.js'
import { measureText, perplexities } from './perplexity.js'
import { accuracyBySize, readStudy, STUDY } from './study-results.js'

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
    const model = await loadLanguageModel(LANGUAGE_MODEL, tokenizer)
    const length = trainedLength((await loadGraph(LANGUAGE_MODEL)).metadata)
    const measured = await measureText(model, { ids, words }, { length })
    // Nothing can be counted where there is no part to learn from.
    const trigrams = corpus.has('train') ? new KneserNey(corpus.part('train').ids, tokenizer.size) : undefined
    const counted = trigrams?.perplexity(ids, tokenizer.idOf(END))
    const theirs = counted && perplexities(counted.logarithm, ids.length - 1, words)
    const bySize = accuracyBySize(existsSync(STUDY) ? readStudy(STUDY) : [])
    return {
      lines: [
        `${corpus.source}: ${measured.tokens} tokens, ${Math.round(words)} words of the validation part`,
        `perplexity per token ${measured.perToken.toFixed(2)}, per word ${measured.perWord.toFixed(1)}`,
        theirs
          ? `trigrams (modified Kneser–Ney): ${theirs.perToken.toFixed(2)}, ${theirs.perWord.toFixed(1)}; the model's is ${(measured.perToken / theirs.perToken).toFixed(3)} times as much`
          : 'no training part: no trigrams',
        ...Object.keys(bySize.pretrained).map((size) => {
          const [with_, without] = [bySize.pretrained[size], bySize.scratch[size]]
          return `${size} texts: ${(100 * with_).toFixed(1)} % with pre-training${without === undefined ? '' : `, ${(100 * without).toFixed(1)} % without`}`
        }),
      ],
      figures: {
        source: corpus.source,
        validationPerplexity: measured.perToken,
        perWordPerplexity: measured.perWord,
        kneserNeyPerplexity: theirs?.perToken,
        kneserNeyPerWordPerplexity: theirs?.perWord,
        tokens: measured.tokens,
        words: Math.round(words),
        accuracyBySize: bySize,
      },
    }
  } finally {
    device.dispose()
  }
}
