import { LanewiseError, type ErrorCode } from '../../src/errors.js'
import type { GraphProto, ModelProto, TensorProto } from '../../src/onnx/schema/onnx.js'
import { decodeSparseTensor, decodeTensor, describeTensor } from '../../src/onnx/tensor-proto.js'
import { memoryExternalData } from '../../src/onnx/external-data.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import { mutate } from './mutate.js'
import { seeded } from './random.js'

/** Something that untrusted bytes go into. It may throw a LanewiseError and nothing else. */
export interface FuzzTarget {
  name: string
  run(file: Uint8Array): void | Promise<void>
}

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
      if (described.dtype !== dtype || String(described.shape) !== String(shape)) throw new Error('describeTensor disagrees')
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

/** What every mutated file is put through. */
export const targets: FuzzTarget[] = [
  {
    name: 'read',
    run(file) {
      const model = readModel(file)
      decodeAll(model.graph!)
      rewrite(model)
    },
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
  /** Files that a target took without an error, over all targets. */
  accepted: number
  refused: Map<ErrorCode, number>
  findings: Finding[]
}

export interface FuzzOptions {
  runs: number
  seed: number
  /** Valid models to start from. */
  models: readonly Uint8Array[]
  /** The first run: `{ from: n, runs: 1 }` repeats run n alone. */
  from?: number
  onProgress?(report: FuzzReport, run: number): void
}

const MAX_MS = 10_000
const MAX_GROWTH = 512 * 2 ** 20

/** What is wrong about how a target took a file; undefined if nothing is. Counts into the report. */
async function judge(target: FuzzTarget, file: Uint8Array, report: FuzzReport): Promise<string | undefined> {
  const memory = process.memoryUsage.rss()
  const start = performance.now()
  try {
    await target.run(file)
    report.accepted++
  } catch (error) {
    if (!(error instanceof LanewiseError)) return `untyped error: ${error instanceof Error ? error.stack : String(error)}`
    report.refused.set(error.code, (report.refused.get(error.code) ?? 0) + 1)
  }
  const elapsed = performance.now() - start
  if (elapsed > MAX_MS) return `took ${Math.round(elapsed)} ms`
  const growth = process.memoryUsage.rss() - memory
  if (growth > MAX_GROWTH) return `memory grew by ${Math.round(growth / 2 ** 20)} MiB for ${file.length} bytes`
  return undefined
}

/** Puts `runs` mutated models through every target. Each run depends on the seed and its own number alone. */
export async function fuzz({ runs, seed, models, from = 0, onProgress }: FuzzOptions): Promise<FuzzReport> {
  const report: FuzzReport = { runs: 0, accepted: 0, refused: new Map(), findings: [] }
  for (let run = from; run < from + runs; run++) {
    const random = seeded(Math.imul(seed, 0x9e3779b1) + run)
    random()
    const [model, donor] = [random(), random()].map((x) => models[Math.floor(x * models.length)])
    const file = mutate(model, donor, random)
    for (const target of targets) {
      const problem = await judge(target, file, report)
      if (problem !== undefined) report.findings.push({ target: target.name, run, problem, file })
    }
    report.runs++
    onProgress?.(report, run)
  }
  return report
}
