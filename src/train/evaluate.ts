import { checkArguments } from '../core/arguments.js'
import type { Variable } from '../autograd/variable.js'
import type { Fields } from '../data/dataset.js'
import { LanewiseError } from '../core/errors.js'
import { evaluating, type Module } from '../nn/module.js'
import { Tensor } from '../api/tensor.js'
import { onePass } from './batches.js'
import { checkMetrics, hasMethods } from './fit-options.js'
import type { Metric, MetricState } from './metrics.js'
import { Pace } from '../core/pace.js'
import {
  argmaxRows,
  checkTask,
  examplesIn,
  judge,
  onDevice,
  resolveTask,
  totalLoss,
  type ResolvedTask,
  type Task,
} from './task.js'

/** What a model is worth on some examples. */
export interface Evaluation {
  /** How many examples were measured. */
  readonly examples: number
  /** Mean over the examples. */
  readonly loss: number
  /** Each of several losses by its name. */
  readonly losses?: Readonly<Record<string, number>>
  /** Share of labels whose class has the highest score; undefined if the task has no classes. */
  readonly accuracy?: number
  /** confusion[truth][prediction] counts labels; undefined for more than 1,000 classes. */
  readonly confusion?: readonly (readonly number[])[]
  /** What the metrics say, by their names. */
  readonly metrics?: Readonly<Record<string, number>>
}

/** What is measured besides the loss. */
export interface EvaluateOptions extends Partial<Task> {
  /** Measures by the names under which their results are told. */
  readonly metrics?: Readonly<Record<string, Metric>>
}

const MOST_CLASSES = 1000

/**
 * Measures a model on batches, in evaluation mode and without recording; the mode is put back. Events get their turn in
 * between. Of a loader it is a whole epoch, wherever that stands, and the loader stands there afterwards.
 *
 * @throws LanewiseError `E_VALUE` if there are no batches, for options that do not exist, a field that is not there or
 * a label that is no class; `E_SHAPE` for labels that do not fit the scores.
 */
export async function evaluate(
  model: Module,
  batches: AsyncIterable<Fields> | Iterable<Fields>,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  checkArguments('evaluate', { model, batches, options }, 'module', 'iterable', {
    metrics: 'object',
    output: 'function',
    loss: 'function',
    lossWeights: 'object',
    label: 'string',
    scores: 'string|number',
    classAxis: 'number',
    ignoreIndex: 'number',
    mask: 'string',
  })

  checkTask('evaluate', options, ['metrics'])
  const { metrics = {}, ...task } = options
  checkMetrics(metrics)
  const result = await measure(model, batches, resolveTask(task), metrics, new Pace(), () => false)
  if (!result) throw new LanewiseError('E_STATE', 'the evaluation was stopped')
  return result
}

/** {@link evaluate} with its parts; undefined if it was stopped. @internal */
export async function measure(
  model: Module,
  batches: AsyncIterable<Fields> | Iterable<Fields>,
  task: ResolvedTask,
  metrics: Readonly<Record<string, Metric>>,
  pace: Pace,
  stopped: () => boolean,
): Promise<Evaluation | undefined> {
  const { device } = model
  const states = Object.entries(metrics).map(([name, metric]) => [name, begunMetric(name, metric, task)] as const)
  const losses = new Map<string, number>()
  let [examples, total, right, labels] = [0, 0, 0, 0]
  let confusion: number[][] | undefined
  let judged = false
  return evaluating(model, async () => {
    for await (const fields of onePass(batches)) {
      const count = examplesIn(fields)
      device.step(() =>
        device.noGrad(() => {
          const batch = onDevice(model, fields)
          const output = task.output(model, batch)
          const loss = totalLoss(task, output, batch)
          total += loss.total.item() * count
          for (const [name, part] of Object.entries(loss.parts))
            losses.set(name, (losses.get(name) ?? 0) + part.item() * count)
          for (const [, state] of states) state.update(output, batch)
          if (task.label === undefined) return
          const { classes, rows, truths, counted } = judge(task, output, batch)
          judged = true
          if (classes <= MOST_CLASSES)
            confusion ??= Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
          argmaxRows(rows, classes).forEach((prediction, i) => {
            if (!counted[i]) return
            labels++
            right += Number(prediction === truths[i])
            if (confusion) confusion[truths[i]][prediction]++
          })
        }),
      )
      examples += count
      await pace.turn()
      if (stopped()) return undefined
    }
    if (examples === 0) throw new LanewiseError('E_VALUE', 'there are no examples to evaluate on')
    return {
      examples,
      loss: total / examples,
      ...(losses.size > 0 && { losses: Object.fromEntries([...losses].map(([name, sum]) => [name, sum / examples])) }),
      ...(judged && { accuracy: right / labels, ...(confusion && { confusion }) }),
      ...(states.length > 0 && { metrics: Object.fromEntries(states.map(([name, state]) => [name, state.value()])) }),
    }
  })
}

function begunMetric(name: string, metric: Metric, task: ResolvedTask): MetricState {
  const state = metric.start(task)
  if (!hasMethods(state, 'update', 'value'))
    throw new LanewiseError('E_VALUE', `start() of the metric "${name}" gives no object with update() and value()`)
  return state
}

/**
 * The class of the highest score of each row of [N, C]: the first of several.
 *
 * @throws LanewiseError `E_SHAPE` for scores of another rank.
 */
export function classesOf(scores: Variable | Tensor): number[] {
  checkArguments('classesOf', { scores }, 'tensor|Tensor')

  const shape = scores instanceof Tensor ? scores.dims : scores.shape
  if (shape.length !== 2) throw new LanewiseError('E_SHAPE', `scores must be [N, C], got [${shape.join(',')}]`)
  return argmaxRows((scores instanceof Tensor ? scores.data : scores.data()) as Float32Array, shape[1])
}

/** Everything that was measured by name: loss, accuracy, losses and metrics. @internal */
export function measuresOf({ loss, accuracy, losses, metrics }: Evaluation): Record<string, number> {
  return {
    loss,
    ...(accuracy !== undefined && { accuracy }),
    ...Object.fromEntries(Object.entries(losses ?? {}).map(([name, value]) => [`loss/${name}`, value])),
    ...metrics,
  }
}
