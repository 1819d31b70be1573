// The requests and answers of inference of the Open Inference Protocol, version 2, over REST:
// https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md, with binary tensors:
// https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
import type { DType } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { formatShape, MAX_RANK, sizeOf } from '../core/shape.js'
import { bytesOf, datatypeOf, dtypeOf, jsonOf, tensorFromBytes, tensorFromJson } from './datatypes.js'

/** What is known of an input or output: a name stands for a size that is open, an empty shape for one of which nothing is known. */
export interface TensorDescription {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly (number | string)[]
}

export interface ModelDescription {
  readonly inputs: readonly TensorDescription[]
  readonly outputs: readonly TensorDescription[]
}

/** A request of inference, checked against the model. */
export interface InferRequest {
  readonly id: string | undefined
  readonly inputs: Readonly<Record<string, HostTensor>>
  /** In the order in which they are sent back. */
  readonly outputs: readonly { readonly name: string; readonly binary: boolean }[]
  /** Milliseconds after which nobody waits for the answer any more. */
  readonly timeout: number | undefined
}

function refuse(why: string, tensor?: string): never {
  throw new LanewiseError('E_TENSOR', why, tensor === undefined ? {} : { tensor })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parametersOf(value: Readonly<Record<string, unknown>>, what: string): Readonly<Record<string, unknown>> {
  const { parameters } = value
  if (parameters === undefined || parameters === null) return {}
  return isObject(parameters) ? parameters : refuse(`the parameters of ${what} must be an object`)
}

/** Parameters of extensions that change what is computed: ignoring them would answer another question. */
const otherExtensions = ['sequence_id', 'shared_memory_region', 'classification']

function checkExtensions(parameters: Readonly<Record<string, unknown>>): void {
  for (const name of otherExtensions)
    if (Object.hasOwn(parameters, name))
      throw new LanewiseError('E_UNSUPPORTED', `the extension of the parameter "${name}" is not supported`)
}

/**
 * Reads a request.
 *
 * @param headerLength - the header `Inference-Header-Content-Length`: how many bytes of the body are JSON; all of them if it is not there.
 * @throws LanewiseError `E_PARSE` if the body is no JSON object, `E_TENSOR` for tensors that are not what they say or not what the model takes,
 *   `E_UNSUPPORTED` for other extensions of the protocol.
 */
export function readRequest(body: Uint8Array, headerLength: string | undefined, model: ModelDescription): InferRequest {
  const jsonBytes = headerLength === undefined ? body.length : Number(headerLength)
  if (!/^\d+$/.test(headerLength ?? '0') || jsonBytes > body.length)
    refuse(`Inference-Header-Content-Length is ${JSON.stringify(headerLength)}, the body has ${body.length} bytes`)
  const request = parseJson(body.subarray(0, jsonBytes))
  const { id, inputs, outputs } = request
  if (id !== undefined && typeof id !== 'string') refuse('"id" must be a string')
  if (!Array.isArray(inputs)) return refuse('"inputs" must be an array of tensors')
  const parameters = parametersOf(request, 'the request')
  checkExtensions(parameters)
  const read = new Map<string, HostTensor>()
  let at = jsonBytes
  for (const input of inputs as readonly unknown[]) {
    if (!isObject(input) || typeof input.name !== 'string') return refuse('each input must be an object with a name')
    const known = model.inputs.find(({ name }) => name === input.name)
    if (!known) {
      const names = model.inputs.map(({ name }) => name).join(', ')
      return refuse(`the model has no input ${JSON.stringify(input.name)} (inputs: ${names})`)
    }
    if (read.has(known.name)) refuse(`the input "${known.name}" is there twice`, known.name)
    const { tensor, used } = readTensor(input, known, body.subarray(at))
    at += used
    read.set(known.name, tensor)
  }
  if (at !== body.length) refuse(`${body.length - at} bytes of the body belong to no input`)
  for (const { name } of model.inputs) if (!read.has(name)) refuse(`the input "${name}" is missing`, name)
  return {
    id,
    inputs: Object.fromEntries(read),
    outputs: wantedOutputs(outputs, parameters.binary_data_output === true, model),
    timeout: timeoutOf(parameters.timeout),
  }
}

function parseJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `the request is no JSON: ${(cause as Error).message.slice(0, 200)}`, { cause })
  }
  if (!isObject(value)) throw new LanewiseError('E_PARSE', 'the request must be a JSON object')
  return value
}

/** @param binary - what follows in the body. @returns the tensor and how many of those bytes are its own. */
function readTensor(
  input: Readonly<Record<string, unknown>>,
  known: TensorDescription,
  binary: Uint8Array,
): { tensor: HostTensor; used: number } {
  const { name } = known
  const dtype = dtypeOf(input.datatype, name)
  if (dtype !== known.dtype) refuse(`the input "${name}" is ${datatypeOf(known.dtype)}, got ${datatypeOf(dtype)}`, name)
  const { shape } = input
  if (!Array.isArray(shape) || shape.length > MAX_RANK) return refuse(`the shape of "${name}" must be an array`, name)
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    refuse(`the shape of "${name}" must be whole numbers, got ${JSON.stringify(shape).slice(0, 200)}`, name)
  const sizes = shape as number[]
  // Checks the product as well.
  sizeOf(sizes)
  const fits =
    known.shape.length === 0 ||
    (known.shape.length === sizes.length &&
      known.shape.every((size, axis) => typeof size === 'string' || size === sizes[axis]))
  if (!fits) refuse(`the input "${name}" has the shape ${formatShape(known.shape)}, got ${formatShape(sizes)}`, name)
  const parameters = parametersOf(input, `"${name}"`)
  checkExtensions(parameters)
  const { binary_data_size: size } = parameters
  if (size === undefined) return { tensor: tensorFromJson(name, dtype, sizes, input.data), used: 0 }
  if (input.data !== undefined) refuse(`the input "${name}" has both data and binary_data_size`, name)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size > binary.length)
    return refuse(`binary_data_size of "${name}" is ${JSON.stringify(size)}, ${binary.length} bytes are left`, name)
  return { tensor: tensorFromBytes(name, dtype, sizes, binary.subarray(0, size)), used: size }
}

function wantedOutputs(given: unknown, allBinary: boolean, model: ModelDescription): InferRequest['outputs'] {
  if (given !== undefined && !Array.isArray(given)) refuse('"outputs" must be an array')
  const list = (given as readonly unknown[] | undefined) ?? []
  if (list.length === 0) return model.outputs.map(({ name }) => ({ name, binary: allBinary }))
  const names = new Set<string>()
  return list.map((output) => {
    if (!isObject(output) || typeof output.name !== 'string') return refuse('each output must be an object with a name')
    const { name } = output
    if (!model.outputs.some((known) => known.name === name))
      refuse(
        `the model has no output ${JSON.stringify(name)} (outputs: ${model.outputs.map((known) => known.name).join(', ')})`,
      )
    if (names.has(name)) refuse(`the output "${name}" is there twice`, name)
    names.add(name)
    const parameters = parametersOf(output, `"${name}"`)
    checkExtensions(parameters)
    const { binary_data: binary } = parameters
    return { name, binary: binary === undefined ? allBinary : binary === true }
  })
}

/** Triton's parameter "timeout" (extension "schedule_policy") is in microseconds. */
function timeoutOf(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(value > 0)) return refuse('the parameter "timeout" must be microseconds')
  return value / 1000
}

export interface InferAnswer {
  readonly body: Uint8Array | string
  /** Bytes of JSON, if binary tensors follow. */
  readonly headerLength?: number
}

/** The answer to a request: the outputs that it wanted, as it wanted them. */
export function writeAnswer(
  model: { readonly name: string; readonly version: string },
  request: Pick<InferRequest, 'id' | 'outputs'>,
  results: Readonly<Record<string, HostTensor>>,
): InferAnswer {
  const binary: Uint8Array[] = []
  const outputs = request.outputs.map(({ name, binary: asBytes }) => {
    const tensor = results[name]
    const head = `{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.dtype)}","shape":[${tensor.shape.join(',')}],`
    if (!asBytes) return `${head}"data":${jsonOf(tensor)}}`
    const bytes = bytesOf(tensor)
    binary.push(bytes)
    return `${head}"parameters":{"binary_data_size":${bytes.length}}}`
  })
  const id = request.id === undefined ? '' : `"id":${JSON.stringify(request.id)},`
  const json = `{"model_name":${JSON.stringify(model.name)},"model_version":"${model.version}",${id}"outputs":[${outputs.join(',')}]}`
  if (binary.length === 0) return { body: json }
  const header = Buffer.from(json, 'utf8')
  return { body: Buffer.concat([header, ...binary]), headerLength: header.length }
}

/** What the protocol says of a model. */
export function modelMetadata(name: string, version: string, { inputs, outputs }: ModelDescription): object {
  const tensors = (list: readonly TensorDescription[]) =>
    list.map(({ name: tensor, dtype, shape }) => ({
      name: tensor,
      datatype: datatypeOf(dtype),
      shape: shape.map((size) => (typeof size === 'number' ? size : -1)),
    }))
  // Of platforms the protocol names onnx_onnxv1 for an ONNX file.
  return { name, versions: [version], platform: 'onnx_onnxv1', inputs: tensors(inputs), outputs: tensors(outputs) }
}
