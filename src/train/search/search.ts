import { join } from 'node:path'
import { LanewiseError } from '../../core/errors.js'
import { checkNumber } from '../../core/options.js'
import { fileExists, makeFolder, readBytesNow, writeAtomically } from '../../platform/node-files.js'
import type { Module } from '../../nn/module.js'
import type { ProgressStream } from '../progress.js'
import { isTaskRecipe, type Recipe, type TaskRecipe } from '../recipe.js'
import { runRecipe } from '../recipe-run.js'
import { checkSpace, drawParameters, type Parameters, type SearchSpace } from './search-space.js'
import { searchPage } from './search-page.js'
import { searchPlot } from './search-plot.js'

/** How a search is made. */
export interface SearchOptions {
  readonly folder: string
  readonly space: SearchSpace
  /** How many sets of parameters are tried; 16 by default. */
  readonly trials?: number
  /** Steps of a trial that goes to the end. */
  readonly steps: number
  /**
   * Successive halving (Jamieson & Talwalkar, arXiv:1502.07943): all trials take a small share of the steps, the best
   * 1/`halving` of them go on to `halving` times as many, and so on to the end. Without it every trial goes to the end.
   */
  readonly halving?: number
  readonly seed?: number
  readonly data?: string
  readonly quickest?: boolean
  readonly progress?: ProgressStream
}

/** A set of parameters and how good it was. */
export interface Trial {
  readonly index: number
  readonly parameters: Parameters
  /** Steps taken. */
  readonly steps: number
  /** The recipe's measure after them; null if the run failed. */
  readonly measure: number | null
  /** Why it failed. */
  readonly error?: string
}

/** What a search found, the best first; among those that went as far. */
export interface SearchResult {
  readonly measure: string
  readonly trials: readonly Trial[]
  /** Whether a signal ended it before all was tried. */
  readonly interrupted: boolean
  /** Plots of what mattered, as lines of a terminal. */
  readonly plot: readonly string[]
  readonly file: string
  readonly page: string
}

/** Makes a recipe of parameters; what a module exports as `search`. */
export type SearchRecipe = (parameters: Parameters) => Recipe

/** What is kept of a search. */
interface State {
  readonly space: SearchSpace
  readonly seed: number
  readonly trials: number
  readonly steps: number
  readonly halving: number | null
  readonly done: Trial[]
}

/** Steps that the trials of each rung take in all. */
export function rungsOf(
  trials: number,
  steps: number,
  halving: number | undefined,
): { steps: number; trials: number }[] {
  if (halving === undefined) return [{ steps, trials }]
  const rungs: { steps: number; trials: number }[] = []
  const count = Math.floor(Math.log(trials) / Math.log(halving) + 1e-9)
  for (let rung = 0; rung <= count; rung++)
    rungs.push({
      steps: Math.max(1, Math.round(steps / halving ** (count - rung))),
      trials: Math.max(1, Math.floor(trials / halving ** rung)),
    })
  return rungs
}

/**
 * Tries sets of parameters that are drawn from a space, each as a run of its own in `trial-N`; the table is in
 * `search.json`, a page with plots in `search.html`. A search that was broken off goes on where it was: finished trials
 * are not repeated, one that was going on is resumed bit for bit.
 *
 * @param make - the recipe for parameters. Where a module exports none, {@link withParameters} of its recipe.
 * @throws LanewiseError `E_VALUE` for a space or numbers that are none, a recipe without validation; `E_STATE` if the
 *   folder holds another search.
 */
export async function searchRecipe(make: SearchRecipe, options: SearchOptions): Promise<SearchResult> {
  const { folder, space, trials = 16, steps, halving, seed = 1, data, quickest, progress } = options
  checkSpace(space)
  checkNumber('trials', trials, { least: 1, most: 10_000, whole: true })
  checkNumber('steps', steps, { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true })
  if (halving !== undefined) checkNumber('halving', halving, { least: 2, most: 100, whole: true })
  const file = join(folder, 'search.json')
  const page = join(folder, 'search.html')
  const state = stateIn(file, { space, seed, trials, steps, halving: halving ?? null, done: [] })
  makeFolder(folder)
  let measure = 'accuracy'
  let interrupted = false
  let going = Array.from({ length: trials }, (_, index) => index)
  for (const rung of rungsOf(trials, steps, halving)) {
    const results: Trial[] = []
    for (const index of going.slice(0, rung.trials)) {
      const parameters = drawParameters(space, seed, index)
      const recipe = make(parameters)
      measure = isTaskRecipe(recipe) ? (recipe.measure ?? measure) : measure
      let trial = state.done.find((other) => other.index === index && other.steps === rung.steps)
      if (!trial) {
        progress?.write(`trial ${index}, ${rung.steps} steps: ${JSON.stringify(parameters)}\n`)
        const run = await tried(recipe, {
          folder: join(folder, `trial-${index}`),
          data,
          quickest,
          resume: true,
          epochs: Number.MAX_SAFE_INTEGER,
          maxSteps: rung.steps,
          scheduleSteps: steps,
          weightsOnly: true,
          progress,
        })
        if (run === 'interrupted') {
          interrupted = true
          break
        }
        trial = { index, parameters, steps: rung.steps, ...run }
        state.done.push(trial)
        writeAtomically(file, [new TextEncoder().encode(JSON.stringify({ ...state, measure }, null, 2))])
      }
      results.push(trial)
    }
    if (interrupted) break
    going = sorted(results, measure, make(results[0].parameters)).map(({ index }) => index)
  }
  const best = latest(state.done)
  const ordered = best.length > 0 ? sorted(best, measure, make(best[0].parameters)) : []
  writeAtomically(page, [new TextEncoder().encode(searchPage(measure, ordered, state.done))])
  return { measure, trials: ordered, interrupted, plot: searchPlot(measure, state.done), file, page }
}

/** Each trial as far as it went. */
function latest(done: readonly Trial[]): Trial[] {
  const furthest = new Map<number, Trial>()
  for (const trial of done) if ((furthest.get(trial.index)?.steps ?? 0) < trial.steps) furthest.set(trial.index, trial)
  return [...furthest.values()]
}

/** Those that went furthest first, the best of them in front; failed ones at the end. */
function sorted(trials: readonly Trial[], measure: string, recipe: Recipe): Trial[] {
  const metrics = isTaskRecipe(recipe) ? (recipe.metrics ?? {}) : {}
  const higher = Object.hasOwn(metrics, measure) ? (metrics[measure].higherIsBetter ?? true) : measure === 'accuracy'
  const rank = ({ measure: value }: Trial) => (value === null ? -Infinity : higher ? value : -value)
  return [...trials].sort((a, b) =>
    a.measure === null || b.measure === null ? rank(b) - rank(a) || 0 : b.steps - a.steps || rank(b) - rank(a),
  )
}

/** One trial. A run that fails, such as one whose loss is not finite, is a result, too. */
async function tried(
  recipe: Recipe,
  options: Parameters_<typeof runRecipe>[1],
): Promise<Pick<Trial, 'measure' | 'error'> | 'interrupted'> {
  try {
    const run = await runRecipe(recipe, options)
    if (run.stopped === 'interrupted') return 'interrupted'
    if (!run.measured)
      throw new LanewiseError(
        'E_STATE',
        `${recipe.title} has no validation with its measure: there is nothing to compare`,
      )
    const { value } = run.measured
    return Number.isFinite(value) ? { measure: value } : { measure: null, error: `the measure is ${value}` }
  } catch (error) {
    if (!(error instanceof LanewiseError) || error.code !== 'E_VALUE' || !/finite/.test(error.message)) throw error
    return { measure: null, error: error.message }
  }
}

/** TypeScript's own `Parameters`, whose name stands for something else here. */
type Parameters_<F extends (...args: never) => unknown> = F extends (...args: infer A) => unknown ? A : never

/** @throws LanewiseError `E_STATE` for another search's file, `E_PARSE` for one that is damaged. */
function stateIn(file: string, fresh: State): State {
  if (!fileExists(file)) return fresh
  let saved: State
  try {
    saved = JSON.parse(new TextDecoder().decode(readBytesNow(file))) as State
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `${file} is no JSON: ${(cause as Error).message}`, { cause })
  }
  for (const key of ['space', 'seed', 'trials', 'steps', 'halving'] as const)
    if (JSON.stringify(saved[key]) !== JSON.stringify(fresh[key]))
      throw new LanewiseError(
        'E_STATE',
        `${file} is of another search: its ${key} are ${JSON.stringify(saved[key])}, not ${JSON.stringify(fresh[key])}`,
      )
  return saved
}

/** Parameters that any recipe understands. */
const general = ['lr', 'batchSize', 'seed', 'epochs']

/**
 * A recipe with another learning rate, batch size, seed or number of epochs: what can be searched where a module
 * exports no `search`.
 *
 * @throws LanewiseError `E_VALUE` for a parameter that only the recipe could understand.
 */
export function withParameters(recipe: Recipe, parameters: Parameters): Recipe {
  for (const [name, value] of Object.entries(parameters))
    if (!general.includes(name) || typeof value !== 'number')
      throw new LanewiseError(
        'E_VALUE',
        `the recipe has no parameter "${name}": of any recipe ${general.join(', ')} can be searched, for others its module exports search(parameters)`,
      )
  const { lr, ...others } = parameters as Readonly<Record<string, number>>
  const changed = { ...recipe, ...others } as TaskRecipe
  if (lr === undefined) return changed
  // The schedule is made after the optimiser, whose rate it then stands for.
  let ratio = 1
  return {
    ...changed,
    optimizer(model: Module) {
      const made = changed.optimizer(model)
      ratio = lr / made.groups[0].initialLr
      return made
    },
    schedule(steps: number) {
      const factor = changed.schedule?.(steps)
      return (step: number) => ratio * (factor?.(step) ?? 1)
    },
  }
}
