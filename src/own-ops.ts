/**
 * Operators of your own: `import { registerOp } from 'lanewise/ops'`. docs/guides/own-operators.md shows both forms, functions of tensors and kernel calls.
 *
 * @module lanewise/ops
 * @packageDocumentation
 */
import { fromSimple, type SimpleOp } from './api/simple-op.js'
import type { AttributeSchema } from './ir/attributes.js'
import type { OpDefinition } from './ir/op.js'
import { registerOp as registerDefinition } from './ir/registry.js'

/**
 * Makes an operator known to sessions, `GraphBuilder`, `loadGraph` and, in training, `F.op`: one of functions of tensors, or a full definition made by
 * {@link defineOp}. One of the same name and domain is replaced.
 *
 * @returns the definition.
 * @throws LanewiseError `E_VALUE` if it has no way to compute anything.
 */
export function registerOp<S extends AttributeSchema>(operator: SimpleOp<S>): OpDefinition
export function registerOp<A>(operator: OpDefinition<A>): OpDefinition
export function registerOp(operator: SimpleOp<AttributeSchema> | OpDefinition): OpDefinition {
  const definition = 'arity' in operator ? operator : (fromSimple(operator) as OpDefinition)
  registerDefinition(definition)
  return definition
}

export type { SimpleGradientContext, SimpleOp, TypeOfTensor } from './api/simple-op.js'
export {
  float,
  floats,
  graph,
  int,
  ints,
  required,
  string,
  strings,
  tensor,
  type Attributes,
  type AttributeSchema,
  type AttributesOf,
  type AttributeSpec,
} from './ir/attributes.js'
export {
  defineOp,
  plus,
  type Activation,
  type Address,
  type ComputeContext,
  type Emitter,
  type InferContext,
  type KernelEmitter,
  type OpDefinition,
  type Operand,
  type TensorType,
} from './ir/op.js'
export type { Gradient, GradientEmitter, TrainingEmitter } from './ir/gradient.js'
export { hostFrom, hostTensor, hostZeros, type HostTensor } from './core/host.js'
export { elementwise, follow, identityOrder, type Layout, type LayoutQuery, type Order } from './core/layout.js'
export { broadcastShapes, normalizeAxis, sizeOf, type Shape } from './core/shape.js'
export { emitBinary } from './ops/elementwise/arithmetic.js'
export * as codes from '../assembly/abi/codes.js'
