// Which of an operator's rules computes a node, and what such a rule refuses before it has seen a single element.
import { isHalf, makeData, type DType } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import type { HostScope } from '../core/host-memory.js'
import type { HostTensor } from '../core/host.js'
import { checkComplex } from './complex.js'
import { notFused, type Node } from './graph.js'
import { allFloat32, type ComputeContext, type TensorType } from './op.js'

/** What is known of an operand. */
interface Given {
  readonly type?: TensorType
  readonly known?: HostTensor
}

/** Whether a pass has folded something into the node. */
export function isFused(node: Node): boolean {
  return node.fused !== notFused
}

/**
 * How a node of such operands is computed: by kernels, by kernels between casts (half-precision floats have no
 * arithmetic of their own), or in TypeScript.
 *
 * @throws LanewiseError `E_UNSUPPORTED` if there is no way.
 */
export function wayOf(node: Node, inputs: readonly (Given | undefined)[]): 'kernels' | 'casts' | 'TypeScript' {
  const { op, attributes, outputs } = node
  const dtypes = inputs.map((input) => input?.type?.dtype)
  const wanted = outputs.map((value) => value !== undefined)
  const known = inputs.map((input) => input?.type && { shape: input.type.shape, constant: input.known !== undefined })
  const accepts = (types: readonly (DType | undefined)[]) =>
    op.kernel ? op.kernel(types, attributes, wanted, known) : allFloat32(types)
  if (op.emit && accepts(dtypes)) return 'kernels'
  if (op.emit && dtypes.some(isHalf) && accepts(dtypes.map(promoted))) return 'casts'
  if (op.compute && !isFused(node) && (!op.takes || !dtypes[0] || op.takes(dtypes[0]))) return 'TypeScript'
  const actual = dtypes.filter((dtype) => dtype !== undefined).join(', ')
  throw new LanewiseError('E_UNSUPPORTED', `${op.name} is not supported for inputs of type ${actual}`, {
    op: op.name,
    actual,
  })
}

function promoted(dtype: DType | undefined): DType | undefined {
  return isHalf(dtype) ? 'float32' : dtype
}

/**
 * Makes a node throw what it would throw at every run: an error that comes before an unknown element is read follows
 * from types, shapes and attributes alone. The operator's own plain version is run for that, so its checks may stand
 * anywhere. Operators of users are left out: they are given copies, and unknown elements cannot be copied.
 *
 * @param outputs - types of the outputs; none if they depend on elements.
 * @throws LanewiseError what the operator says.
 */
export function rehearse(node: Node, given: readonly (Given | undefined)[], outputs: readonly TensorType[]): void {
  const { op, attributes } = node
  // What is known in full has been computed, or is random.
  if (given.every((input) => !input || input.known)) return
  const types = given.map((input) => input?.type)
  checkComplex(op, types)
  const opaque = types.some((type) => type?.dtype === 'string')
  if (op.infer && !op.work && !opaque && wayOf(node, given) !== 'TypeScript') return
  const inputs = given.map((input) => input && (input.known ?? (input.type && unread(input.type))))
  const { length: outputCount } = node.outputs
  const room = { hold: stop, drop: stop, reserve: stop, close: stop } as unknown as HostScope
  const c: ComputeContext<typeof attributes> & { room: HostScope } = {
    attributes,
    inputs,
    outputs,
    outputCount,
    seed: stop,
    room,
  }
  try {
    if (op.control)
      op.control(
        c,
        Object.assign(() => stop(), { repeat: stop }),
      ).next()
    else if (op.values) op.values(c)
    else if (op.work) op.work(c).next()
    else if (op.compute) op.compute(c)
    else throw withoutRule()
  } catch (error) {
    if (error instanceof LanewiseError) throw error.at(op.name, node.name)
  }
}

/** The error of an operator that has nothing but kernels, and is given what these cannot take. */
export function withoutRule(): LanewiseError {
  return new LanewiseError('E_UNSUPPORTED', 'this operator does not take sequences, optionals or strings')
}

class Unread extends Error {}

function stop(): never {
  throw new Unread()
}

/** A tensor whose elements may be handed on, but not looked at. */
function unread({ dtype, shape }: TensorType): HostTensor {
  return { dtype, shape, data: new Proxy(makeData(dtype, 0), { get: stop }) }
}
