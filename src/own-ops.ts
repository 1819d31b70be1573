/**
 * Operators of your own: `import { registerOp } from 'lanewise/ops'`. docs/guides/own-operators.md shows both forms,
 * functions of tensors and kernel calls.
 *
 * @module lanewise/ops
 * @packageDocumentation
 */
export { registerOp } from './api/own/own-op.js'
export type { SimpleGradientContext, SimpleOp, TypeOfTensor } from './api/own/simple-op.js'
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
export type { Activation, Address, Emitter, KernelEmitter, Operand } from './ir/emitter.js'
export type { ComputeContext, InferContext, OpDefinition, TensorType } from './ir/op.js'
export type { Gradient, GradientEmitter, TrainingEmitter } from './ir/gradient.js'
export type { HostTensor } from './core/host.js'
export {
  broadcastShapes,
  defineOp,
  hostFrom,
  hostTensor,
  hostZeros,
  normalizeAxis,
  plus,
  sizeOf,
} from './api/own/checked-helpers.js'
export { elementwise, follow, identityOrder, type Layout, type LayoutQuery, type Order } from './core/layout.js'
export type { Shape } from './core/shape.js'
export { emitBinary } from './ops/elementwise/arithmetic.js'
export * as codes from './ops/codes.js'
