import { LanewiseError } from '../core/errors.js'
import { decode, type DecodeLimits } from './decode.js'
import { encode } from './encode.js'
import type { MapProto, Messages, ModelProto, OptionalProto, SequenceProto, TensorProto } from './schema/onnx.js'
import type { Init } from './schema/table.js'
import { sniff } from './sniff.js'

/** {@link decode}, and what the file looks like if it is not what was asked for. */
function read<K extends keyof Messages>(type: K, bytes: Uint8Array, what: string, limits?: DecodeLimits): Messages[K] {
  try {
    return decode(type, bytes, what, limits)
  } catch (error) {
    const seems = error instanceof LanewiseError ? sniff(bytes) : undefined
    if (seems === undefined) throw error
    throw new LanewiseError('E_PARSE', `${what}: this is not ONNX but looks like ${seems}`, {
      actual: seems,
      cause: error,
    })
  }
}

/**
 * Reads an ONNX file. Bytes fields (raw_data) are views of `bytes`, so `bytes` must not change while the model is in
 * use. Unknown fields are skipped. Nothing about the graph is checked here.
 *
 * @throws LanewiseError `E_PARSE` if the bytes are not a well-formed ModelProto with a graph.
 */
export function readModel(bytes: Uint8Array, limits?: DecodeLimits): ModelProto {
  if (bytes.length === 0) throw new LanewiseError('E_PARSE', 'ONNX model: the file is empty')
  const model = read('ModelProto', bytes, 'ONNX model', limits)
  if (model.graph === undefined) {
    const seems = sniff(bytes)
    const hint = seems === undefined ? '' : `; the file looks like ${seems}`
    throw new LanewiseError('E_PARSE', `ONNX model: there is no graph in these ${bytes.length} bytes${hint}`, {
      actual: seems,
    })
  }
  return model
}

/** The bytes of an ONNX file. @throws LanewiseError as {@link encode}. */
export function writeModel(model: Init<ModelProto>): Uint8Array {
  return encode('ModelProto', model)
}

/** A serialized tensor (`input_0.pb` of ONNX's test data). @throws LanewiseError `E_PARSE`. */
export function readTensorProto(bytes: Uint8Array): TensorProto {
  return read('TensorProto', bytes, 'TensorProto')
}

export function writeTensorProto(tensor: Init<TensorProto>): Uint8Array {
  return encode('TensorProto', tensor)
}

/** A serialized sequence. @throws LanewiseError `E_PARSE`. */
export function readSequenceProto(bytes: Uint8Array): SequenceProto {
  return read('SequenceProto', bytes, 'SequenceProto')
}

/** A serialized optional. @throws LanewiseError `E_PARSE`. */
export function readOptionalProto(bytes: Uint8Array): OptionalProto {
  return read('OptionalProto', bytes, 'OptionalProto')
}

/** A serialized map. @throws LanewiseError `E_PARSE`. */
export function readMapProto(bytes: Uint8Array): MapProto {
  return read('MapProto', bytes, 'MapProto')
}
