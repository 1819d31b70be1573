import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LanewiseError } from '../core/errors.js'
import type { Recipe, RecipeEvaluation, RecipeEvaluationOptions, RecipeOption, TaskRecipe } from '../train/recipe.js'
import type { SearchRecipe } from '../train/search/search.js'
import { UsageError, type Flags } from './command.js'

/** What a recipe's module may export. */
interface RecipeModule {
  readonly default?: Recipe
  /** What the command line may choose … */
  readonly options?: Readonly<Record<string, RecipeOption>>
  /** … and the recipe for what was chosen. */
  readonly configure?: (chosen: Readonly<Record<string, string | boolean>>) => Recipe
  readonly search?: SearchRecipe
}

/**
 * The recipe that a module exports: by its path, or by its name in models/.
 *
 * @param flags - what was chosen of the options that the module has.
 */
export async function recipeOf(name: string, needsDevice: boolean, flags: Flags = {}): Promise<Recipe> {
  const path = fileOf(name)
  if (needsDevice) {
    const { Device } = await import('../autograd/device.js')
    await Device.create({ deterministic: true })
  }
  const { options = {}, configure } = (await import(pathToFileURL(path).href)) as RecipeModule
  const chosen = Object.keys(options).flatMap((option) => {
    const value = flags[option]
    return typeof value === 'string' || typeof value === 'boolean' ? [[option, value] as const] : []
  })
  if (chosen.length === 0 || !configure) return load(path)
  return checked(configure(Object.fromEntries(chosen)), path)
}

/**
 * The options of a recipe that is named among arguments; none if there is no such recipe: what is wrong is said later.
 */
export async function optionsOfRecipe(args: readonly string[]): Promise<Readonly<Record<string, RecipeOption>>> {
  const path = args
    .filter((argument) => !argument.startsWith('-'))
    .map(findFile)
    .find(Boolean)
  if (path === undefined) return {}
  return ((await import(pathToFileURL(path).href)) as RecipeModule).options ?? {}
}

/** What the recipe's module exports to be searched, if it does. */
export async function searchOf(name: string): Promise<SearchRecipe | undefined> {
  const { search } = (await import(pathToFileURL(fileOf(name)).href)) as RecipeModule
  return typeof search === 'function' ? search : undefined
}

function findFile(name: string): string | undefined {
  const candidates = [name, `models/${name}.ts`, `models/${name}.js`].map((path) => resolve(path))
  return candidates.find((candidate) => /\.[cm]?[jt]s$/.test(candidate) && existsSync(candidate))
}

function fileOf(name: string): string {
  const path = findFile(name)
  if (!path) throw new UsageError(`there is no recipe "${name}": neither that file nor models/${name}.ts`)
  return path
}

/** What measures several models of a folder of models/ together: what its `evaluate.ts` exports by default. */
export async function evaluationOf(
  name: string,
): Promise<((options: RecipeEvaluationOptions) => Promise<RecipeEvaluation>) | undefined> {
  const path = findFile(`${name}/evaluate.js`) ?? findFile(`${name}/evaluate.ts`) ?? findFile(`${name}/evaluate`)
  if (path === undefined) return undefined
  const { default: evaluation } = (await import(pathToFileURL(path).href)) as { default?: unknown }
  if (typeof evaluation !== 'function') throw new LanewiseError('E_VALUE', `${path} exports no function by default`)
  return evaluation as (options: RecipeEvaluationOptions) => Promise<RecipeEvaluation>
}

/**
 * The recipe that lies beside a model's file under its name, if there is one and it is not for one of the sets that are
 * known.
 */
export async function recipeBeside(model: string): Promise<TaskRecipe | undefined> {
  const path = ['.ts', '.js'].map((ending) => resolve(model.replace(/\.onnx$/, ending))).find(existsSync)
  if (path === undefined || !model.endsWith('.onnx')) return undefined
  try {
    const recipe = await load(path)
    return typeof recipe.data === 'function' ? recipe : undefined
  } catch (error) {
    // Older Nodes read no TypeScript: the model is measured without its recipe.
    if ((error as { code?: unknown }).code === 'ERR_UNKNOWN_FILE_EXTENSION') return undefined
    throw error
  }
}

async function load(path: string): Promise<Recipe> {
  const { default: recipe } = (await import(pathToFileURL(path).href)) as RecipeModule
  if (typeof recipe !== 'object') throw new LanewiseError('E_VALUE', `${path} exports no recipe by default`)
  return checked(recipe, path)
}

async function checked(recipe: Recipe, path: string): Promise<Recipe> {
  const recipes: typeof import('../train/recipe.js') = await import('../train/recipe.js')
  recipes.checkRecipe(recipe, path)
  return recipe
}
