import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { present } from '../../src/core/errors.js'
import type { HostTensor } from '../../src/core/host.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import {
  findModels,
  otherInputs,
  outputStep,
  randomFeeds,
  referenceRuns,
  type RealModel,
} from '../../tests/support/models.js'
import { halved, withHalfFloats } from '../../tests/support/half-model.js'
import { withRandomWeights } from '../../tests/support/random-weights.js'
import { sharedRoot } from '../../tests/support/shared-root.js'
import type { Work } from '../work.js'
import { ownWorks } from './own.js'
import { tabularWorks } from './tabular.js'

/** Folders of models in which time runs along an axis: the "sequence" suite's. */
const sequenceFolders = ['silero-vad', 'dtln', 'gtcrn', 'bidi-lstm', 'cntk-lstm', 'toy-transformers']

function work(suite: string, group: string, real: RealModel, light: boolean): Work {
  const file = readFileSync(real.path)
  const proto = light ? withRandomWeights(readModel(file)) : readModel(file)
  // A recorded input has the sizes that the model leaves open; two more are made from it.
  const recorded = light ? [] : referenceRuns(real)
  const inputs: ReadonlyMap<string, HostTensor>[] =
    recorded.length > 0
      ? [recorded[0].inputs, otherInputs(recorded[0].inputs, 7), otherInputs(recorded[0].inputs, 8)]
      : [7, 8, 9].map((seed) => randomFeeds(proto, seed))
  const outputs = present(proto.graph, 'graph').output.map(({ name }) => [name, outputStep(proto, name)] as const)
  return {
    suite,
    group,
    name: light ? real.name.replace('light_', 'light/') : real.name,
    model: light ? writeModel(proto) : file,
    feeds: inputs,
    steps: Object.fromEntries(outputs.filter(([, step]) => step > 0)),
  }
}

/** Models that are measured with their weights, inputs and outputs in float16, too. */
const halfFolders = ['mediapipe', 'mnist-pytorch', 'super-resolution-10']

function halfWork(real: RealModel): Work {
  const { model, feeds, ...rest } = work('models', 'float16', real, false)
  const halves = (inputs: ReadonlyMap<string, HostTensor>) =>
    new Map(Array.from(inputs, ([name, x]) => [name, x.dtype === 'float32' ? halved(x) : x] as const))
  return {
    ...rest,
    name: `${rest.name} float16`,
    model: writeModel(withHalfFloats(readModel(model))),
    feeds: feeds.map(halves),
  }
}

/** Every model that is available. */
export function* modelWorks(): Generator<() => Work> {
  yield* tabularWorks()
  yield* ownWorks()
  const models = join(sharedRoot, 'models')
  const light = join(sharedRoot, 'onnx-tests', 'light')
  if (!existsSync(models))
    console.log(`skipped: ${models} is not there (set LANEWISE_SHARED to the folder that holds models)`)
  else {
    for (const real of findModels(models)) yield () => work('models', 'models', real, false)
    for (const real of findModels(models)) if (halfFolders.includes(real.name.split('/')[0])) yield () => halfWork(real)
  }
  if (existsSync(light)) for (const real of findModels(light)) yield () => work('models', 'models', real, true)
}

/** Those of them that are the sequence suite's. */
export function* sequenceModelWorks(): Generator<() => Work> {
  const models = join(sharedRoot, 'models')
  if (!existsSync(models)) return
  for (const real of findModels(models)) {
    if (sequenceFolders.includes(real.name.split('/')[0])) yield () => work('sequence', 'sequence models', real, false)
  }
}
