import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { dtypeFromOnnx, type DType } from '../../src/core/dtype.js'
import type { ModelProto, TypeProto } from '../../src/onnx/schema/onnx.js'
import { readModel } from '../../src/onnx/wire.js'
import { agrees, compareValues, describeComparison, onnxTolerance } from '../support/agreement.js'
import { readTestData } from '../support/onnx-test-data.js'
import type { Engine } from './engines.js'
import { leftOut } from './left-out.js'
import { visionOps } from './vision-ops.js'

/** A folder of ONNX's tests below `shared/onnx-tests`. */
export const collections = ['node', 'pytorch-converted'] as const
export type Collection = (typeof collections)[number]

/**
 * `tensor`: dense tensors of types that every runtime has; `other`: sequences, optionals, maps, packed and tiny types.
 */
export type Category = 'tensor' | 'other'
export type Status = 'pass' | 'fail' | 'unsupported' | 'left out'

export interface TestResult {
  readonly name: string
  readonly collection: Collection
  /** The operator that the test is of. */
  readonly op: string
  readonly category: Category
  /** True if nothing but operators of vision and plain feed-forward models is in it. */
  readonly vision: boolean
  readonly status: Status
  /** Why it does not pass. */
  readonly reason?: string
  readonly ms: number
}

export interface Selection {
  /** `shared/onnx-tests`. */
  readonly root: string
  readonly filter?: RegExp
  readonly onResult?: (result: TestResult) => void
}

const commonTypes: ReadonlySet<DType> = new Set([
  'float32',
  'float64',
  'float16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
])

function categoryOf({ graph }: ModelProto): Category {
  const common = (type: TypeProto | undefined): boolean =>
    commonTypes.has(dtypeFromOnnx(type?.tensorType?.elemType ?? 0) as DType)
  return [...graph!.input, ...graph!.output].every((value) => common(value.type)) ? 'tensor' : 'other'
}

/**
 * "test_max_pool_2d" → the operator whose name begins the test's: for graphs of several nodes, and functions written
 * out.
 */
function opOf(name: string, { graph }: ModelProto, known: readonly string[]): string {
  if (graph!.node.length === 1) return graph!.node[0].opType
  const plain = name
    .replace(/^test_/, '')
    .replaceAll('_', '')
    .toLowerCase()
  const candidates = known.filter((op) => plain.startsWith(op.toLowerCase()))
  return candidates.sort((a, b) => b.length - a.length)[0] ?? graph!.node.at(-1)?.opType ?? 'none'
}

interface Test {
  readonly name: string
  readonly collection: Collection
  readonly folder: string
}

function discover({ root, filter }: Selection): Test[] {
  const tests: Test[] = []
  for (const collection of collections) {
    if (!existsSync(join(root, collection))) continue
    for (const name of readdirSync(join(root, collection)).sort()) {
      const folder = join(root, collection, name)
      if (existsSync(join(folder, 'model.onnx')) && (!filter || filter.test(name)))
        tests.push({ name, collection, folder })
    }
  }
  return tests
}

/** Runs every test that is selected, one after another. */
export async function runSuite(engine: Engine, selection: Selection): Promise<TestResult[]> {
  const tests = discover(selection)
  const models = new Map(tests.map((test) => [test, readModel(readFileSync(join(test.folder, 'model.onnx')))]))
  const single = [...models.values()].flatMap(({ graph }) => (graph!.node.length === 1 ? [graph!.node[0].opType] : []))
  const known = [...new Set(single)]
  const results: TestResult[] = []
  for (const [test, model] of models) {
    const { name, collection } = test
    const op = collection === 'node' ? opOf(name, model, known) : collection
    const vision = model.functions.length === 0 && model.graph!.node.every((node) => visionOps.has(node.opType))
    const started = performance.now()
    const outcome = await runTest(engine, test, model)
    const result = {
      name,
      collection,
      op,
      category: categoryOf(model),
      vision,
      ...outcome,
      ms: performance.now() - started,
    }
    selection.onResult?.(result)
    results.push(result)
  }
  return results
}

async function runTest(
  engine: Engine,
  { name, folder }: Test,
  model: ModelProto,
): Promise<Pick<TestResult, 'status' | 'reason'>> {
  const why = leftOut.find(([pattern]) => pattern.test(name))
  if (why) return { status: 'left out', reason: why[1] }
  try {
    const path = join(folder, 'model.onnx')
    const sets = readTestData(folder, model.graph!)
    if (sets.length === 0) throw new Error('there is no test_data_set')
    const loaded = await engine.load(readFileSync(path), path)
    try {
      for (const set of sets) {
        const results = await loaded.run(set.inputs)
        for (const [output, expected] of set.outputs) {
          const comparison = compareValues(results.get(output), expected, onnxTolerance)
          if (!agrees(comparison)) return { status: 'fail', reason: `${output}: ${describeComparison(comparison)}` }
        }
      }
    } finally {
      await loaded.release()
    }
    return { status: 'pass' }
  } catch (error) {
    const missing = engine.unsupported(error)
    if (missing !== undefined) return { status: 'unsupported', reason: missing }
    return { status: 'fail', reason: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
  }
}
