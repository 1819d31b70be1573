// The requests and answers of inference of the Open Inference Protocol, version 2, over REST:
// https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md, with binary
// tensors: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
import { byteSize, type DType } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { formatShape, MAX_RANK, sizeOf } from '../core/shape.js'
import { bytesOf, datatypeOf, dtypeOf, jsonOfSome, shown, stringFromBytes, tensorFromBytes } from './datatypes.js'
import { parseBody, tensorFromList, type Breathe } from './json-body.js'

/**
 * What is known of an input or output: a name stands for a size that is open, an empty shape for one of which nothing
 * is known.
 */
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

/** Clients that write all fields of a message have null for those that are not there. */
function given(value: unknown): unknown {
  return value ?? undefined
}

function parametersOf(value: Readonly<Record<string, unknown>>, what: string): Readonly<Record<string, unknown>> {
  const parameters = given(value.parameters)
  if (parameters === undefined) return {}
  return isObject(parameters) ? parameters : refuse(`the parameters of ${what} must be an object`)
}

/** Parameters of extensions that change what is computed: ignoring them would answer another question. */
const otherExtensions = ['sequence_id', 'shared_memory_region', 'classification']

function flag(parameters: Readonly<Record<string, unknown>>, name: string): boolean | undefined {
  const value = given(parameters[name])
  if (value === undefined || typeof value === 'boolean') return value
  return refuse(`the parameter "${name}" must be true or false, got ${JSON.stringify(value).slice(0, 40)}`)
}

function checkExtensions(parameters: Readonly<Record<string, unknown>>): void {
  for (const name of otherExtensions)
    // A sequence called 0 or "" is none.
    if (parameters[name])
      throw new LanewiseError('E_UNSUPPORTED', `the extension of the parameter "${name}" is not supported`)
}

/**
 * Reads a request.
 *
 * @param headerLength - the header `Inference-Header-Content-Length`: how many bytes of the body are JSON; all of them
 *   if it is not there.
 * @param batches - whether the first axis of the inputs is that of a batch.
 * @param breathe - called after each piece of work, so that a long request does not keep everybody else waiting, and
 *   with the bytes of a tensor before room is made for it.
 * @throws LanewiseError `E_PARSE` if the body is no JSON object, `E_TENSOR` for tensors that are not what they say or
 *   not what the model takes, `E_BUDGET` for more JSON or strings than a request may have, `E_UNSUPPORTED` for other
 *   extensions of the protocol; what `breathe` throws.
 */
export async function readRequest(
  body: Uint8Array,
  headerLength: string | undefined,
  model: ModelDescription,
  batches = false,
  breathe: Breathe = () => Promise.resolve(),
): Promise<InferRequest> {
  const jsonBytes = headerLength === undefined ? body.length : Number(headerLength)
  if (!/^\d+$/.test(headerLength ?? '0') || jsonBytes > body.length)
    refuse(`Inference-Header-Content-Length is ${JSON.stringify(headerLength)}, the body has ${body.length} bytes`)
  if (headerLength !== undefined && jsonBytes === 0) return rawRequest(body, model, batches)
  const { value: request, lists } = await parseBody(body.subarray(0, jsonBytes), breathe)
  if (!isObject(request)) throw new LanewiseError('E_PARSE', 'the request must be a JSON object')
  const { inputs } = request
  const [id, outputs] = [given(request.id), given(request.outputs)]
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
    const { tensor, used } = await readTensor(input, known, body.subarray(at), lists, breathe)
    at += used
    read.set(known.name, tensor)
  }
  if (at !== body.length) refuse(`${body.length - at} bytes of the body belong to no input`)
  // In the model's order, whatever the request's: requests are compared with each other by the order of their inputs.
  const ordered = model.inputs.map(({ name }): [string, HostTensor] => [
    name,
    read.get(name) ?? refuse(`the input "${name}" is missing`, name),
  ])
  return {
    id,
    inputs: Object.fromEntries(ordered),
    outputs: wantedOutputs(outputs, flag(parameters, 'binary_data_output') ?? false, model),
    timeout: timeoutOf(parameters.timeout),
  }
}

/**
 * A body of nothing but the elements of the only input ("Raw Binary Request"), one row where requests are run as
 * batches: the number of its bytes tells one more size that is open. The one string of an input of strings is the body
 * as it is.
 */
function rawRequest(body: Uint8Array, model: ModelDescription, batches: boolean): InferRequest {
  const [input] = model.inputs
  if (model.inputs.length !== 1) refuse('a body without JSON is for models of one input')
  const { name, dtype } = input
  const shape = batches ? [1, ...input.shape.slice(1)] : input.shape
  const open = shape.filter((size) => typeof size === 'string').length
  if (open > 1 || (dtype === 'string' && shape.length !== 1))
    refuse(`a body without JSON does not tell the sizes of "${name}", ${formatShape(input.shape)}`, name)
  return {
    id: undefined,
    inputs: { [name]: dtype === 'string' ? stringFromBytes(name, body) : rawTensor(name, dtype, shape, body) },
    outputs: wantedOutputs(undefined, true, model),
    timeout: undefined,
  }
}

function rawTensor(name: string, dtype: DType, shape: readonly (number | string)[], body: Uint8Array): HostTensor {
  const known = shape.filter((size) => typeof size === 'number')
  const open = Math.floor(body.length / Math.max(1, sizeOf(known) * byteSize(dtype)))
  return tensorFromBytes(
    name,
    dtype,
    shape.map((size) => (typeof size === 'number' ? size : open)),
    body,
  )
}

/**
 * @param binary - what follows in the body. @param lists - data in JSON, by their places. @returns the tensor and how
 *   many of the bytes of `binary` are its own.
 */
async function readTensor(
  input: Readonly<Record<string, unknown>>,
  known: TensorDescription,
  binary: Uint8Array,
  lists: readonly Uint8Array[],
  breathe: Breathe,
): Promise<{ tensor: HostTensor; used: number }> {
  const { name } = known
  const dtype = dtypeOf(input.datatype, name)
  if (dtype !== known.dtype) refuse(`the input "${name}" is ${datatypeOf(known.dtype)}, got ${datatypeOf(dtype)}`, name)
  const { shape } = input
  if (!Array.isArray(shape)) return refuse(`the shape of "${name}" must be an array`, name)
  if (shape.length > MAX_RANK)
    return refuse(`the shape of "${name}" has ${shape.length} axes, at most ${MAX_RANK} are possible`, name)
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    refuse(`the shape of "${name}" must be whole numbers, got ${shown(shape)}`, name)
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
  const size = given(parameters.binary_data_size)
  if (size === undefined) {
    const place = Array.isArray(input.data)
      ? (input.data[0] as number)
      : refuse(`the "data" of "${name}" must be an array`, name)
    return { tensor: await tensorFromList(name, dtype, sizes, lists[place], breathe), used: 0 }
  }
  if (given(input.data) !== undefined) refuse(`the input "${name}" has both data and binary_data_size`, name)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size > binary.length)
    return refuse(`binary_data_size of "${name}" is ${shown(size)}, ${binary.length} bytes are left`, name)
  return { tensor: tensorFromBytes(name, dtype, sizes, binary.subarray(0, size)), used: size }
}

function wantedOutputs(wanted: unknown, allBinary: boolean, model: ModelDescription): InferRequest['outputs'] {
  if (wanted !== undefined && !Array.isArray(wanted)) refuse('"outputs" must be an array')
  const list = (wanted as readonly unknown[] | undefined) ?? []
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
    return { name, binary: flag(parameters, 'binary_data') ?? allBinary }
  })
}

/** Triton's parameter "timeout" (extension "schedule_policy") is in microseconds; 0 is none. */
function timeoutOf(value: unknown): number | undefined {
  if (given(value) === undefined || value === 0) return undefined
  if (typeof value !== 'number' || !(value > 0)) return refuse('the parameter "timeout" must be microseconds')
  return value / 1000
}

/** An answer, whose pieces are sent one after the other. */
export interface InferAnswer {
  readonly pieces: readonly Uint8Array[]
  readonly size: number
  /** Bytes of JSON, if binary tensors follow. */
  readonly headerLength?: number
}

/** Elements that are written as JSON in one go: some milliseconds of work. */
const SLICE = 2 ** 13
/** Characters that are gathered before they become a piece. */
const PIECE = 2 ** 16
/** Smaller answers are one piece. */
const ONE_PIECE = 2 ** 18

/**
 * The answer to a request: the outputs that it wanted, as it wanted them.
 *
 * @param limit - the most bytes of JSON. What cannot be less is refused before any of it is made.
 * @param breathe - called after each piece with its bytes, so that a long answer does not keep everybody else waiting.
 * @throws LanewiseError `E_BUDGET` beyond the limit; what `breathe` throws.
 */
export async function writeAnswer(
  model: { readonly name: string; readonly version: string },
  request: Pick<InferRequest, 'id' | 'outputs'>,
  results: Readonly<Record<string, HostTensor>>,
  limit = Infinity,
  breathe: (bytes: number) => Promise<void> = () => Promise.resolve(),
): Promise<InferAnswer> {
  const pieces: Uint8Array[] = []
  const binary: Uint8Array[] = []
  let size = 0
  let text = ''
  const check = (bytes: number): void => {
    if (bytes <= limit) return
    throw new LanewiseError(
      'E_BUDGET',
      `the answer has more than ${limit} bytes of JSON: ask for its outputs as binary data`,
      { expected: `<= ${limit}` },
    )
  }
  const cut = (): number => {
    const piece = Buffer.from(text, 'utf8')
    text = ''
    size += piece.length
    check(size)
    pieces.push(piece)
    return piece.length
  }
  // A digit and a comma for each element, at least.
  check(
    request.outputs.reduce((sum, { name, binary: asBytes }) => sum + (asBytes ? 0 : 2 * results[name].data.length), 0),
  )
  const id = request.id === undefined ? '' : `"id":${JSON.stringify(request.id)},`
  text = `{"model_name":${JSON.stringify(model.name)},"model_version":"${model.version}",${id}"outputs":[`
  for (const [i, { name, binary: asBytes }] of request.outputs.entries()) {
    const tensor = results[name]
    text += `${i > 0 ? ',' : ''}{"name":${JSON.stringify(name)},"datatype":"${datatypeOf(tensor.dtype)}","shape":[${tensor.shape.join(',')}],`
    if (asBytes) {
      const bytes = bytesOf(tensor)
      binary.push(bytes)
      text += `"parameters":{"binary_data_size":${bytes.length}}}`
      continue
    }
    const { length } = tensor.data
    text += '"data":['
    for (let from = 0; from < length; from += SLICE) {
      text += `${from > 0 ? ',' : ''}${jsonOfSome(tensor, from, Math.min(length, from + SLICE))}`
      if (text.length >= PIECE) await breathe(cut())
    }
    text += ']}'
  }
  text += ']}'
  cut()
  const headerLength = binary.length > 0 ? size : undefined
  pieces.push(...binary)
  for (const { length } of binary) size += length
  // A copy of what is large takes longer than to send it in pieces.
  const together = pieces.length > 1 && size < ONE_PIECE ? [Buffer.concat(pieces)] : pieces
  return { pieces: together, size, ...(headerLength !== undefined && { headerLength }) }
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
