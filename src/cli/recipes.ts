import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LanewiseError } from '../core/errors.js'
import type { Recipe, TaskRecipe } from '../train/recipe.js'
import type { SearchRecipe } from '../train/search/search.js'
import { UsageError } from './command.js'

/** The recipe that a module exports: by its path, or by its name in models/. */
export async function recipeOf(name: string, needsDevice: boolean): Promise<Recipe> {
  const path = fileOf(name)
  if (needsDevice) {
    const { Device } = await import('../autograd/device.js')
    await Device.create({ deterministic: true })
  }
  return load(path)
}

/** What the recipe's module exports to be searched, if it does. */
export async function searchOf(name: string): Promise<SearchRecipe | undefined> {
  const { search } = (await import(pathToFileURL(fileOf(name)).href)) as { search?: SearchRecipe }
  return typeof search === 'function' ? search : undefined
}

function fileOf(name: string): string {
  const candidates = [name, `models/${name}.ts`, `models/${name}.js`].map((path) => resolve(path))
  const path = candidates.find((candidate) => /\.[cm]?[jt]s$/.test(candidate) && existsSync(candidate))
  if (!path) throw new UsageError(`there is no recipe "${name}": neither that file nor models/${name}.ts`)
  return path
}

/** The recipe that lies beside a model's file under its name, if there is one and it is not for one of the sets that are known. */
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
  const { default: recipe } = (await import(pathToFileURL(path).href)) as { default?: Recipe }
  if (typeof recipe !== 'object') throw new LanewiseError('E_VALUE', `${path} exports no recipe by default`)
  const recipes: typeof import('../train/recipe.js') = await import('../train/recipe.js')
  recipes.checkRecipe(recipe, path)
  return recipe
}
