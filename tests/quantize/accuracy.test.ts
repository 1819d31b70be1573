import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { beforeAll, expect, test, vi } from 'vitest'
import '../../src/node.js'
import type { InferenceSession } from '../../src/api/session.js'
import { fromHost, Tensor } from '../../src/api/tensor.js'
import { imageTensor } from '../../src/data/image-tensor.js'
import { loadMnistPart } from '../../src/data/mnist.js'
import { quantize, type QuantizeOptions } from '../../src/quantize/index.js'
import { Tokenizer } from '../../src/text/index.js'
import { skipUnlessShared } from '../support/shared.js'

vi.setConfig({ testTimeout: 600_000 })

// What quantising costs on real data: no more than 0.3 points of accuracy, 3 % of perplexity.
const MOST_POINTS = 0.003
const MOST_PERPLEXITY = 1.03

const modelIn = (name: string) => fileURLToPath(new URL(`../../models/${name}`, import.meta.url))

function top(scores: Float32Array, from: number, count: number): number {
  let best = 0
  for (let i = 1; i < count; i++) if (scores[from + i] > scores[from + best]) best = i
  return best
}

skipUnlessShared('digits', ['data', 'mnist'], (folder) => {
  let parts: Awaited<ReturnType<typeof loadMnistPart>>[]
  beforeAll(async () => {
    parts = await Promise.all([loadMnistPart(folder, 'train'), loadMnistPart(folder, 'test')])
  })
  test.each([
    ['static', { int8: 'static' }],
    ['static, one scale for all channels', { int8: 'static', perChannel: false, equalize: true }],
    ['dynamic', { int8: 'dynamic' }],
    ['int4', { int4: true }],
  ] as const)('models/mnist/cnn, %s', async (_, options: QuantizeOptions) => {
    const [train, set] = parts
    const batchOf = (from: typeof set, start: number, count: number) =>
      from.batch(Array.from({ length: count }, (_, i) => start + i))
    const calibrate = [0, 1, 2, 3].map((i) => ({ image: batchOf(train, 50 * i, 50).image }))
    const { report } = await quantize(modelIn('mnist/cnn.onnx'), {
      ...options,
      calibrate,
      evaluate: async (session) => {
        let right = 0
        for (let start = 0; start < 2000; start += 250) {
          const { image, label } = batchOf(set, start, 250)
          const { scores } = await session.run({ image })
          const numbers = scores.data as Float32Array
          for (let i = 0; i < 250; i++) if (top(numbers, 10 * i, 10) === Number(label.data[i])) right++
        }
        return right / 2000
      },
    })
    const { float = 0, quantized = 0 } = report.score ?? {}
    expect(float).toBeGreaterThan(0.98)
    expect(float - quantized).toBeLessThanOrEqual(MOST_POINTS)
    expect(report.bytes / report.floatBytes).toBeLessThan(0.27)
  })
})

skipUnlessShared('photographs', ['data', 'imagenet-samples'], (folder) => {
  skipUnlessShared('SqueezeNet', ['models', 'squeezenet-1.0', 'squeezenet1.0_dc.onnx'], (model) => {
    test('static: as many of 50 photographs are known', async () => {
      const classes = readFileSync(`${folder}/synset.txt`, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0])
      const pictures: { data: Tensor; label: number }[] = []
      for (const name of readdirSync(folder).filter((file) => file.endsWith('.JPEG'))) {
        const options = { crop: true, scale: 1, mean: [104, 117, 123], std: [1], bgr: true }
        const tensor = await imageTensor(`${folder}/${name}`, 'data', 'float32', ['N', 3, 227, 227], options)
        pictures.push({ data: fromHost(tensor), label: classes.indexOf(name.split('_')[0]) })
      }
      const { report } = await quantize(model, {
        int8: 'static',
        calibrate: pictures.slice(0, 8).map(({ data }) => ({ data })),
        evaluate: async (session) => {
          let right = 0
          for (const { data, label } of pictures) {
            const { prob } = await session.run({ data })
            if (top(prob.data as Float32Array, 0, 1000) === label) right++
          }
          return right / pictures.length
        },
      })
      const { float = 0, quantized = 0 } = report.score ?? {}
      expect(float).toBeGreaterThanOrEqual(0.64)
      expect(float - quantized).toBeLessThanOrEqual(MOST_POINTS)
      expect(report.others).toEqual({ GlobalAveragePool: 1, Flatten: 1, Softmax: 1 })
    })
  })
})

skipUnlessShared('reviews', ['data', 'imdb', 'train.tsv.gz'], (file) => {
  const LENGTH = 96
  const BATCH = 4

  test.each([
    ['nearest', { int4: true }],
    ['GPTQ', { int4: true, rounding: 'gptq' }],
  ] as const)('models/transformer-lm/lm, int4 rounded by %s', async (_, options: QuantizeOptions) => {
    const tokenizer = Tokenizer.fromJSON(readFileSync(modelIn('transformer-lm/tokenizer.json'), 'utf8'))
    const lines = gunzipSync(readFileSync(file)).toString('utf8').split('\n').slice(1, 60)
    const tokens = tokenizer.encode(lines.map((line) => line.split('\t').at(-1)).join('\n'))
    const feedsAt = (start: number) => {
      const ids = BigInt64Array.from(tokens.subarray(start, start + BATCH * LENGTH), BigInt)
      const empty = () => new Tensor('float32', new Float32Array(BATCH * 4 * 512 * 48), [BATCH, 4, 512, 48])
      const past = [0, 1, 2, 3].flatMap((layer) =>
        ['key', 'value'].map((what) => [`past_key_values.${layer}.${what}`, empty()] as const),
      )
      return {
        input_ids: new Tensor('int64', ids, [BATCH, LENGTH]),
        write_indices: new Tensor('int64', new BigInt64Array(BATCH), [BATCH]),
        ...Object.fromEntries(past),
      }
    }
    const meanLog = async (session: InferenceSession) => {
      let [sum, count] = [0, 0]
      for (let start = 0; start < 4 * BATCH * LENGTH; start += BATCH * LENGTH) {
        const { logits } = await session.run(feedsAt(start), ['logits'])
        const { data, dims } = logits
        const size = dims[2]
        for (let i = 0; i < BATCH * LENGTH; i++) {
          if (i % LENGTH === LENGTH - 1) continue
          const scores = (data as Float32Array).subarray(i * size, (i + 1) * size)
          const most = scores.reduce((a, b) => Math.max(a, b))
          const total = scores.reduce((all, score) => all + Math.exp(score - most), 0)
          sum += scores[tokens[start + i + 1]] - most - Math.log(total)
          count++
        }
      }
      return sum / count
    }
    const calibrate = [4, 5, 6].map((i) => feedsAt(i * BATCH * LENGTH))
    const { report } = await quantize(modelIn('transformer-lm/lm.onnx'), {
      ...options,
      ...('rounding' in options && { calibrate }),
      evaluate: meanLog,
    })
    const { float = 0, quantized = 0 } = report.score ?? {}
    // Perplexities are exp(−mean).
    expect(Math.exp(-float)).toBeLessThan(200)
    expect(Math.exp(float - quantized)).toBeLessThanOrEqual(MOST_PERPLEXITY)
    expect(report.quantized).toHaveLength(17)
  })
})
