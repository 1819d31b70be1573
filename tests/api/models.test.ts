import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isHostTensor, type HostValue } from '../../src/core/host.js'
import type { ModelProto } from '../../src/onnx/schema/onnx.js'
import { createMessage } from '../../src/onnx/schema/table.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import { lanewise, onnxruntimeWeb, type Engine } from '../conformance/engines.js'
import { agrees, compareValues, describeComparison, modelTolerance, nearer } from '../support/agreement.js'
import { findModels, otherInputs, outputStep, randomFeeds, referenceRuns, type RealModel } from '../support/models.js'
import { withRandomWeights } from '../support/random-weights.js'
import { skipUnlessShared } from '../support/shared.js'
import { builds } from '../support/wasm.js'

type Outputs = ReadonlyMap<string, HostValue>

interface Run {
  readonly bytes: Uint8Array
  readonly model: ModelProto
  readonly feeds: ReadonlyMap<string, HostValue>
}

/**
 * Fails with every output that does not agree with the reference, and is not nearer to the model as it is written than
 * the reference is.
 */
async function expectAgreement(
  { bytes, model, feeds }: Run,
  actual: Outputs,
  expected: Outputs,
  what: string,
): Promise<void> {
  let written: Outputs | undefined
  const wrong: string[] = []
  for (const [name, reference] of expected) {
    const tolerance = { ...modelTolerance, absolute: outputStep(model, name) }
    const comparison = compareValues(actual.get(name), reference, tolerance)
    if (agrees(comparison)) continue
    written ??= await runOnce(await onnxruntimeWeb({ asWritten: true }), bytes, feeds)
    if (
      nearer(
        compareValues(actual.get(name), written.get(name)!, tolerance),
        compareValues(reference, written.get(name)!, tolerance),
      )
    )
      continue
    const exact = await sigmoidInFloat64(model, feeds, name)
    if (exact && nearer(compareValues(actual.get(name), exact, tolerance), compareValues(reference, exact, tolerance)))
      continue
    wrong.push(`${what}, ${name}: ${describeComparison(comparison)}`)
  }
  expect(wrong).toEqual([])
}

/**
 * An output that a Sigmoid makes, computed in float64 from what onnxruntime-web says goes into it; undefined for other
 * outputs. Runtimes clamp the argument of their float32 Sigmoid, so that where all probabilities are tiny they say 0.
 */
async function sigmoidInFloat64(
  model: ModelProto,
  feeds: ReadonlyMap<string, HostValue>,
  name: string,
): Promise<HostValue | undefined> {
  const node = model.graph!.node.find(({ output }) => output[0] === name)
  if (node?.opType !== 'Sigmoid') return undefined
  const graph = { ...model.graph!, output: [createMessage('ValueInfoProto', { name: node.input[0] })] }
  const logits = await runOnce(await onnxruntimeWeb(), writeModel({ ...model, graph }), feeds)
  const [value] = logits.values()
  if (!isHostTensor(value)) return undefined
  return { ...value, data: Float32Array.from(value.data as Float32Array, (x) => 1 / (1 + Math.exp(-x))) }
}

async function runOnce(engine: Engine, bytes: Uint8Array, feeds: ReadonlyMap<string, HostValue>): Promise<Outputs> {
  const model = await engine.load(bytes)
  try {
    return await model.run(feeds)
  } finally {
    await model.release()
  }
}

skipUnlessShared('real models', ['models'], (root) => {
  const models = findModels(root)

  describe.each(builds)('in the %s build', (build) => {
    const engine = lanewise({ build, logLevel: 'error' })

    it.each(models)(
      '$name',
      async (real: RealModel) => {
        const bytes = readFileSync(real.path)
        const proto = readModel(bytes)
        const model = await engine.load(bytes)
        try {
          const runs = referenceRuns(real)
          for (const { from, inputs, outputs } of runs)
            await expectAgreement({ bytes, model: proto, feeds: inputs }, await model.run(inputs), outputs, from)
          // Another input, so that a recorded run is not all that is known; and some models have none.
          const feeds = runs.length > 0 ? otherInputs(runs[0].inputs, 7) : randomFeeds(proto, 7)
          const reference = await runOnce(await onnxruntimeWeb(), bytes, feeds)
          await expectAgreement({ bytes, model: proto, feeds }, await model.run(feeds), reference, 'onnxruntime-web')
        } finally {
          await model.release()
        }
      },
      120_000,
    )
  })
})

skipUnlessShared('architectures with random weights', ['onnx-tests', 'light'], (root) => {
  describe.each(builds)('in the %s build', (build) => {
    it.each(findModels(root))(
      '$name',
      async (real: RealModel) => {
        const proto = withRandomWeights(readModel(readFileSync(real.path)))
        const bytes = writeModel(proto)
        const feeds = randomFeeds(proto, 3)
        const reference = await runOnce(await onnxruntimeWeb(), bytes, feeds)
        const actual = await runOnce(lanewise({ build, logLevel: 'error' }), bytes, feeds)
        await expectAgreement({ bytes, model: proto, feeds }, actual, reference, 'onnxruntime-web')
      },
      120_000,
    )
  })
})
