import type { Variable } from '../autograd/variable.js'
import { fieldOf, type Fields } from '../data/dataset.js'
import { LanewiseError } from '../core/errors.js'
import { crossEntropy } from '../nn/losses.js'
import type { Layer, Module } from '../nn/module.js'
import type { Tensor } from '../api/tensor.js'

/** A batch on the device: each field as a tensor of the current step. */
export type Batch = Readonly<Record<string, Variable>>

/** What a model computes of a batch, and how wrong that is. */
export interface Task {
  /** The model's output, [N, …]; by default `model.call` of the first field. */
  readonly output: (model: Module, batch: Batch) => Variable
  /** One number to make small; by default the cross-entropy of the output, as scores, with the field "label". */
  readonly loss: (output: Variable, batch: Batch) => Variable
  /** The field with the right classes, if the outputs are scores of classes: then accuracies are measured. */
  readonly label: string | undefined
}

/** Scores of classes for the first field of a batch, and the right classes in the field "label". */
export const classification: Task = {
  output: (model, batch) => (model as Layer).call(Object.values(batch)[0]),
  loss: (output, batch) => crossEntropy(output, batch.label),
  label: 'label',
}

/** What a model is worth on some examples. */
export interface Evaluation {
  readonly examples: number
  /** Mean over the examples. */
  readonly loss: number
  /** Share of examples whose class has the highest score; undefined if the task has no classes. */
  readonly accuracy?: number
  /** confusion[truth][prediction] counts examples. */
  readonly confusion?: readonly (readonly number[])[]
}

/**
 * Measures a model on the batches of a loader, in evaluation mode and without recording; the mode is put back.
 *
 * @throws LanewiseError `E_VALUE` if there are no batches.
 */
export async function evaluate(
  model: Module,
  batches: AsyncIterable<Fields> | Iterable<Fields>,
  task: Partial<Task> = {},
): Promise<Evaluation> {
  const { output, loss, label } = { ...classification, ...task }
  const { device } = model
  const modes = [...model.modules()].map((inner) => [inner, inner.training] as const)
  let [examples, total, right] = [0, 0, 0]
  let confusion: number[][] | undefined
  model.eval()
  try {
    for await (const fields of batches) {
      const count = Object.values(fields)[0].dims[0]
      device.step(() =>
        device.noGrad(() => {
          const batch = onDevice(model, fields)
          const scores = output(model, batch)
          total += loss(scores, batch).item() * count
          if (label === undefined) return
          const classes = scores.shape[1]
          confusion ??= Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
          const truths = fieldOf(fields, label)
          classesOf(scores).forEach((prediction, i) => {
            const truth = Number(truths.data[i])
            confusion![truth][prediction]++
            if (truth === prediction) right++
          })
        }),
      )
      examples += count
    }
  } finally {
    for (const [inner, training] of modes) inner.training = training
  }
  if (examples === 0) throw new LanewiseError('E_VALUE', 'there are no examples to evaluate on')
  return { examples, loss: total / examples, ...(confusion && { accuracy: right / examples, confusion }) }
}

/** The fields of a batch as tensors of the current step; texts stay behind. @internal */
export function onDevice(model: Module, fields: Fields): Batch {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, tensor]) =>
      tensor.type === 'string' ? [] : [[name, model.device.tensor(tensor)] as const],
    ),
  )
}

/** The class of the highest score of each row of [N, C]: the first of several. */
export function classesOf(scores: Variable | Tensor): number[] {
  const [rows, classes] = 'dims' in scores ? scores.dims : scores.shape
  const data = ('dims' in scores ? scores.data : scores.data()) as Float32Array
  return Array.from({ length: rows }, (_, row) => {
    let best = 0
    for (let c = 1; c < classes; c++) if (data[row * classes + c] > data[row * classes + best]) best = c
    return best
  })
}
