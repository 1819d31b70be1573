import { LanewiseError } from '../core/errors.js'
import { kindOf } from '../core/options.js'
import { hostTensor, type HostTensor } from '../core/host.js'
import { formatShape, sameShape } from '../core/shape.js'
import { withRule, type ComputeContext, type OpDefinition, type TensorType } from './op.js'

/**
 * Runs an operator's plain TypeScript version and checks the results against what its `infer` has promised: memory of
 * that size is reserved for them.
 *
 * @param wanted - the outputs that the node names, what is not wanted need not be made; by default whatever was made.
 * @throws LanewiseError `E_TENSOR` for anything but tensors of the promised types, `E_UNSUPPORTED` for an output that
 *   is not made.
 */
export function computeChecked<A>(
  op: OpDefinition<A>,
  context: ComputeContext<A>,
  wanted?: readonly unknown[],
): readonly HostTensor[] {
  const results = listOf<HostTensor>(withRule(op, 'compute').compute(context), 'compute')
  ;(wanted ?? results).forEach((value, i) => {
    if (value !== undefined) checkResult(results[i], context.outputs[i], i)
  })
  return results
}

/** Whether an operator looks at its inputs' shapes alone, so that their elements need not be known. */
export function readsShapesOnly({ domain, name }: Pick<OpDefinition, 'domain' | 'name'>): boolean {
  return domain === '' && (name === 'Shape' || name === 'Size')
}

/**
 * What a function of an operator returned, which must be a list. @throws LanewiseError `E_TENSOR` for a promise (a run
 * does not wait), `undefined` and the like.
 */
export function listOf<T>(results: readonly T[], what: string): readonly T[] {
  if (Array.isArray(results)) return results as readonly T[]
  const actual = kindOf(results)
  throw new LanewiseError('E_TENSOR', `${what} must be synchronous and return a list, got ${actual}`, {
    expected: 'a list',
    actual,
  })
}

function checkResult(result: HostTensor | undefined, promised: TensorType | undefined, index: number): void {
  if (result === undefined)
    throw promised
      ? new LanewiseError('E_TENSOR', `compute returned no output ${index}, infer promised one`)
      : new LanewiseError('E_UNSUPPORTED', `output ${index} is not supported`)
  if (typeof result !== 'object' || !Array.isArray(result.shape) || !result.data)
    throw new LanewiseError('E_TENSOR', `compute must return tensors; output ${index} is not one`, {
      actual: kindOf(result),
    })
  const { dtype, shape, data } = result
  if (promised && (promised.dtype !== dtype || !sameShape(promised.shape, shape))) {
    const expected = promised.dtype + formatShape(promised.shape)
    const actual = dtype + formatShape(shape)
    throw new LanewiseError('E_TENSOR', `compute returned ${actual} as output ${index}, infer promised ${expected}`, {
      expected,
      actual,
    })
  }
  hostTensor(dtype, shape, data)
}
