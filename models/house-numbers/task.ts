import {
  batchField,
  ConcatDataset,
  crossEntropy,
  DataLoader,
  exportModel,
  F,
  mapped,
  Module,
  Tensor,
  toGraph,
  type Batch,
  type Dataset,
  type Fields,
  type Metric,
  type RecipeEvaluation,
  type Task,
  type TaskData,
  type TaskOutput,
  type TaskRecipe,
  type Variable,
} from '../../src/train.js'
import type { InferenceSession } from '../../src/node.js'
import { READ_BATCH, readingsOf } from '../../src/cli/numbers/reader.js'
import { ReadingScore, reportLines } from '../../src/cli/numbers/evaluate.js'
import { GeneratedNumbers, HEADS, loadWorld, NO_DIGIT, type GeneratorOptions, type World } from './generate.js'
import { CLASSES, type Reader } from './networks.js'
import { packedNumbers } from './packed.js'

/**
 * The loss: six cross-entropies summed, of which those of digits behind the number's end do not count; means over the
 * batch.
 */
export const readerTask: Partial<Task> = {
  loss(output, batch) {
    const scores = output as Variable
    const count = scores.shape[0]
    const flat = F.reshape(scores, [count * HEADS, CLASSES])
    const labels = F.reshape(batchField(batch, 'label'), [count * HEADS])
    return F.mul(crossEntropy(flat, labels, { ignoreIndex: NO_DIGIT, reduction: 'sum' }), 1 / count)
  },
  classAxis: 2,
  ignoreIndex: NO_DIGIT,
}

/** Of each example: whether length and every digit are right. */
function rightSequences(output: TaskOutput, batch: Batch): boolean[] {
  const scores = (output as Variable).data() as Float32Array
  const labels = batchField(batch, 'label').data() as Int32Array
  return Array.from({ length: labels.length / HEADS }, (_, example) => {
    for (let head = 0; head < HEADS; head++) {
      const place = example * HEADS + head
      const truth = labels[place]
      if (truth === NO_DIGIT) continue
      const row = scores.subarray(place * CLASSES, (place + 1) * CLASSES)
      for (let c = 0; c < CLASSES; c++) if (c !== truth && row[c] >= row[truth]) return false
    }
    return true
  })
}

/** The share of whole numbers that are right; of one part only, if it is said. */
export function wholeSequences(part?: number): Metric {
  return {
    start() {
      let [right, count] = [0, 0]
      return {
        update(output, batch) {
          const parts = part === undefined ? undefined : batchField(batch, 'part').data()
          rightSequences(output, batch).forEach((fine, i) => {
            if (parts && Number(parts[i]) !== part) return
            count++
            right += Number(fine)
          })
        },
        value: () => (count === 0 ? NaN : right / count),
      }
    },
  }
}

/** Seeds of the pictures: none is in two parts. */
const SEEDS = { train: 1, validation: 2, test: 3 }
const EVALUATION_BATCH = 250
/** Pictures of each part that are measured during a run. */
const MEASURED = 1000

/**
 * Generated pictures to train with, as many as there are steps; to validate with (the same fonts and backgrounds), and
 * to test with (others).
 */
export async function generatedData(
  side: number,
  {
    pictures,
    measured = MEASURED,
    batchSize,
    options,
  }: {
    readonly pictures: number
    readonly measured?: number
    readonly batchSize: number
    readonly options?: GeneratorOptions
  },
): Promise<TaskData> {
  const [train, test] = [await loadWorld('train'), await loadWorld('test')]
  return {
    train: new DataLoader(new GeneratedNumbers(train, side, pictures, SEEDS.train, options), {
      batchSize,
      dropLast: true,
    }),
    validation: validationOf(side, new GeneratedNumbers(train, side, measured, SEEDS.validation), test, measured),
    source: `generated from ${sourcesOf(train).join(', ')}`,
  }
}

/** Part 0: what validates; part 1: generated pictures of the test part. */
function validationOf(side: number, validation: Dataset, test: World, measured = MEASURED): DataLoader {
  const marked = (part: number, numbers: Dataset) =>
    mapped(numbers, (fields): Fields => ({ ...fields, part: new Tensor('int32', [part], []) }))
  const generated = new GeneratedNumbers(test, side, measured, SEEDS.test)
  return new DataLoader(new ConcatDataset([marked(0, validation), marked(1, generated)]), {
    batchSize: EVALUATION_BATCH,
  })
}

function sourcesOf({ fonts, photographed, handwritten, photographs }: World): string[] {
  return [
    `${fonts.length} fonts`,
    ...photographed.map(({ name }) => `digits of ${name}`),
    ...(handwritten ? ['digits of MNIST'] : []),
    ...(photographs.length > 0 ? [`${photographs.length} photographs as backgrounds`] : ['drawn backgrounds']),
  ]
}

const readerMetrics = { sequenceAccuracy: wholeSequences(0), testSequenceAccuracy: wholeSequences(1) }

/** Probabilities of the length [N, 7] and of the digits [N, 5, 10]: what an exported reader computes. */
class Exported extends Module {
  constructor(readonly network: Reader) {
    super(network.device)
  }

  forward(picture: Variable): Variable[] {
    const scores = this.network.call(picture)
    return [
      F.softmax(F.slice(F.squeeze(F.slice(scores, 1, 0, 1), [1]), 1, 0, HEADS + 1), 1),
      F.softmax(F.slice(scores, 1, 1, HEADS), 2),
    ]
  }
}

/** The ONNX file: input "picture" [N, 1, side, side] of greys 0 … 1, outputs "length" and "digits". */
export function exportReader(network: Reader, metadata: Readonly<Record<string, string>>): Uint8Array {
  const graph = toGraph(
    new Exported(network),
    [{ name: 'picture', shape: [{ name: 'N', size: 2 }, 1, network.side, network.side] }],
    { name: 'house-number reader', outputs: ['length', 'digits'] },
  )
  return exportModel(graph, { metadata: { task: 'house-numbers', margin: '0.3', ...metadata } })
}

/** Whole numbers that are right among generated pictures of the test part. */
async function evaluateGenerated(session: InferenceSession, side: number, count: number): Promise<RecipeEvaluation> {
  const numbers = new GeneratedNumbers(await loadWorld('test'), side, count, SEEDS.test)
  const score = new ReadingScore()
  for (let start = 0; start < count; start += READ_BATCH) {
    const indices = Array.from({ length: Math.min(READ_BATCH, count - start) }, (_, i) => start + i)
    const { image, label } = numbers.batch(indices)
    const { length, digits } = await session.run({ picture: image })
    readingsOf(length.data as Float32Array, digits.data as Float32Array).forEach((reading, i) => {
      const [many, ...truth] = (label.data as Int32Array).subarray(i * HEADS, (i + 1) * HEADS)
      score.add(String(indices[i]), truth.slice(0, many).join(''), reading)
    })
  }
  const report = score.report(`generated test pictures (seed ${SEEDS.test})`)
  return { lines: reportLines(report), figures: { ...report } }
}

/** A recipe for readers of generated numbers, or of a real set that `lanewise data svhn` packed and `--data` names. */
export function readerRecipe(
  recipe: Pick<TaskRecipe<Reader>, 'title' | 'seed' | 'batchSize' | 'optimizer' | 'schedule' | 'fit'> & {
    readonly model: () => Reader
    readonly side: number
    readonly steps: number
    readonly options?: GeneratorOptions
  },
): TaskRecipe<Reader> {
  const { title, seed, batchSize, optimizer, schedule, fit, model, side, steps, options } = recipe
  return {
    title,
    seed,
    // All pictures are new ones: an epoch is the whole run.
    epochs: 1,
    batchSize,
    inputShape: [1, side, side],
    async data({ from, batchSize: size, seed: drawn }) {
      const pictures = steps * size
      if (from === undefined) return generatedData(side, { pictures, batchSize: size, options })
      const packed = await packedNumbers(from, side, { length: pictures, batchSize: size, seed: drawn })
      return { ...packed, validation: validationOf(side, packed.validation, await loadWorld('test')) }
    },
    model,
    optimizer,
    schedule,
    task: readerTask,
    metrics: readerMetrics,
    measure: 'sequenceAccuracy',
    fit,
    evaluate: (session, { count = 20_000 }) => evaluateGenerated(session, side, count),
    files: (network, { source }) => ({
      'model.onnx': exportReader(network, { title, data: source, seed: String(seed) }),
    }),
  }
}
