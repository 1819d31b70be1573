import { checkArguments } from '../core/arguments.js'
import type { Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { exp, log } from '../core/scalar-functions.js'
import { BleuCounts } from './text-scores.js'
import { argmaxRows, judge, type Batch, type ResolvedTask, type TaskOutput } from './task.js'

/** Adds up a measure over batches. */
export interface MetricState {
  /** Takes in what the model made of a batch. */
  update(output: TaskOutput, batch: Batch): void
  /** What was measured so far; NaN if nothing counted. */
  value(): number
}

/** A measure of a model, batch by batch: yours, or one of the functions here. */
export interface Metric {
  /** Whether more of it is better; true by default. */
  readonly higherIsBetter?: boolean
  /** Begins a measurement. @param task - where the labels are and which axis has the classes. */
  start(task: ResolvedTask): MetricState
}

/** A share: sums of what is right and of what counts. */
function share(
  of: (task: ResolvedTask, output: TaskOutput, batch: Batch) => readonly [sum: number, count: number],
  finish = (mean: number) => mean,
): Metric['start'] {
  return (task) => {
    let [sum, count] = [0, 0]
    return {
      update(output, batch) {
        const [more, counted] = of(task, output, batch)
        sum += more
        count += counted
      },
      value: () => (count === 0 ? NaN : finish(sum / count)),
    }
  }
}

/**
 * Share of the labels whose class has the highest score, over all axes of the labels: masked and ignored ones do not
 * count.
 */
export function accuracy(): Metric {
  return topK(1)
}

/**
 * Share of the labels whose class is among the k highest scores. @throws LanewiseError `E_VALUE` unless k is a whole
 * number from 1.
 */
export function topK(k: number): Metric {
  checkArguments('topK', { k }, 'number')

  if (!Number.isInteger(k) || k < 1) throw new LanewiseError('E_VALUE', `k must be a whole number from 1, got ${k}`)
  return {
    start: share((task, output, batch) => {
      const { classes, rows, truths, counted } = judge(task, output, batch)
      let [right, count] = [0, 0]
      truths.forEach((truth, i) => {
        if (!counted[i]) return
        count++
        const row = rows.subarray(i * classes, (i + 1) * classes)
        const own = row[truth]
        // Of equal scores the first are the higher ones, as for a prediction.
        const before = row.reduce((better, score, c) => better + Number(score > own || (score === own && c < truth)), 0)
        if (before < k && !Number.isNaN(own)) right++
      })
      return [right, count]
    }),
  }
}

/** Share of the examples of which every label that counts is right. */
export function exactMatch(): Metric {
  return {
    start: share((task, output, batch) => {
      const { classes, rows, truths, counted, perExample } = judge(task, output, batch)
      const predictions = argmaxRows(rows, classes)
      const examples = truths.length / perExample
      let [right, count] = [0, 0]
      for (let example = 0; example < examples; example++) {
        const places = Array.from({ length: perExample }, (_, i) => example * perExample + i).filter((i) => counted[i])
        if (places.length === 0) continue
        count++
        if (places.every((i) => predictions[i] === truths[i])) right++
      }
      return [right, count]
    }),
  }
}

/** exp of the mean of −log softmax of the right class, over the labels that count. */
export function perplexity(): Metric {
  return {
    higherIsBetter: false,
    start: share((task, output, batch) => {
      const { classes, rows, truths, counted } = judge(task, output, batch)
      let [sum, count] = [0, 0]
      truths.forEach((truth, i) => {
        if (!counted[i]) return
        const row = rows.subarray(i * classes, (i + 1) * classes)
        const most = row.reduce((a, b) => Math.max(a, b), -Infinity)
        sum += most + log(row.reduce((total, score) => total + exp(score - most), 0)) - row[truth]
        count++
      })
      return [sum, count]
    }, exp),
  }
}

/** What {@link bleu} compares. */
export interface BleuOptions {
  /** The longest n-grams; 4 by default. */
  readonly maxOrder?: number
  /** A token that ends a sentence: it and what follows do not count. */
  readonly end?: number
  /** Sentences of an output (lists of tokens); by default the highest scores at each place. */
  readonly predictions?: (output: TaskOutput, batch: Batch) => readonly (readonly number[])[]
  /** For each sentence one or more right ones; by default the labels. */
  readonly references?: (batch: Batch) => readonly (readonly (readonly number[])[])[]
}

/**
 * BLEU of a corpus (Papineni et al., 2002): the geometric mean of the precisions of n-grams, counted over all
 * sentences, times a penalty for what is too short. From 0 to 1, without smoothing: 0 if no n-gram of some order is
 * right.
 *
 * @throws LanewiseError `E_VALUE` unless `maxOrder` is a whole number from 1.
 */
export function bleu(options: BleuOptions = {}): Metric {
  checkArguments(
    'bleu',
    { options },
    { maxOrder: 'number', end: 'number', predictions: 'function', references: 'function' },
  )
  const { maxOrder = 4, end, predictions, references } = options

  if (!Number.isInteger(maxOrder) || maxOrder < 1)
    throw new LanewiseError('E_VALUE', `maxOrder must be a whole number from 1, got ${maxOrder}`)
  const cut = (tokens: readonly number[]) =>
    end !== undefined && tokens.includes(end) ? tokens.slice(0, tokens.indexOf(end)) : tokens
  return {
    start(task) {
      const counts = new BleuCounts(maxOrder)
      return {
        update(output, batch) {
          const pairs = predictions && references ? undefined : sentences(task, output, batch)
          const said = predictions?.(output, batch) ?? pairs?.said ?? []
          const right = references?.(batch) ?? pairs?.right.map((one) => [one]) ?? []
          said.forEach((tokens, i) => counts.add({ said: cut(tokens), right: right[i].map(cut) }))
        },
        value: () => counts.value(),
      }
    },
  }
}

/** The highest scores and the labels of each example, where labels count. */
function sentences(task: ResolvedTask, output: TaskOutput, batch: Batch) {
  const { classes, rows, truths, counted, perExample } = judge(task, output, batch)
  const best = argmaxRows(rows, classes)
  const rowsOf = (list: readonly number[]) =>
    Array.from({ length: truths.length / perExample }, (_, e) =>
      list.slice(e * perExample, (e + 1) * perExample).filter((_, i) => counted[e * perExample + i]),
    )
  return { said: rowsOf(best), right: rowsOf(truths) }
}

/**
 * The mean over the examples of what a function says of each batch.
 *
 * @example
 * import { Adam, DataLoader, Device, F, fit, Linear, meanOf, mse, Tensor, TensorDataset } from 'lanewise/train'
 * import type { Variable } from 'lanewise/train'
 *
 * await Device.create({ seed: 1 })
 * const model = new Linear(1, 1)
 * const x = new Tensor('float32', [0, 1, 2, 3], [4, 1])
 * const data = new DataLoader(new TensorDataset({ x, target: x }), { batchSize: 2 })
 * const distance = meanOf((output, batch) => F.mean(F.abs(F.sub(output as Variable, batch.target))), {
 *   higherIsBetter: false,
 * })
 * const { validation } = await fit(model, data, {
 *   optimizer: new Adam(model.parameters()),
 *   epochs: 1,
 *   label: undefined,
 *   loss: (output: Variable, batch) => mse(output, batch.target),
 *   metrics: { distance },
 *   validation: data,
 * })
 * console.log(validation?.metrics)
 * @param of - a number, or a tensor with one, for a batch.
 */
export function meanOf(
  of: (output: TaskOutput, batch: Batch) => number | Variable,
  options: { readonly higherIsBetter?: boolean } = {},
): Metric {
  checkArguments('meanOf', { of, options }, 'function', { higherIsBetter: 'boolean' })
  const { higherIsBetter = true } = options

  return {
    higherIsBetter,
    start: share((_, output, batch) => {
      const value = of(output, batch)
      const count = Object.values(batch)[0].shape[0]
      return [(typeof value === 'number' ? value : value.item()) * count, count]
    }),
  }
}
