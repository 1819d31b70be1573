// Trains a small network on what was drawn, beside the page, which goes on answering.
import {
  Adam,
  augment,
  Conv2d,
  cosine,
  DataLoader,
  Device,
  distort,
  Dropout,
  evaluate,
  exportModel,
  fit,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Schedule,
  Sequential,
  Softmax,
  Tensor,
  TensorDataset,
  toGraph,
} from '../../src/train.js'
import type { TeachAnswer, TeachTask } from './teach-task.js'

const SIDE = 28
const AREA = SIDE * SIDE
/**
 * Every example is moved, turned, slanted and bent a little, differently each time: a few drawings have to stand for
 * many.
 */
const bent = augment('image', distort({ rotate: 12, shift: 2, zoom: 0.12, shear: 0.12, elastic: 1.2 }))
/** How often each example that was kept aside is looked at, each time bent differently. */
const LOOKS = 20

function say(answer: TeachAnswer): void {
  postMessage(answer)
}

async function teach({ classes, examples, steps, batchSize }: TeachTask): Promise<void> {
  const device = await Device.create({ seed: 1 })
  try {
    // The last of every five of a class is kept aside, and none if there are fewer than three.
    const counts = classes.map(() => 0)
    const totals = classes.map((_, label) => examples.filter((example) => example.label === label).length)
    const aside = examples.map(({ label }) => {
      const at = counts[label]++
      return totals[label] >= 3 && (totals[label] < 5 ? at === totals[label] - 1 : at % 5 === 4)
    })
    const setOf = (kept: boolean) => {
      const some = examples.filter((_, i) => aside[i] === kept)
      const image = new Float32Array(some.length * AREA)
      some.forEach(({ image: one }, i) => image.set(one, i * AREA))
      return new TensorDataset({
        image: new Tensor('float32', image, [some.length, 1, SIDE, SIDE]),
        label: new Tensor(
          'int32',
          some.map(({ label }) => label),
          [some.length],
        ),
      })
    }
    const model = new Sequential(
      new Conv2d(1, 8, 5),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(8, 16, 5),
      new ReLU(),
      new MaxPool2d(2),
      new Flatten(),
      new Dropout(0.2),
      new Linear(256, classes.length),
    )
    const optimizer = new Adam(model.parameters(), { lr: 0.003 })
    const training = setOf(false)
    const data = new DataLoader(training, {
      batchSize: Math.min(batchSize, training.length),
      shuffle: true,
      seed: 1,
      transform: bent,
    })
    const began = performance.now()
    const { steps: done } = await fit(model, data, {
      optimizer,
      schedule: new Schedule(optimizer, cosine(steps)),
      epochs: steps,
      maxSteps: steps,
      logEvery: 1,
      onStep: ({ step, loss }) => say({ kind: 'step', step, loss: Number(loss) }),
    })
    const ms = performance.now() - began
    const held = setOf(true)
    const confusion = classes.map(() => classes.map(() => 0))
    if (held.length > 0) {
      const looked = new DataLoader(held, { batchSize: held.length, seed: 1, transform: bent })
      for (let look = 0; look < LOOKS; look++) {
        const { confusion: seen } = await evaluate(model, looked)
        seen?.forEach((row, truth) => row.forEach((count, answer) => (confusion[truth][answer] += count)))
      }
    }
    const graph = toGraph(new Sequential(model, new Softmax(1)), [
      { name: 'image', shape: [{ name: 'N', size: 1 }, 1, SIDE, SIDE] },
    ])
    const onnx = exportModel(graph, { metadata: { classes: JSON.stringify(classes), task: 'drawn-signs' } })
    say({ kind: 'done', steps: done, ms, onnx: onnx.slice(), confusion, held: held.length })
  } finally {
    device.dispose()
  }
}

addEventListener('message', ({ data }: MessageEvent<TeachTask>) => {
  teach(data).catch((error: Error) => say({ kind: 'failed', message: error.message }))
})
