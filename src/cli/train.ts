import { LanewiseError } from '../core/errors.js'
import type { Recipe } from '../train/recipe.js'
import { bytesText, tableLines } from '../core/table.js'
import { readBytes } from '../platform/node-files.js'
import { metricText } from '../train/progress.js'
import { numberFlag, textFlag, UsageError, type Command, type Invocation } from './command.js'
import { optionsOfRecipe, recipeOf, searchOf } from './recipes.js'

export const train: Command = {
  name: 'train',
  summary: 'trains a model by a recipe and writes it with report, metrics and checkpoints',
  usage: 'RECIPE [options]',
  flags: {
    data: {
      type: 'string',
      value: 'FOLDER|URL',
      help: 'where the data are (default: what the recipe says; MNIST that is not there is drawn)',
    },
    to: { type: 'string', value: 'FOLDER', help: 'where the run is kept (default runs/RECIPE)' },
    resume: { type: 'boolean', help: 'go on from the newest checkpoint in that folder' },
    epochs: { type: 'string', value: 'N', help: 'passes over the data (default: what the recipe says)' },
    target: {
      type: 'string',
      value: 'SHARE',
      help: 'stop as soon as the measure of the validation is this good, e.g. 0.98',
    },
    steps: { type: 'string', value: 'N', help: 'stop after so many steps in all' },
    quickest: {
      type: 'boolean',
      help: 'whatever build of the kernels is quickest here: results then differ between kinds of processors',
    },
    threads: {
      type: 'string',
      value: 'N|auto',
      help: 'threads that share each step: the same bits for any number (default: as many as there are cores, up to eight)',
    },
    search: { type: 'string', value: 'space.json', help: 'try sets of parameters that are drawn from these ranges' },
    trials: { type: 'string', value: 'N', help: 'search: how many sets (default 16)' },
    halving: {
      type: 'string',
      value: 'N',
      help: 'search: only the best of N trials goes on to N times as many steps, and so on',
    },
    summary: { type: 'boolean', help: 'show the layers and stop' },
  },

  moreFlags: optionsOfRecipe,

  async run({ positionals, flags, print, result }) {
    if (positionals.length !== 1)
      throw new UsageError(
        'one recipe is needed: a module that exports it, or the name of one in models/, such as mnist/small',
      )
    const [name] = positionals
    const recipe = await recipeOf(name, flags.summary === true, flags)
    if (flags.summary === true) {
      for (const line of await summaryOf(recipe, textFlag(flags, 'data'))) print(line)
      return
    }
    if (textFlag(flags, 'search') !== undefined) return search(name, { flags, print, result })
    const { runRecipe } = await import('../train/recipe-run.js')
    const folder = textFlag(flags, 'to') ?? `runs/${name.replace(/\.[cm]?[jt]s$/, '')}`
    print(`${recipe.title} → ${folder} (Ctrl-C saves; --resume goes on)`)
    const run = await runRecipe(recipe, {
      folder,
      data: textFlag(flags, 'data'),
      resume: flags.resume === true,
      epochs: numberFlag(flags, 'epochs', { least: 1, whole: true }),
      target: numberFlag(flags, 'target', { least: 0 }),
      maxSteps: numberFlag(flags, 'steps', { least: 1, whole: true }),
      quickest: flags.quickest === true,
      threads: flags.threads === 'auto' ? 'auto' : numberFlag(flags, 'threads', { least: 1, whole: true }),
      progress: process.stderr,
    })
    const { evaluation, measured, source, files, reportFile, noReport, steps, stopped, seconds } = run
    const { accuracy, examples, loss } = evaluation ?? {}
    const found = measured
      ? `${measured.name} ${metricText(measured.name, measured.value)} on ${examples} examples`
      : 'done'
    print(`${source}: ${found} after ${steps} steps (${stopped}), ${seconds.toFixed(0)} s`)
    // As shells say it: 128 and the number of the signal.
    if (stopped === 'interrupted') process.exitCode = run.signal === 'SIGTERM' ? 143 : 130
    for (const { path, bytes } of files) print(`${path}  ${bytesText(bytes)}`)
    print(reportFile ?? `no report: ${noReport}`)
    result({
      recipe: name,
      source,
      steps,
      stopped,
      accuracy,
      loss,
      examples,
      ...(measured && { [measured.name]: measured.value }),
      ...evaluation?.metrics,
      model: files[0].path,
      modelBytes: files[0].bytes,
      files: files.map(({ path }) => path),
      report: reportFile,
      seconds,
    })
  },
}

/** Tries sets of parameters; see `searchRecipe`. */
async function search(
  name: string,
  { flags, print, result }: Pick<Invocation, 'flags' | 'print' | 'result'>,
): Promise<void> {
  const file = textFlag(flags, 'search') ?? ''
  const steps = numberFlag(flags, 'steps', { least: 1, whole: true })
  if (steps === undefined) throw new UsageError('--steps is missing: how many steps a trial takes')
  let space: unknown
  try {
    space = JSON.parse(new TextDecoder().decode(await readBytes(file)))
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    throw new LanewiseError('E_PARSE', `${file} is no JSON: ${(cause as Error).message}`, { cause })
  }
  const spaces: typeof import('../train/search/search-space.js') = await import('../train/search/search-space.js')
  spaces.checkSpace(space)
  const { searchRecipe, withParameters } = await import('../train/search/search.js')
  const recipe = await recipeOf(name, false, flags)
  const make = (await searchOf(name)) ?? ((parameters) => withParameters(recipe, parameters))
  const found = await searchRecipe(make, {
    folder: textFlag(flags, 'to') ?? `runs/${name.replace(/\.[cm]?[jt]s$/, '')}-search`,
    space,
    steps,
    trials: numberFlag(flags, 'trials', { least: 1, whole: true }),
    halving: numberFlag(flags, 'halving', { least: 2, whole: true }),
    data: textFlag(flags, 'data'),
    quickest: flags.quickest === true,
    progress: process.stderr,
  })
  const names = Object.keys(space)
  const cell = (value: unknown) => (typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value))
  const rows = found.trials.map(({ index, parameters, steps: taken, measure, error }) => [
    String(index),
    ...names.map((key) => cell(parameters[key])),
    String(taken),
    measure === null ? (error ?? 'failed') : metricText(found.measure, measure),
  ])
  const titles = ['trial', ...names, 'steps', found.measure]
  for (const line of tableLines(
    titles.map((title) => ({ title, right: true })),
    rows,
  ))
    print(line)
  const { plot, ...figures } = found
  for (const line of plot) print(line)
  print(`${found.file}\n${found.page}${found.interrupted ? '\ninterrupted: the same command goes on' : ''}`)
  if (found.interrupted) process.exitCode = 130
  result(figures)
}

/**
 * Layers of the recipe's model. @throws LanewiseError `E_VALUE` if the recipe does not say what they are applied to.
 */
async function summaryOf(recipe: Recipe, from: string | undefined): Promise<string[]> {
  const { summary } = await import('../nn/summary.js')
  if (typeof recipe.data !== 'function') return summary(recipe.model(), [1, 28, 28]).split('\n')
  const { inputShape, seed, batchSize, epochs, data, model } = recipe
  if (!inputShape) throw new LanewiseError('E_VALUE', `"${recipe.title}" has no "inputShape" to apply its layers to`)
  const network = await model(await data({ from, seed, batchSize, epochs }))
  return summary(network, inputShape).split('\n')
}
