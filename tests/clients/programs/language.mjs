// Text and judgements of transformers.js by transformers that Lanewise has written.
import { env, pipeline } from '@huggingface/transformers'

env.allowRemoteModels = false
env.localModelPath = `${process.cwd()}/models/`
const generate = await pipeline('text-generation', 'language', { dtype: 'fp32' })
const [{ generated_text: text }] = await generate('the film is not', { max_new_tokens: 24, do_sample: false })
const classify = await pipeline('text-classification', 'reviews', { dtype: 'fp32' })
const reviews = ['the film is wonderful .', 'these jokes are very dull , but the music was never boring !']
const judged = await classify(reviews, { top_k: 2 })
process.stdout.write(`${JSON.stringify({ text, judged })}\n`, () => process.exit(0))
