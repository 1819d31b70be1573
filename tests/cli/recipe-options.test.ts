import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseFlags } from '../../src/cli/command.js'
import { evaluationOf, optionsOfRecipe, recipeOf } from '../../src/cli/recipes.js'
import { train } from '../../src/cli/train.js'

let folder: string
let file: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-recipes-'))
  file = join(folder, 'recipe.js')
  writeFileSync(
    file,
    `
    const made = (size) => ({
      title: 'size ' + size, seed: 1, epochs: 1, batchSize: 1,
      data: () => ({ train: [], source: 'none' }), model: () => undefined, optimizer: () => undefined,
    })
    export default made('any')
    export const options = {
      size: { type: 'string', value: 'N', help: 'examples' },
      scratch: { type: 'boolean', help: 'from nothing' },
    }
    export const configure = ({ size = 'all', scratch = false }) => size === 'wrong' ? { title: 1 } : made(size + ' ' + scratch)
    `,
  )
  mkdirSync(join(folder, 'together'))
  writeFileSync(
    join(folder, 'together', 'evaluate.js'),
    'export default async ({ count }) => ({ lines: [], figures: { count } })',
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('options of recipes', () => {
  test('are flags of the command that trains them, wherever its name stands', async () => {
    const args = ['--steps', '3', file, '--size', '128', '--scratch']
    const { flags, positionals } = parseFlags(args, { ...(await train.moreFlags?.(args)), ...train.flags })
    expect(positionals).toEqual([file])
    expect(flags).toMatchObject({ steps: '3', size: '128', scratch: true })
    expect(() => parseFlags(args, train.flags)).toThrow('--size')
    expect(await optionsOfRecipe(['--steps', '3', 'mnist/none'])).toEqual({})
  })

  test('make the recipe; without them it is the default one', async () => {
    expect((await recipeOf(file, false)).title).toBe('size any')
    expect((await recipeOf(file, false, { steps: '3', data: 'elsewhere' })).title).toBe('size any')
    expect((await recipeOf(file, false, { size: '128' })).title).toBe('size 128 false')
    expect((await recipeOf(file, false, { scratch: true })).title).toBe('size all true')
    await expect(recipeOf(file, false, { size: 'wrong' })).rejects.toMatchObject({ code: 'E_VALUE' })
  })
})

test('a folder of models may have an evaluation of its own', async () => {
  const evaluation = await evaluationOf(join(folder, 'together'))
  expect(await evaluation?.({ count: 5 })).toEqual({ lines: [], figures: { count: 5 } })
  expect(await evaluationOf(file)).toBeUndefined()
})
