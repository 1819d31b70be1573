import { byteSize, dtypeToOnnx, isFloat, isHalf, type DType } from '../core/dtype.js'
import { errorAt, LanewiseError } from '../core/errors.js'
import { kindOf } from '../core/options.js'
import { Placed } from '../plan/placed.js'
import { largerNumber } from '../ir/infer.js'
import { identityOrder, sameOrder, type Layout } from '../core/layout.js'
import type { HostTensor } from '../core/host.js'
import { computeChecked, readsShapesOnly } from '../ir/compute.js'
import { attributesFrom } from '../api/own/attributes.js'
import { parseAttributes, type Attributes } from '../ir/attributes.js'
import { gradientOf } from '../ir/gradient.js'
import { allFloat32, checkInputs, type OpDefinition, type TensorType } from '../ir/op.js'
import { sizeOf } from '../core/shape.js'
import type { Device } from './device.js'
import { EagerEmitter, inOrder, outputType } from './eager.js'
import { Cast } from './operators.js'
import { Variable } from './variable.js'

const parsedAttributes = new WeakMap<object, Map<OpDefinition, Attributes>>()
const noAttributes = {}

/** Attributes with defaults, checked once per object: modules apply the same object at every step. */
function parsed(op: OpDefinition, given: Readonly<Record<string, unknown>>): Attributes {
  let byOp = parsedAttributes.get(given)
  if (!byOp) parsedAttributes.set(given, (byOp = new Map<OpDefinition, Attributes>()))
  let attributes = byOp.get(op)
  if (!attributes) {
    byOp.set(op, (attributes = parseAttributes(op.attributes, attributesFrom(op, given))))
  }
  return attributes
}

/**
 * Applies an operator at once and, where gradients are wanted, records it on the device's tape.
 *
 * @param attributes - as ONNX names them; defaults are filled in. An object that is used again is checked only once.
 * @param outputs - how many of the operator's outputs are wanted.
 * @throws LanewiseError as the operator's shape inference does, with the operator and the scope; `E_UNSUPPORTED` for
 *   types without a kernel.
 */
export function apply(
  device: Device,
  definition: object,
  inputs: readonly (Variable | undefined)[],
  attributes: Readonly<Record<string, unknown>> = noAttributes,
  outputs = 1,
): Variable[] {
  const op = definition as OpDefinition
  return applyParsed(device, op, inputs, () => parsed(op, attributes), outputs)
}

/** {@link apply} with attributes as a graph has them, or a function that gives them. */
export function applyParsed(
  device: Device,
  op: OpDefinition,
  inputs: readonly (Variable | undefined)[],
  attributes: Attributes | (() => Attributes),
  outputs = 1,
): Variable[] {
  device.applied++
  try {
    if (op.control || (op.values && !op.compute))
      throw new LanewiseError('E_UNSUPPORTED', 'sequences, maps and graphs are no tensors of a device')
    for (const input of inputs) {
      if (input === undefined) continue
      if (!(input instanceof Variable))
        throw new LanewiseError('E_VALUE', `it takes tensors of a device, got ${kindOf(input)}`)
      input.check()
      if (input.device !== device) throw new LanewiseError('E_STATE', `${input.describe()} belongs to another device`)
    }
    return applyChecked(device, op, inputs, typeof attributes === 'function' ? attributes() : attributes, outputs)
  } catch (error) {
    throw errorAt(op.name, device.place, device.context.guard(error))
  }
}

function applyChecked(
  device: Device,
  op: OpDefinition,
  inputs: readonly (Variable | undefined)[],
  attributes: Attributes,
  wantedOutputs: number,
): Variable[] {
  checkInputs(op, inputs)
  const gradient = gradientOf(op)
  const follows = device.gradEnabled && inputs.some((input) => input?.requiresGrad)
  const outputCount = follows ? Math.max(wantedOutputs, gradient?.outputs ?? 0) : wantedOutputs
  // What shape inference has asked for, emitters read as a constant.
  const asked = inputs.map((input) => input?.constant)
  if (!op.infer)
    return applyOnHost(device, op, attributes, inputs, asked, [], outputCount, follows).slice(0, wantedOutputs)
  const valueOf = (index: number): HostTensor | undefined => (asked[index] ??= inputs[index]?.host())
  const atLeast = (index: number, least: number): number => {
    const value = valueOf(index)
    if (!value) throw new LanewiseError('E_GRAPH', `required input ${index} is missing`)
    return largerNumber(value, least)
  }
  const everyType = op.infer({
    attributes,
    inputs: inputs.map((input) => input?.placed),
    outputCount,
    value: valueOf,
    known: (index) => asked[index],
    atLeast,
  })
  const types = everyType.slice(0, outputCount)
  const dtypes = inputs.map((input) => input?.dtype)
  const wanted = types.map(() => true)
  // What training alone computes by kernels (random dropout, a loss) has no `emit`.
  const emit = gradient?.forward && (follows || !op.emit) ? gradient.forward : op.emit
  const accepts = emit === gradient?.forward && gradient?.kernel ? gradient.kernel : op.kernel
  const known = inputs.map((input, i) => input && { shape: input.shape, constant: asked[i] !== undefined })
  const takes = (given: readonly (DType | undefined)[]) =>
    accepts ? accepts(given, attributes, wanted, known) : allFloat32(given)
  if (!emit || !takes(dtypes)) {
    if (emit && dtypes.some(isHalf) && takes(dtypes.map((dtype) => (isHalf(dtype) ? 'float32' : dtype))))
      return applyPromoted(device, op, attributes, inputs, types, wantedOutputs)
    return applyOnHost(device, op, attributes, inputs, asked, everyType, outputCount, follows).slice(0, wantedOutputs)
  }
  const rule = (emit === gradient?.forward && gradient?.layout) || op.layout
  const layout = rule ? layoutOf(rule, attributes, inputs, types) : { inputs: [], outputs: [] }
  const operands = inputs.map((input, i) => {
    const placed = input && operandOf(input, layout.inputs[i] ?? identityOrder(input.shape.length))
    return placed && asked[i] ? new Placed(placed.dtype, placed.shape, placed.order, placed.at, asked[i]) : placed
  })
  const e = new EagerEmitter(
    device,
    attributes,
    operands,
    types.map((type, i) => outputType(type, layout.outputs[i] ?? identityOrder(type.shape.length))),
  )
  emit(e as never)
  const placed = types.map((_, i) => e.placed[i] ?? e.output(i))
  e.done()
  return record(device, op, attributes, inputs, operands, placed, e.kept, follows).slice(0, wantedOutputs)
}

/** Half-precision floats have no arithmetic of their own: cast up, compute in float32, cast down. */
function applyPromoted(
  device: Device,
  op: OpDefinition,
  attributes: Attributes,
  inputs: readonly (Variable | undefined)[],
  types: readonly TensorType[],
  outputCount: number,
): Variable[] {
  const cast = (x: Variable, dtype: DType) => apply(device, Cast, [x], castAttributes(dtype))[0]
  const wide = inputs.map((input) => (input && isHalf(input.dtype) ? cast(input, 'float32') : input))
  return applyChecked(device, op, wide, attributes, outputCount).map((result, i) =>
    isHalf(types[i].dtype) ? cast(result, types[i].dtype) : result,
  )
}

const casts = new Map<DType, { readonly to: number }>()
/** Attributes of a Cast, one object for each type. @internal */
export function castAttributes(dtype: DType): { readonly to: number } {
  let attributes = casts.get(dtype)
  if (!attributes) casts.set(dtype, (attributes = { to: dtypeToOnnx(dtype) }))
  return attributes
}

/** Computes in plain TypeScript. */
function applyOnHost(
  device: Device,
  op: OpDefinition,
  attributes: Attributes,
  inputs: readonly (Variable | undefined)[],
  asked: readonly (HostTensor | undefined)[],
  types: readonly TensorType[],
  outputCount: number,
  follows: boolean,
): Variable[] {
  if (!op.compute) {
    const given = inputs.flatMap((input) => (input ? [input.dtype] : []))
    throw new LanewiseError('E_UNSUPPORTED', `${op.name} is not supported for inputs of type ${given.join(', ')}`, {
      op: op.name,
      actual: given.join(', '),
    })
  }
  const context = {
    attributes,
    inputs: inputs.map((input, i) => input && (asked[i] ?? input.host())),
    outputs: types,
    outputCount,
    seed: () => device.random.integer(2 ** 32),
  }
  const results = computeChecked(op, context, op.infer && types.slice(0, outputCount)).slice(0, outputCount)
  const placed = results.map((result) =>
    device.upload(result, device.allocate(sizeOf(result.shape) * byteSize(result.dtype))),
  )
  const operands = inputs.map((input, i) => {
    if (!input) return undefined
    const own = operandOf(input, identityOrder(input.shape.length))
    return asked[i] ? new Placed(own.dtype, own.shape, own.order, own.at, asked[i]) : own
  })
  return record(device, op, attributes, inputs, operands, placed, [], follows)
}

function record(
  device: Device,
  op: OpDefinition,
  attributes: Attributes,
  inputs: readonly (Variable | undefined)[],
  operands: readonly (Placed | undefined)[],
  placed: readonly Placed[],
  saved: EagerEmitter['kept'],
  follows: boolean,
): Variable[] {
  const step = device.currentStep
  const results: Variable[] = []
  const gradient = gradientOf(op)
  const node = follows
    ? device.record({
        op,
        gradient,
        attributes,
        inputs,
        operands,
        outputs: results,
        saved,
        scope: device.scope,
      })
    : undefined
  // Integers that stand for floats are followed; what is asked of a value beside its elements is none of them.
  const stands = gradient?.integers || (!readsShapesOnly(op) && inputs.some((x) => x?.followed && !isFloat(x.dtype)))
  for (const place of placed) {
    // A view of a tensor that lasts is gone when that is.
    const under = inputs.find((input) => input?.placed.at.block === place.at.block)
    const owner = under && (under.step < 0 ? under : under.owner)
    const requiresGrad = follows && (isFloat(place.dtype) || (stands && place.dtype !== 'bool'))
    results.push(new Variable(device, place, { step, node, owner, requiresGrad }))
  }
  device.trace?.push({ op, attributes, inputs, outputs: results, scope: device.scope })
  return results
}

function layoutOf(
  rule: NonNullable<OpDefinition['layout']>,
  attributes: Attributes,
  inputs: readonly (Variable | undefined)[],
  types: readonly TensorType[],
): Layout {
  return rule({
    attributes,
    inputs: inputs.map(
      (input) =>
        input && { shape: input.shape, order: input.placed.order, constant: input.step < 0 && !!input.constant },
    ),
    outputs: types.map((type) => type.shape),
  })
}

/** The tensor in the order an operator wants it; a rearranged copy is kept for the next that wants the same. */
function operandOf(variable: Variable, order: readonly number[]): Placed {
  const { device, placed } = variable
  if (sameOrder(placed.order, order)) return placed
  // A copy that is about to be given back is nobody else's.
  if (device.reclaims) return inOrder(device, placed, order)
  if (variable.variantsOf !== device.currentStep) {
    variable.variants = []
    variable.variantsOf = device.currentStep
  }
  let variant = variable.variants.find((candidate) => sameOrder(candidate.order, order))
  if (!variant) variable.variants.push((variant = inOrder(device, placed, order)))
  return variant
}
