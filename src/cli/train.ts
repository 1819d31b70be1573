import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LanewiseError } from '../core/errors.js'
import type { Recipe } from '../train/recipe.js'
import { bytesText } from '../core/table.js'
import { numberFlag, textFlag, UsageError, type Command } from './command.js'

export const train: Command = {
  name: 'train',
  summary: 'trains a classifier of pictures by a recipe and writes model, report, metrics and checkpoints',
  usage: 'RECIPE [options]',
  flags: {
    data: {
      type: 'string',
      value: 'FOLDER|URL',
      help: 'where the IDX files are (default data/NAME; MNIST that is not there is drawn)',
    },
    to: { type: 'string', value: 'FOLDER', help: 'where the run is kept (default runs/RECIPE)' },
    resume: { type: 'boolean', help: 'go on from the newest checkpoint in that folder' },
    epochs: { type: 'string', value: 'N', help: 'passes over the data (default: what the recipe says)' },
    target: { type: 'string', value: 'SHARE', help: 'stop as soon as this share of the test part is right, e.g. 0.98' },
    summary: { type: 'boolean', help: 'show the layers and stop' },
  },

  async run({ positionals, flags, print, result }) {
    if (positionals.length !== 1)
      throw new UsageError(
        'one recipe is needed: a module that exports it, or the name of one in models/, such as mnist/small',
      )
    const [name] = positionals
    const recipe = await recipeOf(name, flags.summary === true)
    if (flags.summary === true) {
      const { summary } = await import('../nn/summary.js')
      print(summary(recipe.model(), [1, 28, 28]))
      return
    }
    const { runRecipe } = await import('../train/recipe-run.js')
    const folder = textFlag(flags, 'to') ?? `runs/${name.replace(/\.[jt]s$/, '')}`
    print(`${recipe.title} → ${folder} (Ctrl-C saves; --resume goes on)`)
    const run = await runRecipe(recipe, {
      folder,
      data: textFlag(flags, 'data'),
      resume: flags.resume === true,
      epochs: numberFlag(flags, 'epochs', { least: 1, whole: true }),
      target: numberFlag(flags, 'target', { least: 0 }),
      progress: process.stderr,
    })
    const { evaluation, source, modelFile, modelBytes, reportFile, noReport, steps, stopped, seconds } = run
    const { accuracy = 0, examples } = evaluation
    print(
      `${source}: ${(100 * accuracy).toFixed(2)} % of ${examples} test pictures right after ${steps} steps (${stopped}), ${seconds.toFixed(0)} s`,
    )
    // As shells say it: 128 and the number of the signal.
    if (stopped === 'interrupted') process.exitCode = run.signal === 'SIGTERM' ? 143 : 130
    print(`${modelFile}  ${bytesText(modelBytes)}\n${reportFile ?? `no report: ${noReport}`}`)
    result({
      recipe: name,
      source,
      steps,
      stopped,
      accuracy,
      loss: evaluation.loss,
      examples,
      model: modelFile,
      modelBytes,
      report: reportFile,
      seconds,
    })
  },
}

/** The recipe that a module exports: by its path, or by its name in models/. */
async function recipeOf(name: string, needsDevice: boolean): Promise<Recipe> {
  const candidates = [name, `models/${name}.ts`, `models/${name}.js`].map((path) => resolve(path))
  const path = candidates.find((candidate) => /\.[jt]s$/.test(candidate) && existsSync(candidate))
  if (!path) throw new UsageError(`there is no recipe "${name}": neither that file nor models/${name}.ts`)
  if (needsDevice) {
    const { Device } = await import('../autograd/device.js')
    await Device.create({ deterministic: true })
  }
  const { default: recipe } = (await import(pathToFileURL(path).href)) as { default?: Recipe }
  if (typeof recipe !== 'object') throw new LanewiseError('E_VALUE', `${path} exports no recipe by default`)
  const recipes: typeof import('../train/recipe.js') = await import('../train/recipe.js')
  recipes.checkRecipe(recipe, path)
  return recipe
}
