// A prompt continued by the committed language model, token by token, with what else could have followed: "npm run demo
// -- lm [PROMPT …] [--tokens N] [--temperature T] [--seed N] [--json]".
import { readFileSync } from 'node:fs'
import { generate, pastToPresent, type GeneratedToken } from '../../src/generate/index.js'
import { InferenceSession } from '../../src/node.js'
import { Decoder } from '../../src/train.js'
import { END } from '../../models/transformer-lm/corpus.js'
import { checkTokenizer, LANGUAGE_MODEL, readTokenizer, TOKENIZER } from '../../models/transformer-lm/files.js'

/** Alternatives that are shown. */
const SHOWN = 4

/** How a text is continued. */
export interface LanguageDemo {
  readonly prompt: string
  readonly tokens: number
  readonly temperature: number
  readonly seed: number
}

/** Runs the demo; returns what was written, with the probabilities of each token and of the others. */
export async function languageDemo(
  { prompt, tokens, temperature, seed }: LanguageDemo,
  say: (text?: string) => void,
): Promise<object> {
  const tokenizer = readTokenizer(TOKENIZER)
  const session = await InferenceSession.create(readFileSync(LANGUAGE_MODEL), { states: pastToPresent })
  const config = JSON.parse(session.metadata.get('config') ?? '{}') as { vocabulary: number; maxLength: number }
  checkTokenizer(config, tokenizer, session.metadata.get('tokens'))
  const end = tokenizer.idOf(END)
  // Every text that the model has seen stands after the end of another one.
  const given = [end, ...tokenizer.encode(prompt, { special: false })].slice(-(config.maxLength >> 1))
  const decoder = new Decoder(tokenizer, { skipSpecial: true })
  const shown = (token: number) => JSON.stringify(tokenizer.decode([token]))
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const steps: { token: string; probability: number; alternatives: { token: string; probability: number }[] }[] = []
  const onToken = (token: GeneratedToken) => {
    const others = token.alternatives(SHOWN)
    steps.push({
      token: tokenizer.decode([token.token]),
      probability: token.probability,
      alternatives: others.map((other) => ({
        token: tokenizer.decode([other.token]),
        probability: other.probability,
      })),
    })
    const list = others.map((other) => `${shown(other.token)} ${percent(other.probability)}`).join('  ')
    say(`${shown(token.token).padEnd(16)} ${percent(token.probability).padStart(7)}   ${list}`)
  }
  say(`${JSON.stringify(prompt)}, continued (temperature ${temperature}, seed ${seed}); likeliest tokens on the right`)
  const began = performance.now()
  let text = prompt
  const options = { maxTokens: tokens, temperature, topP: 0.95, seed, stop: end, onToken }
  for await (const token of generate(session, given, options)) text += decoder.push(token)
  text += decoder.end()
  const seconds = (performance.now() - began) / 1000
  say()
  say(text)
  say(`${steps.length} tokens, ${(steps.length / seconds).toFixed(0)} a second`)
  await session.release()
  return { prompt, text, seed, temperature, tokensPerSecond: steps.length / seconds, tokens: steps }
}
