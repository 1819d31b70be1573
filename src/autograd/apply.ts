import { byteSize } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { Placed } from '../plan/emitter.js'
import { largerNumber } from '../ir/infer.js'
import { identityOrder, type Layout } from '../core/layout.js'
import type { HostTensor } from '../core/host.js'
import { parseAttributes, toRaw, type Attributes, type RawAttributes } from '../ir/attributes.js'
import { allFloat32, type OpDefinition, type TensorType } from '../ir/op.js'
import { sizeOf } from '../core/shape.js'
import type { Device } from './device.js'
import { EagerEmitter, inOrder, outputType } from './eager.js'
import { Variable } from './variable.js'

const parsedAttributes = new WeakMap<object, Map<OpDefinition, Attributes>>()
const noAttributes = {}

/** Attributes with defaults, checked once per object: modules apply the same object at every step. */
function parsed(op: OpDefinition, given: Readonly<Record<string, unknown>>): Attributes {
  let byOp = parsedAttributes.get(given)
  if (!byOp) parsedAttributes.set(given, (byOp = new Map<OpDefinition, Attributes>()))
  let attributes = byOp.get(op)
  if (!attributes) {
    const raw: RawAttributes = new Map()
    for (const [key, value] of Object.entries(given)) {
      if (value === undefined) continue
      if (!Object.hasOwn(op.attributes, key)) throw new LanewiseError('E_GRAPH', `attribute "${key}" is not known`)
      raw.set(key, toRaw(op.attributes[key].kind, value))
    }
    byOp.set(op, (attributes = parseAttributes(op.attributes, raw)))
  }
  return attributes
}

/**
 * Applies an operator at once and, where gradients are wanted, records it on the device's tape.
 *
 * @param attributes - as ONNX names them; defaults are filled in. An object that is used again is checked only once.
 * @param outputs - how many of the operator's outputs are wanted.
 * @throws LanewiseError as the operator's shape inference does, with the operator and the scope; `E_UNSUPPORTED` for types without a kernel.
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
  try {
    for (const input of inputs) {
      input?.check()
      if (input && input.device !== device)
        throw new LanewiseError('E_STATE', `${input.describe()} belongs to another device`)
    }
    return applyChecked(device, op, inputs, typeof attributes === 'function' ? attributes() : attributes, outputs)
  } catch (error) {
    throw error instanceof LanewiseError ? error.at(op.name, device.scope) : device.context.guard(error)
  }
}

function applyChecked(
  device: Device,
  op: OpDefinition,
  inputs: readonly (Variable | undefined)[],
  attributes: Attributes,
  outputCount: number,
): Variable[] {
  if (!op.infer)
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `${op.name} has outputs whose shapes depend on data; it cannot be applied to tensors of a device`,
      { op: op.name },
    )
  // What shape inference has asked for, emitters read as a constant.
  const asked = inputs.map((input) => input?.constant)
  const valueOf = (index: number): HostTensor | undefined => (asked[index] ??= inputs[index]?.host())
  const atLeast = (index: number, least: number): number => largerNumber(valueOf(index)!, least)
  const types = op
    .infer({
      attributes,
      inputs: inputs.map((input) => input?.placed),
      outputCount,
      value: valueOf,
      known: (index) => asked[index],
      atLeast,
    })
    .slice(0, outputCount)
  const dtypes = inputs.map((input) => input?.dtype)
  const wanted = types.map(() => true)
  const gradient = device.gradientOf(op)
  const follows = device.gradEnabled && inputs.some((input) => input?.requiresGrad)
  // What training alone computes by kernels (random dropout, a loss) has no `emit`.
  const emit = gradient?.forward && (follows || !op.emit) ? gradient.forward : op.emit
  const accepts = emit === gradient?.forward && gradient?.kernel ? gradient.kernel : op.kernel
  const known = inputs.map((input, i) => input && { shape: input.shape, constant: asked[i] !== undefined })
  const kernels = emit && (accepts ? accepts(dtypes, attributes, wanted, known) : allFloat32(dtypes))
  if (!kernels && !op.compute) {
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `${op.name} is not supported for inputs of type ${dtypes.filter(Boolean).join(', ')}`,
      { op: op.name },
    )
  }
  const rule = (emit === gradient?.forward && gradient?.layout) || op.layout
  const layout = kernels && rule ? layoutOf(rule, attributes, inputs, types) : { inputs: [], outputs: [] }
  const operands = inputs.map((input, i) => {
    const placed = input && operandOf(input, layout.inputs[i] ?? identityOrder(input.shape.length))
    return placed && asked[i] ? new Placed(placed.dtype, placed.shape, placed.order, placed.at, asked[i]) : placed
  })
  let placed: readonly Placed[]
  let saved: EagerEmitter['kept'] = []
  if (kernels) {
    const e = new EagerEmitter(
      device,
      attributes,
      operands,
      types.map((type, i) => outputType(type, layout.outputs[i] ?? identityOrder(type.shape.length))),
    )
    emit(e as never)
    placed = types.map((_, i) => e.placed[i] ?? e.output(i))
    saved = e.kept
    e.done()
  } else {
    placed = computeOnHost(device, op, attributes, inputs, types)
  }
  return record(device, op, attributes, inputs, operands, placed, saved, follows)
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
  const node = follows
    ? device.record({
        op,
        gradient: device.gradientOf(op),
        attributes,
        inputs,
        operands,
        outputs: results,
        saved,
        scope: device.scope,
      })
    : undefined
  for (const place of placed)
    results.push(new Variable(device, place, { step, node, requiresGrad: follows && place.dtype === 'float32' }))
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
  if (variable.variantsOf !== device.currentStep) {
    variable.variants = []
    variable.variantsOf = device.currentStep
  }
  let variant = variable.variants.find((candidate) => sameOrder(candidate.order, order))
  if (!variant) variable.variants.push((variant = inOrder(device, placed, order)))
  return variant
}

function sameOrder(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return a.length === b.length
}

function computeOnHost(
  device: Device,
  op: OpDefinition,
  attributes: Attributes,
  inputs: readonly (Variable | undefined)[],
  types: readonly TensorType[],
): Placed[] {
  const results = op.compute!({
    attributes,
    inputs: inputs.map((input) => input && (input.constant ?? input.host())),
    outputs: types,
    outputCount: types.length,
  })
  return results
    .slice(0, types.length)
    .map((result) => device.upload(result, device.allocate(sizeOf(result.shape) * byteSize(result.dtype))))
}
