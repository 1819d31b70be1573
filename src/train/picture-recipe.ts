import type { Variable } from '../autograd/variable.js'
import { augment } from '../data/augment.js'
import type { Dataset } from '../data/dataset.js'
import { DataLoader } from '../data/loader.js'
import { LanewiseError } from '../core/errors.js'
import { compressWeights } from '../nn/compress.js'
import { toGraph } from '../nn/export.js'
import * as F from '../nn/functional.js'
import { Module, type Layer } from '../nn/module.js'
import { exportModel } from '../onnx/export.js'
import { pictureData } from './picture-data.js'
import type { PictureRecipe, TaskData, TaskRecipe } from './recipe.js'
import type { SamplePrediction } from './report.js'

/** Pictures measured at a time. */
const EVALUATION_BATCH = 500

/** Data of a classifier of pictures. */
interface PictureTaskData extends TaskData {
  readonly test: Dataset
  readonly classes: readonly string[]
}

/** A classifier of pictures as a task like any other. @internal */
export function taskOfPictures(recipe: PictureRecipe): TaskRecipe<Layer, PictureTaskData> {
  const { title, seed, epochs, batchSize, model, optimizer, schedule } = recipe
  return {
    title,
    seed,
    epochs,
    batchSize,
    inputShape: [1, 28, 28],
    async data({ from }) {
      const { train, test, classes, source } = await pictureData(recipe.data, { from, split: recipe.split, seed })
      const transform = recipe.augment && augment('image', ...recipe.augment)
      return {
        train: new DataLoader(train, { batchSize, shuffle: true, seed, transform, dropLast: true }),
        validation: new DataLoader(test, { batchSize: EVALUATION_BATCH }),
        test,
        classes,
        source,
      }
    },
    model,
    optimizer,
    schedule,
    files: (trained, { classes }) => ({ 'model.onnx': exportClassifier(trained, recipe, classes) }),
    samples: (trained, { test, classes }) => samplesOf(trained, test, classes),
  }
}

/** Scores and probabilities: what an exported classifier computes. */
class Classifier extends Module {
  constructor(readonly network: Layer) {
    super(network.device)
  }

  forward(image: Variable): Variable[] {
    const scores = this.network.call(image)
    return [scores, F.softmax(scores, 1)]
  }
}

/**
 * An ONNX file with the input "image", the outputs "scores" and "probabilities", a free batch, and in its metadata the
 * names of the classes and what it was trained on.
 */
function exportClassifier(
  model: Layer,
  {
    title,
    data,
    split,
    seed,
    weights = 'float32',
  }: Pick<PictureRecipe, 'title' | 'data' | 'split' | 'seed' | 'weights'>,
  classes: readonly string[],
): Uint8Array {
  const graph = toGraph(new Classifier(model), [{ name: 'image', shape: [{ name: 'N', size: 2 }, 1, 28, 28] }], {
    name: title,
    outputs: ['scores', 'probabilities'],
  })
  return exportModel(compressWeights(graph, weights), {
    metadata: {
      title,
      classes: JSON.stringify(classes),
      data,
      ...(split && { split: JSON.stringify(split) }),
      seed: String(seed),
    },
  })
}

/** Pictures for the report: the first twenty of the test part and as many that are taken for something else. */
async function samplesOf(model: Layer, test: Dataset, classes: readonly string[]): Promise<SamplePrediction[]> {
  const right: SamplePrediction[] = []
  const wrong: SamplePrediction[] = []
  model.eval()
  for (let start = 0; start < test.length && (right.length < 20 || wrong.length < 20); start += EVALUATION_BATCH) {
    const indices = Array.from({ length: Math.min(EVALUATION_BATCH, test.length - start) }, (_, i) => start + i)
    if (!test.batch) throw new LanewiseError('E_STATE', 'the test pictures come one by one')
    const { image, label } = test.batch(indices)
    const [probabilities] = new Classifier(model).predict(image).slice(1)
    const scores = probabilities.data as Float32Array
    const size = image.size / indices.length
    indices.forEach((_, i) => {
      const shares = [...scores.subarray(i * classes.length, (i + 1) * classes.length)]
      const prediction = shares.indexOf(Math.max(...shares))
      const truth = Number(label.data[i])
      const list = prediction === truth ? right : wrong
      if (list.length >= 20) return
      const data = (image.data as Float32Array).slice(i * size, (i + 1) * size)
      list.push({
        image: { width: image.dims[3], height: image.dims[2], channels: 1, data },
        label: classes[truth],
        prediction: classes[prediction],
        probabilities: shares,
      })
    })
  }
  return [...right, ...wrong]
}
