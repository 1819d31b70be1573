// Models and helpers of the tests of sessions.
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, type LanewiseError, Tensor, type ErrorCode } from '../../src/node.js'
import { expectRejects } from '../support/expect-error.js'

/** {@link expectRejects} of work that has begun. */
export const rejects = (code: ErrorCode, work: Promise<unknown>, message?: RegExp): Promise<LanewiseError> =>
  expectRejects(code, () => work, message)

export const floats = (shape: number[], values: number[]) => new Tensor('float32', Float32Array.from(values), shape)
export const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array)

/** x [N,2] → relu = Relu(x · 2 + [1, −1]); the affine part is a MatMul and an Add that fuse with the Relu. */
export function affineModel(): Uint8Array {
  const g = new GraphBuilder('affine')
  const x = g.input('x', 'float32', ['N', 2])
  const product = g.op('MatMul', [x, g.constant('w', hostFrom('float32', [2, 2], [2, 0, 0, 2]))], {}, 'product')
  const sum = g.op('Add', [product, g.constant('b', hostFrom('float32', [2], [1, -1]))], {}, 'sum')
  g.output(g.op('Relu', [sum], {}, 'relu'))
  g.output(g.op('Neg', [x], {}, 'negative'))
  return exportModel(g.graph())
}
export const affine = (values: number[]) => values.map((value, i) => Math.max(0, 2 * value + (i % 2 === 0 ? 1 : -1)))
export const feed = (...values: number[]) => ({ x: floats([values.length / 2, 2], values) })

/** `count` times y = Sin(y): nothing of it can be left out or fused. */
export function chainModel(count: number, shape: number[]): Uint8Array {
  const g = new GraphBuilder('chain')
  let y = g.input('x', 'float32', shape)
  for (let i = 0; i < count; i++) y = g.op('Sin', [y])
  g.output(y, 'y')
  return exportModel(g.graph())
}
