import { InferenceSession as OrtSession, Tensor as OrtTensor } from 'onnxruntime-web'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PictureCaptioner } from '../../src/cli/captions/captioner.js'
import { InferenceSession } from '../../src/node.js'
import {
  Adam,
  captionTokens,
  crossEntropy,
  Device,
  DrawnScenes,
  F,
  padSequences,
  Random,
  sceneCaption,
  sceneVocabulary,
  SCENE_SIDE,
  Tensor,
} from '../../src/train.js'
import { exportCaptioner } from '../../models/captions/export.js'
import { AttentionCaptioner, LSTMCaptioner, RNNCaptioner } from '../../models/captions/networks.js'
import { SceneCaptioner } from '../../models/captions/scenes-task.js'
import { captionTask } from '../../models/captions/task.js'

const kinds = [RNNCaptioner, LSTMCaptioner, AttentionCaptioner]
const [words, channels, hidden, places] = [11, 6, 8, 4]

function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed)
  return Float32Array.from({ length: count }, () => random.between(-1, 1))
}

const integers = (values: ArrayLike<number>, dims: readonly number[]) =>
  new Tensor('int64', BigInt64Array.from(Array.from(values), BigInt), dims)

describe.each(kinds)('%o', (Network) => {
  test('steps, the exported steps and the exported sequence score as the whole sequence does', async () => {
    const device = await Device.create({ build: 'simd', seed: 5 })
    Device.current = device
    const model = new Network({ words, channels, hidden, dropout: 0.5 })
    model.eval()
    const [batch, length] = [3, 5]
    const features = numbers(batch * places * channels, 2)
    const tokens = Int32Array.from({ length: batch * length }, (_, i) => (7 * i + 1) % words)
    const [right, stepped] = device.step(() => {
      const given = device.tensor(features, [batch, places, channels])
      const column = (t: number) => F.slice(device.tensor(tokens, [batch, length]), 1, t, t + 1)
      let state = model.begin(given)
      const scores = []
      for (let t = 0; t < length; t++) {
        const step = model.step(column(t), state)
        scores.push(F.unsqueeze(step.scores, [1]))
        state = step.state
      }
      return [
        model.call(given, device.tensor(tokens, [batch, length])).data(),
        F.concat(scores, 1).data(),
      ] as Float32Array[]
    })
    right.forEach((value, i) => expect(stepped[i]).toBeCloseTo(value, 5))

    const files = exportCaptioner(model, { title: 'small' }, 'float32')
    device.dispose()
    // Whole sequences, of another batch and length than they were exported with, here and in onnxruntime-web.
    const ours = await InferenceSession.create(files['sequence.onnx'])
    const whole = await ours.run({
      features: new Tensor('float32', features, [batch, places, channels]),
      tokens: integers(tokens, [batch, length]),
    })
    const peer = await OrtSession.create(files['sequence.onnx'])
    const theirs = await peer.run({
      features: new OrtTensor('float32', features, [batch, places, channels]),
      tokens: new OrtTensor('int64', BigInt64Array.from(tokens, BigInt), [batch, length]),
    })
    right.forEach((value, i) => {
      expect((whole.logits.data as Float32Array)[i]).toBeCloseTo(value, 5)
      expect((theirs.logits.data as Float32Array)[i]).toBeCloseTo(value, 5)
    })
    await ours.release()
    await peer.release()
    // Steps: onnxruntime-web runs both parts of the graph at once.
    const stepper = await OrtSession.create(files['model.onnx'])
    const blank = (name: string) =>
      new OrtTensor(
        'float32',
        new Float32Array(batch * hidden * (name === 'places' ? places : 1)),
        name === 'places' ? [batch, places, hidden] : [batch, hidden],
      )
    const fed = new OrtTensor('float32', features, [batch, places, channels])
    const ids = (t: number) =>
      new OrtTensor(
        'int64',
        BigInt64Array.from({ length: batch }, (_, n) => BigInt(tokens[n * length + t])),
        [batch, 1],
      )
    const { states } = model
    const begun = await stepper.run({
      features: fed,
      input_ids: ids(0),
      ...Object.fromEntries(states.map((name) => [name, blank(name)])),
    })
    let state = Object.fromEntries(states.map((name) => [name, begun[`first_${name}`]]))
    for (let t = 0; t < length; t++) {
      const made = await stepper.run({ features: fed, input_ids: ids(t), ...state })
      const logits = made.logits.data as Float32Array
      for (let n = 0; n < batch; n++)
        for (let w = 0; w < words; w++)
          expect(logits[n * words + w]).toBeCloseTo(right[(n * length + t) * words + w], 5)
      state = Object.fromEntries(states.map((name) => [name, made[`next_${name}`] ?? state[name]]))
    }
    await stepper.release()
  })
})

test('<NULL> counts for nothing in the loss', async () => {
  const device = await Device.create({ build: 'simd', seed: 5 })
  Device.current = device
  const scores = numbers(2 * 3 * words, 8)
  const lossOf = (labels: readonly number[]) =>
    device.step(() => {
      const batch = { label: device.tensor(Int32Array.from(labels), [2, 3]) }
      const loss = captionTask().loss?.(device.tensor(scores, [2, 3, words]), batch)
      return (loss as ReturnType<typeof crossEntropy>).item()
    })
  const one = (row: number, label: number) => {
    const own = scores.subarray(row * words, (row + 1) * words)
    return Math.log(own.reduce((sum, score) => sum + Math.exp(score), 0)) - own[label]
  }
  expect(lossOf([4, 2, 0, 5, 0, 0])).toBeCloseTo((one(0, 4) + one(1, 2) + one(3, 5)) / 3, 5)
  device.dispose()
})

test('fifty captions are learned by heart', async () => {
  const device = await Device.create({ build: 'simd', seed: 3 })
  Device.current = device
  const scenes = new DrawnScenes(50, 21, false)
  const texts = Array.from({ length: 50 }, (_, i) => [...sceneVocabulary.encode(sceneCaption(scenes.at(i).scene))])
  const features = numbers(50 * places * 16, 4)
  const model = new AttentionCaptioner({ words: sceneVocabulary.size, channels: 16, hidden: 48 })
  const optimizer = new Adam(model.parameters(), { lr: 0.03 })
  const { start, end } = captionTokens
  const tokens = padSequences(texts.map((text) => [start, ...text])).tokens
  const label = padSequences(texts.map((text) => [...text, end])).tokens
  const task = captionTask()
  let loss = Infinity
  for (let step = 0; step < 100 && loss >= 0.1; step++)
    loss = device.step(() => {
      const batch = {
        features: device.tensor(features, [50, places, 16]),
        tokens: device.tensor(tokens),
        label: device.tensor(label),
      }
      const value = task.loss?.(task.output?.(model, batch) ?? [], batch) as ReturnType<typeof crossEntropy>
      optimizer.zeroGrad()
      value.backward()
      optimizer.step()
      return value.item()
    })
  expect(loss).toBeLessThan(0.1)
  device.dispose()
})

describe('a captioner as a file', () => {
  async function sceneFile(): Promise<string> {
    const device = await Device.create({ build: 'simd', seed: 6 })
    Device.current = device
    const { 'model.onnx': bytes } = exportCaptioner(
      new SceneCaptioner(AttentionCaptioner, 16),
      {
        title: 'small',
        vocabulary: JSON.stringify(sceneVocabulary.tokens),
        picture: JSON.stringify({ side: SCENE_SIDE, grid: 4 }),
      },
      'int8',
    )
    device.dispose()
    const file = join(mkdtempSync(join(tmpdir(), 'lanewise-')), 'small.onnx')
    writeFileSync(file, bytes)
    return file
  }

  test('beams are in order and hold what greedy decoding is, drawing repeats by its seed, and every word was seen somewhere', async () => {
    const captioner = await PictureCaptioner.load(await sceneFile())
    const { picture } = new DrawnScenes(5, 2, true).at(0)
    const begun = await captioner.beginWith(new Tensor('float32', picture, [1, 3, SCENE_SIDE, SCENE_SIDE]))
    const beams = await captioner.describe(begun, { beams: 4, lengthPenalty: 0 })
    expect(beams.length).toBe(4)
    for (let i = 1; i < 4; i++) expect(beams[i].logProbability).toBeLessThanOrEqual(beams[i - 1].logProbability)
    const [greedy] = await captioner.describe(begun, { beams: 1 })
    expect(await captioner.describe(begun, { beams: 1 })).toEqual([greedy])
    const draw = async (seed: number) =>
      (await captioner.describe(begun, { sampling: { temperature: 1, seed } }))[0].tokens
    expect(await draw(1)).toEqual(await draw(1))
    expect(await draw(1)).not.toEqual(await draw(2))
    const seen = await captioner.look(begun, greedy.tokens)
    expect(seen.map(({ word }) => word).join(' ')).toBe(greedy.caption)
    let logarithm = 0
    for (const { probability, places: shares } of seen) {
      logarithm += Math.log(probability)
      expect(shares?.length).toBe(16)
      expect(shares?.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
    }
    // What is impossible (<UNK> and the like) is left out of greedy probabilities.
    expect(logarithm).toBeLessThanOrEqual(greedy.logProbability + 1e-4)
    await captioner.release()
  })

  test('another model is refused by name', async () => {
    await expect(PictureCaptioner.load('models/mnist/small.onnx')).rejects.toThrow('small.onnx is no captioner')
  })
})
