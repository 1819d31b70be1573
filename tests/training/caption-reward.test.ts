import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  Adam,
  captionTokens,
  DataLoader,
  decodeSafetensors,
  Device,
  encodeSafetensors,
  F,
  fit,
  Random,
  Tensor,
  TensorDataset,
  type Batch,
} from '../../src/train.js'
import { configure } from '../../models/captions/attention-best.js'
import { drawnCaptions } from '../../models/captions/decode.js'
import { exportCaptioner } from '../../models/captions/export.js'
import { AttentionCaptioner, LSTMCaptioner, RNNCaptioner } from '../../models/captions/networks.js'
import { loadCaptioner } from '../../models/captions/reward-task.js'
import { advantagesOf, CaptionReward, policyLoss, selfCriticalTask } from '../../models/captions/self-critical.js'

const { padding, start, end, unknown } = captionTokens
const unsaid: readonly number[] = [padding, start, unknown]
const [words, channels, hidden, places] = [9, 6, 16, 4]

function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed)
  return Float32Array.from({ length: count }, () => random.between(-1, 1))
}

async function freshDevice(seed = 5): Promise<Device> {
  const device = await Device.create({ build: 'simd', seed })
  Device.current = device
  return device
}

/** log softmax of a row without what is never said. */
function logarithms(row: ArrayLike<number>): number[] {
  const allowed = Array.from(row, (score, token) => (unsaid.includes(token) ? -Infinity : score))
  const sum = allowed.reduce((total, score) => total + Math.exp(score), 0)
  return allowed.map((score) => score - Math.log(sum))
}

describe('the loss', () => {
  test('advantages: what a reward is above the mean of the others of its picture', () => {
    expect([...advantagesOf([1, 2, 6, 0, 0, 3], 3)]).toEqual([-3, -1.5, 4.5, -1.5, -1.5, 3])
  })

  test('its gradient by the scores is advantage times (probability − said), as worked out by hand', async () => {
    const device = await freshDevice()
    const values = numbers(2 * 3 * words, 3)
    const said = [
      [4, 7, end],
      [5, end, padding],
    ]
    const advantage = [0.75, -0.5]
    const { loss, gradient } = device.step(() => {
      // A bias of zeros as the parameter: its gradient is that of the scores.
      const model = new AttentionCaptioner({ words, channels, hidden })
      const scores = device.tensor(values, [6, words])
      const each = F.reshape(F.add(scores, F.mul(F.reshape(model.bias, [1, words]), 1)), [2, 3, words])
      const made = policyLoss(
        each,
        device.tensor(Int32Array.from(said.flat()), [2, 3]),
        device.tensor(Float32Array.from(advantage), [2]),
      )
      made.backward()
      return { loss: made.item(), gradient: Array.from(model.bias.grad?.data() as Float32Array) }
    })
    let expected = 0
    const slopes = new Array<number>(words).fill(0)
    said.forEach((caption, n) =>
      caption.forEach((token, t) => {
        if (token === padding) return
        const logs = logarithms(values.subarray((n * 3 + t) * words, (n * 3 + t + 1) * words))
        expected -= (advantage[n] * logs[token]) / 2
        logs.forEach((log, w) => (slopes[w] += (advantage[n] * (Math.exp(log) - Number(w === token))) / 2))
      }),
    )
    expect(loss).toBeCloseTo(expected, 5)
    slopes.forEach((slope, w) => expect(gradient[w]).toBeCloseTo(slope, 5))
    device.dispose()
  })

  test('in the mean over draws the gradient is that of the expected reward', async () => {
    const device = await freshDevice(8)
    const model = new LSTMCaptioner({ words: 6, channels, hidden: 4 })
    const features = numbers(places * channels, 2)
    // One word: 2 is <END>, 4 and 5 are words. The expected reward is a sum over these.
    const values = [0, 0, 0.25, 0, 1, -0.5]
    const exact = device.step(() => {
      const scores = model.call(
        device.tensor(features, [1, places, channels]),
        device.tensor(Int32Array.of(start), [1, 1]),
      )
      const shares = F.softmax(F.add(scores, device.tensor(Float32Array.of(-1e4, -1e4, 0, -1e4, 0, 0), [6])))
      F.neg(F.sum(F.mul(shares, device.tensor(Float32Array.from(values), [6])))).backward()
      return Array.from(model.bias.grad?.data() as Float32Array)
    })
    model.zeroGrad()
    const task = selfCriticalTask({
      reward: { of: (captions) => captions.map(([token]) => values[token]) },
      samples: 4000,
      most: 1,
    })
    const { loss, drawn } = device.step(() => {
      const batch: Batch = {
        features: device.tensor(features, [1, places, channels]),
        picture: device.tensor(Int32Array.of(0), [1]),
      }
      const made = task.loss?.(task.output?.(model, batch) ?? [], batch)
      if (!made || !('backward' in made)) throw new Error('there is one loss')
      ;(made as ReturnType<typeof policyLoss>).backward()
      return {
        loss: (made as ReturnType<typeof policyLoss>).item(),
        drawn: Array.from(model.bias.grad?.data() as Float32Array),
      }
    })
    // Minus the mean reward; a standard error of it is about 0.01, of a slope less.
    expect(Math.abs(loss)).toBeLessThan(1)
    exact.forEach((slope, w) => expect(Math.abs(drawn[w] - slope)).toBeLessThan(0.03))
    expect(Math.max(...exact.map(Math.abs))).toBeGreaterThan(0.1)
    device.dispose()
  })
})

describe.each([RNNCaptioner, LSTMCaptioner, AttentionCaptioner])('captions by %o while it learns', (Network) => {
  test('greedy ones take the likeliest word each time, whichever of them end first; what is never said is not', async () => {
    const device = await freshDevice(4)
    const model = new Network({ words, channels, hidden, dropout: 0.5 })
    const features = numbers(6 * places * channels, 7)
    const { captions, expected } = device.step(() => {
      const given = device.tensor(features, [6, places, channels])
      const found = drawnCaptions(model, given, { most: 7 })
      model.eval()
      const one = (n: number) => F.slice(given, 0, n, n + 1)
      return {
        captions: found,
        expected: found.map((_, n) => {
          const said: number[] = []
          while (said.length < 7 && said.at(-1) !== end) {
            const tokens = device.tensor(Int32Array.from([start, ...said]), [1, said.length + 1])
            const scores = model.call(one(n), tokens).data() as Float32Array
            const logs = logarithms(scores.subarray(said.length * words))
            said.push(logs.indexOf(Math.max(...logs)))
          }
          return said
        }),
      }
    })
    expect(captions).toEqual(expected)
    const drawn = device.step(() =>
      drawnCaptions(model, device.tensor(features, [6, places, channels]), { most: 7, samples: 50 }),
    )
    expect(drawn.length).toBe(300)
    const lengths = new Set(drawn.map((caption) => caption.length))
    expect(lengths.size).toBeGreaterThan(3)
    for (const caption of drawn) {
      expect(caption.some((token) => unsaid.includes(token))).toBe(false)
      expect(caption.slice(0, -1)).not.toContain(end)
      if (caption.length < 7) expect(caption.at(-1)).toBe(end)
    }
    device.dispose()
  })

  test('several captions of each picture score as those of the picture by itself', async () => {
    const device = await freshDevice(4)
    const model = new Network({ words, channels, hidden })
    const [features, tokens] = [
      numbers(2 * places * channels, 7),
      Int32Array.from({ length: 24 }, (_, i) => (5 * i) % words),
    ]
    const [together, apart] = device.step(() => {
      const given = device.tensor(features, [2, places, channels])
      const rows = (from: number, to: number) => device.tensor(tokens.subarray(4 * from, 4 * to), [to - from, 4])
      return [
        model.call(given, rows(0, 6)).data() as Float32Array,
        [0, 1].flatMap((n) =>
          [0, 1, 2].flatMap((k) =>
            Array.from(model.call(F.slice(given, 0, n, n + 1), rows(3 * n + k, 3 * n + k + 1)).data() as Float32Array),
          ),
        ),
      ]
    })
    expect(together.length).toBe(6 * 4 * words)
    apart.forEach((value, i) => expect(together[i]).toBeCloseTo(value, 5))
    device.dispose()
  })
})

/** Four pictures, each with its own right captions. */
const right = [
  [
    [4, 5],
    [4, 6],
  ],
  [[6, 7, 8]],
  [[8, 4]],
  [[5, 5, 7]],
]
const reward = new CaptionReward('cider+bleu', right)

/** What a caption of a picture is worth beside good ones of the others. */
function worth(caption: readonly number[], picture: number, by = reward): number {
  const said = right.map(([best]) => [...best, end])
  said[picture] = [...caption]
  return by.of(said, [0, 1, 2, 3])[picture]
}

test('the reward: what people say is worth most, breaking off costs, order counts', () => {
  const best = worth([6, 7, 8, end], 1)
  // CIDEr-D 10, BLEU-1 1 and four times BLEU-4 1, of which longer ones have more.
  expect(best).toBeGreaterThan(14)
  expect(worth([6, 7, 8], 1)).toBeLessThan(best - 1)
  expect(worth([6, 7, end], 1)).toBeLessThan(best)
  expect(worth([8, 7, 6, end], 1)).toBeLessThan(best)
  expect(worth([4, 4, 4, end], 1)).toBeLessThan(worth([6, 8, 7, end], 1))
  const by = (kind: 'cider' | 'bleu') => worth([6, 7, 4, 7, end], 1, new CaptionReward(kind, right))
  expect(worth([6, 7, 4, 7, end], 1)).toBeCloseTo(by('cider') + by('bleu'), 10)
  expect(by('cider')).toBeGreaterThan(0)
})

test('a caption that ends where people hardly ever end is worth nothing, nor is an empty one', () => {
  // 7 is said 200 times and ends one caption, 8 ends two.
  const many = [...Array.from({ length: 197 }, () => [7, 6]), [6, 7], [7, 8], [7, 8]]
  const strict = new CaptionReward('cider', [many, [[6, 5]]])
  // One that was cut at the limit has not ended with its last word.
  const said = [[6, 7, end], [7, 8, end], [7, 6, end], [end], [6, 7]]
  const values = strict.of(said, [0, 0, 0, 0, 0])
  expect(values.map((value) => value > 0)).toEqual([false, true, true, false, true])
  expect(values[0]).toBe(0)
  // Pictures that are not of the training say nothing of endings.
  expect(new CaptionReward('bleu', [[[4, 5]], [[5, 4]]], 1).of([[5, 4, end]], [1])).toEqual([0])
})

/** A run on four pictures, each of them ten times in an epoch; its metrics, and the weights that it ends with. */
async function learned(folder: string, steps: number, resume = false) {
  const device = await freshDevice(6)
  const model = new AttentionCaptioner({ words, channels, hidden, dropout: 0.1 })
  const shown = numbers(4 * places * channels, 9)
  const pictures = (times: number) =>
    new TensorDataset({
      features: new Tensor(
        'float32',
        Float32Array.from({ length: times * shown.length }, (_, i) => shown[i % shown.length]),
        [4 * times, places, channels],
      ),
      picture: new Tensor(
        'int32',
        Int32Array.from({ length: 4 * times }, (_, i) => i % 4),
        [4 * times],
      ),
    })
  const result = await fit(model, new DataLoader(pictures(10), { batchSize: 4, shuffle: true, seed: 1 }), {
    ...selfCriticalTask({ reward, samples: 5, most: 6 }),
    optimizer: new Adam(model.parameters(), { lr: 0.02 }),
    epochs: 60,
    maxSteps: steps,
    validation: new DataLoader(pictures(1), { batchSize: 4 }),
    clipNorm: 1,
    logEvery: 10,
    folder,
    resume,
  })
  const weights = encodeSafetensors(model.stateDict())
  device.dispose()
  return { result, weights }
}

test('the reward rises, and a run that is broken off goes on to the same bits', async () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'lanewise-reward-'))
  const whole = await learned(folder(), 60)
  const losses = whole.result.history.flatMap((record) => record['train/loss'] ?? [])
  expect(losses.length).toBe(6)
  // Minus the mean reward of what is drawn; 15 is the most.
  expect(Number(losses.at(-1))).toBeLessThan(Number(losses[0]) - 2)
  expect(whole.result.validation?.loss).toBeLessThan(-4)

  const parted = folder()
  await learned(parted, 27)
  const rest = await learned(parted, 60, true)
  expect(rest.weights).toEqual(whole.weights)
})

test('weights come from a run and from an exported file; those of another model are refused by name', async () => {
  const device = await freshDevice(6)
  const model = new AttentionCaptioner({ words, channels, hidden })
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-reward-'))
  const [run, file] = [join(folder, 'weights.safetensors'), join(folder, 'model.onnx')]
  const before = encodeSafetensors(model.stateDict())
  writeFileSync(run, before)
  writeFileSync(file, exportCaptioner(model, { title: 'small' }, 'float32')['model.onnx'])
  for (const from of [run, file]) {
    const other = new AttentionCaptioner({ words, channels, hidden })
    expect(encodeSafetensors(other.stateDict())).not.toEqual(before)
    await loadCaptioner(other, from)
    expect(decodeSafetensors(encodeSafetensors(other.stateDict()))).toEqual(decodeSafetensors(before))
  }
  await expect(loadCaptioner(new RNNCaptioner({ words, channels, hidden }), run)).rejects.toThrow(
    'has no "decoder.weight_ih_l0": it is of another model',
  )
  device.dispose()
})

test('the command line: a reward needs a captioner to begin with, and is one that there is', () => {
  expect(() => configure({ reward: 'cider' })).toThrow('--from and --reward go together')
  expect(() => configure({ from: 'weights.safetensors' })).toThrow('--from and --reward go together')
  expect(() => configure({ from: 'a', reward: 'rouge' })).toThrow('--reward is cider+bleu, cider, bleu, not "rouge"')
  expect(configure({ from: 'a', reward: 'cider' }).title).toContain('by reward (cider)')
})
