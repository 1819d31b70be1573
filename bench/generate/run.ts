// Text written token by token by engines beside each other, one token in turn: bundled by main.ts and run by the Node
// that was asked for.
import { writeFileSync } from 'node:fs'
import * as lanewise from '../../src/node.js'
import { generate, pastToPresent, type GenerateOptions } from '../../src/generate/index.js'
import type { GenerationSession } from '../../src/generate/session-tensors.js'
import { compressWeights, Device, exportModel, toDecoderGraph, type WeightFormat } from '../../src/train.js'
import { TransformerLM, type TransformerConfig } from '../../models/transformer-lm/model.js'
import { chooseBuild } from '../../bindings/module.js'
import { begin, load, versionOf } from '../process.js'
import { median, pairedRatio, summarize } from '../statistics.js'
import type { GenerationResult } from './table.js'
import { processor } from '../processor.js'

/** What of onnxruntime-web is used here. */
interface Ort {
  readonly env: { readonly wasm: { numThreads?: number }; logLevel?: string }
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<GenerationSession & { release(): Promise<void> }>
  }
}

/** Tokens that are given, and tokens that are written after them. */
const [PROMPT, WRITTEN] = [8, 504]
/** Stretches of a text whose tokens are compared: the tenth token and the five hundredth are in their middle. */
const [EARLY, LATE] = [
  [10, 60],
  [454, 504],
] as const

const shapes: readonly TransformerConfig[] = [
  { vocabulary: 4096, dim: 192, heads: 4, layers: 4, maxLength: 512 },
  { vocabulary: 5000, dim: 128, heads: 4, layers: 2, maxLength: 512 },
]
/** As models/transformer-lm/lm.onnx keeps its weights, and as they were trained. */
const formats: readonly WeightFormat[] = ['int8', 'float32']

const { options, resultFile } = begin()
const build = chooseBuild(options.build, false)
const ort = await load<Ort>('onnxruntime-web')
ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

/** An engine in the midst of a text. */
interface Writer {
  readonly label: string
  readonly session: GenerationSession & { release(): Promise<void> }
  /** Milliseconds of each token, by text. */
  readonly times: number[][]
  readonly tokens: number[]
}

async function measure(config: TransformerConfig, format: WeightFormat): Promise<GenerationResult | undefined> {
  const name = `${config.layers} layers, D${config.dim} H${config.heads} V${config.vocabulary}, weights ${format}`
  if (!new RegExp(options.filter, 'i').test(name)) return undefined
  const device = await Device.create({ deterministic: true, seed: 3 })
  Device.current = device
  const model = new TransformerLM(config)
  // Larger than weights begin, so that texts do not repeat one token.
  for (const parameter of model.parameters())
    if (parameter.shape.length > 1) parameter.assign((parameter.data() as Float32Array).map((value) => 3 * value))
  const file = (cache: 'session' | 'past') =>
    exportModel(compressWeights(toDecoderGraph(model, { cache, maxLength: config.maxLength }), format))
  const [withRoom, growing] = [file('session'), file('past')]
  device.dispose()
  const own = { build, states: pastToPresent }
  const writer = (label: string, session: Writer['session']): Writer => ({ label, session, times: [], tokens: [] })
  const writers = [
    writer('cache in the session', await lanewise.InferenceSession.create(withRoom, own)),
    writer('same file, cache kept', await lanewise.InferenceSession.create(growing, own)),
    writer('same file, past in and out', await lanewise.InferenceSession.create(growing, { build })),
    writer('onnxruntime-web', await ort.InferenceSession.create(growing, { graphOptimizationLevel: 'all' })),
  ]
  const prompt = Array.from({ length: PROMPT }, (_, i) => (37 * i + 11) % config.vocabulary)
  const rounds = options.quick ? 2 : 6
  for (let round = 0; round < rounds; round++) await writeText(writers, prompt, round)
  const [first] = writers
  const disagreements = writers
    .filter(({ tokens }) => tokens.join() !== first.tokens.join())
    .map(({ label }) => `${label} writes other tokens`)
  // The first text is for compilers.
  const texts = (label: Writer) => label.times.slice(1)
  const perToken = (label: Writer) => summarize(texts(label).flat())
  const stretch = (label: Writer, [from, to]: readonly [number, number]) =>
    median(texts(label).flatMap((text) => text.slice(from, to)))
  const peer = writers[writers.length - 1]
  const result = {
    name,
    disagreements,
    growth: await growthWithoutAttention(withRoom, prompt),
    engines: writers.map((each) => ({
      label: each.label,
      perToken: perToken(each),
      early: stretch(each, EARLY),
      late: stretch(each, LATE),
      ratio: pairedRatio(texts(peer).flat(), texts(each).flat()),
    })),
  }
  for (const { session } of writers) await session.release()
  return result
}

/** How much longer late tokens take than early ones, leaving out attention, which reads more with each: 1 is none. */
async function growthWithoutAttention(file: Uint8Array, prompt: readonly number[]): Promise<number> {
  const session = await lanewise.InferenceSession.create(file, { build, states: pastToPresent, profile: true })
  let rest: number[] = []
  const onToken = (): void => {
    const others = (session.lastProfile ?? []).filter(({ op }) => op !== 'Attention')
    rest.push(others.reduce((sum, { ms }) => sum + ms, 0))
  }
  for (let text = 0; text < 2; text++) {
    rest = []
    for await (const token of generate(session, prompt, { maxTokens: WRITTEN, onToken })) void token
  }
  await session.release()
  return median(rest.slice(...LATE)) / median(rest.slice(...EARLY))
}

async function writeText(writers: readonly Writer[], prompt: readonly number[], round: number): Promise<void> {
  const asked: GenerateOptions = { maxTokens: WRITTEN }
  const texts = writers.map((writer) => {
    writer.times.push([])
    writer.tokens.length = 0
    return generate(writer.session, prompt, asked)
  })
  for (let token = 0; token < WRITTEN; token++)
    for (let i = 0; i < writers.length; i++) {
      const at = (i + token + round) % writers.length
      const start = performance.now()
      const { value } = await texts[at].next()
      writers[at].times[round].push(performance.now() - start)
      writers[at].tokens.push(Number(value))
    }
}

const results: GenerationResult[] = []
for (const config of shapes)
  for (const format of formats) {
    const result = await measure(config, format)
    if (result) results.push(result)
  }
const environment = {
  engine: `Node ${process.versions.node} (V8 ${process.versions.v8.split('-')[0]})`,
  key: `node${process.versions.node.split('.')[0]}`,
  clock: options.clock,
  build,
  cpu: processor(),
  versions: { 'onnxruntime-web': versionOf('onnxruntime-web') },
}
writeFileSync(resultFile, JSON.stringify({ environment, results }))
process.exit()
