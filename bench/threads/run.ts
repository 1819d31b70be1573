// What a call costs that is shared between threads, and what more cores than there are would bring: bundled by main.ts
// and run by the Node that was asked for.
import { writeFileSync } from 'node:fs'
import { Context } from '../../bindings/context.js'
import { chooseBuild, loadModule } from '../../bindings/module.js'
import { cutting } from '../../bindings/threads.js'
import { UNARY_NEG } from '../../assembly/abi/codes.js'
import { publishValue } from '../../src/api/value.js'
import * as lanewise from '../../src/node.js'
import * as nodeThreads from '../../src/platform/node-threads.js'
import { threadedWasmFile } from '../../src/platform/threaded-wasm-files.js'
import { attachThreads, endThreads, started } from '../../src/platform/threads.js'
import { platform, setPlatform } from '../../src/platform/platform.js'
import { begin } from '../process.js'
import { median } from '../statistics.js'
import { worksOf } from '../suites/index.js'
import type { Work } from '../work.js'
import { CORES, type CoresRow, type ThreadsReport } from './table.js'
import { processor } from '../processor.js'

const { options, resultFile } = begin()
const build = chooseBuild(options.build, false)
// Where a thread can ask for its own time (Node 24), what compiles and collects in the background does not count.
const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage }
if (threadCpuUsage)
  Object.defineProperty(performance, 'now', {
    value: () => {
      const { user, system } = threadCpuUsage.call(process)
      return (user + system) / 1000
    },
  })

/** The clock on the wall, whichever times runs. */
const wall = () => Number(process.hrtime.bigint()) / 1e6

/** Microseconds of a call of two pieces in which next to nothing is done, both threads awake: the median of many. */
async function barrier(): Promise<number> {
  const module = await loadModule(build, () => platform().readKernels(threadedWasmFile('inference', build)))
  const context = new Context(module, undefined, true)
  attachThreads(context, module, options.threads, nodeThreads)
  const x = context.alloc(4 * 64 * options.threads)
  cutting.pieces = options.threads
  const call = context.threads?.bind(
    'unary_f32',
    [UNARY_NEG, x, x, 64 * options.threads, 0, 0],
    () => 512,
    {},
    () => undefined,
  )
  cutting.pieces = undefined
  if (!call) throw new Error('the call is not shared')
  for (const end = Date.now() + 5000; started() < options.threads - 1 && Date.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, 5))
  const samples: number[] = []
  for (let i = 0; i < 300; i++) {
    const start = wall()
    for (let j = 0; j < 50; j++) call()
    samples.push((1000 * (wall() - start)) / 50)
  }
  context.dispose()
  return median(samples.slice(100))
}

/**
 * How much faster a run would be on so many cores that do nothing else: what is shared takes as many turns as the
 * pieces of a call need, and a barrier each; everything else what it takes on one.
 */
async function onCores(work: Work, perCall: number): Promise<CoresRow> {
  const session = await lanewise.InferenceSession.create(work.model, {
    build: options.build,
    logLevel: 'error',
    states: work.states,
    threads: options.threads,
  })
  const feeds = Object.fromEntries([...work.feeds[0]].map(([name, value]) => [name, publishValue(value)]))
  // Of all runs together: a thread's own clock may go by ticks of milliseconds, which are right in sum alone.
  let [runs, all, allShared] = [0, 0, 0]
  const turns = CORES.map(() => 0)
  // Whatever compiles in the background has done so by then: the processor's clock counts it as well.
  const warm = wall() + (options.quick ? 700 : 2000)
  for (let i = 0; i < 5 || wall() < warm; i++) await session.run(feeds)
  const end = wall() + (options.quick ? 400 : 2000)
  for (; runs < 5 || (runs < 200 && wall() < end); runs++) {
    cutting.made = (pieces, ms) => {
      allShared += ms
      CORES.forEach((cores, at) => (turns[at] += (ms * Math.ceil(pieces / cores)) / pieces + perCall / 1000))
    }
    const start = performance.now()
    await session.run(feeds)
    all += performance.now() - start
    cutting.made = undefined
  }
  await session.release()
  return {
    name: work.name,
    ms: all / runs,
    serial: 1 - allShared / all,
    faster: turns.map((ms) => all / (all - allShared + ms)),
  }
}

const perCall = await barrier()
endThreads()
// From here on the first thread makes every piece itself.
const alone = { ...nodeThreads, startThread: () => ({ post: () => undefined, end: () => undefined }) }
setPlatform({ ...platform(), threads: () => Promise.resolve(alone) })
process.stderr.write(`a call of nothing: ${perCall.toFixed(2)} µs\n`)
const rows: CoresRow[] = []
for await (const work of worksOf(options)) {
  try {
    rows.push(await onCores(work, perCall))
    process.stderr.write(`${work.name}\n`)
  } catch (error) {
    process.stderr.write(`${work.name}: ${(error as Error).message}\n`)
  }
}
const report: ThreadsReport = {
  engine: `Node ${process.versions.node}`,
  build,
  cpu: processor(),
  threads: options.threads,
  barrier: perCall,
  rows,
}
writeFileSync(resultFile, JSON.stringify(report))
process.exit()
