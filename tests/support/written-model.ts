import { dtypeToOnnx, type DType } from '../../src/core/dtype.js'
import type { HostTensor } from '../../src/core/host.js'
import { AttributeType, type AttributeProto, type GraphProto, type NodeProto } from '../../src/onnx/schema/onnx.js'
import type { Init } from '../../src/onnx/schema/table.js'
import { encodeTensor } from '../../src/onnx/tensor-proto.js'
import { writeModel } from '../../src/onnx/wire.js'

/** An attribute as a file has it: whole numbers are ints unless they stand in `{ float }` or `{ floats }`. */
export type WrittenAttribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: HostTensor }
  | { readonly graph: WrittenGraph }

export interface WrittenNode {
  readonly op: string
  readonly domain?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, WrittenAttribute>>
}

export interface WrittenType {
  readonly dtype: DType
  /** undefined: nothing is said of the shape. */
  readonly shape?: readonly (number | string)[]
  readonly sequence?: boolean
}

export interface WrittenGraph {
  readonly nodes: readonly WrittenNode[]
  readonly inputs?: Readonly<Record<string, WrittenType>>
  readonly constants?: Readonly<Record<string, HostTensor>>
  readonly outputs: Readonly<Record<string, WrittenType>>
}

export interface WrittenModel extends WrittenGraph {
  readonly opset: number
  readonly domains?: Readonly<Record<string, number>>
}

/**
 * An ONNX file node by node, as other exporters write it: of any operator set, with any attribute, whatever the
 * definitions of this library say.
 */
export function writtenModel(model: WrittenModel): Uint8Array<ArrayBuffer> {
  const domains = { 'com.microsoft': 1, 'ai.onnx.ml': 3, ...model.domains }
  return writeModel({
    irVersion: 8,
    producerName: 'test',
    opsetImport: [
      { domain: '', version: model.opset },
      ...Object.entries(domains).map(([domain, version]) => ({ domain, version })),
    ],
    graph: graphProto(model),
  }) as Uint8Array<ArrayBuffer>
}

function graphProto({ nodes, inputs = {}, constants = {}, outputs }: WrittenGraph): Init<GraphProto> {
  return {
    name: 'graph',
    node: nodes.map(nodeProto),
    initializer: Object.entries(constants).map(([name, tensor]) => encodeTensor(name, tensor)),
    input: Object.entries(inputs).map(valueInfo),
    output: Object.entries(outputs).map(valueInfo),
  }
}

function valueInfo([name, { dtype, shape, sequence }]: [string, WrittenType]) {
  const dims = shape?.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }))
  const tensorType = { elemType: dtypeToOnnx(dtype), shape: dims && { dim: dims } }
  return { name, type: sequence ? { sequenceType: { elemType: { tensorType } } } : { tensorType } }
}

function nodeProto({ op, domain = '', inputs, outputs, attributes = {} }: WrittenNode, index: number): Init<NodeProto> {
  return {
    opType: op,
    domain,
    name: `${op}_${index}`,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
  }
}

function attributeProto(name: string, value: WrittenAttribute): Init<AttributeProto> {
  const utf8 = (text: string) => new TextEncoder().encode(text)
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: BigInt(value) }
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: utf8(value) }
  if (isList(value)) {
    return value.length > 0 && typeof value[0] === 'string'
      ? { name, type: AttributeType.STRINGS, strings: (value as readonly string[]).map(utf8) }
      : { name, type: AttributeType.INTS, ints: BigInt64Array.from(value as readonly number[], BigInt) }
  }
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float }
  if ('floats' in value) return { name, type: AttributeType.FLOATS, floats: Float32Array.from(value.floats) }
  if ('tensor' in value) return { name, type: AttributeType.TENSOR, t: encodeTensor('', value.tensor) }
  return { name, type: AttributeType.GRAPH, g: graphProto(value.graph) }
}

function isList(value: WrittenAttribute): value is readonly number[] | readonly string[] {
  return Array.isArray(value)
}
