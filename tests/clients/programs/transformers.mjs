// Features, generated text and what is heard by transformers.js for every kind of weights.
import { env, pipeline } from '@huggingface/transformers'

env.allowRemoteModels = false
env.localModelPath = `${process.cwd()}/models/`
const audio = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin(i / 7) * Math.sin(i / 900) ** 2)
const results = {}
for (const dtype of ['fp32', 'fp16', 'q8', 'q4']) {
  const extract = await pipeline('feature-extraction', 'bert', { dtype })
  const features = await extract(['a bird sang in the old tree', 'two cats slept'], {
    pooling: 'mean',
    normalize: true,
  })
  const generate = await pipeline('text-generation', 'llama', { dtype })
  const [{ generated_text: text }] = await generate('a bird sang', { max_new_tokens: 12, do_sample: false })
  const listen = await pipeline('automatic-speech-recognition', 'whisper', { dtype })
  const { text: heard } = await listen(audio, { language: 'en', max_new_tokens: 12 })
  results[dtype] = { dims: features.dims, features: Array.from(features.data), text, heard }
}
process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0))
