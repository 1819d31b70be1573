import type { Dataset } from '../data/dataset.js'
import { mnistSets, type MnistName } from '../data/mnist.js'
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

/** Runs the classifier on some test pictures; also gives other values of its graph by their names. */
export async function classify(
  { session, test, output, classes }: LoadedClassifier,
  indices: readonly number[],
  fetch: readonly string[] = [],
) {
  if (!test.batch) throw new LanewiseError('E_STATE', 'the test pictures come one by one')
  const { image, label } = test.batch(indices)
  const wanted = [output, ...fetch]
  const values = await session.run({ [session.inputNames[0]]: image }, wanted)
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
