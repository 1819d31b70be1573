// Nodes of a plan that run in JavaScript: between two of its segments, on values from either side.
import type { Context } from '../../bindings/context.js'
import { errorAt, LanewiseError, present } from '../core/errors.js'
import { isHostTensor, type HostValue } from '../core/host.js'
import type { HostScope } from '../core/host-memory.js'
import type { Steps } from '../core/steps.js'
import { checkOutputs } from '../ir/check-outputs.js'
import { computeChecked, listOf } from '../ir/compute.js'
import type { Node, Value } from '../ir/graph.js'
import { largerNumber } from '../ir/infer.js'
import { withoutRule } from '../ir/rehearse.js'
import type { Bodies } from './bodies.js'
import type { Pace } from './executor.js'
import type { PlanOptions, Segment } from './plan-state.js'
import type { RunControl } from './program.js'
import { readSource } from './transfer.js'

/** What the program has that the node belongs to. */
interface Around {
  readonly context: Context
  readonly bodies: Bodies
  readonly options: PlanOptions
}

/**
 * Computes a node by its plain TypeScript version, or has it run its bodies.
 *
 * @param segment - the plan up to the node, which has run.
 * @param hosts - the values that are in JavaScript already.
 * @throws LanewiseError what the operator says, with the node's name.
 */
export function* computeNode(
  node: Node,
  segment: Segment,
  hosts: ReadonlyMap<Value, HostValue>,
  { context, bodies, options }: Around,
  control: RunControl,
  pace: Pace | undefined,
): Steps<readonly HostValue[]> {
  const { op, attributes } = node
  const operand = (value: Value) => operandOf(value, segment, hosts, context)
  const inputs = node.inputs.map((value) => value && operand(value))
  const outputCount = node.outputs.length
  const room = context.host.scope()
  try {
    // What was copied from the arena takes room once more.
    node.inputs.forEach((value, i) => {
      const source = value && segment.sources.get(value)
      const input = inputs[i]
      if (input && source && 'placed' in source) room.hold(input)
    })
    if (op.control) {
      const given = { attributes, inputs, outputCount, room }
      const run = bodies.runnerOf(operand, control)
      return listOf(yield* op.control(given, run), 'control')
    }
    if (op.values) return listOf(op.values({ attributes, inputs, outputCount, room }), 'values')
    if (op.compute && inputs.every((input) => !input || isHostTensor(input))) {
      const tensors = inputs
      const outputs =
        op.infer?.({
          attributes,
          inputs: tensors,
          outputCount,
          known: (i) => tensors[i],
          value: (i) => tensors[i],
          atLeast: (i, least) => largerNumber(present(tensors[i], 'input'), least),
        }) ?? []
      if (op.infer) room.reserve(...checkOutputs(node, outputs, options.arenaLimit))
      const c = { attributes, inputs: tensors, outputs, outputCount, seed: options.seed, room }
      return op.work && pace ? yield* pace.finish(op.work(c)) : computeChecked(op, c, node.outputs)
    }
  } catch (error) {
    throw errorAt(op.name, node.name, error)
  } finally {
    room.close()
    if (op.control) bodies.rest()
  }
  throw withoutRule().at(node.op.name, node.name)
}

/** Counts what a node has made. */
export function holdAt(scope: HostScope, value: HostValue, { op, name }: Node): void {
  try {
    scope.hold(value)
  } catch (error) {
    throw errorAt(op.name, name, error)
  }
}

function operandOf(value: Value, segment: Segment, hosts: ReadonlyMap<Value, HostValue>, context: Context): HostValue {
  const source = segment.sources.get(value)
  if (source) return readSource(context, source, hosts)
  if (value.constant) return value.constant
  throw new LanewiseError('E_GRAPH', `the value "${value.name}" is used before it is made`, { tensor: value.name })
}
