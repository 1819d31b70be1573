import type { Dataset } from '../data/dataset.js'
import { mnistSets, type MnistName } from '../data/mnist.js'
import { makeData } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { readModel } from '../onnx/wire.js'
import { platform } from '../platform/platform.js'
import type { InferenceSession } from '../api/session.js'
import { Tensor } from '../api/tensor.js'
import { testPictures } from '../train/picture-data.js'
import { choiceFlag, numberFlag, onlyModel, textFlag, UsageError, type Flag, type Invocation } from './command.js'
import { loadSession, sessionFlags } from './load.js'

const SETS = Object.keys(mnistSets) as MnistName[]

export const classifierFlags: Readonly<Record<string, Flag>> = {
  data: {
    type: 'string',
    value: 'FOLDER|URL',
    help: 'where the IDX files are (default data/NAME; MNIST that is not there is drawn)',
  },
  set: {
    type: 'string',
    value: SETS.join('|'),
    help: 'which set (default: the one the file says it was trained on, else mnist)',
  },
  ...sessionFlags,
}

/** A classifier of pictures in a file, and the pictures to test it with: those it was not trained on. */
export interface LoadedClassifier {
  readonly session: InferenceSession
  readonly file: string
  readonly classes: readonly string[]
  readonly test: Dataset
  readonly source: string
  /** The output with a number for each class. */
  readonly output: string
  /** Whether these numbers are probabilities. */
  readonly normalized: boolean
}

/** @throws LanewiseError `E_SHAPE` if the model takes something else than pictures of that size. */
export async function loadClassifier(invocation: Invocation): Promise<LoadedClassifier> {
  const { flags } = invocation
  const file = onlyModel(invocation)
  const metadata = new Map(
    readModel(await platform().readModel(file)).metadataProps.map(({ key, value }) => [key, value]),
  )
  const session = await loadSession(file, flags)
  if (session.inputNames.length !== 1)
    throw new LanewiseError(
      'E_SHAPE',
      `a classifier of pictures has one input, this model has ${session.inputNames.length}`,
    )
  const name = choiceFlag(flags, 'set', SETS) ?? SETS.find((set) => set === metadata.get('data')) ?? 'mnist'
  const split = metadata.get('split')
  const data = await testPictures(name, {
    from: textFlag(flags, 'data'),
    split: name === metadata.get('data') && split !== undefined ? (JSON.parse(split) as [number, number]) : undefined,
    seed: Number(metadata.get('seed') ?? 1),
  })
  const output = session.outputNames.find((known) => known === 'probabilities') ?? session.outputNames[0]
  return {
    session,
    file,
    classes: data.classes,
    test: data.test,
    source: data.source,
    output,
    normalized: output === 'probabilities',
  }
}

/**
 * Runs a model on all rows of a tensor, where it takes so many at a time only the last ones filled up with zeros.
 *
 * @throws LanewiseError `E_SHAPE` for a value that does not have a row for each.
 */
async function runInBatches(session: InferenceSession, rows: Tensor, wanted: readonly string[]) {
  const [count, ...sizes] = rows.dims
  const [input] = session.inputMetadata
  const batch = input.isTensor ? input.shape[0] : undefined
  if (typeof batch !== 'number' || batch === 0 || batch === count) return session.run({ [input.name]: rows }, wanted)
  const each = rows.size / count
  const made = new Map<string, Tensor>()
  for (let start = 0; start < count; start += batch) {
    const taken = Math.min(batch, count - start)
    const part = new Float32Array(batch * each)
    part.set((rows.data as Float32Array).subarray(start * each, (start + taken) * each))
    const values = await session.run({ [input.name]: new Tensor('float32', part, [batch, ...sizes]) }, wanted)
    for (const name of wanted) {
      const value: unknown = values[name]
      if (!(value instanceof Tensor) || value.dims[0] !== batch || !ArrayBuffer.isView(value.data))
        throw new LanewiseError('E_SHAPE', `"${name}" does not have a row for each of ${batch} pictures`, {
          tensor: name,
        })
      const row = value.size / batch
      const all =
        made.get(name) ?? new Tensor(value.type, makeData(value.type, count * row), [count, ...value.dims.slice(1)])
      made.set(name, all)
      ;(all.data as Float32Array).set((value.data as Float32Array).subarray(0, taken * row), start * row)
    }
  }
  return Object.fromEntries(made)
}

/** Runs the classifier on some test pictures; also gives other values of its graph by their names. */
export async function classify(
  { session, test, output, classes }: LoadedClassifier,
  indices: readonly number[],
  fetch: readonly string[] = [],
) {
  if (!test.batch) throw new LanewiseError('E_STATE', 'the test pictures come one by one')
  const { image, label } = test.batch(indices)
  const wanted = [output, ...fetch]
  const values = await runInBatches(session, image, wanted)
  const scores = values[output]
  if (!(scores instanceof Tensor) || scores.dims.join() !== `${indices.length},${classes.length}`) {
    throw new LanewiseError('E_SHAPE', `"${output}" does not have a number for each of ${classes.length} classes`, {
      tensor: output,
    })
  }
  return { image, label, scores, values }
}

export function countFlag(invocation: Invocation, name: string, fallback: number): number {
  const count = numberFlag(invocation.flags, name, { least: 1, whole: true }) ?? fallback
  if (count > 100_000) throw new UsageError(`--${name} is too large: ${count}`)
  return count
}
