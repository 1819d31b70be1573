import { isDType, type DType } from '../../core/dtype.js'
import type { HostTensor } from '../../core/host.js'
import { LanewiseError } from '../../core/errors.js'
import { checkFunction } from '../../core/options.js'
import { listOf } from '../../ir/compute.js'
import type { AttributeSchema, AttributesOf } from '../../ir/attributes.js'
import type { Gradient } from '../../ir/gradient.js'
import type { Graph } from '../../ir/graph.js'
import type { OpDefinition } from '../../ir/op.js'
import { fromHost, Tensor, toHost } from '../tensor.js'

/** What shape inference knows of a tensor. */
export interface TypeOfTensor {
  /** The element type. */
  readonly type: DType
  /** The shape, outermost axis first. */
  readonly dims: readonly number[]
}

/** Tensors around one node whose gradient is wanted. */
export interface SimpleGradientContext<A> {
  /** The inputs as the operator was given them. */
  readonly inputs: readonly Tensor[]
  /** All outputs, those too that the program has not asked for. */
  readonly outputs: readonly Tensor[]
  /**
   * The gradients by the outputs, all of them, float32 and in their shapes; zeros by one that the loss does not depend
   * on, or that is of integers.
   */
  readonly gradients: readonly Tensor[]
  /** The node's attributes, defaults filled in. */
  readonly attributes: A
}

/** An operator as plain functions of tensors. Inputs that are left out are undefined. */
export interface SimpleOp<S extends AttributeSchema> {
  /** As nodes name it: "Swish". */
  readonly name: string
  /** Your own, such as "com.example"; '' puts the operator in the place of ONNX's of that name. */
  readonly domain: string
  /** How many inputs there are, or the fewest and the most; any number by default. */
  readonly inputs?: number | readonly [number, number]
  /** What full definitions (`defineOp`) have: they are told apart by it. */
  readonly arity?: undefined
  /** `{ alpha: float(1) }`: names, types and defaults; none by default. */
  readonly attributes?: S
  /** Types and shapes of the outputs. Left out where only `compute` can tell: the shapes depend on elements. */
  infer?(inputs: readonly TypeOfTensor[], attributes: AttributesOf<S>): readonly TypeOfTensor[]
  /**
   * The outputs, of the types and shapes that `infer` promised. The tensors it is given are its own, to change and to
   * keep.
   */
  compute(inputs: readonly Tensor[], attributes: AttributesOf<S>): readonly Tensor[]
  /** The gradients by the inputs, float32 and in their shapes; undefined by one that has none. */
  gradient?(context: SimpleGradientContext<AttributesOf<S>>): readonly (Tensor | undefined)[]
  /** What the operator is made of, for `exportModel(…, { functions: true })`. */
  body?(attributes: AttributesOf<S>): Graph
}

/** The definition of an operator that is given as functions of tensors. */
export function fromSimple<S extends AttributeSchema>(simple: SimpleOp<S>): OpDefinition<AttributesOf<S>> {
  type A = AttributesOf<S>
  const { name, domain, inputs: arity = [0, Infinity], attributes, infer, gradient, body } = simple
  checkFunction(`compute of the operator ${name}`, simple.compute)
  return {
    name,
    domain,
    arity,
    attributes: attributes ?? {},
    ...(infer && {
      infer: ({ inputs, attributes: given }: { inputs: readonly (Typed | undefined)[]; attributes: A }) =>
        typesOf(infer(inputs.map(described) as TypeOfTensor[], given)),
    }),
    compute: (c) => hosts(simple.compute(c.inputs.map(published) as Tensor[], c.attributes)),
    ...(gradient && { gradient: gradientOf(gradient) }),
    ...(body && { body }),
  }
}

interface Typed {
  readonly dtype: DType
  readonly shape: readonly number[]
}

function described(typed: Typed | undefined): TypeOfTensor | undefined {
  return typed && { type: typed.dtype, dims: [...typed.shape] }
}

/** Whatever a user's `infer` has returned, held to what it may return. */
function typesOf(results: readonly TypeOfTensor[]): Typed[] {
  return listOf<Partial<TypeOfTensor> | null | undefined>(results, 'infer').map((result, i) => {
    const { type, dims } = result ?? {}
    if (typeof type !== 'string' || !isDType(type) || !Array.isArray(dims))
      throw new LanewiseError('E_TENSOR', `infer must return a type and dims; output ${i} has none`)
    return { dtype: type, shape: dims as readonly number[] }
  })
}

function published(host: HostTensor | undefined): Tensor | undefined {
  return host && fromHost(host)
}

function hosts(results: unknown): readonly HostTensor[] {
  const host = (result: unknown, i: number) => (result instanceof Tensor ? toHost(result, `output ${i}`) : result)
  // Whatever else was returned is refused, with the node's name, by whoever called.
  return (Array.isArray(results) ? results.map(host) : results) as readonly HostTensor[]
}

function gradientOf<A>(gradient: (context: SimpleGradientContext<A>) => readonly (Tensor | undefined)[]) {
  const result: Omit<Gradient<A>, 'op'> = {
    anyFloat: true,
    // All of them, whatever the program has asked for: the function knows its outputs by their places.
    outputs: Infinity,
    backward(g) {
      const tensors = (operands: typeof g.inputs) => operands.map((x) => published(x && g.elements(x))) as Tensor[]
      const gradients = g.outputs.map((y, i) => {
        const dy = g.optionalGradient(i)
        if (dy) return fromHost(g.elements(dy))
        return y && new Tensor('float32', new Float32Array(y.size), y.shape)
      })
      const made = gradient({
        inputs: tensors(g.inputs),
        outputs: tensors(g.outputs),
        gradients: gradients as Tensor[],
        attributes: g.attributes,
      })
      const found = listOf<unknown>(made, 'gradient')
      if (found.length > g.inputs.length)
        throw new LanewiseError(
          'E_TENSOR',
          `gradient returned ${found.length} gradients, there are ${g.inputs.length} inputs`,
        )
      g.inputs.forEach((_, i) => {
        if (!g.wants(i)) return
        const dx = found[i]
        if (dx !== undefined && dx !== null && !(dx instanceof Tensor))
          throw new LanewiseError('E_TENSOR', `gradient must return tensors; the gradient by input ${i} is not one`)
        if (!dx) throw new LanewiseError('E_UNSUPPORTED', `the gradient by input ${i} is not defined`)
        g.store(toHost(dx, `the gradient by input ${i}`), g.result(i))
      })
    },
  }
  return result
}
