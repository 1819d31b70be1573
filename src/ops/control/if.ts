import { LanewiseError } from '../../core/errors.js'
import { isHostTensor, type HostValue } from '../../core/host.js'
import { sizeOf } from '../../core/shape.js'
import { graph, required } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

/** The one bool that a condition is. */
export function truth(value: HostValue | undefined, what: string): boolean {
  if (!value || !isHostTensor(value) || value.dtype !== 'bool' || sizeOf(value.shape) !== 1) {
    throw new LanewiseError('E_TENSOR', `${what} must be one bool`)
  }
  return value.data[0] !== 0
}

/** Planned by putting the branch in the node's place; run as such only where something else than the planner asks. */
export const If = defineOp({
  name: 'If',
  arity: 1,
  outputs: Infinity,
  attributes: { then_branch: required(graph()), else_branch: required(graph()) },
  control: ({ attributes, inputs }, run) =>
    run(truth(inputs[0], 'the condition') ? attributes.then_branch : attributes.else_branch, []),
})
