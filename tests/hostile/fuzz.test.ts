import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, it } from 'vitest'
import { corpus, fuzz, judge, targets, type FuzzTarget } from '../support/fuzz/fuzz.js'

it('takes the models that fuzzing starts from', async () => {
  const read = targets.find(({ name }) => name === 'read')!
  for (const model of [...corpus.models(), ...corpus.sessions()]) await read.run(model)
})

it('reports what is no LanewiseError, and traps', async () => {
  const broken = (error: Error): FuzzTarget => ({
    name: error.message,
    weight: 1,
    input: () => new Uint8Array(),
    run: () => Promise.reject(error),
  })
  const { findings } = await fuzz({
    runs: 3,
    seed: 1,
    targets: [broken(new TypeError('x is undefined')), { ...broken(new Error()), run: () => {} }],
  })
  expect(findings.map(({ target, run }) => [target, run])).toEqual([
    ['x is undefined', 0],
    ['x is undefined', 2],
  ])
})

// What each must have seen at the least, or the mutations are too wild or too tame.
const enough = {
  read: { runs: 4000, accepted: 500, E_PARSE: 500 },
  session: { runs: 4000, accepted: 400, E_GRAPH: 250, E_SHAPE: 250, E_VALUE: 50 },
  feeds: { runs: 2000, accepted: 400, E_SHAPE: 250, E_TENSOR: 50 },
  containers: { runs: 800, accepted: 50, E_SHAPE: 25, E_VALUE: 50 },
}

it.each(targets)(
  'survives mutations: $name',
  async (target) => {
    const { runs, accepted, ...codes } = enough[target.name as keyof typeof enough]
    const report = await fuzz({ runs, seed: 20_261_121, targets: [target] })
    expect(report.findings.map(({ run, problem }) => `run ${run}: ${problem}`)).toEqual([])
    expect(report.accepted).toBeGreaterThan(accepted)
    for (const [code, least] of Object.entries(codes))
      expect(report.refused.get(code as 'E_PARSE') ?? 0, code).toBeGreaterThan(least)
  },
  300_000,
)

const seeds = new URL('../fixtures/fuzz/', import.meta.url)
it.runIf(existsSync(seeds))('survives every file that once broke something', async () => {
  const found = readdirSync(seeds, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  expect(found.length).toBeGreaterThan(20)
  for (const { name, parentPath } of found) {
    const target = targets.find((one) => one.name === basename(parentPath))!
    expect(await judge(target, readFileSync(join(parentPath, name))), name).toBeUndefined()
  }
})
