import { checkArguments } from '../core/arguments.js'
import { defineOp } from '../ir/op.js'
import type { Placed } from '../plan/placed.js'
import { LanewiseError } from '../core/errors.js'
import type { Device } from './device.js'
import { BackwardPass } from './backward.js'
import { Variable, type BackwardOptions } from './variable.js'

/**
 * The gradients of one number by some tensors, without touching the `grad` of any parameter.
 *
 * @param of - the number, made in this step from the inputs; or a function that makes it from them: then `inputs` may
 * be any tensors, and the function is given tensors with the same elements, of which it is recorded what becomes.
 * @param inputs - parameters, tensors that were made on the way, or with a function any float32 tensors.
 * @returns for each input a tensor of its shape; zeros where nothing depends on it.
 * @throws LanewiseError `E_SHAPE` if `of` is more than one number; `E_STATE` as {@link Variable.backward}; `E_VALUE`
 *   for no inputs.
 *
 * @example
 * import { Device, F, grad } from 'lanewise/train'
 *
 * const device = await Device.create()
 * device.step(() => {
 *   const x = device.tensor([1, 2, 3])
 *   const [slope] = grad((input) => F.sum(F.mul(input, input)), [x]) // 2x
 *   console.log(slope.data()) // 2, 4, 6
 * })
 */
export function grad(
  of: Variable | ((...inputs: Variable[]) => Variable),
  inputs: readonly Variable[],
  options: BackwardOptions = {},
): Variable[] {
  checkArguments('grad', { of, inputs, options }, 'tensor|function', 'tensors', { retainGraph: 'boolean' })
  const { retainGraph = false } = options

  const [first] = inputs
  if (!first) throw new LanewiseError('E_VALUE', 'grad needs tensors to take gradients by')
  const { device } = first
  for (const input of inputs) {
    input.check()
    if (input.dtype !== 'float32')
      throw new LanewiseError('E_VALUE', `${input.describe()} is not float32: it has no gradient`)
  }
  const targets = typeof of === 'function' ? inputs.map((input) => leafOf(device, input)) : inputs
  const root = typeof of === 'function' ? recording(device, () => of(...targets)) : of
  checkArguments('grad', { 'the result of the function': root }, 'tensor')
  root.check()
  const unconnected = root.node === undefined && !targets.includes(root)
  const found =
    unconnected && typeof of === 'function' ? [] : device.walkBack(root, undefined, { retainGraph, targets })
  return inputs.map((input, i) => {
    const placed = found[i]
    return placed
      ? new Variable(device, device.copied(placed), { step: device.currentStep })
      : device.tensor({ dtype: 'float32', shape: input.shape, data: new Float32Array(input.size) })
  })
}

/** The same elements as a value that gradients are taken by, with nothing before it on the tape. */
function leafOf(device: Device, of: Variable): Variable {
  return new Variable(device, of.placed, {
    step: of.step < 0 ? device.currentStep : of.step,
    requiresGrad: true,
    name: of.name,
    owner: of.step < 0 ? of : of.owner,
  })
}

/** The value as one that the tape in use knows. */
function sameOn(device: Device, input: Variable): Variable {
  return input.requiresGrad ? leafOf(device, input) : input
}

function recording<T>(device: Device, work: () => T): T {
  const before = device.gradEnabled
  device.gradEnabled = true
  try {
    return work()
  } finally {
    device.gradEnabled = before
  }
}

/** What stands on the tape for a stretch that is computed again on the way back. */
const Checkpoint = defineOp({ name: 'Checkpoint', arity: [0, Infinity], attributes: {} })

/** What {@link recomputed} applies, and what it must leave as it was after the first time. */
export interface Recomputed {
  apply(...inputs: Variable[]): Variable | readonly Variable[]
  /** Runs `work`, which applies it again, and puts back what that changes (running statistics). */
  again<T>(work: () => T): T
}

/**
 * Applies a function whose intermediate values are not kept: on the way back it is applied again to its inputs. Memory
 * for time (Chen et al., 2016).
 *
 * @internal
 */
export function recomputed(device: Device, { apply, again }: Recomputed, inputs: readonly Variable[]): Variable[] {
  const list = (result: Variable | readonly Variable[]) => (result instanceof Variable ? [result] : [...result])
  // Nothing is gone back to, or every operator is to be seen.
  if (!device.gradEnabled || device.trace) return list(apply(...inputs))
  const random = device.random.save()
  const placedOf = (results: readonly Variable[]) => results.map(({ placed }) => placed)
  // Recorded and forgotten: kernels under a tape may round differently from those without.
  const outputs = device.onOwnTape(() => list(apply(...inputs.map((input) => sameOn(device, input)))), placedOf)
  const replay = (gradients: readonly (Placed | undefined)[]): readonly (Placed | undefined)[] => {
    const now = device.random.save()
    device.random.restore(random)
    try {
      return device.onOwnTape(
        (tape) => {
          const leaves = inputs.map((input) => sameOn(device, input))
          const results = again(() => recording(device, () => list(apply(...leaves))))
          const roots = results.flatMap((result, i): [Variable, Placed][] => {
            const gradient = gradients[i]
            return gradient && result.requiresGrad ? [[result, device.copied(gradient)]] : []
          })
          const walk = new BackwardPass(device, tape)
          walk.run(roots, false)
          return leaves.map((leaf, i) => (leaf === inputs[i] ? undefined : walk.gradientAt(leaf)))
        },
        (placed) => placed,
      )
    } finally {
      device.random.restore(now)
    }
  }
  const made: Variable[] = []
  const node = device.record({
    op: Checkpoint,
    gradient: undefined,
    attributes: {},
    inputs,
    operands: inputs.map(({ placed }) => placed),
    outputs: made,
    saved: [],
    scope: device.scope,
    replay,
  })
  for (const { placed, requiresGrad } of outputs)
    made.push(new Variable(device, placed, { step: device.currentStep, node, requiresGrad }))
  return made
}
