import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { LanewiseError } from '../src/errors.js'
import { fuzz, targets } from './support/fuzz.js'
import { fuzzModels } from './support/fuzz-models.js'

it('takes the models that fuzzing starts from', async () => {
  for (const model of fuzzModels()) for (const target of targets) await target.run(model)
})

it('reports what is no LanewiseError', async () => {
  const broken = { name: 'broken', run: () => Promise.reject(new TypeError('x is undefined')) }
  targets.push(broken)
  try {
    const { findings } = await fuzz({ runs: 2, seed: 1, models: fuzzModels() })
    expect(findings.map(({ target, run }) => [target, run])).toEqual([['broken', 0], ['broken', 1]])
  } finally {
    targets.pop()
  }
})

it('survives 20,000 mutated models', async () => {
  const report = await fuzz({ runs: 20_000, seed: 20_261_121, models: fuzzModels() })
  expect(report.findings.map(({ run, target, problem }) => `run ${run}, ${target}: ${problem}`)).toEqual([])
  // Both outcomes must be common, or the mutations are too wild or too tame.
  expect(report.accepted).toBeGreaterThan(2000)
  expect(report.refused.get('E_PARSE')).toBeGreaterThan(2000)
}, 300_000)

const seeds = new URL('./fixtures/fuzz/', import.meta.url)
it.runIf(existsSync(seeds))('survives every file that once broke something', async () => {
  for (const name of readdirSync(seeds)) {
    const file = readFileSync(new URL(name, seeds))
    for (const target of targets) {
      try {
        await target.run(file)
      } catch (error) {
        expect(error, `${name}, ${target.name}`).toBeInstanceOf(LanewiseError)
      }
    }
  }
})
