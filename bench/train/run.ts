// Training steps beside each other, each engine one step in turn: bundled by main.ts and run by the Node that was asked
// for.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import '../../src/node.js'
import { Peaks } from '../../src/inspect/peaks.js'
import { begin, load, versionOf } from '../process.js'
import { pairedRatio, summarize } from '../statistics.js'
import { jaxTrainer, type JaxTraining } from './jax.js'
import { lanewiseTrainer, timeOfProducts } from './lanewise.js'
import { pytorchTrainer } from './pytorch.js'
import type { StepResult } from './table.js'
import { tfjsTrainer, type TfTraining } from './tfjs.js'
import { steps, type Trainer, type TrainerMaker } from './work.js'
import { processor } from '../processor.js'

const { options, resultFile } = begin()
const peaks = await Peaks.create(options.build)
const notes: string[] = []
const { threads } = options
const makers: [string, TrainerMaker][] = [['lanewise', lanewiseTrainer(peaks.build, threads)]]
// The build that is the same on every machine, beside the one that an engine with fused multiply-add takes.
const plainPeaks =
  threads === 1 && options.build === 'auto' && peaks.build === 'relaxed' ? await Peaks.create('simd') : undefined
if (plainPeaks) makers.push(['lanewise simd', lanewiseTrainer('simd')])
const products = await timeOfProducts(peaks.build)
const versions: Record<string, string> = {}
const torch = threads === 1 ? await pytorchTrainer('bench/train/pytorch.py', options.clock) : undefined
if (threads > 1) makers.push(['one thread', lanewiseTrainer(peaks.build)])
else {
  const tf = await load<TfTraining>(new URL('tfjs-training.mjs', import.meta.url).href)
  tf.setThreadsCount(1)
  tf.setWasmPaths(join(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')), '/'))
  // The WebAssembly backend has no gradient of convolutions.
  makers.push(['tfjs', tfjsTrainer(tf, { mlp: 'wasm', cnn: 'cpu', lstm: 'wasm' })])
  makers.push(['jax-js', jaxTrainer(await load<JaxTraining>('@jax-js/jax'))])
  Object.assign(versions, { tfjs: versionOf('@tensorflow/tfjs-core'), 'jax-js': versionOf('@jax-js/jax') })
  if (torch) {
    makers.push(['pytorch', torch.make])
    versions.pytorch = torch.version
  } else notes.push('PyTorch is not installed (Debian: python3-torch): the native mark is missing')
}

const budget = options.quick ? 3000 : 20_000
const results: StepResult[] = []
for (const { name, key, flops } of steps) {
  if (!new RegExp(options.filter, 'i').test(name)) continue
  process.stderr.write(`${name} … `)
  const engines: { label: string; trainer: Trainer; samples: number[]; cost: number; once: boolean }[] = []
  const memory: Record<string, number> = {}
  const said: string[] = [...notes]
  for (const [label, make] of makers) {
    try {
      const trainer = await make(key)
      if (!trainer) continue
      const { ms, loss } = await trainer.step()
      if (!Number.isFinite(loss)) throw new Error(`its loss is ${loss}`)
      const own = engines.length === 0 ? (await trainer.step()).ms : engines[0].cost
      // What takes seconds where Lanewise takes a twentieth of them has been timed by its first step, compilers and
      // all.
      const once = ms > 2000 && ms > 20 * own
      if (once) said.push(`${label} was timed once`)
      engines.push({ label, trainer, samples: once ? [ms] : [], cost: own, once })
    } catch (error) {
      said.push(
        `${label} cannot make the step: ${(error instanceof Error ? error.message : String(error)).slice(0, 200)}`,
      )
      if (label === 'lanewise') throw error
    }
  }
  const peak: number[] = []
  const plainPeak: number[] = []
  const product: number[] = []
  const start = Date.now()
  for (let round = 0; round < 60 && (round < 3 || Date.now() - start < budget); round++) {
    for (let i = 0; i < engines.length; i++) {
      const { label, trainer, samples, once } = engines[(i + round) % engines.length]
      // What takes seconds is asked three times only.
      if (once || (round >= 3 && samples[0] > 1500)) continue
      const { ms, memory: taken } = await trainer.step()
      if (taken !== undefined) memory[label] = taken
      // The first rounds are for compilers.
      if (round > 0) samples.push(ms)
    }
    peak.push(peaks.timeOfFlops(flops))
    product.push(products(flops))
    if (plainPeaks) plainPeak.push(plainPeaks.timeOfFlops(flops))
  }
  const [ours, ...rest] = engines
  const plain = plainPeaks && rest[0]
  const others = plain ? rest.slice(1) : rest
  const ratioTo = (samples: readonly number[], once: boolean) =>
    once ? { ratio: samples[0] / summarize(ours.samples).median, noise: NaN } : pairedRatio(samples, ours.samples)
  results.push({
    name,
    times: Object.fromEntries(engines.map(({ label, samples }) => [label, summarize(samples)])),
    ratios: Object.fromEntries(others.map(({ label, samples, once }) => [label, ratioTo(samples, once)])),
    shareOfPeak: pairedRatio(peak.slice(1), ours.samples),
    shareOfProducts: pairedRatio(product.slice(1), ours.samples),
    plainShareOfPeak: plain && pairedRatio(plainPeak.slice(1), plain.samples),
    memory,
    notes: said,
  })
  process.stderr.write(`${summarize(ours.samples).median.toPrecision(3)} ms\n`)
  for (const { trainer } of engines) trainer.close()
}
torch?.close()
const environment = {
  engine: `Node ${process.versions.node} (V8 ${process.versions.v8.split('-')[0]})`,
  clock: options.clock,
  key: `node${process.versions.node.split('.')[0]}`,
  build: peaks.build,
  cpu: processor(),
  versions,
  ...peaks.best(),
  plainPeak: plainPeaks?.best().peak,
}
writeFileSync(resultFile, JSON.stringify({ environment, results }))
process.exit()
