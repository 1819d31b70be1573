import { expect, it } from 'vitest'
import { lanewise, onnxruntimeWeb, type Engine } from '../conformance/engines.js'
import { compareEngines, describeGraph, shrink, type Outcome } from '../support/graphs/differential.js'
import { randomGraph, type RandomGraph } from '../support/graphs/random-graph.js'
import { layerRecipes } from '../support/graphs/random-layers.js'
import { plainRecipes } from '../support/graphs/random-ops.js'
import { builds } from '../support/wasm.js'

/** The seed of the first graph; the others follow it. */
const firstSeed = Number(process.env.LANEWISE_SEED ?? 20_261_121)
const count = Number(process.env.LANEWISE_GRAPHS ?? 300)
const recipes = [...plainRecipes, ...layerRecipes]

const failed = (outcome: Outcome): boolean =>
  outcome.kind === 'wrong' || (outcome.kind === 'ort wrong' && outcome.why === undefined)

/** What went wrong, in the smallest graph that shows it. */
async function report(graph: RandomGraph, outcome: Outcome, ours: Engine, peer: Engine): Promise<string> {
  const small = await shrink(graph, async (candidate) => {
    const found = await compareEngines(candidate, ours, peer)
    return found.kind === outcome.kind && failed(found)
  })
  const found = await compareEngines(small, ours, peer)
  const [{ what }] = [found, outcome].filter((one) => 'what' in one)
  const who =
    outcome.kind === 'wrong'
      ? 'Lanewise is wrong'
      : 'onnxruntime-web is wrong, for no reason that tests/support/graphs/ort-wrong.ts knows'
  return `${who}: ${what}\n${describeGraph(small)}\n(LANEWISE_SEED=${graph.seed} LANEWISE_GRAPHS=1 for the whole graph)`
}

it(`agrees with onnxruntime-web and the references on ${count} random graphs`, async () => {
  console.log(`random graphs from seed ${firstSeed} on; LANEWISE_SEED and LANEWISE_GRAPHS choose others`)
  const peer = await onnxruntimeWeb()
  const engines = builds.map((build) => lanewise({ build, logLevel: 'error' }))
  const problems: string[] = []
  const reasons = new Map<string, number>()
  const ops = new Set<string>()
  let compared = 0
  for (let seed = firstSeed; seed < firstSeed + count && problems.length < 5; seed++) {
    const graph = randomGraph(seed, recipes)
    if (graph.nodes.length === 0) continue
    for (const { op } of graph.nodes) ops.add(op)
    const ours = engines[seed % engines.length]
    const outcome = await compareEngines(graph, ours, peer)
    if (outcome.kind === 'same') compared++
    else if (failed(outcome)) problems.push(await report(graph, outcome, ours, peer))
    else if ('why' in outcome) reasons.set(outcome.why!, (reasons.get(outcome.why!) ?? 0) + 1)
  }
  for (const [why, times] of reasons) console.log(`${times} × onnxruntime-web alone is off: ${why}`)
  expect(problems.join('\n\n')).toBe('')
  // Else the generator makes what is not there, and nothing is tested.
  expect(compared).toBeGreaterThan(0.9 * count)
  if (count >= 500) expect(ops.size).toBeGreaterThan(120)
}, 600_000)

it('notices a wrong element and shrinks the graph to the node that made it', async () => {
  const peer = await onnxruntimeWeb()
  const right = lanewise({ logLevel: 'error' })
  // Every Relu is off by a hundredth wherever it is positive.
  const broken: Engine = {
    ...right,
    async load(bytes) {
      const relu = new TextDecoder('latin1').decode(bytes).includes('Relu')
      const model = await right.load(bytes)
      const spoil = (results: Awaited<ReturnType<typeof model.run>>) => {
        for (const value of results.values())
          if ('data' in value && value.data instanceof Float32Array)
            value.data.forEach((x, i, data) => (data[i] = x * 1.01))
        return results
      }
      return { ...model, run: async (feeds) => (relu ? spoil(await model.run(feeds)) : model.run(feeds)) }
    },
  }
  for (let seed = 1; ; seed++) {
    const graph = randomGraph(seed, recipes)
    if (graph.nodes.length < 4 || !graph.nodes.some(({ op }) => op === 'Relu')) continue
    const outcome = await compareEngines(graph, broken, peer)
    if (outcome.kind !== 'wrong') continue
    const text = await report(graph, outcome, broken, peer)
    expect(text).toMatch(/^Lanewise is wrong: v\d+ has /)
    expect(text.match(/^ {2}v\d+: .* = \w+\(/gm)).toHaveLength(1)
    expect(text).toContain('Relu(')
    return
  }
}, 120_000)

it('makes the same graph of the same seed', () => {
  const [one, other] = [7, 7].map((seed) => describeGraph(randomGraph(seed, recipes)))
  expect(one).toBe(other)
  expect(describeGraph(randomGraph(8, recipes))).not.toBe(one)
})
