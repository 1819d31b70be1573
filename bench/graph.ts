import type { DType } from '../src/core/dtype.js'
import { dtypeToOnnx } from '../src/core/dtype.js'
import type { AttributeProto, ModelProto, NodeProto } from '../src/onnx/schema/onnx.js'
import { AttributeType } from '../src/onnx/schema/onnx.js'
import type { Init } from '../src/onnx/schema/table.js'
import { encodeTensor } from '../src/onnx/tensor-proto.js'
import { writeModel } from '../src/onnx/wire.js'
import type { Feeds } from './work.js'

/**
 * bigint: INT; number: FLOAT; text: STRING; arrays of bigints, texts and numbers (also none): INTS, STRINGS and FLOATS.
 */
export type AttributeValue = bigint | number | string | readonly bigint[] | readonly string[] | readonly number[]
export type Attributes = Readonly<Record<string, AttributeValue>>

function attribute(name: string, value: AttributeValue): Init<AttributeProto> {
  if (typeof value === 'bigint') return { name, type: AttributeType.INT, i: value }
  if (typeof value === 'number') return { name, type: AttributeType.FLOAT, f: value }
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) }
  const [first] = value
  if (typeof first === 'bigint')
    return { name, type: AttributeType.INTS, ints: BigInt64Array.from(value as readonly bigint[]) }
  const text = new TextEncoder()
  if (typeof first === 'string')
    return { name, type: AttributeType.STRINGS, strings: (value as readonly string[]).map((item) => text.encode(item)) }
  return { name, type: AttributeType.FLOATS, floats: Float32Array.from(value as readonly number[]) }
}

export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Attributes = {},
  domain = '',
): Init<NodeProto> {
  return {
    opType,
    input,
    output,
    domain,
    name: `${opType}:${output[0]}`,
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  }
}

export interface GraphSpec {
  /** A name stands for a size that may be any. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>
  /** Names; their shapes are the engines' to find. */
  readonly outputs: readonly string[]
  readonly weights?: Feeds
  readonly nodes: readonly Init<NodeProto>[]
  readonly opset?: number
  readonly dtype?: DType
  /** Of inputs that are not of `dtype`. */
  readonly inputTypes?: Readonly<Record<string, DType>>
  /** Of outputs that are not of `dtype`. */
  readonly outputTypes?: Readonly<Record<string, DType>>
}

/** An ONNX file of a few nodes. */
export function model({
  inputs,
  outputs,
  weights = new Map(),
  nodes,
  opset = 20,
  dtype = 'float32',
  inputTypes = {},
  outputTypes = {},
}: GraphSpec): Uint8Array {
  const opsetImport = [{ domain: '', version: opset }]
  if (nodes.some(({ domain }) => domain === 'com.microsoft')) opsetImport.push({ domain: 'com.microsoft', version: 1 })
  if (nodes.some(({ domain }) => domain === 'ai.onnx.ml')) opsetImport.push({ domain: 'ai.onnx.ml', version: 3 })
  const proto: Init<ModelProto> = {
    irVersion: 9,
    opsetImport,
    graph: {
      name: 'bench',
      node: nodes,
      initializer: [...weights].map(([name, tensor]) => encodeTensor(name, tensor)),
      input: Object.entries(inputs).map(([name, shape]) => ({
        name,
        type: {
          tensorType: {
            elemType: dtypeToOnnx(inputTypes[name] ?? dtype),
            shape: { dim: shape.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size })) },
          },
        },
      })),
      output: outputs.map((name) => ({
        name,
        type: { tensorType: { elemType: dtypeToOnnx(outputTypes[name] ?? dtype) } },
      })),
    },
  }
  return writeModel(proto)
}
