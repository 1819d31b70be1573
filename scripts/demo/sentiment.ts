// A sentence judged by the committed classifier, each word coloured by what it speaks for (gradient × input): "npm run
// demo -- sentiment [SENTENCE …] [--json]". Without a sentence, lines of standard input are judged one by one.
import { readFileSync } from 'node:fs'
import { Device } from '../../src/train.js'
import { explain, type Explained } from '../../models/transformer-lm/attribution.js'
import { CLASSIFIER, LABELS, loadClassifier, readTokenizer, TOKENIZER } from '../../models/transformer-lm/files.js'

/** A word on green for good, on red for bad, the stronger the more it moved the scores. */
function coloured({ words }: Explained): string {
  const most = Math.max(...words.map(({ share }) => Math.abs(share)), 1e-6)
  return words
    .map(({ text, share }) => {
      const strength = Math.round(160 * Math.min(1, Math.abs(share) / most))
      const dark = 235 - strength
      const [red, green] = share > 0 ? [dark, 235] : [235, dark]
      return `\u001b[48;2;${red};${green};${dark}m\u001b[38;2;0;0;0m${text}\u001b[0m`
    })
    .join('')
}

/** Runs the demo; returns what was said of each sentence. */
export async function sentimentDemo(
  sentences: Iterable<string> | AsyncIterable<string>,
  say: (text?: string) => void,
): Promise<object> {
  const tokenizer = readTokenizer(TOKENIZER)
  const device = await Device.create({ seed: 1 })
  Device.current = device
  try {
    const model = await loadClassifier(readFileSync(CLASSIFIER), tokenizer)
    const judged: object[] = []
    for await (const text of sentences) {
      if (text.trim() === '') continue
      const explained = explain(model, tokenizer, text)
      const { probabilities, words } = explained
      const label = LABELS[probabilities.indexOf(Math.max(...probabilities))]
      say(`${label} (${(100 * Math.max(...probabilities)).toFixed(1)} %)  ${coloured(explained)}`)
      judged.push({ text, label, probability: Math.max(...probabilities), words })
    }
    return { judged }
  } finally {
    device.dispose()
  }
}
