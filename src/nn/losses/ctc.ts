import { checkArguments } from '../../core/arguments.js'
import type { Variable } from '../../autograd/variable.js'
import { LanewiseError } from '../../core/errors.js'
import * as F from '../functional.js'
import { reduced, type Reduction } from './losses.js'

/**
 * What stands for the logarithm of 0: far below that of any float32, and yet a number, so that differences of two are
 * no NaN.
 */
const NEVER = -1e30

/** What {@link ctc} takes for blank, and what becomes of impossible labels. */
export interface CtcOptions {
  /** The class that stands for no label; 0 by default. */
  readonly blank?: number
  /** `mean` divides each loss by its number of labels first, as in PyTorch. */
  readonly reduction?: Reduction
  /** A label sequence too long for its input has an infinite loss; true makes that loss and its gradient 0. */
  readonly zeroInfinity?: boolean
}

/**
 * Connectionist temporal classification (Graves et al., 2006): −log of the probability that the classes of the steps,
 * with repetitions merged and blanks left out, spell the labels. The forward recursion over the labels with blanks
 * between them; its gradient is the tape's.
 *
 * @param logProbabilities - [T, N, C], logarithms of probabilities.
 * @param targets - the labels of each example, none of them blank.
 * @param inputLengths - how many of the T steps count for each example; all by default.
 * @returns a scalar, or [N] with the reduction `none`.
 * @throws LanewiseError `E_VALUE` for labels or lengths that are out of range, `E_SHAPE` for another number of
 *   examples.
 */
export function ctc(
  logProbabilities: Variable,
  targets: readonly ArrayLike<number>[],
  inputLengths?: ArrayLike<number>,
  options: CtcOptions = {},
): Variable {
  checkArguments('ctc', { logProbabilities, targets, inputLengths, options }, 'tensor', 'list', 'list|bytes?', {
    blank: 'number',
    reduction: 'string',
    zeroInfinity: 'boolean',
  })
  const { blank = 0, reduction = 'mean', zeroInfinity = false } = options

  const { device, shape } = logProbabilities
  if (shape.length !== 3) throw new LanewiseError('E_SHAPE', `ctc takes [T, N, C], got ${logProbabilities.describe()}`)
  const [steps, batch, classes] = shape
  const lengths = Array.from(inputLengths ?? new Array<number>(batch).fill(steps))
  if (targets.length !== batch || lengths.length !== batch)
    throw new LanewiseError('E_SHAPE', `${batch} examples with ${targets.length} targets and ${lengths.length} lengths`)
  for (const length of lengths)
    if (!Number.isInteger(length) || length < 1 || length > steps)
      throw new LanewiseError('E_VALUE', `an input of ${length} steps is not within 1 … ${steps}`)
  for (const labels of targets)
    for (let i = 0; i < labels.length; i++)
      if (!Number.isInteger(labels[i]) || labels[i] < 0 || labels[i] >= classes || labels[i] === blank)
        throw new LanewiseError(
          'E_VALUE',
          `${labels[i]} is no label of ${classes} classes of which ${blank} is the blank`,
        )

  // blank, label, blank, label … blank: as many places as the longest has, the others filled up with blanks.
  const places = 2 * Math.max(0, ...targets.map((labels) => labels.length)) + 1
  const extended = new Int32Array(batch * places).fill(blank)
  const mayJump = new Uint8Array(batch * places)
  const ends = new Uint8Array(batch * places)
  const starts = new Uint8Array(batch * places)
  targets.forEach((labels, n) => {
    for (let i = 0; i < labels.length; i++) {
      extended[n * places + 2 * i + 1] = labels[i]
      // A label may follow the one before it without a blank between them, unless it is the same.
      if (i > 0 && labels[i] !== labels[i - 1]) mayJump[n * places + 2 * i + 1] = 1
    }
    const last = 2 * labels.length
    ends[n * places + last] = 1
    if (last > 0) ends[n * places + last - 1] = 1
    starts[n * places] = 1
    if (last > 0) starts[n * places + 1] = 1
  })
  const tensor = (dtype: 'int32' | 'bool', data: Int32Array | Uint8Array): Variable =>
    device.constant({ dtype, shape: [batch, places], data })
  const symbols = tensor('int32', extended)
  const jump = tensor('bool', mayJump)
  const emitted = (t: number): Variable => F.gather(F.squeeze(F.slice(logProbabilities, 0, t, t + 1), [0]), 1, symbols)

  let alpha = F.where(tensor('bool', starts), emitted(0), NEVER)
  for (let t = 1; t < steps; t++) {
    const one = shifted(alpha, 1)
    const two = F.where(jump, shifted(alpha, 2), NEVER)
    const next = F.add(F.logsumexp(F.stack([alpha, one, two]), [0]), emitted(t))
    const running = Uint8Array.from({ length: batch * places }, (_, i) => Number(t < lengths[Math.floor(i / places)]))
    alpha = running.every((bit) => bit === 1) ? next : F.where(tensor('bool', running), next, alpha)
  }
  const total = F.logsumexp(F.where(tensor('bool', ends), alpha, NEVER), [1])
  // A sequence that cannot be spelled at all is NEVER likely: infinite, as the definition says, or left out.
  const impossible = F.lt(total, NEVER / 2)
  const losses = F.where(impossible, zeroInfinity ? 0 : Infinity, F.neg(total))
  if (reduction !== 'mean') return reduced(losses, reduction)
  const shares = Float32Array.from(targets, (labels) => 1 / (Math.max(1, labels.length) * batch))
  return F.sum(F.mul(losses, device.constant({ dtype: 'float32', shape: [batch], data: shares })))
}

/** Places moved to the right, with NEVER where there is nothing. */
function shifted(alpha: Variable, by: number): Variable {
  const places = alpha.shape[1]
  if (places <= by) return F.full(alpha.shape, NEVER, { device: alpha.device })
  return F.pad(F.slice(alpha, 1, 0, places - by), [by, 0], { value: NEVER })
}
