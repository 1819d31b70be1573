import { checkArguments } from '../core/arguments.js'
import { recomputed } from '../autograd/gradients.js'
import type { Variable } from '../autograd/variable.js'
import type { TypedArray } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { Module } from './module.js'

/**
 * Applies a module (or a function) whose intermediate values are not kept for the backward pass: that applies it again.
 * A step then needs the memory of one stretch at a time, for one more forward pass (Chen et al., "Training deep nets
 * with sublinear memory cost", 2016).
 *
 * Masks of Dropout are the same the second time, and running statistics are those of the first. Gradients are the same
 * bits as without.
 *
 * @param module - takes and returns tensors: what else it is given must be in the function.
 * @throws LanewiseError `E_VALUE` without a tensor.
 *
 * @example
 * import { checkpoint, Device, F, Linear, Module, type Variable } from 'lanewise/train'
 *
 * class Deep extends Module {
 *   blocks = [new Linear(8, 8), new Linear(8, 8), new Linear(8, 8)]
 *   forward(x: Variable): Variable {
 *     for (const block of this.blocks) x = F.tanh(checkpoint(block, x))
 *     return x
 *   }
 * }
 *
 * const device = await Device.create()
 * const model = new Deep()
 * device.step(() => F.sum(model.call(device.tensor(new Float32Array(8).fill(1), [1, 8]))).backward())
 */
export function checkpoint<M extends Module | ((...inputs: never[]) => Variable | Variable[])>(
  module: M,
  ...inputs: Variable[]
): M extends Module ? ReturnType<M['forward']> : M extends (...inputs: never[]) => infer R ? R : never {
  checkArguments('checkpoint', { module, inputs }, 'module|function', 'tensors')

  const [first] = inputs
  if (!first) throw new LanewiseError('E_VALUE', 'checkpoint needs a tensor to apply the module to')
  let several = false
  const apply = (...given: Variable[]): Variable | readonly Variable[] => {
    const result: unknown =
      module instanceof Module
        ? module.call(...(given as never[]))
        : (module as (...inputs: Variable[]) => unknown)(...given)
    several = Array.isArray(result)
    return result as Variable | readonly Variable[]
  }
  const buffers = module instanceof Module ? [...module.namedBuffers()].map(([, buffer]) => buffer) : []
  const before = buffers.map((buffer) => buffer.data())
  const set = (to: readonly TypedArray[]) => buffers.forEach((buffer, i) => buffer.assign(to[i]))
  // Running statistics have seen the batch already, and some kernels compute around them: the second time they are
  // those of the first.
  const again = <T>(work: () => T): T => {
    const after = buffers.map((buffer) => buffer.data())
    set(before)
    try {
      return work()
    } finally {
      set(after)
    }
  }
  const outputs = recomputed(first.device, { apply, again }, inputs)
  return (several ? outputs : outputs[0]) as never
}
