import { checkArguments } from '../core/arguments.js'
import type { Variable } from '../autograd/variable.js'
import type { Fields } from '../data/dataset.js'
import { isFloat } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { formatShape, type Shape } from '../core/shape.js'
import * as F from '../nn/functional.js'
import { crossEntropy } from '../nn/losses/losses.js'
import type { Layer, Module } from '../nn/module.js'

/** A batch on the device: each field as a tensor of the current step. */
export type Batch = Readonly<Record<string, Variable>>

/** What a model makes of a batch: a tensor, or several, in a list or by name. */
export type TaskOutput = Variable | readonly Variable[] | Readonly<Record<string, Variable>>

/** One loss, or several by name, which are summed (weighted by `lossWeights`) and logged each. */
export type TaskLoss = Variable | Readonly<Record<string, Variable>>

/** What a model computes of a batch, how wrong that is, and what of it are classes. */
export interface Task {
  /** What the model makes of a batch; by default `model.call` of the first field. */
  output(model: Module, batch: Batch): TaskOutput
  /**
   * One number to make small, or several by name; by default the cross-entropy of the scores with the field of the
   * labels.
   */
  loss(output: TaskOutput, batch: Batch): TaskLoss
  /** The factor of each loss by its name; 1 for those that have none. */
  lossWeights?: Readonly<Record<string, number>>
  /**
   * The field with the right classes, if the output has scores of classes: then accuracies are measured. Indices, or
   * shares of the scores' shape.
   */
  label?: string | undefined
  /** Which of several outputs are the scores; by default the first, or the one named "scores". */
  scores?: string | number
  /**
   * The axis of the scores that counts the classes. By default the one without which their shape is that of the labels:
   * 1 for [N, C] and [N, C, d…], the last for sequences [N, T, V]. Where both would do, it is 1 for the default loss
   * and has to be said for another.
   */
  classAxis?: number
  /** A label that counts for nothing, in the default loss and in measures. */
  ignoreIndex?: number
  /** A field of the labels' shape: where it is 0 a label counts for nothing. */
  mask?: string
}

/** Names of the options of a task. @internal */
const taskOptions = ['output', 'loss', 'lossWeights', 'label', 'scores', 'classAxis', 'ignoreIndex', 'mask']

/** A task of which all is said: what metrics are given. */
export type ResolvedTask = Task & {
  readonly ownLoss: boolean
  /** Where the classes of the batches so far were. @internal */
  classesAt?: 'second' | 'last'
}

/** Scores of classes for the first field of a batch, and the right classes in the field "label". */
export const classification: Pick<Task, 'output' | 'loss' | 'label'> = {
  output: (model, batch) => (model as Layer).call(Object.values(batch)[0]),
  loss: (output, batch) => defaultLoss({ ...classification, ownLoss: false }, output, batch),
  label: 'label',
}

/** A task with what was left out. @throws LanewiseError `E_VALUE` for weights that are no numbers. @internal */
export function resolveTask(given: Partial<Task>): ResolvedTask {
  const ownLoss = given.loss !== undefined && given.loss !== classification.loss
  const label = 'label' in given ? given.label : classification.label
  const task: ResolvedTask = {
    ...given,
    output: given.output ?? ((model, batch) => classification.output(model, batch)),
    loss: (output, batch) => (ownLoss && given.loss ? given.loss(output, batch) : defaultLoss(task, output, batch)),
    label,
    ownLoss,
  }
  for (const [name, weight] of Object.entries(given.lossWeights ?? {}))
    if (!Number.isFinite(weight))
      throw new LanewiseError('E_VALUE', `the weight of the loss "${name}" must be a number`)
  return task
}

/** @throws LanewiseError `E_VALUE` for options that no task has. @internal */
export function checkTask(what: string, given: object, more: readonly string[] = []): void {
  checkOptions(what, given, [...taskOptions, ...more])
}

/** A field of a batch on the device. @throws LanewiseError `E_VALUE` naming those that are there. */
export function batchField(batch: Batch, name: string): Variable {
  checkArguments('batchField', { batch, name }, 'object', 'string')

  if (Object.hasOwn(batch, name)) return batch[name]
  const names = Object.keys(batch).map((key) => `"${key}"`)
  throw new LanewiseError(
    'E_VALUE',
    `the batch has no field "${name}", only ${names.join(', ') || 'none'}: say which by the option "label"`,
  )
}

/** The scores among the outputs. @throws LanewiseError `E_VALUE` if there are none. @internal */
function scoresOf(task: Pick<Task, 'scores'>, output: TaskOutput): Variable {
  const list = (output ?? {}) as Readonly<Record<string, Variable>>
  const found = isVariable(output)
    ? output
    : Array.isArray(output)
      ? (output as Variable[])[Number(task.scores ?? 0)]
      : list[task.scores ?? 'scores']
  if (found && isVariable(found)) return found
  throw new LanewiseError(
    'E_VALUE',
    `none of the outputs are scores${Array.isArray(output) ? '' : ` (${Object.keys(list).join(', ')})`}: say which by the option "scores", or "label: undefined" if there are none`,
  )
}

function isVariable(value: unknown): value is Variable {
  return typeof value === 'object' && value !== null && 'placed' in value
}

/**
 * What the loss makes. Functions such as `mse` compare two tensors, and are given the batch where the second should be.
 */
function lossOf(task: Task, output: TaskOutput, batch: Batch): unknown {
  try {
    return task.loss(output, batch)
  } catch (error) {
    if (error instanceof LanewiseError && error.code === 'E_VALUE' && error.expected?.includes('a tensor of a device'))
      error.message += `; the option "loss" is given the output and the batch, a tensor for each of its fields: (output, batch) => mse(output, batch.${Object.keys(batch).at(-1)})`
    throw error
  }
}

/**
 * The one number that is made small, and its parts by name. @throws LanewiseError `E_VALUE` if there is none. @internal
 */
export function totalLoss(
  task: Task,
  output: TaskOutput,
  batch: Batch,
): { total: Variable; parts: Readonly<Record<string, Variable>> } {
  const loss = lossOf(task, output, batch)
  const weights = Object.keys(task.lossWeights ?? {})
  if (isVariable(loss)) {
    if (weights.length > 0)
      throw new LanewiseError(
        'E_VALUE',
        `there is one loss, without a name, and a weight for "${weights.join('", "')}"`,
      )
    return { total: loss, parts: {} }
  }
  const parts = typeof loss === 'object' && loss !== null ? Object.entries(loss as Record<string, Variable>) : []
  const idle = weights.find((name) => !parts.some(([part]) => part === name))
  if (idle !== undefined && parts.length > 0)
    throw new LanewiseError('E_VALUE', `there is a weight for "${idle}" and no loss of that name`, {
      expected: parts.map(([name]) => name).join(', '),
      actual: idle,
    })
  const weighted = parts.map(([name, part]) => {
    if (!isVariable(part) || part.size !== 1) throw new LanewiseError('E_VALUE', `the loss "${name}" is not one number`)
    const weight = task.lossWeights?.[name] ?? 1
    return weight === 1 ? part : F.mul(part, weight)
  })
  if (weighted.length === 0) throw new LanewiseError('E_VALUE', 'there is no loss')
  return { total: weighted.reduce((a, b) => F.add(a, b)), parts: Object.fromEntries(parts) }
}

/**
 * The axis of the classes; see {@link Task.classAxis}.
 *
 * @throws LanewiseError `E_SHAPE` if labels do not fit the scores by any axis, or by two.
 */
export function classAxisOf(
  task: Pick<Task, 'classAxis'> & { readonly ownLoss?: boolean },
  scores: Shape,
  labels: Shape,
  soft: boolean,
): number {
  checkArguments('classAxisOf', { task, scores, labels, soft }, 'object', 'numbers', 'numbers', 'boolean')

  const rank = scores.length
  if (task.classAxis !== undefined) {
    const axis = task.classAxis < 0 ? task.classAxis + rank : task.classAxis
    if (axis in scores && (soft ? same(labels, scores) : same(without(scores, axis), labels))) return axis
  } else if (rank >= 2 && soft && same(labels, scores)) {
    if (rank === 2 || task.ownLoss !== true) return 1
    throw new LanewiseError(
      'E_SHAPE',
      `of scores ${formatShape(scores)} the axis of the classes is not known: say it by "classAxis"`,
    )
  } else if (rank >= 2 && !soft) {
    const axes = [1, rank - 1].filter(
      (axis, i, list) => list.indexOf(axis) === i && same(without(scores, axis), labels),
    )
    if (axes.length === 1 || (axes.length === 2 && task.ownLoss !== true)) return axes[0]
    if (axes.length === 2)
      throw new LanewiseError(
        'E_SHAPE',
        `of scores ${formatShape(scores)} the classes may be axis 1 or ${rank - 1}: say it by "classAxis"`,
      )
  }
  throw new LanewiseError('E_SHAPE', `labels ${formatShape(labels)} do not fit scores ${formatShape(scores)}`, {
    expected: rank < 2 ? '[N, C]' : `${formatShape(without(scores, 1))} or ${formatShape(without(scores, rank - 1))}`,
    actual: formatShape(labels),
  })
}

/**
 * {@link classAxisOf} for the next batch of a run: a batch whose sequences happen to be as long as there are classes is
 * read as those before it were.
 *
 * @throws LanewiseError `E_SHAPE` for a batch that fits only another axis than those before it.
 */
function axisInRun(task: ResolvedTask, scores: Shape, labels: Shape, soft: boolean): number {
  const last = scores.length - 1
  if (task.classAxis !== undefined || soft || last < 2) return classAxisOf(task, scores, labels, soft)
  const { classesAt } = task
  if (classesAt && same(without(scores, 1), labels) && same(without(scores, last), labels))
    return classesAt === 'last' ? last : 1
  const axis = classAxisOf(task, scores, labels, soft)
  const now = axis === 1 ? 'second' : 'last'
  if (classesAt && now !== classesAt)
    throw new LanewiseError(
      'E_SHAPE',
      `of scores ${formatShape(scores)} the ${now} axis has the classes, of earlier batches it was the ${classesAt}: say it by "classAxis"`,
    )
  task.classesAt = now
  return axis
}

function without(shape: Shape, axis: number): Shape {
  return shape.filter((_, i) => i !== axis)
}

function same(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i])
}

/** Cross-entropy along the axis of the classes, over the labels that count. */
function defaultLoss(task: ResolvedTask, output: TaskOutput, batch: Batch): Variable {
  const scores = scoresOf(task, output)
  const labels = batchField(batch, task.label ?? 'label')
  const soft = isFloat(labels.dtype)
  const axis = axisInRun(task, scores.shape, labels.shape, soft)
  const moved = (x: Variable) =>
    axis === 1
      ? x
      : F.transpose(
          x,
          [0, axis, ...x.shape.keys()].filter((a, i) => i < 2 || (a !== 0 && a !== axis)),
        )
  const [x, y] = [moved(scores), soft ? moved(labels) : labels]
  const { ignoreIndex } = task
  if (task.mask === undefined) return crossEntropy(x, y, { ignoreIndex })
  const counts = F.cast(batchField(batch, task.mask), 'float32')
  const losses = crossEntropy(x, y, { ignoreIndex, reduction: 'none' })
  return F.div(F.sum(F.mul(losses, counts)), F.clip(F.sum(counts), 1e-12))
}

/** The fields of a batch as tensors of the current step; texts stay behind. @internal */
export function onDevice(model: Module, fields: Fields): Batch {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, tensor]) =>
      tensor.type === 'string' ? [] : [[name, model.device.tensor(tensor)] as const],
    ),
  )
}

/** How many examples a batch has. @throws LanewiseError `E_VALUE` if it is none. @internal */
export function examplesIn(fields: Fields): number {
  const first = typeof fields === 'object' && fields !== null ? Object.values(fields)[0] : undefined
  const count: unknown = first?.dims?.[0]
  if (typeof count !== 'number')
    throw new LanewiseError(
      'E_VALUE',
      'a batch is an object of tensors whose first axis counts the examples: { image, label }',
    )
  return count
}

/** What was predicted and what is right, for each label that counts. @internal */
export interface Judged {
  readonly classes: number
  /** Scores with the classes last. */
  readonly rows: Float32Array
  readonly truths: readonly number[]
  /** Whether a label counts. */
  readonly counted: readonly boolean[]
  /** Labels of one example. */
  readonly perExample: number
}

/**
 * Scores and labels side by side.
 *
 * @throws LanewiseError `E_SHAPE` if they do not fit, `E_VALUE` for a label that is no class and not ignored.
 * @internal
 */
export function judge(task: ResolvedTask, output: TaskOutput, batch: Batch): Judged {
  const scores = scoresOf(task, output)
  const labels = batchField(batch, task.label ?? 'label')
  const soft = isFloat(labels.dtype)
  const axis = axisInRun(task, scores.shape, labels.shape, soft)
  const rank = scores.shape.length
  const classes = scores.shape[axis]
  const last = (x: Variable) =>
    axis === rank - 1 ? x : F.transpose(x, [...x.shape.keys()].filter((a) => a !== axis).concat(axis))
  const rows = last(F.cast(scores.detach(), 'float32')).data() as Float32Array
  const count = rows.length / classes
  const given = soft
    ? argmaxRows(last(labels.detach()).data() as Float32Array, classes)
    : Array.from(labels.data(), Number)
  const mask = task.mask === undefined ? undefined : batchField(batch, task.mask)
  if (mask && mask.size !== count)
    throw new LanewiseError('E_SHAPE', `the mask ${mask.describe()} does not fit labels ${labels.describe()}`)
  const kept = mask?.data()
  const counted = given.map((truth, i) => truth !== task.ignoreIndex && (!kept || Number(kept[i]) !== 0))
  given.forEach((truth, i) => {
    if (counted[i] && !(Number.isInteger(truth) && truth >= 0 && truth < classes))
      throw new LanewiseError('E_VALUE', `label ${truth} is outside [0, ${classes - 1}]`, {
        expected: `[0, ${classes - 1}]`,
        actual: String(truth),
      })
  })
  return { classes, rows, truths: given, counted, perExample: count / scores.shape[0] }
}

/** The place of the largest number of each row: the first of several. @internal */
export function argmaxRows(data: Float32Array, classes: number): number[] {
  return Array.from({ length: data.length / classes }, (_, row) => {
    let best = 0
    for (let c = 1; c < classes; c++) if (data[row * classes + c] > data[row * classes + best]) best = c
    return best
  })
}
