// Forced variants of a family beside each other, inside Node: bundled by main.ts. Kernel times of a profile,
// interleaved.
import { writeFileSync } from 'node:fs'
import { present } from '../../src/core/errors.js'
import { forcedVariants, isOf } from '../../src/core/variants.js'
import * as lanewise from '../../src/node.js'
import { agrees, compareValues, describeComparison, modelTolerance } from '../../tests/support/agreement.js'
import { Peaks } from '../../src/inspect/peaks.js'
import { lanewisePeer } from '../peers/lanewise.js'
import type { Loaded } from '../peers/peer.js'
import { begin } from '../process.js'
import { median, summarize } from '../statistics.js'
import { worksOf } from '../suites/index.js'
import type { Work } from '../work.js'
import { sweepOf } from './sweep.js'
import type { VariantReport, VariantRow } from './table.js'
import { processor } from '../processor.js'

const { options, resultFile } = begin()
const family = options.variants[0].split('/')[0]
const variants = options.variants.map((name) => name.slice(family.length + 1))
const peer = lanewisePeer(lanewise, options.build)

interface Running {
  readonly loaded: Loaded
  readonly kernelTime: NonNullable<Loaded['kernelTime']>
  /** What the profile says was called. */
  readonly kernels: readonly string[]
  readonly samples: number[]
}

/** A session whose plans were made while the variant was forced. */
async function start(work: Work, variant: string | undefined): Promise<Running> {
  if (variant) forcedVariants.set(family, variant)
  try {
    const loaded = present(await peer.load(work), 'work for Lanewise')
    for (let i = 0; i < work.feeds.length; i++) await loaded.outputs(i)
    const kernelTime = present(loaded.kernelTime, 'time of kernels')
    return { loaded, kernelTime, kernels: await present(loaded.kernels, 'names of kernels')(0), samples: [] }
  } finally {
    forcedVariants.delete(family)
  }
}

async function disagreement(work: Work, a: Loaded, b: Loaded): Promise<string | undefined> {
  for (let i = 0; i < work.feeds.length; i++) {
    const expected = await b.outputs(i)
    for (const [name, value] of await a.outputs(i)) {
      const comparison = compareValues(value, present(expected.get(name), `output ${name}`), {
        ...modelTolerance,
        absolute: work.steps?.[name],
      })
      if (!agrees(comparison)) return `${name}: ${describeComparison(comparison)}`
    }
  }
  return undefined
}

async function measure(work: Work): Promise<VariantRow | undefined> {
  const plain = await start(work, undefined)
  const running = new Map<string, Running>()
  try {
    const chosen =
      plain.kernels.flatMap((kernel) => variants.find((variant) => isOf(kernel, variant)) ?? [])[0] ?? plain.kernels[0]
    for (const variant of variants) {
      const forced = await start(work, variant)
      // A variant that cannot compute the layer leaves the choice as it is.
      if (forced.kernels.some((kernel) => isOf(kernel, variant))) running.set(variant, forced)
      else await forced.loaded.release()
    }
    if (running.size === 0) return undefined
    const disagreements: string[] = []
    for (const [variant, { loaded }] of running) {
      const what = await disagreement(work, loaded, plain.loaded)
      if (what) disagreements.push(`${variant}: ${what}`)
    }
    const rounds = options.quick ? 9 : 41
    const all = [...running.values()]
    const costs = new Map<Running, number>()
    for (const one of all) {
      const warm = []
      for (let i = 0; i < (options.quick ? 5 : 20); i++) warm.push(await one.kernelTime(0))
      costs.set(one, Math.max(median(warm), 1e-3))
    }
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < all.length; i++) {
        const one = all[(i + round) % all.length]
        const repeats = Math.min(64, Math.ceil(1 / present(costs.get(one), 'cost')))
        let sum = 0
        for (let j = 0; j < repeats; j++) sum += await one.kernelTime((round + j) % work.feeds.length)
        one.samples.push(sum / repeats)
      }
    }
    const times = Object.fromEntries([...running].map(([variant, { samples }]) => [variant, summarize(samples)]))
    return { group: work.group, name: work.name, flops: work.flops, chosen, times, disagreements }
  } finally {
    await plain.loaded.release()
    for (const { loaded } of running.values()) await loaded.release()
  }
}

const wanted = new RegExp(options.filter, 'i')
const works = async function* (): AsyncGenerator<Work> {
  if (!options.sweep) {
    yield* worksOf(options)
    return
  }
  for (const make of sweepOf(family)) {
    const work = make()
    if (wanted.test(work.name) || wanted.test(work.group)) yield work
  }
}
const rows: VariantRow[] = []
for await (const work of works()) {
  const row = await measure(work)
  if (!row) continue
  rows.push(row)
  process.stderr.write(`${row.name}: ${row.chosen}${row.disagreements.length > 0 ? ', DISAGREES' : ''}\n`)
}
const idle = variants.filter((variant) => rows.length > 0 && rows.every(({ times }) => !times[variant]))
if (idle.length > 0)
  throw new Error(`no layer can be computed by ${idle.map((name) => `${family}/${name}`).join(', ')}`)
const report: VariantReport = {
  family,
  variants,
  command: `npm run bench -- kernels --variant ${options.variants.join()}${options.sweep ? ' --sweep' : ''}`,
  date: new Date().toISOString(),
  quick: options.quick,
  engine: `Node ${process.versions.node}`,
  build: (await Peaks.create(options.build)).build,
  cpu: processor(),
  clock: options.clock,
  rows,
}
writeFileSync(resultFile, JSON.stringify(report))
process.exit()
