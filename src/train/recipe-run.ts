import { dirname, join } from 'node:path'
import { Device } from '../autograd/device.js'
import { DataLoader } from '../data/loader.js'
import { LanewiseError } from '../core/errors.js'
import { Schedule } from '../optim/schedules.js'
import { makeFolder, writeAtomically } from '../platform/node-files.js'
import { evaluate, measuresOf, type Evaluation } from './evaluate.js'
import { taskOfPictures } from './picture-recipe.js'
import { metricText, type ProgressStream } from './progress.js'
import { checkRecipe, isTaskRecipe, type Recipe, type TaskRecipe } from './recipe.js'
import { htmlReport, type TrainingReport } from './report.js'
import { encodeSafetensors } from './checkpoints/safetensors.js'
import type { FitResult } from './fit-options.js'
import { fit } from './trainer.js'

/** Where and how a recipe is run. */
export interface RecipeOptions {
  /** Where the run is kept. */
  readonly folder: string
  /** A folder or URL with the set's files. */
  readonly data?: string
  readonly resume?: boolean
  readonly epochs?: number
  /** End as soon as the recipe's measure of the validation is this good. */
  readonly target?: number
  readonly progress?: ProgressStream
  readonly checkpointEvery?: number
  /** Stop after so many steps in all. */
  readonly maxSteps?: number
  /** The steps that the schedule of the learning rate is made for; by default those that will be taken. */
  readonly scheduleSteps?: number
  /** Leave out the report and the recipe's files. */
  readonly weightsOnly?: boolean
  /** Whatever build of the kernels is quickest here: results then differ between kinds of processors. */
  readonly quickest?: boolean
  /** Threads that share each step; 1 by default. */
  readonly threads?: number | 'auto'
}

/** What a run came to, and the files that it wrote. */
export interface RecipeResult extends FitResult {
  readonly source: string
  /** Of the validation; undefined for a recipe without. */
  readonly evaluation: Evaluation | undefined
  /** The recipe's measure of it. */
  readonly measured: { readonly name: string; readonly value: number } | undefined
  /** The model first; the weights last. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  readonly reportFile: string | undefined
  /** Why there is no report. */
  readonly noReport: string | undefined
  readonly seconds: number
}

/** The weights of a finished run, beside what the recipe writes. */
const WEIGHTS_FILE = 'weights.safetensors'

/**
 * Trains what a recipe says and writes model, weights, report, metrics and checkpoints into a folder. The kernels are
 * those of the `simd` build, whose results are the same bits on every machine, unless the quickest are asked for.
 *
 * @throws LanewiseError as {@link fit} and what the recipe does; `E_VALUE` if the recipe's measure is not measured.
 */
export async function runRecipe(given: Recipe, options: RecipeOptions): Promise<RecipeResult> {
  checkRecipe(given)
  const recipe = isTaskRecipe(given) ? given : (taskOfPictures(given) as TaskRecipe)
  const { folder, resume, progress, epochs = recipe.epochs, target, checkpointEvery = 200, quickest } = options
  const began = performance.now()
  const { seed, batchSize, measure = 'accuracy', metrics = {} } = recipe
  const device = await Device.create({ deterministic: quickest !== true, seed, threads: options.threads })
  Device.current = device
  try {
    const data = await recipe.data({ from: options.data, seed, batchSize, epochs })
    const model = await recipe.model(data)
    const optimizer = recipe.optimizer(model)
    const maxSteps = options.maxSteps ?? recipe.fit?.maxSteps
    const factor = recipe.schedule?.(
      options.scheduleSteps ?? Math.min(maxSteps ?? Infinity, epochs * batchesOf(recipe, data)),
    )
    const run = await fit(model, data.train, {
      ...recipe.fit,
      ...recipe.task,
      optimizer,
      schedule: factor && new Schedule(optimizer, factor),
      epochs,
      maxSteps,
      validation: data.validation,
      metrics,
      target: target === undefined ? undefined : { [measure]: target },
      folder,
      resume,
      checkpointEvery,
      progress,
      stopOnSignals: true,
    })
    // A run that ends in the middle of an epoch was last measured before its last steps.
    const current = run.validation && run.stopped !== 'steps' && run.stopped !== 'hook'
    const evaluation =
      current || run.stopped === 'interrupted' || !data.validation
        ? run.validation
        : await evaluate(model, data.validation, { ...recipe.task, metrics })
    const measures = evaluation && measuresOf(evaluation)
    const files: { path: string; bytes: number }[] = []
    const write = (name: string, contents: Uint8Array | string) => {
      const bytes = typeof contents === 'string' ? new TextEncoder().encode(contents) : contents
      const path = join(folder, name)
      makeFolder(dirname(path))
      writeAtomically(path, [bytes])
      files.push({ path, bytes: bytes.length })
    }
    const own = options.weightsOnly === true ? undefined : await recipe.files?.(model, data)
    for (const [name, contents] of Object.entries(own ?? {})) write(name, contents)
    write(WEIGHTS_FILE, encodeSafetensors(model.stateDict()))
    const reportFile = join(folder, 'report.html')
    const report: TrainingReport = {
      title: recipe.title,
      summary: `${measures ? `${describe(measures)}, ` : ''}${evaluation ? `${evaluation.examples} examples, ` : ''}after ${run.steps} steps.`,
      settings: {
        data: data.source,
        seed,
        epochs,
        batchSize,
        optimizer: optimizer.constructor.name,
        lr: optimizer.groups[0].initialLr,
        build: device.build,
        parameters: model.parameters().reduce((sum, { size }) => sum + size, 0),
        modelBytes: files[0].bytes,
      },
      history: run.history,
      classes: data.classes,
      confusion: data.classes && evaluation?.confusion,
      samples: options.weightsOnly === true ? undefined : await recipe.samples?.(model, data),
    }
    let missing: string | undefined
    try {
      writeAtomically(reportFile, [new TextEncoder().encode(await htmlReport(report))])
    } catch (error) {
      // The curves are drawn by a package that not everybody has installed; the model is there nevertheless.
      if (!(error instanceof LanewiseError) || error.code !== 'E_UNSUPPORTED') throw error
      missing = error.message
    }
    return {
      ...run,
      source: data.source,
      evaluation,
      measured: measures && Object.hasOwn(measures, measure) ? { name: measure, value: measures[measure] } : undefined,
      files,
      reportFile: missing === undefined ? reportFile : undefined,
      noReport: missing,
      seconds: (performance.now() - began) / 1000,
    }
  } finally {
    device.dispose()
  }
}

/** @throws LanewiseError `E_VALUE` if nobody knows how many there are, and the schedule needs them. */
function batchesOf({ title }: TaskRecipe, { train, batches }: Awaited<ReturnType<TaskRecipe['data']>>): number {
  const count = batches ?? (train instanceof DataLoader ? train.batches : undefined)
  if (count !== undefined) return count
  throw new LanewiseError('E_VALUE', `${title}: its schedule needs the number of batches in an epoch: data() says it`)
}

/** Measures in one line. */
function describe(measures: Readonly<Record<string, number>>): string {
  return Object.entries(measures)
    .map(([name, value]) => `${name} ${metricText(name, value)}`)
    .join(', ')
}
