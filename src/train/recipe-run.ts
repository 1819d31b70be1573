import { join } from 'node:path'
import { Device } from '../autograd/device.js'
import type { Variable } from '../autograd/variable.js'
import { augment } from '../data/augment.js'
import type { Dataset } from '../data/dataset.js'
import { DataLoader } from '../data/loader.js'
import { LanewiseError, present } from '../core/errors.js'
import { compressWeights } from '../nn/compress.js'
import { toGraph } from '../nn/export.js'
import * as F from '../nn/functional.js'
import { Module, type Layer } from '../nn/module.js'
import { exportModel } from '../onnx/export.js'
import { Schedule } from '../optim/schedules.js'
import { writeAtomically } from '../platform/node-files.js'
import { evaluate, type Evaluation } from './evaluate.js'
import { pictureData } from './picture-data.js'
import type { ProgressStream } from './progress.js'
import { checkRecipe, type Recipe } from './recipe.js'
import { htmlReport, type SamplePrediction, type TrainingReport } from './report.js'
import type { FitResult } from './fit-options.js'
import { fit } from './trainer.js'

/** Pictures measured at a time. */
const EVALUATION_BATCH = 500

export interface RecipeOptions {
  /** Where the run is kept. */
  readonly folder: string
  /** A folder or URL with the set's files. */
  readonly data?: string
  readonly resume?: boolean
  readonly epochs?: number
  /** End as soon as this share of the test part is right. */
  readonly target?: number
  readonly progress?: ProgressStream
  readonly checkpointEvery?: number
}

export interface RecipeResult extends FitResult {
  readonly source: string
  /** On the test part. */
  readonly evaluation: Evaluation
  readonly modelFile: string
  readonly modelBytes: number
  readonly reportFile: string | undefined
  /** Why there is no report. */
  readonly noReport: string | undefined
  readonly seconds: number
}

/**
 * Trains what a recipe says and writes model (ONNX), report, metrics and checkpoints into a folder. The kernels are those of the `simd` build, whose
 * results are the same bits on every machine.
 *
 * @throws LanewiseError as {@link fit} and {@link pictureData}.
 */
export async function runRecipe(recipe: Recipe, options: RecipeOptions): Promise<RecipeResult> {
  checkRecipe(recipe)
  const { folder, resume, progress, epochs = recipe.epochs, target, checkpointEvery = 200 } = options
  const began = performance.now()
  const { train, test, classes, source } = await pictureData(recipe.data, {
    from: options.data,
    split: recipe.split,
    seed: recipe.seed,
  })
  const device = await Device.create({ deterministic: true, seed: recipe.seed })
  Device.current = device
  try {
    const model = recipe.model()
    const optimizer = recipe.optimizer(model)
    const { batchSize, seed } = recipe
    const transform = recipe.augment && augment('image', ...recipe.augment)
    const loader = new DataLoader(train, { batchSize, shuffle: true, seed, transform, dropLast: true })
    const factor = recipe.schedule?.(epochs * present(loader.batches, 'batches'))
    const schedule = factor && new Schedule(optimizer, factor)
    const validation = new DataLoader(test, { batchSize: EVALUATION_BATCH })
    const run = await fit(model, loader, {
      optimizer,
      schedule,
      epochs,
      validation,
      target: target === undefined ? undefined : { accuracy: target },
      folder,
      resume,
      checkpointEvery,
      progress,
      stopOnSignals: true,
    })
    const evaluation = run.validation ?? (await evaluate(model, validation))
    const bytes = exportClassifier(model, recipe, classes)
    const modelFile = join(folder, 'model.onnx')
    writeAtomically(modelFile, [bytes])
    const reportFile = join(folder, 'report.html')
    const { accuracy = 0, loss, confusion } = evaluation
    const report: TrainingReport = {
      title: recipe.title,
      summary: `${(100 * accuracy).toFixed(2)} % of ${evaluation.examples} test pictures right, loss ${loss.toPrecision(4)}, after ${run.steps} steps.`,
      settings: {
        data: source,
        seed,
        epochs,
        batchSize,
        optimizer: optimizer.constructor.name,
        lr: optimizer.groups[0].initialLr,
        build: device.build,
        parameters: model.parameters().reduce((sum, { size }) => sum + size, 0),
        modelBytes: bytes.length,
      },
      history: run.history,
      classes,
      confusion,
      samples: await samplesOf(model, test, classes),
    }
    let missing: string | undefined
    try {
      writeAtomically(reportFile, [new TextEncoder().encode(await htmlReport(report))])
    } catch (error) {
      // The curves are drawn by a package that not everybody has installed; the model is there all the same.
      if (!(error instanceof LanewiseError) || error.code !== 'E_UNSUPPORTED') throw error
      missing = error.message
    }
    return {
      ...run,
      source,
      evaluation,
      modelFile,
      modelBytes: bytes.length,
      reportFile: missing === undefined ? reportFile : undefined,
      noReport: missing,
      seconds: (performance.now() - began) / 1000,
    }
  } finally {
    device.dispose()
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

/** An ONNX file with the input "image", the outputs "scores" and "probabilities", a free batch, and in its metadata the names of the classes and what it was trained on. */
function exportClassifier(
  model: Layer,
  { title, data, split, seed, weights = 'float32' }: Pick<Recipe, 'title' | 'data' | 'split' | 'seed' | 'weights'>,
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
