import { LanewiseError, type ErrorCode } from '../../../src/core/errors.js'
import type { GraphProto, ModelProto, TensorProto } from '../../../src/onnx/schema/onnx.js'
import { decodeSparseTensor, decodeTensor, describeTensor } from '../../../src/onnx/tensor-proto.js'
import { memoryExternalData } from '../../../src/onnx/external-data.js'
import { readModel, writeModel } from '../../../src/onnx/wire.js'
import { runContainers } from './fuzz-containers.js'
import { runFeeds } from './fuzz-feeds.js'
import { fuzzModels } from './fuzz-models.js'
import { hashOf, runSession, sessionModels } from './fuzz-session.js'
import { mutateModel } from './mutate-model.js'
import { mutate, pick, type Random } from './mutate.js'
import { seeded } from '../random.js'

/** Valid files to start from, made when they are first asked for. */
export interface Corpus {
  /** Every kind of message, encoding and graph structure. */
  models(): readonly Uint8Array[]
  /** Every operator. */
  sessions(): readonly Uint8Array[]
}

/** Something that untrusted bytes go into. It may throw a LanewiseError and nothing else. */
export interface FuzzTarget {
  readonly name: string
  readonly weight: number
  input(corpus: Corpus, random: Random): Uint8Array
  run(file: Uint8Array): void | Promise<void>
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

export const corpus: Corpus = { models: once(fuzzModels), sessions: once(sessionModels) }

const external = memoryExternalData([{ path: 'w.bin', data: new Uint8Array(16) }])
const SPARSE_BUDGET = 2 ** 20

/** Runs work whose refusal must not keep the rest of the file from being looked at. */
function tolerate(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof LanewiseError)) throw error
  }
}

function decodeAll(graph: GraphProto): void {
  const tensor = (proto: TensorProto): void => {
    tolerate(() => {
      const { dtype, shape } = decodeTensor(proto, external)
      const described = describeTensor(proto)
      if (described.dtype !== dtype || String(described.shape) !== String(shape))
        throw new Error('describeTensor disagrees')
    })
  }
  graph.initializer.forEach(tensor)
  for (const sparse of graph.sparseInitializer) tolerate(() => decodeSparseTensor(sparse, SPARSE_BUDGET, external))
  for (const node of graph.node) {
    for (const attribute of node.attribute) {
      if (attribute.t !== undefined) tensor(attribute.t)
      attribute.tensors.forEach(tensor)
      if (attribute.sparseTensor !== undefined) {
        const { sparseTensor } = attribute
        tolerate(() => decodeSparseTensor(sparseTensor, SPARSE_BUDGET, external))
      }
      if (attribute.g !== undefined) decodeAll(attribute.g)
      attribute.graphs.forEach(decodeAll)
    }
  }
}

/** What was read must be written so that it reads the same again. */
function rewrite(model: ModelProto): void {
  const written = writeModel(model)
  const again = writeModel(readModel(written))
  if (Buffer.compare(written, again) !== 0) throw new Error('written and read again, the model differs')
}

/** What mutated input is put through. A run goes to one of them, as often as their weights say. */
export const targets: FuzzTarget[] = [
  {
    name: 'read',
    weight: 2,
    input: ({ models }, random) => mutate(pick(random, models()), pick(random, models()), random),
    run(file) {
      const model = readModel(file)
      decodeAll(model.graph!)
      rewrite(model)
    },
  },
  {
    name: 'session',
    weight: 3,
    input({ models, sessions }, random) {
      const all = random() < 0.1 ? models() : sessions()
      const [model, donor] = [pick(random, all), pick(random, random() < 0.2 ? models() : sessions())]
      return random() < 0.9 ? mutateModel(model, donor, random) : mutate(model, donor, random)
    },
    run: runSession,
  },
  {
    name: 'feeds',
    weight: 1,
    // The bytes are the seed of the values: a model is chosen and fed by them.
    input: (_, random) => new Uint8Array(Uint32Array.of(random() * 2 ** 32, random() * 2 ** 32).buffer),
    run: (file) => runFeeds(seeded(hashOf(file))),
  },
  {
    name: 'containers',
    weight: 1,
    // The bytes are the seed of a graph over strings, sequences and complex numbers, of its options and of what happens
    // while its runs wait.
    input: (_, random) => new Uint8Array(Uint32Array.of(random() * 2 ** 32, random() * 2 ** 32).buffer),
    run: (file) => runContainers(seeded(hashOf(file))),
  },
]

export interface Finding {
  target: string
  run: number
  problem: string
  file: Uint8Array
}

export interface FuzzReport {
  runs: number
  /** Runs without an error. */
  accepted: number
  refused: Map<ErrorCode, number>
  findings: Finding[]
}

export interface FuzzOptions {
  runs: number
  seed: number
  /** The first run: `{ from: n, runs: 1 }` repeats run n alone. */
  from?: number
  /** Some of {@link targets}; all by default. */
  targets?: readonly FuzzTarget[]
  onProgress?(report: FuzzReport, run: number): void
}

const MAX_MS = 10_000
const MAX_GROWTH = 512 * 2 ** 20

/** A run that took less by the clock has taken neither too much of the processor nor touched that much memory. */
const SUSPECT_MS = 10
/** How old a reading may be that a run is measured from. To read costs as much as a run does. */
const READING_MS = 100

interface Reading {
  readonly at: number
  readonly cpu: NodeJS.CpuUsage
  readonly memory: number
}

const read = (): Reading => ({ at: performance.now(), cpu: process.cpuUsage(), memory: process.memoryUsage.rss() })
let reading: Reading | undefined

/** What is wrong about how a target took its input; undefined if nothing is. Counts into the report. */
export async function judge(target: FuzzTarget, file: Uint8Array, report?: FuzzReport): Promise<string | undefined> {
  const start = performance.now()
  if (!reading || start - reading.at > READING_MS) reading = read()
  try {
    await target.run(file)
    if (report) report.accepted++
  } catch (error) {
    if (!(error instanceof LanewiseError))
      return `untyped error: ${error instanceof Error ? error.stack : String(error)}`
    if (error.cause instanceof WebAssembly.RuntimeError || error.cause instanceof RangeError)
      return `trap: ${error.message}: ${error.cause.stack}`
    report?.refused.set(error.code, (report.refused.get(error.code) ?? 0) + 1)
  }
  if (performance.now() - start < SUSPECT_MS) return undefined
  const [before, after] = [reading, read()]
  reading = after
  // Of the processor: on a busy machine others take the time of the clock.
  const elapsed = (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1000
  if (elapsed > MAX_MS) return `took ${Math.round(elapsed)} ms`
  const growth = after.memory - before.memory
  if (growth > MAX_GROWTH) return `memory grew by ${Math.round(growth / 2 ** 20)} MiB for ${file.length} bytes`
  return undefined
}

/**
 * Makes as many runs. Each depends on the seed and its own number alone (and `feeds` on what earlier runs left in the
 * sessions it keeps).
 */
export async function fuzz({
  runs,
  seed,
  from = 0,
  targets: chosen = targets,
  onProgress,
}: FuzzOptions): Promise<FuzzReport> {
  const report: FuzzReport = { runs: 0, accepted: 0, refused: new Map(), findings: [] }
  const turns = chosen.flatMap((target) => Array.from({ length: target.weight }, () => target))
  for (let run = from; run < from + runs; run++) {
    const random = seeded(Math.imul(seed, 0x9e3779b1) + run)
    random()
    const target = turns[run % turns.length]
    const file = target.input(corpus, random)
    const problem = await judge(target, file, report)
    if (problem !== undefined) report.findings.push({ target: target.name, run, problem, file })
    report.runs++
    onProgress?.(report, run)
  }
  return report
}
